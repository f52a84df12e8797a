import fs from 'node:fs';
import type { EntrySink } from '../../stream/bytes/entry.ts';

/**
 * A sink for content that the file has to hold already. Content that differs, is shorter or longer throws the error
 * that `differs` makes.
 */
export function compareFile(file: string, differs: () => Error): EntrySink {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0));
  let position = 0;
  return {
    write(chunk) {
      const found = Buffer.alloc(chunk.length);
      const bytes = fs.readSync(fd, found, 0, chunk.length, position);
      position += chunk.length;
      if (bytes === chunk.length && found.equals(chunk)) return;
      fs.closeSync(fd);
      throw differs();
    },
    end() {
      const { size } = fs.fstatSync(fd);
      fs.closeSync(fd);
      if (size !== position) throw differs();
    },
  };
}
