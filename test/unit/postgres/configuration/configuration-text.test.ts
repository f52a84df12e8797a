import { expect, it } from 'vitest';
import { decodeConfiguration, encodeConfiguration } from '../../../../src/postgres/configuration/configuration-text.ts';

const bytesOf = (...parts: (string | number)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))));

it('is read as the text that it is, and written with the same bytes', () => {
  for (const text of ['port = 5432\n# größer, 日本, 😀\n', '\ufeffport = 1\n', '']) {
    expect(decodeConfiguration(Buffer.from(text))).toBe(text);
    expect(encodeConfiguration(text).equals(Buffer.from(text))).toBe(true);
  }
});

it('keeps every byte that is no UTF-8, beside those that are, also by way of JSON', () => {
  const all = Buffer.from(Array.from({ length: 256 * 256 }, (_, at) => (at % 2 === 0 ? at >> 9 : at & 255)));
  const half = bytesOf('é', 0xe9, "x 😀 = 'Z", 0xfc, "rich'", 0xf0, 0x9f, 0x98, '\n', 0xed, 0xa0, 0x80, 0xc3);
  for (const bytes of [all, half]) {
    const text = decodeConfiguration(bytes);
    expect(encodeConfiguration(JSON.parse(JSON.stringify(text))).equals(bytes)).toBe(true);
  }
  expect(decodeConfiguration(half)).toContain("x 😀 = 'Z");
});
