/*
 * responses_codec.h - private to openai_responses*.c: the halves of the codec
 */
#ifndef KONTOR_DIALECT_RESPONSES_CODEC_H
#define KONTOR_DIALECT_RESPONSES_CODEC_H

#include "dialect/dialect.h"

/* openai_responses_in.c: a caller's side */
enum fault responses_decode(struct arena *a, struct slice body,
    struct conversation *out, struct wrong *w);
void responses_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out);
void responses_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out);

/* openai_responses_out.c: a provider's side */
enum fault responses_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w);
enum fault responses_read_answer(
    struct arena *a, struct slice body, struct completion *out);
enum fault responses_read_event(
    struct decoding *d, struct slice name, struct slice data);
enum fault responses_read_end(struct decoding *d);

#endif
