import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  demandOverridable,
  followedBy,
  formatOverride,
  OVERRIDE_NAME,
  readOverride,
  type SwitchedMount,
  withoutLastSwitch,
  withSwitch,
  writeOverride,
} from '../../../../src/docker/compose/override-file.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const DB: SwitchedMount = {
  service: 'db',
  destination: '/var/lib/pg$data',
  volume: 'shop-2',
  instead: { type: 'volume', source: 'shop_db', key: 'db' },
};
const TABLESPACE: SwitchedMount = { service: 'db', destination: '/mnt/fast', volume: 'shop-2_16387' };
const EARLIER = { service: 'db', mounts: [{ ...DB, volume: 'shop-1' }] };
const NOW = { switched: [DB, TABLESPACE], earlier: [EARLIER] };

describe('the override file', () => {
  it('is what compose merges: volumes by their path in the container, external ones by their real names', () => {
    const text = formatOverride('compose.yaml', { switched: [DB, TABLESPACE], earlier: [] });
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
    await writeOverride(files, NOW);
    expect(await readOverride(files)).toEqual(NOW);
    expect(fs.readdirSync(folder)).toEqual([OVERRIDE_NAME]);
    expect(await demandOverridable(files)).toBe(path.join(folder, OVERRIDE_NAME));

    const other = [path.join(folder, 'other.yaml')];
    expect(await readOverride(other)).toBeUndefined();
    await expect(demandOverridable(other)).rejects.toMatchObject({ code: 'unsafeTarget' });

    await writeOverride(files, { switched: [], earlier: [] });
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

  it('has no dollar sign that compose would take for a variable', () => {
    const text = formatOverride('compose.yaml', { switched: [{ ...DB, destination: '/a${b' }], earlier: [EARLIER] });
    expect(text.replaceAll('$$', '')).not.toContain('$');
  });

  it('takes switches back one by one', () => {
    const [first, second] = ['shop-1', 'shop-2'].map((volume): SwitchedMount => ({ ...DB, volume })) as [
      SwitchedMount,
      SwitchedMount,
    ];
    const ofAnother: SwitchedMount = { ...DB, service: 'other' };
    const none = { switched: [ofAnother], earlier: [] };
    const once = withSwitch(none, 'db', [first, TABLESPACE]);
    const twice = withSwitch(once, 'db', [second]);
    expect(twice).toEqual({ switched: [ofAnother, second], earlier: [{ service: 'db', mounts: [first, TABLESPACE] }] });
    expect(withoutLastSwitch(twice, 'db')).toEqual(once);
    expect(withoutLastSwitch(once, 'db')).toEqual(none);
    expect(withoutLastSwitch(none, 'db')).toEqual(none);
  });

  it('still holds for a service whose way back was broken off, as long as its container is where it was', async () => {
    const on = (volume: string) => ({
      name: 'db',
      mounts: [{ ...DB, type: 'volume' as const, source: volume, readOnly: false }],
    });
    const led = { switched: [DB], earlier: [{ service: 'db', mounts: [{ ...DB, volume: 'shop-1' }] }] };
    const back = { ...withoutLastSwitch(led, 'db'), leaving: [DB] };
    expect(followedBy(on(DB.volume), back)).toEqual({ switches: led, isTakenBack: true });
    expect(followedBy(on('shop-1'), back)).toEqual({ switches: withoutLastSwitch(led, 'db') });
    expect(followedBy({ name: 'other', mounts: [] }, back)).toEqual({ switches: back });

    const files = [path.join(scratchDirectory(), 'compose.yaml')];
    const alone = { switched: [], earlier: [], leaving: [DB] };
    await writeOverride(files, alone);
    expect(await readOverride(files)).toEqual(alone);
  });
});
