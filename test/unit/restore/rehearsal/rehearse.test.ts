import { describe, expect, it } from 'vitest';
import type { Rehearsal, RehearsalQuestion } from '../../../../src/docker/containers/rehearsal-container.ts';
import type { RehearsalAnswers } from '../../../../src/docker/containers/rehearsal-script.ts';
import { OdoError } from '../../../../src/errors.ts';
import type { Amendment } from '../../../../src/postgres/configuration/amendment.ts';
import type { StagedConfiguration } from '../../../../src/restore/contract/staged-configuration.ts';
import { rehearse } from '../../../../src/restore/rehearsal/rehearse.ts';
import type { RehearsedServer } from '../../../../src/restore/rehearsal/rehearsed-server.ts';

const ROOT = '/data';
const OK = { started: true, hung: false, log: '' };
const said = (log: string) => ({ started: false, hung: false, log });
const FILES = ['PG_VERSION', 'postgresql.conf', 'pg_hba.conf'];

const server = (more: Partial<RehearsedServer> = {}) =>
  ({
    found: { service: { name: 'db', imageRef: 'postgres:15', env: {} } },
    places: { pgdata: { root: ROOT }, tablespaces: [] },
    owner: { uid: 999, gid: 999 },
    mounts: [],
    commandLine: {},
    configElsewhere: false,
    ownSettings: [],
    keepSettings: false,
    isBesideAnother: false,
    ...more,
  }) as unknown as RehearsedServer;

const staged = (
  settings: Record<string, string> = {},
  more: Partial<StagedConfiguration> = {},
): StagedConfiguration => ({
  members: FILES.map((path) => ({ path, type: 'file', mode: 0o600, content: '' })),
  leftOut: [],
  effective: { settings: Object.entries(settings), isWhole: true, files: ['postgresql.conf'], unread: [] },
  ownSettings: [],
  major: 15,
  control: {} as StagedConfiguration['control'],
  databases: [],
  ...more,
});

/** Plays the container: one reply for each time that the server is tried, `no` to the questions that are named. */
async function play(
  replies: readonly (Omit<RehearsalAnswers, 'answers'> | Error | undefined)[],
  of: { staged?: StagedConfiguration; server?: RehearsedServer; no?: readonly string[] } = {},
) {
  const calls: string[][] = [];
  const amended: Amendment[] = [];
  const left = [...replies];
  const rehearsal: Rehearsal = {
    put: async () => undefined,
    async ask(questions: readonly RehearsalQuestion[], args) {
      calls.push([...args]);
      const reply = left.shift();
      if (reply instanceof Error) throw reply;
      const isNo = (one: RehearsalQuestion) => of.no?.includes(`${one.what} ${one.of}`) ?? false;
      return reply && { answers: questions.map((one) => !isNo(one)), ...reply };
    },
    end: async () => undefined,
  };
  const engine = {
    staged: async () => of.staged ?? staged(),
    amend: async (_target: unknown, amendments: readonly Amendment[]) => void amended.push(...amendments),
  };
  const outcome = await rehearse(rehearsal, of.server ?? server(), engine, new AbortController().signal);
  expect(left).toEqual([]);
  return { ...outcome, calls, amended };
}

const FATAL = said('FATAL:  could not create any Unix-domain sockets\n');

