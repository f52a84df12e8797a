import { describeRestores } from './restore-suite.ts';

describeRestores({ major: 14, mountAt: '/var/lib/postgresql/data', pgdataInVolume: '.' });
