import { expect, test } from 'vitest';
import { OdoError } from '../../../src/errors.ts';
import { parseStoreUrl } from '../../../src/store/url.ts';

test.each([
  ['s3://bucket', { kind: 's3', bucket: 'bucket', key: '' }],
  ['s3://bucket/', { kind: 's3', bucket: 'bucket', key: '' }],
  ['s3://bucket/pre/fix', { kind: 's3', bucket: 'bucket', key: 'pre/fix' }],
  ['S3://my.bucket-1//pre/fix/', { kind: 's3', bucket: 'my.bucket-1', key: 'pre/fix/' }],
  ['s3://bucket/a%20b c?d#e', { kind: 's3', bucket: 'bucket', key: 'a%20b c?d#e' }],
  ['file:///var/back%20ups', { kind: 'directory', path: '/var/back ups', key: '' }],
  ['/var/backups/', { kind: 'directory', path: '/var/backups', key: '' }],
  ['./backups', { kind: 'directory', path: '/srv/backups', key: '' }],
  ['backups/main', { kind: 'directory', path: '/srv/backups/main', key: '' }],
])('reads %s', (url, location) => {
  expect(parseStoreUrl(url, '/srv')).toEqual(location);
});

test.each([
  '',
  '  ',
  's3://',
  's3:///prefix',
  's3:bucket/prefix',
  's3://buck et/x',
  'gs://bucket/x',
  'https://s3.example.org/bucket',
  'file://host/x',
])('refuses "%s" with an example of what it takes', (url) => {
  const attempt = () => parseStoreUrl(url, '/srv');
  expect(attempt).toThrow(OdoError);
  try {
    attempt();
  } catch (error) {
    expect(error).toMatchObject({ code: 'usage', hint: expect.stringContaining('s3://bucket/prefix') });
  }
});

test('does not repeat a secret that was put into the URL', () => {
  try {
    parseStoreUrl('s3://AKIA123:hunter2@bucket/x');
    expect.unreachable();
  } catch (error) {
    expect(JSON.stringify((error as OdoError).report())).not.toMatch(/hunter2|AKIA123/);
    expect(error).toMatchObject({ code: 'usage' });
  }
});
