import { cloudNativePg } from './cloudnativepg.ts';
import { debianHost } from './debian-host.ts';
import { hostGone } from './host-gone.ts';
import { incident } from './incident.ts';
import { justLooking } from './just-looking.ts';
import { newVolume } from './new-volume.ts';
import { rowsDeleted } from './rows-deleted.ts';
import { serviceLost } from './service-lost.ts';
import type { Situation } from './situation.ts';
import { standby } from './standby.ts';
import { whenItFailed } from './when-it-failed.ts';
import { withoutAService } from './without-a-service.ts';

/** For each guide what its commands meet when they are run. The longest go first. */
export const SITUATIONS: Readonly<Record<string, () => Promise<Situation>>> = {
  'docs/guides/rows-deleted.md': rowsDeleted,
  'docs/guides/when-it-failed.md': whenItFailed,
  'docs/guides/new-volume.md': newVolume,
  'docs/guides/standby.md': standby,
  'docs/guides/cloudnativepg.md': cloudNativePg,
  'docs/guides/debian-host.md': debianHost,
  'docs/guides/service-lost.md': serviceLost,
  'docs/guides/just-looking.md': justLooking,
  'docs/guides/host-gone.md': hostGone,
  'docs/guides/without-a-service.md': withoutAService,
  'README.md': incident,
};

/** Why no test runs some of a guide's blocks, a reason for each. */
export const NOT_RUN: Readonly<Record<string, readonly string[]>> = {
  'README.md': ['they bring up everything', 'it has been installed for the test', 'they write to the machine'],
  'docs/guides/service-lost.md': ['tmux takes the terminal over'],
  'docs/guides/standby.md': ['no systemd runs here'],
  'docs/guides/without-a-service.md': ['it names a web server that there is not'],
};
