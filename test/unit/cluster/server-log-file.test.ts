import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readServerLog } from '../../../src/cluster/server-log-file.ts';
import { scratchDirectory } from '../parts/scratch-directory.ts';
import { plantTree } from '../parts/tree-snapshot.ts';

let root: string;

beforeEach(() => {
  root = path.join(scratchDirectory(), 'data');
  plantTree(root, { current_logfiles: 'stderr log/now.log\n', 'log/now.log': 'one\ntwo\n' });
});

const names = (text: string) => fs.writeFileSync(path.join(root, 'current_logfiles'), text);

describe('the log that the collector writes', () => {
  it('is what current_logfiles names, plain text before anything else', () => {
    expect(readServerLog(root)).toBe('one\ntwo\n');
    fs.writeFileSync(path.join(root, 'log/now.json'), '{}');
    names('jsonlog log/now.json\n');
    expect(readServerLog(root)).toBe('{}');
    names('csvlog log/now.csv\nstderr log/now.log\n');
    expect(readServerLog(root)).toBe('one\ntwo\n');
    names(`stderr ${path.join(root, 'log/now.log')}\n`);
    expect(readServerLog(root)).toBe('one\ntwo\n');
  });

  it('is its last lines alone, also of a file of gigabytes', () => {
    const lines = Array.from({ length: 100_000 }, (_, number) => `line ${number}`);
    fs.writeFileSync(path.join(root, 'log/now.log'), lines.join('\n'));
    const tail = (readServerLog(root) as string).split('\n');
    expect(tail).toHaveLength(50);
    expect(tail.at(-1)).toBe('line 99999');
    fs.truncateSync(path.join(root, 'log/now.log'), 2 ** 33);
    expect(readServerLog(root)).toHaveLength(64 * 1024);
  });

  it('is not there where none is named, or the file is gone', () => {
    names('somethingnew log/now.log\n');
    expect(readServerLog(root)).toBeUndefined();
    names('stderr log/gone.log\n');
    expect(readServerLog(root)).toBeUndefined();
    fs.rmSync(path.join(root, 'current_logfiles'));
    expect(readServerLog(root)).toBeUndefined();
    expect(readServerLog(path.join(root, 'nowhere'))).toBeUndefined();
  });

  it('is not followed out of the data directory, by its name or by a link', () => {
    const outside = path.join(path.dirname(root), 'secret');
    fs.writeFileSync(outside, 'secret');
    for (const name of ['../secret', outside]) {
      names(`stderr ${name}\n`);
      expect(readServerLog(root), name).toBeUndefined();
    }
    fs.symlinkSync(outside, path.join(root, 'log/link'));
    names('stderr log/link\n');
    expect(readServerLog(root)).toBeUndefined();
    // A directory of which the name begins like the data directory's.
    plantTree(`${root}-old`, { 'now.log': 'old' });
    names('stderr ../data-old/now.log\n');
    expect(readServerLog(root)).toBeUndefined();
  });

  it('is no pipe that nobody writes to, nor a directory', () => {
    execFileSync('mkfifo', [path.join(root, 'log/pipe')]);
    names('stderr log/pipe\n');
    expect(readServerLog(root) ?? '').toBe('');
    names('stderr log\n');
    expect(readServerLog(root)).toBeUndefined();
  });
});
