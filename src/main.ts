#!/usr/bin/env node
import { supportsColorStderr } from 'chalk';
import { type Parsed, parseCommandLine } from './cli/commands/parse.ts';
import { type Output, outliveTerminal } from './cli/render/outlive-terminal.ts';
import type { Renderer } from './cli/render/render.ts';
import { createJsonRenderer } from './cli/render/render-json.ts';
import { createTextRenderer } from './cli/render/render-text.ts';
import { quiet, tellSettings, verbose, warnOfRisks } from './cli/render/verbosity.ts';
import { asOdoError, cancelled, EXIT } from './errors.ts';
import type { Report } from './events.ts';

const argv = process.argv.slice(2);

interface Style {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
}

/**
 * As the settings say; where they are wrong, as the command line does, so that the error comes in the right form, too.
 */
function styleOf(parsed: Parsed | { failure: unknown }): Style {
  const isOn = (name: keyof Style) => ('args' in parsed ? parsed.args[name] === true : argv.includes(`--${name}`));
  return { json: isOn('json'), quiet: isOn('quiet'), verbose: isOn('verbose') };
}

function createRenderer(output: Output, style: Style): Renderer {
  const renderer = createPlainRenderer(output, style);
  const told = style.quiet ? quiet(renderer) : renderer;
  return style.verbose ? verbose(told) : told;
}

function createPlainRenderer({ stdout, stderr, plain }: Output, { json }: Style): Renderer {
  if (json) return createJsonRenderer(stdout, stderr);
  const live = !plain && process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  const size = () => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 });
  const onResize = (redraw: () => void) => {
    process.stderr.on('resize', redraw);
    return () => void process.stderr.off('resize', redraw);
  };
  const colors = !plain && !process.env.NO_COLOR && supportsColorStderr ? supportsColorStderr.level : 0;
  const resultColumns = process.stdout.isTTY && !plain ? { resultColumns: () => process.stdout.columns || 80 } : {};
  return createTextRenderer({ stdout, stderr, live, size, onResize, ...resultColumns, colors });
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

async function main(): Promise<number> {
  const parsed = await parseCommandLine(argv).catch((failure: unknown) => ({ failure }));
  const style = styleOf(parsed);
  const renderer = outliveTerminal((output) => createRenderer(output, style));
  const signal = cancelOnSignals(renderer.event);
  try {
    if ('failure' in parsed) throw parsed.failure;
    if ('print' in parsed) {
      process.stdout.write(`${parsed.print}\n`);
      return EXIT.done.exitCode;
    }
    const { run, args, settings } = parsed;
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

process.exitCode = await main();
// A connection that is kept alive must not keep a finished command from ending.
process.stdout.write('', () => process.exit());
