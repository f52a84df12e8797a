import { ASK_EACH } from '../../../src/restore/database/client-session.ts';
import type { FakeExec, FakeOutcome } from './fake-docker.ts';

/** Plays a call that asks several questions: `run` is given each as if it were asked alone. */
export function oneByOne(run: (exec: FakeExec) => FakeOutcome | Promise<FakeOutcome>) {
  return async (exec: FakeExec): Promise<FakeOutcome> => {
    if (exec.argv[2] !== ASK_EACH) return run(exec);
    const [file = '', program = '', mark, role = '', ...asked] = exec.argv.slice(4);
    let stdout = '';
    let stderr = '';
    for (let at = 0; at < asked.length; at += 2) {
      const [database = '', sql = ''] = asked.slice(at, at + 2);
      const argv = [...exec.argv.slice(0, 4), file, program, '-U', role, '-d', database, '-c', sql];
      const outcome = await run({ ...exec, argv });
      if (outcome instanceof Error) return outcome;
      stdout += `${outcome.stdout ?? ''}${mark} ${outcome.exitCode ?? 0}\n`;
      stderr += `${outcome.stderr ?? ''}${mark}\n`;
    }
    return { stdout, stderr };
  };
}
