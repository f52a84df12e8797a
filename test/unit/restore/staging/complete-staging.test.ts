import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Amendment } from '../../../../src/postgres/configuration/amendment.ts';
import { blockTurnsArchivingOff, removeBlock } from '../../../../src/postgres/configuration/recovery-settings.ts';
import { parsePgControl } from '../../../../src/postgres/files/pg-control.ts';
import type { ConfigurationWish, LayDownJob } from '../../../../src/restore/contract/lay-down-job.ts';
import type { ClusterPlaces } from '../../../../src/restore/contract/places.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { completeStaging } from '../../../../src/restore/staging/complete-staging.ts';
import { heldControlFile, incomingDir, originalsFile } from '../../../../src/tree/places/place.ts';
import { crashesAt } from '../../parts/crash.ts';
import { type JobFields, jobWith } from '../../parts/job-with.ts';
import { segment } from '../../parts/named-archive.ts';
import { CONTROL, OWNER, SYSTEM_IDENTIFIER } from '../../parts/restore-bench.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree, snapshotTree } from '../../parts/tree-snapshot.ts';
import { SEGMENT_SIZE_BYTES, walSegment } from '../../parts/wal-segment.ts';

let places: ClusterPlaces;
let incoming: string;

/** The files as they are laid down, pg_control in its parking place. */
function layDown(files: Record<string, string> = {}): void {
  plantTree(incoming, {
    PG_VERSION: '17\n',
    backup_label: 'x',
    'postgresql.auto.conf': "work_mem = '8MB'\n",
    ...files,
  });
  fs.writeFileSync(heldControlFile(places.pgdata), CONTROL);
  fs.rmSync(originalsFile(places.pgdata), { force: true });
}

function jobOf(more: JobFields = {}, backup: Partial<LayDownJob['backup']> = {}): LayDownJob {
  const job: LayDownJob = {
    store: { url: '/nowhere', pathStyle: false },
    repository: { format: 'basebackup', root: '' },
    backup: {
      id: 'b1',
      format: 'basebackup',
      state: 'complete',
      tablespaces: [],
      wal: 'included',
      systemIdentifier: SYSTEM_IDENTIFIER,
      ...backup,
    },
    content: { digest: '' },
    wal: { source: 'included' },
    places,
    owner: OWNER,
    configuration: {},
    server: {},
    recovery: { unattended: false },
    oldData: { wipe: false },
    run: { sync: false, verify: 'stream', fresh: false },
  };
  return jobWith(job, more);
}

const read = (name: string) => fs.readFileSync(path.join(incoming, name), 'utf8');

beforeEach(() => {
  const volume = scratchDirectory();
  const space = scratchDirectory();
  places = {
    pgdata: { root: path.join(volume, '18/docker'), odoDir: path.join(volume, '.odo') },
    tablespaces: [{ oid: 16387, place: { root: space, odoDir: path.join(space, '.odo') } }],
  };
  incoming = incomingDir(places.pgdata);
  fs.mkdirSync(incoming, { recursive: true });
});

