import type { Service } from '../../docker/compose/service.ts';
import { commandLineSettings } from '../../postgres/configuration/command-line.ts';
import type { Engine } from '../contract/engine.ts';
import type { RaiseFacts } from '../contract/jobs.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { RecoveringVolume } from './watched.ts';

/** The settings that a service's own command gives. */
export function raiseFactsOf({ commandArgs }: Pick<Service, 'commandArgs'>): RaiseFacts {
  const settings = commandLineSettings(commandArgs);
  return { commandLine: Object.fromEntries(settings), configElsewhere: settings.has('config_file') };
}

/** The files of a recovering server, seen through the container that is there anyway. */
export function openRecoveringVolume(
  onEngine: <T>(step: (engine: Engine) => Promise<T>) => Promise<T>,
  places: ClusterPlaces,
  service: Pick<Service, 'commandArgs'>,
): RecoveringVolume {
  return {
    look: (options) => onEngine((engine) => engine.recoveryState(places, options)),
    raise: () => onEngine((engine) => engine.raiseSettings(places, raiseFactsOf(service))),
  };
}
