import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { guideFiles, readGuide, type Step } from './parts/guides/guide.ts';
import { writes } from './parts/guides/session.ts';
import { inThese, type Section, type Situation } from './parts/guides/situation.ts';
import { NOT_RUN, SITUATIONS } from './parts/guides/situations.ts';

const LONG_MS = 900_000;
/** What a person is to put something in for. */
const OPEN = /…|\.\.\./;

/** Does what one block of a guide says. Gives what its commands have written. */
async function carryOut(step: Step, section: Section, situation: Situation): Promise<string> {
  const { session, names, folder, going } = situation;
  const text = await inThese(names, step.text);
  if (step.use === 'file') {
    const file = path.join(folder, step.file ?? '');
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `${text}\n`);
    return '';
  }
  if (OPEN.test(text)) throw new Error(`nothing is put in for what is left open:\n${text}`);
  if (step.use === 'run') return session.run(text);
  const one = session.start(text, step.use === 'terminal');
  if (step.use === 'goes-on') {
    await writes(one, section.goesOnWith ?? '');
    going.push(one);
    return '';
  }
  for (const { shows, keys } of section.typed ?? []) {
    await writes(one, shows);
    one.type(keys);
  }
  expect(await one.ended, one.output()).toBe(0);
  return one.output();
}

/** The commands of the guides, in their order, as they are written there. */
describe.concurrent('a guide', () => {
  it('has a situation in which its commands are run, and so have all', () => {
    expect(Object.keys(SITUATIONS).sort()).toEqual(guideFiles().sort());
  });

  it('has commands that no test runs where it is known why, and nowhere else', () => {
    const counts = guideFiles().map((file) => [file, readGuide(file).filter(({ use }) => use === 'not-run').length]);
    expect(Object.fromEntries(counts.filter(([, count]) => count !== 0))).toEqual(
      Object.fromEntries(Object.entries(NOT_RUN).map(([file, why]) => [file, why.length])),
    );
  });

  it.each(Object.entries(SITUATIONS))(
    'does what it says: %s',
    async (file, prepare) => {
      const steps = readGuide(file).filter(({ use }) => use !== 'not-run' && use !== 'shown');
      const headings = [...new Set(steps.map(({ heading }) => heading))];
      const situation = await prepare();
      try {
        expect(Object.keys(situation.sections), 'the sections with commands').toEqual(headings);
        for (const heading of headings) {
          const section = situation.sections[heading] as Section;
          await section.before?.();
          const outputs: string[] = [];
          for (const step of steps.filter((one) => one.heading === heading)) {
            outputs.push(await carryOut(step, section, situation));
          }
          await section.after?.(outputs);
        }
        for (const one of situation.going) expect(await one.ended, one.output()).toBe(0);
        const text = steps.map((step) => step.text).join('\n');
        expect(
          Object.keys(situation.names).filter((name) => !text.includes(name)),
          'names that the guide does not have',
        ).toEqual([]);
      } finally {
        await situation.close();
      }
    },
    LONG_MS,
  );
});
