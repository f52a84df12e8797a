import type { Report } from '../../events.ts';
import { cleanVolume, volumeStatus } from '../../restore/afterwards/volume-commands.ts';
import { serviceRefOf } from '../request/arguments.ts';
import type { Command } from '../request/command.ts';
import { VERSION } from '../settings/version.ts';
import { offeringImage } from './offer-image.ts';
import { tellLogFile } from './tell-log-file.ts';

export const status: Command = offeringImage(async (args, { report, signal, show }) =>
  show(await volumeStatus(serviceRefOf(args), { report: unlessHeld(report), signal, version: VERSION })),
);

export const clean: Command = offeringImage(async (args, { report, signal, show, logFile }) => {
  const request = { serviceRef: serviceRefOf(args), acceptLoss: args['accept-loss'] === true };
  tellLogFile('clean-up', { report, logFile });
  show(await cleanVolume(request, { report: unlessHeld(report), signal, version: VERSION }));
});

/** For commands in which a check that held is no news. */
function unlessHeld(report: Report): Report {
  return (event) => {
    if (event.type !== 'proof' || event.state !== 'held') report(event);
  };
}
