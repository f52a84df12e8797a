import { momentSuite } from './moment-suite.ts';

momentSuite(17, '/var/lib/postgresql/data');