describe('a complete staging directory', () => {
  it('has pg_control, and everything that the server needs, with its owner', () => {
    layDown();
    completeStaging(jobOf());
    expect(fs.readFileSync(path.join(incoming, 'global/pg_control')).equals(CONTROL)).toBe(true);
    expect(fs.existsSync(heldControlFile(places.pgdata))).toBe(false);
    const made = Object.entries(snapshotTree(incoming)).filter(
      ([name]) => !['.', 'PG_VERSION', 'backup_label', 'global/pg_control'].includes(name),
    );
    for (const [name, what] of made) expect([name, what]).toEqual([name, expect.stringContaining('999:998')]);
    for (const name of [
      'pg_wal/archive_status',
      'pg_logical/snapshots',
      'pg_multixact/members',
      'pg_xact',
      'pg_tblspc',
    ]) {
      expect([name, snapshotTree(incoming)[name]]).toEqual([name, 'directory 700 999:998']);
    }
    expect(snapshotTree(incoming)['recovery.signal']).toBe('file 600 999:998 odo: restored from backup b1\n');
  });

  it('is refused with a pg_control that was torn by copying, or with files of a version newer than known', () => {
    layDown();
    fs.writeFileSync(heldControlFile(places.pgdata), Buffer.from(CONTROL).fill(7, 40, 48));
    expect(() => completeStaging(jobOf())).toThrow(expect.objectContaining({ code: 'dataCorrupt' }));
    layDown({ PG_VERSION: '20\n' });
    expect(() => completeStaging(jobOf())).toThrow(expect.objectContaining({ code: 'versionMismatch' }));
    expect(fs.existsSync(path.join(incoming, 'global/pg_control'))).toBe(false);
  });

  it.each([
    [0o755, '750'],
    [0o750, '750'],
    [0o700, '700'],
    [0o777, '750'],
  ])('has a mode that the server accepts: %o becomes %s', (mode, expected) => {
    layDown();
    fs.chmodSync(incoming, mode);
    completeStaging(jobOf());
    expect((fs.statSync(incoming).mode & 0o7777).toString(8)).toBe(expected);
  });

  it("keeps the backup's settings, or has the user's instead, and recovers with ours", () => {
    layDown();
    completeStaging(jobOf());
    expect(read('postgresql.auto.conf')).toMatch(
      /^work_mem = '8MB'\n# >>> odo[\s\S]*restore_command = 'test -r \.\.\/\.\.\/\.odo\/restore-command/,
    );
    expect(fs.readFileSync(path.join(places.pgdata.odoDir, 'restore-command'), 'utf8')).toMatch(/^#!\/bin\/sh\n/);
    layDown();
    completeStaging(jobOf({ replacementConf: "work_mem = '1GB'" }));
    expect(read('postgresql.auto.conf')).toMatch(/^work_mem = '1GB'\n# >>> odo/);
  });

  it('gets single settings, which stand before ours, and once only when they are set again', () => {
    layDown();
    const settings: ConfigurationWish['settings'] = [['work_mem', "it's"]];
    completeStaging(jobOf({ settings }));
    completeStaging(jobOf({ settings }));
    expect(read('postgresql.auto.conf')).toMatch(/^work_mem = 'it''s'\n# >>> odo/);
    expect(removeBlock(read('postgresql.auto.conf'))).toBe("work_mem = 'it''s'\n");
  });

  it("gets the user's pg_hba.conf, and the way to it if the configuration leads elsewhere or is not all known", () => {
    const hbaConf = 'local all all trust\n';
    layDown({ 'postgresql.conf': 'port = 5432\n', 'pg_hba.conf': 'host all all all md5\n' });
    completeStaging(jobOf({ hbaConf }));
    expect([read('pg_hba.conf'), read('postgresql.auto.conf')]).toEqual([
      hbaConf,
      expect.not.stringContaining('hba_file'),
    ]);
    const way = `hba_file = '${path.join(places.pgdata.root, 'pg_hba.conf')}'\n# >>> odo`;
    layDown({ 'postgresql.conf': "hba_file = '/etc/hba'\n" });
    completeStaging(jobOf({ hbaConf }));
    expect(read('postgresql.auto.conf')).toContain(way);
    layDown({ 'postgresql.conf': 'port = 5432\n' });
    completeStaging(jobOf({ hbaConf, configElsewhere: true }));
    expect(read('postgresql.auto.conf')).toContain(way);
  });

  it('stays a standby when asked to, with the address of its primary where only the server can read it', () => {
    layDown({ 'postgresql.conf': 'hot_standby = off\n' });
    completeStaging(jobOf({ standby: { primaryConninfo: "host=h password=it's" } }));
    const names = fs.readdirSync(incoming).filter((name) => name.endsWith('.signal'));
    expect(names).toEqual(['standby.signal']);
    expect(read('postgresql.auto.conf')).toContain("primary_conninfo = 'host=h password=it''s'\n");
    expect(read('postgresql.auto.conf')).toContain("hot_standby = 'on'\n");
    // Whoever promotes it, and however: its new timeline's history goes to the archiver.
    expect(read('postgresql.auto.conf')).toMatch(/recovery_end_command = '[^\n]*archive_status/);
    expect((fs.statSync(path.join(incoming, 'postgresql.auto.conf')).mode & 0o777).toString(8)).toBe('600');
  });

  it('archives as configured only when that is asked for', () => {
    layDown({ 'postgresql.conf': 'archive_mode = on\n' });
    completeStaging(jobOf());
    expect(blockTurnsArchivingOff(read('postgresql.auto.conf'))).toBe(true);
    completeStaging(jobOf({ keepArchiving: true }));
    expect(read('postgresql.auto.conf')).not.toContain('archive_mode');
  });

  it('needs no postgresql.auto.conf in the backup', () => {
    layDown();
    fs.rmSync(path.join(incoming, 'postgresql.auto.conf'));
    completeStaging(jobOf());
    expect(read('postgresql.auto.conf')).toMatch(/^# >>> odo/);
  });

  it('stops at the wanted moment, also when an interrupted run was to go elsewhere', () => {
    layDown();
    const to = (name: string) => ({
      stopAt: { target: { kind: 'name' as const, name }, exclusive: false, action: 'shutdown' as const },
    });
    completeStaging(jobOf(to('first')));
    completeStaging(jobOf(to('second')));
    const conf = read('postgresql.auto.conf');
    expect(conf).toContain("recovery_target_name = 'second'");
    expect(conf).toContain("recovery_target_action = 'shutdown'");
    // A backup that brings its own WAL must not be drawn to another timeline.
    expect(conf).toContain("recovery_target_timeline = 'current'");
    expect(conf).not.toContain('first');
    completeStaging(jobOf());
    expect(read('postgresql.auto.conf')).not.toMatch(/recovery_target_(name|action) = '\w/);
  });

  it('clears the spool away by itself only when nobody watches it recover', () => {
    layDown();
    completeStaging(jobOf());
    expect(read('postgresql.auto.conf')).toContain("recovery_end_command = ''");
    completeStaging(jobOf({ unattended: true }));
    expect(read('postgresql.auto.conf')).toMatch(
      /recovery_end_command = '.*archive_status.*; rm -rf \.\.\/\.\.\/\.odo\/spool/,
    );
  });

  it('has links to the tablespaces, or a map with their new places where the backup brings one', () => {
    layDown();
    completeStaging(jobOf());
    expect(snapshotTree(incoming)['pg_tblspc/16387']).toBe(`link to ${places.tablespaces[0]?.place.root} 999:998`);
    fs.rmSync(path.join(incoming, 'pg_tblspc/16387'));
    layDown({ tablespace_map: '16387 /where/it was\n16999 /of/no/concern\n' });
    completeStaging(jobOf());
    expect(read('tablespace_map')).toBe(`16387 ${places.tablespaces[0]?.place.root}\n16999 /of/no/concern\n`);
    expect(fs.readdirSync(path.join(incoming, 'pg_tblspc'))).toEqual([]);
  });

  it('comes out the same after any interruption', () => {
    const files = {
      tablespace_map: '16387 /where/it/was\n',
      'postgresql.conf': "data_directory = '/elsewhere'\ninclude 'gone.conf'\n",
      'pg_hba.conf': 'local all all peer map=local\n',
    };
    layDown(files);
    completeStaging(jobOf());
    const expected = snapshotTree(incoming);
    for (let n = 1; ; n++) {
      fs.rmSync(incoming, { recursive: true });
      layDown(files);
      const crashed = crashesAt(n, () => completeStaging(jobOf()));
      completeStaging(jobOf());
      expect([n, snapshotTree(incoming)]).toEqual([n, expected]);
      if (!crashed) break;
    }
  });

  it('never writes through a link that the backup holds', () => {
    const outside = path.join(scratchDirectory(), 'outside');
    fs.writeFileSync(outside, 'untouched');
    layDown();
    for (const name of ['postgresql.auto.conf', 'recovery.signal', 'postgresql.auto.conf.odo']) {
      fs.rmSync(path.join(incoming, name), { force: true });
      fs.symlinkSync(outside, path.join(incoming, name));
    }
    completeStaging(jobOf());
    expect(fs.readFileSync(outside, 'utf8')).toBe('untouched');
    expect(read('postgresql.auto.conf')).toMatch(/^# >>> odo/);
    expect(fs.lstatSync(path.join(incoming, 'recovery.signal')).isFile()).toBe(true);
  });
});

describe('a backup that cannot be started', () => {
  const refused = (job: LayDownJob, expected: object) => {
    expect(() => completeStaging(job)).toThrow(expect.objectContaining(expected));
    expect(fs.existsSync(path.join(incoming, 'global/pg_control'))).toBe(false);
  };

  it.each(['PG_VERSION', 'backup_label'])('is incomplete without %s, and does not get its pg_control', (name) => {
    layDown();
    fs.rmSync(path.join(incoming, name));
    refused(jobOf(), { code: 'backupIncomplete', message: expect.stringContaining(name) });
  });

  it('is incomplete without pg_control', () => {
    layDown();
    fs.rmSync(heldControlFile(places.pgdata));
    refused(jobOf(), { code: 'backupIncomplete', message: expect.stringContaining('pg_control') });
  });

  it('does not fit a server of another major version', () => {
    layDown();
    refused(jobOf({ postgresMajor: 18 }), { code: 'versionMismatch', hint: expect.stringContaining('17') });
  });

  it('is corrupt when it is put together from two clusters', () => {
    layDown();
    refused(jobOf({}, { systemIdentifier: '7' }), {
      code: 'dataCorrupt',
      message: expect.stringContaining(SYSTEM_IDENTIFIER),
    });
  });

  it('is corrupt when its pg_control is cut off', () => {
    layDown();
    fs.truncateSync(heldControlFile(places.pgdata), 100);
    refused(jobOf(), { code: 'dataCorrupt' });
  });

  it('is incomplete when the WAL that it should bring along is not all there', () => {
    const backup = {
      beginWal: segment(1, 1),
      endWal: segment(1, 3),
      walSegmentSizeBytes: SEGMENT_SIZE_BYTES,
      postgresMajor: 17,
    };
    layDown({ 'pg_wal/': '' });
    for (const number of [1, 2]) {
      fs.writeFileSync(path.join(incoming, 'pg_wal', segment(1, number)), walSegment(1, number, SYSTEM_IDENTIFIER));
    }
    refused(jobOf({}, backup), { code: 'backupIncomplete', message: expect.stringContaining(segment(1, 3)) });
    fs.writeFileSync(path.join(incoming, 'pg_wal', segment(1, 3)), walSegment(1, 3, SYSTEM_IDENTIFIER));
    expect(() => completeStaging(jobOf({}, backup))).not.toThrow();
  });
});

describe('settings that do not fit the server', () => {
  const OPERATOR = {
    'postgresql.conf': "include 'custom.conf'\n",
    'custom.conf':
      "log_directory = '/controller/log'\nlogging_collector = 'on'\nshared_preload_libraries = 'pgaudit'\n",
    'pg_hba.conf': 'local all all peer map=local\n',
    'pg_ident.conf': 'local enterprise postgres\n',
  };
  const server = { libraries: ['plpgsql'], mounts: [], commandLine: {} };

  it('are overridden before the settings of recovery, so that they stay when those go; twice changes nothing', () => {
    layDown(OPERATOR);
    const notes = completeStaging(jobOf({ facts: server }));
    const once = read('postgresql.auto.conf');
    expect(notes).toHaveLength(5);
    expect(once.indexOf('logging_collector')).toBeLessThan(once.indexOf('restore_command'));
    const kept = removeBlock(once);
    for (const line of [
      "logging_collector = 'off'",
      "log_directory = 'log'",
      "shared_preload_libraries = ''",
      "work_mem = '8MB'",
    ]) {
      expect(kept.split('\n')).toContain(line);
    }
    expect(read('pg_ident.conf')).toContain('local postgres postgres');
    const ident = read('pg_ident.conf');
    expect(completeStaging(jobOf({ facts: server }))).toEqual(notes);
    expect([read('postgresql.auto.conf'), read('pg_ident.conf')]).toEqual([once, ident]);
  });

  it('are left as they are when they are to be kept, and where the user has set them', () => {
    layDown(OPERATOR);
    expect(completeStaging(jobOf({ facts: server, keepSettings: true }))).toEqual([
      expect.stringMatching(/^max_connections was raised/),
    ]);
    expect(removeBlock(read('postgresql.auto.conf'))).toBe("work_mem = '8MB'\n");
    completeStaging(jobOf({ facts: server, settings: [['log_directory', '/controller/log']] }));
    expect(read('postgresql.auto.conf')).toContain("log_directory = '/controller/log'");
    expect(read('postgresql.auto.conf')).not.toContain("log_directory = 'log'");
  });

  it('are raised among the settings of recovery where pg_control demands more', () => {
    layDown({ 'postgresql.conf': 'max_connections = 3\n', 'pg_hba.conf': '' });
    const notes = completeStaging(jobOf({ facts: server }));
    const { max_connections: needed } = parsePgControl(CONTROL).settings;
    expect(notes).toEqual([expect.stringContaining(`max_connections was raised from 3 to ${needed}`)]);
    expect(read('postgresql.auto.conf')).toContain(`max_connections = '${needed}'`);
    expect(removeBlock(read('postgresql.auto.conf'))).not.toContain('max_connections');
  });
});

describe('configuration that a backup lacks', () => {
  const made = /^(postgresql\.conf|pg_hba\.conf) was made anew/;

  it('is made, with what pg_control knows of it', () => {
    layDown({});
    expect(completeStaging(jobOf()).filter((note) => made.test(note))).toHaveLength(2);
    const { max_connections } = parsePgControl(CONTROL).settings;
    expect(read('postgresql.conf')).toContain(`max_connections = ${max_connections}\n`);
    expect(read('pg_hba.conf')).toContain('host all all all md5\n');
  });

  it('is followed where the service mounts it or a link leads to it; only a line that leads nowhere goes', () => {
    const includes = ["include 'own.conf'", "include 'linked.conf'", "include 'gone.conf'", "include_dir 'conf.d'"];
    layDown({ 'postgresql.conf': 'include more/a.conf\n', 'more/a.conf': includes.join('\n'), 'pg_hba.conf': '' });
    fs.symlinkSync('/etc/postgresql/linked.conf', path.join(incoming, 'more/linked.conf'));
    const mounts = ['more/own.conf', 'more/conf.d'].map((name) => path.join(places.pgdata.root, name));
    completeStaging(jobOf({ facts: { mounts, commandLine: {} } }));
    expect(read('more/a.conf').split('\n')).toEqual([
      ...includes.slice(0, 2),
      "# taken out by odo: include 'gone.conf'",
      ...includes.slice(3),
    ]);
  });

  it('is left to what the service mounts there, or names', () => {
    layDown({});
    const { root } = places.pgdata;
    const mounts = ['postgresql.conf', 'pg_hba.conf'].map((name) => path.join(root, name));
    expect(completeStaging(jobOf({ facts: { mounts, commandLine: {} } })).filter((note) => made.test(note))).toEqual(
      [],
    );
    expect(completeStaging(jobOf({ configElsewhere: true })).filter((note) => made.test(note))).toEqual([]);
  });
});

describe('a run that goes on from what another has changed', () => {
  const CONF = "# Z\nport = 5432\ninclude '/etc/postgresql/site.conf'\nssl = on\n";
  const amend = (...amendments: Amendment[]) => createDirectoryEngine().amend(places, amendments, OWNER);
  const drop = (name: string): Amendment => ({ do: 'drop', name, was: 'x', why: 'y' });
  const exclude: Amendment = { do: 'exclude', value: '/etc/postgresql/site.conf', why: 'it is not there' };

  it('begins with what the backup has, whatever was taken out, left out or overridden', async () => {
    layDown({ 'postgresql.conf': CONF, 'conf.d/': '', 'pg_hba.conf': '' });
    fs.chmodSync(path.join(incoming, 'postgresql.conf'), 0o640);
    fs.lchownSync(path.join(incoming, 'postgresql.conf'), OWNER.uid, OWNER.gid);
    completeStaging(jobOf());
    const before = snapshotTree(incoming);
    await amend(drop('port'), exclude, { do: 'set', name: 'ssl', was: 'on', value: 'off', why: 'x' }, drop('work_mem'));
    await amend(drop('ssl'));
    expect(read('postgresql.conf').match(/taken out by odo/g)).toHaveLength(3);
    expect(read('postgresql.auto.conf')).toMatch(/taken out by odo: work_mem[\s\S]*ssl = 'off'/);
    completeStaging(jobOf());
    expect(snapshotTree(incoming)).toEqual(before);
    // And again: what it has changed itself is no original either.
    await amend(drop('port'));
    completeStaging(jobOf());
    expect(snapshotTree(incoming)).toEqual(before);
  });

  it('keeps every byte of what it does not change, whatever it is encoded in', async () => {
    const conf = Buffer.from("# f\xfcr Z\xfcrich\nport = 5432\ncluster_name = 'Z\xfcrich'\n", 'latin1');
    const auto = Buffer.from("# f\xfcr\nwork_mem = '8MB'\nsearch_path = '\xe9'\n", 'latin1');
    layDown({ 'pg_hba.conf': 'local all all peer map=local\n' });
    for (const [name, bytes] of Object.entries({
      'postgresql.conf': conf,
      'postgresql.auto.conf': auto,
      'pg_ident.conf': conf,
    }))
      fs.writeFileSync(path.join(incoming, name), bytes);
    completeStaging(jobOf());
    await amend(drop('port'), drop('work_mem'), { do: 'set', name: 'cluster_name', was: 'x', value: 'y', why: 'z' });
    const latin1 = (name: string) => fs.readFileSync(path.join(incoming, name), 'latin1');
    expect(latin1('postgresql.conf')).toBe(conf.toString('latin1').replace('port', '# taken out by odo: port'));
    expect(latin1('pg_ident.conf').startsWith(conf.toString('latin1'))).toBe(true);
    expect(latin1('postgresql.auto.conf')).toMatch(/^# f\xfcr\n.*work_mem = '8MB'\nsearch_path = '\xe9'\n# >>> odo/);
    completeStaging(jobOf());
    expect(latin1('postgresql.conf')).toBe(conf.toString('latin1'));
    expect(latin1('postgresql.auto.conf').startsWith(auto.toString('latin1'))).toBe(true);
  });

  it('has no file that was made, and the link in whose place one was', async () => {
    layDown({ 'postgresql.conf': '-> /etc/postgresql/postgresql.conf', 'pg_hba.conf': '' });
    fs.lchownSync(path.join(incoming, 'postgresql.conf'), OWNER.uid, OWNER.gid);
    fs.rmSync(path.join(incoming, 'pg_hba.conf'));
    const job = jobOf({ facts: { mounts: [path.join(places.pgdata.root, 'pg_hba.conf')], commandLine: {} } });
    completeStaging(job);
    const before = snapshotTree(incoming);
    await amend(
      { do: 'make', file: 'postgresql.conf', content: 'made', why: 'x' },
      { do: 'make', file: 'pg_hba.conf', content: 'made', why: 'x' },
    );
    expect([read('postgresql.conf'), read('pg_hba.conf')]).toEqual(['made', 'made']);
    completeStaging(job);
    expect(snapshotTree(incoming)).toEqual(before);
  });

  it('sets nothing aside of what ODO itself has written, which may be secret', async () => {
    layDown({ 'postgresql.conf': '' });
    completeStaging(jobOf({ standby: { primaryConninfo: 'password=secret' } }));
    await amend(drop('work_mem'));
    const { 'postgresql.auto.conf': kept } = JSON.parse(fs.readFileSync(originalsFile(places.pgdata), 'utf8'));
    expect(Buffer.from(kept.content, 'base64').toString()).toBe("work_mem = '8MB'\n");
    expect((fs.statSync(originalsFile(places.pgdata)).mode & 0o777).toString(8)).toBe('600');
  });
});
