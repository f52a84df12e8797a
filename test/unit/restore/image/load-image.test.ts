import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { OdoEvent } from '../../../../src/events.ts';
import { BUILD, VERSION } from '../../../../src/restore/engine/build.ts';
import { loadImage } from '../../../../src/restore/image/load-image.ts';
import { answered } from '../../parts/fake-docker.ts';
import { ABOUT, smallArchive } from '../../parts/image-archive.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

interface EngineImage {
  Id: string;
  Config: { Labels: Record<string, string> };
  RootFS: { Layers: string[] };
}

/** The images of an engine in memory, by name. */
const images = new Map<string, EngineImage>();
/** What it does with what it is given. */
let onLoad: (name: string, image: EngineImage) => string;

const docker = {
  host: 'unix:///run/engine.sock',
  version: '28.2.2',
  docker: {
    getImage: (name: string) => ({
      async inspect() {
        const image = images.get(name);
        if (!image) throw answered(404, 'no such image');
        return image;
      },
    }),
    async loadImage(source: Readable) {
      const chunks: Buffer[] = [];
      for await (const chunk of source) chunks.push(chunk as Buffer);
      const members = membersOf(Buffer.concat(chunks));
      const [image] = JSON.parse(members['manifest.json'] ?? '[]');
      const { config, rootfs } = JSON.parse(members[image.Config] ?? '');
      const loaded = { Id: 'sha256:0123456789abcdef', Config: config, RootFS: { Layers: rootfs.diff_ids } };
      return Readable.from([onLoad(image.RepoTags[0], loaded)]);
    },
  },
};

vi.mock('../../../../src/docker/client/engine.ts', () => ({ connectDocker: async () => docker }));
/** Names of images that were started. */
const tried: string[] = [];
vi.mock('../../../../src/docker/containers/restore-container.ts', async (original) => ({
  ...(await original<object>()),
  openRestoreContainer: async (_engine: unknown, { image, mounts, network }: Record<string, unknown>) => {
    expect([mounts, network]).toEqual([[], 'none']);
    tried.push(String(image));
  },
}));
vi.mock('../../../../src/restore/engine/remote-engine.ts', () => ({
  openRemoteEngine: async () => ({ async close() {} }),
}));

const own = { ...ABOUT, version: VERSION, build: BUILD };

describe('loading the restore image', () => {
  let answer: boolean;
  let questions: string[];
  let events: OdoEvent[];

  beforeEach(() => {
    images.clear();
    tried.length = 0;
    answer = true;
    questions = [];
    events = [];
    onLoad = (name, image) => {
      images.set(name, image);
      return '{"stream":"Loaded image"}\n';
    };
  });

  const load = (file: string, image = 'odo:test') =>
    loadImage(
      { file, image },
      {
        report: (event) => void events.push(event),
        signal: new AbortController().signal,
        async confirm(question) {
          questions.push(question);
          return answer;
        },
      },
    );

  it('says what it will do to which engine, loads, and starts the image once', async () => {
    const result = await load(await smallArchive(scratchDirectory(), own), 'own/odo');
    expect(questions).toEqual([
      `the restore image of ODO ${VERSION} (build ${BUILD}) will be loaded into the engine at ` +
        'unix:///run/engine.sock (version 28.2.2): 394 KiB, less what it has of it already; ' +
        'the tag own/odo:latest will be made',
    ]);
    expect(result).toEqual({
      kind: 'image-loaded',
      image: 'own/odo:latest',
      id: 'sha256:0123456789abcdef',
      version: VERSION,
      build: BUILD,
      engine: 'unix:///run/engine.sock',
      wasThere: false,
    });
    expect(tried).toEqual(['own/odo:latest']);
    const phases = events.flatMap((event) =>
      event.type === 'phase' && event.state === 'finished' ? [event.phase] : [],
    );
    expect(phases).toEqual(['read-image', 'load-image', 'try-image']);
  });

  it('says which image loses the tag', async () => {
    const Labels = { 'odo.image.version': '0.0.9', 'odo.image.build': 'older' };
    images.set('odo:test', { Id: 'sha256:fedcba9876543210', Config: { Labels }, RootFS: { Layers: ['sha256:1'] } });
    await load(await smallArchive(scratchDirectory(), own));
    expect(questions[0]).toContain(
      'odo:test will be moved from image fedcba987654 (ODO 0.0.9, build older), which stays',
    );
  });

  it('loads nothing that is there already', async () => {
    const file = await smallArchive(scratchDirectory(), own);
    await load(file);
    onLoad = () => expect.unreachable();
    expect(await load(file)).toMatchObject({ wasThere: true });
    expect(questions).toHaveLength(1);
    expect(tried).toHaveLength(2);
  });

  it('loads nothing when it is told not to', async () => {
    answer = false;
    const cancelled = expect.objectContaining({ code: 'cancelled', message: 'cancelled before anything was loaded' });
    await expect(load(await smallArchive(scratchDirectory(), own))).rejects.toEqual(cancelled);
    expect([images.size, tried.length]).toEqual([0, 0]);
  });

  it.each([
    ['version', { ...own, version: '0.0.9' }, `holds ODO 0.0.9, and this is ODO ${VERSION}`],
    ['build', { ...own, build: 'older' }, `holds another build of ODO ${VERSION} (older) than this program (${BUILD})`],
  ])('refuses an image of another %s before it asks', async (_what, about, words) => {
    const mismatch = expect.objectContaining({ code: 'versionMismatch', message: expect.stringContaining(words) });
    await expect(load(await smallArchive(scratchDirectory(), about))).rejects.toEqual(mismatch);
    expect([questions.length, images.size]).toEqual([0, 0]);
  });

  it.each([
    [
      '{"errorDetail":{"message":"x"},"error":"archive/tar: invalid tar header"}\n',
      'versionMismatch',
      'invalid tar header',
    ],
    ['{"status":"Loading"}\n{"error":"write /layer: no space left on device"}\n', 'noSpace', 'no space left on device'],
  ])('tells why the engine did not take it: %s', async (words, code, message) => {
    onLoad = () => words;
    const refused = expect.objectContaining({ code, message: expect.stringContaining(message) });
    await expect(load(await smallArchive(scratchDirectory(), own))).rejects.toEqual(refused);
    expect(tried).toEqual([]);
  });

  it('looks at what the engine has afterwards', async () => {
    onLoad = (name, image) => {
      images.set(name, { ...image, RootFS: { Layers: ['sha256:other'] } });
      return '';
    };
    const mismatch = expect.objectContaining({
      code: 'versionMismatch',
      message: expect.stringContaining('is not what'),
    });
    await expect(load(await smallArchive(scratchDirectory(), own))).rejects.toEqual(mismatch);
    expect(tried).toEqual([]);
  });

  it('wants a file, and a name that can be given', async () => {
    const usage = (message: string) =>
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(message) });
    const context = { report: () => undefined, signal: new AbortController().signal, confirm: async () => true };
    await expect(loadImage({ image: 'odo:test' }, context)).rejects.toEqual(
      usage(`there is no odo-image-${VERSION}.tar.gz beside this program`),
    );
    await expect(load('some.tar.gz', 'odo@sha256:0123')).rejects.toEqual(
      usage('is no name that an image can be given'),
    );
  });
});

function membersOf(tar: Buffer): Record<string, string> {
  const members: Record<string, string> = {};
  for (let at = 0; tar[at] !== 0; ) {
    const name = tar.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    members[name] = tar.toString('utf8', at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}
