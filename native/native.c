// An addon of Node, for src/stream/native/native.ts. Compiled by native/make.
// It inflates gzip, member by member, with ISA-L's decoder in assembly language.
// It makes CRC32C, the checksum of PostgreSQL's manifests. Both ask for a processor with AVX2.
// It flushes file systems, which every processor can.
// It needs no C library of its own: what it uses of one, the program that loads it has.
#include <cpuid.h>
#include <node_api.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "igzip_inflate.c"
#include "gzip-member.h"

// crc.h would name the functions that choose by processor.
uint32_t crc32_gzip_refl_by8_02(uint32_t crc, const unsigned char *bytes, uint64_t length);
unsigned int crc32_iscsi_01(unsigned char *bytes, int length, unsigned int crc);

// What the last step has done stands first, for JavaScript to read without a call; the sizes as in the member.
struct inflater {
  uint32_t left_bytes, made_bytes;
  // Of the member's content so far, and what its trailer says.
  uint32_t crc32, bytes, said_crc32, said_bytes;
  struct member member;
};

uint32_t crc32_gzip_refl(uint32_t crc, const unsigned char *bytes, uint64_t length) {
  return crc32_gzip_refl_by8_02(crc, bytes, length);
}
uint32_t isal_adler32_bam1(uint32_t adler, const unsigned char *bytes, uint64_t length) { __builtin_trap(); }
void isal_gzip_header_init(struct isal_gzip_header *gzip) { memset(gzip, 0, sizeof *gzip); }
void isal_zlib_header_init(struct isal_zlib_header *zlib) { memset(zlib, 0, sizeof *zlib); }

static napi_value number(napi_env env, int32_t value) {
  napi_value result;
  napi_create_int32(env, value, &result);
  return result;
}

// The memory of a typed array of bytes: whoever calls answers for what lies in it.
static uint8_t *bytes_of(napi_env env, napi_value array, size_t *length) {
  void *data = NULL;
  *length = 0;
  napi_get_typedarray_info(env, array, NULL, length, &data, NULL, NULL);
  return data;
}

static uint32_t uint_of(napi_env env, napi_value value) {
  uint32_t result = 0;
  napi_get_value_uint32(env, value, &result);
  return result;
}

// begin(inflater)
static napi_value begin(napi_env env, napi_callback_info info) {
  size_t count = 1, length;
  napi_value arguments[1];
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  struct inflater *inflater = (struct inflater *)bytes_of(env, arguments[0], &length);
  if (length < sizeof *inflater) return NULL;
  begin_member(&inflater->member);
  inflater->crc32 = inflater->bytes = 0;
  return NULL;
}

// step(inflater, input, from, output, at): 1 when the member is whole, 0 when it goes on, less when it is damaged.
static napi_value step(napi_env env, napi_callback_info info) {
  size_t count = 5, length, in_bytes, out_bytes;
  napi_value arguments[5];
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  struct inflater *inflater = (struct inflater *)bytes_of(env, arguments[0], &length);
  uint8_t *in = bytes_of(env, arguments[1], &in_bytes);
  uint8_t *out = bytes_of(env, arguments[3], &out_bytes);
  uint32_t from = uint_of(env, arguments[2]), at = uint_of(env, arguments[4]);
  if (length < sizeof *inflater || from > in_bytes || at > out_bytes || in_bytes >> 31 || out_bytes >> 31) return NULL;
  struct member *member = &inflater->member;
  int result = step_member(member, in + from, in_bytes - from, out + at, out_bytes - at);
  inflater->crc32 = crc32_gzip_refl(inflater->crc32, out + at, member->made_bytes);
  inflater->bytes += member->made_bytes;
  inflater->left_bytes = member->left_bytes;
  inflater->made_bytes = member->made_bytes;
  inflater->said_crc32 = content_crc32(member);
  inflater->said_bytes = content_bytes(member);
  return number(env, result);
}

// crc32c(bytes, crc): the CRC32C of what came before and these bytes; that of nothing is 0.
static napi_value crc32c(napi_env env, napi_callback_info info) {
  size_t count = 2, length;
  napi_value arguments[2], result;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  uint8_t *bytes = bytes_of(env, arguments[0], &length);
  uint32_t crc = ~uint_of(env, arguments[1]);
  for (size_t piece; length > 0; length -= piece, bytes += piece) {
    piece = length < 1 << 30 ? length : 1 << 30;
    crc = crc32_iscsi_01(bytes, piece, crc);
  }
  napi_create_uint32(env, ~crc, &result);
  return result;
}

// One flush under way: from the main thread to a thread of the pool and back.
struct flush {
  napi_async_work work;
  napi_deferred deferred;
  int64_t fd, result;
};

// Linux' syncfs(2) without a C library: 0, or the error as a negative number.
static void flush_now(napi_env env, void *data) {
  struct flush *flush = data;
  int64_t result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(306L), "D"(flush->fd) : "rcx", "r11", "memory");
  flush->result = result;
}

static void tell_flushed(napi_env env, napi_status status, void *data) {
  struct flush *flush = data;
  // 125, ECANCELED: it never ran.
  napi_resolve_deferred(env, flush->deferred, number(env, status == napi_ok ? -flush->result : 125));
  napi_delete_async_work(env, flush->work);
  free(flush);
}

// syncfs(fd): a promise of 0, or of the error's number.
static napi_value syncfs_of(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1], promise, name;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  struct flush *flush = malloc(sizeof *flush);
  if (flush == NULL) return NULL;
  flush->fd = uint_of(env, arguments[0]);
  napi_create_promise(env, &flush->deferred, &promise);
  napi_create_string_utf8(env, "syncfs", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, flush_now, tell_flushed, flush, &flush->work);
  napi_queue_async_work(env, flush->work);
  return promise;
}

static int is_able(void) {
  unsigned a, b, c, d;
  const unsigned first = bit_SSE4_2 | bit_PCLMUL | bit_AVX | bit_OSXSAVE, later = bit_AVX2 | bit_BMI | bit_BMI2;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & first) != first) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & later) != later) return 0;
  // Does the system keep the wide registers?
  __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return (a & 6) == 6;
}

// Only what every processor can where this one cannot do the rest.
NAPI_MODULE_INIT() {
  const napi_property_descriptor everywhere[] = {{"syncfs", NULL, syncfs_of, NULL, NULL, NULL, napi_enumerable, NULL}};
  napi_define_properties(env, exports, 1, everywhere);
  if (!is_able()) return exports;
  const napi_property_descriptor properties[] = {
    {"begin", NULL, begin, NULL, NULL, NULL, napi_enumerable, NULL},
    {"step", NULL, step, NULL, NULL, NULL, napi_enumerable, NULL},
    {"crc32c", NULL, crc32c, NULL, NULL, NULL, napi_enumerable, NULL},
    {"inflaterBytes", NULL, NULL, NULL, NULL, number(env, sizeof(struct inflater)), napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
