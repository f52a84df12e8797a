import { expect } from 'vitest';
import { mustRun } from '../run.ts';
import { openShop } from './shop-service.ts';
import type { Situation } from './situation.ts';
import { temporaryOf } from './temporary-of.ts';

/** A service that runs on other data, and must not notice. */
export async function justLooking(): Promise<Situation> {
  const { session, project, names, close } = await openShop('a new server');
  const identity = await project.identity('db');
  const nameNow = temporaryOf(project);
  names['odo-temporary-db-3f9a1c'] = nameNow;
  return {
    session,
    names,
    folder: project.folder,
    going: [],
    close,
    sections: {
      'Start it': { after: async () => expect(await nameNow()).toMatch(/^odo-temporary-db-\w+$/) },
      'Look around': {
        typed: [{ shows: 'shop=#', keys: '\\q\r' }],
        async after() {
          expect(await mustRun('grep', ['-c', '^1300\t', `${project.folder}/orders.sql`])).toBe('1');
        },
      },
      'Take it away': {
        async after([listed = '']) {
          expect(listed).toContain(`${project.name}/db`);
          expect([await nameNow(), await project.identity('db')]).toEqual(['', identity]);
        },
      },
    },
  };
}
