import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Place, restoreCommandFile, spoolDir } from '../../../../src/tree/places/place.ts';
import {
  clearSpoolSetting,
  LEAVE_HISTORY_SETTING,
  RESTORE_COMMAND_SCRIPT,
  restoreCommandSetting,
} from '../../../../src/wal/feed/restore-command.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { binFolder, expand, SHELLS } from '../../parts/shells.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const SEGMENT = '000000010000000000000002';

describe.each(SHELLS)('with %s as the shell', (shell) => {
  let place: Place;
  let bin: string;

  function run(setting: string, options: { file?: string; uid?: number } = {}) {
    const command = expand(setting, { f: options.file ?? SEGMENT, p: 'pg_wal/RECOVERYXLOG' });
    const as = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
    const { status, stderr } = spawnSync('sh', ['-c', command], {
      cwd: place.root,
      env: { PATH: bin },
      encoding: 'utf8',
      ...as,
    });
    return { status, stderr };
  }

  function laidOut(volume: string, root: string, odoDir: string): Place {
    const made = { root: path.join(volume, root), odoDir: path.join(volume, odoDir) };
    plantTree(path.join(made.root, 'pg_wal'), {});
    plantTree(spoolDir(made), { [SEGMENT]: 'wal' });
    fs.writeFileSync(restoreCommandFile(made), RESTORE_COMMAND_SCRIPT);
    return made;
  }

  beforeEach(() => {
    bin = binFolder(shell);
    place = laidOut(scratchDirectory(), '18/docker', '.odo');
  });

  it.each([
    ['the root of the volume', '.', '.odo'],
    ['below the root', '18/docker', '.odo'],
    ['beside a folder that nobody would name so', 'data', 'it\'s 100% $HOME `x`"/.odo'],
  ])('gives a segment, and keeps it for the next time, when PGDATA is %s', (_where, root, odoDir) => {
    place = laidOut(scratchDirectory(), root, odoDir);
    const restored = path.join(place.root, 'pg_wal/RECOVERYXLOG');
    for (let time = 0; time < 2; time++) {
      expect(run(restoreCommandSetting(place))).toEqual({ status: 0, stderr: '' });
      expect(fs.readFileSync(restored, 'utf8')).toBe('wal');
      fs.rmSync(restored);
    }
  });

  it('ends recovery at what the archive is known to lack, and only then', () => {
    const file = '00000002.history';
    const unfinished = run(restoreCommandSetting(place), { file });
    expect(unfinished.status).toBe(254);
    expect(unfinished.stderr).toContain(file);
    plantTree(spoolDir(place), { complete: '' });
    expect(run(restoreCommandSetting(place), { file })).toEqual({ status: 1, stderr: '' });
  });

  it('says that there is none of what a follower takes away while it is copied, but tells of a copy that fails', () => {
    plantTree(spoolDir(place), { complete: '' });
    const source = path.join(spoolDir(place), SEGMENT);
    const stub = (script: string) => {
      fs.rmSync(path.join(bin, 'cp'), { force: true });
      fs.writeFileSync(path.join(bin, 'cp'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    };
    stub('exit 1');
    // busybox has a cp of its own, which no other in the PATH takes the place of.
    const status = run(restoreCommandSetting(place)).status;
    if (shell !== 'busybox') expect(status).toBe(254);
    stub(`PATH=${process.env.PATH} rm "${source}"; exit 1`);
    if (shell !== 'busybox') expect(run(restoreCommandSetting(place)).status).toBe(1);
  });

  // PostgreSQL takes a status of 1 to 125 for the end of the archive, and goes on without what was committed after.
  it.each([
    ['the segment cannot be written', () => fs.rmSync(path.join(place.root, 'pg_wal'), { recursive: true }), undefined],
    ['its script is gone', () => fs.rmSync(restoreCommandFile(place)), undefined],
    ['everything of ODO is gone', () => fs.rmSync(place.odoDir, { recursive: true }), undefined],
    ['its script belongs to another user', () => fs.chmodSync(restoreCommandFile(place), 0o600), 65534],
    ['the spool belongs to another user', () => fs.chmodSync(spoolDir(place), 0o700), 65534],
    ['the segment belongs to another user', () => fs.chmodSync(path.join(spoolDir(place), SEGMENT), 0o600), 65534],
  ])('never lets a fault look like the end of the archive: %s', (_what, damage, uid) => {
    plantTree(spoolDir(place), { complete: '' });
    for (const folder of [path.dirname(path.dirname(place.root)), path.dirname(place.root), place.root])
      fs.chmodSync(folder, 0o755);
    damage();
    expect(run(restoreCommandSetting(place), uid === undefined ? {} : { uid }).status).toBe(254);
  });

  it('clears the spool away at the end, and its folder when nothing else is in it', () => {
    expect(run(clearSpoolSetting(place))).toEqual({ status: 0, stderr: '' });
    expect(fs.existsSync(place.odoDir)).toBe(false);
    expect(run(clearSpoolSetting(place))).toEqual({ status: 0, stderr: '' });
  });

  it('keeps the older content and its journal when it clears the spool away', () => {
    plantTree(place.odoDir, { 'journal.json': '{}', 'previous/PG_VERSION': '15' });
    expect(run(clearSpoolSetting(place)).status).toBe(0);
    expect(fs.readdirSync(place.odoDir).sort()).toEqual(['journal.json', 'previous']);
  });

  it('leaves the newest history to the archiver, unless the server has done so itself', () => {
    const status = (name: string) => path.join(place.root, 'pg_wal/archive_status', name);
    const marks = () => fs.readdirSync(status('')).sort();
    expect(run(LEAVE_HISTORY_SETTING)).toEqual({ status: 0, stderr: '' });
    const histories = { '00000002.history': '1', '0000000A.history': '2' };
    plantTree(path.join(place.root, 'pg_wal'), histories);
    expect(run(LEAVE_HISTORY_SETTING)).toEqual({ status: 0, stderr: '' });
    plantTree(status(''), { '00000002.history.done': '' });
    expect(run(LEAVE_HISTORY_SETTING)).toEqual({ status: 0, stderr: '' });
    expect(marks()).toEqual(['00000002.history.done', '0000000A.history.ready']);
    fs.renameSync(status('0000000A.history.ready'), status('0000000A.history.done'));
    expect(run(LEAVE_HISTORY_SETTING)).toEqual({ status: 0, stderr: '' });
    expect(marks()).toEqual(['00000002.history.done', '0000000A.history.done']);
  });

  it('does not disturb the server when it may not clear anything away', () => {
    for (const folder of [path.dirname(path.dirname(place.root)), path.dirname(place.root), place.root])
      fs.chmodSync(folder, 0o755);
    fs.chmodSync(place.odoDir, 0o755);
    expect(run(clearSpoolSetting(place), { uid: 65534 }).status).toBe(0);
    expect(fs.existsSync(path.join(spoolDir(place), SEGMENT))).toBe(true);
  });
});
