import { OdoError } from '../../errors.ts';

/** A piece of a container's output; a frame may arrive in several pieces. */
export interface OutputPiece {
  stream: 'stdout' | 'stderr';
  bytes: Buffer;
}

const HEADER_BYTES = 8;

/**
 * Takes the engine's multiplexed stream of a container without a TTY apart. Give it each chunk as it arrives. It keeps
 * no more than a frame's header between two chunks. A frame is [stream, 0, 0, 0, length as big-endian uint32] and that
 * many bytes. The stream is 0 stdin, 1 stdout, 2 stderr, 3 the engine's own error. Source:
 * https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
export function demultiplexer(): (chunk: Buffer) => OutputPiece[] {
  let header = Buffer.alloc(0);
  let stream: OutputPiece['stream'] = 'stdout';
  let missingBytes = 0;

  return (chunk) => {
    const pieces: OutputPiece[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (missingBytes === 0) {
        const taken = Math.min(HEADER_BYTES - header.length, rest.length);
        header = Buffer.concat([header, rest.subarray(0, taken)]);
        rest = rest.subarray(taken);
        if (header.length < HEADER_BYTES) break;
        const type = header[0] ?? 0;
        if (type > 3 || header[1] !== 0 || header[2] !== 0 || header[3] !== 0) {
          throw new OdoError('dockerUnreachable', 'the output of the container came in an unknown form', {
            hint: 'is something between odo and the Docker engine that changes its answers?',
          });
        }
        stream = type <= 1 ? 'stdout' : 'stderr';
        missingBytes = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const bytes = rest.subarray(0, missingBytes);
      pieces.push({ stream, bytes });
      missingBytes -= bytes.length;
      rest = rest.subarray(bytes.length);
    }
    return pieces;
  };
}
