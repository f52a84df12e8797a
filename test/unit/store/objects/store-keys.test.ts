import { expect, test } from 'vitest';
import { createRenewableKeys } from '../../../../src/store/objects/store-keys.ts';
import { createS3Store } from '../../../../src/store/s3/s3.ts';
import { beginContent, startScriptedServer } from '../../parts/scripted-s3.ts';

const content = Buffer.from('what the object holds');

test('each request is signed with the latest keys', async () => {
  const signedBy: string[] = [];
  const server = await startScriptedServer((request, response) => {
    signedBy.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    return response.end(beginContent(request, response, content));
  });
  const expiresAt = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
  const keys = createRenewableKeys();
  const credentials = { accessKeyId: 'first', secretAccessKey: 'secret', expiresAt: expiresAt(1) };
  const store = createS3Store({ bucket: 'backups', endpoint: server.endpoint, credentials }, keys);
  try {
    for (const accessKeyId of ['first', 'second']) {
      keys.renew({ ...credentials, accessKeyId, expiresAt: expiresAt(2) });
      for await (const chunk of await store.read('base.tar')) expect(Buffer.from(chunk).equals(content)).toBe(true);
    }
    expect(signedBy).toEqual(['first', 'second']);
    // What was sent first and comes last does not count.
    keys.renew({ ...credentials, accessKeyId: 'outdated', expiresAt: expiresAt(1) });
    expect(keys.current()).toMatchObject({ accessKeyId: 'second' });
  } finally {
    store.close();
    await server.close();
  }
});
