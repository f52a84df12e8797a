/**
 * npm run torture -- [--runs 300] [--seed 1] [--jobs 2] [--only FAULT] [--run K] [--verbose] [--with-engine-restart] [--report FILE] [--bundle FILE]
 *
 * Random faults against a real compose service, a real PostgreSQL and a real S3 server. After each run the promise is proven by asking: the
 * restored server is up, or the old one is. What does not hold is printed with everything that is known, and the exit code is 1.
 */
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { verdictLine } from './report.ts';
import { FAULTS, torture } from './torture.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string' },
    run: { type: 'string' },
    report: { type: 'string' },
    bundle: { type: 'string' },
    'with-engine-restart': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const say = (text: string) => void process.stderr.write(`${text}\n`);

if (values.list) {
  for (const { name, about } of FAULTS) say(`${name}: ${about}`);
  process.exit(0);
}
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const stop = new AbortController();
process.once('SIGINT', () => {
  say('the runs under way come to their end, then everything is taken away (a second Ctrl-C leaves it)');
  stop.abort();
});
say(`seed ${seed}`);
const only = values.only === undefined ? '' : ` --only '${values.only}'`;
const { verdicts, report } = await torture({
  runs: Number(values.runs),
  seed,
  jobs: Number(values.jobs),
  withEngineRestart: values['with-engine-restart'],
  signal: stop.signal,
  ...(values.only === undefined ? {} : { only: values.only }),
  ...(values.run === undefined ? {} : { run: Number(values.run) }),
  ...(values.bundle === undefined ? {} : { bundle: values.bundle }),
  onVerdict(verdict) {
    say(verdictLine(verdict));
    if (values.verbose) say(verdict.output);
    if (verdict.evidence === undefined) return;
    say(`=== DEFECT: npm run torture -- --seed ${seed}${only} --run ${verdict.planned.number}\n${verdict.evidence}\n===`);
  },
});
if (values.report === undefined) process.stdout.write(report);
else fs.writeFileSync(values.report, report);
process.exit(verdicts.some(({ outcome }) => outcome === 'DEFECT') ? 1 : 0);
