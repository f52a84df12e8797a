// Takes the place of string-width, which yargs lays its help out with; see bundle.ts. That one can tell how wide any
// text of the world is, and takes 15 ms at each start to get ready for it. The help has but characters of one column,
// as a test sees.
export default function plainWidth(text) {
  return text.length;
}
