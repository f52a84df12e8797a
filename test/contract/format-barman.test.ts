import { barman } from '../../src/formats/barman/barman.ts';
import { fixtureStore } from '../unit/parts/fixture-store.ts';
import { formatContract } from './format.contract.ts';

formatContract('barman-cloud', {
  format: barman,
  open: () => fixtureStore('barman'),
  roots: ['prefix/pg15/', 'prefix/pg17/', 'prefix/pg18/'],
  folderOf: (root, { id }) => `${root}base/${id}/`,
  countsNothing: true,
  others: [
    { store: fixtureStore('basebackup'), prefix: 'backups/pg17/' },
    { store: fixtureStore('basebackup'), prefix: 'backups/pg17/20251024T100000/' },
  ],
});
