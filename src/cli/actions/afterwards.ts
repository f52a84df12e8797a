import { promoteService } from '../../restore/afterwards/promote-service.ts';
import { rollbackService } from '../../restore/afterwards/rollback-service.ts';
import { seconds, serviceRefOf } from '../request/arguments.ts';
import { confirmQuestion } from '../request/ask.ts';
import type { Command } from '../request/command.ts';
import { VERSION } from '../settings/version.ts';
import { offeringImage } from './offer-image.ts';
import { tellLogFile } from './tell-log-file.ts';

export const rollback: Command = offeringImage(async (args, { report, signal, show, logFile }) => {
  const request = { serviceRef: serviceRefOf(args), stopTimeoutSeconds: seconds(args, 'stop-timeout') };
  tellLogFile('rollback', { report, logFile });
  const confirm = (question: string) => confirmQuestion(question, { yes: args.yes === true, signal });
  await rollbackService(request, { report, signal, version: VERSION, confirm, tell: show });
});

export const promote: Command = offeringImage(async (args, { report, signal, show, logFile }) => {
  const request = { serviceRef: serviceRefOf(args), stallTimeoutMs: seconds(args, 'stall-timeout') * 1000 };
  tellLogFile('promotion', { report, logFile });
  show(await promoteService(request, { report, signal, version: VERSION }));
});
