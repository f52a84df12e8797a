import fs from 'node:fs';
import path from 'node:path';
import { type Block, fencedBlocks } from '../../../unit/parts/markdown.ts';

const ROOT = path.resolve(import.meta.dirname, '../../../..');

/**
 * What a block of a guide is for. run: commands, to their end · terminal: commands that ask, or show, on a terminal ·
 * goes-on: a command that goes on beside the next ones · file: what stands in a file, which the block names ·
 * not-run: commands that no test can run · shown: no commands
 */
export type Use = 'run' | 'terminal' | 'goes-on' | 'file' | 'not-run' | 'shown';

/** A block of a guide, and what the test makes of it. */
export interface Step extends Block {
  use: Use;
  /** Of a block that holds a file: its name. */
  file?: string;
}

/** How ODO is installed is run by the test of the release itself, on a host that has nothing. */
const RUN_ELSEWHERE = ['install.md'];

/** The guides, and README, which has commands like theirs: from the repository's root. */
export function guideFiles(): string[] {
  const names = fs.readdirSync(path.join(ROOT, 'docs/guides')).filter((name) => !RUN_ELSEWHERE.includes(name));
  return ['README.md', ...names.map((name) => `docs/guides/${name}`)];
}

/** The blocks of a guide in their order. What stands behind a fence and means nothing is an error. */
export function readGuide(file: string): Step[] {
  return fencedBlocks(fs.readFileSync(path.join(ROOT, file), 'utf8')).map((block) => {
    const { language, about, line } = block;
    const named = /^file=(\S+)$/.exec(about)?.[1];
    if (named !== undefined) return { ...block, use: 'file', file: named };
    if (language !== 'sh' && about === '') return { ...block, use: 'shown' };
    if (language === 'sh' && about === '') return { ...block, use: 'run' };
    if (language === 'sh' && (about === 'terminal' || about === 'goes-on' || about === 'not-run'))
      return { ...block, use: about };
    throw new Error(`${file}, line ${line}: no test knows what a block "${language} ${about}" is for`);
  });
}
