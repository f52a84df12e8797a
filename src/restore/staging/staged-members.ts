import fs from 'node:fs';
import path from 'node:path';
import { isServersOwn } from '../../cluster/base-members.ts';
import type { StagedMember } from '../contract/staged-configuration.ts';

/** A list of certificates may be large; nothing else that a server reads at its start is. */
const MOST_FILE_BYTES = 4 * 1024 * 1024;
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_MEMBERS = 3000;
const MOST_DEPTH = 8;

/**
 * Collects what a data directory holds besides the server's own data, the top first. Directories in `withoutContent`
 * come without their content. `leftOut` names files that were too large, and directories that hold too much or lie too
 * deep.
 */
export function collectMembers(
  folder: string,
  withoutContent: ReadonlySet<string>,
): { members: StagedMember[]; leftOut: string[] } {
  const members: StagedMember[] = [];
  const leftOut: string[] = [];
  const room = { left: MOST_BYTES };
  const waiting = [''];
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    const names = fs.readdirSync(path.join(folder, at)).filter((name) => at !== '' || !isServersOwn(name));
    if (members.length + names.length > MOST_MEMBERS || at.split('/').length > MOST_DEPTH) {
      leftOut.push(at);
      continue;
    }
    for (const name of names) {
      const relative = at === '' ? name : `${at}/${name}`;
      const member = readMember(folder, relative, room);
      if (member === undefined) continue;
      members.push(member);
      if (member.type === 'file' && member.content === undefined) leftOut.push(relative);
      if (member.type === 'directory' && !withoutContent.has(relative)) waiting.push(relative);
    }
  }
  return { members, leftOut };
}

/**
 * One file, link or directory; undefined when it is not there, or is of another kind. A file's content takes from the
 * room, and is left out when it is too large.
 */
export function readMember(folder: string, relative: string, room = { left: MOST_BYTES }): StagedMember | undefined {
  const file = path.join(folder, relative);
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  if (!stat) return undefined;
  const common = { path: relative, mode: stat.mode & 0o7777 };
  if (stat.isDirectory()) return { ...common, type: 'directory' };
  if (stat.isSymbolicLink()) return { ...common, type: 'symlink', linkName: fs.readlinkSync(file) };
  if (!stat.isFile()) return undefined;
  if (stat.size > MOST_FILE_BYTES || stat.size > room.left) return { ...common, type: 'file' };
  room.left -= stat.size;
  return { ...common, type: 'file', content: fs.readFileSync(file).toString('base64') };
}
