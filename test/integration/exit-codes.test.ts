import zlib from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_IMAGE, VERSION } from '../../src/cli/settings/version.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { foreignSegment } from './parts/foreign-segment.ts';
import { odo } from './parts/odo.ts';
import { OWN } from './parts/own.ts';
import { copyObjects, type ReadyRepository, readyRepository } from './parts/ready-repository.ts';
import { mustRun, type Outcome, run } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';
import { createBucket, emptyBucket, putObject, readObject, S3_KEYS } from './parts/s3.ts';
import { rememberService, type ServiceBefore, type Touched } from './parts/service-before.ts';
import { inVolume } from './parts/volume-shell.ts';

const DATA = '/var/lib/postgresql/data';
const SEGMENT_BYTES = 16 * 1024 * 1024;

/** Every failure before the exchange, made for real: the right exit code, and a service that is as it was. */
describe('exit codes', () => {
  let ready: ReadyRepository;
  let bucket: string;
  let project: ComposeProject;
  let before: ServiceBefore;
  let appBefore: string;
  let tinyVolume: string;
  const containers: string[] = [];
  const proxies: FaultProxy[] = [];
  /** A restore to a service of its own, over a network that lets small answers pass alone. Nobody waits for it. */
  let stuck: { outcome: Promise<Outcome>; proxy: FaultProxy };

  beforeAll(async () => {
    ready = await readyRepository();
    bucket = await createBucket();
    tinyVolume = `odo-test-tiny-${OWN}`;
    await mustRun('docker', [
      'volume',
      'create',
      '-d',
      'local',
      '-o',
      'type=tmpfs',
      '-o',
      'device=tmpfs',
      '-o',
      'o=size=128m',
      tinyVolume,
    ]);
    // A tmpfs is empty again once nobody mounts it.
    containers.push(
      await mustRun('docker', [
        'run',
        '-d',
        '--network',
        'none',
        '--init',
        '--entrypoint',
        'sleep',
        '-v',
        `${tinyVolume}:/v:ro`,
        'postgres:15',
        'infinity',
      ]),
    );
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      extra: '      - beside:/beside',
      services: `
  modern:
    image: postgres:17
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["modern:${DATA}"]
  tiny:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test, POSTGRES_INITDB_ARGS: --wal-segsize=1 }
    volumes: ["tiny:${DATA}"]
  bare:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["foreign:${DATA}"]
    profiles: [never]
  patient:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["patient:${DATA}"]
    profiles: [patient]`,
      volumes: ['beside', 'modern', 'foreign', 'patient', `tiny: { external: true, name: ${tinyVolume} } #`],
    });
    await project.up();
    before = await rememberService(project, 'db', project.volume, DATA);
    appBefore = await project.identity('app');
    const proxy = await startFaultProxy();
    proxy.fault(/GET .*data\.tar/, { do: 'stall', afterBytes: 1400 });
    const argv = args({ '-v': 'patient', '-n': 'patient', '--endpoint': proxy.endpoint }, '--retry-for', '1');
    stuck = { outcome: odo(argv), proxy };
  });

  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  afterAll(async () => {
    await stuck?.outcome;
    await stuck?.proxy.close();
    await project?.down();
    if (containers.length > 0) await run('docker', ['rm', '-f', '-v', ...containers]);
    if (tinyVolume) await run('docker', ['volume', 'rm', '-f', tinyVolume]);
    if (bucket) await emptyBucket(bucket);
  });

  /**
   * The arguments of a restore that would work; what is given stands in for those of the same name, undefined leaves
   * one out.
   */
  function args(instead: Record<string, string | undefined> = {}, ...more: string[]): string[] {
    const options = {
      '-u': `s3://${ready.bucket}/backups/shop`,
      '-v': 'db',
      '-n': 'db',
      '-f': project.file,
      ...instead,
    };
    return [...Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name, value])), ...more];
  }

  async function expectExit(
    outcome: Outcome | Promise<Outcome>,
    code: number,
    words: RegExp,
    touched: Touched,
  ): Promise<void> {
    const { stderr, stdout, ...ended } = await outcome;
    expect(ended.code, stderr).toBe(code);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/^\S+ hint: /m);
    if (touched.kept)
      expect(stderr).toMatch(
        /hint: what was laid down is kept in .*: the same command goes on from there, odo clean removes it/,
      );
    expect(stdout).toBe('');
    await before.expectAsBefore(touched);
    expect(await project.identity('app')).toBe(appBefore);
  }

  const untouched = { restarted: false };
  const startedAgain = { restarted: true };
  /** After failures that may pass, what was laid down waits for the next run. */
  const startedAgainAndKept = { restarted: true, kept: true };

  /** A copy of the barman repository, for damaging it. */
  async function copyRepository(name: string, keep?: (key: string) => boolean): Promise<string> {
    await copyObjects({ bucket: ready.bucket, prefix: 'backups/shop/' }, { bucket, prefix: `${name}/` }, keep);
    return `s3://${bucket}/${name}`;
  }

  const dataKey = (name: string) => `${name}/base/${ready.barmanId}/data.tar.gz`;
  const walKey = (name: string, segment: string) => `${name}/wals/${segment.slice(0, 16)}/${segment}.gz`;

  async function throughProxy(): Promise<FaultProxy> {
    const proxy = await startFaultProxy();
    proxies.push(proxy);
    return proxy;
  }

  describe('2: usage', () => {
    it.each([
      ['a missing volume', () => args({ '-v': undefined }), /--volume is missing/],
      ['a missing URL', () => args({ '-u': undefined }), /where the backups are/],
      ['an unknown option', () => args({}, '--frobnicate'), /frobnicate/],
      ['an unknown command', () => ['frobnicate', ...args()], /frobnicate/],
      [
        '--into beside -v',
        () => args({ '-n': undefined, '-f': undefined }, '--into', '/tmp/nowhere'),
        /--into and --volume/,
      ],
      ['an owner by name', () => args({}, '--owner', 'postgres'), /--owner wants UID:GID/],
      ['a service given twice', () => args({}, '-n', 'app'), /--service is given 2 times/],
      ['several servers below the URL', () => args({ '-u': `s3://${ready.bucket}` }), /there are 3 servers under/],
    ])('%s', async (_, argv, words) => expectExit(odo(argv()), 2, words, untouched));

    it('half a pair of keys', async () => {
      const env = { AWS_SECRET_ACCESS_KEY: '' };
      await expectExit(odo(args(), { env }), 2, /the secret key .* is missing/, untouched);
    });
  });

  it('3: no file for -c', async () => {
    await expectExit(
      odo([...args(), '-c'], { cwd: project.folder }),
      3,
      /there is no .*postgresql\.auto\.conf/,
      untouched,
    );
  });

  describe('10: the store cannot be reached', () => {
    it('nobody listens', async () => {
      const argv = args({ '--endpoint': 'http://127.0.0.1:9' }, '--retry-for', '1');
      await expectExit(odo(argv), 10, /cannot reach http:\/\/127\.0\.0\.1:9 \(ECONNREFUSED\)/, untouched);
    });

    it('from the restore container, though this command reads it', async () => {
      const argv = args({ '--network': 'none' }, '--retry-for', '0');
      await expectExit(
        odo(argv),
        10,
        /the restore container cannot read the store, which this command can: cannot reach/,
        untouched,
      );
    });

    it('it goes away in the middle of the download', async () => {
      const proxy = await throughProxy();
      proxy.fault(/data\.tar/, { do: 'slow', bytesPerSecond: 1_000_000 });
      const running = startOdo(args({ '--endpoint': proxy.endpoint }, '--retry-for', '2'));
      await proxy.passed(/data\.tar/, 500_000);
      await proxy.goAway();
      // Whichever gives up first tells: the backup, or the WAL that is fetched beside it.
      await expectExit(running.outcome.then(exited), 10, /cannot reach .*\(ECONNREFUSED\)/, startedAgainAndKept);
    });

    it('it answers 503 for the WAL', async () => {
      const proxy = await throughProxy();
      proxy.fault(new RegExp(`GET .*/wals/.*${ready.endWal}\\.gz`), { do: 'answer', status: 503, code: 'SlowDown' });
      const argv = args({ '--endpoint': proxy.endpoint }, '--retry-for', '1');
      await expectExit(odo(argv), 10, /SlowDown, HTTP 503/, startedAgainAndKept);
    });
  });

  describe('11: access denied', () => {
    it('a wrong secret', async () => {
      await expectExit(odo(args({ '-s': 'wrong-secret-9c41' })), 11, /refuses the signature/, untouched);
    });

    it('an unknown key', async () => {
      await expectExit(
        odo(args({ '-a': 'nobody', '-s': S3_KEYS.AWS_SECRET_ACCESS_KEY })),
        11,
        /does not know the access key/,
        untouched,
      );
    });

    it.each([
      ['to the data, which the restore container reads beforehand', 0, untouched],
      ['in the middle of the download', 1, startedAgainAndKept],
    ])('%s', async (_, allowed, touched) => {
      const proxy = await throughProxy();
      let left = allowed;
      proxy.fault(/GET .*data\.tar/, () =>
        left-- > 0 ? undefined : { do: 'answer', status: 403, code: 'AccessDenied' },
      );
      await expectExit(
        odo(args({ '--endpoint': proxy.endpoint })),
        11,
        /access to s3:.*data\.tar\.gz is denied/,
        touched,
      );
    });
  });

  describe('12: not there', () => {
    it.each([
      ['the bucket', () => args({ '-u': 's3://no-such-bucket-of-odo/shop' }), /no bucket no-such-bucket-of-odo/],
      ['the prefix', () => args({ '-u': `s3://${ready.bucket}/backups/shopp` }), /no backup found under .*shopp/],
      ['the backup', () => args({}, '--backup', '20010101T000000'), /no backup '20010101T000000'/],
    ])('%s', async (_, argv, words) => expectExit(odo(argv()), 12, words, untouched));
  });

  describe('13: incomplete', () => {
    it('the only backup failed', async () => {
      const url = await copyRepository('failed');
      const key = `failed/base/${ready.barmanId}/backup.info`;
      const info = (await readObject(bucket, key))
        .toString('utf8')
        .replace(/^status=.*$/m, 'status=FAILED')
        .replace(/^error=.*$/m, 'error=disk full');
      await putObject(bucket, key, info);
      await expectExit(odo(args({ '-u': url })), 13, /no backup is complete: .*disk full/, untouched);
    });

    it('a part is missing', async () => {
      const url = await copyRepository('partless', (key) => !key.endsWith('data.tar.gz'));
      await expectExit(odo(args({ '-u': url })), 13, /data\.tar is missing/, untouched);
    });

    it('a WAL segment between begin and end is missing', async () => {
      const url = await copyRepository('walless', (key) => !key.endsWith(`${ready.endWal}.gz`));
      await expectExit(odo(args({ '-u': url })), 13, new RegExp(`the archive lacks ${ready.endWal}`), untouched);
    });
  });

  describe('14: corrupt', () => {
    it('a flipped byte in the middle of the data', async () => {
      const url = await copyRepository('flipped');
      const data = await readObject(bucket, dataKey('flipped'));
      const middle = data.length >> 1;
      data.writeUInt8(data.readUInt8(middle) ^ 0x10, middle);
      await putObject(bucket, dataKey('flipped'), data);
      await expectExit(odo(args({ '-u': url })), 14, /data\.tar\.gz is (damaged|not a well-formed tar)/, startedAgain);
    });

    it('data that was cut off', async () => {
      const url = await copyRepository('truncated');
      const data = await readObject(bucket, dataKey('truncated'));
      await putObject(bucket, dataKey('truncated'), data.subarray(0, data.length - 5000));
      await expectExit(odo(args({ '-u': url })), 14, /data\.tar\.gz ends early/, startedAgain);
    });

    it('a WAL segment of the wrong size', async () => {
      const url = await copyRepository('shortwal');
      const key = walKey('shortwal', ready.endWal);
      const segment = zlib.gunzipSync(await readObject(bucket, key));
      expect(segment.length).toBe(SEGMENT_BYTES);
      await putObject(bucket, key, zlib.gzipSync(segment.subarray(0, 1024 * 1024), { level: 1 }));
      await expectExit(
        odo(args({ '-u': url })),
        14,
        /holds 1048576 bytes where a WAL segment has 16777216/,
        startedAgain,
      );
    });

    it('a sound WAL segment of another cluster', async () => {
      const url = await copyRepository('foreignwal');
      const key = walKey('foreignwal', ready.endWal);
      await putObject(bucket, key, await foreignSegment(`${project.name}-app-1`, ready.endWal));
      const words = new RegExp(
        `${key} is of another cluster \\(system identifier\\) .*: \\d{19} where \\d{19} is expected`,
      );
      await expectExit(odo(args({ '-u': url })), 14, words, startedAgain);
    });
  });

  it('20: Docker cannot be reached', async () => {
    const env = { DOCKER_HOST: 'tcp://127.0.0.1:1' };
    await expectExit(odo(args(), { env }), 20, /docker at tcp:\/\/127\.0\.0\.1:1 cannot be reached/, untouched);
  });

  describe('21: compose file, service and volume', () => {
    it.each([
      ['no compose file', () => args({ '-f': '/no/compose.yaml' }), /compose file \/no\/compose\.yaml is not there/],
      ['no such service', () => args({ '-n': 'dbb' }), /has no service dbb/],
      ['no such volume', () => args({ '-v': 'dbb' }), /does not mount volume dbb/],
      ["another service's volume", () => args({ '-v': 'modern' }), /service db does not mount volume modern/],
      [
        'a volume without the data directory',
        () => args({ '-v': 'beside' }),
        /data directory .* is not on the volume at \/beside/,
      ],
    ])('%s', async (_, argv, words) => expectExit(odo(argv()), 21, words, untouched));
  });

  describe('22: image and version', () => {
    it('no restore image', async () => {
      await expectExit(
        odo(args({}, '--image', 'odo:not-built')),
        22,
        /the restore image odo:not-built is not there/,
        untouched,
      );
    });

    describe('a restore image of another build of this version', () => {
      const image = `odo-test-older:${OWN}`;
      const words = new RegExp(
        `${image} holds another build of ODO ${VERSION} \\(an older one\\) than this command .*docker build ` +
          `-t ${image}`,
        's',
      );

      beforeAll(async () => {
        // What an image said before it told its build.
        const says = `console.log(JSON.stringify({ hello: { version: '${VERSION}' } })); process.stdin.resume()`;
        const dockerfile = `FROM ${DEFAULT_IMAGE}\nENTRYPOINT ${JSON.stringify(['node', '-e', says])}\n`;
        await mustRun('docker', ['build', '-q', '-t', image, '-'], {
          input: dockerfile,
          env: { ...process.env, DOCKER_BUILDKIT: '0' },
        });
      });

      afterAll(() => run('docker', ['rmi', '-f', image]));

      it.each([
        ['a restore', () => args({}, '--image', image)],
        ['a restore beside the service', () => args({}, '--temporary', '--image', image)],
        ['a rollback', () => ['rollback', ...args({ '-u': undefined }, '--image', image)]],
      ])('%s', async (_, argv) => expectExit(odo(argv()), 22, words, untouched));

      it('a volume that is not there yet is not made', async () => {
        const volume = `${project.name}_foreign`;
        await expectExit(odo(args({ '-v': 'foreign', '-n': 'bare' }, '--image', image)), 22, words, untouched);
        expect(await mustRun('docker', ['volume', 'ls', '-q', '--filter', `name=${volume}`])).toBe('');
      });
    });

    it.each([
      ['barman', 'backups/shop'],
      ['a compressed set', 'sets'],
      ['a plain set with fetched WAL', 'fetched'],
    ])('another major version: %s', async (_, prefix) => {
      const modern = await rememberService(project, 'modern', `${project.name}_modern`, DATA);
      const argv = args({ '-u': `s3://${ready.bucket}/${prefix}`, '-v': 'modern', '-n': 'modern' });
      await expectExit(odo(argv), 22, /PostgreSQL 15.* 17/, untouched);
      await modern.expectAsBefore(untouched);
    });

    it.each([[[]], [['--wipe', '--yes']]])('a version that is newer than ODO: %j', async (more) => {
      const name = `newer-${more.length}`;
      const url = await copyRepository(name, (key) => !key.endsWith('backup.info'));
      const file = `base/${ready.barmanId}/backup.info`;
      const info = (await readObject(ready.bucket, `backups/shop/${file}`)).toString('utf8');
      await putObject(bucket, `${name}/${file}`, info.replace(/^version=.*$/m, 'version=200001'));
      const words = /backup \w+ is of PostgreSQL 20, and this ODO knows no newer one than \d+$/m;
      await expectExit(odo(args({ '-u': url }, ...more)), 22, words, untouched);
    });
  });

  describe('23: no space', () => {
    it('seen beforehand', async () => {
      const tiny = await rememberService(project, 'tiny', tinyVolume, DATA);
      await expectExit(
        odo(args({ '-v': 'tiny', '-n': 'tiny' })),
        23,
        /not enough disk space: .* free, .* needed/,
        untouched,
      );
      await tiny.expectAsBefore(untouched);
    });

    it('met in the middle, when the backup does not tell its size', async () => {
      const tiny = await rememberService(project, 'tiny', tinyVolume, DATA);
      await copyObjects(
        { bucket: ready.bucket, prefix: 'sets/' },
        { bucket, prefix: 'sets/' },
        (key) => !key.endsWith('backup_manifest'),
      );
      const argv = args({ '-u': `s3://${bucket}/sets`, '-v': 'tiny', '-n': 'tiny' });
      await expectExit(odo(argv), 23, /room for \d+ more bytes|no space left/, untouched);
      await tiny.expectAsBefore(startedAgainAndKept);
    });
  });

  describe('24: unsafe target', () => {
    it('a volume with files of something else', async () => {
      const volume = `${project.name}_foreign`;
      await project.compose('create', 'bare');
      const inForeign = (script: string) => inVolume(volume, script, 'postgres:15');
      await inForeign('rm -rf /v/* && echo mine > /v/photos.txt');
      await expectExit(
        odo(args({ '-v': 'foreign', '-n': 'bare' })),
        24,
        /is not empty and not a data directory: it holds photos\.txt/,
        untouched,
      );
      expect(await inForeign('ls -A /v; cat /v/photos.txt')).toBe('photos.txt\nmine');
    });

    it('another container that writes to the volume', async () => {
      const name = `odo-test-other-${OWN}`;
      containers.push(
        await mustRun('docker', [
          'run',
          '-d',
          '--name',
          name,
          '--network',
          'none',
          '--init',
          '--entrypoint',
          'sleep',
          '-v',
          `${project.volume}:/v`,
          'postgres:15',
          'infinity',
        ]),
      );
      await expectExit(odo(args()), 24, new RegExp(`other containers use ${project.volume}: ${name}`), untouched);
      await mustRun('docker', ['rm', '-f', '-v', name]);
    });

    it('a file that cannot be moved, met in the exchange', async () => {
      const chattr = (flag: string) =>
        mustRun('docker', [
          'run',
          '--rm',
          '--network',
          'none',
          '--cap-add',
          'LINUX_IMMUTABLE',
          '--entrypoint',
          'chattr',
          '-v',
          `${project.volume}:/v`,
          'postgres:15',
          flag,
          '/v/pg_ident.conf',
        ]);
      await chattr('+i');
      try {
        await expectExit(odo(args()), 24, /not allowed to write/, startedAgain);
      } finally {
        await chattr('-i');
      }
    });
  });

  it('10: small answers reach the restore container, and large ones do not', async () => {
    const { code, stdout, stderr } = await stuck.outcome;
    expect([code, stdout], stderr).toEqual([10, '']);
    const words = `which this command can: cannot reach ${stuck.proxy.endpoint} (no answer in time)`;
    expect(stderr).toContain(`the restore container cannot read the store, ${words}`);
    expect(stderr).toMatch(/hint: give it a network that leads there with --network/);
    expect(stderr).toMatch(/held +WAL: /);
    const volumes = ['volume', 'ls', '-q', '--filter', `name=${project.name}_patient`];
    expect(await mustRun('docker', volumes)).toBe('');
  });

  it('names every other exit code in --help', async () => {
    const { code, stdout } = await odo(['--help']);
    expect(code).toBe(0);
    for (const known of [0, 1, 2, 3, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 30, 31, 130])
      expect(stdout).toMatch(new RegExp(`^ +${known}  \\S`, 'm'));
  });

  function exited({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }): Outcome {
    return { code: code ?? -1, stdout, stderr };
  }
});
