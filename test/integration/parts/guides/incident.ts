import { expect } from 'vitest';
import { AT } from './shop-repository.ts';
import { openShop } from './shop-service.ts';
import type { Situation } from './situation.ts';

/** What README shows first. */
export async function incident(): Promise<Situation> {
  const { session, project, names, orders, close } = await openShop('a new server');
  return {
    session,
    names,
    folder: project.folder,
    going: [],
    close,
    sections: {
      'A real incident, in five lines': {
        typed: [{ shows: 'Go on? [y/N]', keys: 'y\r' }],
        async after(outputs) {
          expect(await orders()).toBe(AT.end);
          expect(outputs.at(-1)).toMatch(/\| f\b/);
        },
      },
    },
  };
}
