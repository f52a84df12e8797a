# postgres:N that can also make real repositories: barman-cloud-backup and barman-cloud-wal-archive with their codecs, packers for what they lack, and
# boto3 for what else concerns buckets.
install barman-cli-cloud python3-boto3 python3-lz4 python3-zstandard bzip2 xz-utils lz4 zstd
[ "$PG_MAJOR" -lt 17 ] || install snappy-tools # Debian 12 has none, and python3-snappy cannot write streams with any of these Pythons
