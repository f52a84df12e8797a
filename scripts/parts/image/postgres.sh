# The stand-in for postgres:N, on Debian.
# The server's uid is 999; the data folder and the entry point are where the official image has them.
groupadd --gid 999 postgres
useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash --no-create-home postgres
install postgresql-common locales ca-certificates
echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
# experimental has to be named: apt takes nothing from it by itself
[ "$PG_MAJOR" != 19 ] || install libpq5/experimental
install "postgresql-$PG_MAJOR"
localedef -i en_US -c -f UTF-8 en_US.UTF-8
sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" "/usr/share/postgresql/$PG_MAJOR/postgresql.conf.sample"
rm -rf /etc/postgresql/* /var/lib/postgresql/*
mkdir -p "$PGDATA" /docker-entrypoint-initdb.d
chown -R 999:999 /var/lib/postgresql
cp /parts/postgres-entrypoint /usr/local/bin/docker-entrypoint.sh
