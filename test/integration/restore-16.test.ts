import { describeRestores } from './restore-suite.ts';

describeRestores({ major: 16, mountAt: '/var/lib/postgresql/data', pgdataInVolume: '.' });
