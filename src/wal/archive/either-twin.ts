import { OdoError } from '../../errors.ts';
import type { WalFile } from '../../formats/contract/format.ts';

/**
 * Reads a file of the archive, or, where that is damaged, another object of the same name: a retried or half-finished
 * upload, or a change of the compression, leaves two. When none of them is good, the first one's fault is thrown
 * (dataCorrupt).
 */
export async function eitherTwin<T>(file: WalFile, read: (object: WalFile) => Promise<T>): Promise<T> {
  let fault: unknown;
  for (const object of [file, ...(file.twins ?? [])]) {
    try {
      return await read(object);
    } catch (error) {
      if (!(error instanceof OdoError) || error.code !== 'dataCorrupt') throw error;
      fault ??= error;
    }
  }
  throw fault;
}
