/*
 * seal.h - opaque reasoning that passes through another vendor's field
 *
 * A dialect's own opaque bytes (Google's signatures in Gemini, OpenAI's
 * encrypted content in Responses) go as they are.  Another vendor's go in the
 * same field, in an envelope that says whose they are, and come out of it
 * when the client sends them back; so they never reach who did not make them.
 */
#ifndef KONTOR_DIALECT_SEAL_H
#define KONTOR_DIALECT_SEAL_H

#include "base/arena.h"
#include "model/conversation.h"

/* Base64 in the standard alphabet and padded, of either alphabet: what
 * protos take and some SDKs send. */
struct slice seal_standard(struct arena *a, struct slice text);

/* As the field of a dialect whose own vendor is `own` takes it. */
struct slice seal_write(
    struct arena *a, enum vendor own, enum vendor origin, struct slice opaque);
/* The other way: *origin is own's unless there is an envelope. */
struct slice seal_read(
    struct arena *a, enum vendor own, struct slice field, enum vendor *origin);

/*
 * Chat has no such field, and many of its clients keep nothing of an answer
 * but texts and calls.  So what a call needs when it comes back rides behind
 * its id: the thoughts before it (reasoning parts of the list, others are
 * skipped) and its own signature.  The id as it is where there is nothing,
 * or too much.
 */
struct slice seal_id(struct arena *a, struct slice id,
    const struct part *thoughts, const struct part *call);
/* The other way: the id alone.  *thoughts grows; NULL: not wanted. */
struct slice seal_id_read(struct arena *a, struct slice id,
    struct parts *thoughts, struct part *call);
bool seal_is_id(struct slice id);

/* May there be an envelope in these bytes?  No: surely none. */
bool seal_is_in(struct slice body);

#endif
