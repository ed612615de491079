/*
 * suspense.h - attempts booked at their bound that nobody has corrected
 */
#ifndef KONTOR_BOOKS_SUSPENSE_H
#define KONTOR_BOOKS_SUSPENSE_H

#include "base/buf.h"
#include "base/fault.h"
#include "store/store.h"

/*
 * {"rows":[{"id", "request", "attempt", "time", "age" (for people), "age_s",
 * "key", "deployment", "provider", "amount", "by_recorder", "fault", "status",
 * "why"}], "count", "total"}, the oldest first, at most max rows; count and
 * total are of all.
 */
enum fault suspense_read(
    struct store *s, int64_t now_ns, unsigned max, struct buf *out) MUST_USE;

#endif
