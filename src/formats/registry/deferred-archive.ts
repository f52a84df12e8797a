import { OdoError } from '../../errors.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { RepositoryRef, WalArchive } from '../contract/format.ts';
import { openWalArchive } from './registry.ts';

/**
 * An archive that is opened by the first question, for callers that must not wait before they begin. An error of
 * opening is the answer to each question. `bug` where the repository has no archive.
 */
export function deferWalArchive(store: ObjectStore, ref: RepositoryRef): WalArchive {
  let opening: Promise<WalArchive> | undefined;
  const opened = () => {
    opening ??= openWalArchive(store, ref).then((archive) => {
      if (!archive) throw new OdoError('bug', `there is no WAL archive at ${store.url}/${ref.root}`);
      return archive;
    });
    return opening;
  };
  return {
    histories: async (signal) => (await opened()).histories(signal),
    timelines: async (signal) => (await opened()).timelines(signal),
    async *segments(timeline, fromSegment, signal) {
      yield* (await opened()).segments(timeline, fromSegment, signal);
    },
    slices: async (count, signal) => (await opened()).slices(count, signal),
    beside: async (name, signal) => (await opened()).beside(name, signal),
  };
}
