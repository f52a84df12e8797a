import type { Rehearsal, RehearsalQuestion } from '../../docker/containers/rehearsal-container.ts';
import type { RehearsalAnswers } from '../../docker/containers/rehearsal-script.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { type Amendment, amendedName, amendmentNote } from '../../postgres/configuration/amendment.ts';
import type { TurnedDown } from '../../postgres/configuration/hba-login.ts';
import {
  doubtWords,
  isOtherServers,
  judgeWords,
  MEMORY_REFUSED,
  wordsOfRefusal,
} from '../../postgres/configuration/server-words.ts';
import type { Engine } from '../contract/engine.ts';
import type { StagedConfiguration } from '../contract/staged-configuration.ts';
import { missesOf } from '../staging/staged-configuration.ts';
import { type DoubtedPlaces, findDoubted, missedIn, missedLibrary, wordsOfDoubt } from './doubted-places.ts';
import { unknownLocales } from './foreign-locales.ts';
import { demandLogin, foretellRefusal, withoutLoginNote } from './foretell-login.ts';
import { type Asked, absentIn, judgeStaged, questionsOn } from './judge-staged.ts';
import { BARE_MEMBERS, rehearsalArgs, rehearsalMembers } from './rehearsal-members.ts';
import type { RehearsedServer } from './rehearsed-server.ts';

/** The outcome of a rehearsal. */
export interface RehearsalOutcome {
  /** What was changed in the staged configuration, and what will not be possible, for people. */
  notes: string[];
  /** Why it is not known whether the server will start; not given when it is known to. */
  doubt?: string;
}

/** More rounds than any cluster has faults. */
const MOST_ROUNDS = 12;

/**
 * Tries the staged directory in the rehearsal's container, and changes its configuration where that lets the server
 * start. Whatever else goes wrong is a doubt: a rehearsal is a help, and keeps nobody from restoring by failing itself.
 * Errors: `wouldNotStart` for a server that would not start; `versionMismatch` for one that could not open a database;
 * `usage` for one that would not let ODO in for what was asked for.
 */
export async function rehearse(
  rehearsal: Rehearsal,
  server: RehearsedServer,
  engine: Pick<Engine, 'staged' | 'amend'>,
  signal: AbortSignal,
): Promise<RehearsalOutcome> {
  const { places, owner, found } = server;
  const made: Amendment[] = [];
  let withoutLogin: TurnedDown | undefined;
  const end = (doubt?: string): RehearsalOutcome => ({
    notes: [...made.map(amendmentNote), ...(withoutLogin === undefined ? [] : [withoutLoginNote(withoutLogin)])],
    ...(doubt === undefined ? {} : { doubt }),
  });
  let isFaithful = false;
  let withoutHuge = false;
  let doubted: DoubtedPlaces = new Map();
  let known: ReadonlyMap<string, boolean> = new Map();
  const isTrue: Asked = (what, of) => known.get(keyOf({ what, of })) ?? true;
  for (let round = 0; ; round++) {
    const staged = await unlessFailed(() => look(engine, server), signal);
    if (typeof staged === 'string') return end(staged);
    withoutLogin = foretellRefusal(staged, server);
    demandLogin(withoutLogin, server);
    const questions = round === 0 ? questionsOn(staged, server) : [];
    const told = await unlessFailed(() => tryOn(rehearsal, staged, server, { questions, withoutHuge }), signal);
    if (typeof told === 'string') return end(told);
    if (round === 0)
      known = new Map(questions.map((question, index) => [keyOf(question), told.answers[index] ?? true]));
    if (!isTrue('read', `${places.pgdata.root}/PG_VERSION`)) return end('what was put there for it cannot be read');
    const isWanted = (one: Amendment) => isFree(one, server) && !made.some((before) => isSame(before, one));
    let wanted: Amendment[] = [];
    if (round === 0) {
      unknownLocales(staged, (locale) => isTrue('locale', locale), found.service);
      const late = await unlessFailed(() => findDoubted(absentIn(questions, isTrue), server), signal);
      if (typeof late === 'string') return end(late);
      const judged = judgeStaged(staged, server, isTrue, late);
      doubted = judged.doubted;
      wanted = judged.amendments.filter(isWanted);
    }
    // While something is being mended, the server's words may be about that, and are no further fault.
    if (wanted.length === 0) {
      if (told.started) return end(wordsOfDoubt(doubted));
      if (isOtherServers(told.log)) throw refusal(server, told.log);
      const late = await unlessFailed(() => findDoubted(missedIn(told.log), server), signal);
      if (typeof late === 'string') return end(late);
      const library = missedLibrary(told.log, server);
      if (library !== undefined)
        return end(`the service's container has the library ${library}, and its image does not`);
      if (late.size > 0)
        return end(`${wordsOfDoubt(new Map([...doubted, ...late]))}; without it: ${wordsOfRefusal(told.log)}`);
      if (!withoutHuge && holdsHuge(told.log, staged, server, isTrue)) {
        withoutHuge = true;
        continue;
      }
      const doubt =
        doubtOn(told, staged, server, isTrue) ??
        (isFaithful ? undefined : await tryBare(rehearsal, staged, server, signal));
      if (doubt !== undefined) return end(doubt);
      isFaithful = true;
      wanted = judgeWords(told.log, contextOf(staged, server)).filter(isWanted);
      if (wanted.length === 0 || round >= MOST_ROUNDS) throw refusal(server, told.log);
    }
    await engine.amend(places, wanted, owner);
    made.push(...wanted);
  }
}

