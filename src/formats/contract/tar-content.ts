import { createHash } from 'node:crypto';
import type { Content, Part } from './format.ts';

/** The content of a backup whose objects are few, and all of them tars. */
export function tarContent(parts: readonly Part[]): Content {
  return {
    digest: digestOf(parts),
    count: parts.length,
    async *units() {
      for (const [ordinal, { archived: _class, ...part }] of parts.entries()) yield { kind: 'tar', ordinal, ...part };
    },
  };
}

/** A digest of everything that decides which bytes are laid down, and where. */
export function digestOf(parts: readonly Part[]): string {
  const facts = parts.map(({ role, oid, key, sizeBytes, etag, layers }) => [role, oid, key, sizeBytes, etag, layers]);
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
