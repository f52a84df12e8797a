import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { findEndpoint, parseContext } from '../../../../src/docker/client/endpoint.ts';
import { clientOptions } from '../../../../src/docker/client/engine.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const signal = new AbortController().signal;

/** A docker command line whose current context is this one. */
function commandLine(Name: string, Host: string) {
  const folder = scratchDirectory();
  const context = JSON.stringify([{ Name, Endpoints: { docker: { Host } } }]);
  fs.writeFileSync(path.join(folder, 'docker'), `#!/bin/sh\necho '${context}'\n`, { mode: 0o755 });
  return { folder, env: { PATH: `${folder}:/usr/bin:/bin` } };
}

describe('findEndpoint', () => {
  it.each([
    ['unix:///run/user/1000/docker.sock', 'unix:///run/user/1000/docker.sock'],
    ['unix://', 'unix:///var/run/docker.sock'],
    ['tcp://10.0.0.1:2375', 'tcp://10.0.0.1:2375'],
    ['10.0.0.1:2375', 'tcp://10.0.0.1:2375'],
    ['ssh://me@db', 'ssh://me@db'],
  ])('takes DOCKER_HOST=%s', async (DOCKER_HOST, host) => {
    const env = { DOCKER_HOST, DOCKER_CONTEXT: 'ignored' };
    expect(await findEndpoint(env, signal)).toEqual({ host, env });
  });

  it('encrypts as DOCKER_TLS_VERIFY and DOCKER_TLS say', async () => {
    const DOCKER_HOST = 'tcp://10.0.0.1:2376';
    const tls = async (env: NodeJS.ProcessEnv) => (await findEndpoint({ DOCKER_HOST, ...env }, signal)).tls;
    expect(await tls({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' })).toEqual({
      certificatesDir: '/certs',
      verify: true,
    });
    expect(await tls({ DOCKER_TLS: '1', HOME: '/home/me' })).toEqual({
      certificatesDir: '/home/me/.docker',
      verify: false,
    });
    expect(await tls({ DOCKER_CERT_PATH: '/certs', DOCKER_TLS_VERIFY: '' })).toBeUndefined();
  });

  it('takes the default socket where there is no docker command line', async () => {
    const env = { PATH: '/nonexistent', DOCKER_CONTEXT: 'prod' };
    const endpoint = await findEndpoint(env, signal);
    expect(endpoint.host).toBe('unix:///var/run/docker.sock');
    expect(endpoint.env).toEqual({ ...env, DOCKER_HOST: 'unix:///var/run/docker.sock' });
  });

  it('takes the default socket without the docker command line where nothing names another', async () => {
    const DOCKER_CONFIG = scratchDirectory();
    const { env, folder } = commandLine('prod', 'tcp://10.0.0.1:2375');
    const found = () => findEndpoint({ ...env, DOCKER_CONFIG }, signal);
    const config = (text: string) => fs.writeFileSync(path.join(DOCKER_CONFIG, 'config.json'), text);
    const byDefault = {
      host: 'unix:///var/run/docker.sock',
      env: { ...env, DOCKER_CONFIG, DOCKER_CONTEXT: 'default' },
    };
    expect(await found()).toEqual(byDefault);
    for (const text of ['{}', '{"currentContext":""}', '{"currentContext":"default","auths":{}}']) {
      config(text);
      expect(await found(), text).toEqual(byDefault);
    }
    expect(await findEndpoint({ ...env, HOME: folder }, signal)).toMatchObject({ host: byDefault.host });
  });

  it('asks the docker command line where something names a context or encryption, or may', async () => {
    const DOCKER_CONFIG = scratchDirectory();
    const { env } = commandLine('prod', 'tcp://10.0.0.1:2375');
    const found = async (more: NodeJS.ProcessEnv = {}) =>
      (await findEndpoint({ ...env, DOCKER_CONFIG, ...more }, signal)).host;
    expect(await found({ DOCKER_CONTEXT: 'prod' })).toBe('tcp://10.0.0.1:2375');
    expect(await found({ DOCKER_TLS: '1' })).toBe('tcp://10.0.0.1:2375');
    expect(await found({ DOCKER_TLS_VERIFY: '1' })).toBe('tcp://10.0.0.1:2375');
    for (const text of ['{"currentContext":"prod"}', '{"currentContext":', 'null']) {
      fs.writeFileSync(path.join(DOCKER_CONFIG, 'config.json'), text);
      expect(await found(), text).toBe('tcp://10.0.0.1:2375');
    }
  });
});

describe('parseContext', () => {
  it('keeps to the context by name, with its certificates', () => {
    const output = JSON.stringify([
      {
        Name: 'prod',
        Endpoints: { docker: { Host: 'tcp://db.example.com:2376', SkipTLSVerify: false } },
        TLSMaterial: { docker: ['ca.pem', 'cert.pem', 'key.pem'] },
        Storage: { TLSPath: '/home/me/.docker/contexts/tls/ab12' },
      },
    ]);
    expect(parseContext(output, { PATH: '/bin' })).toEqual({
      host: 'tcp://db.example.com:2376',
      tls: { certificatesDir: '/home/me/.docker/contexts/tls/ab12/docker', verify: true },
      env: { PATH: '/bin', DOCKER_CONTEXT: 'prod' },
    });
  });

  it('has nothing to say about a context without a Docker endpoint', () => {
    expect(parseContext('[{"Name":"k8s","Endpoints":{}}]', {})).toBeUndefined();
  });
});

describe('clientOptions', () => {
  it('gives every option that the library would otherwise take from the environment', async () => {
    const options = await clientOptions({ host: 'unix:///x.sock', env: {} });
    expect(options).toMatchObject({ protocol: 'http', socketPath: '/x.sock' });
    expect(Object.keys(options)).toEqual(
      expect.arrayContaining(['host', 'port', 'ca', 'cert', 'key', 'timeout', 'pathPrefix']),
    );
  });

  it('reads host, port and path of an address', async () => {
    expect(await clientOptions({ host: 'tcp://db:4243/engine', env: {} })).toMatchObject({
      host: 'db',
      port: '4243',
      pathPrefix: '/engine',
    });
    expect(await clientOptions({ host: 'tcp://db', env: {} })).toMatchObject({
      host: 'db',
      port: 2375,
      protocol: 'http',
    });
    const tls = { certificatesDir: '/nonexistent', verify: true };
    expect(await clientOptions({ host: 'tcp://db', tls, env: {} })).toMatchObject({
      host: 'db',
      port: 2376,
      protocol: 'https',
    });
  });

  it('refuses what is no address', async () => {
    await expect(clientOptions({ host: 'ftp://db', env: {} })).rejects.toThrow(/unix:\/\/\/path/);
  });
});
