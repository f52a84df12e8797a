import { basebackup } from '../../src/formats/basebackup/basebackup.ts';
import { fixtureStore } from '../unit/parts/fixture-store.ts';
import { formatContract } from './format.contract.ts';

formatContract('pg_basebackup', {
  format: basebackup,
  open: () => fixtureStore('basebackup'),
  roots: ['backups/pg17/', 'backups/pg15/', 'backups/pg18/'],
  folderOf: (root, { id }) => `${root}${id}/`,
  others: [
    { store: fixtureStore('barman'), prefix: 'prefix/pg17/' },
    { store: fixtureStore('barman'), prefix: 'prefix/pg17/wals/' },
  ],
});
