import { describeRestores } from './restore-suite.ts';

describeRestores({
  major: 15,
  mountAt: '/var/lib/postgresql/data',
  pgdataInVolume: '.',
  setGoesTo: 'a temporary server',
});
