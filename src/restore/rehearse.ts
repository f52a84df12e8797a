import type { TarMember } from '../docker/make-tar.ts';
import { type Mount, mountHolding } from '../docker/mount.ts';
import { openRehearsal, type Rehearsal, type RehearsalQuestion } from '../docker/rehearsal-container.ts';
import { REHEARSAL_SETTINGS } from '../docker/rehearsal-script.ts';
import { asOdoError, OdoError } from '../errors.ts';
import { inPhase, type Report } from '../events.ts';
import { type Amendment, amendedName, amendmentNote } from '../postgres/amendment.ts';
import { MADE_HBA, madeConfiguration } from '../postgres/made-configuration.ts';
import { type AskPlace, judgePlaces } from '../postgres/place-settings.ts';
import { judgeWords, wordsOfRefusal } from '../postgres/server-words.ts';
import type { Owner } from '../target/place.ts';
import { REQUIRED_DIRECTORIES } from './base-members.ts';
import type { Engine, Target } from './engine.ts';
import { localesOf, unknownLocales } from './foreign-locales.ts';
import type { FoundService } from './prove-service.ts';
import { isBelow } from './service-target.ts';
import type { StagedConfiguration } from './staged-configuration.ts';

/** A server that will run on what was laid down, and what may be done to its configuration. */
export interface RehearsedServer {
  found: FoundService;
  target: Target;
  owner: Owner;
  /** Everything that it will see besides its data directory, as it will see it. */
  mounts: readonly Mount[];
  /** Settings of its command line. */
  commandLine: Readonly<Record<string, string>>;
  /** Names that the user has given a value. */
  ownSettings: readonly string[];
  keepSettings: boolean;
  /** The service's own server runs meanwhile, and holds memory that the restored one will have. */
  isBesideAnother: boolean;
}

/** A rehearsal that is made ready while the backup is laid down. */
export interface PreparedRehearsal {
  /**
   * Tries the staged directory, and changes its configuration where that lets the server start. Gives what was changed, for people. A server that would
   * not start is `wouldNotStart`, one that could not open a database `versionMismatch`. What cannot be tried is a note.
   */
  hold(engine: Engine, report: Report): Promise<string[]>;
  end(): Promise<void>;
}

/** More faults than any cluster has. */
const MOST_ROUNDS = 12;

/** Opens the throwaway container; whether that succeeds is told when it is needed. */
export function prepareRehearsal(server: RehearsedServer, signal: AbortSignal): PreparedRehearsal {
  const { docker, service } = server.found;
  const { env, limits = {} } = service;
  const opening = openRehearsal(
    docker,
    {
      image: service.imageId ?? service.imageRef,
      user: userOf(server),
      owner: server.owner,
      mounts: server.mounts,
      dataDirectory: server.target.pgdata.root,
      limits,
      env: Object.fromEntries(Object.entries(env).filter(([name]) => /^(PG(PORT|TZ)|TZ|LD_\w+|PATH)$/.test(name))),
    },
    signal,
  ).then(
    (rehearsal) => ({ rehearsal }),
    (error: unknown) => ({ error: asOdoError(error, signal) }),
  );
  return {
    hold: (engine, report) =>
      inPhase(report, 'rehearse', async () => {
        const opened = await opening;
        if ('error' in opened) return untried(opened.error, report);
        const notes = await rehearse(opened.rehearsal, server, engine).catch((error: unknown) =>
          untried(asOdoError(error, signal), report),
        );
        for (const message of notes) report({ type: 'note', level: 'info', message });
        return notes;
      }),
    async end() {
      const opened = await opening;
      if ('rehearsal' in opened) await opened.rehearsal.end().catch(() => undefined);
    },
  };
}

/** A rehearsal is a help: where it cannot be held, the restore goes on. */
function untried(error: OdoError, report: Report): string[] {
  if (error.code === 'cancelled' || error.code === 'wouldNotStart' || error.code === 'versionMismatch') throw error;
  report({
    type: 'note',
    level: 'warning',
    message: `whether the server will start could not be tried beforehand: ${error.message}`,
  });
  return [];
}

async function rehearse(rehearsal: Rehearsal, server: RehearsedServer, engine: Engine): Promise<string[]> {
  const { target, owner, found } = server;
  const made: Amendment[] = [];
  let staged = await engine.staged(target);
  const places = collectPlaces(staged, server);
  const locales = localesOf(staged.databases);
  let questions: RehearsalQuestion[] = [...places, ...locales.map((of) => ({ what: 'locale' as const, of }))];
  for (let round = 0; ; round++) {
    await rehearsal.put(membersOf(staged, server));
    const told = await rehearsal.ask(questions, argsOf(server));
    if (told === undefined)
      return [
        `${found.service.imageRef} has no program postgres that could be asked: whether it starts is seen after the exchange`,
      ];
    const isTrue: AskPlace = (...asked) => {
      const { what, of } = questionFor(...asked, server);
      return told.answers[questions.findIndex((one) => one.what === what && one.of === of)] ?? true;
    };
    if (round === 0) unknownLocales(staged.databases, (locale) => isTrue('locale', locale), found.service);
    const isWanted = (one: Amendment) => isFree(one, server) && !made.some((before) => isSame(before, one));
    const misplaced = round === 0 ? judge(staged, server, isTrue).filter(isWanted) : [];
    // What the server says of a thing that is mended is no further fault.
    const isToHear = misplaced.length === 0 && !told.started;
    const wanted = isToHear ? judgeWords(told.log, contextOf(staged, server)).filter(isWanted) : misplaced;
    if (wanted.length === 0 || round === MOST_ROUNDS) {
      if (told.started) return made.map(amendmentNote);
      return refuse(rehearsal, server, told.log);
    }
    made.push(...wanted);
    await engine.amend(target, wanted, owner);
    staged = await engine.staged(target);
    questions = [];
  }
}

