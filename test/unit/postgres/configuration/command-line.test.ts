import { expect, it } from 'vitest';
import { commandLineDirectory, commandLineSettings } from '../../../../src/postgres/configuration/command-line.ts';

it.each<[string[], Record<string, string>]>([
  [['postgres', '-c', 'archive_mode=on'], { archive_mode: 'on' }],
  [['postgres', '-carchive_mode=on'], { archive_mode: 'on' }],
  [
    ['postgres', '--archive-mode=on', '--RESTORE_command=cp a=b %p'],
    { archive_mode: 'on', restore_command: 'cp a=b %p' },
  ],
  [['-c', 'work_mem = 8MB', '-c', 'work_mem=9MB'], { work_mem: '9MB' }],
  [['postgres', '-D', '/data', '-p', '5433', '--single', 'archive_mode=on'], { port: '5433' }],
  [
    ['postgres', '-N200', '-B', '16MB', '-h', '*'],
    { max_connections: '200', shared_buffers: '16MB', listen_addresses: '*' },
  ],
  [
    ['postgres', '-Fi', '-lk/run', '-S', '64'],
    { fsync: 'off', listen_addresses: '*', ssl: 'on', unix_socket_directories: '/run', work_mem: '64' },
  ],
  [['postgres', '-d', '5', '-N'], { max_connections: '' }],
  [['postgres', '-C', 'port', '-t', 'pl', '-F'], { fsync: 'off' }],
  [['-c', '=x', '-c', 'flag'], {}],
  [[], {}],
])('reads the settings of the command line %j', (argv, expected) => {
  const found = Object.fromEntries([...commandLineSettings(argv)].map(([name, value]) => [name, value.trim()]));
  expect(found).toEqual(expected);
});

it.each<[string[], string | undefined]>([
  [['postgres', '-D', '/data/main'], '/data/main'],
  [['postgres', '-D/data/main', '-c', 'port=5433'], '/data/main'],
  [['postgres', '-D', '/first', '-D', '/last'], '/last'],
  [['postgres', '-D', 'relative'], undefined],
  [['postgres', '-c', 'port=5433'], undefined],
  [['postgres', '-D'], undefined],
])('finds the directory on the command line %j', (argv, expected) => {
  expect(commandLineDirectory(argv)).toBe(expected);
});
