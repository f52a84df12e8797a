# postgres:N that can also make real repositories.
# It has barman-cloud-backup and barman-cloud-wal-archive with their codecs, and packers for what they lack.
# boto3 is for what else concerns buckets.
install barman-cli-cloud python3-boto3 python3-lz4 python3-zstandard bzip2 xz-utils lz4 zstd
# Debian 12 has none, and python3-snappy cannot write streams with any of these Pythons.
[ "$PG_MAJOR" -lt 17 ] || install snappy-tools
