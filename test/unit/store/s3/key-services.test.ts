import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { credentialsOf } from '../../../../src/store/s3/s3-credentials.ts';
import { useAwsFiles } from '../../parts/aws-files.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { type Answer, type ScriptedServer, startScriptedServer } from '../../parts/scripted-s3.ts';

/** The services besides STS that give out keys, and web identity, which asks STS without any. */

const ROLE = 'arn:aws:iam::123456789012:role/restore';
const EXPIRES = '2031-05-06T07:08:09.000Z';
const KEYS = {
  accessKeyId: 'role-key',
  secretAccessKey: 'role-secret',
  sessionToken: 'role-token',
  expiresAt: EXPIRES,
};
const AS_METADATA = {
  AccessKeyId: 'role-key',
  SecretAccessKey: 'role-secret',
  Token: 'role-token',
  Expiration: EXPIRES,
};

const servers: ScriptedServer[] = [];
let asked: string[];
beforeEach(() => {
  asked = [];
  useAwsFiles({});
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) await server.close();
});

async function start(answer: Answer): Promise<string> {
  const server = await startScriptedServer((request, response, count) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response, count);
  });
  servers.push(server);
  return server.endpoint;
}

test('an instance’s metadata service is asked with its own token; the terminal is silent when keys end', async () => {
  const told = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'log')];
  let expires = EXPIRES;
  const endpoint = await start((request, response) => {
    if (request.method === 'PUT') return response.end('session');
    if (request.headers['x-aws-ec2-metadata-token'] !== 'session') return response.writeHead(401).end();
    return response.end(
      request.url?.endsWith('/') ? 'restore' : JSON.stringify({ Code: 'Success', ...AS_METADATA, Expiration: expires }),
    );
  });
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', undefined);
  vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', endpoint);
  expect(await credentialsOf({})()).toEqual(KEYS);
  expect(asked).toEqual([
    'PUT /latest/api/token',
    'GET /latest/meta-data/iam/security-credentials/',
    'GET /latest/meta-data/iam/security-credentials/restore',
  ]);
  expires = '2021-05-06T07:08:09Z';
  expect(await credentialsOf({})()).toMatchObject({ accessKeyId: 'role-key' });
  for (const spy of told) expect(spy).not.toHaveBeenCalled();
});

test('the service of a container is asked with the token that it wants', async () => {
  const endpoint = await start((request, response) =>
    request.headers.authorization === 'let me in'
      ? response.end(JSON.stringify(AS_METADATA))
      : response.writeHead(403).end('{}'),
  );
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${endpoint}/v1/credentials`);
  vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN', 'let me in');
  expect(await credentialsOf({})()).toEqual(KEYS);
  expect(asked).toEqual(['GET /v1/credentials']);
  vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN', 'wrong');
  await expect(credentialsOf({})()).rejects.toMatchObject({
    code: 'accessDenied',
    message: 'no S3 credentials: the service that AWS_CONTAINER_CREDENTIALS_FULL_URI names gives none',
  });
});

const byWebIdentity: Answer = (request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const token = new URLSearchParams(body).get('WebIdentityToken');
    if (token !== 'signed by the cluster') {
      const error = '<Error><Code>InvalidIdentityToken</Code><Message>who is that</Message></Error>';
      return void response.writeHead(400).end(`<ErrorResponse>${error}</ErrorResponse>`);
    }
    response.end(`<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <AssumeRoleWithWebIdentityResult><Credentials>
      <AccessKeyId>role-key</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
      <SessionToken>role-token</SessionToken><Expiration>${EXPIRES}</Expiration>
      </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`);
  });
};

test('a web identity is exchanged at STS, by what the environment or a profile says', async () => {
  const token = path.join(scratchDirectory(), 'token');
  fs.writeFileSync(token, 'signed by the cluster');
  const endpoint = await start(byWebIdentity);
  const inProfile =
    `[profile pod]\nrole_arn = ${ROLE}\nweb_identity_token_file = ` + `${token}\nendpoint_url = ${endpoint}\n`;
  useAwsFiles({ config: inProfile }, { AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: ROLE });
  expect(await credentialsOf({ profile: 'pod', region: 'eu-central-1' })()).toEqual(KEYS);
  vi.stubEnv('AWS_ENDPOINT_URL_STS', endpoint);
  expect(await credentialsOf({ region: 'eu-central-1' })()).toEqual(KEYS);
  vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://sts.example.invalid');
  expect(await credentialsOf({ region: 'eu-central-1', proxies: { HTTP_PROXY: endpoint } })()).toEqual(KEYS);
  expect(asked).toEqual(['POST /', 'POST /', 'POST http://sts.example.invalid/']);

  vi.stubEnv('AWS_ENDPOINT_URL_STS', endpoint);
  fs.writeFileSync(token, 'signed by nobody');
  await expect(credentialsOf({ region: 'eu-central-1' })()).rejects.toMatchObject({
    code: 'accessDenied',
    message: 'the role cannot be assumed (InvalidIdentityTokenException)',
  });
  fs.rmSync(token);
  for (const profile of [{}, { profile: 'pod' }]) {
    await expect(credentialsOf({ region: 'eu-central-1', ...profile })()).rejects.toMatchObject({
      code: 'accessDenied',
      message: expect.stringMatching(/^no S3 credentials.*: the web identity token cannot be read \(ENOENT\)$/),
    });
  }
});

const START_URL = 'https://firm.awsapps.example/start';

/** Signs on as `aws sso login` leaves it: a token in a file of the home folder, until this time. */
function signOn(name: string, expiresAt: string): void {
  const home = scratchDirectory();
  const folder = path.join(home, '.aws/sso/cache');
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${createHash('sha1').update(name).digest('hex')}.json`);
  fs.writeFileSync(
    file,
    JSON.stringify({ startUrl: START_URL, region: 'us-east-1', accessToken: 'signed-on', expiresAt }),
  );
  vi.stubEnv('HOME', home);
}

