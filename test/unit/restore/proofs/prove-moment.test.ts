import { expect, it } from 'vitest';
import type { Repository } from '../../../../src/formats/contract/format.ts';
import { createProofs, type Proofs } from '../../../../src/restore/contract/proofs.ts';
import { proveMoment } from '../../../../src/restore/proofs/prove-moment.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archivedBackup, segment } from '../../parts/named-archive.ts';

const DOUBT = 'another tar may have followed data.tar';
const BACKUPS = [
  { ...archivedBackup('oldest', 2, 1), doubt: DOUBT },
  archivedBackup('older', 4, 2),
  archivedBackup('newest', 6, 3),
];

async function prove(wanted: string, proofs: Proofs = createProofs(() => {}, new AbortController().signal)) {
  const keys = Array.from({ length: 9 }, (_, at) => `shop/wals/0000000100000000/${segment(1, at + 2)}`);
  const store = new MemoryStore(new Map(keys.map((key) => [key, { content: Buffer.alloc(1) }])));
  const ref = { format: 'barman', root: 'shop/' };
  const repository = { ref, catalogue: async () => [...BACKUPS] } as unknown as Repository;
  const { signal } = new AbortController();
  const moment = { target: { kind: 'immediate' }, timeline: 'latest', exclusive: false, action: 'promote' } as const;
  const found = await proveMoment(store, repository, { backup: wanted, moment }, proofs, signal);
  proofs.demandAll();
  return found;
}

it.each([
  ['latest', 'newest', 'older'],
  ['newest', 'newest', 'older'],
  ['older', 'older', 'oldest'],
])('of the backup %s, the next older one is told', async (wanted, id, olderBackup) => {
  expect(await prove(wanted)).toMatchObject({ backup: { id }, moment: { olderBackup } });
});

it('of the oldest backup, none is', async () => {
  expect((await prove('oldest'))?.moment.olderBackup).toBeUndefined();
});

it('warns of a backup that may not have all its tars', async () => {
  const proofs = createProofs(() => {}, new AbortController().signal);
  await prove('oldest', proofs);
  await prove('older', proofs);
  expect(proofs.all.filter(({ name }) => name === 'backup')).toMatchObject([
    { state: 'warning', evidence: expect.stringMatching(new RegExp(`^oldest of .*; ${DOUBT}$`)) },
    { state: 'held', evidence: expect.not.stringContaining(DOUBT) },
  ]);
});
