import { OdoError } from '../../errors.ts';
import { proxyTo } from '../network/proxy-choice.ts';
import { compareKeys } from '../objects/key-order.ts';
import type {
  Deleted,
  ListedEntry,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
} from '../objects/object-store.ts';
import { archiveOf } from '../objects/storage-class.ts';
import type { RenewableKeys } from '../objects/store-keys.ts';
import { retrying } from '../reading/retry.ts';
import { openClients } from './s3-clients.ts';
import type { S3Config } from './s3-config.ts';
import { isBeyondEnd, isMissing, type S3Request, translateS3Error } from './s3-errors.ts';

/**
 * Opens a bucket of Amazon S3 or of any server that speaks its API. `usage` for an endpoint that is no URL; connects on
 * first use.
 */
export function createS3Store(config: S3Config, keys?: RenewableKeys): ObjectStore {
  const { bucket, retryForMs = 15_000 } = config;
  const endpoint = checkEndpoint(config.endpoint);
  const region = config.region ?? (endpoint ? 'us-east-1' : undefined);
  const url = endpoint ?? `https://s3.${region ?? 'us-east-1'}.amazonaws.com`;
  const proxy = proxyTo(url, config.proxies);
  const skew: { ms: number | undefined } = { ms: undefined };
  const clients = openClients(config, { endpoint, region }, keys, (ms) => {
    skew.ms = ms;
  });
  const payer = config.requesterPays ? ({ RequestPayer: 'requester' } as const) : {};
  const encryption =
    config.sseCustomerKey === undefined
      ? {}
      : { SSECustomerAlgorithm: 'AES256', SSECustomerKey: config.sseCustomerKey };
  const about = (key?: string, signal?: AbortSignal): S3Request => ({
    bucket,
    key,
    endpoint: endpoint ?? 'Amazon S3',
    url,
    region,
    proxies: config.proxies,
    signal,
  });

  /** One request, tried until it succeeds or fails for good. */
  const ask = <T>(request: S3Request, send: () => Promise<T>): Promise<T> => {
    const attempt = () => send().catch((error: unknown) => Promise.reject(translateS3Error(error, request)));
    return retrying(attempt, { retryForMs, signal: request.signal });
  };

  async function* list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedEntry> {
    const { delimiter, startAfter, signal } = options;
    let token: string | undefined;
    // Some servers begin a page with the last entry of the page before, or give a page's token again.
    let last = '';
    do {
      const input = {
        Bucket: bucket,
        Prefix: prefix,
        Delimiter: delimiter,
        ...payer,
        ...(token === undefined ? { StartAfter: startAfter } : { ContinuationToken: token }),
      };
      const page = await ask(about(undefined, signal), () =>
        clients.send((client, { ListObjectsV2Command }) =>
          client.send(new ListObjectsV2Command(input), withSignal(signal)),
        ),
      );
      // A web page that happens to be well-formed reads as a listing without any field.
      if (page.Name === undefined && page.KeyCount === undefined && page.IsTruncated === undefined) {
        throw new OdoError('usage', `${endpoint ?? 'Amazon S3'} answers, but not as an S3 server`, {
          hint: 'check --endpoint: is it the S3 API, and not a web console?',
        });
      }
      const objects = (page.Contents ?? []).map(
        ({ Key = '', Size = 0, ETag, LastModified, StorageClass }): ListedEntry => ({
          kind: 'object',
          ...describe(Key, Size, ETag, LastModified, archiveOf(StorageClass)),
        }),
      );
      const prefixes = (page.CommonPrefixes ?? []).map(
        ({ Prefix = '' }): ListedEntry => ({ kind: 'prefix', prefix: Prefix }),
      );
      const rows =
        prefixes.length === 0 ? objects : [...objects, ...prefixes].sort((a, b) => compareKeys(nameOf(a), nameOf(b)));
      const fresh = rows.filter((entry) => compareKeys(nameOf(entry), last) > 0 && isAfter(entry, startAfter));
      yield* fresh;
      const [end] = fresh.slice(-1);
      if (end) last = nameOf(end);
      const given = token;
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
      if (token !== undefined && token === given) throw goesRound(bucket);
      if (page.IsTruncated && token === undefined) {
        throw new OdoError('storeUnreachable', `the listing of bucket ${bucket} breaks off: no continuation token`, {
          hint: 'the server does not speak version 2 of the listing API',
        });
      }
    } while (token !== undefined);
  }

  async function head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return ask(about(key, signal), async () => {
      try {
        const input = { Bucket: bucket, Key: key, ...payer, ...encryption };
        const found = await clients.send((client, { HeadObjectCommand }) =>
          client.send(new HeadObjectCommand(input), withSignal(signal)),
        );
        const archived = archiveOf(found.ArchiveStatus ?? found.StorageClass, found.Restore);
        return describe(key, found.ContentLength ?? 0, found.ETag, found.LastModified, archived);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async function read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { offset = 0, length, etag, signal } = options;
    if (length === 0) return emptyBody();
    const request = about(key, signal);
    const range = rangeHeader(offset, length);
    try {
      const input = {
        Bucket: bucket,
        Key: key,
        Range: range,
        IfMatch: etag === undefined ? undefined : `"${etag}"`,
        ...payer,
        ...encryption,
      };
      const found = await clients.send((client, { GetObjectCommand }) =>
        client.send(new GetObjectCommand(input), withSignal(signal)),
      );
      const body = found.Body as AsyncIterable<Uint8Array>;
      if (range !== undefined && !found.ContentRange?.startsWith(`bytes ${offset}-`)) {
        throw new OdoError(
          'dataCorrupt',
          `${request.endpoint} answered with other bytes of s3://${bucket}/${key} than asked for`,
          {
            hint: 'the server, or a proxy before it, does not support Range requests',
          },
        );
      }
      return translateBody(body, request);
    } catch (error) {
      if (isBeyondEnd(error)) return emptyBody();
      throw translateS3Error(error, request);
    }
  }

  /** Reads one page only: the count is for a message, and many keys may not ask. */
  async function countDeleted(prefix: string, signal?: AbortSignal): Promise<Deleted | undefined> {
    try {
      const input = { Bucket: bucket, Prefix: prefix, ...payer };
      const page = await clients.send((client, { ListObjectVersionsCommand }) =>
        client.send(new ListObjectVersionsCommand(input), withSignal(signal)),
      );
      const markers = (page.DeleteMarkers ?? []).filter(({ IsLatest }) => IsLatest);
      if (markers.length === 0) return undefined;
      const times = markers.flatMap(({ LastModified }) => LastModified?.getTime() ?? []);
      const lastAt = times.length === 0 ? {} : { lastAt: new Date(Math.max(...times)) };
      return { objects: markers.length, isMore: page.IsTruncated === true, ...lastAt };
    } catch (error) {
      if (signal?.aborted) throw translateS3Error(error, about(undefined, signal));
      return undefined;
    }
  }

  const patience = config.retryForMs === undefined ? {} : { retryForMs };
  return {
    url: `s3://${bucket}`,
    ...(proxy === undefined ? {} : { proxy }),
    ...patience,
    get clockSkewMs() {
      return skew.ms;
    },
    list,
    head,
    read,
    countDeleted,
    close: clients.close,
  };
}

function checkEndpoint(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined || endpoint === '') return undefined;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (
    url === undefined ||
    (url.protocol !== 'http:' && url.protocol !== 'https:') ||
    url.username !== '' ||
    url.password !== ''
  ) {
    // The endpoint is not repeated in the message: it may hold a password.
    throw new OdoError('usage', 'the endpoint is not a plain URL', {
      hint: 'give --endpoint https://host:port, without user and password',
    });
  }
  return endpoint.replace(/\/+$/, '');
}

function describe(
  key: string,
  sizeBytes: number,
  etag: string | undefined,
  lastModified: Date | undefined,
  archived: string | undefined,
): ObjectInfo {
  const info: ObjectInfo = { key, sizeBytes };
  // Some servers quote etags in a HEAD and not in a listing.
  if (etag !== undefined) info.etag = etag.replace(/^"|"$/g, '');
  if (lastModified !== undefined) info.lastModified = lastModified;
  if (archived !== undefined) info.archived = archived;
  return info;
}

/**
 * Whether an entry comes after `startAfter`. A common prefix always counts: it may sort before and hold keys behind.
 */
function isAfter(entry: ListedEntry, startAfter: string | undefined): boolean {
  return startAfter === undefined || entry.kind === 'prefix' || compareKeys(entry.key, startAfter) > 0;
}

function goesRound(bucket: string): OdoError {
  return new OdoError(
    'storeUnreachable',
    `the listing of bucket ${bucket} goes round in a circle: a page leads to itself`,
    {
      hint: 'the server does not speak version 2 of the listing API as it should; is there a newer release of it?',
    },
  );
}

function nameOf(entry: ListedEntry): string {
  return entry.kind === 'object' ? entry.key : entry.prefix;
}

function rangeHeader(offset: number, length: number | undefined): string | undefined {
  if (offset === 0 && length === undefined) return undefined;
  return `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`;
}

function withSignal(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

async function* translateBody(body: AsyncIterable<Uint8Array>, request: S3Request): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw translateS3Error(error, request);
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
