# clang for WebAssembly, and the sources of the decoders that native/make compiles.
# The packers are those that test/fixtures/codecs/make.sh uses.
install clang lld nasm libc6-dev libnode-dev wasi-libc libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 \
  libc++abi-19-dev-wasm32 dpkg-dev xz-utils
install bzip2 pbzip2 lbzip2 lz4 pixz pigz zstd snappy-tools
sed -n 's/^deb /deb-src /p' /parts/sources.list >>/etc/apt/sources.list
apt-get update -q
mkdir -p /usr/src/decoders
cd /usr/src/decoders
apt-get source -q --download-only --tar-only bzip2 libisal lz4 snappy xz-utils
rm -f ./*.asc
