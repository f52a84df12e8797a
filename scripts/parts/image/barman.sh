# maker:18 with Barman itself, which takes backups over the replication protocol and sends them to a bucket.
install barman
