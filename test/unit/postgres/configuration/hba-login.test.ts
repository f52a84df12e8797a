import { describe, expect, it } from 'vitest';
import { turnsDown } from '../../../../src/postgres/configuration/hba-login.ts';

const LOGIN = { role: 'postgres', database: 'template1', hasPassword: false };
const says = (hba: string, more: Partial<typeof LOGIN> = {}) => turnsDown(hba, { ...LOGIN, ...more })?.why;

describe('a login by the socket is turned down', () => {
  it.each([
    ['local all all reject', 'it says "local all all reject"'],
    ['# local all all trust\nlocal\tall   all\treject # for good', 'it says "local all all reject # for good"'],
    ['local all postgres reject\nlocal all all trust', 'it says "local all postgres reject"'],
    ['local shop,"template1" all reject', 'it says "local shop,"template1" all reject"'],
    ['local shop, template1 all reject', 'it says "local shop, template1 all reject"'],
    ['local all \\\n  all reject', 'it says "local all all reject"'],
    ['local all all scram-sha-256', 'it says "local all all scram-sha-256"'],
    ['local all all ldap ldapserver=x', 'it says "local all all ldap ldapserver=x"'],
    ['host all all all trust', 'it has no line for postgres over the socket'],
    ['local replication all trust', 'it has no line for postgres over the socket'],
    ['local "all" all trust', 'it has no line for postgres over the socket'],
    ['local all "all" trust', 'it has no line for postgres over the socket'],
    ['local sameuser all trust', 'it has no line for postgres over the socket'],
    ['local all app trust\nlocal shop postgres trust', 'it has no line for postgres over the socket'],
  ])('by %j', (hba, why) => {
    expect(says(hba)).toBe(why);
  });

  it('for want of a password, and not where one is at hand', () => {
    expect(says('local all all md5')).toBe('it says "local all all md5"');
    expect(says('local all all md5', { hasPassword: true })).toBeUndefined();
    expect(says('local all all reject', { hasPassword: true })).toBe('it says "local all all reject"');
    const isForPassword = (hba: string) => turnsDown(hba, LOGIN)?.isForPassword;
    expect(['md5', 'scram-sha-256', 'pam', 'reject'].map((method) => isForPassword(`local all all ${method}`))).toEqual(
      [true, true, true, false],
    );
    expect(isForPassword('local all app md5')).toBe(false);
  });
});

describe('a login by the socket may be let in', () => {
  it.each([
    'local all all trust',
    'local all all peer',
    'local all all peer map=odo\nlocal all all reject',
    'local template1 postgres trust\nlocal all all reject',
    // What follows may never be reached.
    'local all +admins trust\nlocal all all reject',
    'local all /^post trust\nlocal all all reject',
    'local /^temp all trust\nlocal all all reject',
    'local samerole all trust\nlocal all all reject',
    'local @databases all trust\nlocal all all reject',
    'include_if_exists more.conf\nlocal all all reject',
    'include_dir "more"\nlocal all all reject',
    'local all all gss',
    'local all all',
  ])('by %j', (hba) => {
    expect(says(hba)).toBeUndefined();
  });

  it('by a group that it is not asked of, where the database is another', () => {
    expect(says('local shop +admins trust\nlocal all all reject')).toBe('it says "local all all reject"');
  });

  it('where the database is called like the role', () => {
    expect(says('local sameuser all trust', { database: 'postgres' })).toBeUndefined();
  });
});
