/**
 * node slow-line-proxy.ts BYTES_PER_SECOND: stands before the S3 server and hands no connection more than so many bytes
 * in a second; all of them together may have as many as there are. Prints its URL, and ends with its standard input. In
 * a process of its own, so that it is counted to nobody.
 */
import net, { type AddressInfo } from 'node:net';
import { S3_ENDPOINT } from '../integration/parts/s3.ts';

const bytesPerSecond = Number(process.argv[2]);
const { hostname, port } = new URL(S3_ENDPOINT);
/** What may go at once after a pause: enough to make up for a timer that comes late. */
const BURST_SECONDS = 0.05;
/** A pause for less than this would cost more than it slows. */
const PAUSE_MS = 10;
const READ_BYTES = 1 << 18;

/** A bucket of tokens, one for a byte, which fills by and by; it may go below nothing, and is then waited for. */
class TokenBucket {
  #tokens = 0;
  #filledAt = performance.now();

  /** Takes so many, and says how long it takes until none is owed any more. */
  take(tokens: number): number {
    const now = performance.now();
    this.#tokens = Math.min(
      this.#tokens + ((now - this.#filledAt) / 1000) * bytesPerSecond,
      bytesPerSecond * BURST_SECONDS,
    );
    this.#filledAt = now;
    this.#tokens -= tokens;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / bytesPerSecond) * 1000;
  }
}

const server = net.createServer({ noDelay: true }, (client) => {
  const bucket = new TokenBucket();
  let isWaiting = false;
  const upstream = net.connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    onread: {
      // One for each connection, and nothing more is read before all of it is gone: the proxy should cost as little as
      // it can.
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback(bytes, buffer) {
        client.write(buffer.subarray(0, bytes), resume);
        const waitMs = bucket.take(bytes);
        if (waitMs >= PAUSE_MS) {
          isWaiting = true;
          setTimeout(() => {
            isWaiting = false;
            resume();
          }, waitMs);
        }
        return !isWaiting && client.writableLength === 0;
      },
    },
  });
  const resume = () => {
    if (!isWaiting && client.writableLength === 0) upstream.resume();
  };
  client.pipe(upstream);
  upstream.on('end', () => client.end());
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    socket.on('error', () => other.destroy());
    socket.on('close', () => other.destroy());
  }
});
server.listen(0, '127.0.0.2', () => {
  process.stdout.write(`http://127.0.0.2:${(server.address() as AddressInfo).port}\n`);
});
process.stdin.on('end', () => process.exit()).resume();
