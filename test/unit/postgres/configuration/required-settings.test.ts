import { expect, it } from 'vitest';
import { findTooLow } from '../../../../src/postgres/configuration/required-settings.ts';

const NEEDED = {
  max_connections: 150,
  max_worker_processes: 8,
  max_wal_senders: 10,
  max_prepared_transactions: 5,
  max_locks_per_transaction: 64,
};

it('finds what is lower than the original had, by the configuration or by default', () => {
  const settings = new Map([
    ['max_connections', '20'],
    ['max_wal_senders', '0'],
    ['max_worker_processes', '64'],
  ]);
  expect(findTooLow(NEEDED, { settings, isWhole: true }, 18)).toEqual([
    { name: 'max_connections', needed: 150, has: 20 },
    { name: 'max_wal_senders', needed: 10, has: 0 },
    { name: 'max_prepared_transactions', needed: 5, has: 0 },
  ]);
});

it('takes nothing for granted where part of the configuration cannot be seen', () => {
  const found = findTooLow(NEEDED, { settings: new Map([['max_connections', '200']]), isWhole: false }, 18);
  expect(found.map(({ name }) => name)).toEqual([
    'max_worker_processes',
    'max_wal_senders',
    'max_prepared_transactions',
    'max_locks_per_transaction',
  ]);
  expect(found.every(({ has }) => has === undefined)).toBe(true);
});

it('takes a value that is no number for too low', () => {
  expect(findTooLow(NEEDED, { settings: new Map([['max_connections', 'many']]), isWhole: true }, 18)[0]?.name).toBe(
    'max_connections',
  );
});
