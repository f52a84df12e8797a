import type { Part } from '../../formats/contract/format.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import type { ShowReport } from '../../restore/proofs/catalogue.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import { ageWord, lsnWord, stateWord, timeWord } from './list-words.ts';
import { table } from './table.ts';

/** One backup in full, for a person. */
export function showWords({ backup, wal }: ShowReport): string {
  const age = backup.ageSeconds === undefined ? '' : `, ${ageWord(backup.ageSeconds)} ago`;
  const files = backup.restoredFiles === undefined ? '' : ` in ${backup.restoredFiles} files`;
  const rows: [string, string | undefined][] = [
    ['name', backup.name],
    ['server', backup.server],
    ['format', backup.format],
    ['state', `${stateWord(backup)}${backup.reason === undefined ? '' : `: ${backup.reason}`}`],
    ['doubt', backup.doubt],
    ['begun', timeWord(backup.beginTime)],
    ['ended', backup.endTime && `${timeWord(backup.endTime)}${age}`],
    ['PostgreSQL', backup.postgresMajor?.toString()],
    ['system identifier', backup.systemIdentifier],
    ['timeline', backup.timeline?.toString()],
    ['LSN', lsnWord(backup)],
    ['needs WAL', backup.beginWal && `${backup.beginWal} to ${backup.endWal ?? '?'}`],
    ['WAL segments of', backup.walSegmentSizeBytes === undefined ? undefined : formatBytes(backup.walSegmentSizeBytes)],
    ['stored', backup.storedBytes === undefined ? undefined : formatBytes(backup.storedBytes)],
    ['restored', backup.restoredBytes === undefined ? undefined : `${formatBytes(backup.restoredBytes)}${files}`],
    ...backup.tablespaces.map(({ oid, name, location }): [string, string] => [
      `tablespace ${oid}`,
      name === undefined ? location : `${name}, at ${location}`,
    ]),
    ['manifest', backup.manifestKey],
    ...backup.parts.map((part): [string, string] => [
      `part, ${partWord(part)}`,
      `${part.key}, ${formatBytes(part.sizeBytes)}`,
    ]),
    ['can be recovered to', wal && reachWords(wal)],
  ];
  return `backup ${backup.id}\n${table(rows)}`;
}

function partWord({ role, oid, layers }: Part): string {
  return `${role === 'tablespace' ? `tablespace ${oid}` : role}${layers.map((layer) => `, ${layer}`).join('')}`;
}

function reachWords(wal: WalPlan): string {
  if (wal.source === 'included') return 'its own end: its WAL travels in it';
  const time = wal.endArchivedAt === undefined ? '' : `, about ${timeWord(wal.endArchivedAt)}`;
  const hole = wal.hole === undefined ? '' : `; the archive lacks ${wal.hole}`;
  return `${wal.endSegment}${time} (${wal.segments} segments, ${formatBytes(wal.storedBytes)})${hole}`;
}
