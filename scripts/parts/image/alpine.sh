# The stand-in for postgres:N-alpine, put together in /image.
# The server is compiled against musl, and all the rest is busybox.
# What Alpine's has and no test needs is left out.
# Nothing is optimised: it is compiled on every fresh machine.
install gcc make musl-tools bzip2 busybox-static
sed -n 's/^deb /deb-src /p' /parts/sources.list >>/etc/apt/sources.list
apt-get update -q
mkdir /build /image
cd /build
apt-get source -q --download-only --tar-only "postgresql-$PG_MAJOR"
tar -xjf postgresql-*.orig.tar.bz2 --strip-components=1 \
  --exclude='*/doc/src/sgml/*' --exclude='*/src/test/*' --exclude='*.po'
./configure -q CC=musl-gcc CFLAGS='-O0 -pipe' --prefix=/usr/local --without-readline --without-zlib
sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" src/backend/utils/misc/postgresql.conf.sample
sed -i 's|"/tmp"$|"/var/run/postgresql"|' src/include/pg_config_manual.h
make -s -C src/backend generated-headers # two jobs would make them at the same time
for part in backend timezone backend/snowball backend/replication/libpqwalreceiver interfaces/libpq \
  pl/plpgsql ../contrib/amcheck bin/initdb bin/pg_ctl bin/psql bin/pg_controldata bin/pg_config \
  bin/pg_amcheck bin/pg_basebackup bin/scripts; do
  make -s -j"$(nproc)" -C "src/$part"
  make -s -C "src/$part" install DESTDIR=/image
done

cd /image
rm -rf usr/local/include usr/local/lib/pgxs usr/local/lib/pkgconfig usr/local/lib/*.a
mkdir -p bin sbin usr/bin usr/sbin lib etc proc sys dev root run/postgresql tmp var/lib/postgresql \
  docker-entrypoint-initdb.d
ln -s /run var/run
chmod 1777 tmp
cp /bin/busybox bin/
cp "$(readlink -f /lib/ld-musl-*.so.1)" lib/"$(basename /lib/ld-musl-*.so.1)"
chroot . /bin/busybox --install -s
printf 'root:x:0:0:root:/root:/bin/sh\npostgres:x:70:70:PostgreSQL user:/var/lib/postgresql:/bin/sh\n' >etc/passwd
printf 'root:x:0:root\npostgres:x:70:\n' >etc/group
printf 'NAME="stand-in for Alpine Linux"\nID=alpine\n' >etc/os-release
cat >sbin/su-exec <<'END'
#!/bin/sh
# su-exec USER PROGRAM [ARGUMENT...]: becomes the program as that user, in the same process.
user=$1 program=$(command -v "$2")
shift 2
exec su -p -s "$program" -- "$user" "$@"
END
chmod 755 sbin/su-exec
cp /parts/postgres-entrypoint usr/local/bin/docker-entrypoint.sh
mkdir -p "./$PGDATA"
chown -R 70:70 var/lib/postgresql run/postgresql
