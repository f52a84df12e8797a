import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** Of no other file, so that nothing of it may be told. */
export const KEY_SECRET = 'hush-of-a-service';

/**
 * The services that give out temporary keys on a machine in the cloud: an instance's metadata (version 2), a
 * container's, and single sign-on's portal. Each set of keys is another one.
 */
export interface KeyServices {
  /** What the AWS SDK has to be told to get keys from one of them, and from nobody else. */
  environment(source: KeySource): NodeJS.ProcessEnv;
  /** The session tokens that were given out, the first one first. */
  issued(): readonly string[];
  close(): Promise<void>;
}

export type KeySource = 'instance' | 'container' | 'sign-on';

/** The profile for single sign-on, which goes into the AWS configuration. */
export const SIGN_ON_PROFILE = `[profile signed-on]
sso_session = firm
sso_account_id = 123456789012
sso_role_name = restore
region = us-east-1
[sso-session firm]
sso_region = us-east-1
sso_start_url = https://firm.awsapps.example/start
`;

const CONTAINER_TOKEN = 'let-me-in';
const SIGN_ON_TOKEN = 'signed-on';
const METADATA_TOKEN = 'session';
const ROLES = '/latest/meta-data/iam/security-credentials/';
const HOUR_MS = 3_600_000;

/** @param home a folder for what `aws sso login` leaves in one's home @param lifeMs how long a set of keys lives */
export async function startKeyServices(home: string, lifeMs: number): Promise<KeyServices> {
  const issued: string[] = [];

  function keys() {
    const token = `token-${issued.length}-${createHash('sha1').update(home).digest('hex')}`;
    issued.push(token);
    return { token, endsAt: new Date(Date.now() + lifeMs) };
  }
  function metadata(): string {
    const { token, endsAt } = keys();
    const ids = { AccessKeyId: 'key', SecretAccessKey: KEY_SECRET, Token: token };
    return JSON.stringify({ Code: 'Success', Type: 'AWS-HMAC', ...ids, Expiration: endsAt.toISOString() });
  }
  function ofSignOn(): string {
    const { token, endsAt } = keys();
    const ids = { accessKeyId: 'key', secretAccessKey: KEY_SECRET, sessionToken: token };
    return JSON.stringify({ roleCredentials: { ...ids, expiration: endsAt.getTime() } });
  }

  function answer({ method, url = '', headers }: http.IncomingMessage): string | undefined {
    if (method === 'PUT') return url === '/latest/api/token' ? METADATA_TOKEN : undefined;
    if (url.startsWith(ROLES) && headers['x-aws-ec2-metadata-token'] === METADATA_TOKEN) {
      return url === ROLES ? 'restore' : metadata();
    }
    if (url === '/container' && headers.authorization === CONTAINER_TOKEN) return metadata();
    if (url.startsWith('/federation/credentials?') && headers['x-amz-sso_bearer_token'] === SIGN_ON_TOKEN)
      return ofSignOn();
    return undefined;
  }

  const server = http.createServer((request, response) => {
    const content = answer(request);
    response.writeHead(content === undefined ? 401 : 200).end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    environment(source) {
      if (source === 'instance') {
        return { AWS_EC2_METADATA_DISABLED: undefined, AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint };
      }
      if (source === 'container') {
        return {
          AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint}/container`,
          AWS_CONTAINER_AUTHORIZATION_TOKEN: CONTAINER_TOKEN,
        };
      }
      signOn(home);
      const docker = process.env.DOCKER_CONFIG ?? path.join(process.env.HOME ?? '/root', '.docker');
      return { HOME: home, DOCKER_CONFIG: docker, AWS_PROFILE: 'signed-on', AWS_ENDPOINT_URL_SSO: endpoint };
    },
    issued: () => issued,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** As `aws sso login` does it. */
function signOn(home: string): void {
  const folder = path.join(home, '.aws/sso/cache');
  fs.mkdirSync(folder, { recursive: true });
  const expiresAt = new Date(Date.now() + HOUR_MS).toISOString();
  const token = {
    startUrl: 'https://firm.awsapps.example/start',
    region: 'us-east-1',
    accessToken: SIGN_ON_TOKEN,
    expiresAt,
  };
  fs.writeFileSync(path.join(folder, `${createHash('sha1').update('firm').digest('hex')}.json`), JSON.stringify(token));
}