/** Unless the server does not start without the backup's configuration either: then it starts in a way that cannot be rehearsed, and nothing is known. */
async function refuse(rehearsal: Rehearsal, server: RehearsedServer, log: string): Promise<string[]> {
  const { found, keepSettings } = server;
  const words = wordsOfRefusal(log);
  await rehearsal.put([
    { path: 'postgresql.conf', type: 'file', mode: 0o600, content: Buffer.from('') },
    { path: 'postgresql.auto.conf', type: 'file', mode: 0o600, content: Buffer.from('') },
    { path: 'pg_hba.conf', type: 'file', mode: 0o600, content: Buffer.from(MADE_HBA) },
  ]);
  const bare = await rehearsal.ask([], argsOf(server));
  if (bare && !bare.started && wordsOfRefusal(bare.log) === words) {
    return [
      `whether the server will start could not be tried beforehand: without its entry point the service's server says ${words}`,
    ];
  }
  throw new OdoError(
    'wouldNotStart',
    `the server of service ${found.service.name} would not start on what was laid down:\n  ${words}`,
    {
      hint: hintFor(words, keepSettings),
    },
  );
}

function hintFor(words: string, keepSettings: boolean): string {
  if (keepSettings) return 'leave --keep-settings out, and ODO overrides what does not fit this server, where that can be done';
  if (/pg_hba\.conf/.test(words)) return 'give another pg_hba.conf with --pg-hba FILE';
  if (/database files are incompatible|incorrect checksum in control file/.test(words)) {
    return "the service's image must run the very PostgreSQL that made the backup: the same version, build options and kind of processor";
  }
  return "give the setting that is at fault another value with --set NAME=VALUE, or change the service's image, mounts or limits";
}

/** What was given by the user, or stands on the command line, cannot or must not be changed. */
function isFree(amendment: Amendment, { keepSettings, ownSettings, commandLine }: RehearsedServer): boolean {
  const name = amendedName(amendment);
  return !keepSettings && (name === undefined || (!ownSettings.includes(name) && !(name in commandLine)));
}

function isSame(one: Amendment, other: Amendment): boolean {
  return JSON.stringify({ ...one, why: '' }) === JSON.stringify({ ...other, why: '' });
}

function judge(staged: StagedConfiguration, server: RehearsedServer, ask: AskPlace): Amendment[] {
  const { control, effective, major } = staged;
  return judgePlaces(
    {
      effective: { ...effective, settings: new Map(effective.settings), unread: effective.unread ?? [] },
      dataDirectory: server.target.pgdata.root,
      configElsewhere: 'config_file' in server.commandLine,
      made: { conf: madeConfiguration(control, major), hba: MADE_HBA },
    },
    ask,
  );
}

function collectPlaces(staged: StagedConfiguration, server: RehearsedServer): RehearsalQuestion[] {
  const questions: RehearsalQuestion[] = [];
  judge(staged, server, (what, of) => {
    // A line of the script's input cannot hold any other.
    if (!/[\t\n]/.test(of)) questions.push(questionFor(what, of, server));
    return true;
  });
  return questions;
}

/** In the rehearsal nothing that is mounted can be written to: of what the server will be able to write to, it is only asked whether it is there. */
function questionFor(what: RehearsalQuestion['what'], of: string, { mounts, target }: RehearsedServer): RehearsalQuestion {
  if (what !== 'write' && what !== 'make') return { what, of };
  const holder = mountHolding(mounts, of)?.mount;
  const isScratch = isBelow(of, target.pgdata.root) || of === target.pgdata.root;
  if (holder === undefined || holder.readOnly || isScratch) return { what, of };
  return { what: what === 'write' ? 'directory' : 'parent', of };
}

function contextOf({ effective }: StagedConfiguration, { target }: RehearsedServer) {
  return { settings: new Map(effective.settings), dataDirectory: target.pgdata.root };
}

/** A data directory as far as a server looks at it before it recovers. */
function membersOf({ members }: StagedConfiguration, { mounts, target }: RehearsedServer): TarMember[] {
  // What the service mounts into its data directory stands in the place of the backup's.
  const inside = mounts.map(({ destination }) => destination).filter((one) => isBelow(one, target.pgdata.root));
  const isMounted = (path: string) => {
    const full = `${target.pgdata.root}/${path}`;
    return inside.some((one) => full === one || isBelow(full, one));
  };
  const directory = (path: string): TarMember => ({ path, type: 'directory', mode: 0o700 });
  return [
    directory(''),
    ...['base', ...REQUIRED_DIRECTORIES].filter((path) => !isMounted(path)).map(directory),
    ...members
      .filter((member) => !isMounted(member.path))
      .map(({ content, ...member }) => ({
        ...member,
        ...(content === undefined ? {} : { content: Buffer.from(content, 'base64') }),
      })),
    { path: 'recovery.signal', type: 'file', mode: 0o600 },
  ];
}

function argsOf({ commandLine, isBesideAnother }: RehearsedServer): string[] {
  const free = isBesideAnother ? { huge_pages: 'off' } : {};
  return Object.entries({ ...commandLine, ...REHEARSAL_SETTINGS, ...free }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
}

/** As whom the service's own server runs: with its groups, which may let it read a key, where the image knows the user. */
function userOf({ found, owner }: RehearsedServer): string {
  const { user = '' } = found.service;
  return user === '' || /^(root|0)(:|$)/.test(user) ? String(owner.uid) : user;
}
