import type { OdoError } from '../../errors.ts';
import { spellMoment } from '../../postgres/configuration/target-time.ts';
import type { WalBeyond } from '../../wal/archive/read-beyond.ts';
import type { OldDataSurvey } from '../contract/old-data-survey.ts';

/** Why the old data must not go, as plain JSON. */
export interface OnlyCopy {
  /** In words, what the old data has that nothing else has. */
  because: string;
  /** Commits that nothing else has; absent when they cannot be counted. */
  commits?: number;
  lastCommitTime?: string;
  /** The old data could not be read. */
  isUnread?: true;
  /** The archive has other WAL of the same names, so its replay does not tell what the old data has. */
  hasDiverged?: true;
  /** The old data is of another cluster than the one that takes its place. */
  isOfAnother?: true;
}

/** The judgement on old data whose WAL differs from the archive's WAL of the same name. */
export function divergedCopy(segment: string): OnlyCopy {
  const because = `the WAL of the old data has gone another way than the archive: its ${segment} is not the archive's`;
  return { because, hasDiverged: true };
}

/** Why old data has to stay where what took its place has turned out to be wrong. */
export function wrongInstead({ message }: OdoError): string {
  return `what was restored in its place is not whole: ${message}`;
}

/** The judgement on old data of another cluster; undefined when initdb has just made it, so that nothing is lost. */
function anothers({ systemIdentifier, holdsObjects }: OldDataSurvey): OnlyCopy | undefined {
  if (!holdsObjects) return undefined;
  const because = `the old data is of another cluster (${systemIdentifier}), and holds more than an empty one`;
  return { because, isOfAnother: true };
}

/** The judgement on old data that could not be looked at. It counts as the only copy of whatever it holds. */
export function unreadCopy(error: OdoError): OnlyCopy {
  return { because: `the old data could not be looked at: ${error.message}`, isUnread: true };
}

/** The judgement on old data. Both fields are absent when it has nothing of its own. */
export interface OldDataJudgement {
  onlyCopy?: OnlyCopy;
  /** The old data's WAL that can be replayed behind the end of the archive. */
  salvage?: WalBeyond | undefined;
}

/**
 * Judges whether old data is the only copy of anything. Data of another cluster is the only copy of all it holds. Data
 * of the backup's own cluster is the only copy of what the archive lacks. When the archive has nothing of its timeline,
 * as after an earlier restore, that is what was committed since the timeline began.
 * @param systemIdentifier the backup's; undefined when it does not tell, so that nothing can be judged
 * @param other where else the cluster's WAL is: in an archive, or in the backup alone
 */
export function judgeOldData(
  survey: OldDataSurvey | undefined,
  systemIdentifier: string | undefined,
  other: 'archive' | 'backup' = 'archive',
): OldDataJudgement {
  if (!survey || systemIdentifier === undefined) return {};
  if (survey.isOfAnother || survey.systemIdentifier !== systemIdentifier) {
    const onlyCopy = anothers(survey);
    return onlyCopy ? { onlyCopy } : {};
  }
  const { timeline, beyond, fromLsn, began } = survey;
  if (!beyond) {
    const where = began
      ? ` and which began at ${began.lsn} of timeline ${began.timeline}, farther than the ${other} goes`
      : '';
    return {
      onlyCopy: { because: `the old data is on timeline ${timeline}, of which the ${other} has nothing${where}` },
    };
  }
  const place = began
    ? `where its timeline ${timeline} begins, of which the ${other} has nothing`
    : `where the ${other} ends`;
  const onlyCopy = countedCopy('the old data', beyond, `behind ${fromLsn}, ${place}`);
  return onlyCopy ? { onlyCopy } : {};
}

/**
 * Judges content that a rollback has set aside. Whatever the restored server was promoted with can be had elsewhere.
 * Only what was committed since then may be its own.
 */
export function judgeSetAside({ timeline, beyond, fromLsn }: OldDataSurvey): OnlyCopy | undefined {
  const what = 'what a rollback has set aside';
  if (!beyond)
    return { because: `${what} is on timeline ${timeline}, and what was committed on the way there is not known` };
  return countedCopy(what, beyond, `behind ${fromLsn}, where its timeline ${timeline} begins`);
}

/** The judgement on content by its WAL; undefined when the WAL can all be read and has no commits of its own. */
function countedCopy(what: string, beyond: WalBeyond, where: string): OnlyCopy | undefined {
  const { commits, prepared, lastCommitTime, isWhole, because } = beyond;
  const countedWords = [
    ...(commits > 0 ? [`${commits} ${commits === 1 ? 'commit' : 'commits'}`] : []),
    ...(prepared > 0 ? [`${prepared} prepared ${prepared === 1 ? 'transaction' : 'transactions'}`] : []),
  ];
  const last = lastCommitTime === undefined ? '' : `, the last of ${spellMoment(lastCommitTime)},`;
  if (!isWhole) {
    const seen = countedWords.length > 0 ? `${countedWords.join(' and ')} at least${last}` : 'more than can be read';
    return { because: `${what} holds ${seen} ${where} (${because})` };
  }
  if (countedWords.length === 0) return undefined;
  const words = `${what} holds ${countedWords.join(' and ')}${last} ${where}`;
  return { because: words, commits, ...(lastCommitTime === undefined ? {} : { lastCommitTime }) };
}
