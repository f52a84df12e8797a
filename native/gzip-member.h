// One member of a gzip file, inflated with ISA-L: its header, its data and its trailer, in whatever pieces they come.
// ISA-L's igzip_inflate.c has to be included first.

enum { GOING_ON = 0, ENDED = 1 };

struct member {
  struct inflate_state state;
  struct isal_gzip_header header;
  enum { HEADER, BODY, TRAILER } phase;
  // CRC32 and size of the content.
  uint8_t trailer[8];
  uint32_t trailer_bytes;
  // What the last step has done.
  uint32_t left_bytes, made_bytes;
};

static void begin_member(struct member *member) {
  isal_inflate_init(&member->state);
  isal_gzip_header_init(&member->header);
  member->phase = HEADER;
  member->trailer_bytes = 0;
}

// Whole bytes of the bits that were taken beyond the end of the data are the trailer's first.
static void begin_trailer(struct member *member) {
  member->phase = TRAILER;
  uint64_t bits = member->state.read_in >> member->state.read_in_length % 8;
  for (int left = member->state.read_in_length / 8; left > 0; left--, bits >>= 8)
    member->trailer[member->trailer_bytes++] = bits;
}

// Takes as much as it can, and makes as much as fits. Below zero it is damaged: ISA-L's number says how.
static int step_member(struct member *member, uint8_t *in, uint32_t in_bytes, uint8_t *out, uint32_t out_bytes) {
  struct inflate_state *state = &member->state;
  state->next_in = in;
  state->avail_in = in_bytes;
  state->next_out = out;
  state->avail_out = out_bytes;
  member->made_bytes = 0;
  int result = 0;
  if (member->phase == HEADER) {
    result = isal_read_gzip_header(state, &member->header);
    if (result == 0) member->phase = BODY;
  }
  if (member->phase == BODY) {
    result = isal_inflate(state);
    member->made_bytes = out_bytes - state->avail_out;
    if (result == 0 && state->block_state == ISAL_BLOCK_FINISH) begin_trailer(member);
  }
  while (member->phase == TRAILER && member->trailer_bytes < sizeof member->trailer && state->avail_in > 0) {
    member->trailer[member->trailer_bytes++] = *state->next_in++;
    state->avail_in--;
  }
  member->left_bytes = state->avail_in;
  if (result < 0) return result;
  return member->trailer_bytes == sizeof member->trailer ? ENDED : GOING_ON;
}

// What the trailer says of the content.
static uint32_t content_crc32(const struct member *member) { return load_le_u32((uint8_t *)member->trailer); }
static uint32_t content_bytes(const struct member *member) { return load_le_u32((uint8_t *)member->trailer + 4); }
