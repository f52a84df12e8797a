import { expect } from 'vitest';
import { AT } from './shop-repository.ts';
import { openShop } from './shop-service.ts';
import type { Situation } from './situation.ts';

/** A service whose data directory is damaged: its server runs no more. */
export async function serviceLost(): Promise<Situation> {
  const { session, project, names, orders, close } = await openShop('a new server');
  await project.compose('kill', 'db');
  await project.inVolume('rm -r /v/base/*');
  return {
    session,
    names,
    folder: project.folder,
    going: [],
    close,
    sections: {
      '2. Restore': {
        typed: [{ shows: 'Go on? [y/N]', keys: 'y\r' }],
        async after([checked = '']) {
          expect(checked).toMatch(/a restore would start: \d+ held, 0 failed/);
          expect(await orders()).toBe(AT.end);
        },
      },
      '3. See that it is right': {
        async after(outputs) {
          expect(outputs.join()).toMatch(/\| f\b[\s\S]*\b1300\b/);
        },
      },
      '4. Let it archive again': {
        async after() {
          await orders();
          expect(await project.sql('show archive_mode')).toBe('on');
        },
      },
    },
  };
}
