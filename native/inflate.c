// Inflates gzip, member by member, with ISA-L's decoder, for src/stream/native/wasm-inflater.ts.
// Compiled by native/make.
//
// ISA-L decodes a block by code in assembly language, or slowly.
// Here is what takes the place of the former in WebAssembly.
// It goes on as long as there is input and room ahead, so that neither has to be watched.
// What is left, and whatever is wrong, is for ISA-L's own slow way.
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>
// Included, because its tables and the ways into them are its own.
#include "igzip_inflate.c"

#define EXPORT(name) __attribute__((export_name(#name))) name

// One turn loads 8 bytes at most, and writes 4 bytes and a match of 258 in steps of 16.
enum { INPUT_AHEAD = 16, ROOM_AHEAD = 258 + 32 };
// The longest length code with its extra bits, and the longest distance code with its: 21 + 15 + 13.
enum { LEAST_BITS = 49 };

// How the first so many bytes fill a vector again and again, for matches that overlap themselves.
#define EVERY(n) \
  {0 % n, 1 % n, 2 % n, 3 % n, 4 % n, 5 % n, 6 % n, 7 % n, 8 % n, 9 % n, 10 % n, 11 % n, 12 % n, 13 % n, 14 % n, 15 % n}
static const uint8_t REPEAT[16][16] = {EVERY(1), EVERY(1), EVERY(2), EVERY(3), EVERY(4), EVERY(5), EVERY(6), EVERY(7),
  EVERY(8), EVERY(9), EVERY(10), EVERY(11), EVERY(12), EVERY(13), EVERY(14), EVERY(15)};

// Writes up to 15 bytes too many.
static inline void copy_match(uint8_t *to, uint32_t distance, uint8_t *end) {
  const uint8_t *from = to - distance;
  if (distance >= 16) {
    do {
      wasm_v128_store(to, wasm_v128_load(from));
      to += 16;
      from += 16;
    } while (to < end);
    return;
  }
  v128_t pattern = wasm_i8x16_swizzle(wasm_v128_load(from), wasm_v128_load(REPEAT[distance]));
  uint32_t step = 16 - 16 % distance;
  do {
    wasm_v128_store(to, pattern);
    to += step;
  } while (to < end);
}

