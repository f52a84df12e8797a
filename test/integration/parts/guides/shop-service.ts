import { type ComposeProject, writeProject } from '../compose-project.ts';
import { until } from '../run.ts';
import { S3_KEYS } from '../s3.ts';
import { answersSoon } from '../server-answers.ts';
import { openSession, type Session } from './session.ts';
import { ORDERS, type ShopRepository, shopRepository } from './shop-repository.ts';
import type { Names } from './situation.ts';

/** The keys of the guides, and those of the test's S3 server. */
export const KEYS: Readonly<Record<string, string>> = {
  'AWS_ACCESS_KEY_ID=…': `AWS_ACCESS_KEY_ID=${S3_KEYS.AWS_ACCESS_KEY_ID}`,
  'AWS_SECRET_ACCESS_KEY=…': `AWS_SECRET_ACCESS_KEY=${S3_KEYS.AWS_SECRET_ACCESS_KEY}`,
  'eu-central-1': S3_KEYS.AWS_DEFAULT_REGION,
};

/** The service that most of the guides speak of: `db` on volume `db`, and its repository `s3://backups/shop`. */
export interface Shop {
  repository: ShopRepository;
  project: ComposeProject;
  session: Session;
  /** Keys and URL. */
  names: Names;
  url: string;
  /** ORDERS of the service's server, when it answers. */
  orders(): Promise<string>;
  close(): Promise<void>;
}

/** @param has what is there: only the compose file, a new server without anything, or the shop as it was at the end */
export async function openShop(has: 'nothing' | 'a new server' | 'the shop'): Promise<Shop> {
  const repository = await shopRepository();
  const project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
  const session = openSession(project.folder, project.name);
  const url = `s3://${repository.bucket}/backups/shop`;
  const names: Names = { ...KEYS, 's3://backups/shop': url };
  const shop: Shop = {
    repository,
    project,
    session,
    names,
    url,
    async orders() {
      await until('the service answers', () => answersSoon(`${project.name}-db-1`));
      return project.sql(ORDERS, 'shop');
    },
    async close() {
      session.close();
      await project.down();
    },
  };
  try {
    if (has !== 'nothing') await project.up();
    const keys = Object.entries(S3_KEYS).map(([name, value]) => `${name}=${value}`);
    if (has === 'the shop') await session.run(`${keys.join(' ')} odo -u ${url} -v db -n db -f compose.yaml`);
    return shop;
  } catch (error) {
    await shop.close();
    throw error;
  }
}
