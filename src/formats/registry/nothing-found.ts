import { OdoError } from '../../errors.ts';
import type { Deleted, ObjectStore } from '../../store/objects/object-store.ts';
import { parentPrefix } from '../contract/folder-name.ts';
import { type Look, lookInto } from '../contract/look.ts';

/** How many names of what was seen a message gives. */
const NAMED = 8;

/**
 * The error that there is no backup. Says what is there instead: around the folder, under a key with another beginning,
 * or deleted.
 */
export async function nothingFound(store: ObjectStore, look: Look, signal?: AbortSignal): Promise<OdoError> {
  const isEmpty = isBare(look);
  const above = isEmpty && look.prefix !== '' ? await lookInto(store, parentPrefix(look.prefix), signal) : undefined;
  const seen = isEmpty ? 'there is nothing there' : `there is ${namesIn(look)}`;
  const around = above && !isBare(above) ? `; in ${store.url}/${above.prefix} there is ${namesIn(above)}` : '';
  const elsewhere = isEmpty ? await otherBeginning(store, look.prefix, signal) : undefined;
  const deleted = await store.countDeleted?.(look.prefix, signal);
  const hints = [
    ...(elsewhere === undefined ? [] : [`keys there begin with a slash: try ${store.url}/${elsewhere}`]),
    ...(deleted === undefined ? [] : [undeleteHint(store, look.prefix)]),
    'ODO looks for base/<id>/backup.info and wals/ (barman, CloudNativePG) and for base.tar[.gz] ' +
      '(pg_basebackup -Ft); check the URL',
  ];
  const lost = deleted === undefined ? '' : `; ${deletedWords(deleted)}`;
  return new OdoError('notFound', `no backup found under ${store.url}/${look.prefix}: ${seen}${around}${lost}`, {
    hint: hints.join('\n'),
  });
}

/**
 * The same prefix with a slash before it, if there is anything. S3 takes `/a` and `a` for two keys, and tools disagree
 * on which of them a URL means.
 */
async function otherBeginning(store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<string | undefined> {
  if (prefix === '' || prefix.startsWith('/') || !store.url.startsWith('s3:')) return undefined;
  return isBare(await lookInto(store, `/${prefix}`, signal)) ? undefined : `/${prefix}`;
}

function deletedWords({ objects, isMore, lastAt }: Deleted): string {
  const count = isMore ? `more than ${objects}` : String(objects);
  const when = lastAt === undefined ? '' : `, the last of them at ${lastAt.toISOString()}`;
  return `${count} objects there were deleted${when}, and the bucket still keeps them`;
}

function undeleteHint(store: ObjectStore, prefix: string): string {
  const bucket = store.url.replace(/^s3:\/\//, '');
  return (
    `aws s3api list-object-versions --bucket ${bucket} --prefix '${prefix}' shows what was deleted; ` +
    'an object comes back when its delete marker is removed (delete-object with --version-id). See what ' +
    'deletes there before you do'
  );
}

function isBare({ folders, objects }: Look): boolean {
  return folders.length + objects.length === 0;
}

function namesIn(look: Look): string {
  const names = [
    ...look.folders.map((name) => `${name}/`),
    ...look.objects.map(({ key }) => key.slice(look.prefix.length)),
  ];
  return names.length > NAMED ? `${names.slice(0, NAMED).join(', ')} …` : names.join(', ');
}