test.each([
  [
    'a session',
    `sso_session = firm`,
    'firm',
    `[sso-session firm]\nsso_region = us-east-1\nsso_start_url = ${START_URL}\n`,
  ],
  ['an address', `sso_region = us-east-1\nsso_start_url = ${START_URL}`, START_URL, ''],
])('single sign-on by %s gives keys, through the proxy, and is no business of STS', async (_by, how, name, more) => {
  const role = 'sso_account_id = 123456789012\nsso_role_name = restore\n';
  useAwsFiles({ config: `[profile firm]\n${how}\n${role}${more}` }, { AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:9' });
  signOn(name, EXPIRES);
  let status = 200;
  const { accessKeyId, secretAccessKey, sessionToken } = KEYS;
  const roleCredentials = { accessKeyId, secretAccessKey, sessionToken, expiration: Date.parse(EXPIRES) };
  const proxy = await start((request, response) => {
    const isSignedOn = request.headers['x-amz-sso_bearer_token'] === 'signed-on' && status === 200;
    response.writeHead(isSignedOn ? 200 : 401, isSignedOn ? {} : { 'x-amzn-errortype': 'UnauthorizedException' });
    response.end(JSON.stringify(isSignedOn ? { roleCredentials } : { message: 'Session token not found or invalid' }));
  });
  vi.stubEnv('AWS_ENDPOINT_URL_SSO', 'http://portal.example.invalid');
  const keys = () => credentialsOf({ profile: 'firm', proxies: { HTTP_PROXY: proxy } })();
  expect(await keys()).toEqual(KEYS);
  expect(asked).toEqual([
    'GET http://portal.example.invalid/federation/credentials?account_id=123456789012&role_name=restore',
  ]);

  const denied = {
    code: 'accessDenied',
    message: 'no S3 credentials: the single sign-on of profile firm gives none, or no longer',
    hint: 'sign on again: aws sso login --profile firm',
  };
  status = 401;
  await expect(keys()).rejects.toMatchObject(denied);
  vi.stubEnv('AWS_ENDPOINT_URL_SSO', 'http://127.0.0.1:9');
  await expect(credentialsOf({ profile: 'firm' })()).rejects.toMatchObject({
    code: 'storeUnreachable',
    message: 'cannot reach the service that gives out the S3 keys of profile firm (ECONNREFUSED)',
  });
  signOn(name, '2021-05-06T07:08:09Z');
  await expect(keys()).rejects.toMatchObject(denied);
});
