import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { askPrepared, preparedNotes } from '../../../../src/restore/database/prepared-transactions.ts';

const ROW = ['order-7', 'shop', 'orders', '2026-11-21 10:00:00+00'];
const all = (count: number) =>
  Array.from({ length: count }, (_, number) => ({
    gid: `t${number}`,
    owner: 'shop',
    database: 'orders',
    preparedAt: 'noon',
  }));

describe('prepared transactions', () => {
  it('are named with owner, database and time', async () => {
    const prepared = await askPrepared({ query: async () => [ROW] });
    expect(prepared).toEqual([
      { gid: 'order-7', owner: 'shop', database: 'orders', preparedAt: '2026-11-21 10:00:00+00' },
    ]);
    expect(preparedNotes(prepared ?? [])).toEqual([
      expect.stringMatching(
        /^a transaction is prepared .*: 'order-7' of shop in orders, since 2026-11-21 10:00:00\+00; COMMIT PREPARED/,
      ),
    ]);
  });

  it('are none where the server has none, which is not the same as no answer', async () => {
    expect(await askPrepared({ query: async () => [] })).toEqual([]);
    expect(
      await askPrepared({ query: () => Promise.reject(new OdoError('promotionNotSeen', 'no answer')) }),
    ).toBeUndefined();
    expect(await askPrepared({ query: () => Promise.reject(new OdoError('serviceNotFound', 'gone')) })).toBeUndefined();
    expect(preparedNotes([])).toEqual([]);
  });

  it('are named up to five, and the rest are counted', () => {
    expect(preparedNotes(all(5))[0]).not.toContain('more');
    const [note] = preparedNotes(all(7));
    expect(note).toMatch(
      /^7 transactions are prepared .*'t4' of shop in orders, since noon, and 2 more; COMMIT PREPARED/,
    );
    expect(note).not.toContain('t5');
  });
});
