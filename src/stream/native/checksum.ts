import { createHash } from 'node:crypto';
import type { IHasher } from 'hash-wasm';
import { loadNative, type Native } from './native.ts';

/** The algorithms that PostgreSQL's backup_manifest knows. */
export type ChecksumAlgorithm = 'CRC32C' | 'SHA224' | 'SHA256' | 'SHA384' | 'SHA512';

/** One checksum under way. */
export interface Checksum {
  update(chunk: Uint8Array): void;
  /** Ends the checksum: nothing may follow. Lower-case hexadecimal, most significant byte first. */
  digest(): string;
}

/** Makes checksums, one at a time: a new CRC32C may replace one that was not digested yet. */
export type CreateChecksum = (algorithm: ChecksumAlgorithm) => Checksum;

/** Castagnoli's polynomial, bits reversed (RFC 3720, appendix B.4): not the one of gzip and node:zlib. */
const CRC32C_POLYNOMIAL = 0x82f63b78;

/**
 * Prepares checksums, once for many files. Where CRC32C runs in WebAssembly (at about 2 GB/s), compiling is
 * asynchronous, while a file of a tar must not cost a promise.
 */
export async function prepareChecksums(
  by: Native | 'WebAssembly' = loadNative() ?? 'WebAssembly',
): Promise<CreateChecksum> {
  const beginCrc32c =
    by !== 'WebAssembly' ? () => beginNative(by) : beginWasm.bind(undefined, await createWasmHasher());
  return (algorithm) => (algorithm === 'CRC32C' ? beginCrc32c() : beginHash(algorithm));
}

export function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return /^(CRC32C|SHA(224|256|384|512))$/.test(name);
}

function beginNative({ crc32c }: Native): Checksum {
  let crc = 0;
  return {
    update(chunk) {
      crc = crc32c(chunk, crc);
    },
    digest: () => crc.toString(16).padStart(8, '0'),
  };
}

/** Loads hash-wasm only where it is needed: it holds all hashes there are. */
async function createWasmHasher(): Promise<IHasher> {
  const { createCRC32 } = await import('hash-wasm');
  return createCRC32(CRC32C_POLYNOMIAL);
}

function beginWasm(hasher: IHasher): Checksum {
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
