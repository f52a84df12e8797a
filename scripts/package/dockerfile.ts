/** What the restore image is besides its base. */
export interface ImageRecipe {
  base: string;
  copies: { sources: string[]; folder: string }[];
  env: string[];
  entrypoint: string[];
  cmd: string[];
}

/**
 * Reads the Dockerfile, as far as it goes: FROM, COPY of files into a folder, ENV, ENTRYPOINT and CMD. So there is one
 * place that says what the image is, whoever makes it. Anything else in it is an Error.
 */
export function parseDockerfile(text: string): ImageRecipe {
  const recipe: ImageRecipe = { base: '', copies: [], env: [], entrypoint: [], cmd: [] };
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, instruction = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    const words = rest.trim().split(/ +/);
    if (instruction === 'FROM' && words.length === 1 && recipe.base === '') recipe.base = rest.trim();
    else if (instruction === 'COPY' && words.length > 1 && /^\/.*\/$/.test(words.at(-1) as string))
      recipe.copies.push({ sources: words.slice(0, -1), folder: words.at(-1) as string });
    else if (instruction === 'ENV' && words.every((word) => /^\w+=[\w./-]+$/.test(word))) recipe.env.push(...words);
    else if (instruction === 'ENTRYPOINT') recipe.entrypoint = argv(rest);
    else if (instruction === 'CMD') recipe.cmd = argv(rest);
    else throw new Error(`the packaging does not understand this line of the Dockerfile: ${line}`);
  }
  return recipe;
}

function argv(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words;
  throw new Error(`${text} is no list of words`);
}
