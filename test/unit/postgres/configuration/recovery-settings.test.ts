import { describe, expect, it } from 'vitest';
import {
  addArchiveOff,
  addBlock,
  BLOCK_BEGIN,
  BLOCK_END,
  blockTurnsArchivingOff,
  includesOthers,
  RECOVERY_CRITICAL,
  recoverySettings,
  removeBlock,
  STOP_CRITICAL,
  setsParameter,
  withoutNeedless,
} from '../../../../src/postgres/configuration/recovery-settings.ts';
import type { RecoveryTarget } from '../../../../src/postgres/configuration/recovery-target.ts';

/** Reads a configuration file as PostgreSQL does: the last line of a name wins, and quotes are undone. */
function effective(conf: string): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const line of conf.split('\n')) {
    const match = /^\s*(\w+)\s*=?\s*(?:'((?:[^'\\]|''|\\.)*)'|([^\s#]*))\s*(?:#.*)?$/.exec(line);
    if (!match || line.trim().startsWith('#')) continue;
    settings[match[1] as string] = (match[2] ?? match[3] ?? '').replace(
      /''|\\(.)/g,
      (both, escaped: string) => escaped ?? both[0],
    );
  }
  return settings;
}

const OPTIONS = {
  restoreCommand: 'sh .odo/restore-command "%f" "%p"',
  recoveryEndCommand: '',
  timeline: 'latest' as const,
};

describe('the recovery settings', () => {
  it("override whatever the backup's configuration says of targets, standbys and archiving", () => {
    const backup = [
      "recovery_target_time = '2020-01-01'",
      "recovery_target_name = 'x'",
      "recovery_target_xid = '7'",
      "recovery_target_lsn = '0/1'",
      "recovery_target = 'immediate'",
      "primary_conninfo = 'host=primary'",
      "primary_slot_name = 'slot'",
      "restore_command = '/controller/manager wal-restore %f %p'",
      "recovery_end_command = 'notify'",
      "archive_cleanup_command = 'cleanup'",
      "recovery_min_apply_delay = '6h'",
      'archive_mode = always',
      'shared_buffers = 1GB',
    ].join('\n');
    expect(effective(addBlock(backup, recoverySettings({ ...OPTIONS, timeline: 7 })))).toEqual({
      recovery_target_time: '',
      recovery_target_name: '',
      recovery_target_xid: '',
      recovery_target_lsn: '',
      recovery_target: '',
      recovery_target_timeline: '7',
      primary_conninfo: '',
      primary_slot_name: '',
      restore_command: OPTIONS.restoreCommand,
      recovery_end_command: '',
      archive_cleanup_command: '',
      recovery_min_apply_delay: '0',
      archive_mode: 'off',
      shared_buffers: '1GB',
    });
  });

  it('reach PostgreSQL as they were meant, with quotes and backslashes in them', () => {
    const restoreCommand = `sh '../it'\\''s\\here/restore-command' "%f" "%p"`;
    const recoveryEndCommand = "rm -rf 'a b'";
    const conf = addBlock('', recoverySettings({ ...OPTIONS, restoreCommand, recoveryEndCommand }));
    expect(effective(conf)).toMatchObject({
      restore_command: restoreCommand,
      recovery_end_command: recoveryEndCommand,
    });
  });

  it('set every parameter that must not be set elsewhere', () => {
    const names = new Set(recoverySettings(OPTIONS).map(([name]) => name));
    expect([...RECOVERY_CRITICAL].filter((name) => !names.has(name))).toEqual([]);
    const stopAt = { target: { kind: 'immediate' }, exclusive: false, action: 'promote' } as const;
    const ofMoment = new Set(recoverySettings({ ...OPTIONS, stopAt }).map(([name]) => name));
    expect([...RECOVERY_CRITICAL, ...STOP_CRITICAL].filter((name) => !ofMoment.has(name))).toEqual([]);
  });

  it.each<[RecoveryTarget, string, string]>([
    [{ kind: 'time', time: '2026-11-21T13:02:03.500000Z' }, 'recovery_target_time', '2026-11-21 13:02:03.5+00'],
    [{ kind: 'lsn', lsn: '1A/F' }, 'recovery_target_lsn', '1A/F'],
    [{ kind: 'xid', xid: '745' }, 'recovery_target_xid', '745'],
    [{ kind: 'name', name: "before the o'clock" }, 'recovery_target_name', "before the o'clock"],
    [{ kind: 'immediate' }, 'recovery_target', 'immediate'],
  ])('name exactly one target: %j', (target, name, value) => {
    const stopAt = { target, exclusive: true, action: 'pause' } as const;
    const settings = effective(addBlock('', recoverySettings({ ...OPTIONS, stopAt })));
    const targets = Object.entries(settings).filter(
      ([key, text]) => /^recovery_target(_time|_lsn|_xid|_name)?$/.test(key) && text !== '',
    );
    expect(targets).toEqual([[name, value]]);
    expect(settings).toMatchObject({
      recovery_target_inclusive: 'off',
      recovery_target_action: 'pause',
      hot_standby: 'on',
    });
  });
});

