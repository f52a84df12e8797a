import type { RehearsalQuestion } from '../../docker/containers/rehearsal-container.ts';
import type { Amendment } from '../../postgres/configuration/amendment.ts';
import { MADE_HBA, madeConfiguration } from '../../postgres/configuration/made-configuration.ts';
import { type AskPlace, judgePlaces } from '../../postgres/configuration/place-settings.ts';
import type { StagedConfiguration } from '../contract/staged-configuration.ts';
import { isBelow } from '../service/service-places.ts';
import { type DoubtedPlaces, presenceQuestions } from './doubted-places.ts';
import { localesOf } from './foreign-locales.ts';
import { placeQuestion } from './rehearsal-members.ts';
import type { RehearsedServer } from './rehearsed-server.ts';

/** The answers. What was not asked is taken to be true. */
export type Asked = (what: RehearsalQuestion['what'], of: string) => boolean;

/**
 * Decides what has to be changed because something is not there. Nothing is changed for places that only the start
 * makes. `doubted` are those of them for which something would have been.
 */
export function judgeStaged(
  staged: StagedConfiguration,
  server: RehearsedServer,
  isTrue: Asked,
  late: DoubtedPlaces,
): { amendments: Amendment[]; doubted: DoubtedPlaces } {
  const judgeBy = (asked: Asked) =>
    judge(staged, server, (what, of) => {
      const question = placeQuestion(what, of, server);
      return isHeld(question, staged, server) || asked(question.what, question.of);
    });
  const amendments = judgeBy((what, of) => late.has(of) || isTrue(what, of));
  const isAllTheSame = (path: string) => {
    const without = judgeBy((what, of) => path !== of && (late.has(of) || isTrue(what, of)));
    return JSON.stringify(without) === JSON.stringify(amendments);
  };
  return { amendments, doubted: new Map([...late].filter(([path]) => !isAllTheSame(path))) };
}

/** The places that were asked about and at which nothing is. */
export function absentIn(questions: readonly RehearsalQuestion[], isTrue: Asked): string[] {
  return questions.filter(({ what, of }) => what === 'there' && !isTrue(what, of)).map(({ of }) => of);
}

function judge(staged: StagedConfiguration, server: RehearsedServer, ask: AskPlace): Amendment[] {
  const { control, effective, major } = staged;
  return judgePlaces(
    {
      effective: { ...effective, settings: new Map(effective.settings), unread: effective.unread ?? [] },
      dataDirectory: server.places.pgdata.root,
      configElsewhere: server.configElsewhere,
      made: { conf: madeConfiguration(control, major), hba: MADE_HBA },
    },
    ask,
  );
}

/** All that there is to ask, each thing once. */
export function questionsOn(staged: StagedConfiguration, server: RehearsedServer): RehearsalQuestion[] {
  const { root } = server.places.pgdata;
  const questions: RehearsalQuestion[] = [
    { what: 'read', of: `${root}/PG_VERSION` },
    { what: 'huge', of: '' },
  ];
  judge(staged, server, (what, of) => {
    // A line of the script's input cannot hold these characters.
    if (!/[\t\n]/.test(of)) questions.push(placeQuestion(what, of, server));
    return true;
  });
  questions.push(...presenceQuestions(questions));
  return [...questions, ...localesOf(staged.databases, staged.major).map((of) => ({ what: 'locale' as const, of }))];
}

/** Whether the backup itself holds a file. The server says itself whether it may read it. */
function isHeld(
  { what, of }: RehearsalQuestion,
  { members }: StagedConfiguration,
  { places, mounts }: RehearsedServer,
): boolean {
  const { root } = places.pgdata;
  if (what !== 'read' || !isBelow(of, root)) return false;
  const isMounted = mounts.some(
    ({ destination }) => isBelow(destination, root) && (destination === of || isBelow(of, destination)),
  );
  return !isMounted && members.some(({ path, type }) => type === 'file' && `${root}/${path}` === of);
}
