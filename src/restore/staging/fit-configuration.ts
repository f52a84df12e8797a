import { OdoError } from '../../errors.ts';
import { amendmentNote } from '../../postgres/configuration/amendment.ts';
import { type EffectiveSettings, parseConfiguration } from '../../postgres/configuration/configuration-file.ts';
import { findMapsWithoutPostgres } from '../../postgres/configuration/ident-map.ts';
import { BLOCK_BEGIN, quoteValue, type Setting } from '../../postgres/configuration/recovery-settings.ts';
import { findTooLow, type TooLow } from '../../postgres/configuration/required-settings.ts';
import {
  findOutgoing,
  findSurprises,
  findUnfitSettings,
  type ServerFacts,
  type UnfitSetting,
} from '../../postgres/configuration/unfit-settings.ts';
import type { PgControl } from '../../postgres/files/pg-control.ts';

/**
 * The line before the settings that took the place of unfit ones. Unlike those of recovery they stay: the server has to
 * start again without ODO.
 */
export const FIT_BEGIN =
  '# >>> odo: settings of the backup that do not fit this server, and what it has instead (they stay)';
/** The line behind these settings. */
export const FIT_END = '# <<< odo: end of these settings';
const IDENT_MARK = '# odo: lets the operating system user postgres in, as the images of PostgreSQL expect';

/** How the backup's configuration is made to fit. */
export interface Fit {
  /** Settings that take the place of unfit ones, and are kept. */
  unfit: UnfitSetting[];
  /** Settings that are raised for the time of the recovery. */
  raised: Setting[];
  /** What was done and why, for people. */
  notes: string[];
}

/**
 * Decides what of the configuration has to be overridden. Settings in `own`, which the user gave, are left alone.
 * `isPassing`: what is raised for the recovery is taken out after it.
 * Errors: `serviceNotFound` when a command line grants less than recovery demands, since no file can override it.
 */
export function fitConfiguration(
  effective: EffectiveSettings,
  options: {
    needed: PgControl['settings'];
    /** Defaults depend on the version. */
    major: number;
    facts: ServerFacts;
    keepSettings: boolean;
    own: readonly Setting[];
    isPassing: boolean;
    /** The backup has subscriptions. */
    subscribes?: boolean;
  },
): Fit {
  const { needed, major, facts, keepSettings, isPassing } = options;
  const own = new Set(options.own.map(([name]) => name));
  const found = [
    ...findUnfitSettings(effective.settings, facts),
    ...findOutgoing(effective.settings, options.subscribes ?? false, facts),
  ];
  const unfit = keepSettings ? [] : found.filter(({ name }) => !own.has(name));
  const inForce = new Map([...effective.settings, ...Object.entries(facts.commandLine)]);
  const tooLow = findTooLow(needed, { ...effective, settings: inForce }, major);
  refuseBeaten(tooLow, facts);
  return {
    unfit,
    raised: tooLow.map(({ name, needed: value }) => [name, String(value)]),
    notes: [
      ...unfit.map((one) => amendmentNote({ do: 'set', ...one })),
      ...findSurprises(inForceAfter(effective.settings, unfit), effective.isWhole, facts),
      ...tooLow
        .filter(({ has }) => has !== undefined)
        .map(
          (one) =>
            `${one.name} was raised from ${one.has} to ${one.needed} for the recovery, which demands what ` +
            `the backup's server ` +
            `had${isPassing ? `; ${one.has} is in force again from the next restart on` : ''}`,
        ),
    ],
  };
}

/**
 * Refuses settings that are too low on the command line, where no file can raise them.
 * Errors: `serviceNotFound`.
 */
export function refuseBeaten(tooLow: readonly TooLow[], { commandLine }: Pick<ServerFacts, 'commandLine'>): void {
  const beaten = tooLow.filter(({ name }) => name in commandLine);
  if (beaten.length === 0) return;
  const wanted = beaten.map((one) => `${one.name}=${one.has} where the backup needs ${one.needed}`).join(', ');
  throw new OdoError(
    'serviceNotFound',
    `the service's command line sets ${wanted}: its server would refuse to recover`,
    {
      hint: 'raise it in the compose file; after the restore it may be lowered again',
    },
  );
}

function inForceAfter(
  settings: ReadonlyMap<string, string>,
  unfit: readonly UnfitSetting[],
): ReadonlyMap<string, string> {
  return new Map([...settings, ...unfit.map(({ name, value }) => [name, value] as const)]);
}

/**
 * Puts the settings into the text of postgresql.auto.conf, each with the value that it replaces. Recovery's settings
 * stay last.
 */
export function addFitBlock(conf: string, unfit: readonly UnfitSetting[]): string {
  const recovery = conf.indexOf(BLOCK_BEGIN);
  if (recovery >= 0) return addFitBlock(conf.slice(0, recovery), unfit) + conf.slice(recovery);
  const bare = removeFitBlock(conf);
  if (unfit.length === 0) return bare;
  const lines = unfit.flatMap(({ name, was, value, why }) => [
    `# ${name} was ${quoteValue(was)}: ${why}`.replaceAll('\n', ' '),
    `${name} = ${quoteValue(value)}`,
  ]);
  return `${bare === '' || bare.endsWith('\n') ? bare : `${bare}\n`}${[FIT_BEGIN, ...lines, FIT_END].join('\n')}\n`;
}

/** The settings of the block, with the values that they replaced. Empty when there is no block. */
export function readFitBlock(conf: string): UnfitSetting[] {
  const begin = conf.indexOf(FIT_BEGIN);
  const end = conf.indexOf(FIT_END, begin);
  if (begin < 0 || end < 0) return [];
  const lines = conf.slice(begin, end).split('\n').slice(1);
  return parseConfiguration(lines.join('\n')).map(([name, value]) => {
    const [, was = '', why = ''] =
      new RegExp(`^# ${name} was '((?:[^']|'')*)': (.*)$`, 'm').exec(lines.join('\n')) ?? [];
    return { name, value, was: was.replaceAll("''", "'").replaceAll('\\\\', '\\'), why };
  });
}

/** Takes an earlier run's block out again. */
export function removeFitBlock(conf: string): string {
  const begin = conf.indexOf(FIT_BEGIN);
  const end = conf.indexOf(FIT_END, begin);
  if (begin < 0 || end < 0) return conf;
  return conf.slice(0, begin) + conf.slice(end + FIT_END.length).replace(/^\n/, '');
}

/**
 * Adds to pg_ident.conf what the images of PostgreSQL need to speak to their server. Gives the text and the note on it;
 * undefined when nothing is lacking.
 */
export function fitIdent(hba: string, ident: string): { text: string; note: string } | undefined {
  const maps = findMapsWithoutPostgres(hba, ident);
  if (maps.length === 0) return undefined;
  const lines = maps.map((map) => `${map} postgres postgres`);
  return {
    text: `${ident === '' || ident.endsWith('\n') ? ident : `${ident}\n`}${[IDENT_MARK, ...lines].join('\n')}\n`,
    note:
      `pg_ident.conf got "${lines.join('", "')}": local connections are let in by a map that did not know this ` +
      `server's user`,
  };
}
