# The stand-in for postgres:N where Debian has no such version.
# The programs are npm's, and the clients are of the version that the base has.
cp -R /parts/server "/usr/lib/postgresql/$PG_MAJOR"
chmod 755 "/usr/lib/postgresql/$PG_MAJOR"/bin/*
sed -i -e "s/^#listen_addresses = .*/listen_addresses = '*'/" \
  -e "s|^#unix_socket_directories = .*|unix_socket_directories = '/var/run/postgresql'|" \
  "/usr/lib/postgresql/$PG_MAJOR/share/postgresql/postgresql.conf.sample"
(cd /usr/lib/postgresql/17/bin && rm -f postgres postmaster initdb pg_archivecleanup pg_checksums pg_controldata \
  pg_createsubscriber pg_ctl pg_resetwal pg_rewind pg_upgrade)
# what this one asks is from 14 on; the image of 13 has none
[ "$PG_MAJOR" -gt 13 ] || rm -f /usr/lib/postgresql/17/bin/pg_amcheck /usr/bin/pg_amcheck
# from 16 on, initdb writes the directory that it was built with over the sample's
if [ "$PG_MAJOR" -ge 16 ]; then
  mv "/usr/lib/postgresql/$PG_MAJOR/bin/initdb" "/usr/lib/postgresql/$PG_MAJOR/bin/initdb-itself"
  printf '#!/bin/sh\nexec "%s" -c unix_socket_directories=/var/run/postgresql "$@"\n' \
    "/usr/lib/postgresql/$PG_MAJOR/bin/initdb-itself" >"/usr/lib/postgresql/$PG_MAJOR/bin/initdb"
  chmod 755 "/usr/lib/postgresql/$PG_MAJOR/bin/initdb"
fi
