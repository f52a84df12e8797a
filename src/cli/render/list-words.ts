import type { Tablespace } from '../../formats/contract/format.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import type { ListedBackup, ListedRepository, ListedWal, ListReport } from '../../restore/proofs/catalogue.ts';
import type { RecoverableStretch, TimelineWindow } from '../../wal/moments/window.ts';
import type { WalHole } from '../../wal/timelines/holes.ts';
import { windowBar } from './window-bar.ts';

const HEADINGS = ['id', 'state', 'ended', 'age', 'PG', 'TL', 'LSN', 'stored', 'restored', 'tablespaces'];
const UNKNOWN = '-';

/** The catalogue for a person. It has a picture when it goes to a terminal of this many `columns`. */
export function listWords(report: ListReport, columns: number | undefined): string {
  return report.repositories.map((repository) => repositoryWords(repository, columns).join('\n')).join('\n\n');
}

/** A backup's state in one word. A complete backup that lacks WAL is `unusable`. */
export function stateWord({ state, usable }: ListedBackup): string {
  return state === 'complete' && !usable ? 'unusable' : state;
}

/** `2026-11-21T11:20:51Z`: seconds are enough for a person. */
export function timeWord(time: string | undefined): string | undefined {
  return time?.replace(/\.\d+Z$/, 'Z');
}

/** `5 min`, `3 h`, `12 d`. */
export function ageWord(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The backup's LSNs as far as they are known, such as `0/2000028 to 0/2000158`. */
export function lsnWord({ beginLsn, endLsn }: ListedBackup): string | undefined {
  if (beginLsn === undefined) return endLsn;
  return endLsn === undefined ? `${beginLsn} to ?` : `${beginLsn} to ${endLsn}`;
}

export function tablespaceWord({ oid, name }: Tablespace): string {
  return name ?? String(oid);
}

function repositoryWords(
  { server, format, url, backups, wal }: ListedRepository,
  columns: number | undefined,
): string[] {
  const usable = backups.filter((backup) => backup.usable).length;
  const title = `${server}: ${format} at ${url}, ${backups.length} backups, ${usable} of them usable`;
  const clusters = new Set(
    backups.filter((backup) => backup.usable).flatMap(({ systemIdentifier }) => systemIdentifier ?? []),
  );
  const mixed =
    clusters.size > 1
      ? [`  note: these are backups of ${clusters.size} clusters (${[...clusters].join(', ')})`, '']
      : [];
  const lines = [title, '', ...tableOf(backups), '', ...mixed];
  if (wal) return [...lines, ...windowWords(wal, backups, columns)];
  return [...lines, '  WAL travels in each backup: each can be recovered to its own end, and to nothing later'];
}

function tableOf(backups: readonly ListedBackup[]): string[] {
  const rows = backups.map((backup) => [
    backup.name === undefined ? backup.id : `${backup.id} (${backup.name})`,
    stateWord(backup),
    timeWord(backup.endTime),
    backup.ageSeconds === undefined ? undefined : ageWord(backup.ageSeconds),
    backup.postgresMajor?.toString(),
    backup.timeline?.toString(),
    lsnWord(backup),
    backup.storedBytes === undefined ? undefined : formatBytes(backup.storedBytes),
    backup.restoredBytes === undefined ? undefined : formatBytes(backup.restoredBytes),
    backup.tablespaces.length === 0 ? undefined : backup.tablespaces.map(tablespaceWord).join(', '),
  ]);
  const all = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, column) =>
    all.reduce((most, row) => Math.max(most, (row[column] ?? UNKNOWN).length), 0),
  );
  const line = (row: readonly (string | undefined)[]) =>
    `  ${row.map((cell, column) => (cell ?? UNKNOWN).padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd();
  return [
    line(HEADINGS),
    ...rows.flatMap((row, index) => {
      const { usable, reason } = backups[index] as ListedBackup;
      return usable || reason === undefined ? [line(row)] : [line(row), `      ${reason}`];
    }),
  ];
}

function windowWords(wal: ListedWal, backups: readonly ListedBackup[], columns: number | undefined): string[] {
  const { timelines, problems } = wal;
  const bar = columns === undefined ? [] : windowBar(timelines, backups, columns - 2);
  const isNothing = timelines.every(({ stretches }) => stretches.length === 0);
  return [
    isNothing ? '  nothing can be recovered' : '  can be recovered (times of WAL are those of its upload)',
    ...timelines.flatMap(timelineWords),
    ...problems.map((problem) => `  note: ${problem}`),
    ...(bar.length > 0 ? ['', ...bar.map((line) => `  ${line}`)] : []),
  ];
}

function timelineWords(window: TimelineWindow): string[] {
  const { timeline, branch, segments, firstSegment, lastSegment } = window;
  const origin = branch ? `, which left timeline ${branch.timeline} at ${branch.switchLsn}` : '';
  const extent = segments === 0 ? 'no WAL' : `WAL ${firstSegment} to ${lastSegment}, ${segments} segments`;
  return [
    `    timeline ${timeline}${origin}: ${extent}`,
    ...window.stretches.map((stretch) => `      ${stretchWords(stretch, branch?.switchLsn)}`),
    ...window.holes.map((hole) => `      ${holeWords(hole)}`),
  ];
}

function stretchWords(
  { backupId, fromLsn, fromTime, toSegment, toLsn, toTime }: RecoverableStretch,
  switchLsn: string | undefined,
): string {
  const isBranch = fromLsn === switchLsn;
  const begin = isBranch ? `the branch, by backup ${backupId},` : `the end of backup ${backupId}`;
  const from = fromTime === undefined ? fromLsn : `${isBranch ? 'about ' : ''}${timeWord(fromTime)}, ${fromLsn}`;
  const to = toTime === undefined ? toLsn : `about ${timeWord(toTime)}, ${toLsn}`;
  return `from ${begin} (${from}) to ${toSegment} (${to})`;
}

function holeWords({ firstSegment, lastSegment, segments, after, before }: WalHole): string {
  const names = segments === 1 ? firstSegment : `${firstSegment} to ${lastSegment} (${segments} segments)`;
  const times = [
    after === undefined ? [] : [`after about ${timeWord(after)}`],
    before === undefined ? [] : [`before about ${timeWord(before)}`],
  ].flat();
  return `hole: ${names} missing${times.length > 0 ? `, ${times.join(' and ')}` : ''}`;
}
