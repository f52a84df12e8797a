import type { OdoError } from '../../errors.ts';
import { spellMoment } from '../../postgres/configuration/target-time.ts';
import type { WalBeyond } from '../../wal/archive/read-beyond.ts';
import type { OldDataSurvey } from '../contract/old-data-survey.ts';

/** Why the old data must not go, as plain JSON. */
export interface OnlyCopy {
  /** In words: what it has that nothing else has. */
  because: string;
  /** Commits that nothing else has; absent when they cannot be counted. */
  commits?: number;
  lastCommitTime?: string;
  /** What it holds could not be told. */
  isUnread?: true;
  /** The archive has other WAL of the same names, so that what it replays does not tell what the old data has. */
  hasDiverged?: true;
  /** It is of another cluster than the one that takes its place. */
  isOfAnother?: true;
}

/** Of old data whose WAL is not the archive's, although it is called the same. */
export function divergedCopy(segment: string): OnlyCopy {
  const because = `the WAL of the old data has gone another way than the archive: its ${segment} is not the archive's`;
  return { because, hasDiverged: true };
}

/**
 * Of old data of which the one that takes its place has nothing. Where initdb has just made it, nothing is lost with
 * it.
 */
function anothers({ systemIdentifier, holdsObjects }: OldDataSurvey): OnlyCopy | undefined {
  if (!holdsObjects) return undefined;
  const because = `the old data is of another cluster (${systemIdentifier}), and holds more than an empty one`;
  return { because, isOfAnother: true };
}

/** Of old data that could not be looked at: whatever it holds, it is taken for the only copy of it. */
export function unreadCopy(error: OdoError): OnlyCopy {
  return { because: `the old data could not be looked at: ${error.message}`, isUnread: true };
}

/** What is thought of old data; none of them where it has nothing of its own. */
export interface OldDataJudgement {
  onlyCopy?: OnlyCopy;
  /** What of its WAL can be replayed behind the end of the archive. */
  salvage?: WalBeyond | undefined;
}

/**
 * Judges whether old data is the only copy of anything: that of another cluster, of all it holds; that of the backup's
 * own, of what the archive lacks. On a timeline that the archive has nothing of, such as a restore has made, that is
 * what was committed since it began.
 * @param systemIdentifier of the backup; undefined when it does not say, so that nothing can be judged
 */
export function judgeOldData(
  survey: OldDataSurvey | undefined,
  systemIdentifier: string | undefined,
): OldDataJudgement {
  if (!survey || systemIdentifier === undefined) return {};
  if (survey.isOfAnother || survey.systemIdentifier !== systemIdentifier) {
    const onlyCopy = anothers(survey);
    return onlyCopy ? { onlyCopy } : {};
  }
  const { timeline, beyond, fromLsn, began } = survey;
  if (!beyond) {
    const where = began
      ? ` and which began at ${began.lsn} of timeline ${began.timeline}, farther than the archive goes`
      : '';
    return {
      onlyCopy: { because: `the old data is on timeline ${timeline}, of which the archive has nothing${where}` },
    };
  }
  const place = began
    ? `where its timeline ${timeline} begins, of which the archive has nothing`
    : 'where the archive ends';
  const onlyCopy = countedCopy('the old data', beyond, `behind ${fromLsn}, ${place}`);
  return onlyCopy ? { onlyCopy } : {};
}

/**
 * Judges content that a rollback has set aside. What a restored server was promoted with is all to be had elsewhere; of
 * the rest it is not known.
 */
export function judgeSetAside({ timeline, beyond, fromLsn }: OldDataSurvey): OnlyCopy | undefined {
  const what = 'what a rollback has set aside';
  if (!beyond)
    return { because: `${what} is on timeline ${timeline}, and what was committed on the way there is not known` };
  return countedCopy(what, beyond, `behind ${fromLsn}, where its timeline ${timeline} begins`);
}

/** Of content that has commits of its own, or whose WAL cannot be read. */
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
