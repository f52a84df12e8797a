import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../../src/cli/commands/parse.ts';
import { targetRequest } from '../../../../src/cli/options/target-options.ts';

async function parse(...words: string[]) {
  const parsed = await parseCommandLine(['-u', 's3://b/p', '--into', '/srv/data', ...words]);
  if (!('run' in parsed)) throw new Error(parsed.print);
  return targetRequest(parsed.args);
}

const PLAIN = { exclusive: false, action: 'promote' };

describe('the moment on the command line', () => {
  it('is nothing, and so the end of the archive, as a rule', async () => {
    expect(await parse()).toEqual({});
    expect(await parse('--target-timeline', '3')).toEqual({ timeline: 3 });
    // As it may stand in a configuration file for the times to come.
    expect(await parse('--timezone', 'Europe/Berlin')).toEqual({});
  });

  it.each([
    [['--target-time', '2026-11-21 14:02:03.5+01'], { kind: 'time', time: '2026-11-21T13:02:03.500000Z' }],
    [
      ['--target-time', '2026-11-21 14:02:03', '--timezone', 'Europe/Berlin'],
      { kind: 'time', time: '2026-11-21T13:02:03.000000Z' },
    ],
    [['--target-lsn', '1a/000f'], { kind: 'lsn', lsn: '1A/F' }],
    [['--target-xid', '745'], { kind: 'xid', xid: '745' }],
    // With an epoch, as pg_current_xact_id() gives it.
    [['--target-xid', '12884902633'], { kind: 'xid', xid: '745' }],
    [['--target-name', '0815'], { kind: 'name', name: '0815' }],
    [['--target', 'immediate'], { kind: 'immediate' }],
  ])('is read from %j', async (words, target) => {
    expect(await parse(...words)).toEqual({ moment: { target, ...PLAIN } });
  });

  it('comes with its timeline, its edge and what is done there', async () => {
    const words = [
      '--target-xid',
      '745',
      '--target-timeline',
      'current',
      '--target-exclusive',
      '--target-action',
      'pause',
    ];
    expect(await parse(...words)).toEqual({
      moment: { target: { kind: 'xid', xid: '745' }, timeline: 'current', exclusive: true, action: 'pause' },
    });
  });

  it.each<[string[], RegExp]>([
    [['--target-time', '2026-11-21 14:02:03'], /does not say in which time zone/],
    [['--target-time', '2026-11-21 14:02:03Z', '--target-xid', '745'], /--target-time and --target-xid contradict/],
    [['--target-lsn', '0/1', '--target', 'immediate'], /--target-lsn and --target contradict/],
    [['--target-xid', '745', '--target-xid', '746'], /--target-xid is given 2 times/],
    [['--target-xid', '2'], /wants the id of a transaction, not 2/],
    [['--target-xid', '0x10'], /wants the id of a transaction/],
    [['--target-lsn', '000000010000000000000003'], /wants a position such as 0\/5000123/],
    [['--target-name', 'ä'.repeat(32)], /64 bytes, and a restore point 63/],
    [['--target-name', ''], /--target-name is empty/],
    [['--target', 'latest'], /target/i],
    [['--target-timeline', 'newest'], /wants latest, current or a number/],
    [['--target-timeline', '0'], /wants latest, current or a number/],
    [['--target-exclusive'], /--target-exclusive is given without a target/],
    [['--target-action', 'pause'], /--target-action is given without a target/],
    [['--target-name', 'x', '--target-exclusive'], /no meaning with --target-name/],
    [['--target', 'immediate', '--target-exclusive'], /no meaning with --target/],
    [
      ['--target', 'immediate', '--target-action', 'pause', '--post-sql', 'x'],
      /--post-sql and --target-action pause contradict/,
    ],
  ])('refuses %j', async (words, message) => {
    await expect(parse(...words)).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
  });
});
