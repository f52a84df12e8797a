import type { Going, Session } from './session.ts';

/** What is true before the commands of one section of a guide, and after them. */
export interface Section {
  /** Brings about what the section is for. */
  before?(): Promise<void>;
  /** What is typed on a terminal, each time that it shows something. */
  typed?: readonly { shows: string; keys: string }[];
  /** What a command that goes on has written when the next ones may begin. */
  goesOnWith?: string;
  /**
   * Holds what the commands were to do.
   * @param outputs of the blocks, in their order
   */
  after?(outputs: readonly string[]): Promise<void>;
}

/** What stands in a guide, and what stands for it where its commands run. */
export type Names = Record<string, string | (() => Promise<string>)>;

/** A real service, server and repository for the commands of a guide. */
export interface Situation {
  session: Session;
  /** Where the commands run. */
  folder: string;
  /**
   * Names, URLs and credentials of the guide, and what stands for them here; a function is asked when its name comes
   * up, for what is known only then.
   */
  names: Names;
  /** The sections that have commands, by their headings. */
  sections: Readonly<Record<string, Section>>;
  /** Those that the guide starts and that go on. */
  going: Going[];
  close(): Promise<void>;
}

/** The text of a block with this situation's names in place of the guide's. Longer ones go first. */
export async function inThese(names: Names, text: string): Promise<string> {
  const known = Object.keys(names).sort((one, other) => other.length - one.length);
  const escaped = known.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(escaped.join('|'), 'g');
  if (known.length === 0) return text;
  const values = new Map<string, string>();
  for (const [name] of text.matchAll(pattern)) {
    const value = names[name] ?? '';
    values.set(name, typeof value === 'string' ? value : await value());
  }
  return text.replaceAll(pattern, (name) => values.get(name) ?? '');
}
