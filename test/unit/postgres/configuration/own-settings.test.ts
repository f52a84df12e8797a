import { describe, expect, it } from 'vitest';
import { parseSetting, setParameters } from '../../../../src/postgres/configuration/own-settings.ts';

describe('a setting of --set', () => {
  it.each([
    ['work_mem=64MB', 'work_mem', '64MB'],
    ['Work_Mem = 64MB ', 'work_mem', '64MB'],
    ["cluster_name=it's = mine", 'cluster_name', "it's = mine"],
    ['log_destination=', 'log_destination', ''],
    ['pg_stat_statements.max=500', 'pg_stat_statements.max', '500'],
  ])('%s', (text, name, value) => {
    expect(parseSetting(text)).toEqual([name, value]);
  });

  it.each([
    ['work_mem', /wants name=value/],
    ['=5', /wants name=value/],
    ['work mem=5', /wants name=value/],
    ['work_mem=5\nrestore_command=false', /a value is one line/],
    ['restore_command=false', /cannot set restore_command/],
    ['RECOVERY_TARGET_TIME=now', /cannot set recovery_target_time/],
    ['recovery_target=immediate', /cannot set recovery_target/],
    ['archive_mode=on', /cannot set archive_mode/],
    ['primary_conninfo=host=x password=y', /cannot set primary_conninfo$/],
    ['data_directory=/', /cannot set data_directory/],
    ['include=/etc/passwd', /cannot set include/],
    ['include_dir=/etc', /cannot set include_dir/],
  ])('%j is refused', (text, words) => {
    expect(() => parseSetting(text)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(words) }),
    );
  });
});

describe('setting parameters in a configuration', () => {
  it('takes the lines of the same name out, and leaves all others, comments too', () => {
    const conf = "# work_mem = 1MB\nwork_mem = '4MB'\nshared_buffers=1GB\n  WORK_MEM 5MB\nwork_mem_of.other = 1";
    expect(setParameters(conf, [['work_mem', "it's"]])).toBe(
      "# work_mem = 1MB\nshared_buffers=1GB\nwork_mem_of.other = 1\nwork_mem = 'it''s'\n",
    );
  });

  it('takes the last of two values, and leaves a text alone to which nothing is added', () => {
    const twice = [
      ['a', '1'],
      ['a', '2'],
    ] as const;
    expect(setParameters('', twice)).toBe("a = '2'\n");
    expect(setParameters('no newline', [])).toBe('no newline');
  });
});
