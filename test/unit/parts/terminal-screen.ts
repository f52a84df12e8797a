interface Row {
  text: string;
  /** The next row goes on with the same line. */
  wraps: boolean;
}

/**
 * What a terminal makes of the output written to it, as far as ODO uses its control sequences. One that reflows breaks
 * long lines anew when its width changes.
 */
export interface TerminalScreen {
  write(text: string): void;
  resize(columns: number, rows: number): void;
  /** All lines, also those that have scrolled away, each whole, without the empty ones. */
  lines(): string[];
  /** The rows that can be seen now. */
  visible(): string[];
}

const SEQUENCE = new RegExp(`^${String.fromCharCode(27)}\\[(\\??)(\\d*)([A-Za-z])`);

export function createTerminalScreen(size: { columns: number; rows: number; reflows: boolean }): TerminalScreen {
  let { columns, rows: height } = size;
  let rows: Row[] = [{ text: '', wraps: false }];
  let top = 0;
  let row = 0;
  let column = 0;
  let autowrap = true;

  const at = (index: number): Row => {
    rows[index] ??= { text: '', wraps: false };
    return rows[index];
  };

  function lineFeed(): void {
    row += 1;
    at(row);
    if (row >= top + height) top = row - height + 1;
  }

  function put(character: string): void {
    if (column >= columns) {
      if (autowrap) {
        at(row).wraps = true;
        lineFeed();
        column = 0;
      } else {
        column = columns - 1;
      }
    }
    const { text } = at(row);
    at(row).text = text.padEnd(column).slice(0, column) + character + text.slice(column + 1);
    column += 1;
  }

  function control(isPrivate: boolean, count: number | undefined, letter: string): void {
    if (isPrivate && count === 7) autowrap = letter === 'h';
    else if (letter === 'A') row = Math.max(top, row - (count ?? 1));
    else if (letter === 'K' || letter === 'J') {
      at(row).text = at(row).text.slice(0, column);
      at(row).wraps = false;
      if (letter === 'J') rows.length = row + 1;
    } else if (letter !== 'm') throw new Error(`a sequence that this terminal does not know: ${letter}`);
  }

  function reflow(): void {
    const broken: Row[] = [];
    let cursor = { row: 0, column: 0 };
    let line = '';
    let cursorInLine: number | undefined;
    rows.forEach(({ text, wraps }, index) => {
      if (index === row) cursorInLine = line.length + column;
      line += text;
      if (wraps && index < rows.length - 1) return;
      if (cursorInLine !== undefined) {
        cursor = { row: broken.length + Math.floor(cursorInLine / columns), column: cursorInLine % columns };
      }
      const pieces = line.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [''];
      broken.push(...pieces.map((text, piece) => ({ text, wraps: piece < pieces.length - 1 })));
      line = '';
      cursorInLine = undefined;
    });
    rows = broken;
    ({ row, column } = cursor);
    at(row);
  }

  return {
    write(text) {
      for (let rest = text; rest !== ''; ) {
        const sequence = SEQUENCE.exec(rest);
        if (sequence) {
          const [whole, mark, count, letter = ''] = sequence;
          control(mark === '?', count ? Number(count) : undefined, letter);
          rest = rest.slice(whole.length);
          continue;
        }
        const character = rest[0] as string;
        rest = rest.slice(1);
        if (character === '\r') column = 0;
        else if (character === '\n') {
          // As a terminal's driver passes it on.
          column = 0;
          lineFeed();
        } else put(character);
      }
    },
    resize(newColumns, newRows) {
      columns = newColumns;
      height = newRows;
      if (size.reflows) {
        reflow();
        top = Math.max(0, rows.length - height);
        if (row < top) throw new Error('the rows below the cursor are more than the terminal has; choose another size');
      } else {
        if (row >= top + height) top = row - height + 1;
        rows.length = Math.min(rows.length, top + height);
        column = Math.min(column, columns - 1);
      }
    },
    lines() {
      const whole: string[] = [];
      let line = '';
      for (const { text, wraps } of rows) {
        line += text;
        if (wraps) continue;
        if (line.trim() !== '') whole.push(line.trimEnd());
        line = '';
      }
      return whole;
    },
    visible: () => rows.slice(top, top + height).map(({ text }) => text),
  };
}
