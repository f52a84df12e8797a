import { momentSuite } from './moment-suite.ts';

momentSuite(15, '/var/lib/postgresql/data');
