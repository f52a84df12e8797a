# postgres:N that can also make real repositories: barman-cloud-backup and barman-cloud-wal-archive, with boto3 for what else concerns buckets.
install barman-cli-cloud python3-boto3
