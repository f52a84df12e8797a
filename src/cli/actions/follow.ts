import { followService } from '../../restore/standby/follow-service.ts';
import { followRequest } from '../request/arguments.ts';
import type { Command } from '../request/command.ts';
import { VERSION } from '../settings/version.ts';
import { offeringImage } from './offer-image.ts';
import { settled } from './settled.ts';
import { tellLogFile } from './tell-log-file.ts';

export const follow: Command = offeringImage(async (args, { env, report, signal, show, logFile }) => {
  const request = await settled(followRequest(args, env));
  tellLogFile('following', { report, logFile });
  show(await followService(request, { report, signal, version: VERSION }));
});
