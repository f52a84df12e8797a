import http from 'node:http';
import { mustRun } from './run.ts';

/** What the engine has answered. */
export interface EngineAnswer {
  status: number;
  body: Buffer;
}

const hosts = new Map<string, Promise<string>>();

/** Of the engine that the docker command line would use now. */
function engineHost(): Promise<string> {
  const given = process.env.DOCKER_HOST ?? '';
  if (given) return Promise.resolve(given);
  const known = hosts.get(given) ?? mustRun('docker', ['context', 'inspect', '-f', '{{.Endpoints.docker.Host}}']);
  hosts.set(given, known);
  return known;
}

/**
 * Asks the engine from within this process: a call of the docker command line costs as much as what it asks for.
 * Any status is an answer.
 */
export async function askEngine(method: string, path: string, content?: unknown): Promise<EngineAnswer> {
  const host = new URL(await engineHost());
  const isSocket = host.protocol === 'unix:';
  if (!isSocket && host.protocol !== 'tcp:') throw new Error(`the tests cannot speak to an engine at ${host}`);
  const where = isSocket ? { socketPath: host.pathname } : { host: host.hostname, port: host.port };
  const text = content === undefined ? '' : JSON.stringify(content);
  const headers = { Host: 'docker', 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const request = http.request({ ...where, method, path, headers, agent: false }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.once('error', reject);
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(pieces) }));
    });
    request.once('error', reject);
    request.end(text);
  });
}

/** What the engine has answered as JSON; any refusal is an error with the engine's own words. */
export async function mustAskEngine<Answer>(method: string, path: string, content?: unknown): Promise<Answer> {
  const { status, body } = await askEngine(method, path, content);
  if (status >= 300) throw new Error(`${method} ${path}: ${refusal(body)}`);
  return (body.length > 0 ? JSON.parse(body.toString('utf8')) : undefined) as Answer;
}

/** The engine's words for why it does not do something. */
export function refusal(body: Buffer): string {
  try {
    return (JSON.parse(body.toString('utf8')) as { message: string }).message;
  } catch {
    return body.toString('utf8');
  }
}

/**
 * Takes apart what a program without a terminal has written: before each piece are its stream's number and its length.
 */
export function splitStreams(bytes: Buffer): { stdout: string; stderr: string } {
  const taken: [Buffer[], Buffer[]] = [[], []];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    taken[bytes[at] === 2 ? 1 : 0].push(bytes.subarray(at + 8, end));
    at = end;
  }
  const [stdout, stderr] = taken.map((pieces) => Buffer.concat(pieces).toString('utf8')) as [string, string];
  return { stdout, stderr };
}
