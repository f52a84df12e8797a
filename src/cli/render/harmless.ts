/** Control characters but for the line feed and the tab, and what turns the direction of writing round. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A text with its control characters spelt out, such as `\x1b`. Names and words out of a repository or a server's log
 * are of whoever may write there, and a terminal would obey them.
 */
export function harmless(text: string): string {
  return text.replace(CONTROLS, spell);
}

/** The same of all texts in a plain JSON value. */
export function allHarmless<T>(value: T): T {
  if (typeof value === 'string') return harmless(value) as T;
  if (Array.isArray(value)) return value.map(allHarmless) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [harmless(name), allHarmless(inside)])) as T;
}

/** A JSON document that a terminal does not obey either: the same value, written otherwise. */
export function harmlessJson(json: string): string {
  return json.replace(/[\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${hexOf(character, 4)}`);
}

function spell(character: string): string {
  return character < '\x80' ? `\\x${hexOf(character, 2)}` : `\\u${hexOf(character, 4)}`;
}

function hexOf(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
