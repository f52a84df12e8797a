const WIDTH = 120;

/** Rows of cells as a table; a bar within a cell would begin another one. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** What would begin a list, a table, a heading or a quotation at the head of a line. */
const NEVER_FIRST = / (?=(?:[-*+>|]|#+|\d+[.)]) )/g;
const STUCK = '\u0000';

/**
 * Text in lines that are no longer than a line of the documents may be. Each is begun by `indent`, but for the first,
 * which has its own in the text.
 */
export function wrapped(text: string, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  const stuck = text.trim().replaceAll(/\s+/g, ' ').replaceAll(NEVER_FIRST, STUCK);
  for (const word of stuck.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > WIDTH) {
      lines.push(line);
      line = indent + word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].join('\n').replaceAll(STUCK, ' ');
}

/** Says at the head of a page where it comes from. */
export function madeFrom(...sources: readonly string[]): string {
  return wrapped(`<!-- Made by \`npm run docs\` from ${sources.join(', ')}: change those, not this page. -->`);
}
