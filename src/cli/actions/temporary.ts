import { listTemporary, stopTemporary } from '../../restore/afterwards/temporary-servers.ts';
import type { Command } from '../request/command.ts';
import { tellLogFile } from './tell-log-file.ts';

export const temporary: Command = async (args, { report, signal, show, logFile }) => {
  const name = args.name === undefined ? undefined : String(args.name);
  if (args.action !== 'stop') return show(await listTemporary(signal));
  tellLogFile('stopping', { report, logFile });
  show(await stopTemporary(name, signal));
};
