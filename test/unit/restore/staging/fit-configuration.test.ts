import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { removeBlock } from '../../../../src/postgres/configuration/recovery-settings.ts';
import { UNKNOWN_SERVER } from '../../../../src/postgres/configuration/unfit-settings.ts';
import {
  addFitBlock,
  fitConfiguration,
  fitIdent,
  removeFitBlock,
} from '../../../../src/restore/staging/fit-configuration.ts';

const NEEDED = {
  max_connections: 100,
  max_worker_processes: 8,
  max_wal_senders: 10,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
};

const OPTIONS = {
  needed: NEEDED,
  major: 18,
  facts: UNKNOWN_SERVER,
  keepSettings: false,
  own: [],
  isPassing: true,
} as const;
const settings = (own: Record<string, string>) => ({ settings: new Map(Object.entries(own)), isWhole: true });
const STANDBYS = settings({ synchronous_standby_names: 'x' });

describe('what has to be overridden', () => {
  it('is told with what it was and why', () => {
    const fit = fitConfiguration(STANDBYS, OPTIONS);
    expect(fit.unfit.map(({ name }) => name)).toEqual(['synchronous_standby_names']);
    expect(fit.notes).toEqual([expect.stringMatching(/^synchronous_standby_names is '' instead of 'x': no standby/)]);
  });

  it('is nothing that the user has set, and nothing at all when the settings are to be kept', () => {
    expect(fitConfiguration(STANDBYS, { ...OPTIONS, own: [['synchronous_standby_names', 'x']] }).unfit).toEqual([]);
    expect(fitConfiguration(STANDBYS, { ...OPTIONS, keepSettings: true })).toEqual({
      unfit: [],
      raised: [],
      notes: [],
    });
  });

  it('raises what recovery demands for its time, whatever is kept', () => {
    const fit = fitConfiguration(settings({ max_connections: '20' }), { ...OPTIONS, keepSettings: true });
    expect(fit.raised).toEqual([['max_connections', '100']]);
    expect(fit.notes[0]).toMatch(
      /^max_connections was raised from 20 to 100 .*; 20 is in force again from the next restart on$/,
    );
    const lasting = fitConfiguration(settings({ max_connections: '20' }), { ...OPTIONS, isPassing: false });
    expect(lasting.notes[0]).toMatch(/had$/);
  });

  it('knows that locks are granted by version: 128 are the default from PostgreSQL 19 on, and need no raising', () => {
    const needed = { ...NEEDED, max_locks_per_transaction: 128 };
    expect(fitConfiguration(settings({}), { ...OPTIONS, needed, major: 19 })).toMatchObject({ raised: [], notes: [] });
    expect(fitConfiguration(settings({}), { ...OPTIONS, needed }).raised).toEqual([
      ['max_locks_per_transaction', '128'],
    ]);
  });

  it('goes by the command line before any file, and refuses one that grants too little', () => {
    const facts = { ...UNKNOWN_SERVER, commandLine: { max_connections: '200' } };
    expect(fitConfiguration(settings({ max_connections: '20' }), { ...OPTIONS, facts }).raised).toEqual([]);
    const low = { ...UNKNOWN_SERVER, commandLine: { max_connections: '20' } };
    const refused = () => fitConfiguration(settings({}), { ...OPTIONS, facts: low });
    expect(refused).toThrow(OdoError);
    expect(refused).toThrow('max_connections=20 where the backup needs 100');
  });
});

describe("the block in the server's own file", () => {
  const unfit = [{ name: 'log_directory', was: "/controller/it's", value: 'log', why: 'of\nanother container' }];

  it('stays after the recovery, is made anew by another run, and goes without a trace', () => {
    const once = addFitBlock("work_mem = '1MB'", unfit);
    expect(once.split('\n').slice(2, 4)).toEqual([
      "# log_directory was '/controller/it''s': of another container",
      "log_directory = 'log'",
    ]);
    expect(removeBlock(once)).toBe(once);
    expect(addFitBlock(once, unfit)).toBe(once);
    expect(removeFitBlock(once)).toBe("work_mem = '1MB'\n");
    expect(addFitBlock('a = 1\n', [])).toBe('a = 1\n');
  });
});

describe('pg_ident.conf', () => {
  const hba = 'local all all peer map=local';

  it("lets the image's user in, once", () => {
    const first = fitIdent(hba, 'local enterprise postgres');
    expect(first?.text).toMatch(/^local enterprise postgres\n#.*\nlocal postgres postgres\n$/);
    expect(fitIdent(hba, first?.text ?? '')).toBeUndefined();
    // What somebody has added since an earlier restore is theirs.
    const other = `${first?.text}local smith app\n`;
    expect(fitIdent(`${hba}\nlocal all all peer map=more`, other)?.text).toBe(
      `${other}${first?.text.split('\n')[1]}\nmore postgres postgres\n`,
    );
  });

  it('is left alone where it does so itself', () => {
    expect(fitIdent(hba, 'local postgres postgres\n')).toBeUndefined();
  });
});
