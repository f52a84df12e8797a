import fs from 'node:fs';
import path from 'node:path';
import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import type { Proofs } from '../contract/proofs.ts';
import type { ServiceDatabase } from './service-database.ts';

/** One script for the restored database, as it was when the restore began. */
export interface SqlScript {
  /** Absolute path. */
  file: string;
  content: string;
}

/** Reads the scripts of a folder: its files that end in `.sql`, in the order of their names. */
export async function proveScripts(folder: string | undefined, proofs: Proofs): Promise<readonly SqlScript[]> {
  if (folder === undefined) return [];
  const scripts = await proofs.attempt('scripts', () => {
    const value = readScripts(path.resolve(folder));
    return { evidence: value.map(({ file }) => path.basename(file)).join(', '), value };
  });
  return scripts ?? [];
}

function readScripts(folder: string): SqlScript[] {
  const hint = 'name the folder that holds them, or leave --post-sql out';
  let scripts: SqlScript[];
  try {
    const names = fs.readdirSync(folder).filter((name) => name.endsWith('.sql'));
    // By code points, whatever the locale: 10-… comes before 2-…, as ls has it in the C locale.
    scripts = names
      .sort()
      .map((name) => path.join(folder, name))
      .map((file) => ({ file, content: fs.readFileSync(file, 'utf8') }));
  } catch (cause) {
    throw new OdoError(
      'usage',
      `cannot read the scripts of --post-sql in ${folder} (${(cause as NodeJS.ErrnoException).code})`,
      {
        hint,
        cause,
      },
    );
  }
  if (scripts.length === 0) throw new OdoError('usage', `there is no file that ends in .sql in ${folder}`, { hint });
  return scripts;
}

/**
 * Runs the scripts one after the other, each in a psql session of its own that stops at its first error. The restored
 * database stays as it is then.
 * Errors: `scriptFailed`, with the script's name and line.
 */
export async function runScripts(
  scripts: readonly SqlScript[],
  database: Pick<ServiceDatabase, 'runScript'>,
  containerId: string,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  if (scripts.length === 0) return;
  await inPhase(report, 'post-sql', async () => {
    for (const [index, script] of scripts.entries()) {
      const rest = scripts.slice(index);
      const { exitCode, stderr } = await database.runScript(script.content).catch((thrown: unknown) => {
        const error = asOdoError(thrown, signal);
        throw new OdoError(error.code, `${error.message}, while ${script.file} ran`, {
          hint: wayOn(rest, containerId),
          cause: thrown,
        });
      });
      if (exitCode !== 0) throw scriptFailed(script, stderr, exitCode, wayOn(rest, containerId));
      report({ type: 'note', level: 'info', message: `${script.file} has run` });
    }
  });
}

function scriptFailed(script: SqlScript, stderr: string, exitCode: number, hint: string): OdoError {
  const [, line, words] = /^psql:<stdin>:(\d+): +((?:ERROR|FATAL|PANIC|error|fatal).*)$/m.exec(stderr) ?? [];
  const what = words ?? (stderr.trim().split('\n').at(-1) || `psql ended with status ${exitCode}`);
  return new OdoError('scriptFailed', `${script.file}${line === undefined ? '' : `, line ${line}`}: ${what}`, { hint });
}

function wayOn(rest: readonly SqlScript[], containerId: string): string {
  const psql = `docker exec -i -u postgres ${containerId.slice(0, 12)} psql -X -v ON_ERROR_STOP=1`;
  return [
    'the restore itself has succeeded and its data stays; when the script is right, run it and what comes ' +
      'after it by hand:',
    ...rest.map(({ file }) => `${psql} < ${file}`),
  ].join('\n');
}
