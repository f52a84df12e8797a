import type { Proof } from '../../events.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import type { Promotion } from '../../restore/afterwards/promote-service.ts';
import type { Rollback } from '../../restore/afterwards/rollback-service.ts';
import type { TemporaryList } from '../../restore/afterwards/temporary-servers.ts';
import type { CleanReport, StatusReport } from '../../restore/afterwards/volume-commands.ts';
import type { ImageLoaded } from '../../restore/image/load-image.ts';
import type { MomentReport, Plan, Receipt } from '../../restore/outcome/receipt.ts';
import type { Following } from '../../restore/standby/follow-service.ts';
import { configWords } from '../settings/config-report.ts';
import type { CheckReport } from './check-report.ts';
import { formatDuration } from './format-duration.ts';
import { listWords } from './list-words.ts';
import type { Result } from './render.ts';
import { showWords } from './show-words.ts';
import { table } from './table.ts';

/**
 * The result for a person: what was done, what was reached, what to do next. `columns` is the width of the terminal
 * that it goes to, if it goes to one.
 */
export function resultWords(result: Result, columns?: number): string {
  switch (result.kind) {
    case 'plan':
      return planWords(result);
    case 'receipt':
      return receiptWords(result);
    case 'rollback':
      return rollbackWords(result);
    case 'promotion':
      return promotionWords(result);
    case 'following':
      return followingWords(result);
    case 'check':
      return checkWords(result);
    case 'status':
      return statusWords(result);
    case 'config':
      return configWords(result);
    case 'text':
      return result.text;
    case 'list':
      return listWords(result, columns);
    case 'show':
      return showWords(result);
    case 'temporary-list':
      return temporaryWords(result);
    case 'temporary-stopped':
      return `stopped: ${result.name} and its volume are gone`;
    case 'clean':
      return cleanWords(result);
    case 'image-loaded':
      return imageWords(result);
  }
}

export function planWords(plan: Plan): string {
  const { backup, wal } = plan;
  const rows: [string, string | undefined][] = [
    ['backup', `${backup.id}, ended ${backup.endTime ?? 'at an unknown time'}, format ${backup.format}`],
    [
      'WAL',
      wal.source === 'archive' ? `${backup.beginWal} to ${wal.endSegment} (${wal.segments} segments)` : 'in the backup',
    ],
    [
      'into',
      plan.volume === undefined
        ? plan.dataDirectory
        : `${plan.dataDirectory} on volume ${plan.volume}, service ${plan.service}`,
    ],
    ['owner', plan.owner && `${plan.owner.uid}:${plan.owner.gid}`],
    ...plan.tablespaces.map(({ oid, location }): [string, string] => [`tablespace ${oid}`, location]),
  ];
  const steps = plan.steps.map((step, index) => `  ${index + 1}. ${step}`);
  return ['plan', table(rows), ...steps].join('\n');
}

const MOMENT_TITLES: Readonly<Record<MomentReport['outcome'], string>> = {
  promoted: 'restored to the target and promoted',
  paused: 'restored to the target, where the server waits',
  'shut down': 'restored to the target, where the server has shut down',
  left: 'restored',
};

function serverWords({ name, port }: NonNullable<Receipt['temporary']>): string {
  return port === undefined ? `${name}, on no port` : `${name} on 127.0.0.1:${port}`;
}

function receiptWords(receipt: Receipt): string {
  const { backup, reached, laidDown } = receipt;
  const rows: [string, string | undefined][] = [
    ['backup', `${backup.id}, ended ${backup.endTime ?? 'at an unknown time'}`],
    [
      'into',
      receipt.volume === undefined ? receipt.dataDirectory : `${receipt.dataDirectory} on volume ${receipt.volume}`,
    ],
    ['server', receipt.temporary && serverWords(receipt.temporary)],
    ['service', receipt.service],
    ['target', receipt.moment?.words],
    ['timeline', reached && String(reached.timeline)],
    ['replayed to', reached?.lsn],
    ['last commit', reached && (reached.lastCommitTime ?? 'none was replayed')],
    [
      'laid down',
      `${formatBytes(laidDown.writtenBytes)} in ${laidDown.files} files, ${laidDown.walSegments} WAL ` +
        `segments, from ${formatBytes(laidDown.readBytes)}`,
    ],
    ['reused', reuseWords(laidDown)],
    ['phases', receipt.phases.map(({ phase, elapsedMs }) => `${phase} ${formatDuration(elapsedMs)}`).join(', ')],
    ['downtime', receipt.downtimeMs === undefined ? undefined : formatDuration(receipt.downtimeMs)],
    ['memory', `${formatBytes(laidDown.peakMemoryBytes)} at the most`],
  ];
  const title = receipt.standby
    ? 'restored as a standby'
    : receipt.moment
      ? MOMENT_TITLES[receipt.moment.outcome]
      : reached
        ? 'restored and promoted'
        : 'restored';
  return [title, table(rows), ...receipt.notes.map((note) => `note: ${note}`)].join('\n');
}

