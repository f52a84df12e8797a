import { expect, test } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { parseStoreUrl, shownUrl } from '../../../../src/store/objects/url.ts';

test.each([
  ['s3://bucket', { kind: 's3', bucket: 'bucket', key: '' }],
  ['s3://bucket/', { kind: 's3', bucket: 'bucket', key: '' }],
  ['s3://bucket/pre/fix', { kind: 's3', bucket: 'bucket', key: 'pre/fix' }],
  ['S3://my.bucket-1/pre/fix/', { kind: 's3', bucket: 'my.bucket-1', key: 'pre/fix/' }],
  ['s3://bucket//pre/fix', { kind: 's3', bucket: 'bucket', key: '/pre/fix' }],
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
  'https://backups.example.org/set?X-Amz-Signature=1',
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

test.each([
  ['https://backups.example.org/shop', { kind: 'http', url: 'https://backups.example.org/shop', key: '' }],
  ['https://backups.example.org/shop/', { kind: 'http', url: 'https://backups.example.org/shop/', key: '' }],
  ['http://127.0.0.1:8080/a/b/base.tar.gz', { kind: 'http', url: 'http://127.0.0.1:8080/a/b/', key: 'base.tar.gz' }],
  ['https://host/backup_manifest', { kind: 'http', url: 'https://host/', key: 'backup_manifest' }],
])('takes %s for a folder of a web server', (url, location) => {
  expect(parseStoreUrl(url)).toEqual(location);
});

test('shows a URL without its password', () => {
  expect(shownUrl('https://user:hunter2@host/shop')).toBe('https://host/shop');
  expect(shownUrl('s3://bucket/a@b')).toBe('s3://bucket/a@b');
  expect(() => parseStoreUrl('https://user:hunter2@host/shop?x=1')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  );
});
