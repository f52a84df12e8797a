import { supportsColorStderr } from 'chalk';
import type { Output } from './outlive-terminal.ts';
import type { Renderer } from './render.ts';
import { createJsonRenderer } from './render-json.ts';
import { createTextRenderer } from './render-text.ts';
import { quiet, verbose } from './verbosity.ts';

/** How a person wants things told. */
export interface Style {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
}

/** Makes the renderer for this process's own output. */
export function createRenderer(output: Output, style: Style): Renderer {
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
