// Takes the place of string-width, which yargs lays its help out with; see bundle.ts. To tell how wide any text of the
// world is, that one takes 15 ms to get ready, at each start. The help has but characters of one column, as a test
// sees.
export default function plainWidth(text) {
  return text.length;
}
