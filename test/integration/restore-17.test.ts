import { describeRestores } from './restore-suite.ts';

describeRestores({ major: 17, mountAt: '/var/lib/postgresql/data', pgdataInVolume: '.', setGoesTo: 'a new volume' });
