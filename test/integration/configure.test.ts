import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { run } from './parts/run.ts';
import { rememberService, type ServiceBefore } from './parts/service-before.ts';

const DATA = '/var/lib/postgresql/data';

/** What the restored server is given besides what the backup says of its configuration. */
describe('configuring the restored server', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let before: ServiceBefore;

  beforeAll(async () => {
    ready = await readyRepository();
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      extra: '    command: ["postgres", "-c", "log_line_prefix=%p "]',
    });
    fs.mkdirSync(path.join(project.folder, 'sql'));
    fs.writeFileSync(
      path.join(project.folder, 'hba.conf'),
      '# of the test\nlocal all all trust\nhost all nobody 127.0.0.1/32 reject\n',
    );
    await project.up();
    before = await rememberService(project, 'db', project.volume, DATA);
  });

  afterAll(async () => {
    await project?.down();
  });

  const args = (...more: string[]) => [
    ...['-u', `s3://${ready.bucket}/sets`, '-v', 'db', '-n', 'db', '-f', 'compose.yaml', '--allow-different-cluster'],
    ...more,
  ];
  const inForce = async (...names: string[]) => Promise.all(names.map((name) => project.sql(`show ${name}`)));
  const script = (name: string, content: string) => fs.writeFileSync(path.join(project.folder, 'sql', name), content);
  const hbaUsers = () => project.sql("select string_agg(array_to_string(user_name, ','), ' ') from pg_hba_file_rules");

  it('finds faults before anything is touched', async () => {
    const faults: [string[], RegExp][] = [
      [['--set', 'work_mem=plenty'], /does not take what --set says: invalid value for parameter "work_mem": "plenty"/],
      [['--set', 'work_mem=8MB', '--set', 'wrk_mem=8MB'], /unrecognized configuration parameter "wrk_mem"/],
      [['--set', 'log_line_prefix=x'], /the command line of service db sets log_line_prefix/],
      [['--set', 'restore_command=false'], /--set cannot set restore_command/],
      [['--pg-hba', 'missing.conf'], /cannot read .*missing\.conf, which --pg-hba names \(ENOENT\)/],
      [['--pg-hba', 'compose.yaml'], /compose\.yaml, line 1: no line of a pg_hba\.conf begins with name:/],
      [['--post-sql', 'nowhere'], /cannot read the scripts of --post-sql in .*nowhere \(ENOENT\)/],
      [['--post-sql', 'sql'], /there is no file that ends in \.sql in /],
    ];
    for (const [more, words] of faults) {
      const { code, stderr } = await odo(args(...more), { cwd: project.folder });
      expect([more, code, stderr]).toEqual([more, 2, expect.stringMatching(words)]);
    }
    await before.expectAsBefore({ restarted: false });
  });

  it('sets, replaces pg_hba.conf, keeps archiving, and runs scripts until one fails', async () => {
    script(
      '10-rows.sql',
      'create table scripted (id int, what text);\n' +
        "\\copy scripted from stdin\n1\tinline ü\n2\tdata\n\\.\nselect 'not shown';\n",
    );
    script('20-big.sql', `insert into scripted values (3, '${'x'.repeat(300_000)}');\n`);
    script(
      '30-fails.sql',
      "insert into scripted values (4, 'of the script that fails');\n\n" +
        'insert into nowhere values (1);\ndrop table scripted;\n',
    );
    script('40-never.sql', 'drop table scripted;\n');
    const more = [
      '--set',
      'work_mem=7MB',
      '--set',
      "cluster_name=it's mine",
      '--pg-hba',
      'hba.conf',
      '--archive-mode',
      'keep',
      '--post-sql',
      'sql',
    ];
    const { code, stdout, stderr } = await odo(args(...more), { cwd: project.folder });
    expect([code, stdout], stderr).toEqual([32, '']);
    expect(stderr).toMatch(/sql\/20-big\.sql has run/);
    expect(stderr).toMatch(/error: .*sql\/30-fails\.sql, line 3: ERROR: +relation "nowhere" does not exist/);
    expect(stderr).toMatch(
      /hint: docker exec -i -u postgres \w{12} psql .* < .*sql\/30-fails\.sql\n.*hint: .* < .*sql\/40-never\.sql/,
    );
    expect(stderr).not.toMatch(/not shown/);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.inTheSets);
    expect(await project.sql('select id, length(what) from scripted order by id')).toBe('1|8\n2|4\n3|300000\n4|24');
    expect(await inForce('work_mem', 'cluster_name', 'archive_mode')).toEqual(['7MB', "it's mine", 'on']);
    expect(await hbaUsers()).toBe('all nobody');
    // Its settings stay; nothing of the recovery does, and the old data is gone, since the restore itself has
    // succeeded.
    expect(await project.inVolume("ls -A /v | grep -c odo; grep -c '^#.*odo' /v/postgresql.auto.conf; true")).toBe(
      '0\n0',
    );
    await project.compose('restart', '-t', '30', 'db');
    await project.up();
    expect(await inForce('work_mem', 'cluster_name')).toEqual(['7MB', "it's mine"]);
  });

  it('leads the server to the new pg_hba.conf where its own settings lead elsewhere; tells of archiving', async () => {
    fs.mkdirSync(path.join(project.folder, 'confs'));
    fs.writeFileSync(
      path.join(project.folder, 'confs/postgresql.auto.conf'),
      "hba_file = '/etc/nowhere'\nwork_mem = '9MB'\narchive_mode = on\n",
    );
    for (const name of fs.readdirSync(path.join(project.folder, 'sql')))
      fs.rmSync(path.join(project.folder, 'sql', name));
    script('only.sql', 'create database scripted;\n\\connect scripted\ncreate table here (a int);\n');
    const more = ['-c', '--pg-hba', 'hba.conf', '--set', 'work_mem=6MB', '--archive-mode', 'keep', '--post-sql', 'sql'];
    const receipt = await odoReceipt(args(...more), { cwd: project.folder });
    expect(receipt.notes).toEqual([
      expect.stringMatching(/^archiving is on, as --archive-mode keep says/),
      expect.stringMatching(/^take a new base backup now:/),
      // The scripts of the former restore have committed something there.
      expect.stringMatching(/^the old data is kept, since it is the only copy/),
    ]);
    expect(await hbaUsers()).toBe('all nobody');
    expect(await inForce('work_mem', 'hba_file')).toEqual(['6MB', `${DATA}/pg_hba.conf`]);
    expect(await project.sql('select count(*) from here', 'scripted')).toBe('0');
    const psql = [
      'exec',
      '-T',
      '-u',
      'postgres',
      'db',
      'psql',
      '-h',
      '127.0.0.1',
      '-U',
      'nobody',
      '-c',
      'select 1',
      'postgres',
    ];
    expect((await run('docker', ['compose', '-f', project.file, ...psql])).stderr).toMatch(
      /pg_hba\.conf rejects connection/,
    );
  });
});
