#!/bin/bash
# Runs in odo-parts/toolchain.
# Compiles the sources in /usr/src/decoders, with this folder's C files, to modules and an addon of Node in /out.
# Gathers their licences there.
set -euo pipefail
cd "$(mktemp -d)"
here=/decoders
for name in bzip2 libisal lz4 snappy xz-utils; do
  mkdir "$name"
  tar -xf /usr/src/decoders/"${name}"_*.orig.tar.?z -C "$name" --strip-components=1
done

# snappy's build system would fill in its version
sed -E 's/\$\{PROJECT_VERSION_[A-Z]+\}/0/; s/\$\{HAVE_SYS_UIO_H_01\}/0/' \
  snappy/snappy-stubs-public.h.in >snappy/snappy-stubs-public.h

flags=(--target=wasm32-wasi -O3 -msimd128 -mbulk-memory -ffunction-sections -fdata-sections -DNDEBUG
  -ffile-prefix-map="$PWD"=.)
lzma=xz-utils/src/liblzma
includes=(-I"$here" -Ixz-utils/src/common -Ibzip2 -Ilz4/lib -Isnappy)
for part in api common check lz lzma rangecoder simple delta; do includes+=(-I"$lzma/$part"); done

mkdir objects
compile() { # PREFIX FLAGS... -- FILE...
  local prefix=$1 more=() compiler=clang
  shift
  while [ "$1" != -- ]; do more+=("$1") && shift; done
  shift
  for file; do
    case $file in *.cc) compiler=clang++ ;; esac
    $compiler "${flags[@]}" "${includes[@]}" "${more[@]}" -c "$file" -o "objects/$prefix-$(basename "$file").o"
  done
}
compile xz -DHAVE_CONFIG_H -DTUKLIB_SYMBOL_PREFIX=lzma_ -- \
  $lzma/common/{common,block_decoder,block_header_decoder,block_util,filter_common,filter_decoder}.c \
  $lzma/common/{filter_flags_decoder,index_hash}.c \
  $lzma/common/{stream_decoder,stream_flags_common,stream_flags_decoder,vli_decoder,vli_size}.c \
  $lzma/check/{check,crc32_fast,crc64_fast,sha256}.c $lzma/lz/lz_decoder.c $lzma/lzma/{lzma_decoder,lzma2_decoder}.c \
  $lzma/simple/{simple_coder,simple_decoder,x86,arm64}.c $lzma/delta/{delta_common,delta_decoder}.c
compile bzip2 -DBZ_NO_STDIO -- bzip2/{bzlib,compress,decompress,blocksort,huffman,crctable,randtable}.c
compile lz4 -- lz4/lib/{lz4,lz4hc,lz4frame,xxhash}.c
compile snappy -std=c++17 -fno-exceptions -fno-rtti -DHAVE_BUILTIN_EXPECT=1 -DHAVE_BUILTIN_CTZ=1 -- \
  snappy/{snappy,snappy-c,snappy-sinksource,snappy-stubs-internal}.cc
compile odo -- $here/decoders.c
mkdir -p /out
# What is not called is left out: of all these libraries only the decoding half remains.
# 128 MiB are all that a file can make it take.
clang++ --target=wasm32-wasi -O3 -mexec-model=reactor \
  -Wl,--gc-sections,--strip-all,--max-memory=134217728,-z,stack-size=262144 \
  objects/*.o -o /out/decoders.wasm

# In a memory that comes from outside and is shared with another thread, so it has no C library.
bare=(--target=wasm32-unknown-unknown -O3 -msimd128 -mbulk-memory -matomics -nostdlib -ffreestanding -DNDEBUG
  -ffile-prefix-map="$PWD"=.)
bare+=(-I/usr/include/wasm32-wasi -Ilibisal/igzip -Ilibisal/include)
clang "${bare[@]}" -I"$here" -Wno-shift-op-parentheses -c "$here/inflate.c" -o inflate.o
clang "${bare[@]}" -c libisal/igzip/hufftables_c.c -o hufftables.o
clang "${bare[@]}" \
  -Wl,--no-entry,--gc-sections,--strip-all,--import-memory,--shared-memory,--max-memory=16777216,-z,stack-size=65536 \
  -Wl,--export=__heap_base inflate.o hufftables.o -o /out/inflate.wasm

# The same for a processor that Node itself runs on.
# It asks for nothing that is newer than the C library of any system with this Node.
# It asks for no C library by name, so that it loads beside glibc and musl.
native=(--target=x86_64-linux-gnu -O3 -march=haswell -fPIC -fvisibility=hidden -DNDEBUG -ffile-prefix-map="$PWD"=.)
native+=(-I"$here" -I/usr/include/node -Ilibisal/igzip -Ilibisal/include
  -Ddecode_huffman_code_block_stateless=decode_huffman_code_block_stateless_04)
clang "${native[@]}" -Wno-shift-op-parentheses -c "$here/native.c" -o native.o
clang "${native[@]}" -c libisal/igzip/hufftables_c.c -o native-hufftables.o
for file in igzip/igzip_decode_block_stateless_04 igzip/rfc1951_lookup crc/crc32_gzip_refl_by8_02 crc/crc32_iscsi_01; do
  nasm -f elf64 -Ilibisal/include/ -Ilibisal/igzip/ -Ilibisal/crc/ "libisal/$file.asm" -o "$(basename "$file").o"
done
clang --target=x86_64-linux-gnu -fuse-ld=lld -shared -nostdlib \
  -Wl,--gc-sections,--strip-all,-Bsymbolic,-z,noexecstack,--build-id=none,--hash-style=both \
  native.o native-hufftables.o igzip_decode_block_stateless_04.o rfc1951_lookup.o \
  crc32_gzip_refl_by8_02.o crc32_iscsi_01.o -o /out/linux-x64.node

for file in bzip2/LICENSE libisal/LICENSE lz4/lib/LICENSE snappy/COPYING xz-utils/COPYING.0BSD; do
  printf '==== %s\n\n' "$(ls /usr/src/decoders | grep "^${file%%/*}_.*orig.tar.[gx]z$")"
  cat "$file"
  echo
done >/out/LICENSES
