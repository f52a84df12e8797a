import fs from 'node:fs';
import type { EntrySink } from '../../stream/bytes/entry.ts';

/**
 * Takes content that has to be what the file holds already; what differs, is shorter or longer is an error as `differs`
 * makes it.
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
