import { describe, expect, it } from 'vitest';
import { findEndpoint, parseContext } from '../../../src/docker/endpoint.ts';
import { clientOptions } from '../../../src/docker/engine.ts';

const signal = new AbortController().signal;

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
    expect(await tls({ DOCKER_TLS: '1', HOME: '/home/me' })).toEqual({ certificatesDir: '/home/me/.docker', verify: false });
    expect(await tls({ DOCKER_CERT_PATH: '/certs', DOCKER_TLS_VERIFY: '' })).toBeUndefined();
  });

  it('takes the default socket where there is no docker command line', async () => {
    const endpoint = await findEndpoint({ PATH: '/nonexistent' }, signal);
    expect(endpoint.host).toBe('unix:///var/run/docker.sock');
    expect(endpoint.env).toEqual({ PATH: '/nonexistent', DOCKER_HOST: 'unix:///var/run/docker.sock' });
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
    expect(Object.keys(options)).toEqual(expect.arrayContaining(['host', 'port', 'ca', 'cert', 'key', 'timeout', 'pathPrefix']));
  });

  it('reads host, port and path of an address', async () => {
    expect(await clientOptions({ host: 'tcp://db:4243/engine', env: {} })).toMatchObject({
      host: 'db',
      port: '4243',
      pathPrefix: '/engine',
    });
    expect(await clientOptions({ host: 'tcp://db', env: {} })).toMatchObject({ host: 'db', port: 2375, protocol: 'http' });
    const tls = { certificatesDir: '/nonexistent', verify: true };
    expect(await clientOptions({ host: 'tcp://db', tls, env: {} })).toMatchObject({ host: 'db', port: 2376, protocol: 'https' });
  });

  it('refuses what is no address', async () => {
    await expect(clientOptions({ host: 'ftp://db', env: {} })).rejects.toThrow(/unix:\/\/\/path/);
  });
});
