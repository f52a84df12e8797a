/** How a program in the container ended. */
export interface ProgramOutcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Puts questions that are asked at the same moment into one call, at most `most` of them. Each question gets its own
 * answer. When a call fails, all of its questions do.
 */
export function together<Q, A>(
  askAll: (questions: readonly Q[]) => Promise<readonly A[]>,
  most: number,
): (question: Q) => Promise<A> {
  let waiting: { question: Q; resolve: (answer: A) => void; reject: (error: unknown) => void }[] = [];

  async function askWaiting(): Promise<void> {
    const all = waiting;
    waiting = [];
    for (let first = 0; first < all.length; first += most) {
      const some = all.slice(first, first + most);
      try {
        const answers = await askAll(some.map(({ question }) => question));
        for (const [index, { resolve }] of some.entries()) resolve(answers[index] as A);
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
  }

  return (question) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(askWaiting);
      waiting.push({ question, resolve, reject });
    });
}

/**
 * Splits what ASK_EACH wrote into an outcome for each of `count` questions. A question that was cut off gets the exit
 * code of the whole.
 */
export function outcomesOf(
  { exitCode, stdout, stderr }: ProgramOutcome,
  mark: string,
  count: number,
): ProgramOutcome[] {
  const answers = stdout.split(mark);
  const words = stderr.split(`${mark}\n`);
  return Array.from({ length: count }, (_, index) => {
    const said = (answers[index] ?? '').replace(index === 0 ? '' : /^ \d+\n/, '');
    const status = /^ (\d+)\n/.exec(answers[index + 1] ?? '')?.[1];
    return {
      exitCode: status === undefined ? exitCode || -1 : Number(status),
      stdout: said,
      stderr: words[index] ?? '',
    };
  });
}
