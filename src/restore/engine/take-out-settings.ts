import fs from 'node:fs';
import path from 'node:path';
import { removeWritten, turnsArchivingOff } from '../../cluster/written-settings.ts';
import { decodeConfiguration, encodeConfiguration } from '../../postgres/configuration/configuration-text.ts';
import {
  addArchiveOff,
  blockTurnsArchivingOff,
  keepRoomForPrepared,
} from '../../postgres/configuration/recovery-settings.ts';
import type { Journal } from '../../tree/exchange/journal.ts';
import { writeFileDurably } from '../../tree/places/durable.ts';
import type { Place } from '../../tree/places/place.ts';

/**
 * Takes ODO's settings out of postgresql.auto.conf. Gives the names of those that stay, since they have another value
 * by now.
 * @param hasPrepared transactions are prepared; those that were written down are seen anyway
 */
export function takeOutSettings(
  pgdata: Place,
  journal: Journal | undefined,
  archiving: 'off' | 'as-configured' | 'as-in-recovery',
  hasPrepared = false,
): string[] {
  const file = path.join(pgdata.root, 'postgresql.auto.conf');
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return [];
  const text = decodeConfiguration(fs.readFileSync(file));
  const written = journal?.recoverySettings ?? [];
  const { conf: bare, left } = removeWritten(text, written);
  if (bare === text) return left;
  const own = hasPrepared || arePrepared(pgdata) ? keepRoomForPrepared(text, bare) : bare;
  const wasOff = blockTurnsArchivingOff(text) || turnsArchivingOff(written);
  const keepOff = archiving === 'off' || (archiving === 'as-in-recovery' && wasOff);
  const kept = encodeConfiguration(keepOff ? addArchiveOff(own) : own);
  writeFileDurably(file, kept, stat.mode & 0o7777, { uid: stat.uid, gid: stat.gid });
  return left;
}

function arePrepared({ root }: Place): boolean {
  const directory = path.join(root, 'pg_twophase');
  return fs.existsSync(directory) && fs.readdirSync(directory).length > 0;
}
