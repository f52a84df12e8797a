import { cancelled, type ErrorCode, OdoError } from '../../errors.ts';

export interface DockerErrorCodes {
  /** For the engine's "no such container / image / volume" (404). */
  notFound?: ErrorCode;
  /** For every other refusal of the engine; dockerUnreachable when not given. */
  refused?: ErrorCode;
  /** The next action, if it is better than the usual one for the kind of error. */
  hint?: string;
}

/**
 * Makes an OdoError of what dockerode threw. `what` is the wanted action, such as "stop container pg-1". An error
 * without an HTTP status never got to the engine, or lost it on the way: `dockerUnreachable`. With a status, the engine
 * answered, and its own words are the message.
 */
export function translateDockerError(error: unknown, what: string, codes: DockerErrorCodes = {}): OdoError {
  if (error instanceof OdoError) return error;
  if (error instanceof Error && error.name === 'AbortError') return cancelled(error);
  const status = httpStatus(error);
  if (status === undefined) {
    return new OdoError('dockerUnreachable', `cannot ${what}: Docker cannot be reached: ${messageOf(error)}`, {
      hint: hintForConnection(error),
      cause: error,
    });
  }
  const refused = codes.refused ?? 'dockerUnreachable';
  const code = status === 404 ? (codes.notFound ?? refused) : refused;
  return new OdoError(code, `cannot ${what}: ${engineWords(error)}`, { hint: codes.hint, cause: error });
}

/** The HTTP status with which the engine answered; undefined when the error is not an answer of the engine. */
export function httpStatus(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/**
 * The engine's own message, without what docker-modem wraps around it: `(HTTP code 404) no such container - No such …`.
 */
export function engineWords(error: unknown): string {
  const json = (error as { json?: { message?: unknown } } | null)?.json;
  if (typeof json?.message === 'string') return json.message.trim();
  return messageOf(error).replace(/^\(HTTP code \d+\) .*? - /, '');
}

/** Whether a container's name was refused since another has it: Docker answers with 409, Podman with 500. */
export function isNameTaken(error: unknown): boolean {
  const status = httpStatus(error);
  return status === 409 || (status === 500 && /name .*is already in use/i.test(engineWords(error)));
}

/**
 * Whether an engine's words mean that it cannot connect a container. This is the engine's own trouble (a firewall that
 * was reloaded, say), not the image's.
 */
export function isNetworkFault(words: string): boolean {
  return /failed to (create|set ?up|program|add)[^:]*(endpoint|network|connectivity|interface)|iptables/i.test(words);
}

/** What to do about an engine that does not answer, judged by how the connection failed. */
export function hintForConnection(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'EACCES' || code === 'EPERM') {
    return (
      'no permission on the Docker socket: run odo with sudo, or add your user to the group docker and log in ' +
      'again'
    );
  }
  return 'is Docker running, and is it the right one? `docker version` uses the same DOCKER_HOST or context';
}

/** The reason in an error on the way to the engine, in one line. */
export function messageOf(error: unknown): string {
  // A connection tried on several addresses fails as an AggregateError without a message of its own.
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0)
    return messageOf(error.errors[0]);
  // A connection through the docker command line fails with its words.
  const stderr = (error as { stderr?: unknown } | null)?.stderr;
  const text =
    typeof stderr === 'string' && stderr.trim() !== ''
      ? stderr
      : error instanceof Error
        ? error.message
        : String(error);
  return text.trim().replace(/\s*\n\s*/g, '; ');
}
