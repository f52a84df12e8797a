# The stand-in for node:24-bookworm-slim: Debian with the Node and npm that /parts/node holds, and the user `node`.
install libstdc++6 ca-certificates
cp -R /parts/node/. /usr/local/
ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
groupadd --gid 1000 node
useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash node
node --version
npm --version
