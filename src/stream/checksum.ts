import { createHash } from 'node:crypto';
import { createCRC32, type IHasher } from 'hash-wasm';

/** The algorithms that PostgreSQL's backup_manifest knows. */
export type ChecksumAlgorithm = 'CRC32C' | 'SHA224' | 'SHA256' | 'SHA384' | 'SHA512';

/** One checksum under way. */
export interface Checksum {
  update(chunk: Uint8Array): void;
  /** Lower-case hexadecimal, most significant byte first. Ends it: nothing may follow. */
  digest(): string;
}

/** Makes checksums, one at a time: a CRC32C that is begun before the last one was digested replaces it. */
export type CreateChecksum = (algorithm: ChecksumAlgorithm) => Checksum;

/** Castagnoli's polynomial, bits reversed (RFC 3720, appendix B.4): not the one of gzip and node:zlib. */
const CRC32C_POLYNOMIAL = 0x82f63b78;

/**
 * Makes ready what checksums need, once for many files: CRC32C runs in WebAssembly, at about 2 GB/s, and compiling that is asynchronous, while a
 * file of a tar must not cost a promise.
 */
export async function prepareChecksums(): Promise<CreateChecksum> {
  const crc32c = await createCRC32(CRC32C_POLYNOMIAL);
  return (algorithm) => (algorithm === 'CRC32C' ? beginCrc32c(crc32c) : beginHash(algorithm));
}

export function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return /^(CRC32C|SHA(224|256|384|512))$/.test(name);
}

function beginCrc32c(hasher: IHasher): Checksum {
  hasher.init();
  return {
    update: (chunk) => void hasher.update(chunk),
    digest: () => hasher.digest(),
  };
}

function beginHash(algorithm: Exclude<ChecksumAlgorithm, 'CRC32C'>): Checksum {
  const hash = createHash(algorithm);
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => hash.digest('hex'),
  };
}
