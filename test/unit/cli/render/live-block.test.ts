import { describe, expect, it } from 'vitest';
import { createLiveBlock } from '../../../../src/cli/render/live-block.ts';
import { createRandom } from '../../fuzz/random.ts';
import { createTerminalScreen } from '../../parts/terminal-screen.ts';

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 41, rows: 24 },
  { columns: 120, rows: 12 },
  { columns: 33, rows: 30 },
];

describe.each([
  ['breaks lines anew when it is resized (tmux, VTE)', true],
  ['leaves lines as they are when it is resized (xterm, screen)', false],
])('in a terminal that %s', (_name, reflows) => {
  it('is written over in place, and leaves nothing behind', () => {
    const screen = createTerminalScreen({ columns: 40, rows: 10, reflows });
    const block = createLiveBlock(screen.write, () => 10);
    screen.write('before\n');
    block.show(['one', 'two', 'three']);
    expect(screen.visible()).toEqual(['before', 'one', 'two', 'three']);
    block.show(['1', '2']);
    expect(screen.visible()).toEqual(['before', '1', '2']);
    block.clear();
    screen.write('after\n');
    expect(screen.lines()).toEqual(['before', 'after']);
  });

  it('never takes what was printed, nor leaves anything of itself, however the terminal is resized in between', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = createRandom(seed);
      let size = SIZES[0] as (typeof SIZES)[number];
      const screen = createTerminalScreen({ ...size, reflows });
      const block = createLiveBlock(screen.write, () => size.rows);
      const printed: string[] = [];
      for (let step = 0; step < 60; step++) {
        const what = random.below(4);
        if (what === 0) {
          size = SIZES[random.below(SIZES.length)] as (typeof SIZES)[number];
          screen.resize(size.columns, size.rows);
        } else if (what === 1) {
          const text = `${seed}.${step} ${'x'.repeat(random.below(100))}.`;
          printed.push(text);
          block.clear();
          screen.write(`${text}\n`);
        } else {
          const lines = Array.from({ length: 1 + random.below(5) }, (_, at) =>
            `~${at}`.repeat(20).slice(0, size.columns - 1),
          );
          block.show(lines);
          expect(screen.lines().slice(-lines.length), `seed ${seed}, step ${step}`).toEqual(lines);
        }
      }
      block.clear();
      expect(screen.lines(), `seed ${seed}`).toEqual(printed);
    }
  });

  it('takes one row a line even when the terminal has just become narrower than was thought', () => {
    const screen = createTerminalScreen({ columns: 20, rows: 10, reflows });
    const block = createLiveBlock(screen.write, () => 10);
    screen.write('before\n');
    block.show(['a'.repeat(50), 'b'.repeat(50)]);
    expect(screen.visible()).toHaveLength(3);
    block.clear();
    expect(screen.lines()).toEqual(['before']);
  });
});

it('shows no more lines than fit, so that none scrolls away', () => {
  const screen = createTerminalScreen({ columns: 20, rows: 3, reflows: true });
  const block = createLiveBlock(screen.write, () => 3);
  block.show(['one', 'two', 'three', 'four']);
  block.show(['one', 'two', 'three', 'four']);
  expect(screen.lines()).toEqual(['one', 'two']);
});
