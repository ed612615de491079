/*
 * bedrock.h - what the two halves of Bedrock's Converse share
 */
#ifndef KONTOR_DIALECT_BEDROCK_H
#define KONTOR_DIALECT_BEDROCK_H

#include "base/json.h"
#include "dialect/dialect.h"

/* "png" of "image/png"; empty: Converse has no word for it. */
struct slice bedrock_format(enum part_kind kind, struct slice mime);

/* Content blocks as parts; *hint says what is wrong with one. */
bool bedrock_read_blocks(struct arena *a, const struct json *list,
    struct parts *out, const char **hint);
void bedrock_read_usage(const struct json *j, struct usage *u, bool *has);

enum stop_reason bedrock_stop_parse(struct slice text);
struct slice bedrock_stop_text(enum stop_reason why);

/* bedrock_in.c, bedrock_out.c */
enum fault bedrock_decode(struct arena *a, struct slice body,
    struct conversation *out, struct wrong *w);
void bedrock_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out);
void bedrock_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out);
/* An exception in the midst of a stream. */
void bedrock_write_error(struct buf *out, struct slice message);
enum fault bedrock_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w);
enum fault bedrock_read_answer(
    struct arena *a, struct slice body, struct completion *out);
enum fault bedrock_read_event(
    struct decoding *d, struct slice name, struct slice data);
enum fault bedrock_read_end(struct decoding *d);

#endif
