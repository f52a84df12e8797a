import { harmlessJson } from './harmless.ts';
import type { Renderer } from './render.ts';

type Write = (text: string) => void;

/** NDJSON events on standard error, the result as one JSON document on standard output. */
export function createJsonRenderer(stdout: Write, stderr: Write): Renderer {
  const line = (value: object) =>
    stderr(`${harmlessJson(JSON.stringify({ time: new Date().toISOString(), ...value }))}\n`);
  return {
    event: line,
    result: (result) => stdout(`${harmlessJson(JSON.stringify(result, null, 2))}\n`),
    error: (error) => line({ type: 'error', ...error.report() }),
    close() {},
  };
}
