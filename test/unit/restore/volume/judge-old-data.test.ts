import { describe, expect, it } from 'vitest';
import type { OldDataSurvey } from '../../../../src/restore/contract/old-data-survey.ts';
import { judgeOldData } from '../../../../src/restore/volume/judge-old-data.ts';

const NOTHING = { commits: 0, prepared: 0, endLsn: '0/3000028', isWhole: true, because: 'nothing was written' };

const judge = (more: Partial<OldDataSurvey>, systemIdentifier = '7') =>
  judgeOldData(
    { systemIdentifier: '7', holdsObjects: true, timeline: 1, fromLsn: '0/3000000', ...more },
    systemIdentifier,
  );

describe('whether old data is the only copy', () => {
  it('is not, where nothing was committed behind the end of the archive', () => {
    expect(judge({ beyond: NOTHING })).toEqual({});
    expect(judgeOldData(undefined, '7')).toEqual({});
  });

  it('is, where there are commits, or transactions that are prepared for one', () => {
    const lastCommitTime = '2026-01-02T03:04:05.000000Z';
    expect(judge({ beyond: { ...NOTHING, commits: 1, lastCommitTime } }).onlyCopy).toEqual({
      because:
        'the old data holds 1 commit, the last of 2026-01-02T03:04:05Z, behind 0/3000000, where the archive ends',
      commits: 1,
      lastCommitTime,
    });
    expect(judge({ beyond: { ...NOTHING, prepared: 2 } }).onlyCopy?.because).toContain('2 prepared transactions');
  });

  it('is, where its WAL cannot be read to its last checkpoint', () => {
    const cut = { ...NOTHING, isWhole: false, because: 'its pg_wal has no 000000010000000000000003' };
    expect(judge({ beyond: cut }).onlyCopy?.because).toMatch(
      /more than can be read behind 0\/3000000.*its pg_wal has no/,
    );
    expect(judge({ beyond: { ...cut, commits: 3 } }).onlyCopy?.because).toContain('3 commits at least');
    expect(judge({ beyond: { ...cut, commits: 3 } }).onlyCopy).not.toHaveProperty('commits');
  });

  it('is of another cluster, unless that is as initdb has made it', () => {
    const because = 'the old data is of another cluster (7), and holds more than an empty one';
    for (const told of [judge({ beyond: NOTHING }, '8'), judge({ isOfAnother: true })])
      expect(told).toEqual({ onlyCopy: { because, isOfAnother: true } });
    expect(judge({ beyond: { ...NOTHING, commits: 1 }, holdsObjects: false }, '8')).toEqual({});
  });

  it('is not judged where the backup does not say of which cluster it is', () => {
    const survey = { systemIdentifier: '7', holdsObjects: true, timeline: 1 };
    expect(judgeOldData(survey, undefined)).toEqual({});
  });

  it('is of a timeline that the archive has nothing of, where anything was committed since that began', () => {
    expect(judge({ timeline: 2 }).onlyCopy?.because).toContain('on timeline 2, of which the archive has nothing');
    const began = { timeline: 1, lsn: '0/3000000' };
    expect(judge({ timeline: 2, began }).onlyCopy?.because).toMatch(
      /began at 0\/3000000 of timeline 1, farther than the archive/,
    );
    expect(judge({ timeline: 2, began, beyond: NOTHING })).toEqual({});
    expect(judge({ timeline: 2, began, beyond: { ...NOTHING, commits: 2 } }).onlyCopy).toEqual({
      because:
        'the old data holds 2 commits behind 0/3000000, where its timeline 2 begins, of which the archive has nothing',
      commits: 2,
    });
    expect(judge({ timeline: 2, began, beyond: { ...NOTHING, isWhole: false } }).onlyCopy?.because).toContain(
      'timeline 2 begins',
    );
  });
});
