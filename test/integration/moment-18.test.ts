import { momentSuite } from './moment-suite.ts';

momentSuite(18, '/var/lib/postgresql');
