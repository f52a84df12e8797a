import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type ConnectProxy, startConnectProxy } from './parts/connect-proxy.ts';
import { odo } from './parts/odo.ts';
import { OWN } from './parts/own.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { S3_ENDPOINT } from './parts/s3.ts';

const TLS_ENDPOINT = 'https://localhost:7443';
const CA = new URL('../../.cache/tls/ca.crt', import.meta.url).pathname;
const NO_PROXIES = Object.fromEntries(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
    .flatMap((name) => [name, name.toLowerCase()])
    .map((name) => [name, undefined]),
);

/**
 * A machine that reaches the store through a proxy alone: nobody else knows where these hosts are, or listens at port
 * 443.
 */
describe('through a proxy', () => {
  const hosts = { localhost: new URL(TLS_ENDPOINT), 'store.invalid': new URL(S3_ENDPOINT) };
  let ready: ReadyRepository;
  let proxy: ConnectProxy;
  let open: ConnectProxy;

  beforeAll(async () => {
    ready = await readyRepository();
    proxy = await startConnectProxy(hosts, 'o.d.o:p@ss/word');
    open = await startConnectProxy(hosts);
  });
  afterAll(async () => {
    await proxy?.close();
    await open?.close();
  });

  async function list(endpoint: string, env: NodeJS.ProcessEnv) {
    const url = ['-u', `s3://${ready.bucket}/backups`, '--endpoint', endpoint, '--ca-bundle', CA, '--retry-for', '1'];
    const { code, stdout, stderr } = await odo(['list', ...url], { env: { ...NO_PROXIES, ...env } });
    expect(stdout + stderr).not.toMatch(/p@ss|p%40ss|wrong-word/);
    return { code, stderr, isListed: stdout.includes(ready.barmanId) };
  }

  it('a service is restored over TLS, by the restore container, too', async () => {
    const project: ComposeProject = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    try {
      await project.up();
      const { code, stdout, stderr } = await odo(
        [
          ...['-u', `s3://${ready.bucket}/backups`, '--endpoint', 'https://localhost', '--ca-bundle', CA],
          ...['-v', 'db', '-n', 'db', '-f', project.file],
        ],
        { env: { ...NO_PROXIES, HTTPS_PROXY: proxy.url } },
      );
      expect(code, stderr).toBe(0);
      expect(stdout + stderr).not.toMatch(/p@ss|p%40ss/);
      expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
      expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT localhost:443']));
    } finally {
      await project.down();
    }
  });

  it('a repository is read without TLS, too', async () => {
    expect(await list('http://store.invalid', { http_proxy: proxy.url })).toMatchObject({ code: 0, isListed: true });
    expect(proxy.asked.at(-1)).toMatch(/^GET http:\/\/store\.invalid\//);
  });

  it('what NO_PROXY names is reached without it', async () => {
    const env = { HTTPS_PROXY: 'http://127.0.0.1:9', NO_PROXY: 'example.com,localhost' };
    expect(await list(TLS_ENDPOINT, env)).toMatchObject({ code: 0, isListed: true });
  });

  it('that is not there is named, and not the server', async () => {
    for (const endpoint of [TLS_ENDPOINT, S3_ENDPOINT]) {
      const nobody = 'http://o.d.o:wrong-word@127.0.0.4:9';
      const { code, stderr } = await list(endpoint, { HTTPS_PROXY: nobody, HTTP_PROXY: nobody });
      expect(code, stderr).toBe(10);
      expect(stderr).toContain('cannot reach the proxy http://127.0.0.4:9 (ECONNREFUSED)');
    }
  });

  it('that refuses user and password, or wants some, is named without them', async () => {
    const { host } = new URL(proxy.url);
    const wrong = `http://o.d.o:wrong-word@${host}`;
    for (const [endpoint, name] of [
      ['https://localhost', 'HTTPS_PROXY'],
      ['http://store.invalid', 'HTTP_PROXY'],
    ] as const) {
      const refused = await list(endpoint, { [name]: wrong });
      expect(refused.code, refused.stderr).toBe(11);
      expect(refused.stderr).toContain(`the proxy http://${host} refuses its user and password`);
      expect(refused.stderr).toContain(`set ${name} to http://user:password@host:port`);
      const anonymous = await list(endpoint, { [name]: `http://${host}` });
      expect(anonymous.code, anonymous.stderr).toBe(11);
      expect(anonymous.stderr).toContain(`the proxy http://${host} wants a user and a password`);
    }
  });

  it('that takes connections and never answers is named, in the middle of a restore, too', async () => {
    const [silent, tiring] = [await startConnectProxy(hosts, 'name:hush'), await startConnectProxy(hosts, 'name:hush')];
    const into = path.join(os.tmpdir(), `odo-proxies-${OWN}`);
    try {
      silent.hangAt(/^CONNECT/);
      tiring.hangAt(/^GET .*data\.tar/);
      const url = ['-u', `s3://${ready.bucket}/backups`, '--endpoint', 'http://store.invalid', '--retry-for', '1'];
      const [atOnce, later] = await Promise.all([
        list('https://localhost', { HTTPS_PROXY: silent.url }),
        odo([...url, '--into', into], { env: { ...NO_PROXIES, HTTP_PROXY: tiring.url } }),
      ]);
      expect(atOnce.code, atOnce.stderr).toBe(10);
      const { host } = new URL(silent.url);
      expect(atOnce.stderr).toContain(
        `no answer in time from the proxy http://${host}, which is to lead to https://localhost`,
      );
      expect(later.code, later.stderr).toBe(10);
      expect(later.stderr).toContain(`sent nothing through the proxy http://${new URL(tiring.url).host} for `);
      expect(atOnce.stderr + later.stdout + later.stderr).not.toContain('hush');
    } finally {
      fs.rmSync(into, { recursive: true, force: true });
      await silent.close();
      await tiring.close();
    }
  });

  it('that does not let through is named', async () => {
    const { code, stderr } = await list('https://elsewhere.localhost', { HTTPS_PROXY: open.url });
    expect(code, stderr).toBe(11);
    expect(stderr).toContain(`the proxy ${open.url} does not let through to the server (HTTP 403)`);
  });
});
