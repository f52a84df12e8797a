import { cancelled, OdoError } from '../../../src/errors.ts';
import { compareKeys } from '../../../src/store/objects/key-order.ts';
import { asObjectFault } from '../../../src/store/objects/object-fault.ts';
import type {
  ListedEntry,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
} from '../../../src/store/objects/object-store.ts';

/** An object of a MemoryStore. Its content may be known in part (a fixture's `.head`), or not at all (undefined). */
export interface MemoryObject {
  content?: Buffer;
  sizeBytes?: number;
  lastModified?: Date;
  etag?: string;
  /** Its archive storage class: it can be read only when it was brought back. */
  archived?: string;
  isBroughtBack?: boolean;
}

/** An object store in memory, for tests; `requests` records what was asked of it. */
export class MemoryStore implements ObjectStore {
  readonly url: string = 's3://bucket';
  readonly requests: string[] = [];
  readonly objects: Map<string, MemoryObject>;

  constructor(objects: Record<string, MemoryObject | string> | Map<string, MemoryObject>) {
    const entries =
      objects instanceof Map
        ? [...objects]
        : Object.entries(objects).map(([key, value]) => [key, toObject(value)] as const);
    this.objects = new Map(entries.sort(([a], [b]) => compareKeys(a, b)));
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedEntry> {
    const after = options.startAfter === undefined ? '' : ` after ${options.startAfter}`;
    this.requests.push(`list ${prefix}${options.delimiter ?? ''}${after}`);
    let lastPrefix: string | undefined;
    for (const key of this.objects.keys()) {
      if (options.signal?.aborted) throw cancelled();
      if (!key.startsWith(prefix) || (options.startAfter !== undefined && compareKeys(key, options.startAfter) <= 0))
        continue;
      const slash = options.delimiter ? key.indexOf('/', prefix.length) : -1;
      const info = this.#info(key);
      if (slash < 0) {
        if (info) yield { kind: 'object', ...info };
      } else if (key.slice(0, slash + 1) !== lastPrefix) {
        lastPrefix = key.slice(0, slash + 1);
        yield { kind: 'prefix', prefix: lastPrefix };
      }
    }
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    this.requests.push(`head ${key}`);
    const info = this.#info(key);
    if (this.objects.get(key)?.isBroughtBack) delete info?.archived;
    return info;
  }

  async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { offset = 0, length = Number.POSITIVE_INFINITY } = options;
    this.requests.push(`read ${key} ${offset}+${length}`);
    const object = this.objects.get(key);
    if (!object) throw new OdoError('notFound', `no object ${key}`);
    if (object.archived !== undefined && !object.isBroughtBack) {
      const hint = 'bring it back first (aws s3api restore-object)';
      throw asObjectFault(new OdoError('accessDenied', `${key} is in an archive storage class`, { hint }));
    }
    return body(object, offset, length, options.signal);
  }

  close(): void {}

  #info(key: string): ObjectInfo | undefined {
    const object = this.objects.get(key);
    if (!object) return undefined;
    const { etag, lastModified, archived } = object;
    const more = archived === undefined ? {} : { archived };
    return {
      key,
      sizeBytes: sizeOf(object),
      ...more,
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified ? { lastModified } : {}),
    };
  }
}

/**
 * Gives what is known of the content. Whoever wants more than that waits until it gives up: the test then fails by its
 * time limit.
 */
async function* body(
  object: MemoryObject,
  offset: number,
  length: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const content = object.content ?? Buffer.alloc(0);
  const end = Math.min(offset + length, sizeOf(object));
  if (offset < content.length) yield Buffer.from(content.subarray(offset, Math.min(end, content.length)));
  if (end <= content.length) return;
  await new Promise((_, reject) => {
    if (signal?.aborted) reject(cancelled());
    signal?.addEventListener('abort', () => reject(cancelled()));
  });
}

function sizeOf(object: MemoryObject): number {
  return object.sizeBytes ?? object.content?.length ?? 0;
}

function toObject(value: MemoryObject | string): MemoryObject {
  return typeof value === 'string' ? { content: Buffer.from(value) } : value;
}