describe('a rehearsal', () => {
  it('asks once of a server that starts, and changes nothing', async () => {
    expect(await play([OK])).toMatchObject({ notes: [], amended: [] });
  });

  it('mends what the server names, and tries again', async () => {
    const refused = said('FATAL:  could not map anonymous shared memory: Cannot allocate memory\n');
    const { notes, doubt } = await play([refused, OK, OK], { staged: staged({ shared_buffers: '900GB' }) });
    expect(notes).toEqual([expect.stringMatching(/^shared_buffers is '128MB' instead of '900GB': the server says/)]);
    expect(doubt).toBeUndefined();
  });

  it("refuses on the server's own words, when it starts without the backup's configuration", async () => {
    await expect(play([FATAL, OK])).rejects.toMatchObject({
      code: 'wouldNotStart',
      message: expect.stringContaining('could not create any Unix-domain sockets'),
      hint: expect.stringContaining('--no-rehearsal'),
    });
  });

  it("refuses files of another kind of server at once, whoever's configuration it has", async () => {
    const log = 'FATAL:  database files are incompatible with server\nDETAIL:  BLCKSZ\n';
    await expect(play([said(log)])).rejects.toMatchObject({
      code: 'wouldNotStart',
      hint: expect.stringContaining('build options'),
    });
  });

  it.each<[string, Parameters<typeof play>, RegExp]>([
    ['the engine fails', [[new OdoError('versionMismatch', 'no sh')]], /^no sh$/],
    ['there is no program', [[undefined]], /has no program postgres/],
    [
      'it starts on no configuration at all',
      [[FATAL, FATAL]],
      /does not start on any configuration: FATAL: {2}could not create/,
    ],
    ['the engine fails at the second try', [[FATAL, new OdoError('dockerUnreachable', 'gone')]], /^gone$/],
    ['it hangs', [[{ started: false, hung: true, log: '' }]], /within a minute/],
    ['it is killed', [[said('LOG:  starting PostgreSQL 15\n')]], /without a word/],
    [
      'it wants a network',
      [[said('FATAL:  could not load /data/pg_hba.conf\nLOG:  could not translate RADIUS server name "x"\n')]],
      /without a network/,
    ],
    ['what was put there cannot be read', [[FATAL], { no: [`read ${ROOT}/PG_VERSION`] }], /cannot be read/],
    [
      'a file of the configuration was too large to be shown',
      [[FATAL], { staged: staged({ ssl_crl_file: 'all.crl' }, { leftOut: ['all.crl'] }) }],
      /^all\.crl was left out/,
    ],
    [
      'the running server holds the memory',
      [[said('FATAL:  could not map anonymous shared memory: x\n')], { server: server({ isBesideAnother: true }) }],
      /running server holds memory/,
    ],
  ])('is a doubt, and no refusal, when %s', async (_when, [replies, of], doubt) => {
    const outcome = await play(replies, of);
    expect(outcome).toMatchObject({ notes: [], amended: [] });
    expect(outcome.doubt).toMatch(doubt);
  });

  it('never makes a configuration file anew that the backup holds, even one that it cannot read', async () => {
    const no = FILES.slice(1).map((name) => `read ${ROOT}/${name}`);
    expect(await play([OK], { no })).toMatchObject({ amended: [] });
  });

  it('beside the running server leaves it its huge pages, when the host has any', async () => {
    const refused = said('FATAL:  could not map anonymous shared memory: Cannot allocate memory\n');
    const beside = { staged: staged({ huge_pages: 'on' }), server: server({ isBesideAnother: true }) };
    const { calls, amended } = await play([refused, OK], beside);
    expect(amended).toEqual([]);
    expect(calls[1]).toContain('huge_pages=off');
    const { notes } = await play([refused, OK, OK], { ...beside, no: ['huge '] });
    expect(notes).toEqual([expect.stringMatching(/^huge_pages is 'try' instead of 'on'/)]);
  });

  it('leaves alone what names a place that only the start makes, and tells that it was not tried', async () => {
    const conf = {
      hba_file: '/run/made/pg_hba.conf',
      ssl: 'on',
      ssl_key_file: '/gone/server.key',
      log_directory: '/made/log',
    };
    const unread = ['/made/extra.conf', '/gone/extra.conf'].map((path) => ({
      ...{ directive: 'include' as const, value: path, path },
      isOutside: true,
    }));
    const effective = { settings: Object.entries(conf), isWhole: false, files: ['postgresql.conf'], unread };
    const absent = [
      '/run/made/pg_hba.conf',
      '/gone/server.key',
      '/made/extra.conf',
      '/gone/extra.conf',
      '/made/unasked',
    ];
    const of = {
      staged: staged({}, { effective }),
      server: server({ madeAtStart: async (path) => (path.includes('made') ? 'it is made' : undefined) }),
      no: absent.flatMap((path) => [`read ${path}`, `there ${path}`]),
    };
    const missing = said('FATAL:  could not open configuration file "/made/extra.conf": No such file or directory\n');
    const { amended, doubt } = await play([missing, missing], of);
    expect(amended.map((one) => ('name' in one ? one.name : 'value' in one && one.value)).sort()).toEqual([
      '/gone/extra.conf',
      'ssl',
    ]);
    expect(doubt).toMatch(
      /only the start .*: \/made\/extra\.conf \(it is made\), \/run\/made\/pg_hba\.conf \(it is made\)\./,
    );
    expect(doubt).toMatch(/, \/run\/made\/pg_hba\.conf \(it is made\)\..*could not open/);
    const { doubt: only } = await play([OK, OK], of);
    expect(only).toMatch(/\/run\/made\/pg_hba\.conf/);
    // What no setting that is in force needs is no matter.
    const off = staged({ ssl: 'off', ssl_key_file: '/made/server.key' });
    expect(
      (await play([OK], { ...of, staged: off, no: ['read /made/server.key', 'there /made/server.key'] })).doubt,
    ).toBeUndefined();
    // What is there, and cannot be used, the start does not make.
    const unusable = await play([OK, OK], { ...of, staged: staged(conf), no: ['read /run/made/pg_hba.conf'] });
    expect(unusable.amended).toMatchObject([{ name: 'hba_file' }]);
    // Other words are the server's last, whatever else was not there.
    const bad = said('FATAL:  could not create any Unix-domain sockets\n');
    await expect(play([bad, bad, OK], of)).rejects.toMatchObject({ code: 'wouldNotStart' });
  });

  it('is a doubt where the start makes a file only the server names, or only the container has a library', async () => {
    const absent = (what: string) => said(`FATAL:  could not access file "${what}": No such file or directory\n`);
    const libraries = { shared_preload_libraries: '/opt/made.so,installed,gone' };
    const of = {
      staged: staged(libraries),
      server: server({
        libraries: ['installed'],
        madeAtStart: async (path) => (path === '/opt/made.so' ? 'it is made' : undefined),
      }),
    };
    for (const [what, doubt] of [
      ['/opt/made.so', /\/opt\/made\.so \(it is made\)/],
      ['installed', /has the library installed, and its image does not/],
    ] as const) {
      const outcome = await play([absent(what)], of);
      expect(outcome.amended).toEqual([]);
      expect(outcome.doubt).toMatch(doubt);
    }
    expect((await play([absent('gone'), OK, OK], of)).amended).toMatchObject([{ value: '/opt/made.so,installed' }]);
  });

  it('tries no certificate whose passphrase a command gives', async () => {
    const { calls } = await play([OK], { staged: staged({ ssl: 'on', ssl_passphrase_command: 'ask-vault' }) });
    expect(calls[0]).toContain('ssl=off');
  });

  it("leaves the user's settings and those of a mounted configuration alone", async () => {
    const conf = { unix_socket_directories: '/nowhere' };
    const no = ['write /nowhere'];
    expect(await play([OK, OK], { staged: staged(conf), no })).toMatchObject({
      amended: [{ name: 'unix_socket_directories' }],
    });
    const own = server({ ownSettings: ['unix_socket_directories'] });
    expect(await play([OK], { staged: staged(conf), server: own, no })).toMatchObject({ amended: [] });
    const mounted = server({ configElsewhere: true });
    expect(await play([OK], { staged: staged(conf), server: mounted, no })).toMatchObject({ amended: [] });
  });

  describe('foretells that it will not let ODO in', () => {
    const withHba = (hba: string, settings: Record<string, string> = {}) => {
      const content = Buffer.from(hba).toString('base64');
      return staged(settings, { members: [{ path: 'pg_hba.conf', type: 'file', mode: 0o600, content }] });
    };
    const MOUNTED_HBA = {
      type: 'bind',
      source: '/etc/pg_hba.conf',
      destination: '/data/pg_hba.conf',
      readOnly: true,
    } as const;
    const REJECT = 'local all all reject\n';
    const note = expect.stringMatching(
      /^pg_hba\.conf allows ODO no login: it says "local all all reject"; recovery is followed/,
    );

    it('where its own pg_hba.conf does not', async () => {
      expect((await play([OK], { staged: withHba(REJECT) })).notes).toEqual([note]);
      expect((await play([OK], { staged: withHba(REJECT, { hba_file: '/data/pg_hba.conf' }) })).notes).toEqual([note]);
    });

    it.each<[string, StagedConfiguration]>([
      ['another file is read', withHba(REJECT, { hba_file: '/etc/pg_hba.conf' })],
      ['there is no socket', withHba(REJECT, { unix_socket_directories: '' })],
      ['one of its logins may work', withHba('local template1 all trust\nlocal all all reject\n')],
    ])('not where %s', async (_when, of) => {
      expect((await play([OK], { staged: of })).notes).toEqual([]);
    });

    it.each<[string, Partial<RehearsedServer>]>([
      ['the command line names another file', { commandLine: { hba_file: '/etc/pg_hba.conf' } }],
      ['the command line leaves no socket', { commandLine: { unix_socket_directories: '' } }],
      ['the configuration is elsewhere', { configElsewhere: true }],
      ['another file is mounted over it', { mounts: [MOUNTED_HBA] }],
    ])('not where %s', async (_when, of) => {
      expect((await play([OK], { staged: withHba(REJECT), server: server(of) })).notes).toEqual([]);
    });

    it('by a password, unless one is at hand', async () => {
      const asks = withHba('local all all md5\n');
      const { notes } = await play([OK], { staged: asks, server: server({ needsLogin: '--post-sql' }) });
      expect(notes).toEqual([
        expect.stringContaining('"local all all md5", unless the container has a file with a password;'),
      ]);
      const service = { name: 'db', imageRef: 'postgres:15', env: { POSTGRES_PASSWORD_FILE: '/run/secrets/db' } };
      const found = { service } as unknown as RehearsedServer['found'];
      expect((await play([OK], { staged: asks, server: server({ found }) })).notes).toEqual([]);
    });

    it.each(['--post-sql', '--verify full'] as const)('and refuses %s then', async (needsLogin) => {
      const refused = play([], { staged: withHba(REJECT), server: server({ needsLogin }) });
      await expect(refused).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining(needsLogin) });
      expect(await play([OK], { server: server({ needsLogin }) })).toMatchObject({ notes: [] });
    });
  });
});
