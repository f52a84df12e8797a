import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BEGIN, BLOCK_END } from '../../../../src/postgres/configuration/recovery-settings.ts';
import { crc32c } from '../../../../src/postgres/terms/crc32c.ts';
import type { RaiseFacts } from '../../../../src/restore/contract/jobs.ts';
import { archivingConfigured, raiseSettings } from '../../../../src/restore/staging/raise-settings.ts';
import { onFullDisk } from '../../parts/full-disk.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const CONTROL = fs.readFileSync(new URL('../../../fixtures/postgres/pg_control.17', import.meta.url));
const FACTS: RaiseFacts = { commandLine: {}, configElsewhere: false };
const BLOCK = `${BLOCK_BEGIN}\nrestore_command = 'x'\n${BLOCK_END}\n`;

let root: string;
const place = () => ({ root, odoDir: path.join(root, '.odo') });
const file = (name: string) => path.join(root, name);
const autoConf = () => fs.readFileSync(file('postgresql.auto.conf'), 'utf8');

/** A pg_control of a server that had so many connections. */
function control(connections: number): Buffer {
  const bytes = Buffer.from(CONTROL);
  bytes.writeUInt32LE(connections, 180);
  bytes.writeUInt32LE(crc32c(bytes, 0, 288), 288);
  return bytes;
}

beforeEach(() => {
  root = scratchDirectory();
  plantTree(root, {
    PG_VERSION: '17\n',
    'postgresql.conf': 'max_connections = 20\n',
    'postgresql.auto.conf': BLOCK,
    'global/': '',
  });
  fs.writeFileSync(file('global/pg_control'), control(300));
  fs.chmodSync(file('postgresql.auto.conf'), 0o640);
});

describe('what recovery demands more of', () => {
  it('is raised in the file that the server reads last, which stays as it is otherwise', () => {
    expect(raiseSettings(place(), FACTS)).toEqual([{ name: 'max_connections', has: 20, needed: 300 }]);
    expect(autoConf()).toContain("restore_command = 'x'\nmax_connections = '300'\n");
    expect(fs.statSync(file('postgresql.auto.conf')).mode & 0o777).toBe(0o640);
    // The second time there is nothing to do.
    const before = autoConf();
    expect(raiseSettings(place(), FACTS)).toEqual([]);
    expect(autoConf()).toBe(before);
  });

  it('is taken from what the server really has: enough in any file is enough', () => {
    fs.writeFileSync(file('more.conf'), 'max_connections = 300\n');
    fs.appendFileSync(file('postgresql.conf'), "include 'more.conf'\n");
    expect(raiseSettings(place(), FACTS)).toEqual([]);
    expect(autoConf()).toBe(BLOCK);
  });

  it('is raised to be sure where the configuration cannot be seen', () => {
    const raised = raiseSettings(place(), { commandLine: {}, configElsewhere: true });
    expect(raised).toContainEqual({ name: 'max_connections', needed: 300 });
    expect(raised.map(({ name }) => name)).toContain('max_worker_processes');
    fs.writeFileSync(file('postgresql.auto.conf'), BLOCK);
    fs.rmSync(file('postgresql.conf'));
    fs.symlinkSync('/etc/postgresql.conf', file('postgresql.conf'));
    expect(raiseSettings(place(), FACTS)).toContainEqual({ name: 'max_connections', needed: 300 });
  });

  it('cannot be raised over the command line of the service, and nothing is written', () => {
    const facts = { ...FACTS, commandLine: { max_connections: '50' } };
    expect(() => raiseSettings(place(), facts)).toThrow(
      expect.objectContaining({
        code: 'serviceNotFound',
        message: expect.stringContaining('max_connections=50 where the backup needs 300'),
        hint: expect.stringContaining('raise it in the compose file'),
      }),
    );
    expect(autoConf()).toBe(BLOCK);
  });

  it.each(['global/pg_control', 'PG_VERSION', 'postgresql.auto.conf'])('cannot be told without %s, by name', (name) => {
    fs.rmSync(file(name));
    expect(() => raiseSettings(place(), FACTS)).toThrow(
      expect.objectContaining({ code: 'dataCorrupt', message: `cannot read ${file(name)} (ENOENT)` }),
    );
    expect(fs.existsSync(file(name))).toBe(false);
  });

  it('cannot be told by a pg_control that is damaged', () => {
    fs.writeFileSync(file('global/pg_control'), control(300).fill(1, 100, 104));
    expect(() => raiseSettings(place(), FACTS)).toThrow(expect.objectContaining({ code: 'dataCorrupt' }));
    expect(autoConf()).toBe(BLOCK);
  });

  it('is told with the file where the disk is full, and the file stays', async () => {
    const { failure } = await onFullDisk({ steps: 0 }, async () => raiseSettings(place(), FACTS));
    expect(failure).toMatchObject({
      code: 'noSpace',
      message: `no space left while writing ${file('postgresql.auto.conf')}`,
      hint: expect.stringContaining('free some space'),
    });
    expect(autoConf()).toBe(BLOCK);
  });
});

describe('whether archiving is turned on', () => {
  it.each<[string, boolean | undefined, Partial<Record<string, string>>]>([
    ['on in postgresql.conf', true, { 'postgresql.conf': 'archive_mode = on\n' }],
    ['on in postgresql.auto.conf', true, { 'postgresql.auto.conf': `${BLOCK}archive_mode = 'always'\n` }],
    [
      'off, which is the last word',
      false,
      { 'postgresql.conf': 'archive_mode = on\n', 'postgresql.auto.conf': 'archive_mode = off\n' },
    ],
    ['nowhere', false, {}],
    ['nowhere that can be seen', undefined, { 'postgresql.conf': "include '/etc/more.conf'\n" }],
  ])('%s', (_what, expected, files) => {
    plantTree(root, files as Record<string, string>);
    expect(archivingConfigured(place(), FACTS)).toBe(expected);
  });

  it('is not told by ODO’s own block', () => {
    fs.writeFileSync(file('postgresql.auto.conf'), BLOCK.replace('restore_command', 'archive_mode'));
    expect(archivingConfigured(place(), FACTS)).toBe(false);
  });

  it('can be told without a postgresql.auto.conf, and not where its block has no end', () => {
    fs.rmSync(file('postgresql.auto.conf'));
    expect(archivingConfigured(place(), FACTS)).toBe(false);
    fs.writeFileSync(file('postgresql.auto.conf'), BLOCK.replace(/# <<<.*\n/, ''));
    expect(() => archivingConfigured(place(), FACTS)).toThrow(expect.objectContaining({ code: 'dataCorrupt' }));
  });
});
