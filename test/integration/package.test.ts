import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { OWN } from './parts/own.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { madeRelease } from './parts/release.ts';
import { mustRun, type Outcome, run, until } from './parts/run.ts';
import { S3_ENDPOINT, S3_KEYS } from './parts/s3.ts';

/** The image's own name would be another build's for the tests beside this one. */
const IMAGE = `odo-test-package:${OWN}`;
const HOST = `odo-test-package-${OWN}`;
const SOCKET = '/var/run/docker.sock';
const PLUGINS = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map(
  (folder) => `${folder}/docker/cli-plugins/docker-compose`,
);

/** The commands of docs/guides/install.md, with the heading that they stand below. */
const GUIDE = readGuide();
const LOADING = 'Load the image';

/**
 * A release on a host that has Debian, Docker's client with compose, and nothing else: a container that reaches the
 * engine as a host does.
 */
describe('the release, on a host without Node', () => {
  let repository: ReadyRepository;
  let project: ComposeProject;
  let release: string;
  const { version } = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

  beforeAll(async () => {
    [repository, release] = await Promise.all([readyRepository(), madeRelease()]);
    project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await project.up();
    await project.sql("create table old as select 'as before' as what");
    const client = (await mustRun('sh', ['-c', 'readlink -f "$(command -v docker)"'])).trim();
    const compose = PLUGINS.find((file) => fs.existsSync(file)) ?? '';
    const mounts = [
      `${SOCKET}:${SOCKET}`,
      `${client}:/usr/bin/docker:ro`,
      `${compose}:/usr/libexec/docker/cli-plugins/docker-compose:ro`,
      `${release}:/download:ro`,
      `${project.folder}:${project.folder}`,
    ];
    const variables = { ...S3_KEYS, S3_ENDPOINT, ODO_IMAGE: IMAGE };
    await mustRun('docker', [
      ...['run', '-d', '--init', '--name', HOST, '--network', 'host'],
      ...mounts.flatMap((mount) => ['-v', mount]),
      ...Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
      ...['odo-parts/debian:trixie', 'sleep', 'infinity'],
    ]);
  });

  afterAll(async () => {
    await run('docker', ['rm', '-f', HOST]);
    await run('docker', ['rmi', IMAGE]);
    await project?.down();
  });

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const inHost = (...command: string[]) => run('docker', ['exec', HOST, ...command]);
  const shell = (script: string) => mustRun('docker', ['exec', HOST, 'sh', '-ec', script]);
  const odo = (...args: string[]) => inHost('odo', ...args);
  const isLoaded = async () => (await run('docker', ['image', 'inspect', IMAGE])).code === 0;

  /** Runs a command on a terminal, on which `answer` is typed when it asks. */
  async function onTerminal(answer: string, command: string): Promise<Outcome> {
    const inTerminal = `docker exec -it ${HOST} ${command}`;
    const child = spawn('script', ['-qec', inTerminal, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
    });
    const closed = once(child, 'close') as Promise<[number]>;
    await Promise.race([closed, until('it asks', async () => stdout.includes('Go on? [y/N]'))]);
    child.stdin.write(`${answer}\n`);
    const [code] = await closed;
    return { code, stdout, stderr: '' };
  }

  it('is installed as the guide says, and is one executable', async () => {
    for (const { use, text } of GUIDE.filter(({ heading }) => heading !== LOADING))
      if (use === 'sh') await shell(`cd /download\n${text}`);
    expect(await shell('command -v node npm || echo neither')).toBe('neither');
    expect(await odo('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect((await odo('completion', 'bash')).stdout).toBe(fs.readFileSync(path.join(release, 'odo.bash'), 'utf8'));
    expect((await odo('man')).stdout).toBe(fs.readFileSync(path.join(release, 'odo.1'), 'utf8'));
  });

  it('is a package for npm, which needs no other, where there is a Node', async () => {
    const prefix = path.join(project.folder, 'npm');
    const tarball = path.join(release, `odo-${version}.tgz`);
    await mustRun('npm', ['install', '--offline', '--silent', '--global', '--prefix', prefix, tarball]);
    const link = path.join(prefix, 'bin/odo');
    expect(await mustRun(process.execPath, [link, '--version'])).toBe(version);
    expect(fs.readdirSync(path.join(prefix, 'lib/node_modules'))).toEqual(['odo']);
    expect(fs.existsSync(path.join(prefix, 'share/man/man1/odo.1'))).toBe(true);
  });

  it('names the way to the image where the engine lacks it', async () => {
    const { code, stderr } = await odo('status', ...names());
    expect(code, stderr).toBe(22);
    expect(stderr).toContain(`hint: "odo image load" loads it from /opt/odo/odo-image-${version}.tar.gz`);
  });

  it('loads nothing unasked', async () => {
    const { code, stderr } = await odo('image', 'load');
    expect(code, stderr).toBe(2);
    expect(stderr).toContain(`the tag ${IMAGE} will be made – and there is no terminal to ask on`);
    expect(await isLoaded()).toBe(false);
  });

  it('loads the image when it is told to, having said what that does, and restores a service with it', async () => {
    const [step] = GUIDE.filter(({ heading }) => heading === LOADING);
    const loaded = await onTerminal('y', step?.text ?? '');
    expect(loaded.code, loaded.stdout).toBe(0);
    expect(loaded.stdout).toMatch(/the restore image of ODO .* will be loaded into the engine at unix:.*: [\d.]+ MiB/s);
    expect(loaded.stdout).toContain(`loaded: ${IMAGE} is the restore image of ODO ${version}`);
    const url = `s3://${repository.bucket}/backups/shop`;
    const restored = await odo('-u', url, ...names(), '--allow-different-cluster', '--yes');
    expect(restored.code, restored.stderr).toBe(0);
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);
    const status = await odo('status', ...names());
    expect(status.code, status.stderr).toBe(0);
  });

  it('restores into a directory by its own native code, of which nothing is left', async () => {
    // Another program looks which files with code the process has in memory.
    // By reading: a copy of what has no size is empty.
    const probe =
      `process.on('exit', () => require('fs').writeFileSync('/maps', ` +
      `require('fs').readFileSync('/proc/self/maps')))`;
    await shell(`echo "${probe}" >/probe.cjs; mkdir /scratch`);
    const url = `s3://${repository.bucket}/sets`;
    const options = ['-e', 'NODE_OPTIONS=--require /probe.cjs', '-e', 'TMPDIR=/scratch', HOST];
    const { code, stderr } = await run('docker', ['exec', ...options, 'odo', '-u', url, '--into', '/restored']);
    expect(code, stderr).toBe(0);
    expect(await shell('cat /restored/PG_VERSION')).toBe('15');
    expect(await shell('cat /maps')).toMatch(/ r-xp .*\/scratch\/odo-\w+\/code \(deleted\)/);
    expect(await shell('ls /scratch')).toBe('');
  });

  it('offers to load the image on a terminal, and goes on either way', async () => {
    await mustRun('docker', ['rmi', IMAGE]);
    const status = ['odo', 'status', ...names()].join(' ');
    const without = await onTerminal('n', status);
    expect(without.code, without.stdout).toBe(22);
    expect(without.stdout).toContain(`the tag ${IMAGE} will be made`);
    expect(await isLoaded()).toBe(false);
    const loaded = await onTerminal('y', status);
    expect(loaded.code, loaded.stdout).toBe(0);
    expect(loaded.stdout).toMatch(/state +\w/);
    expect(await isLoaded()).toBe(true);
  });
});

/** The blocks of code: `sh` is run, `sh terminal` on a terminal, `sh not-run` not at all. */
function readGuide(): { heading: string; use: string; text: string }[] {
  const guide = fs.readFileSync(new URL('../../docs/guides/install.md', import.meta.url), 'utf8');
  return guide.split(/^## /m).flatMap((section) => {
    const heading = section.split('\n')[0] ?? '';
    const blocks = [...section.matchAll(/^```([a-z -]+)\n(.*?)^```$/gms)];
    return blocks.map(([, use = '', text = '']) => ({ heading, use, text }));
  });
}
