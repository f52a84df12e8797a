import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { StagedConfiguration } from '../../../../src/restore/contract/staged-configuration.ts';
import { missesOf } from '../../../../src/restore/staging/staged-configuration.ts';
import { collectMembers } from '../../../../src/restore/staging/staged-members.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

let folder: string;

function lay(files: Record<string, string | number>): void {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), typeof content === 'number' ? Buffer.alloc(content) : content);
  }
}

const pathsOf = (withoutContent: string[] = []) => {
  const { members, leftOut } = collectMembers(folder, new Set(withoutContent));
  return { paths: members.map((member) => member.path).sort(), leftOut };
};

beforeEach(() => {
  folder = scratchDirectory();
});

describe('what a rehearsal is shown of a data directory', () => {
  it("is all but the server's own data, with modes and links", () => {
    lay({
      'postgresql.conf': 'x',
      'conf.d/a.conf': 'y',
      'base/1/1259': 'data',
      PG_VERSION: '15',
      'log/a.log': 'words',
    });
    fs.chmodSync(path.join(folder, 'postgresql.conf'), 0o640);
    fs.symlinkSync('/etc/ssl/x.pem', path.join(folder, 'server.crt'));
    expect(pathsOf(['log'])).toEqual({
      paths: ['conf.d', 'conf.d/a.conf', 'log', 'postgresql.conf', 'server.crt'],
      leftOut: [],
    });
    expect(collectMembers(folder, new Set()).members).toContainEqual({
      path: 'postgresql.conf',
      type: 'file',
      mode: 0o640,
      content: Buffer.from('x').toString('base64'),
    });
    expect(collectMembers(folder, new Set()).members).toContainEqual(
      expect.objectContaining({ path: 'server.crt', type: 'symlink', linkName: '/etc/ssl/x.pem' }),
    );
  });

  it('is told where it is not whole', () => {
    lay({ 'core.17': 5 * 1024 * 1024, 'all.crl': 5 * 1024 * 1024, 'a/b/c/d/e/f/g/h/i/x': '' });
    const { paths, leftOut } = pathsOf();
    expect(paths).toContain('core.17');
    expect(leftOut.sort()).toEqual(['a/b/c/d/e/f/g/h/i', 'all.crl', 'core.17']);
  });

  it('has the top before what lies deeper, of which there may be too much', () => {
    lay(Object.fromEntries(Array.from({ length: 3001 }, (_, index) => [`archive/${index}`, ''])));
    lay({ 'certificates/server.crt': '' });
    expect(pathsOf()).toEqual({ paths: ['archive', 'certificates', 'certificates/server.crt'], leftOut: ['archive'] });
  });

  it('lacks nothing that matters, unless the configuration speaks of it', () => {
    const staged = (leftOut: string[], settings: [string, string][] = []) =>
      missesOf({ leftOut, effective: { settings, files: [] } } as unknown as StagedConfiguration);
    expect(staged(['core.17', 'archive'])).toEqual([]);
    expect(staged(['all.crl', 'core.17'], [['ssl_crl_file', '/data/all.crl']])).toEqual(['all.crl']);
    expect(staged(['extra.conf', 'archive'])).toEqual(['extra.conf']);
  });
});
