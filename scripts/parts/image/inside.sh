# Runs as root inside a container that is about to become an image, with the recipe as its argument
# Gives the recipe `install PACKAGE...`. A base without apt sources borrows the machine's, and gives them back.
set -e
export DEBIAN_FRONTEND=noninteractive

updated=
install() {
  [ "$updated" ] || apt-get update -q
  updated=yes
  apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "$@"
}

borrowed=
if [ ! -s /etc/apt/sources.list ] && [ -z "$(ls /etc/apt/sources.list.d)" ]; then
  borrowed=yes
  cp /parts/sources.list /etc/apt/sources.list
  cp /parts/apt.conf /etc/apt/apt.conf.d/99borrowed
fi
. "/parts/$1"
if [ "$borrowed" ]; then
  : >/etc/apt/sources.list
  rm -f /etc/apt/apt.conf.d/99borrowed
fi
rm -rf /parts /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
