/*
 * anthropic_codec.h - the halves of the codec of Anthropic's Messages, and
 * what others who carry the same body (Bedrock, Vertex) take of it
 */
#ifndef KONTOR_DIALECT_ANTHROPIC_CODEC_H
#define KONTOR_DIALECT_ANTHROPIC_CODEC_H

#include "dialect/dialect.h"

/* anthropic_in.c */
enum fault anthropic_decode(struct arena *a, struct slice body,
    struct conversation *c, struct wrong *w);
void anthropic_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out);
void anthropic_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out);

/* anthropic_out.c */
enum fault anthropic_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w);
enum fault anthropic_read_answer(
    struct arena *a, struct slice body, struct completion *out);
enum fault anthropic_read_event(
    struct decoding *d, struct slice name, struct slice data);
enum fault anthropic_read_end(struct decoding *d);

#endif
