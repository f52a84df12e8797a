/** Command lines with what they do, for --help and the man page. */
export const EXAMPLES: readonly (readonly [line: string, words: string])[] = [
  [
    'odo -u s3://backups/shop -v db -n db -f compose.yaml',
    'the latest backup, into the service; keys from the environment',
  ],
  [
    'odo -a KEY -s SECRET -r eu-west-1 -u s3://backups/shop -v db -n db -f compose.yaml -c',
    'all given; postgresql.auto.conf from ./confs',
  ],
  [
    'odo -u s3://backups/shop --endpoint http://127.0.0.1:9000 … --backup 20251024T022608',
    'one certain backup from an S3-compatible server',
  ],
  ['odo -u s3://backups/shop … --dry-run', 'make every check, print the plan, touch nothing'],
  ['odo list -u s3://backups/shop', 'every backup, and what can be recovered'],
  ['odo -u s3://backups/shop --into /srv/pgdata', 'into a directory, without Docker'],
  [
    'odo follow -u s3://backups/shop -v db -n db -f compose.yaml',
    'bring a standby what is archived, until it is promoted',
  ],
  ['odo rollback -v db -n db -f compose.yaml', 'put back what was there before a restore that did not end well'],
];
