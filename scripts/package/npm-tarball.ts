import fs from 'node:fs';
import { gzipSync } from 'node:zlib';
import { makeTar } from '../../src/docker/client/make-tar.ts';

interface Metadata {
  name: string;
  version: string;
  description: string;
  license: string;
  type: string;
  bin: Record<string, string>;
  engines: Record<string, string>;
}

/**
 * The package for `npm install -g FILE`, where there is a Node. It needs no other package: all is in the bundle. Not by
 * `npm pack`, whose tarballs differ between versions of npm.
 * @param files by their path in the package
 */
export function makeNpmTarball(metadata: Metadata, files: Readonly<Record<string, Buffer>>): Buffer {
  const { name, version, description, license, type, bin, engines } = metadata;
  const described = { name, version, description, license, private: true, type, bin, man: ['odo.1'], engines };
  const all = { 'package.json': Buffer.from(`${JSON.stringify(described, null, 2)}\n`), ...files };
  const programs: readonly string[] = Object.values(bin);
  const members = Object.entries(all).map(([file, content]) => ({
    path: `package/${file}`,
    type: 'file' as const,
    mode: programs.includes(file) ? 0o755 : 0o644,
    content,
  }));
  return gzipSync(makeTar(members, { uid: 0, gid: 0 }), { level: 9 });
}

/** Of the project: what the package says of itself. */
export function readMetadata(): Metadata {
  return JSON.parse(fs.readFileSync('package.json', 'utf8')) as Metadata;
}