/** Words for the work that an interrupted run had done. */
function reuseWords({ reusedBytes, reusedParts, reusedSegments }: Receipt['laidDown']): string | undefined {
  if (reusedBytes + reusedParts + reusedSegments === 0) return undefined;
  return (
    `of an interrupted run: ${formatBytes(reusedBytes)} found in place, ${reusedParts} parts and ` +
    `${reusedSegments} WAL segments not fetched again`
  );
}

function checkWords({ ok, proofs, plan }: CheckReport): string {
  const count = (state: Proof['state']) => proofs.filter((proof) => proof.state === state).length;
  const counts =
    `${count('held')} held, ${count('failed')} failed, ${count('warning')} warnings, ${count('unjudged')} ` +
    'could not be judged';
  if (!ok || !plan) return `a restore would not start: ${counts}`;
  return `${planWords(plan)}\na restore would start: ${counts}`;
}

function statusWords(status: StatusReport): string {
  const size = (bytes: number) => (bytes > 0 ? formatBytes(bytes) : undefined);
  const rows: [string, string | undefined][] = [
    ['volume', `${status.volume}, service ${status.service}`],
    ['state', status.state],
    ['backup', status.backupId],
    ['begun', status.startedAt],
    ['staged', size(status.incomingBytes)],
    ['WAL', size(status.spoolBytes)],
    ['old data', size(status.previousBytes)],
    ['free', formatBytes(status.freeBytes)],
  ];
  return `${table(rows)}\n${status.advice}`;
}

function temporaryWords({ servers }: TemporaryList): string {
  if (servers.length === 0) return 'there is no temporary server';
  return servers
    .map(({ name, state, port, service, backupId, createdAt }) => {
      const where = port === undefined ? state : `${state} on 127.0.0.1:${port}`;
      return `${name}  ${where}, backup ${backupId} beside ${service}, since ${createdAt}`;
    })
    .join('\n');
}

function promotionWords({ service, volume, dataDirectory, target, reached, notes }: Promotion): string {
  const rows: [string, string | undefined][] = [
    ['into', `${dataDirectory} on volume ${volume}`],
    ['service', service],
    ['target', target],
    ['timeline', String(reached.timeline)],
    ['replayed to', reached.lsn],
    ['last commit', reached.lastCommitTime],
  ];
  return ['promoted', table(rows), ...notes.map((note) => `note: ${note}`)].join('\n');
}

function followingWords({
  ended,
  service,
  volume,
  replayLsn,
  lastCommitTime,
  walSegments,
  readBytes,
  notes,
}: Following): string {
  const rows: [string, string | undefined][] = [
    ['volume', `${volume}, service ${service}`],
    ['fetched', `${walSegments} WAL segments, from ${formatBytes(readBytes)}`],
    ['replayed to', replayLsn],
    ['last commit', lastCommitTime],
  ];
  const title = ended === 'promoted' ? 'following has ended: the server is promoted' : 'following has ended';
  return [title, table(rows), ...notes.map((note) => `note: ${note}`)].join('\n');
}

function imageWords({ image, version, build, engine, wasThere }: ImageLoaded): string {
  const what = `${image} is the restore image of ODO ${version}, build ${build}, in the engine at ${engine}`;
  return wasThere ? `nothing to load: ${what}` : `loaded: ${what}`;
}

function cleanWords({ found, freedBytes, volume, notes }: CleanReport): string {
  const title = found
    ? `cleaned: ${formatBytes(freedBytes)} of a restore are gone from volume ${volume}`
    : `nothing to clean: nothing of a restore is on volume ${volume}`;
  return [title, ...notes.map((note) => `note: ${note}`)].join('\n');
}

function rollbackWords(result: Rollback): string {
  const { dataDirectory, volume, service } = result;
  const answers = result.answers === true ? ' and answers' : '';
  const started = result.started ? `, and service ${service} is started${answers}` : '';
  const holds = result.inPlace === 'before' ? 'what it held before the restore' : 'what was restored';
  const title = result.rolledBack
    ? `rolled back: ${dataDirectory} on volume ${volume} holds ${holds}${started}`
    : `nothing to roll back: volume ${volume} holds no older data of a restore${started}`;
  const kept = result.isKept
    ? ['what was in place is kept: odo rollback goes back to it again, odo clean removes it']
    : [];
  return [title, ...kept, ...result.notes].join('\nnote: ');
}
