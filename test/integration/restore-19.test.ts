import { describeRestores } from './restore-suite.ts';

describeRestores({ major: 19, mountAt: '/var/lib/postgresql', pgdataInVolume: '19/docker' });
