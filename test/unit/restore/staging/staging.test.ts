import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { prepareStaging } from '../../../../src/restore/staging/staging.ts';
import { type JobFields, jobWith } from '../../parts/job-with.ts';
import { setUpBench } from '../../parts/restore-bench.ts';

/** Whether a second job builds on what a first one has laid down. */
function resumes(first: JobFields, second: JobFields): boolean {
  const { job } = setUpBench();
  prepareStaging(jobWith(job, first));
  return prepareStaging(jobWith(job, second)).resuming;
}

it('goes on from what the same job has laid down, and not from what another has', () => {
  expect(resumes({}, {})).toBe(true);
  expect(resumes({}, { fresh: true })).toBe(false);
  expect(resumes({}, { settings: [['work_mem', '9MB']] })).toBe(false);
  expect(resumes({}, { standby: {} })).toBe(false);
});

it('goes on when the password of the primary was wrong, and keeps no digest of it', () => {
  const withPassword = (password: string) => ({ standby: { primaryConninfo: `host=primary password=${password}` } });
  expect(resumes(withPassword('wrong'), withPassword('right'))).toBe(true);
  const { job } = setUpBench();
  const journal = (password: string) => {
    prepareStaging(jobWith(job, withPassword(password)));
    const text = fs.readFileSync(path.join(job.places.pgdata.odoDir, 'journal.json'), 'utf8');
    return JSON.parse(text).fingerprint;
  };
  expect(journal('a')).toBe(journal('b'));
});
