/** What a step of a restore does, and what there is when it is done. */
interface Step {
  name: string;
  words: readonly [string, string];
  /** Which data the service's volume has in place, and which beside it. */
  inPlace: 'old' | 'new';
  beside?: 'old' | 'new' | 'growing';
}

const STEPS: readonly Step[] = [
  { name: 'prove', words: ['every check first,', 'nothing is touched'], inPlace: 'old' },
  { name: 'stop', words: ['gracefully: it makes', 'its checkpoint'], inPlace: 'old' },
  { name: 'lay down', words: ['S3, unpack, files;', 'checked as it flows'], inPlace: 'old', beside: 'growing' },
  { name: 'rehearse', words: ['would the server', 'start on it?'], inPlace: 'old', beside: 'new' },
  { name: 'swap', words: ['by renames,', 'with a journal'], inPlace: 'new', beside: 'old' },
  { name: 'recover', words: ['WAL is fed ahead,', 'then promotion'], inPlace: 'new', beside: 'old' },
  { name: 'clean', words: ['only now the old', 'data goes'], inPlace: 'new' },
];

/** Stretches of steps, from the first to the last, with what holds all the while. */
const SERVICE = [
  { from: 0, to: 0, words: 'runs', look: 'good' },
  { from: 1, to: 4, words: 'stopped (with --online: for the swap only)', look: 'still' },
  { from: 5, to: 5, words: 'recovers', look: 'busy' },
  { from: 6, to: 6, words: 'runs', look: 'good' },
] as const;
const FAILURE = [
  { from: 0, to: 4, words: 'the service is back on its old data; the same command goes on from here', look: 'good' },
  { from: 5, to: 5, words: 'odo rollback', look: 'busy' },
  { from: 6, to: 6, words: 'restored', look: 'good' },
] as const;

const WIDTH = 960;
const LEFT = 108;
const COLUMN = (WIDTH - LEFT - 12) / STEPS.length;
const GAP = 8;
const ROWS = { steps: 20, volume: 112, service: 216, failure: 262 };
const HEIGHT = 312;

const STYLE = `
  text { font: 12px system-ui, "Segoe UI", "DejaVu Sans Condensed", sans-serif; fill: #1f2328; text-anchor: middle }
  .lane { text-anchor: start; font-weight: 600 }
  .name { font-size: 15px; font-weight: 700; fill: #fff }
  .words { fill: #59636e; font-size: 11.5px }
  .ground { fill: #fff; stroke: #d1d9e0 }
  .step { fill: #24527a }
  .old { fill: #e6dcc8; stroke: #a08a5b }
  .new { fill: #cfe6f5; stroke: #24527a }
  .growing { fill: #eef6fb; stroke: #24527a; stroke-dasharray: 4 3 }
  .good { fill: #d3ecd6; stroke: #3f8a4c }
  .still { fill: #e8eaed; stroke: #8a939c }
  .busy { fill: #fbe9c5; stroke: #b98a1c }`;

/** What a restore does, step by step, as a drawing that stands on its own in light and dark surroundings. */
export function procedurePicture(): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">`,
    '<title>The steps of a restore, and where the old data is meanwhile</title>',
    `<!-- Made by \`npm run docs\` from scripts/docs/procedure-picture.ts. -->`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="8"/>`,
    ...STEPS.flatMap(stepShapes),
    lane('the volume', ROWS.volume + 44),
    ...STEPS.flatMap(volumeShapes),
    lane('the service', ROWS.service + 20),
    ...SERVICE.flatMap((stretch) => bar(stretch, ROWS.service)),
    lane('if it fails', ROWS.failure + 20),
    ...FAILURE.flatMap((stretch) => bar(stretch, ROWS.failure)),
    '</svg>',
    '',
  ].join('\n');
}

function stepShapes({ name, words }: Step, at: number): string[] {
  const [x, y, width, height] = [left(at), ROWS.steps, COLUMN - GAP, 34];
  const tip = 7;
  // Each points at the next one.
  const points = [
    [x, y],
    [x + width, y],
    [x + width + tip, y + height / 2],
    [x + width, y + height],
    [x, y + height],
  ];
  return [
    `<polygon class="step" points="${points.map(([px = 0, py = 0]) => `${round(px)},${py}`).join(' ')}"/>`,
    text('name', middle(at, at), y + 22, name),
    ...words.map((line, row) => text('words', middle(at, at), y + height + 18 + row * 15, line)),
  ];
}

const NAMES = { old: 'old data', new: 'restored', growing: '.odo/incoming' } as const;

function volumeShapes({ inPlace, beside }: Step, at: number): string[] {
  const shapes = [box(inPlace, at, ROWS.volume, NAMES[inPlace])];
  if (beside !== undefined)
    shapes.push(box(beside, at, ROWS.volume + 44, beside === 'old' ? '.odo/previous' : NAMES[beside]));
  return shapes;
}

function box(look: string, at: number, y: number, words: string): string {
  const [x, width] = [left(at) + 4, COLUMN - GAP - 8];
  return (
    `<rect class="${look}" x="${round(x)}" y="${y}" width="${round(width)}" height="36" rx="5"/>` +
    text('', middle(at, at), y + 23, words)
  );
}

function bar(
  { from, to, words, look }: { from: number; to: number; words: string; look: string },
  y: number,
): string[] {
  const width = left(to) - left(from) + COLUMN - GAP;
  return [
    `<rect class="${look}" x="${round(left(from))}" y="${y}" width="${round(width)}" height="30" rx="5"/>`,
    text('', middle(from, to), y + 20, words),
  ];
}

function lane(words: string, y: number): string {
  return text('lane', 14, y, words);
}

function text(look: string, x: number, y: number, words: string): string {
  return `<text${look === '' ? '' : ` class="${look}"`} x="${round(x)}" y="${y}">${words}</text>`;
}

function left(at: number): number {
  return LEFT + at * COLUMN;
}

function middle(from: number, to: number): number {
  return (left(from) + left(to) + COLUMN - GAP) / 2;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
