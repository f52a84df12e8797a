import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../../src/cli/commands/parse.ts';
import {
  followRequest,
  restoreRequest,
  seconds,
  serviceRefOf,
  storeConfig,
} from '../../../../src/cli/request/arguments.ts';
import { DEFAULT_IMAGE } from '../../../../src/cli/settings/version.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const SERVICE = ['-v', 'db-data', '-n', 'db', '-f', 'compose.yaml'];
const STORE = ['-u', 's3://backups/shop'];

async function argumentsOf(...argv: string[]) {
  const parsed = await parseCommandLine(argv);
  if ('print' in parsed) throw new Error(`it prints: ${parsed.print}`);
  return parsed.args;
}

const requestOf = async (argv: string[], env: NodeJS.ProcessEnv = {}) =>
  restoreRequest(await argumentsOf(...argv), env);

const usage = (words: string) =>
  expect.objectContaining({ name: 'OdoError', code: 'usage', message: expect.stringContaining(words) });

describe('the command line of the original', () => {
  it('means what it always meant', async () => {
    const argv = ['-a', 'KEY', '-s', 'SECRET', '-r', 'eu-west-1', ...STORE, ...SERVICE];
    expect(await requestOf(argv)).toMatchObject({
      store: {
        url: 's3://backups/shop',
        region: 'eu-west-1',
        credentials: { accessKeyId: 'KEY', secretAccessKey: 'SECRET' },
      },
      serviceRef: { volume: 'db-data', service: 'db', composeFiles: ['compose.yaml'], image: DEFAULT_IMAGE },
      backup: 'latest',
      sync: true,
      dryRun: false,
      stallTimeoutMs: 600_000,
      stopTimeoutSeconds: 120,
    });
  });

  it.each([
    [['-c'], 'confs'],
    [['-c', 'true'], 'confs'],
    [['-c', 'false'], undefined],
    [['-c', 'my/confs'], 'my/confs'],
    [[], undefined],
  ])('takes %j for the folder %s', async (flags, expected) => {
    expect((await requestOf([...STORE, ...SERVICE, ...flags])).replaceConf).toBe(expected);
    expect((await requestOf([...STORE, ...flags, ...SERVICE])).replaceConf).toBe(expected);
  });
});

it('follows an archive for a service, with what that needs and no more', async () => {
  const args = await argumentsOf(
    'follow',
    ...STORE,
    ...SERVICE,
    '--server',
    'shop',
    '--spool',
    '64M',
    '--retry-for',
    '7',
  );
  expect(followRequest(args, {})).toMatchObject({
    store: { url: 's3://backups/shop', retryForMs: 7000 },
    server: 'shop',
    serviceRef: { volume: 'db-data', service: 'db', composeFiles: ['compose.yaml'] },
    spoolBytes: 64 * 2 ** 20,
  });
  await expect(argumentsOf('follow', ...STORE, ...SERVICE, '--standby')).rejects.toEqual(usage('standby'));
  expect(() => followRequest({ ...args, spool: '1K' }, {})).toThrow(usage('--spool'));
});

