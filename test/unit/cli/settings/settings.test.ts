import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../../src/cli/commands/parse.ts';
import { ALL_OPTIONS } from '../../../../src/cli/options/topics.ts';
import { resultWords } from '../../../../src/cli/render/words.ts';
import { storeConfig } from '../../../../src/cli/request/arguments.ts';
import { parseConfig } from '../../../../src/cli/settings/config-file.ts';
import { reportConfig } from '../../../../src/cli/settings/config-report.ts';
import type { SettingInForce } from '../../../../src/cli/settings/settings.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

/** A working directory with these files. */
function directoryWith(files: Record<string, string>): string {
  const directory = scratchDirectory();
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(directory, name), text);
  return directory;
}

async function parsed(argv: string[], files: Record<string, string>, env: NodeJS.ProcessEnv = {}) {
  const result = await parseCommandLine(argv, { env, directory: directoryWith(files) });
  if ('print' in result) throw new Error(`it prints: ${result.print}`);
  const of = (name: string): Partial<SettingInForce> => result.settings.find((setting) => setting.name === name) ?? {};
  return { ...result, of };
}

const usage = (message: RegExp, hint: RegExp = /./) =>
  expect.objectContaining({
    code: 'usage',
    exitCode: 2,
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  });

describe('the settings in force', () => {
  const files = {
    'odo.yaml': 'aws-region: from-config\nverify: full\n',
    '.env': 'AWS_REGION=from-dotenv\nS3_BACKUP_URL=s3://dotenv\n',
  };

  it('come from a flag, else the environment, else the config file, else .env, else the default', async () => {
    const region = async (argv: string[], env: NodeJS.ProcessEnv, some: Record<string, string>) =>
      (await parsed(argv, some, env)).of('aws-region');
    const env = { AWS_DEFAULT_REGION: 'from-env' };
    expect(await region(['-r', 'from-flag'], env, files)).toEqual({
      name: 'aws-region',
      value: 'from-flag',
      from: 'flag',
    });
    expect(await region([], env, files)).toMatchObject({
      value: 'from-env',
      from: 'environment',
      source: 'AWS_DEFAULT_REGION',
    });
    expect(await region([], {}, files)).toMatchObject({ value: 'from-config', from: 'config', source: 'odo.yaml' });
    expect(await region([], {}, { '.env': files['.env'] })).toMatchObject({
      value: 'from-dotenv',
      from: '.env',
      source: 'AWS_REGION',
    });
    expect(await region([], {}, {})).toEqual({});
    expect((await parsed([], files)).of('retry-for')).toEqual({ name: 'retry-for', value: '600', from: 'default' });
  });

  it('are what the command gets, except for the environment, which it reads itself', async () => {
    const { args } = await parsed([], files, { S3_BACKUP_URL: 's3://env' });
    expect(args).toMatchObject({ 'aws-region': 'from-config', verify: 'full', 'retry-for': '600' });
    expect(args['s3-url']).toBeUndefined();
    expect(storeConfig(args, { S3_BACKUP_URL: 's3://env' })).toMatchObject({ url: 's3://env', region: 'from-config' });
  });

  it('may turn off by a flag what the config file turns on', async () => {
    const { args } = await parsed(['--no-online', '--sync'], { 'odo.yaml': 'online: true\nsync: false\n' });
    expect(args).toMatchObject({ online: false, sync: true });
  });

  it('take the destination of a flag for the one that is meant', async () => {
    const service = { 'odo.yaml': 'volume: db\nservice: db\ncompose-file: compose.yaml\n' };
    const into = (await parsed(['--into', '/srv/pgdata'], service)).args;
    expect([into.volume, into.service, into['compose-file']]).toEqual([undefined, undefined, undefined]);
    const volume = (await parsed(['-v', 'other'], { 'odo.yaml': 'into: /srv/pgdata\nservice: db\n' })).args;
    expect(volume).toMatchObject({ volume: 'other', service: 'db' });
    expect(volume.into).toBeUndefined();
    const moment = (
      await parsed(['--target-lsn', '0/5000123'], { 'odo.yaml': 'target-time: 2026-11-21\ntimezone: UTC\n' })
    ).args;
    expect([moment['target-lsn'], moment['target-time'], moment.timezone]).toEqual(['0/5000123', undefined, undefined]);
  });

  it('are not for the command of the restore container', async () => {
    expect((await parsed(['agent'], { 'odo.yaml': 'nonsense: true' })).settings).toEqual([]);
  });
});

