/** Names and values in two columns; a row without a value is left out. */
export function table(rows: [string, string | undefined][]): string {
  const filled = rows.filter((row): row is [string, string] => row[1] !== undefined);
  const width = Math.max(...filled.map(([name]) => name.length));
  return filled.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
}
