import { openRehearsal } from '../../docker/containers/rehearsal-container.ts';
import { asOdoError } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import type { Engine } from '../contract/engine.ts';
import { rehearse } from './rehearse.ts';
import type { RehearsedServer } from './rehearsed-server.ts';

/** A rehearsal that is made ready while the backup is laid down. */
export interface PreparedRehearsal {
  /**
   * Tries the staged directory, see rehearse. What cannot be tried is told as a warning. Gives what was changed, for
   * people.
   */
  hold(engine: Pick<Engine, 'staged' | 'amend'>, report: Report): Promise<string[]>;
  /**
   * Removes the rehearsal's container. Always resolves, and nothing is left by then. A second call waits for the first.
   */
  end(): Promise<void>;
}

/** Opens the throwaway container for the server that `find` gives. A failure is told by hold(). */
export function prepareRehearsal(find: () => Promise<RehearsedServer>, signal: AbortSignal): PreparedRehearsal {
  const opening = open(find, signal).catch((error: unknown) => ({ error: asOdoError(error, signal) }));
  return {
    hold: (engine, report) =>
      inPhase(report, 'rehearse', async () => {
        const opened = await opening;
        if ('error' in opened && opened.error.code === 'cancelled') throw opened.error;
        const { notes, doubt } =
          'error' in opened
            ? { notes: [], doubt: opened.error.message }
            : await rehearse(opened.rehearsal, opened.server, engine, signal);
        for (const message of notes) report({ type: 'note', level: 'info', message });
        if (doubt === undefined) return notes;
        const message = `whether the server will start could not be tried beforehand: ${doubt}`;
        report({ type: 'note', level: 'warning', message });
        return [...notes, message];
      }),
    async end() {
      const opened = await opening;
      if ('rehearsal' in opened) await opened.rehearsal.end().catch(() => undefined);
    },
  };
}

/** For a restore without a rehearsal. */
export const NO_REHEARSAL: PreparedRehearsal = { hold: async () => [], end: async () => undefined };

async function open(find: () => Promise<RehearsedServer>, signal: AbortSignal) {
  const server = await find();
  const { docker, service } = server.found;
  const { env, limits = {} } = service;
  const options = {
    image: service.imageId ?? service.imageRef,
    user: userOf(server),
    owner: server.owner,
    mounts: server.mounts,
    dataDirectory: server.places.pgdata.root,
    limits,
    env: Object.fromEntries(Object.entries(env).filter(([name]) => /^(PG(PORT|TZ)|TZ|LD_\w+|PATH)$/.test(name))),
  };
  return { server, rehearsal: await openRehearsal(docker, options, signal) };
}

/**
 * The user as whom the service's own server runs. Where the image knows that user, the user's groups come along, which
 * may let it read a key.
 */
function userOf({ found, owner }: RehearsedServer): string {
  const { user = '' } = found.service;
  return user === '' || /^(root|0)(:|$)/.test(user) ? String(owner.uid) : user;
}
