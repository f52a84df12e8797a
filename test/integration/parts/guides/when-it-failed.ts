import { expect } from 'vitest';
import { startFaultProxy } from '../fault-proxy.ts';
import { S3_KEYS } from '../s3.ts';
import { writes } from './session.ts';
import { AT } from './shop-repository.ts';
import { openShop } from './shop-service.ts';
import type { Situation } from './situation.ts';

const BACKUP = /GET .*data\.tar/;
const LAID_DOWN_BYTES = 300_000;
const SLOW = { do: 'slow', bytesPerSecond: 200_000 } as const;

/** A service that has something of its own; restores of it are broken off, here and there. */
export async function whenItFailed(): Promise<Situation> {
  const { session, project, names, url, orders, close } = await openShop('a new server');
  const proxy = await startFaultProxy();
  proxy.fault(BACKUP, SLOW);
  // The guide begins in the middle: the keys have been given already.
  await session.run(
    `export ${Object.entries(S3_KEYS)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
  );
  for (const name of Object.keys(names).filter((one) => one !== 's3://backups/shop')) delete names[name];
  const restore = `odo -u ${url} -v db -n db -f compose.yaml`;
  /** What tells this data from what is restored, and is in no WAL. */
  const setUp = async () => {
    await project.sql("alter system set work_mem = '7MB'");
    await project.sql('select pg_reload_conf()');
  };
  const old = () => project.sql('show work_mem');
  const left = () => project.inVolume('ls -A /v/.odo 2>/dev/null; true');
  await setUp();

  /** Ends a restore by a Ctrl-C at some moment. */
  async function breakOff(commands: string, moment: (running: ReturnType<typeof session.start>) => Promise<void>) {
    const running = session.start(commands);
    await moment(running);
    running.signal('SIGINT');
    expect(await running.ended, running.output()).toBe(130);
  }

  return {
    session,
    names,
    folder: project.folder,
    going: [],
    async close() {
      await close();
      await proxy.close();
    },
    sections: {
      'Where things are': {
        before: () =>
          breakOff(`S3_ENDPOINT=${proxy.endpoint} ${restore}`, async (running) => {
            // A look at the volume would be a container on it, which the checks refuse.
            await writes(running, '✓ checking');
            await proxy.passed(BACKUP, proxy.count(BACKUP).bytes + LAID_DOWN_BYTES);
          }),
        async after([output = '']) {
          expect(output).toMatch(/the same restore command goes on from here/);
          expect(await old()).toBe('7MB');
        },
      },
      'It stopped before the exchange': {
        after: async () => expect([await orders(), await left()]).toEqual([AT.end, '']),
      },
      'It stopped after the exchange': {
        async before() {
          await setUp();
          await breakOff(`${restore} --set pre_auth_delay=30`, (running) => writes(running, '✓ exchanging'));
          expect(await left()).toContain('previous');
        },
        after: async () => expect([await orders(), await old()]).toEqual([AT.end, '7MB']),
      },
      'The old data was kept': {
        before: async () => void (await session.run(`${restore} --keep-previous`)),
        after: async () => expect([await orders(), await left()]).toEqual([AT.end, '']),
      },
      'The old data is the only copy': {
        async before() {
          await project.sql("insert into orders values (2001, 'since then')", 'shop');
          expect(await session.run(restore)).toMatch(/the old data is kept, since it is the only copy/);
          expect(await left()).toContain('previous');
        },
        after: async () => expect([await orders(), await left()]).toEqual([AT.end, '']),
      },
    },
  };
}
