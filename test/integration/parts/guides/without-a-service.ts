import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { DEFAULT_IMAGE, VERSION } from '../../../../src/cli/settings/version.ts';
import { OWN } from '../own.ts';
import { run } from '../run.ts';
import { openSession } from './session.ts';
import { shopRepository } from './shop-repository.ts';
import { KEYS } from './shop-service.ts';
import type { Situation } from './situation.ts';

/** A machine without any compose service. */
export async function withoutAService(): Promise<Situation> {
  const { bucket } = await shopRepository();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-test-guide-'));
  const pgdata = path.join(folder, 'pgdata');
  const [container, volume] = [`odo-test-restored-${OWN}`, `odo-test-restored-${OWN}-db`];
  const session = openSession(folder);
  return {
    session,
    folder,
    going: [],
    names: {
      ...KEYS,
      's3://backups/shop': `s3://${bucket}/backups/shop`,
      '/srv/pgdata': pgdata,
      [`odo:${VERSION}`]: DEFAULT_IMAGE,
      restored_db: volume,
      ' restored ': ` ${container} `,
    },
    async close() {
      session.close();
      await run('docker', ['rm', '-f', '-v', container]);
      await run('docker', ['volume', 'rm', '-f', volume]);
      fs.rmSync(folder, { recursive: true, force: true });
    },
    sections: {
      'Into a directory, without Docker': {
        async after() {
          expect(fs.readFileSync(path.join(pgdata, 'PG_VERSION'), 'utf8')).toBe('15\n');
          expect(fs.existsSync(path.join(pgdata, 'recovery.signal'))).toBe(true);
        },
      },
      'Onto a volume, with the image alone': {},
      'Start a server on it': {
        after: async ([output = '']) => expect(output).toMatch(/\b1300\b/),
      },
    },
  };
}
