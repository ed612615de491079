/*
 * gemini_codec.h - private to gemini*.c: the halves of the codec
 */
#ifndef KONTOR_DIALECT_GEMINI_CODEC_H
#define KONTOR_DIALECT_GEMINI_CODEC_H

#include "dialect/dialect.h"

/* gemini_in.c: a caller's side */
enum fault gemini_decode(struct arena *a, struct slice body,
    struct conversation *out, struct wrong *w);
void gemini_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out);
void gemini_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out);

/* gemini_out.c: a provider's side */
enum fault gemini_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w);
enum fault gemini_read_answer(
    struct arena *a, struct slice body, struct completion *out);
enum fault gemini_read_event(
    struct decoding *d, struct slice name, struct slice data);
enum fault gemini_read_end(struct decoding *d);

#endif
