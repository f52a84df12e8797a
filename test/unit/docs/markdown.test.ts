import { describe, expect, it } from 'vitest';
import { wrapped } from '../../../scripts/docs/markdown.ts';
import { anchorsOf, codeWordsOf, fencedBlocks, linksOf, wideLines } from '../parts/markdown.ts';

const PAGE = `# A page, and \`code\` in it

Words with [a link](guides/one.md#two) and \`](no link)\`.

\`\`\`sh not run: no reason
echo "[neither](is-this.md)"

# no heading
\`\`\`

| a [cell](cell.md) | ${'x'.repeat(200)} |
| --- | --- |

    an example ${'x'.repeat(200)}

- an item
    that goes on with ${'x'.repeat(120)}
`;

describe('a page', () => {
  it('has blocks, with what is said of them and where they stand', () => {
    expect(fencedBlocks(PAGE)).toEqual([
      {
        language: 'sh',
        about: 'not run: no reason',
        heading: 'A page, and `code` in it',
        line: 5,
        text: 'echo "[neither](is-this.md)"\n\n# no heading',
      },
    ]);
    expect(() => fencedBlocks('```sh\necho')).toThrow('line 1: the fence is not closed');
  });

  it('has links, anchors and words of code in its text and tables alone', () => {
    expect(linksOf(PAGE).map(({ target }) => target)).toEqual(['guides/one.md#two', 'cell.md']);
    expect(anchorsOf(PAGE)).toEqual(['a-page-and-code-in-it']);
    expect(codeWordsOf(PAGE).map(({ word }) => word)).toEqual(['code', '](no link)']);
  });

  it('has wide lines where they are text, and not for where a link leads', () => {
    expect(wideLines(PAGE, 120).map(({ number }) => number)).toEqual([17]);
    const target = 'x'.repeat(200);
    expect(wideLines(`[a](${target}) b\n\n${'word '.repeat(30)}`, 120).map(({ number }) => number)).toEqual([3]);
  });
});

describe('wrapped text', () => {
  it('has no line above 120 characters, and the words that it had', () => {
    const text = `- ${Array.from({ length: 80 }, (_, at) => `word${at}`).join('  ')}`;
    const lines = wrapped(text, '  ').split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(lines.slice(1).every((line) => /^ {2}word/.test(line))).toBe(true);
    expect(lines.map((line) => line.trim()).join(' ')).toBe(text.replaceAll('  ', ' '));
  });

  it('begins no list, table or heading where there was none', () => {
    const lines = wrapped(`${'x'.repeat(118)} - a ${'y'.repeat(116)} | b ${'z'.repeat(117)} 1. c`).split('\n');
    expect(lines.filter((line) => /^(-|\||1\.)/.test(line))).toEqual([]);
  });
});
