import type { Service } from '../../docker/compose/service.ts';
import { OdoError } from '../../errors.ts';
import { commandLineSettings } from '../../postgres/configuration/command-line.ts';
import { isOff } from '../../postgres/configuration/configuration-file.ts';
import { RECOVERY_CRITICAL, STOP_CRITICAL } from '../../postgres/configuration/recovery-settings.ts';
import type { Moment } from '../../postgres/configuration/recovery-target.ts';
import type { Finding } from '../contract/proofs.ts';

/** What is asked of a server whose command line is judged. */
export interface CommandLineWish {
  moment?: Moment;
  archiveMode: 'off' | 'keep';
  /** The service's own command line will be in force, for archiving too. Not given: it will. */
  archives?: boolean;
}

/**
 * Judges the settings on the service's command line, which no configuration file can override.
 * Errors: `serviceNotFound` for settings that would undo the recovery, or archive what must not be.
 */
export function judgeCommandLine(
  service: Pick<Service, 'name' | 'commandArgs'>,
  { moment, archiveMode, archives = true }: CommandLineWish,
): Finding {
  const settings = commandLineSettings(service.commandArgs);
  const critical = [...settings.keys()].filter(
    (name) => RECOVERY_CRITICAL.has(name) || (moment && STOP_CRITICAL.has(name)),
  );
  if (critical.length > 0) {
    throw new OdoError(
      'serviceNotFound',
      `the command line of service ${service.name} sets ${critical.join(', ')}, which no configuration file ` +
        'can override',
      {
        hint: 'move these settings from the compose file into postgresql.conf',
      },
    );
  }
  const archiving = settings.get('archive_mode');
  if (archiving === undefined || isOff(archiving)) return { evidence: 'sets nothing that recovery depends on' };
  const sets = `sets archive_mode=${archiving}`;
  if (!archives) return { evidence: `${sets}, which does not hold for the copy` };
  const would = 'the restored server would archive its new timeline to where its archive_command points';
  if (archiveMode === 'keep') return { state: 'warning', evidence: `${sets}: ${would}, as --archive-mode keep allows` };
  throw new OdoError(
    'serviceNotFound',
    `the command line of service ${service.name} ${sets}, which no configuration file can override: ${would}`,
    {
      hint:
        'if that is wanted, add --archive-mode keep; ' +
        'otherwise take it out of the compose file and set it with ALTER SYSTEM later',
    },
  );
}
