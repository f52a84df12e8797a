import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { Repository } from '../../../../src/formats/contract/format.ts';
import { chooseWithWal, skippedWords } from '../../../../src/restore/proofs/choose-backup.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archivedBackup, segment } from '../../parts/named-archive.ts';

const OLD = archivedBackup('old', 2, 1);
const NEW = archivedBackup('new', 6, 2);

function choose(numbers: readonly number[], wanted = 'latest', backups = [OLD, NEW]) {
  const keys = numbers.map((number) => `shop/wals/0000000100000000/${segment(1, number)}`);
  const store = new MemoryStore(new Map(keys.map((key) => [key, { content: Buffer.alloc(1) }])));
  const repository = {
    ref: { format: 'barman', root: 'shop/' },
    catalogue: async () => backups,
  } as unknown as Repository;
  return chooseWithWal(store, repository, wanted, new AbortController().signal);
}

describe('the newest backup', () => {
  it('is taken when its own WAL is there', async () => {
    expect(await choose([2, 3, 4, 5, 6, 7])).toMatchObject({
      backup: NEW,
      skipped: [],
      wal: { endSegment: segment(1, 7) },
    });
  });

  it('is passed over and named when the end of its WAL is not archived yet', async () => {
    const chosen = await choose([2, 3, 4, 5, 6]);
    expect(chosen).toMatchObject({ backup: OLD, wal: { endSegment: segment(1, 6) } });
    expect(skippedWords(chosen.skipped)).toMatch(
      /; skipped new: backup new needs WAL .* lacks the one after .* \(until that WAL/,
    );
  });

  it('is the one whose fault is told when no older one is better', async () => {
    const { backup: chosen, wal } = await choose([]);
    expect(chosen).toBe(NEW);
    expect(wal).toMatchObject({ code: 'backupIncomplete', message: expect.stringContaining('backup new needs') });
  });
});

it('a backup that was asked for is not replaced, but an older one is named', async () => {
  const { backup: chosen, wal } = await choose([2, 3, 4, 5, 6], 'new');
  expect(chosen).toBe(NEW);
  expect(wal).toBeInstanceOf(OdoError);
  expect(wal).toMatchObject({
    code: 'backupIncomplete',
    hint: expect.stringMatching(/--backup old is the newest older one/),
  });
});