describe('the store', () => {
  const ENV = {
    AWS_ACCESS_KEY_ID: 'EK',
    AWS_SECRET_ACCESS_KEY: 'ES',
    AWS_SESSION_TOKEN: 'ET',
    AWS_DEFAULT_REGION: 'us-east-2',
    AWS_REGION: 'us-west-1',
    S3_BACKUP_URL: 's3://env/prefix',
    S3_ENDPOINT: 'http://127.0.0.1:9000',
  };

  it('comes from the environment where no flag says otherwise', () => {
    expect(storeConfig({}, ENV)).toEqual({
      url: 's3://env/prefix',
      region: 'us-east-2',
      endpoint: 'http://127.0.0.1:9000',
      credentials: { accessKeyId: 'EK', secretAccessKey: 'ES', sessionToken: 'ET' },
    });
  });

  it('goes by the flags first', async () => {
    const args = await argumentsOf(
      '-a',
      'FK',
      '-s',
      'FS',
      '-r',
      'flag',
      '-u',
      's3://flag',
      '-e',
      'https://flag',
      '--no-path-style',
      ...SERVICE,
    );
    expect(storeConfig(args, ENV)).toEqual({
      url: 's3://flag',
      region: 'flag',
      endpoint: 'https://flag',
      pathStyle: false,
      credentials: { accessKeyId: 'FK', secretAccessKey: 'FS' },
    });
  });

  it("does not mix a session token of the environment with another's keys", () => {
    expect(storeConfig({ 'aws-access-key': 'FK' }, ENV).credentials).not.toHaveProperty('sessionToken');
    expect(storeConfig({ 'aws-secret-key': 'FS' }, ENV).credentials).not.toHaveProperty('sessionToken');
  });

  it('has no credentials when none are given, so that profiles and roles are looked at', () => {
    expect(storeConfig({}, { S3_BACKUP_URL: 's3://x', AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' })).toEqual({
      url: 's3://x',
    });
  });

  it('wants both keys or none, and does not repeat the one it has', () => {
    expect(() => storeConfig({ 'aws-secret-key': 'hush' }, { S3_BACKUP_URL: 's3://x' })).toThrow(
      usage('access key (-a'),
    );
    expect(() => storeConfig({ 'aws-access-key': 'FK' }, { S3_BACKUP_URL: 's3://x' })).toThrow(usage('secret key (-s'));
    expect(() => storeConfig({ 'aws-secret-key': 'hush' }, { S3_BACKUP_URL: 's3://x' })).toThrow(
      expect.not.objectContaining({ message: /hush/ }),
    );
  });

  it('must be named', () => {
    expect(() => storeConfig({}, { S3_BACKUP_URL: '' })).toThrow(usage('where the backups are'));
  });
});

describe('the target', () => {
  it.each([
    [['-n', 'db', '-f', 'c.yaml'], '--volume'],
    [['-v', 'db', '-f', 'c.yaml'], '--service'],
    [['-v', 'db', '-n', 'db'], '--compose-file'],
  ])('of a service needs all its names: %j', async (argv, missing) => {
    await expect(requestOf([...STORE, ...argv])).rejects.toThrow(usage(missing));
  });

  it('may have several compose files, an image, a network and a project name', async () => {
    const argv = [
      '-f',
      'a.yaml',
      '-f',
      'b.yaml',
      '-v',
      'db',
      '-n',
      'db',
      '--image',
      'odo:x',
      '--network',
      'host',
      '--project-name',
      'shop',
      '--project-directory',
      '..',
      '--env-file',
      'a.env',
      '--env-file',
      'b.env',
    ];
    expect(serviceRefOf(await argumentsOf(...STORE, ...argv))).toEqual({
      composeFiles: ['a.yaml', 'b.yaml'],
      volume: 'db',
      service: 'db',
      image: 'odo:x',
      namedImage: 'odo:x',
      network: 'host',
      projectName: 'shop',
      projectDirectory: '..',
      envFiles: ['a.env', 'b.env'],
    });
  });

  it('may be a directory, and then not a service', async () => {
    expect(await requestOf([...STORE, '--into', '/srv/pg'])).toMatchObject({ into: '/srv/pg' });
    await expect(requestOf([...STORE, '--into', '/srv/pg', '-v', 'db'])).rejects.toThrow(usage('--volume'));
    await expect(requestOf([...STORE, '--into', '/srv/pg', '-f', 'c.yaml'])).rejects.toThrow(usage('--compose-file'));
  });
});

describe('the other options', () => {
  it('take an owner in numbers only', async () => {
    expect((await requestOf([...STORE, ...SERVICE, '--owner', '70:71'])).owner).toEqual({ uid: 70, gid: 71 });
    for (const wrong of ['postgres', '70', '70:', '-1:0', '70:71:72']) {
      await expect(requestOf([...STORE, ...SERVICE, `--owner=${wrong}`])).rejects.toThrow(usage('--owner'));
    }
  });

  it('take tablespaces by name, OID or old path, with any character in the new one', async () => {
    const argv = [
      '--tablespace',
      'fast=/mnt/fast',
      '--tablespace',
      '16387=/mnt/a=b',
      '--tablespace',
      '/old/path=/mnt/new',
    ];
    const { tablespaces } = await requestOf([...STORE, ...SERVICE, ...argv]);
    expect([...tablespaces]).toEqual([
      ['fast', '/mnt/fast'],
      ['16387', '/mnt/a=b'],
      ['/old/path', '/mnt/new'],
    ]);
  });

  it.each(['fast', 'fast=', 'fast=relative', '=/mnt', '/mnt'])('refuse the tablespace %s', async (wrong) => {
    await expect(requestOf([...STORE, ...SERVICE, '--tablespace', wrong])).rejects.toThrow(usage(`not ${wrong}`));
  });

  it('say how much WAL may wait for a service', async () => {
    expect(await requestOf([...STORE, ...SERVICE])).toMatchObject({ spoolBytes: 2 ** 30 });
    expect(await requestOf([...STORE, ...SERVICE, '--spool', '256MiB'])).toMatchObject({ spoolBytes: 2 ** 28 });
  });

  it.each(['much', '-1', '1MiB', '0', ''])('refuse the spool %j', async (wrong) => {
    await expect(requestOf([...STORE, ...SERVICE, `--spool=${wrong}`])).rejects.toThrow(usage('--spool'));
  });

  it.each(['soon', '-1', 'Infinity', ''])('refuse %j for a number of seconds', async (wrong) => {
    await expect(requestOf([...STORE, ...SERVICE, `--stall-timeout=${wrong}`])).rejects.toMatchObject({
      code: 'usage',
    });
    expect(() => seconds({ x: wrong }, 'x')).toThrow(usage('--x'));
  });

  it('configure the restored server, of a service and in a directory', async () => {
    const argv = ['--set', 'work_mem=7MB', '--set', 'a.b= x', '--pg-hba', 'hba.conf', '--archive-mode', 'keep'];
    const wanted = {
      settings: [
        ['work_mem', '7MB'],
        ['a.b', 'x'],
      ],
      hbaFile: 'hba.conf',
      archiveMode: 'keep',
    };
    expect(await requestOf([...STORE, ...SERVICE, ...argv, '--post-sql', 'sql'])).toMatchObject({
      ...wanted,
      postSql: 'sql',
    });
    expect(await requestOf([...STORE, '--into', '/srv/pg', ...argv])).toMatchObject(wanted);
    expect(await requestOf([...STORE, ...SERVICE])).toMatchObject({ settings: [], archiveMode: 'off' });
    await expect(requestOf([...STORE, '--into', '/srv/pg', '--post-sql', 'sql'])).rejects.toThrow(usage('--post-sql'));
  });

  it('ask for a temporary server, which has no old data to speak of and archives nothing', async () => {
    const argv = [...STORE, ...SERVICE, '--temporary'];
    expect(await requestOf(argv)).toMatchObject({
      copy: { kind: 'temporary', port: 0 },
      serviceRef: { service: 'db' },
    });
    expect(await requestOf([...argv, '--port', '5433'])).toMatchObject({ copy: { port: 5433 } });
    for (const port of ['0.5', '70000', 'x', '-1'])
      await expect(requestOf([...argv, `--port=${port}`])).rejects.toThrow(usage('--port'));
    for (const other of [
      '--wipe',
      '--online',
      '--keep-previous',
      '--leave-stopped',
      '--into=/x',
      '--archive-mode=keep',
    ]) {
      await expect(requestOf([...argv, other])).rejects.toThrow(usage(other.split('=')[0] as string));
    }
    await expect(requestOf([...STORE, ...SERVICE, '--port', '5433'])).rejects.toThrow(
      usage('--port means nothing without'),
    );
  });

  it('ask for a new volume, and for the service to go over to it', async () => {
    const argv = [...STORE, ...SERVICE, '-V', 'shop-2'];
    expect(await requestOf(argv)).toMatchObject({ copy: { kind: 'new-volume', volume: 'shop-2', switch: false } });
    expect(await requestOf([...argv, '--switch'])).toMatchObject({ copy: { switch: true } });
    for (const name of ['/srv/x', 'x', 'a b', '']) {
      await expect(requestOf([...STORE, ...SERVICE, `--new-volume=${name}`])).rejects.toThrow(usage('--new-volume'));
    }
    await expect(requestOf([...argv, '-V', 'shop-3'])).rejects.toThrow(usage('--new-volume'));
    const waits = ['--target=immediate', '--target-action=pause'];
    await expect(requestOf([...argv, ...waits])).rejects.toThrow(usage('--new-volume and --target-action pause'));
    for (const other of ['--wipe', '--online', '--keep-previous', '--into=/x', '--temporary', '--port=5433']) {
      await expect(requestOf([...argv, other])).rejects.toThrow(usage(other.split('=')[0] as string));
    }
    await expect(requestOf([...STORE, ...SERVICE, '--switch'])).rejects.toThrow(
      usage('--switch means nothing without'),
    );
  });

  it('ask for a standby, whose primary comes from a flag, a file or the environment, and is never told', async () => {
    const argv = [...STORE, ...SERVICE, '-S'];
    const file = path.join(scratchDirectory(), 'conninfo');
    fs.writeFileSync(file, 'host=file\n');
    const env = { PRIMARY_CONNINFO: 'postgresql://env' };
    const standbyOf = async (more: string[], variables = {}) =>
      restoreRequest(await argumentsOf(...argv, ...more), variables).standby;
    expect(await standbyOf([])).toEqual({});
    expect(await standbyOf([], env)).toEqual({ primaryConninfo: 'postgresql://env' });
    expect(await standbyOf(['--primary-conninfo-file', file], env)).toEqual({ primaryConninfo: 'host=file' });
    expect(await standbyOf(['--primary-conninfo', 'host=flag', '--primary-conninfo-file', file], env)).toEqual({
      primaryConninfo: 'host=flag',
    });
    expect(restoreRequest(await argumentsOf(...STORE, ...SERVICE), env)).not.toHaveProperty('standby');

    for (const wrong of ['hush', ' ', 'host=a\npassword=hush']) {
      await expect(standbyOf([`--primary-conninfo=${wrong}`])).rejects.toMatchObject({
        code: 'usage',
        message: 'what is given of the primary is no connection string',
      });
    }
    await expect(standbyOf(['--primary-conninfo-file', '/nowhere'])).rejects.toThrow(usage('/nowhere'));
    await expect(requestOf([...STORE, ...SERVICE, '--primary-conninfo', 'host=x'])).rejects.toThrow(
      usage('--primary-conninfo means'),
    );
    for (const other of ['--into=/x', '--temporary', '--new-volume=xy', '--post-sql=x', '--target=immediate']) {
      await expect(requestOf([...argv, other])).rejects.toThrow(usage(other.split('=')[0] as string));
    }
  });

  it('turn syncing off and the dry run on', async () => {
    expect(await requestOf([...STORE, ...SERVICE, '--no-sync', '--dry-run'])).toMatchObject({
      sync: false,
      dryRun: true,
    });
  });

  it('cannot be empty, nor be given twice with two meanings', async () => {
    await expect(requestOf(['-u', '', ...SERVICE])).rejects.toThrow(usage('--s3-url is empty'));
    await expect(requestOf([...STORE, ...STORE, ...SERVICE])).rejects.toThrow(usage('--s3-url is given 2 times'));
    await expect(requestOf([...STORE, ...SERVICE, '-c', '-c', 'x'])).rejects.toThrow(
      usage('--replace-conf is given 2 times'),
    );
  });

  it('never show a secret in an error', async () => {
    await expect(requestOf([...STORE, ...SERVICE, '-s', 'hush', '-s', 'hush'])).rejects.toSatisfy(
      (error: Error) =>
        error.message.includes('--aws-secret-key') &&
        !JSON.stringify(error, Object.getOwnPropertyNames(error)).includes('hush'),
    );
  });
});
