import { describeRestores } from './restore-suite.ts';

describeRestores({
  major: 18,
  mountAt: '/var/lib/postgresql',
  pgdataInVolume: '18/docker',
  setGoesTo: 'a temporary server',
});
