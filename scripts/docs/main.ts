/** npm run docs: writes the pages that are made of the code's own tables. A test fails while they differ. */
import fs from 'node:fs';
import { PAGES } from './pages.ts';

for (const [file, make] of Object.entries(PAGES)) {
  fs.writeFileSync(new URL(`../../${file}`, import.meta.url), make());
  process.stderr.write(`${file}\n`);
}
