/** Control characters without the line feed and the tab, and characters that turn the direction of writing round. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A text with its control characters spelt out, such as `\x1b`. Whoever may write to a repository or a server's log
 * chooses the names and words there, and a terminal would obey them.
 */
export function harmless(text: string): string {
  return text.replace(CONTROLS, spell);
}

/** Spells out control characters in all texts of a plain JSON value. */
export function allHarmless<T>(value: T): T {
  if (typeof value === 'string') return harmless(value) as T;
  if (Array.isArray(value)) return value.map(allHarmless) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [harmless(name), allHarmless(inside)])) as T;
}

/** The same JSON value, written so that a terminal does not obey its characters. */
export function harmlessJson(json: string): string {
  return json.replace(/[\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${hexOf(character, 4)}`);
}

function spell(character: string): string {
  return character < '\x80' ? `\\x${hexOf(character, 2)}` : `\\u${hexOf(character, 4)}`;
}

function hexOf(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
