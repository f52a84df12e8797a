import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDockerfile } from '../../../scripts/package/dockerfile.ts';

describe('the Dockerfile', () => {
  it('says what the image is', () => {
    const text = fs.readFileSync(new URL('../../../Dockerfile', import.meta.url), 'utf8');
    expect(parseDockerfile(text)).toEqual({
      base: 'node:24-bookworm-slim',
      copies: [{ sources: ['dist/odo.mjs', 'dist/linux-x64.node'], folder: '/usr/local/lib/odo/' }],
      env: ['ODO_IN_CONTAINER=1', 'NODE_ENV=production', 'MALLOC_ARENA_MAX=1'],
      entrypoint: ['node', '/usr/local/lib/odo/odo.mjs'],
      cmd: ['restore', '--into', '/data'],
    });
  });

  it.each(['RUN apt-get update', 'COPY a /b', 'ENV A="b c"', 'FROM a AS b', 'FROM a\nFROM b', 'CMD node x', 'USER 1'])(
    'is refused where it says more than is understood: %s',
    (text) => {
      expect(() => parseDockerfile(text)).toThrow();
    },
  );
});