/** The laid-down configuration, as the server will read it. */
async function look(
  engine: Pick<Engine, 'staged'>,
  { places, configElsewhere }: RehearsedServer,
): Promise<StagedConfiguration> {
  const staged = await engine.staged(places);
  if (!configElsewhere) return staged;
  return { ...staged, effective: { settings: staged.ownSettings, isWhole: false, files: [], unread: [] } };
}

/** The result, or the message of the error that came instead. `cancelled` is thrown. */
async function unlessFailed<Value extends object>(
  attempt: () => Promise<Value | string>,
  signal: AbortSignal,
): Promise<Value | string> {
  try {
    return await attempt();
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    if (error.code === 'cancelled') throw error;
    return error.message;
  }
}

async function tryOn(
  rehearsal: Rehearsal,
  staged: StagedConfiguration,
  server: RehearsedServer,
  { questions, withoutHuge }: { questions: readonly RehearsalQuestion[]; withoutHuge: boolean },
): Promise<RehearsalAnswers | string> {
  await rehearsal.put(rehearsalMembers(staged, server));
  const told = await rehearsal.ask(questions, rehearsalArgs(staged, server, withoutHuge));
  return told ?? `${server.found.service.imageRef} has no program postgres that could be asked`;
}

/**
 * Tries the server without the backup's configuration. When it does not start then either, it is started in a way that
 * cannot be rehearsed. Gives the doubt.
 */
async function tryBare(
  rehearsal: Rehearsal,
  staged: StagedConfiguration,
  server: RehearsedServer,
  signal: AbortSignal,
): Promise<string | undefined> {
  const bare = await unlessFailed(async () => {
    await rehearsal.put(BARE_MEMBERS);
    return (await rehearsal.ask([], rehearsalArgs(staged, server, false))) ?? 'the program postgres is gone';
  }, signal);
  if (typeof bare === 'string') return bare;
  return bare.started
    ? undefined
    : `without its entry point the service's server does not start on any configuration: ${wordsOfRefusal(bare.log)}`;
}

/** Why the server's words need not hold when the service starts; undefined when they do. */
function doubtOn(
  told: RehearsalAnswers,
  staged: StagedConfiguration,
  { isBesideAnother }: RehearsedServer,
  isTrue: Asked,
): string | undefined {
  if (told.hung) return `its server had not come up within a minute: ${wordsOfRefusal(told.log)}`;
  const [miss] = missesOf(staged);
  if (miss !== undefined) return `${miss} was left out of the trial, since there is too much in the data directory`;
  const isForWantOfHuge = wantsHuge(staged) && !isTrue('huge', '');
  if (isBesideAnother && MEMORY_REFUSED.test(told.log) && !isForWantOfHuge) {
    return 'the running server holds memory that the restored one will have';
  }
  return doubtWords(told.log);
}

/** Whether the trial lacks huge pages: the running server has them now, and the restored one will have them. */
function holdsHuge(
  log: string,
  staged: StagedConfiguration,
  { isBesideAnother }: RehearsedServer,
  isTrue: Asked,
): boolean {
  return isBesideAnother && MEMORY_REFUSED.test(log) && wantsHuge(staged) && isTrue('huge', '');
}

function wantsHuge({ effective }: StagedConfiguration): boolean {
  return new Map(effective.settings).get('huge_pages') === 'on';
}

function refusal({ found, keepSettings }: RehearsedServer, log: string): OdoError {
  const words = wordsOfRefusal(log);
  return new OdoError(
    'wouldNotStart',
    `the server of service ${found.service.name} would not start on what was laid down:\n  ${words}`,
    {
      hint:
        `${hintFor(words, log, keepSettings)}; where the service starts it in another way than ODO can try, ` +
        '--no-rehearsal restores without trying',
    },
  );
}

function hintFor(words: string, log: string, keepSettings: boolean): string {
  if (isOtherServers(log)) {
    return (
      "the service's image must run the very PostgreSQL that made the backup: the same version, build options " +
      'and kind of processor'
    );
  }
  if (keepSettings)
    return 'leave --keep-settings out, and ODO overrides what does not fit this server, where that can be done';
  if (/pg_hba\.conf/.test(words)) return 'give another pg_hba.conf with --pg-hba FILE';
  return (
    "give the setting that is at fault another value with --set NAME=VALUE, or change the service's image, " +
    'mounts or limits'
  );
}

/** Whether a setting may be changed. What the user gave must not be; what stands on the command line cannot be. */
function isFree(amendment: Amendment, { keepSettings, ownSettings, commandLine }: RehearsedServer): boolean {
  const name = amendedName(amendment);
  return !keepSettings && (name === undefined || (!ownSettings.includes(name) && !(name in commandLine)));
}

function isSame(one: Amendment, other: Amendment): boolean {
  return JSON.stringify({ ...one, why: '' }) === JSON.stringify({ ...other, why: '' });
}

function contextOf({ effective }: StagedConfiguration, { places }: RehearsedServer) {
  return { settings: new Map(effective.settings), dataDirectory: places.pgdata.root };
}

function keyOf({ what, of }: RehearsalQuestion): string {
  return `${what}\t${of}`;
}
