import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { credentialsOf } from '../../../../src/store/s3/s3-credentials.ts';
import { useAwsFiles } from '../../parts/aws-files.ts';
import { type Answer, type ScriptedServer, startScriptedServer } from '../../parts/scripted-s3.ts';

const CREDENTIALS = `
[base]
aws_access_key_id = base-key
aws_secret_access_key = base-secret
`;
const CONFIG = `
[profile role]
role_arn = arn:aws:iam::123456789012:role/restore
source_profile = base
region = eu-central-1
[profile empty]
region = eu-central-1
[profile process]
credential_process = sh -c 'echo told on the way; exit 7' --secret hush-hush
`;
const EXPIRES = '2031-05-06T07:08:09.000Z';

let sts: ScriptedServer | undefined;
beforeEach(() => useAwsFiles({ config: CONFIG, credentials: CREDENTIALS }));
afterEach(async () => {
  vi.unstubAllEnvs();
  await sts?.close();
  sts = undefined;
});

async function startSts(answer: Answer): Promise<string> {
  sts = await startScriptedServer(answer);
  return sts.endpoint;
}

const assumed: Answer = (_request, response) =>
  response.end(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
    <AccessKeyId>role-key</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
    <SessionToken>role-token</SessionToken><Expiration>${EXPIRES}</Expiration>
    </Credentials></AssumeRoleResult></AssumeRoleResponse>`);
const ofRole = {
  accessKeyId: 'role-key',
  secretAccessKey: 'role-secret',
  sessionToken: 'role-token',
  expiresAt: EXPIRES,
};

test('keys that were given are taken before those of the environment', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'env-key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'env-secret');
  vi.stubEnv('AWS_SESSION_TOKEN', 'env-token');
  expect(await credentialsOf({})()).toEqual({
    accessKeyId: 'env-key',
    secretAccessKey: 'env-secret',
    sessionToken: 'env-token',
  });
  const own = { accessKeyId: 'own-key', secretAccessKey: 'own-secret' };
  expect(await credentialsOf({ credentials: own })()).toEqual(own);
});

test('a named profile is taken before keys of the environment, and nothing is said of it on the terminal', async () => {
  const warn = vi.spyOn(console, 'warn');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'env-key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'env-secret');
  expect(await credentialsOf({ profile: 'base' })()).toEqual({
    accessKeyId: 'base-key',
    secretAccessKey: 'base-secret',
  });
  expect(warn).not.toHaveBeenCalled();
});

test('a role is assumed by its source profile, at the endpoint that is configured for STS', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_STS', await startSts(assumed));
  expect(await credentialsOf({ profile: 'role' })()).toEqual(ofRole);
  vi.stubEnv('AWS_PROFILE', 'role');
  expect(await credentialsOf({})()).toEqual(ofRole);
  expect(sts?.requests).toEqual(['POST /', 'POST /']);
});

test("also at the profile's own endpoint, when the profile is named by an option", async () => {
  useAwsFiles({
    config: `${CONFIG.replace('eu-central-1', `x\nendpoint_url = ${await startSts(assumed)}`)}`,
    credentials: CREDENTIALS,
  });
  expect(await credentialsOf({ profile: 'role' })()).toEqual(ofRole);
});

test('STS is asked through the proxy, too', async () => {
  const proxy = await startSts(assumed);
  vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://sts.example.invalid');
  expect(await credentialsOf({ profile: 'role', proxies: { HTTP_PROXY: proxy } })()).toEqual(ofRole);
  expect(sts?.requests).toEqual(['POST http://sts.example.invalid/']);
});

test('a role that may not be assumed is named, and not taken for a bucket that may not be read', async () => {
  const denied: Answer = (_request, response) =>
    response
      .writeHead(403)
      .end('<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>');
  vi.stubEnv('AWS_ENDPOINT_URL_STS', await startSts(denied));
  await expect(credentialsOf({ profile: 'role' })()).rejects.toMatchObject({
    code: 'accessDenied',
    message: 'the role of profile role cannot be assumed (AccessDenied)',
    cause: expect.objectContaining({ message: 'not you' }),
  });
});

test('STS that cannot be reached is a store that cannot be reached', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://127.0.0.1:9');
  await expect(credentialsOf({ profile: 'role' })()).rejects.toMatchObject({
    code: 'storeUnreachable',
    message: 'cannot reach the service that gives out the S3 keys of profile role (ECONNREFUSED)',
  });
});

test.each(['empty', 'nowhere'])('a profile without keys is named (%s)', async (profile) => {
  await expect(credentialsOf({ profile })()).rejects.toMatchObject({
    code: 'accessDenied',
    message: `no S3 credentials in profile ${profile}`,
  });
});

test('the command of a credential_process is not repeated: it may hold a secret', async () => {
  const error = await credentialsOf({ profile: 'process' })().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: 'accessDenied',
    message: 'no S3 credentials: the credential_process of profile process failed',
  });
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain('hush-hush');
});
