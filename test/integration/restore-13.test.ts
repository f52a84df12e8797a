import { describeRestores } from './restore-suite.ts';

describeRestores({
  major: 13,
  mountAt: '/var/lib/postgresql/data',
  pgdataInVolume: '.',
  diesOfMoreConnections: true,
});
