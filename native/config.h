// What liblzma's build system would find out: 32 bits, decoders only,
// and the filters that PostgreSQL's tars and WAL can meet.
#define ASSUME_RAM 64
#define HAVE_CHECK_CRC32 1
#define HAVE_CHECK_CRC64 1
#define HAVE_CHECK_SHA256 1
#define HAVE_DECODERS 1
#define HAVE_DECODER_ARM64 1
#define HAVE_DECODER_DELTA 1
#define HAVE_DECODER_LZMA1 1
#define HAVE_DECODER_LZMA2 1
#define HAVE_DECODER_X86 1
#define HAVE_INTTYPES_H 1
#define HAVE_STDBOOL_H 1
#define HAVE_STDINT_H 1
#define HAVE_STRING_H 1
#define SIZEOF_SIZE_T 4
#define TUKLIB_FAST_UNALIGNED_ACCESS 1
