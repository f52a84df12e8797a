import type { Topic } from '../options/topics.ts';
import { later } from '../request/command.ts';
import { agent } from './agent-command.ts';
import type { CommandEntry } from './command-entry.ts';
import { SHELLS, type Shell } from './shells.ts';

const EVERYTHING: readonly Topic[] = ['store', 'service', 'restore', 'output'];

/** All commands, in the order in which they are shown. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'restore',
    describe: 'restore a backup into a compose service, or with --into into a directory',
    topics: EVERYTHING,
    isDefault: true,
    run: later(async () => (await import('../actions/restore.ts')).restore),
  },
  {
    name: 'rollback',
    describe: 'put the data back that was there before the last restore',
    topics: ['service', 'output'],
    also: ['yes'],
    run: later(async () => (await import('../actions/afterwards.ts')).rollback),
  },
  {
    name: 'promote',
    describe:
      'end the recovery of a standby, or of a server that waits at its target (--target-action pause or ' +
      'shutdown), and finish the restore',
    topics: ['service', 'output'],
    also: ['stall-timeout'],
    run: later(async () => (await import('../actions/afterwards.ts')).promote),
  },
  {
    name: 'follow',
    describe: 'bring a standby what is archived after its restore, until odo promote, or a signal that ends it',
    topics: ['store', 'service', 'output'],
    also: ['spool'],
    run: later(async () => (await import('../actions/follow.ts')).follow),
  },
  {
    name: 'check',
    describe: 'make every check that a restore makes first, and tell whether it would start',
    topics: EVERYTHING,
    run: later(async () => (await import('../actions/restore.ts')).check),
  },
  {
    name: 'list',
    describe: 'list every backup, good or not, and the moments that can be recovered',
    topics: ['store', 'output'],
    run: later(async () => (await import('../actions/repository.ts')).list),
  },
  {
    name: 'show',
    positionals: { id: { type: 'string', describe: 'its id or name; the newest that is complete when not given' } },
    describe: 'tell all that is known of one backup',
    topics: ['store', 'output'],
    run: later(async () => (await import('../actions/repository.ts')).showOne),
  },
  {
    name: 'status',
    describe: "tell what of a restore is on the service's volume",
    topics: ['service', 'output'],
    run: later(async () => (await import('../actions/volume.ts')).status),
  },
  {
    name: 'clean',
    describe: 'remove what restores have left: staged files, and old data that was kept',
    topics: ['service', 'output'],
    also: ['accept-loss'],
    run: later(async () => (await import('../actions/volume.ts')).clean),
  },
  {
    name: 'temporary',
    positionals: {
      action: { choices: ['list', 'stop'], demanded: true, describe: 'what to do' },
      name: { type: 'string', describe: 'which one; not needed when there is only one' },
    },
    describe: 'list temporary servers, or stop one and remove its volume',
    topics: ['output'],
    run: later(async () => (await import('../actions/temporary.ts')).temporary),
  },
  {
    name: 'image',
    positionals: {
      action: { choices: ['load'], demanded: true, describe: 'what to do' },
      file: { type: 'string', describe: 'odo-image-VERSION.tar.gz; the one beside this program when not given' },
    },
    describe: 'load the restore image that belongs to this program into Docker',
    topics: ['output'],
    also: ['image'],
    run: later(async () => (await import('../actions/image.ts')).image),
  },
  {
    name: 'config',
    describe: 'print the settings in force, and where each comes from',
    topics: EVERYTHING,
    run: later(async () => (await import('../actions/config.ts')).config),
  },
  {
    name: 'completion',
    positionals: { shell: { choices: SHELLS, demanded: true, describe: 'for which shell' } },
    describe: 'print a completion script',
    topics: ['output'],
    run: async (args, { show }) => {
      const { completionScript } = await import('./completion.ts');
      show({ kind: 'text', text: completionScript(args.shell as Shell, COMMANDS) });
    },
  },
  {
    name: 'man',
    describe: 'print the man page',
    topics: ['output'],
    run: async (_args, { show }) => show({ kind: 'text', text: (await import('./man-page.ts')).manPage(COMMANDS) }),
  },
  agent,
];

/** A command with its positional arguments, such as `show [id]`. */
export function usageOf({ name, positionals = {} }: CommandEntry): string {
  const words = Object.entries(positionals).map(([word, { demanded }]) => (demanded ? `<${word}>` : `[${word}]`));
  return [name, ...words].join(' ');
}
