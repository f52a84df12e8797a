import { commandLinePage } from './command-line.ts';
import { exitCodesPage } from './exit-codes.ts';
import { procedurePicture } from './procedure-picture.ts';
import { settingsPage } from './settings.ts';
import { statesPage } from './states.ts';

/** What is made of the code's own tables: file, from the repository's root, and how its text is made. */
export const PAGES: Readonly<Record<string, () => string>> = {
  'docs/reference/command-line.md': commandLinePage,
  'docs/reference/settings.md': settingsPage,
  'docs/reference/exit-codes.md': exitCodesPage,
  'docs/reference/states.md': statesPage,
  'docs/procedure.svg': procedurePicture,
};
