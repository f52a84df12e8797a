const UNITS = ['', 'k', 'm', 'g', 't'];

/** `1GiB`, `256M`, `2g` or plain bytes, in powers of 1024; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) *(?:([kmgt])(?:i?b)?|b)?$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  return Math.floor(Number(digits) * 1024 ** UNITS.indexOf(unit.toLowerCase()));
}
