// One small interface over the reference decoders, for src/stream/decode/decoder.ts.
// It has bzip2, xz and lz4 as streams, and snappy's blocks.
// There is one decoder at a time in each instance of the module.
// Compiled by native/make.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define BZ_NO_STDIO
#define LZ4F_STATIC_LINKING_ONLY
#include "bzlib.h"
#include "bzlib_private.h"
#include "lz4frame.h"
#include "lzma.h"
#include "snappy-c.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

enum { BZIP2 = 1, XZ = 2, LZ4 = 3 };
enum { GOING_ON = 0, ENDED = 1, DAMAGED = -1, NO_MEMORY = -2, TOO_DEMANDING = -3, NOT_SUPPORTED = -4 };

static int codec;
static bz_stream bzip2;
static lzma_stream xz = LZMA_STREAM_INIT;
static LZ4F_dctx *lz4;

static uint32_t used, made;

void bz_internal_error(int code) { abort(); }

// Memory for the caller's input or output; it lives as long as the instance.
void *EXPORT(reserve)(uint32_t bytes) { return malloc(bytes); }
// How much of its input the last step has used, and how much output it has made.
uint32_t EXPORT(used_bytes)(void) { return used; }
uint32_t EXPORT(made_bytes)(void) { return made; }

// What the xz stream would need, for the message that says it is too much.
double EXPORT(needed_bytes)(void) { return (double)lzma_memusage(&xz); }

void EXPORT(finish)(void) {
  if (codec == BZIP2) BZ2_bzDecompressEnd(&bzip2);
  if (codec == XZ) lzma_end(&xz);
  if (codec == LZ4) LZ4F_freeDecompressionContext(lz4);
  codec = 0;
}

// memory_limit is for xz, whose files say how large a dictionary they need.
int EXPORT(begin)(int wanted, uint32_t memory_limit) {
  finish();
  codec = wanted;
  switch (wanted) {
  case BZIP2:
    memset(&bzip2, 0, sizeof bzip2);
    return BZ2_bzDecompressInit(&bzip2, 0, 0) == BZ_OK ? GOING_ON : NO_MEMORY;
  case XZ:
    return lzma_stream_decoder(&xz, memory_limit, LZMA_TELL_UNSUPPORTED_CHECK | LZMA_CONCATENATED) == LZMA_OK
      ? GOING_ON
      : NO_MEMORY;
  case LZ4:
    return LZ4F_isError(LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION)) ? NO_MEMORY : GOING_ON;
  }
  return NOT_SUPPORTED;
}

// Begins between two blocks of a bzip2 stream, as if the stream's header and the blocks before had been read.
// The checksums of those blocks combine to combined_crc.
// A byte may hold the end of one block and the beginning of the next.
// So the first 8 - rest_bits bits of first_byte count as read. What follows that byte comes by step().
int EXPORT(begin_bzip2_block)(int level, uint32_t combined_crc, uint32_t first_byte, int rest_bits) {
  int state = begin(BZIP2, 0);
  if (state != GOING_ON) return state;
  char header[] = {'B', 'Z', 'h', (char)('0' + level)};
  bzip2.next_in = header;
  bzip2.avail_in = sizeof header;
  bzip2.next_out = header;
  bzip2.avail_out = 0;
  int status = BZ2_bzDecompress(&bzip2);
  if (status != BZ_OK) return status == BZ_MEM_ERROR ? NO_MEMORY : DAMAGED;
  DState *stream = bzip2.state;
  stream->calculatedCombinedCRC = combined_crc;
  stream->bsBuff = first_byte & ((1u << rest_bits) - 1);
  stream->bsLive = rest_bits;
  return GOING_ON;
}

// How many bits of the last byte the bzip2 decoder has not read yet, between two blocks or before the first.
// Anywhere else it is -1.
int EXPORT(bits_between_blocks)(void) {
  if (codec != BZIP2) return -1;
  DState *stream = bzip2.state;
  return stream->state == BZ_X_BLKHDR_1 ? stream->bsLive : -1;
}
// Of the bzip2 stream that is being read: the digit of its header, and what its blocks' checksums combine to so far.
int EXPORT(bzip2_level)(void) { return ((DState *)bzip2.state)->blockSize100k; }
uint32_t EXPORT(combined_crc)(void) { return ((DState *)bzip2.state)->calculatedCombinedCRC; }

static int step_bzip2(uint8_t *in, uint32_t in_bytes, uint8_t *out, uint32_t out_bytes) {
  bzip2.next_in = (char *)in;
  bzip2.avail_in = in_bytes;
  bzip2.next_out = (char *)out;
  bzip2.avail_out = out_bytes;
  int status = BZ2_bzDecompress(&bzip2);
  used = in_bytes - bzip2.avail_in;
  made = out_bytes - bzip2.avail_out;
  return status == BZ_OK ? GOING_ON : status == BZ_STREAM_END ? ENDED : status == BZ_MEM_ERROR ? NO_MEMORY : DAMAGED;
}

static int step_xz(uint8_t *in, uint32_t in_bytes, uint8_t *out, uint32_t out_bytes, int is_last) {
  xz.next_in = in;
  xz.avail_in = in_bytes;
  xz.next_out = out;
  xz.avail_out = out_bytes;
  lzma_ret status = lzma_code(&xz, is_last ? LZMA_FINISH : LZMA_RUN);
  used = in_bytes - xz.avail_in;
  made = out_bytes - xz.avail_out;
  switch (status) {
  case LZMA_OK:
  case LZMA_BUF_ERROR: // no progress was possible: the caller has more input, or calls it an early end
    return GOING_ON;
  case LZMA_STREAM_END:
    return ENDED;
  case LZMA_MEM_ERROR:
    return NO_MEMORY;
  case LZMA_MEMLIMIT_ERROR:
    return TOO_DEMANDING;
  case LZMA_UNSUPPORTED_CHECK:
  case LZMA_OPTIONS_ERROR:
    return NOT_SUPPORTED;
  default:
    return DAMAGED;
  }
}

static int step_lz4(uint8_t *in, uint32_t in_bytes, uint8_t *out, uint32_t out_bytes) {
  size_t taken = in_bytes, given = out_bytes;
  size_t status = LZ4F_decompress(lz4, out, &given, in, &taken, NULL);
  used = taken;
  made = given;
  if (LZ4F_isError(status)) return LZ4F_getErrorCode(status) == LZ4F_ERROR_allocation_failed ? NO_MEMORY : DAMAGED;
  return status == 0 ? ENDED : GOING_ON;
}

// is_last: no more input will follow this (which xz has to know).
int EXPORT(step)(uint8_t *in, uint32_t in_bytes, uint8_t *out, uint32_t out_bytes, int is_last) {
  switch (codec) {
  case BZIP2:
    return step_bzip2(in, in_bytes, out, out_bytes);
  case XZ:
    return step_xz(in, in_bytes, out, out_bytes, is_last);
  case LZ4:
    return step_lz4(in, in_bytes, out, out_bytes);
  }
  return NOT_SUPPORTED;
}

// One block in snappy's raw format; what it unpacks to has to fit.
int EXPORT(snappy_block)(uint8_t *in, uint32_t in_bytes, uint8_t *out, uint32_t out_bytes) {
  size_t bytes = out_bytes;
  made = 0;
  if (snappy_uncompress((char *)in, in_bytes, (char *)out, &bytes) != SNAPPY_OK) return DAMAGED;
  made = bytes;
  return ENDED;
}
