/** Several lines at the bottom of a terminal that are written over. */
export interface LiveBlock {
  /**
   * Shows these lines in place of the former ones. They must be no wider than the terminal. Lines that it has no row
   * for are left out.
   */
  show(lines: readonly string[]): void;
  /** Takes the block away, so that the next output stands in its place. */
  clear(): void;
}

const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';
const CLEAR_TO_END_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\r\x1b[J';

/**
 * Makes a live block. Between two writes the cursor rests at the beginning of the block's first row. So to take the
 * block away is to clear what is below the cursor, whatever has become of the rows meanwhile: a terminal (or tmux) that
 * is resized may break them anew, but takes the cursor along with its text. While the lines are drawn they cannot wrap.
 * So each takes one row, also when the width has just changed, and the way back up is known.
 */
export function createLiveBlock(write: (text: string) => void, rows: () => number): LiveBlock {
  let isShown = false;
  return {
    show(lines) {
      // The row after the last one stays free: filling all of them would scroll the first one away.
      const fitting = lines.slice(0, Math.max(1, rows() - 1));
      const drawn = fitting.map((line) => `${line}${CLEAR_TO_END_OF_LINE}`).join('\r\n');
      const below = isShown ? '\x1b[J' : '';
      const up = fitting.length > 1 ? `\x1b[${fitting.length - 1}A` : '';
      write(`${NO_WRAP}\r${drawn}${below}${up}\r${WRAP}`);
      isShown = true;
    },
    clear() {
      if (isShown) write(CLEAR_BELOW);
      isShown = false;
    },
  };
}
