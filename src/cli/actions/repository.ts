import { OdoError } from '../../errors.ts';
import { listBackups, showBackup } from '../../restore/proofs/catalogue.ts';
import { repositoryRequest } from '../request/arguments.ts';
import type { Command } from '../request/command.ts';
import { settled } from './settled.ts';

export const list: Command = async (args, { env, report, signal, show }) => {
  const request = await settled(repositoryRequest(args, env));
  const found = await listBackups(request, report, signal);
  show(found);
  if (found.repositories.every(({ backups }) => backups.length === 0)) {
    throw new OdoError('notFound', `there is WAL under ${found.url}, and no backup`, {
      hint: 'WAL alone cannot be restored; check that --s3-url names the right server',
    });
  }
};

export const showOne: Command = async (args, { env, report, signal, show }) => {
  const request = await settled(repositoryRequest(args, env));
  show(await showBackup(request, typeof args.id === 'string' ? args.id : 'latest', report, signal));
};
