import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import type { Duplex } from 'node:stream';

/** The most bytes that one read of a socket may bring. Answers over TLS come in records of 16 KiB all the same. */
const RECEIVE_BYTES = 1 << 18;

/**
 * The memory that the sockets of all agents here read into, one read at a time. Node's HTTP parser copies the bytes of
 * a body before the next read comes. By itself, Node takes 64 KiB of new memory for each read, and leaves them to the
 * garbage collector. That costs more than everything else in reading, and some 70 MiB.
 */
const memory = Buffer.allocUnsafeSlow(RECEIVE_BYTES);

/** Whether a chunk is where the next read will write. */
export function isInReceiveBuffer({ buffer }: Uint8Array): boolean {
  return buffer === memory.buffer;
}

export class ReceivingHttpAgent extends http.Agent {
  override createConnection(options: http.ClientRequestArgs, callback?: OnConnected) {
    return receiveInMemory((onread) =>
      super.createConnection({ ...options, onread } as http.ClientRequestArgs, callback),
    );
  }
}

export class ReceivingHttpsAgent extends https.Agent {
  override createConnection(options: https.RequestOptions, callback?: OnConnected) {
    return receiveInMemory((onread) =>
      super.createConnection({ ...options, onread } as https.RequestOptions, callback),
    );
  }
}

type OnConnected = (error: Error | null, socket: Duplex) => void;

function receiveInMemory<Socket extends Duplex | null | undefined>(
  connect: (onread: net.OnReadOpts) => Socket,
): Socket {
  const socket = connect({
    buffer: memory,
    callback(bytes) {
      // A socket with the option onread emits no data by itself.
      socket?.emit('data', memory.subarray(0, bytes));
      return true;
    },
  });
  return socket;
}
