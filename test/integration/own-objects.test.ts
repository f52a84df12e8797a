import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holdsOwnObjects } from '../../src/cluster/own-objects.ts';
import { parsePgControl } from '../../src/postgres/files/pg-control.ts';
import { lastWords } from './parts/container-facts.ts';
import { askEngine, mustAskEngine } from './parts/engine-api.ts';
import { mustAskServer } from './parts/in-container.ts';
import { until } from './parts/run.ts';
import { answersSoon } from './parts/server-answers.ts';

/** What somebody may have made who has no table yet, and how it goes again. */
const OBJECTS = [
  ['a role', 'create role r', 'drop role r'],
  ['a function', "create function f() returns int language sql as 'select 1'", 'drop function f'],
  ['a view', 'create view v as select 1 as one', 'drop view v'],
  ['a type', 'create domain d as int', 'drop domain d'],
  ['a schema', 'create schema s', 'drop schema s'],
  ['a collation', 'create collation c from "C"', 'drop collation c'],
  ['a cast', 'create cast (int as uuid) with inout', 'drop cast (int as uuid)'],
  ['a language', 'create language l handler plpgsql_call_handler', 'drop language l'],
  [
    'an operator',
    'create operator <<<<< (function = int4pl, leftarg = int, rightarg = int)',
    'drop operator <<<<< (int, int)',
  ],
  ['a conversion', "create conversion k for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8", 'drop conversion k'],
  ['a text search', 'create text search configuration t (copy = simple)', 'drop text search configuration t'],
  ['a dictionary', 'create text search dictionary y (template = simple)', 'drop text search dictionary y'],
  ['a wrapper', 'create foreign data wrapper w', 'drop foreign data wrapper w'],
  [
    'a privilege',
    'alter default privileges grant select on tables to public',
    'alter default privileges revoke select on tables from public',
  ],
  ['an empty large object', 'select lo_create(20000)', 'select lo_unlink(20000)'],
  ['a publication', 'create publication p', 'drop publication p'],
  ['a subscription', "create subscription s connection '' publication p with (connect = false)", 'drop subscription s'],
] as const;

describe.each([13, 19])('a cluster of PostgreSQL %d that has never been used', (major) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-own-objects-'));
  const dataDirectory = path.join(folder, 'data');
  let container: string;
  const holds = async () => {
    await mustAskServer(container, 'checkpoint');
    const control = parsePgControl(fs.readFileSync(path.join(dataDirectory, 'global/pg_control')));
    return holdsOwnObjects(dataDirectory, control.blockSizeBytes);
  };

  beforeAll(async () => {
    // The server's user has to get to what lies in it.
    fs.chmodSync(folder, 0o755);
    const { Id } = await mustAskEngine<{ Id: string }>('POST', '/containers/create', {
      Image: `postgres:${major}`,
      Env: ['POSTGRES_PASSWORD=test', 'POSTGRES_USER=postgres', 'POSTGRES_DB=app', 'PGDATA=/cluster/data'],
      HostConfig: { Binds: [`${folder}:/cluster`], NetworkMode: 'none' },
    });
    container = Id;
    await mustAskEngine('POST', `/containers/${container}/start`);
    const why = () => lastWords(container);
    await until('the cluster answers', () => answersSoon(container), 60_000, why);
  });

  afterAll(async () => {
    await askEngine('DELETE', `/containers/${container}?force=true&v=true`);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('holds nothing of its own, though it has the database that the image was told to make', async () => {
    expect(await mustAskServer(container, 'select count(*) from pg_database where oid >= 16384')).toBe('1');
    await mustAskServer(container, 'vacuum analyze', 'app');
    expect(await holds()).toBe(false);
  });

  it.each(OBJECTS)('holds %s that somebody has made', async (_what, make, drop) => {
    await mustAskServer(container, make, 'app');
    expect(await holds()).toBe(true);
    if (drop.includes('subscription'))
      await mustAskServer(container, 'alter subscription s set (slot_name = none)', 'app');
    await mustAskServer(container, drop, 'app');
    await mustAskServer(container, 'vacuum', 'app');
    expect(await holds()).toBe(false);
  });
});
