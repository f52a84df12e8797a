import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo } from './parts/odo.ts';
import { type ReadyRepository, readyRepository } from './parts/ready-repository.ts';
import { mustRun, run } from './parts/run.ts';

const DATA = '/var/lib/postgresql/data';

/** Where the data of a service really lies, and who else has it in hand. */
describe('the place of the data', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let folder: string;
  const strangers: string[] = [];

  beforeAll(async () => {
    ready = await readyRepository();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-test-place-'));
    fs.mkdirSync(path.join(folder, 'pg'));
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      services: `
  device:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["device:${DATA}"]`,
      volumes: [`device: { driver_opts: { type: none, o: bind, device: ${folder}/pg } }\n  unused`],
    });
    await project.up();
  });

  afterAll(async () => {
    for (const name of strangers) await run('docker', ['rm', '-fv', name]);
    await project?.down();
    await mustRun('docker', ['run', '--rm', '--network', 'none', '-v', `${folder}:/f`, 'postgres:15', 'sh', '-c', 'rm -rf /f/*']);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const sets = () => `s3://${ready.bucket}/sets`;
  const target = (service: string) => ['-v', service, '-n', service, '-f', project.file];

  /** A container that has something mounted at the data directory, and a server in it or not. */
  async function startStranger(source: string): Promise<string> {
    const name = `${project.name}-stranger-${strangers.push('') - 1}`;
    strangers.push(name);
    await mustRun('docker', [
      'run',
      '-d',
      '--name',
      name,
      '--network',
      'none',
      '-v',
      `${source}:${DATA}`,
      'postgres:15',
      'sleep',
      '99',
    ]);
    return name;
  }

  it('one directory under two names: whoever has it in hand is named, and nothing is touched', async () => {
    await project.compose('stop', 'device');
    const digest = () => mustRun('sh', ['-c', `find ${folder}/pg | sort | sha256sum`]);
    const before = await digest();
    const byPath = await startStranger(path.join(folder, 'pg'));
    for (const args of [['-u', sets()], ['check', '-u', sets()], ['rollback'], ['promote'], ['clean']]) {
      const { code, stderr } = await odo([...args, ...target('device')]);
      expect([code, stderr], args[0]).toEqual([24, expect.stringContaining(`${byPath} (postgres:15, at ${DATA})`)]);
    }
    expect(await digest()).toBe(before);
    await mustRun('docker', ['rm', '-fv', byPath]);

    const root = await mustRun('docker', ['volume', 'inspect', '-f', '{{.Mountpoint}}', project.volume]);
    const byFolder = await startStranger(root);
    const { code, stderr } = await odo(['check', '-u', sets(), ...target('db')]);
    expect([code, stderr]).toEqual([24, expect.stringContaining(byFolder)]);
    await mustRun('docker', ['rm', '-fv', byFolder]);
  });
});
