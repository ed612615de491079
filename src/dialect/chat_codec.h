/*
 * chat_codec.h - private to openai_chat*.c: the halves of the codec
 */
#ifndef KONTOR_DIALECT_CHAT_CODEC_H
#define KONTOR_DIALECT_CHAT_CODEC_H

#include "dialect/dialect.h"

struct json;

/* openai_chat_in.c: a caller's side */
enum fault chat_decode(struct arena *a, struct slice body,
    struct conversation *c, struct wrong *w);
void chat_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out);
void chat_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out);
/* One of "tool_calls"; index: its place, below 0: not said. */
void chat_write_call(struct buf *b, const struct part *p, int index, bool args);
/* "tool_calls" of a message, and the thoughts that ride behind their ids,
 * which may be NULL. */
void chat_read_calls(struct parts *list, struct parts *thoughts,
    struct arena *a, const struct json *m);

/* openai_chat_out.c: a provider's side */
enum fault chat_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w);
enum fault chat_read_answer(
    struct arena *a, struct slice body, struct completion *out);
enum fault chat_read_event(
    struct decoding *d, struct slice name, struct slice data);
enum fault chat_read_end(struct decoding *d);

#endif
