import { describe, expect, it } from 'vitest';
import { amendmentNote } from '../../../../src/postgres/configuration/amendment.ts';
import { judgePlaces } from '../../../../src/postgres/configuration/place-settings.ts';

const made = { conf: 'made conf', hba: 'made hba' };

/** What is amended in a place where all is there but what is named. */
function amended(settings: Record<string, string>, lacks: readonly string[], more: { configElsewhere?: boolean } = {}) {
  const effective = { settings: new Map(Object.entries(settings)), isWhole: true, unread: [] };
  const placed = { effective, dataDirectory: '/data', configElsewhere: false, made, ...more };
  return judgePlaces(placed, (_what, of) => !lacks.includes(of)).map(amendmentNote);
}

describe('what settings name', () => {
  it('is left alone where it is there', () => {
    const ssl = { ssl: 'on', ssl_cert_file: '/etc/x.pem', unix_socket_directories: '/run/a, @b', lc_messages: 'de_DE' };
    expect(
      amended({ ...ssl, hba_file: '/etc/hba', external_pid_file: '/run/x/pid', log_directory: '/log' }, []),
    ).toEqual([]);
  });

  it.each([
    [
      { ssl: 'on', ssl_cert_file: '/etc/x.pem' },
      '/etc/x.pem',
      /^ssl is 'off' instead of 'on': \/etc\/x\.pem is not there/,
    ],
    [{ ssl: 'on' }, '/data/server.key', /^ssl is 'off' instead of 'on': server\.key is not there/],
    [
      { unix_socket_directories: '/run/a, /run/b' },
      '/run/a',
      /^unix_socket_directories is '\/run\/b' instead of '\/run\/a, \/run\/b'/,
    ],
    [
      { unix_socket_directories: '/run/a' },
      '/run/a',
      /^unix_socket_directories is '\/var\/run\/postgresql' instead of '\/run\/a'/,
    ],
    [{ logging_collector: 'on', log_directory: '/log' }, '/log', /^log_directory is 'log' instead of '\/log'/],
    [{ external_pid_file: '/run/x/pid' }, '/run/x', /^external_pid_file is '' instead of/],
    [{ hba_file: '/etc/hba' }, '/etc/hba', /^hba_file is '\/data\/pg_hba\.conf' instead of '\/etc\/hba'/],
    [{ ident_file: '/etc/ident' }, '/etc/ident', /^ident_file is '\/data\/pg_ident\.conf' instead of/],
    [{ lc_messages: 'de_DE' }, 'de_DE', /^lc_messages is 'C' instead of 'de_DE': this image does not have/],
    [{}, '/data/postgresql.conf', /^postgresql\.conf was made anew/],
    [{}, '/data/pg_hba.conf', /^pg_hba\.conf was made anew/],
  ])('is overridden where it is not: %j without %s', (settings, lacks, note) => {
    const notes = amended(settings as Record<string, string>, [lacks]);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(note);
  });

  it('does not matter where it is not used', () => {
    expect(amended({ ssl: 'off', ssl_cert_file: '/x', log_directory: '/log' }, ['/x', '/log'])).toEqual([]);
    const lacking = ['/data/postgresql.conf', '/data/pg_hba.conf'];
    expect(amended({}, lacking, { configElsewhere: true })).toEqual([]);
  });

  it('takes out the line that includes what is not there', () => {
    const include = (directive: 'include' | 'include_if_exists', value: string, path = value) => ({
      ...{ directive, value, path },
      isOutside: value.startsWith('/'),
    });
    // The last is a link, or mounted: the server can follow it.
    const unread = [
      include('include', '/etc/a.conf'),
      include('include', '/etc/b.conf'),
      include('include_if_exists', '/etc/c'),
      include('include', 'own.conf', 'conf.d/own.conf'),
    ];
    const placed = {
      effective: { settings: new Map(), isWhole: false, unread },
      dataDirectory: '/data',
      configElsewhere: false,
      made,
    };
    expect(judgePlaces(placed, (_what, of) => !/etc\/(a\.conf|c)$/.test(of)).map(amendmentNote)).toEqual([
      'the line of the configuration that includes /etc/a.conf was taken out: it is not there',
    ]);
  });
});
