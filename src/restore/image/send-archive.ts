import { createHash } from 'node:crypto';
import { makeTar } from '../../docker/client/make-tar.ts';
import { OdoError } from '../../errors.ts';
import { type ArchivedImage, MANIFEST } from './archive-format.ts';
import { type ImageArchive, unpacked } from './image-archive.ts';

/**
 * The archive for an engine, which gives the image this name whatever the archive calls it. The file is read again.
 * Errors: `dataCorrupt` when the file is no longer what was looked at. The archive ends before its manifest then, and
 * an engine takes nothing of it.
 */
export async function* sendArchive(archive: ImageArchive, name: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let at = 0;
  for await (const chunk of unpacked(archive.file, hash)) {
    const rest = archive.manifestAt - at;
    if (rest > 0) yield chunk.subarray(0, rest);
    at += chunk.length;
  }
  if (hash.digest('hex') !== archive.digest) {
    throw new OdoError('dataCorrupt', `${archive.file} was changed while it was being loaded`, {
      hint: 'nothing was loaded; run the same command again',
    });
  }
  const manifest: ArchivedImage[] = [{ ...archive.image, RepoTags: [name] }];
  const content = Buffer.from(JSON.stringify(manifest));
  yield makeTar([{ path: MANIFEST, type: 'file', mode: 0o644, content }], { uid: 0, gid: 0 });
}
