/**
 * npm run torture -- [--runs 300] [--seed 1] [--jobs 2] [--only FAULT] [--run K] [--verbose] [--with-engine-restart]
 * [--report FILE] [--bundle FILE]
 * npm run torture -- --sequences [--runs 200] [--seed 1] [--jobs 2] [--run K [--steps 0,3,7]] [--report FILE] [--bundle
 * FILE]
 *
 * Random faults, or random sequences of commands and of what people do in between, against a real compose service, a
 * real PostgreSQL and a real S3 server. The promise is proven by asking: the restored server is up, or the old one is,
 * and every row is where it must be. What does not hold is printed with everything that is known, and the exit code is
 * 1.
 */
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { verdictLine } from './report.ts';
import { sequences } from './sequences/sequences.ts';
import { sequenceLine } from './sequences/sequences-report.ts';
import { FAULTS, torture } from './torture.ts';

const { values } = parseArgs({
  options: {
    sequences: { type: 'boolean', default: false },
    steps: { type: 'string' },
    'shrink-tries': { type: 'string', default: '12' },
    runs: { type: 'string' },
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
const common = {
  seed,
  jobs: Number(values.jobs),
  signal: stop.signal,
  ...(values.run === undefined ? {} : { run: Number(values.run) }),
  ...(values.bundle === undefined ? {} : { bundle: values.bundle }),
};

async function playSequences(): Promise<{ isWhole: boolean; report: string }> {
  const { verdicts, report } = await sequences({
    ...common,
    sequences: Number(values.runs ?? 200),
    shrinkTries: Number(values['shrink-tries']),
    ...(values.steps === undefined ? {} : { steps: new Set(values.steps.split(',').map(Number)) }),
    onVerdict(verdict) {
      say(sequenceLine(verdict));
      if (verdict.defect) say(`=== DEFECT: ${verdict.defect.evidence}\n===`);
    },
  });
  return { isWhole: verdicts.every(({ defect }) => !defect), report };
}

async function strikeRuns(): Promise<{ isWhole: boolean; report: string }> {
  const only = values.only === undefined ? '' : ` --only '${values.only}'`;
  const { verdicts, report } = await torture({
    ...common,
    runs: Number(values.runs ?? 300),
    withEngineRestart: values['with-engine-restart'],
    ...(values.only === undefined ? {} : { only: values.only }),
    onVerdict(verdict) {
      say(verdictLine(verdict));
      if (values.verbose) say(verdict.output);
      if (verdict.evidence === undefined) return;
      say(
        `=== DEFECT: npm run torture -- --seed ${seed}${only} --run ` +
          `${verdict.planned.number}\n${verdict.evidence}\n===`,
      );
    },
  });
  return { isWhole: verdicts.every(({ outcome }) => outcome !== 'DEFECT'), report };
}

const { isWhole, report } = await (values.sequences ? playSequences() : strikeRuns());
if (values.report === undefined) process.stdout.write(report);
else fs.writeFileSync(values.report, report);
process.exit(isWhole ? 0 : 1);
