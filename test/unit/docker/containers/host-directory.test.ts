import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Mount } from '../../../../src/docker/client/mount.ts';
import { hostDirectory, meets, type VolumeFacts } from '../../../../src/docker/containers/host-directory.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const volume = (source: string, facts: VolumeFacts = {}, subpath?: string) => {
  const mount: Mount = { type: 'volume', source, destination: '/d', readOnly: false, ...(subpath ? { subpath } : {}) };
  return hostDirectory(mount, { Mountpoint: `/var/lib/docker/volumes/${source}/_data`, ...facts }, false);
};
const bind = (source: string, isHere = false) =>
  hostDirectory({ type: 'bind', source, destination: '/d', readOnly: false }, undefined, isHere);
const device = (at: string, type = 'none', o = 'bind') => ({ Options: { type, o, device: at } });

describe('a directory is known under', () => {
  it('the name of its volume, the device of the volume, and the folder that the engine has of it', () => {
    const shop = volume('shop_db', device('/srv/pg'));
    expect(meets(shop, volume('shop_db', device('/srv/pg')))).toBe('same');
    expect(meets(shop, bind('/srv/pg/'))).toBe('same');
    expect(meets(shop, volume('other', device('/srv/pg', 'none', 'rbind,rw')))).toBe('same');
    expect(meets(shop, bind('/var/lib/docker/volumes/shop_db/_data'))).toBe('same');
    expect(meets(bind('/srv/pg'), shop)).toBe('same');
    expect(meets(shop, volume('other'))).toBeUndefined();
    expect(meets(shop, bind('/srv/pg2'))).toBeUndefined();
  });

  it('a device that is no directory of the host, when the server that has it is the same', () => {
    const nfs = volume('one', device(':/export/pg', 'nfs', 'addr=10.1.1.1,rw'));
    expect(meets(nfs, volume('two', device(':/export/pg/', 'nfs', 'rw,addr=10.1.1.1')))).toBe('same');
    expect(meets(nfs, volume('two', device(':/export/pg', 'nfs', 'addr=10.1.1.2')))).toBeUndefined();
    expect(meets(volume('a', device('tmpfs', 'tmpfs', '')), volume('b', device('tmpfs', 'tmpfs', '')))).toBeUndefined();
  });

  it('what is below it, and what it lies in', () => {
    expect(meets(bind('/srv/pg'), bind('/srv/pg/data'))).toBe('same');
    expect(meets(bind('/srv/pg'), bind('/srv'))).toBe('above');
    expect(meets(volume('v', device('/srv/pg')), bind('/srv'))).toBe('above');
    // Tools that look after the engine mount its own folders.
    expect(meets(volume('v'), bind('/var/lib/docker/volumes'))).toBe('managed');
    expect(meets(volume('v'), bind('/'))).toBe('managed');
  });

  it('a folder of a volume, apart from other folders of it', () => {
    expect(meets(volume('v', {}, 'pg1'), volume('v', {}, 'pg2'))).toBeUndefined();
    expect(meets(volume('v', {}, 'pg1'), volume('v', {}, 'pg1'))).toBe('same');
    expect(meets(volume('v', {}, 'pg1'), volume('v'))).toBe('above');
    expect(meets(volume('v'), volume('v', {}, 'pg1'))).toBe('same');
    expect(meets(volume('v', {}, 'pg1'), bind('/var/lib/docker/volumes/v/_data/pg1'))).toBe('same');
  });

  it('where links lead, on the machine of the engine', () => {
    const scratch = scratchDirectory();
    const real = path.join(scratch, 'real');
    fs.mkdirSync(real);
    fs.symlinkSync(real, path.join(scratch, 'link'));
    expect(meets(bind(real, true), bind(path.join(scratch, 'link'), true))).toBe('same');
    expect(meets(bind(real), bind(path.join(scratch, 'link')))).toBeUndefined();
    expect(meets(bind('/not/there', true), bind(real, true))).toBeUndefined();
  });
});
