import { expect } from 'vitest';
import { AT, ORDERS } from './shop-repository.ts';
import { openShop } from './shop-service.ts';
import type { Situation } from './situation.ts';
import { temporaryOf } from './temporary-of.ts';

/** The shop after the mistake; one customer has ordered something since. */
export async function rowsDeleted(): Promise<Situation> {
  const { session, project, names, orders, repository, url, close } = await openShop('the shop');
  await project.sql("insert into orders values (2001, 'since then')", 'shop');
  names['2026-11-21 14:01:59+01'] = repository.moment;
  names['2026-11-21 14:01:30+01'] = repository.earlier;
  names['745'] = repository.xid;
  names['odo-temporary-db-3f9a1c'] = temporaryOf(project);
  const inRecovery = () => project.sql('select pg_is_in_recovery()');
  const pauseAt = (time: string) =>
    session.run(`odo -u ${url} -v db -n db -f compose.yaml --target-time '${time}' --target-action pause`);
  return {
    session,
    names,
    folder: project.folder,
    going: [],
    close,
    sections: {
      'Rows were deleted by mistake': {},
      'Fetch the rows back, and let the service go on': {
        async after(outputs) {
          expect(outputs[1]).toMatch(/\b400\b/);
          expect(await orders()).toBe('1301 from 1 to 2001');
        },
      },
      'Take everything back': {
        async after(outputs) {
          expect(outputs.at(-1)).toMatch(/\b1200\b/);
          expect([await orders(), await inRecovery()]).toEqual([AT.moment, 't']);
        },
      },
      'It is not the right moment': {
        after: async () => expect([await orders(), await inRecovery()]).toEqual([AT.earlier, 't']),
      },
      'It should stay as it was': {
        after: async () => expect(await orders()).toBe('1301 from 1 to 2001'),
      },
      'It is the right moment': {
        before: async () => void (await pauseAt(repository.moment)),
        async after(outputs) {
          // The order since then is in no archive.
          expect(outputs[0]).toContain('the old data is kept, since it is the only copy');
          expect([await orders(), await inRecovery()]).toEqual([AT.moment, 'f']);
          expect(await project.inVolume('ls -A /v | grep -c odo; true')).toBe('0');
        },
      },
      'An exact mark instead of a time': {
        after: async () => expect(await project.sql(ORDERS, 'shop')).toBe(AT.moment),
      },
    },
  };
}
