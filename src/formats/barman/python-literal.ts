import { OdoError } from '../../errors.ts';

/** A Python literal: None is null, tuples and lists are arrays, a dict is a Map; integers beyond 2^53 are bigint. */
export type PythonValue = string | number | bigint | boolean | null | PythonValue[] | Map<PythonValue, PythonValue>;

/**
 * Reads what Python's repr() writes of strings, numbers, None, True, False, tuples, lists and dicts. Throws dataCorrupt
 * for anything else. A bytes literal gives the text of its bytes as Latin-1. Source: The Python Language Reference,
 * "Lexical analysis"; the library reference of ast.literal_eval.
 */
export function parsePythonLiteral(text: string): PythonValue {
  const reader = new Reader(text);
  const value = reader.value();
  reader.end();
  return value;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': '',
};
const HEX_ESCAPES: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** barman nests three deep; the limit keeps a hostile file from exhausting the stack. */
const MAX_DEPTH = 100;

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): PythonValue {
    this.#skipBlanks();
    const character = this.#text.charAt(this.#at);
    if (character === '(') return this.#nested(() => this.#sequence(')'));
    if (character === '[') return this.#nested(() => this.#sequence(']'));
    if (character === '{') return this.#nested(() => this.#dict());
    const prefix = this.#match(/[uUbB]?(?=['"])/y);
    if (prefix !== undefined) return this.#string();
    const word = this.#match(/(?:None|True|False)\b/y);
    if (word !== undefined) return word === 'None' ? null : word === 'True';
    return this.#number();
  }

  end(): void {
    this.#skipBlanks();
    if (this.#at < this.#text.length) throw this.#unreadable();
  }

  #nested(read: () => PythonValue): PythonValue {
    if (++this.#depth > MAX_DEPTH) throw this.#unreadable();
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #sequence(close: string): PythonValue[] {
    const items: PythonValue[] = [];
    let commas = 0;
    this.#at++;
    while (!this.#take(close)) {
      if (items.length > commas) throw this.#unreadable();
      items.push(this.value());
      if (this.#take(',')) commas++;
    }
    // Brackets around one value without a comma only group: ('a') is 'a'.
    if (close === ')' && items.length === 1 && commas === 0) return items[0] as PythonValue[];
    return items;
  }

  #dict(): Map<PythonValue, PythonValue> {
    const dict = new Map<PythonValue, PythonValue>();
    let commas = 0;
    this.#at++;
    for (let count = 0; !this.#take('}'); count++) {
      if (count > commas) throw this.#unreadable();
      const key = this.value();
      if (!this.#take(':')) throw this.#unreadable();
      dict.set(key, this.value());
      if (this.#take(',')) commas++;
    }
    return dict;
  }

  #string(): string {
    const quote = this.#text.charAt(this.#at++);
    let content = '';
    for (;;) {
      const character = this.#text.charAt(this.#at++);
      if (character === '' || character === '\n') throw this.#unreadable();
      if (character === quote) return content;
      content += character === '\\' ? this.#escape() : character;
    }
  }

  #escape(): string {
    const octal = this.#match(/[0-7]{1,3}/y);
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    const character = this.#text.charAt(this.#at++);
    const digits = HEX_ESCAPES[character];
    if (digits === undefined) return SIMPLE_ESCAPES[character] ?? `\\${character}`;
    const code = Number.parseInt(this.#match(new RegExp(`[0-9A-Fa-f]{${digits}}`, 'y')) ?? '', 16);
    if (Number.isNaN(code) || code > 0x10ffff) throw this.#unreadable();
    return String.fromCodePoint(code);
  }

  #number(): number | bigint {
    const literal = this.#match(/[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y);
    if (literal === undefined) throw this.#unreadable();
    const value = Number(literal);
    return /^[+-]?\d+$/.test(literal) && !Number.isSafeInteger(value) ? BigInt(literal) : value;
  }

  #take(character: string): boolean {
    this.#skipBlanks();
    if (this.#text.charAt(this.#at) !== character) return false;
    this.#at++;
    return true;
  }

  #skipBlanks(): void {
    this.#match(/\s*/y);
  }

  #match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.#text);
    if (!match) return undefined;
    this.#at += match[0].length;
    return match[0];
  }

  #unreadable(): OdoError {
    const place = this.#text.slice(this.#at, this.#at + 40);
    return new OdoError('dataCorrupt', `not a Python literal at character ${this.#at}: '${place}'`);
  }
}
