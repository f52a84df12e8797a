import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OdoError } from '../../errors.ts';

/**
 * Where a backup URL points. `key` is the text behind the store's root, as it was written: a key of S3 may begin with a
 * slash.
 */
export type StoreLocation =
  | { kind: 's3'; bucket: string; key: string }
  /** `path` is absolute and is the store's root, so `key` is empty. */
  | { kind: 'directory'; path: string; key: '' }
  /** `url` is that of the folder. */
  | { kind: 'http'; url: string; key: string };

const EXAMPLE = 'give a bucket as s3://bucket/prefix, a directory as /path/to/backups or file:///path/to/backups';

/**
 * Parses the URL of a repository: `s3://bucket[/prefix]`, `file:///directory`, a plain path, or the `https://` URL of a
 * pg_basebackup set's folder or of one of its objects. A relative path starts at `workingDirectory`. S3 keys are taken
 * as they are: nothing in them is percent-decoded. `usage` for anything else.
 */
export function parseStoreUrl(url: string, workingDirectory: string = process.cwd()): StoreLocation {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 's3') return parseS3(url);
  if (scheme === 'file') return parseFile(url);
  if (scheme === 'http' || scheme === 'https') return parseHttp(url);
  if (scheme !== undefined) {
    throw new OdoError('usage', `ODO cannot read from ${scheme}:// URLs`, { hint: EXAMPLE });
  }
  if (url.trim() === '' || url.includes('\0') || /^(s3|file):/i.test(url)) {
    throw new OdoError('usage', url.trim() === '' ? 'the backup URL is empty' : 'the backup URL cannot be read', {
      hint: EXAMPLE,
    });
  }
  return { kind: 'directory', path: resolve(workingDirectory, url), key: '' };
}

function parseS3(url: string): StoreLocation {
  const rest = url.slice('s3://'.length);
  const slash = rest.indexOf('/');
  const bucket = slash < 0 ? rest : rest.slice(0, slash);
  if (bucket.includes('@')) {
    // The URL is not repeated: what stands before the @ may be a secret.
    throw new OdoError('usage', 'the backup URL must not hold keys', {
      hint: 'give the keys with -a and -s, or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    });
  }
  if (!/^[a-z0-9][a-z0-9._-]*$/i.test(bucket)) {
    throw new OdoError('usage', `the backup URL ${url} names no valid bucket`, { hint: EXAMPLE });
  }
  return { kind: 's3', bucket, key: slash < 0 ? '' : rest.slice(slash + 1) };
}

function parseFile(url: string): StoreLocation {
  try {
    return { kind: 'directory', path: fileURLToPath(url), key: '' };
  } catch (error) {
    throw new OdoError('usage', `the URL ${url} names no local directory`, { hint: EXAMPLE, cause: error });
  }
}

/** A URL that ends in the name of a set's object means that object. Any other URL means a folder. */
function parseHttp(text: string): StoreLocation {
  const url = URL.parse(text);
  if (url === null || url.search !== '') {
    // The URL is not repeated: it may hold a password, or a signature.
    throw new OdoError('usage', 'the backup URL names no folder of a web server', {
      hint:
        'give the folder of a pg_basebackup set, or its base.tar, as https://host/path/base.tar.gz; a bucket ' +
        'is s3://bucket/prefix with --endpoint',
    });
  }
  const last = /^(.*\/)([^/]*\.tar(?:\.[a-z0-9]+)?|backup_manifest)$/.exec(url.pathname);
  const key = last?.[2] ?? '';
  if (last) url.pathname = last[1] as string;
  return { kind: 'http', url: url.href, key };
}

/** A backup URL for people to read: without user and password. */
export function shownUrl(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]*@/i, '$1');
}
