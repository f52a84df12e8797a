import type { Look } from '../contract/look.ts';

/** Folders that other tools make, so that a search that finds nothing can say what it has seen. */
const OTHER_TOOLS: readonly { folders: readonly string[]; tool: string }[] = [
  { folders: ['archive', 'backup'], tool: 'pgBackRest' },
  { folders: ['basebackups_005', 'wal_005'], tool: 'WAL-G' },
];

/** The tool whose repository this looks like, of those that ODO does not read. */
export function otherTool(look: Look): string | undefined {
  return OTHER_TOOLS.find(({ folders }) => folders.every((name) => look.folders.includes(name)))?.tool;
}
