import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  demandOverridable,
  formatOverride,
  OVERRIDE_NAME,
  readOverride,
  type SwitchedMount,
  writeOverride,
} from '../../../src/docker/override-file.ts';
import { scratchDirectory } from '../scratch-directory.ts';

const DB: SwitchedMount = {
  service: 'db',
  destination: '/var/lib/pg$data',
  volume: 'shop-2',
  instead: { type: 'volume', source: 'shop_db', key: 'db' },
};
const TABLESPACE: SwitchedMount = { service: 'db', destination: '/mnt/fast', volume: 'shop-2_16387' };

describe('the override file', () => {
  it('is what compose merges: volumes by their path in the container, external ones by their real names', () => {
    const text = formatOverride('compose.yaml', [DB, TABLESPACE]);
    const { services, volumes } = JSON.parse(text.replace(/^#.*$/gm, ''));
    expect(services).toEqual({
      db: {
        volumes: [
          { type: 'volume', source: 'odo-shop-2', target: '/var/lib/pg$$data' },
          { type: 'volume', source: 'odo-shop-2_16387', target: '/mnt/fast' },
        ],
      },
    });
    expect(volumes).toEqual({
      'odo-shop-2': { name: 'shop-2', external: true },
      'odo-shop-2_16387': { name: 'shop-2_16387', external: true },
    });
  });

  it('is read as it was written, for the compose file that it was written for', async () => {
    const folder = scratchDirectory();
    const files = [path.join(folder, 'compose.yaml'), path.join(folder, 'more.yaml')];
    expect(await readOverride(files)).toBeUndefined();
    await writeOverride(files, [DB, TABLESPACE]);
    expect(await readOverride(files)).toEqual([DB, TABLESPACE]);
    expect(fs.readdirSync(folder)).toEqual([OVERRIDE_NAME]);
    expect(await demandOverridable(files)).toBe(path.join(folder, OVERRIDE_NAME));

    const other = [path.join(folder, 'other.yaml')];
    expect(await readOverride(other)).toBeUndefined();
    await expect(demandOverridable(other)).rejects.toMatchObject({ code: 'unsafeTarget' });

    await writeOverride(files, []);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it.each(['services: {}', '{"services": {}}', '{"x-odo": {"composeFile": "compose.yaml"}}', '{"x-odo": '])(
    'is left alone when it is not ODO’s: %s',
    async (text) => {
      const folder = scratchDirectory();
      fs.writeFileSync(path.join(folder, OVERRIDE_NAME), text);
      await expect(readOverride([path.join(folder, 'compose.yaml')])).rejects.toMatchObject({
        code: 'serviceNotFound',
        message: expect.stringMatching(/not as ODO wrote it$/),
      });
      expect(fs.readFileSync(path.join(folder, OVERRIDE_NAME), 'utf8')).toBe(text);
    },
  );
});
