import fs from 'node:fs';
import path from 'node:path';
import { afterEach } from 'vitest';
import { lastRuns } from './odo.ts';
import { OWN } from './own.ts';
import { run } from './run.ts';

// A test that fails leaves in .cache/logs what its runs of odo wrote, and what the containers of its file have logged:
// by the time that a person looks, both are gone.

const FOLDER = new URL('../../../.cache/logs/failed/', import.meta.url).pathname;
const LINES = '400';

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const runs = lastRuns().map(({ args, outcome }) => `--- odo ${args.join(' ')}\n${wordsOf(outcome)}`);
  const named = await run('docker', ['ps', '-a', '--filter', `name=${OWN}`, '--format', '{{.Names}}']);
  const logs = await Promise.all(
    named.stdout
      .split('\n')
      .filter(Boolean)
      .map(async (name) => {
        const { stdout, stderr } = await run('docker', ['logs', '--tail', LINES, name]);
        return `--- container ${name}\n${stdout}${stderr}`;
      }),
  );
  const file = path.basename(task.file.name, '.test.ts');
  const log = path.join(FOLDER, `${file}-${task.name.replaceAll(/\W+/g, '-').slice(0, 80)}.log`);
  fs.mkdirSync(FOLDER, { recursive: true });
  fs.writeFileSync(log, [...runs, ...logs].join('\n'));
  process.stderr.write(`the logs of a test that failed: ${log}\n`);
});

function wordsOf(outcome: Awaited<ReturnType<typeof run>> | undefined): string {
  return outcome ? `${outcome.stdout}${outcome.stderr}ended with ${outcome.code}` : 'it had not ended';
}
