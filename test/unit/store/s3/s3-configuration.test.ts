import { afterEach, expect, test, vi } from 'vitest';
import { settleStore } from '../../../../src/store/kinds/open.ts';
import { configuredEndpoint } from '../../../../src/store/s3/s3-configuration.ts';
import { useAwsFiles } from '../../parts/aws-files.ts';

afterEach(() => vi.unstubAllEnvs());

const CONFIG = `
[default]
region = us-west-2
[profile shop]
region = eu-central-1
endpoint_url = http://shop.example:9000
[profile split]
services = of-split
endpoint_url = http://split.example
[services of-split]
s3 =
  endpoint_url = http://s3.split.example
[profile amazon]
endpoint_url = http://not.asked
ignore_configured_endpoint_urls = true
`;

const settle = (more: object = {}) => settleStore({ url: 's3://backups', ...more });

test('what was given stays as it is', async () => {
  useAwsFiles({ config: CONFIG }, { AWS_ENDPOINT_URL_S3: 'http://other', AWS_REGION: 'other' });
  const given = { endpoint: 'http://given', region: 'given', profile: 'shop', pathStyle: false };
  expect(await settle(given)).toEqual({ url: 's3://backups', ...given });
});

test('the rest comes from the profile that is named, by option or by AWS_PROFILE', async () => {
  useAwsFiles({ config: CONFIG });
  const ofShop = { endpoint: 'http://shop.example:9000', region: 'eu-central-1' };
  expect(await settle({ profile: 'shop' })).toMatchObject(ofShop);
  expect(await settle()).toEqual({ url: 's3://backups', region: 'us-west-2' });
  vi.stubEnv('AWS_PROFILE', 'shop');
  expect(await settle()).toMatchObject(ofShop);
});

test('the environment goes before the profile, and what is said of one service before that of all', async () => {
  useAwsFiles({ config: CONFIG }, { AWS_ENDPOINT_URL: 'http://all', AWS_DEFAULT_REGION: 'from-env' });
  expect(await settle({ profile: 'shop' })).toMatchObject({ endpoint: 'http://all', region: 'from-env' });
  vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://s3');
  expect(await settle({ profile: 'shop' })).toMatchObject({ endpoint: 'http://s3' });
  expect(await configuredEndpoint('sts', 'shop')).toBe('http://all');
});

test('a services section says more than the profile', async () => {
  useAwsFiles({ config: CONFIG });
  expect(await settle({ profile: 'split' })).toMatchObject({ endpoint: 'http://s3.split.example' });
  expect(await configuredEndpoint('sts', 'split')).toBe('http://split.example');
});

test('configured endpoints can be ruled out', async () => {
  useAwsFiles({ config: CONFIG });
  expect(await settle({ profile: 'amazon' })).not.toHaveProperty('endpoint');
  vi.stubEnv('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS', 'true');
  expect(await settle({ profile: 'shop' })).not.toHaveProperty('endpoint');
});

test('a profile that is not there is named, unless keys were given', async () => {
  useAwsFiles({ config: CONFIG, credentials: '[keys-only]\naws_access_key_id = key\n' });
  const missing = { code: 'usage', message: 'the AWS configuration has no profile shops' };
  await expect(settle({ profile: 'shops' })).rejects.toMatchObject(missing);
  vi.stubEnv('AWS_PROFILE', 'shops');
  await expect(settle()).rejects.toMatchObject(missing);
  expect(await settle({ credentials: { accessKeyId: 'key', secretAccessKey: 'secret' } })).not.toHaveProperty(
    'endpoint',
  );
  expect(await settle({ profile: 'keys-only' })).not.toHaveProperty('endpoint');
});

test('a directory has nothing to do with it', async () => {
  useAwsFiles({ config: CONFIG });
  expect(await settleStore({ url: '/backups' })).toEqual({ url: '/backups' });
});
