import fs from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadSyncfs } from '../../../../src/stream/native/native.ts';
import { openWriteBack, tellsOfErrors } from '../../../../src/tree/writing/write-back.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const EIO = 5;

afterEach(() => vi.unstubAllEnvs());

describe('what is written', () => {
  it('is flushed by file system, through descriptors that were opened before', async () => {
    const scratch = scratchDirectory();
    const flushed: number[] = [];
    const places = ['pgdata/new', 'tablespace'].map((name) => path.join(scratch, name));
    const writeBack = openWriteBack([...places, '/proc'], async (fd) => {
      flushed.push(fs.fstatSync(fd).dev);
      return 0;
    });
    await writeBack.flush();
    expect(flushed.sort()).toEqual([fs.statSync(scratch).dev, fs.statSync('/proc').dev].sort());
    writeBack.close();
  });

  it('has failed for good once an error was told, to whichever flush', async () => {
    const answers = [EIO, 0, 0];
    const directory = scratchDirectory();
    const writeBack = openWriteBack([directory], async () => answers.shift() ?? 0);
    expect(writeBack.hasFailed).toBe(false);
    const wrote = writeBack.flushAhead(path.join(directory, 'incoming'));
    wrote(1 << 30);
    await setImmediate();
    const writeFailed = expect.objectContaining({ code: 'writeFailed', message: expect.stringContaining('EIO') });
    expect(() => wrote(1)).toThrow(writeFailed);
    await expect(writeBack.flush()).rejects.toEqual(writeFailed);
    await expect(writeBack.flush()).rejects.toEqual(writeFailed);
    expect([writeBack.hasFailed, answers.length]).toEqual([true, 2]);
    writeBack.close();
  });

  it('is flushed by the native code', async () => {
    const syncfs = loadSyncfs();
    expect(syncfs).toBeDefined();
    const directory = scratchDirectory();
    fs.writeFileSync(path.join(directory, 'file'), 'content');
    const writeBack = openWriteBack([directory], syncfs);
    await writeBack.flush([directory]);
    writeBack.close();
    expect(await syncfs?.(1 << 20)).toBe(9);
  });

  it('is asked for file by file where the whole does not tell', async () => {
    const directory = scratchDirectory();
    const program = scratchDirectory();
    fs.writeFileSync(path.join(program, 'sync'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    vi.stubEnv('PATH', program);
    fs.writeFileSync(path.join(directory, 'file'), 'content');
    const writeBack = openWriteBack([directory], undefined);
    const open = vi.spyOn(fs.promises, 'open');
    await writeBack.flush([directory]);
    expect(open).toHaveBeenCalledTimes(1);
    open.mockRejectedValueOnce(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await expect(writeBack.flush([directory])).rejects.toThrow('EIO');
    expect(writeBack.hasFailed).toBe(true);
    open.mockRestore();
    writeBack.close();
  });
});

it.each([
  ['4.18.0-553.el8', false],
  ['5.4.0-190-generic', false],
  ['5.8.0', true],
  ['5.15.0-1', true],
  ['6.1.0-13-amd64', true],
])('knows whether Linux %s tells of errors', (release, tells) => {
  expect(tellsOfErrors(release)).toBe(tells);
});
