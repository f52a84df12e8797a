import fs from 'node:fs';
import path from 'node:path';

/** A tree as text to compare: for each path, and `.` for the root itself, its kind, mode, owner and content. */
export type TreeSnapshot = Record<string, string>;

/** What lies in a directory; the names in `without` are left out at its top. A directory that is not there gives {}. */
export function snapshotTree(root: string, without: readonly string[] = []): TreeSnapshot {
  const snapshot: TreeSnapshot = {};
  if (!fs.existsSync(root)) return snapshot;
  const visit = (relative: string) => {
    const file = path.join(root, relative);
    const stat = fs.lstatSync(file);
    const who = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`;
    if (stat.isSymbolicLink()) snapshot[relative] = `link to ${fs.readlinkSync(file)} ${stat.uid}:${stat.gid}`;
    else if (stat.isFile()) snapshot[relative] = `file ${who} ${fs.readFileSync(file, 'latin1')}`;
    else {
      snapshot[relative] = `directory ${who}`;
      for (const name of fs.readdirSync(file)) {
        if (relative !== '.' || !without.includes(name)) visit(path.join(relative, name));
      }
    }
  };
  visit('.');
  return snapshot;
}

/**
 * Makes files with their directories: path → content. A path that ends in a slash is a directory, a content of `-> x` a
 * link.
 */
export function plantTree(root: string, files: Readonly<Record<string, string>>): void {
  fs.mkdirSync(root, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    fs.mkdirSync(name.endsWith('/') ? file : path.dirname(file), { recursive: true });
    if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), file);
    else if (!name.endsWith('/')) fs.writeFileSync(file, content);
  }
}
