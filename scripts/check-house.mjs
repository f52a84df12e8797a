// Holds the code against the table of ARCHITECTURE.md: imports run down only, files import each other in no circle, no
// room is too full, no line too long. Run by `npm run lint`; says what is wrong, and ends with 1.
import fs from 'node:fs';
import path from 'node:path';

const MOST_FILES = 25;
const LONGEST_LINE = 120;
const MOST_BYTES = 12 * 1024;
const DOCUMENT = 'ARCHITECTURE.md';

const faults = [];
const document = fs.readFileSync(DOCUMENT, 'utf8');
const rules = readTable();
const rooms = readRooms();
const files = filesBelow('src').filter((file) => file.endsWith('.ts'));
const imports = new Map(files.map((file) => [file, importsOf(file)]));

if (Buffer.byteLength(document) > MOST_BYTES) fault(DOCUMENT, `is larger than ${MOST_BYTES} bytes`);
for (const [file, taken] of imports) judgeImports(file, taken);
judgeRooms();
judgeCircles();
for (const file of [...filesBelow('src'), ...filesBelow('test'), ...filesBelow('scripts'), ...filesBelow('native')]) {
  judgeLines(file);
}
for (const line of faults) process.stderr.write(`${line}\n`);
if (faults.length > 0) process.exit(1);

function fault(where, what) {
  faults.push(`${where} ${what}`);
}

/** The rows `| \`folder\` | may import | libraries | because |` by folder. */
function readTable() {
  const rows = [...document.matchAll(/^\| `([a-z]+)` \| ([^|]*)\| ([^|]*)\|/gm)];
  const words = (cell) => cell.split(',').flatMap((word) => word.trim() || []);
  return new Map(rows.map(([, folder, may, libraries]) => [folder, { may: words(may), libraries: words(libraries) }]));
}

/** The rooms, from the ground up, as they are listed: `- \`folder/room\`: …`. */
function readRooms() {
  return [...document.matchAll(/^- `([a-z0-9-]+(?:\/[a-z0-9-]+)?)`: /gm)].map(([, room]) => room);
}

function filesBelow(folder) {
  const entries = fs.readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

function importsOf(file) {
  const text = fs.readFileSync(file, 'utf8');
  const found = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)/gm)];
  return [...new Set(found.map(([, fixed, later]) => fixed ?? later))].filter((name) => !name.startsWith('node:'));
}

/** `restore/volume` of a file in src; '' for those that lie beside the folders. */
function roomOf(file) {
  return path.relative('src', path.dirname(file));
}

function judgeImports(file, names) {
  const room = roomOf(file);
  const [folder] = room.split('/');
  const rule = rules.get(folder);
  if (room !== '' && !rule) return fault(file, `lies in ${folder}/, which the table of ${DOCUMENT} does not know`);
  for (const name of names) {
    if (!name.startsWith('.')) {
      const [library] = name.split('/');
      if (!isSpokenTo(library, room, rule)) fault(file, `imports ${library} itself`);
      continue;
    }
    const target = path.normalize(path.join(path.dirname(file), name));
    if (!target.startsWith('src/')) {
      const top = target.split('/')[0];
      if (top !== 'package.json' && !rule?.may.includes(top)) fault(file, `imports ${target}`);
      continue;
    }
    const other = roomOf(target);
    if (other === '' || other === room || file === 'src/main.ts') continue;
    if (room === '') fault(file, `is the ground, and imports ${target}`);
    else if (other.split('/')[0] !== folder) {
      if (!rule.may.includes(other.split('/')[0])) fault(file, `imports ${target}, which ${folder}/ may not`);
    } else if (rooms.indexOf(other) > rooms.indexOf(room)) fault(file, `imports ${target}, whose room stands above`);
  }
}

/** A cell says `library`, for all of a folder, or `library (room)`. */
function isSpokenTo(library, room, rule) {
  return rule?.libraries.some((cell) => cell === library || cell === `${library} (${room})`) === true;
}

function judgeRooms() {
  const counts = new Map();
  for (const file of files) counts.set(roomOf(file), (counts.get(roomOf(file)) ?? 0) + 1);
  for (const [room, count] of counts) {
    if (room !== '' && !rooms.includes(room)) fault(`src/${room}/`, `is no room that ${DOCUMENT} lists`);
    if (count > MOST_FILES) fault(`src/${room}/`, `holds ${count} files, more than ${MOST_FILES}`);
  }
  for (const room of rooms) if (!counts.has(room)) fault(DOCUMENT, `lists ${room}, which is not there`);
  for (const [, file] of document.matchAll(/`((?:[a-z0-9-]+\/)+[a-z0-9-]+\.ts)`/g)) {
    if (!fs.existsSync(path.join('src', file))) fault(DOCUMENT, `names ${file}, which is not there`);
  }
}

/** Depth first: a file that is met again on the way to itself closes a circle. */
function judgeCircles() {
  const done = new Set();
  const way = [];
  const visit = (file) => {
    if (way.includes(file)) return fault(file, `is imported in a circle: ${way.slice(way.indexOf(file)).join(' → ')}`);
    if (done.has(file)) return;
    way.push(file);
    for (const name of imports.get(file) ?? []) {
      if (name.startsWith('.')) visit(path.normalize(path.join(path.dirname(file), name)));
    }
    way.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
}

function judgeLines(file) {
  const isMade = /-wasm\.ts$|\.node$|LICENSES$|\.md$/.test(file) || file.startsWith('test/fixtures/');
  if (isMade) return;
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    if ([...line].length > LONGEST_LINE) fault(`${file}:${index + 1}`, `is longer than ${LONGEST_LINE} characters`);
  }
}
