import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFileFromTar } from '../../../../src/docker/client/single-file-tar.ts';
import { findUser, parseEnv, parseVersion } from '../../../../src/docker/containers/image.ts';

describe('parseEnv', () => {
  it('splits at the first equals sign', () => {
    expect(parseEnv(['A=1', 'B=x=y', 'C=', 'nonsense', '=x'])).toEqual({ A: '1', B: 'x=y', C: '' });
    expect(parseEnv(null)).toEqual({});
  });
});

describe('findUser', () => {
  it('finds the ids', () => {
    const passwd =
      'root:x:0:0:root:/root:/bin/sh\npostgres2:x:1:1::/:\n' +
      'postgres:x:70:71:Linux User,,,:/var/lib/postgresql:/bin/sh\n';
    expect(findUser(passwd, 'postgres')).toEqual({ uid: 70, gid: 71 });
    expect(findUser('root:x:0:0::/:\npostgres:x:::', 'postgres')).toBeUndefined();
  });
});

describe('parseVersion', () => {
  it.each([
    ['postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', 15],
    ['postgres (PostgreSQL) 18beta1', 18],
    ['postgres: command not found', undefined],
  ])('reads %s', (line, major) => {
    expect(parseVersion(line)).toBe(major);
  });
});

describe('readFileFromTar', () => {
  it.each(['ustar', 'gnu', 'pax'])('reads a file out of a %s archive', (format) => {
    const dir = mkdtempSync(join(tmpdir(), 'odo-test-'));
    try {
      const text = `root:x:0:0\n${'é'.repeat(600)}`;
      writeFileSync(join(dir, 'passwd'), text);
      symlinkSync('passwd', join(dir, 'link'));
      const tar = (...names: string[]) => execFileSync('tar', ['-C', dir, `--format=${format}`, '-cf', '-', ...names]);
      expect(readFileFromTar(tar('passwd'))).toBe(text);
      expect(readFileFromTar(tar('link', 'passwd'))).toBe(text);
      expect(readFileFromTar(tar('link'))).toBeUndefined();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
