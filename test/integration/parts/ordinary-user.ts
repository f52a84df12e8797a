import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ODO } from './odo.ts';
import { mustRun, type Outcome, run } from './run.ts';
import { S3_ENDPOINT, S3_KEYS } from './s3.ts';

/**
 * Somebody without any privilege: a user id that the machine need not know. When the tests do not run as root, whoever
 * runs them.
 */
export interface OrdinaryUser {
  uid: number;
  gid: number;
  /** A folder of their own, which they may write to. */
  home: string;
  /** Runs the built command line as this user. */
  odo(args: readonly string[]): Promise<Outcome>;
  /** Gives the home back to whoever runs the tests, and removes it. */
  remove(): Promise<void>;
}

export function createOrdinaryUser(): OrdinaryUser {
  const root = process.getuid?.() === 0;
  const ids = root ? { uid: 12345, gid: 12345 } : { uid: os.userInfo().uid, gid: os.userInfo().gid };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-user-'));
  fs.chmodSync(folder, 0o755);
  // The checkout may lie where this user cannot look.
  const [node, script, home] = ['node', 'odo.mjs', 'home'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  fs.copyFileSync(process.execPath, node);
  fs.chmodSync(node, 0o755);
  fs.copyFileSync(ODO, script);
  fs.chmodSync(script, 0o644);
  fs.mkdirSync(home, { mode: 0o700 });
  if (root) fs.chownSync(home, ids.uid, ids.gid);
  const env = { PATH: process.env.PATH, HOME: home, ...S3_KEYS, S3_ENDPOINT };
  return {
    ...ids,
    home,
    odo: (args) => run(node, [script, ...args], { env, cwd: home, ...(root ? ids : {}) }),
    async remove() {
      await mustRun('rm', ['-rf', folder]);
    },
  };
}
