import { expect } from 'vitest';
import { AT } from './shop-repository.ts';
import { openShop } from './shop-service.ts';
import type { Situation } from './situation.ts';

/** A machine that has a compose file and nothing else: no volume, no container. */
export async function hostGone(): Promise<Situation> {
  const { session, project, names, orders, close } = await openShop('nothing');
  return {
    session,
    names,
    folder: project.folder,
    going: [],
    close,
    sections: {
      Restore: {
        async after([output = '']) {
          expect(output).toMatch(/can be recovered/);
          expect(await orders()).toBe(AT.end);
          expect(await project.containerId('app')).toBe('');
        },
      },
      'Start the rest': {
        async after([output = '']) {
          expect(output).toMatch(/\b1300\b/);
          expect(await project.containerId('app')).not.toBe('');
        },
      },
    },
  };
}
