import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { createAgents } from '../network/connection.ts';
import type { RenewableKeys } from '../objects/store-keys.ts';
import type { S3Config } from './s3-config.ts';
import type { S3Credentials } from './s3-credentials.ts';
import { credentialsOf } from './s3-credentials.ts';
import { followRegion, type RegionalClients } from './s3-region.ts';

type Sdk = typeof import('@aws-sdk/client-s3');

const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 30_000;

/** The way to send requests to one bucket. */
export interface S3Clients {
  /** Makes a request, with the SDK's commands at hand. */
  send<T>(request: (client: S3Client, sdk: Sdk) => Promise<T>): Promise<T>;
  /** Frees connections. */
  close(): void;
}

/**
 * Clients of one bucket, whichever region it turns out to be in. The SDK is read here and not at each start: it is
 * large, and half of ODO's commands open no store. `usage` for a proxy that is no URL.
 * @param at endpoint and region as far as they are known
 * @param onSkew told with each answer how far the server's clock is ahead of ours, in milliseconds
 */
export function openClients(
  config: S3Config,
  at: { endpoint: string | undefined; region: string | undefined },
  keys: RenewableKeys | undefined,
  onSkew: (ms: number) => void,
): S3Clients {
  const agents = createAgents(config, config.maxSockets ?? 64);

  async function open(): Promise<{ sdk: Sdk; clients: RegionalClients }> {
    const sdk = await import('@aws-sdk/client-s3');
    const { NodeHttpHandler } = await import('@smithy/node-http-handler');
    const clients = followRegion(at.region, (region) => {
      const requestHandler = new NodeHttpHandler({
        connectionTimeout: CONNECT_TIMEOUT_MS,
        socketTimeout: IDLE_TIMEOUT_MS,
        ...agents,
      });
      const client = new sdk.S3Client({ ...settingsOf(config, at.endpoint, region, keys), requestHandler });
      watchClock(client, onSkew);
      return client;
    });
    return { sdk, clients };
  }

  const opened = open();
  // The error reaches whoever sends a request.
  opened.catch(() => undefined);
  return {
    async send(request) {
      const { sdk, clients } = await opened;
      return clients.send((client) => request(client, sdk));
    },
    close() {
      opened.then(({ clients }) => clients.close()).catch(() => undefined);
    },
  };
}

function settingsOf(
  config: S3Config,
  endpoint: string | undefined,
  region: string | undefined,
  keys: RenewableKeys | undefined,
): S3ClientConfig {
  const ownKeys = credentialsOf({ ...config, ...(region === undefined ? {} : { region }) });
  const checksums = config.checksums === 'supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  return {
    forcePathStyle: config.pathStyle ?? endpoint !== undefined,
    // Many S3-compatible servers know nothing of the newer checksums, and a range of an object never carries one.
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    // ODO retries by itself. The SDK's second attempt is for a kept-alive connection that had died, and for a skewed
    // clock.
    maxAttempts: 2,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    async credentials() {
      const { expiresAt, ...credentials } = (keys?.current() as S3Credentials | undefined) ?? (await ownKeys());
      return { ...credentials, ...(expiresAt === undefined ? {} : { expiration: new Date(expiresAt) }) };
    },
  };
}

/** Tells of the clock by the Date of each answer, which has whole seconds. */
function watchClock(client: S3Client, onSkew: (ms: number) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      const { headers } = answer.response as { headers?: Record<string, string> };
      const serverTime = Date.parse(headers?.date ?? '');
      if (!Number.isNaN(serverTime)) onSkew(serverTime - Date.now());
      return answer;
    },
    { step: 'deserialize', name: 'odoWatchClock', priority: 'low' },
  );
}
