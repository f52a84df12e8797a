/** A fenced block of a page: what stands behind the fence, and its text without the last line feed. */
export interface Block {
  /** Such as `sh`; empty where nothing is said. */
  language: string;
  /** What else stands behind the fence. */
  about: string;
  /** The heading that it stands below, without its marks. */
  heading: string;
  /** Of the fence, counted from one. */
  line: number;
  text: string;
}

interface Line {
  number: number;
  text: string;
  kind: 'prose' | 'code' | 'table';
}

/** The fenced blocks of a page, in their order. A fence that is not closed is an error. */
export function fencedBlocks(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: (Block & { lines: string[] }) | undefined;
  for (const [at, line] of page.split('\n').entries()) {
    const [, indent = '', said] = /^(\s*)```(.*)$/.exec(line) ?? [];
    if (open && said === '') {
      const { lines, ...block } = open;
      blocks.push({ ...block, text: lines.join('\n') });
      open = undefined;
    } else if (open) {
      open.lines.push(line);
    } else if (said !== undefined) {
      const [language = '', ...about] = said.trim().split(' ');
      if (indent !== '') throw new Error(`line ${at + 1}: a fence that is indented`);
      open = { language, about: about.join(' '), heading, line: at + 1, text: '', lines: [] };
    } else {
      heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    }
  }
  if (open) throw new Error(`line ${open.line}: the fence is not closed`);
  return blocks;
}

/** The lines of running text that are wider than so many characters; where a link leads does not count. */
export function wideLines(page: string, width: number): { number: number; text: string }[] {
  return linesOf(page).filter(({ kind, text }) => kind === 'prose' && shown(text).length > width);
}

/** Where the links and pictures of a page lead. */
export function linksOf(page: string): { number: number; target: string }[] {
  return linesOf(page)
    .filter(({ kind }) => kind !== 'code')
    .flatMap(({ number, text }) =>
      [...withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => ({ number, target })),
    );
}

/** What is set as code within running text and tables. */
export function codeWordsOf(page: string): { number: number; word: string }[] {
  return linesOf(page)
    .filter(({ kind }) => kind !== 'code')
    .flatMap(({ number, text }) => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => ({ number, word })));
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): string[] {
  return linesOf(page)
    .filter(({ kind, text }) => kind === 'prose' && /^#+ /.test(text))
    .map(({ text }) =>
      text
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    );
}

function shown(text: string): string {
  return text.replaceAll(/\]\([^()\s]+\)/g, ']').replaceAll(/https?:\/\/\S+/g, '');
}

function withoutCode(text: string): string {
  return text.replaceAll(/`[^`]*`/g, '``');
}

function linesOf(page: string): Line[] {
  let isFenced = false;
  let before: Line['kind'] | 'blank' = 'blank';
  return page.split('\n').map((text, at) => {
    const isFence = /^\s*```/.test(text);
    if (isFence) isFenced = !isFenced;
    // What is indented is code where nothing goes on that it could belong to.
    const isIndented = /^ {4}/.test(text) && before !== 'prose';
    const kind = isFence || isFenced || isIndented ? 'code' : /^\s*\|/.test(text) ? 'table' : 'prose';
    if (text.trim() === '') before = before === 'code' ? 'code' : 'blank';
    else before = kind;
    return { number: at + 1, text, kind };
  });
}
