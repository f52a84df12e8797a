import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { type CommandLineWish, judgeCommandLine } from '../../../../src/restore/service/judge-command-line.ts';

const judge = (setting: string, wish: Partial<CommandLineWish> = {}) =>
  judgeCommandLine({ name: 'db', commandArgs: ['postgres', '-c', setting] }, { archiveMode: 'off', ...wish });
const moment = { target: { kind: 'immediate' }, exclusive: false, action: 'pause' } as unknown as NonNullable<
  CommandLineWish['moment']
>;

describe('the command line of a service', () => {
  it.each(['shared_buffers=1GB', 'archive_mode=off', 'archive_mode=False'])('may set %s', (setting) => {
    expect(judge(setting)).toEqual({ evidence: 'sets nothing that recovery depends on' });
  });

  it.each([
    ['restore_command=x', {}],
    ['recovery_target_action=promote', { moment }],
  ])('must not set %s', (setting, wish) => {
    expect(() => judge(setting, wish)).toThrow(
      /sets (restore_command|recovery_target_action), which no configuration file/,
    );
  });

  it("must not let the restored server into the original's archive, unless that is asked for", () => {
    try {
      judge('archive_mode=on');
      expect.fail('it is refused');
    } catch (error) {
      expect(error).toBeInstanceOf(OdoError);
      expect(error).toMatchObject({ code: 'serviceNotFound', hint: expect.stringMatching(/add --archive-mode keep/) });
    }
    expect(judge('archive_mode=always', { archiveMode: 'keep' })).toMatchObject({ state: 'warning' });
  });

  it('does not hold for a copy, which archives nothing', () => {
    expect(judge('archive_mode=on', { archives: false })).toEqual({
      evidence: 'sets archive_mode=on, which does not hold for the copy',
    });
  });
});