int decode_huffman_code_block_stateless(struct inflate_state *state, uint8_t *start_out) {
  if (state->avail_in <= INPUT_AHEAD || state->avail_out <= ROOM_AHEAD)
    return decode_huffman_code_block_stateless_base(state, start_out);
  const uint8_t *in = state->next_in, *const last_in = in + state->avail_in - INPUT_AHEAD;
  uint8_t *out = state->next_out, *const last_out = out + state->avail_out - ROOM_AHEAD;
  uint64_t bits = state->read_in;
  uint32_t bit_count = state->read_in_length;
  int is_over = 0;

  while (in <= last_in && out <= last_out) {
    if (bit_count < LEAST_BITS) {
      bits |= load_le_u64((uint8_t *)in) << bit_count;
      in += (63 - bit_count) >> 3;
      bit_count |= 56;
    }
    // Up to three symbols, of which the last one may be a length or the end of the block.
    uint32_t symbols = state->lit_huff_code.short_code_lookup[bits & ((1 << ISAL_DECODE_LONG_BITS) - 1)];
    uint32_t count = 1, used;
    if (symbols & LARGE_FLAG_BIT) {
      uint32_t mask = (1u << (symbols >> LARGE_SHORT_MAX_LEN_OFFSET)) - 1;
      symbols = state->lit_huff_code.long_code_lookup[
        (symbols & LARGE_SHORT_SYM_MASK) + (((uint32_t)bits & mask) >> ISAL_DECODE_LONG_BITS)];
      used = symbols >> LARGE_LONG_CODE_LEN_OFFSET;
      symbols &= LARGE_LONG_SYM_MASK;
    } else {
      used = symbols >> LARGE_SHORT_CODE_LEN_OFFSET;
      count = (symbols >> LARGE_SYM_COUNT_OFFSET) & LARGE_SYM_COUNT_MASK;
      symbols &= LARGE_SHORT_SYM_MASK;
    }
    if (used == 0 || count == 0) break;
    uint32_t last = symbols >> (8 * (count - 1));
    if (last > MAX_LIT_LEN_SYM) break;
    uint64_t rest = bits >> used;
    uint32_t rest_count = bit_count - used;
    if (last <= 256) {
      store_le_u32(out, symbols);
      is_over = last == 256;
      out += count - is_over;
      bits = rest;
      bit_count = rest_count;
      if (is_over) break;
      continue;
    }

    uint32_t symbol = state->dist_huff_code.short_code_lookup[rest & ((1 << ISAL_DECODE_SHORT_BITS) - 1)];
    if (symbol & SMALL_FLAG_BIT) {
      uint32_t mask = (1u << ((symbol - SMALL_FLAG_BIT) >> SMALL_SHORT_CODE_LEN_OFFSET)) - 1;
      symbol = state->dist_huff_code.long_code_lookup[
        (symbol & SMALL_SHORT_SYM_MASK) + (((uint32_t)rest & mask) >> ISAL_DECODE_SHORT_BITS)];
      used = symbol >> SMALL_LONG_CODE_LEN_OFFSET;
    } else {
      used = symbol >> SMALL_SHORT_CODE_LEN_OFFSET;
    }
    symbol &= DIST_SYM_MASK;
    if (used == 0 || symbol >= DIST_LEN) break;
    rest >>= used;
    uint32_t extra = rfc_lookup_table.dist_extra_bit_count[symbol];
    uint32_t distance = rfc_lookup_table.dist_start[symbol] + ((uint32_t)rest & ((1u << extra) - 1));
    uint8_t *to = out + count - 1;
    if ((size_t)(to - start_out) < distance) break;
    store_le_u32(out, symbols);
    out = to + (last - 254);
    bits = rest >> extra;
    bit_count = rest_count - used - extra;
    copy_match(to, distance, out);
  }

  uint32_t made = out - state->next_out;
  state->avail_in -= in - state->next_in;
  state->next_in = (uint8_t *)in;
  state->next_out = out;
  state->avail_out -= made;
  state->total_out += made;
  // Bits beyond the count are those of bytes that have not been taken.
  state->read_in = bit_count < 64 ? bits & (((uint64_t)1 << bit_count) - 1) : bits;
  state->read_in_length = bit_count;
  if (!is_over) return decode_huffman_code_block_stateless_base(state, start_out);
  state->copy_overflow_length = 0;
  state->copy_overflow_distance = 0;
  state->block_state = state->bfinal ? ISAL_BLOCK_INPUT_DONE : ISAL_BLOCK_NEW_HDR;
  return 0;
}

#include "gzip-member.h"

static struct member member;

void EXPORT(begin)(void) { begin_member(&member); }
int EXPORT(step)(uint8_t *in, uint32_t in_bytes, uint8_t *out, uint32_t out_bytes) {
  return step_member(&member, in, in_bytes, out, out_bytes);
}
// Of its input, how much the last step has left, and how much it has made.
uint32_t EXPORT(left_bytes)(void) { return member.left_bytes; }
uint32_t EXPORT(made_bytes)(void) { return member.made_bytes; }
uint32_t EXPORT(said_crc32)(void) { return content_crc32(&member); }
uint32_t EXPORT(said_bytes)(void) { return content_bytes(&member); }

// What ISA-L has in its other files.
// The checksum of the content is Node's affair, which is faster. That of a header has only a few bytes to go through.
uint32_t crc32_gzip_refl(uint32_t crc, const unsigned char *bytes, uint64_t length) {
  crc = ~crc;
  while (length-- > 0) {
    crc ^= *bytes++;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  return ~crc;
}
uint32_t isal_adler32_bam1(uint32_t adler, const unsigned char *bytes, uint64_t length) { __builtin_trap(); }
void isal_gzip_header_init(struct isal_gzip_header *gzip) { memset(gzip, 0, sizeof *gzip); }
void isal_zlib_header_init(struct isal_zlib_header *zlib) { memset(zlib, 0, sizeof *zlib); }

// There is no C library in a memory that threads share; clang makes single instructions of these.
void *memcpy(void *to, const void *from, size_t length) { return __builtin_memcpy(to, from, length); }
void *memmove(void *to, const void *from, size_t length) { return __builtin_memmove(to, from, length); }
void *memset(void *to, int byte, size_t length) { return __builtin_memset(to, byte, length); }
int memcmp(const void *one, const void *other, size_t length) {
  const uint8_t *a = one, *b = other;
  for (size_t i = 0; i < length; i++)
    if (a[i] != b[i]) return a[i] - b[i];
  return 0;
}
size_t strnlen(const char *text, size_t most) {
  size_t length = 0;
  while (length < most && text[length]) length++;
  return length;
}
