#!/usr/bin/env node
import { parseAtOnce } from './cli/commands/at-once.ts';
import type { Parsed } from './cli/commands/parse.ts';
import type { Style } from './cli/render/create-renderer.ts';
import { outliveTerminal } from './cli/render/outlive-terminal.ts';
import { asOdoError, cancelled, EXIT } from './errors.ts';
import type { Report } from './events.ts';

const argv = process.argv.slice(2);

/**
 * The style that the settings ask for. Where the settings are wrong, the flags of the command line decide, so that the
 * error comes in the right form, too.
 */
function styleOf(parsed: Parsed | { failure: unknown }): Style {
  const isOn = (name: keyof Style) => ('args' in parsed ? parsed.args[name] === true : argv.includes(`--${name}`));
  return { json: isOn('json'), quiet: isOn('quiet'), verbose: isOn('verbose') };
}

/** The first signal cancels in good order; a second one ends the process at once, and with it the restore container. */
function cancelOnSignals(report: Report): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) {
        report({
          type: 'note',
          level: 'warning',
          message:
            'ended at once; a service that was stopped stays stopped: the same command goes on, odo status ' +
            'tells how things are',
        });
        process.exit(EXIT.cancelled.exitCode);
      }
      controller.abort(cancelled());
    });
  }
  return controller.signal;
}

/** Prints a text that the command line itself asks for. Its reader may close the pipe before the end. */
function print(text: string): number {
  process.stdout.on('error', () => undefined);
  process.stdout.write(`${text}\n`);
  return EXIT.done.exitCode;
}

/** Parses the command line. Gives the failure instead of throwing it. */
async function understand(): Promise<Parsed | { failure: unknown }> {
  try {
    return parseAtOnce(argv) ?? (await (await import('./cli/commands/parse.ts')).parseCommandLine(argv));
  } catch (failure) {
    return { failure };
  }
}

async function main(): Promise<number> {
  const parsed = await understand();
  if ('print' in parsed) return print(parsed.print);
  const style = styleOf(parsed);
  const { createRenderer } = await import('./cli/render/create-renderer.ts');
  const renderer = outliveTerminal((output) => createRenderer(output, style));
  const signal = cancelOnSignals(renderer.event);
  try {
    if ('failure' in parsed) throw parsed.failure;
    const { run, args, settings } = parsed;
    const { tellSettings, warnOfRisks } = await import('./cli/render/verbosity.ts');
    if (style.verbose) tellSettings(settings, renderer);
    warnOfRisks(settings, renderer);
    await run(args, {
      env: process.env,
      settings,
      report: renderer.event,
      signal,
      show: renderer.result,
      logFile: renderer.logFile,
    });
    return EXIT.done.exitCode;
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    renderer.error(error);
    if (error.code === 'bug' && error.cause instanceof Error) {
      renderer.event({ type: 'note', level: 'warning', message: error.cause.stack ?? error.cause.message });
    }
    return error.exitCode;
  }
}

// No await at the top: the program of the single executable is a CommonJS module.
void main().then((exitCode) => {
  process.exitCode = exitCode;
  // A connection that is kept alive must not keep a finished command from ending.
  process.stdout.write('', () => process.exit());
});
