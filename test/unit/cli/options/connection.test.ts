import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../../src/cli/commands/parse.ts';
import { storeConfig } from '../../../../src/cli/request/arguments.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

async function config(flags: string[], env: NodeJS.ProcessEnv = {}) {
  const parsed = await parseCommandLine(['-u', 's3://backups/shop', '--into', '/x', ...flags]);
  if ('print' in parsed) throw new Error(parsed.print);
  return storeConfig(parsed.args, env);
}

function file(content: string | Buffer): string {
  const path = join(scratchDirectory(), 'file');
  writeFileSync(path, content);
  return path;
}

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const usage = (words: string) => expect.objectContaining({ code: 'usage', message: expect.stringContaining(words) });

describe('how the store is reached', () => {
  it('says nothing by itself', async () => {
    expect(await config([])).toEqual({ url: 's3://backups/shop' });
  });

  it('takes certificates as text, from the flag or the environment', async () => {
    const bundle = file(PEM);
    expect(await config(['--ca-bundle', bundle])).toMatchObject({ caBundle: PEM });
    expect(await config([], { AWS_CA_BUNDLE: bundle })).toMatchObject({ caBundle: PEM });
    expect(await config(['--ca-bundle', bundle], { AWS_CA_BUNDLE: '/nowhere' })).toMatchObject({ caBundle: PEM });
    await expect(config(['--ca-bundle', '/nowhere'])).rejects.toEqual(
      usage('the CA bundle /nowhere cannot be read (ENOENT)'),
    );
    await expect(config(['--ca-bundle', file('hello')])).rejects.toEqual(usage('holds no certificate'));
  });

  it('takes an SSE-C key as bytes or in base64, and repeats none of it', async () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, at) => at + 100));
    expect(await config(['--sse-c-key-file', file(key)])).toMatchObject({ sseCustomerKey: key.toString('base64') });
    expect(await config(['--sse-c-key-file', file(`${key.toString('base64')}\n`)])).toMatchObject({
      sseCustomerKey: key.toString('base64'),
    });
    const error = await config(['--sse-c-key-file', file('too-short-a-secret')]).catch((e: Error) => e);
    expect(error).toEqual(usage('holds no key of 32 bytes'));
    expect(String((error as Error).message)).not.toContain('too-short-a-secret');
  });

  it('takes the proxies of the environment, lower case first', async () => {
    const env = { HTTPS_PROXY: 'http://one:1', https_proxy: 'http://two:2', no_proxy: 'localhost', HTTP_PROXY: '' };
    expect(await config([], env)).toMatchObject({ proxies: { HTTPS_PROXY: 'http://two:2', NO_PROXY: 'localhost' } });
    expect(await config([], { NO_PROXY: 'localhost' })).not.toHaveProperty('proxies');
  });

  it('takes a profile before keys of the environment', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'K', AWS_SECRET_ACCESS_KEY: 'S' };
    const named = await config(['--profile', 'restore'], env);
    expect(named).toMatchObject({ profile: 'restore' });
    expect(named).not.toHaveProperty('credentials');
    expect(await config([], env)).toHaveProperty('credentials');
  });

  it('takes the rest as it is', async () => {
    expect(await config(['--no-verify-tls', '--requester-pays', '--checksums', 'supported'])).toMatchObject({
      verifyTls: false,
      requesterPays: true,
      checksums: 'supported',
    });
  });
});
