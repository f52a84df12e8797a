import fs from 'node:fs';
import { expect } from 'vitest';
import { inspectContainer } from '../container-facts.ts';
import { run } from '../run.ts';
import { readGuide } from './guide.ts';
import { AT } from './shop-repository.ts';
import { openShop } from './shop-service.ts';
import { inThese, type Situation } from './situation.ts';

const GUIDE = 'docs/guides/new-volume.md';

/** A service that has something of its own on its volume. */
export async function newVolume(): Promise<Situation> {
  const { session, project, names, url, orders, close } = await openShop('a new server');
  await project.sql("create table of_the_service as select 'old' as what");
  const identity = await project.identity('db');
  const made = ['2', '3', '4'].map((which) => `${project.name}-shop-${which}`);
  names.shop_db_2 = made[0] as string;
  names.shop_db_3 = made[1] as string;
  const volumeNow = async () => {
    const { Mounts } = (await inspectContainer(await project.containerId('db'))) as unknown as {
      Mounts: { Name: string }[];
    };
    return Mounts.map(({ Name }) => Name).join();
  };
  const isOn = async (volume: string | undefined) => {
    expect([await orders(), await volumeNow()]).toEqual([AT.end, volume]);
  };
  return {
    session,
    names,
    folder: project.folder,
    going: [],
    async close() {
      await close();
      await run('docker', ['volume', 'rm', '-f', ...made]);
    },
    sections: {
      'Restore beside the service': {
        async after() {
          expect([await project.identity('db'), await volumeNow()]).toEqual([identity, project.volume]);
        },
      },
      'Or go over to it at the end': { after: () => isOn(made[1]) },
      'Let compose know': { after: () => isOn(made[1]) },
      'Go back': {
        typed: [{ shows: 'Go on? [y/N]', keys: 'y\r' }],
        async after() {
          expect(await volumeNow()).toBe(project.volume);
          expect(await project.sql('select what from of_the_service')).toBe('old');
        },
      },
      'Keep it for good': {
        // Another switch, and what the guide says to write into the compose file.
        async before() {
          await session.run(`odo -u ${url} -v db -n db -f compose.yaml --new-volume ${made[2]} --switch`);
          names.shop_db_3 = made[2] as string;
          const [lines] = readGuide(GUIDE).filter(({ language }) => language === 'yaml');
          const text = fs.readFileSync(project.file, 'utf8').replace(/^volumes:\n {2}db:\n/m, '');
          fs.writeFileSync(project.file, `${text}\n${await inThese(names, lines?.text ?? '')}\n`);
        },
        after: () => isOn(made[2]),
      },
    },
  };
}
