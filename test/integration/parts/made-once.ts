import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { until } from './run.ts';
import { createBucket, listKeys, putObject, readObject, s3 } from './s3.ts';

const FACTS = 'facts.json';
/** Longer than a slow machine takes to make one. */
const MAKING_MS = 400_000;

/**
 * What takes long to make and is only read afterwards: made once for each S3 server, by the first test file that asks
 * for it, while others wait. `recipe` names the files whose change makes it anew, by name those of this folder; `make`
 * fills a bucket and gives what is to be known of it, as JSON has it.
 */
export async function madeOnce<Facts>(
  name: string,
  recipe: readonly (string | URL)[],
  make: (bucket: string) => Promise<Facts>,
): Promise<Facts> {
  const text = recipe.map((file) => fs.readFileSync(new URL(file, import.meta.url), 'utf8')).join();
  const known = `odo-test-${name}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
  return alone(known, async () => {
    await s3.send(new CreateBucketCommand({ Bucket: known })).catch(() => undefined);
    if (!(await listKeys(known, FACTS)).includes(FACTS)) {
      // A bucket of its own for each attempt: one that was broken off must not leave anything in the next one's.
      await putObject(known, FACTS, JSON.stringify(await make(await createBucket())));
    }
    return JSON.parse((await readObject(known, FACTS)).toString('utf8')) as Facts;
  });
}

/**
 * Does the work when no process of this machine does any of that name. What holds the others off goes with the process,
 * however it ends.
 */
export async function alone<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  let held: net.Server | undefined;
  await until(
    `no other file makes ${name}`,
    async () => {
      held = await listenOn(`\0${name}`);
      return held !== undefined;
    },
    MAKING_MS,
  );
  try {
    return await work();
  } finally {
    await new Promise((resolve) => held?.close(resolve));
  }
}

/** Undefined when somebody listens there already. */
function listenOn(socketPath: string): Promise<net.Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((connection) => connection.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(socketPath, () => resolve(server));
  });
}
