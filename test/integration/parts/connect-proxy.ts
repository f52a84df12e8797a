import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

/**
 * A proxy as firms have it, on a loopback address of its own: it opens tunnels (CONNECT), and hands on what is not
 * encrypted.
 */
export interface ConnectProxy {
  /** Such as `http://user:password@127.0.0.4:40000`. */
  url: string;
  /** What it was asked for by those whom it knows: `CONNECT host:port`, or `GET http://host/path`. */
  asked: string[];
  /** From the first request on that matches one of these words of `asked`, it takes connections and never answers. */
  hangAt(words: RegExp): void;
  close(): Promise<void>;
}

/**
 * @param hosts names that it alone knows, with where they lead: whoever gets there has gone through the proxy
 * @param user as `name:password`; without it everybody may go through
 */
export async function startConnectProxy(hosts: Readonly<Record<string, URL>>, user?: string): Promise<ConnectProxy> {
  const asked: string[] = [];
  const tunnels = new Set<net.Socket>();
  let hangAt: RegExp | undefined;
  let hangs = false;
  /** Notes what is asked for; true when there is to be no answer. */
  const isLost = (words: string) => {
    asked.push(words);
    hangs ||= hangAt?.test(words) === true;
    return hangs;
  };
  const isKnown = ({ headers }: http.IncomingMessage) =>
    user === undefined || headers['proxy-authorization'] === `Basic ${Buffer.from(user).toString('base64')}`;

  const server = http.createServer((request, response) => {
    if (!isKnown(request)) return void response.writeHead(407, { 'proxy-authenticate': 'Basic realm="odo"' }).end();
    if (isLost(`${request.method} ${request.url}`)) return;
    const { hostname, pathname, search } = new URL(request.url ?? '');
    const target = hosts[hostname];
    if (!target) return void response.writeHead(502).end();
    const { method, headers } = request;
    const { 'proxy-authorization': _user, 'proxy-connection': _connection, ...rest } = headers;
    const where = { host: target.hostname, port: target.port, path: pathname + search };
    const onward = http.request({ ...where, method, headers: rest, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
    socket.on('error', () => undefined);
    const refuse = (status: string) => socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
    if (!isKnown(request)) return void refuse('407 Proxy Authentication Required');
    if (isLost(`CONNECT ${request.url}`)) return void tunnels.add(socket);
    const target = hosts[request.url?.replace(/:\d+$/, '') ?? ''];
    if (!target) return void refuse('403 Forbidden');
    const onward = net.connect(Number(target.port), target.hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) tunnels.add(end.on('close', () => tunnels.delete(end)));
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
  });
  server.listen(0, '127.0.0.4');
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;
  const userPart = user === undefined ? '' : `${user.split(':').map(encodeURIComponent).join(':')}@`;
  return {
    url: `http://${userPart}${address}:${port}`,
    asked,
    hangAt(words) {
      hangAt = words;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      for (const tunnel of tunnels) tunnel.destroy();
      await closed;
    },
  };
}