describe('the block', () => {
  it.each([
    ['text', "a = 'b'\n"],
    ['nothing', ''],
    ['comments and an empty end', "# hand-made\na = 'b'\n\n"],
  ])('comes out of %s again as if it had never been there', (_what, conf) => {
    expect(removeBlock(addBlock(conf, recoverySettings(OPTIONS)))).toBe(conf);
  });

  it('does not run into a last line that has no end', () => {
    const conf = addBlock("a = 'b'", recoverySettings(OPTIONS));
    expect(conf.split('\n').slice(0, 2)).toEqual(["a = 'b'", BLOCK_BEGIN]);
    expect(removeBlock(conf)).toBe("a = 'b'\n");
  });

  it('is there once, at the end, however often it is added', () => {
    const once = addBlock("a = 'b'\n", recoverySettings(OPTIONS));
    const withMore = addBlock(`${once}c = 'd'\n`, recoverySettings({ ...OPTIONS, timeline: 3 }));
    expect(withMore.split(BLOCK_BEGIN)).toHaveLength(2);
    expect(withMore.startsWith("a = 'b'\nc = 'd'\n")).toBe(true);
    expect(effective(withMore).recovery_target_timeline).toBe('3');
  });

  it('leaves what the server wrote behind it when it is taken out', () => {
    const conf = `${addBlock("a = 'b'\n", recoverySettings(OPTIONS))}work_mem = '8MB'\n`;
    expect(removeBlock(conf)).toBe("a = 'b'\nwork_mem = '8MB'\n");
  });

  it('is not guessed at when its end is missing', () => {
    const torn = addBlock('', recoverySettings(OPTIONS)).replace(BLOCK_END, '');
    expect(() => removeBlock(torn)).toThrow(
      expect.objectContaining({ code: 'dataCorrupt', hint: expect.stringContaining(BLOCK_BEGIN) }),
    );
  });
});

it('keeps archiving off in words that say how to turn it on', () => {
  const conf = addArchiveOff("archive_mode = 'on'");
  expect(effective(conf)).toEqual({ archive_mode: 'off' });
  // To take the line out would take out the configuration's own as well, where that stands in the same file.
  expect(conf).toContain('ALTER SYSTEM SET archive_mode = on');
});

it.each([
  ['archive_mode = on', true],
  ["  ARCHIVE_MODE 'on'", true],
  ["shared_buffers = 1\narchive_mode='off'\n", true],
  ['archive_mode\t= on', true],
  ['# archive_mode = on', false],
  ['archive_mode_extra = on', false],
  ["archive_command = 'archive_mode = on'", false],
  ['', false],
])('sees in %j whether archive_mode is set: %s', (conf, expected) => {
  expect(setsParameter(conf, 'archive_mode')).toBe(expected);
});

describe('lines that a server would complain of when they go', () => {
  const names = (conf: string, timeline: 'latest' | number = 'latest') =>
    withoutNeedless(recoverySettings({ ...OPTIONS, timeline }), conf).map(([name]) => name);

  it('are left out where the configuration says nothing of them', () => {
    const left = names("#recovery_target_time = ''\n#archive_mode = off\nshared_buffers = 1GB\n");
    expect(left).toEqual(expect.arrayContaining(['restore_command', 'recovery_end_command', 'primary_conninfo']));
    expect(left.filter((name) => /^recovery_target|^archive_mode/.test(name))).toEqual([]);
  });

  it('stay where it does, and where a timeline is named', () => {
    expect(names("Recovery_Target_Time '2020-01-01'\narchive_mode=on")).toEqual(
      expect.arrayContaining(['recovery_target_time', 'archive_mode']),
    );
    expect(names('', 3)).toContain('recovery_target_timeline');
  });

  it('stay where they say what the default does not', () => {
    const left = (exclusive: boolean, action: 'pause' | 'promote', conf = '') => {
      const stopAt = { target: { kind: 'lsn', lsn: '0/1' }, exclusive, action } as const;
      const settings = withoutNeedless(recoverySettings({ ...OPTIONS, stopAt }), conf).map(([name]) => name);
      return settings.filter((name) => /^recovery_target|^hot_standby/.test(name));
    };
    expect(left(false, 'pause')).toEqual(['recovery_target_lsn']);
    expect(left(true, 'promote')).toEqual([
      'recovery_target_lsn',
      'recovery_target_inclusive',
      'recovery_target_action',
    ]);
    expect(left(false, 'pause', 'hot_standby = off')).toEqual(['recovery_target_lsn', 'hot_standby']);
  });
});

describe('a configuration that reads other files', () => {
  it.each([
    "include_dir = 'conf.d'",
    "include '/etc/postgresql/extra.conf'",
    "include = '../x.conf'",
    "include_if_exists 'sub/x.conf'",
  ])('is known by %s', (line) => {
    expect(includesOthers(`a = 1\n ${line}\n`)).toBe(true);
  });

  it.each(["include 'custom.conf'", "#include_dir = 'conf.d'", 'shared_buffers = 1GB', "log_directory = '/var/log'"])(
    'is not %s, whose files lie beside it',
    (line) => {
      expect(includesOthers(`${line}\n`)).toBe(false);
    },
  );
});

describe('archiving during recovery', () => {
  it('is off by our block unless it is to be kept, whatever stands around the block', () => {
    const off = addBlock('archive_mode = on', recoverySettings(OPTIONS));
    const kept = addBlock('archive_mode = on', recoverySettings({ ...OPTIONS, keepArchiving: true }));
    expect([off, kept, "archive_mode = 'off'"].map(blockTurnsArchivingOff)).toEqual([true, false, false]);
    expect([effective(off).archive_mode, effective(kept).archive_mode]).toEqual(['off', 'on']);
  });
});