describe('.env', () => {
  it('is read with the names of the predecessor and with the documented ones, which win', async () => {
    const old = 'AWS_ACCESS_KEY=old-key\nAWS_SECRET_KEY="old secret"\nAWS_REGION=eu-west-1\nOTHER=1\n';
    const { args, of } = await parsed(['-u', 's3://x'], { '.env': old });
    expect(storeConfig(args, {})).toMatchObject({
      region: 'eu-west-1',
      credentials: { accessKeyId: 'old-key', secretAccessKey: 'old secret' },
    });
    expect(of('aws-access-key')).toMatchObject({ from: '.env', source: 'AWS_ACCESS_KEY' });
    const both = await parsed([], { '.env': `${old}AWS_ACCESS_KEY_ID=new-key\n` });
    expect(both.of('aws-access-key')).toMatchObject({ value: 'new-key', source: 'AWS_ACCESS_KEY_ID' });
  });

  it('brings a session token along with its own keys only', async () => {
    const dotenv = { '.env': 'AWS_ACCESS_KEY_ID=K\nAWS_SECRET_ACCESS_KEY=S\nAWS_SESSION_TOKEN=T\n' };
    const credentials = async (env: NodeJS.ProcessEnv) =>
      storeConfig((await parsed(['-u', 's3://x'], dotenv, env)).args, env).credentials;
    expect(await credentials({})).toEqual({ accessKeyId: 'K', secretAccessKey: 'S', sessionToken: 'T' });
    const others = { AWS_ACCESS_KEY_ID: 'EK', AWS_SECRET_ACCESS_KEY: 'ES' };
    expect(await credentials(others)).toEqual({ accessKeyId: 'EK', secretAccessKey: 'ES' });
    expect(await credentials({ AWS_PROFILE: 'backup' })).toBeUndefined();
  });

  it("leaves compose's variables to compose", async () => {
    expect((await parsed([], { '.env': 'COMPOSE_PROJECT_NAME=x\nODO_IMAGE=y\n' })).of('project-name')).toEqual({});
  });

  it('does not take the place of the environment with the names of the predecessor there', async () => {
    expect((await parsed([], {}, { AWS_ACCESS_KEY: 'x' })).of('aws-access-key')).toEqual({});
  });
});

describe('the config file', () => {
  it('has texts, lists, numbers and yes-or-no, as the options want them', async () => {
    const text = `
      # a comment
      s3-url: s3://backups/shop
      retry-for: 30
      compose-file: [compose.yaml, compose.prod.yaml]
      tablespace: fast=/fast
      replace-conf: true
      online: true
      owner: 70:70
      image:
    `;
    expect(await parseConfig(text, 'odo.yaml')).toEqual({
      's3-url': 's3://backups/shop',
      'retry-for': '30',
      'compose-file': ['compose.yaml', 'compose.prod.yaml'],
      tablespace: ['fast=/fast'],
      'replace-conf': 'true',
      online: true,
      owner: '70:70',
    });
    expect(await parseConfig('', 'odo.yaml')).toEqual({});
    expect(await parseConfig('# nothing', 'odo.yaml')).toEqual({});
  });

  it.each([
    ['volum: db', /no option 'volum'/, /did you mean volume\?/],
    ['s3_url: x', /no option 's3_url'/, /did you mean s3-url\?/],
    ['frobnicate: x', /no option 'frobnicate'/, /keys are named as the long options/],
    ['v: db', /no option 'v'/, /./],
    ['yes: true', /yes can be given on the command line only/, /./],
    ['config: other.yaml', /config can be given on the command line only/, /./],
    ['online: maybe', /online wants true or false/, /./],
    ['verify: twice', /verify wants one of stream, full/, /./],
    ['volume: [a, b]', /volume wants a text/, /./],
    ['service: {a: b}', /service wants a text/, /./],
    ['- a\n- b', /holds no options/, /./],
    ['just words', /holds no options/, /./],
  ])('is refused with the reason: %s', async (text, message, hint) => {
    await expect(parseConfig(text, 'odo.yaml')).rejects.toThrow(usage(message, hint));
  });

  it('is refused when it is no YAML, without repeating what may be a secret', async () => {
    try {
      await parseConfig('volume: db\naws-secret-key: "hush\n', 'odo.yaml');
      expect.unreachable();
    } catch (error) {
      expect(error).toEqual(usage(/^odo\.yaml is not YAML: \w+ in line \d/));
      expect(JSON.stringify([error, (error as Error).message])).not.toContain('hush');
    }
  });

  it('may be another one, which then has to be there', async () => {
    const files = { 'odo.yaml': 'volume: one', 'other.yaml': 'volume: two' };
    expect((await parsed(['--config', 'other.yaml'], files)).of('volume')).toMatchObject({
      value: 'two',
      source: 'other.yaml',
    });
    await expect(parsed(['--config', 'nosuch.yaml'], files)).rejects.toEqual(
      usage(/cannot read nosuch\.yaml \(ENOENT\)/),
    );
  });
});

describe('odo config', () => {
  it('prints each setting with where it comes from, and no secret', async () => {
    const files = { 'odo.yaml': 'aws-secret-key: hush-hush\nvolume: db\n', '.env': 'AWS_ACCESS_KEY=AKIAEXAMPLE1234\n' };
    const { settings } = await parsed(['config', '-u', 's3://x'], files, { S3_ENDPOINT: 'http://127.0.0.1:1' });
    const report = reportConfig(settings);
    const words = resultWords(report);
    expect(JSON.stringify(report)).not.toContain('hush-hush');
    expect(words.split('\n').map((line) => line.split(/ {2,}/))).toEqual(
      expect.arrayContaining([
        ['aws-access-key', '***1234', '.env (AWS_ACCESS_KEY)'],
        ['aws-secret-key', '***', 'config (odo.yaml)'],
        ['s3-url', 's3://x', 'flag'],
        ['endpoint', 'http://127.0.0.1:1', 'environment (S3_ENDPOINT)'],
        ['volume', 'db', 'config (odo.yaml)'],
        ['verify', 'stream', 'default'],
      ]),
    );
  });

  it('knows of every option that it exists', async () => {
    const { settings } = await parsed(['config'], {});
    const names = Object.entries(ALL_OPTIONS).flatMap(([name, option]) => (option.default === undefined ? [] : [name]));
    expect(settings.map(({ name }) => name)).toEqual(names);
  });
});
