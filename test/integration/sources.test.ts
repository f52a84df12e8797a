import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { listKeys, readObject } from './parts/s3.ts';

const TLS_ENDPOINT = 'https://localhost:7443';
const TLS = (name: string) => new URL(`../../.cache/tls/${name}`, import.meta.url).pathname;
const CA = TLS('ca.crt');

/** A service is restored from everything that a URL can name; the container that lays it down has to reach it, too. */
describe('a service restored from', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let folder: string;
  let server: http.Server;
  let served: string;
  const asked: string[] = [];

  beforeAll(async () => {
    ready = await readyRepository();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-sources-'));
    for (const key of [...(await listKeys(ready.bucket, 'backups/')), ...(await listKeys(ready.bucket, 'sets/'))]) {
      const file = path.join(folder, key);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, await readObject(ready.bucket, key));
    }
    server = http.createServer(serve);
    server.listen(0, '127.0.0.3');
    await once(server, 'listening');
    served = `http://127.0.0.3:${(server.address() as AddressInfo).port}`;
    project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await project.up();
  });

  afterAll(async () => {
    await project?.down();
    server?.closeAllConnections();
    server?.close();
    if (folder) fs.rmSync(folder, { recursive: true });
  });

  /** The folder, as a web server that knows ranges and lists nothing. */
  function serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    asked.push(`${request.method} ${request.headers.range ?? ''}`);
    const file = path.join(folder, decodeURIComponent(request.url ?? ''));
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (!stat?.isFile()) return void response.writeHead(404).end();
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(first ?? 0);
    const end = last ? Math.min(Number(last), stat.size - 1) : stat.size - 1;
    const head = { 'accept-ranges': 'bytes', etag: `"${stat.mtimeMs}"`, 'content-length': end - start + 1 };
    if (first === undefined) response.writeHead(200, head);
    else response.writeHead(206, { ...head, 'content-range': `bytes ${start}-${end}/${stat.size}` });
    if (request.method === 'HEAD') response.end();
    else fs.createReadStream(file, { start, end }).pipe(response);
  }

  async function restore(flags: readonly string[], options: Parameters<typeof odo>[1] = {}) {
    await project.sql('drop table if exists things');
    const outcome = await odo(
      [
        ...flags,
        '-v',
        'db',
        '-n',
        'db',
        '-f',
        project.file,
        '--wipe',
        '--yes',
        '--accept-loss',
        '--allow-different-cluster',
      ],
      options,
    );
    expect(outcome.stderr).not.toMatch(/testsecret123/);
    return outcome;
  }

  /** Gives what it has told. */
  async function mustRestore(...args: Parameters<typeof restore>): Promise<string> {
    const { code, stderr } = await restore(...args);
    expect(code, stderr).toBe(0);
    return stderr;
  }

  it('a directory, by a relative path', async () => {
    await mustRestore(['-u', 'backups'], { cwd: folder });
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
  });

  it('a file:// URL of one object', async () => {
    const [base] = execFileSync('find', [path.join(folder, 'sets'), '-name', 'base.tar*'])
      .toString()
      .split('\n');
    await mustRestore(['-u', `file://${base}`]);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.inTheSets);
  });

  it('a web server, by ranges', async () => {
    const [base = ''] = execFileSync('find', [path.join(folder, 'sets'), '-name', 'base.tar*'])
      .toString()
      .split('\n');
    await mustRestore(['-u', `${served}${base.slice(folder.length)}`]);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.inTheSets);
    expect(asked.some((line) => /^GET bytes=[1-9]/.test(line))).toBe(true);
  });

  it('a web server with a certificate of an authority of its own, which offers no ranges', async () => {
    const [base = ''] = execFileSync('find', [path.join(folder, 'sets'), '-name', 'base.tar*'])
      .toString()
      .split('\n');
    const keys = { key: fs.readFileSync(TLS('s3.key')), cert: fs.readFileSync(TLS('s3.crt')) };
    let whole = 0;
    const plain = https.createServer(keys, (request, response) => {
      const file = path.join(folder, decodeURIComponent(request.url ?? ''));
      const stat = fs.statSync(file, { throwIfNoEntry: false });
      if (!stat?.isFile()) return void response.writeHead(404).end();
      response.writeHead(200, { 'content-length': stat.size, etag: `"${stat.mtimeMs}"` });
      if (request.method === 'HEAD') return void response.end();
      whole += 1;
      return void fs.createReadStream(file).pipe(response);
    });
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    try {
      const url = `https://localhost:${(plain.address() as AddressInfo).port}${base.slice(folder.length)}`;
      const refused = await restore(['-u', url, '--retry-for', '1']);
      expect(refused).toMatchObject({ code: 10, stderr: expect.stringContaining('--ca-bundle') });
      expect(whole).toBe(0);
      await mustRestore(['-u', url, '--ca-bundle', CA]);
      expect(await project.sql(THINGS_DIGEST)).toBe(ready.inTheSets);
      expect(whole).toBeGreaterThan(1);
    } finally {
      plain.closeAllConnections();
      plain.close();
    }
  });

  it('an S3 server with a certificate of an authority of its own', async () => {
    const url = ['-u', `s3://${ready.bucket}/backups`, '--endpoint', TLS_ENDPOINT];
    const refused = await restore([...url, '--retry-for', '1']);
    expect(refused).toMatchObject({ code: 10 });
    expect(refused.stderr).toContain('--ca-bundle');
    await mustRestore([...url, '--ca-bundle', CA]);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    expect(await mustRestore([...url, '--no-verify-tls'])).toContain('whoever sits between here and the store');
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
  });
});
