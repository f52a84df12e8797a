import { OdoError } from '../../errors.ts';
import type { WalFile } from '../../formats/contract/format.ts';

/**
 * Reads a file of the archive. If it is damaged, reads another object of the same name: a retried or half-finished
 * upload, or a change of the compression, leaves two. When none of them is good, throws the fault of the first
 * (`dataCorrupt`).
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
