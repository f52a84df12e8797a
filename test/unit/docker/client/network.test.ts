import { describe, expect, it } from 'vitest';
import { networkFor } from '../../../../src/docker/client/network.ts';

describe('networkFor', () => {
  it.each([
    'http://127.0.0.1:9000',
    'https://127.1/',
    'http://127.200.3.4',
    'localhost:9000',
    'http://LOCALHOST',
    'http://s3.localhost:9000/path',
    'http://localhost.:9000',
    'http://[::1]:9000',
    'http://[::ffff:127.0.0.1]:9000',
    'http://0.0.0.0:9000',
    '127.0.0.1:7480',
  ])('puts the container on the host network for %s', (endpoint) => {
    expect(networkFor([endpoint])).toBe('host');
  });

  it('puts it there for a proxy on a loopback address, too', () => {
    expect(networkFor(['https://s3.eu-central-1.amazonaws.com', 'http://127.0.0.1:3128'])).toBe('host');
  });

  it.each([
    undefined,
    'https://s3.eu-central-1.amazonaws.com',
    'http://10.0.0.127:9000',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'http://minio:9000',
    'minio:9000',
    'http://host.docker.internal:9000',
    'http://[fd00::1]:9000',
    'not an endpoint',
  ])('uses the bridge for %s', (endpoint) => {
    expect(networkFor(endpoint === undefined ? [] : [endpoint])).toBe('bridge');
  });

  it('does as it is told', () => {
    expect(networkFor(['http://127.0.0.1:9000'], 'backend')).toBe('backend');
    expect(networkFor([], 'host')).toBe('host');
  });
});
