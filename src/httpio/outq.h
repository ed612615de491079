/*
 * outq.h - bytes that a socket would not take yet
 *
 * Holds memory only while something waits.
 */
#ifndef KONTOR_HTTPIO_OUTQ_H
#define KONTOR_HTTPIO_OUTQ_H

#include <sys/uio.h>

#include "base/base.h"

struct stream; /* io/stream.h */

/* Zeroed is empty. */
struct outq {
	char *p;
	size_t off, len, cap; /* waiting: [off, off + len) */
	size_t *sum;          /* what outq_owe() said; NULL: nothing */
};

/*
 * Gives the vector to the stream and keeps what it does not take.  False: the
 * stream is broken, nothing is kept.
 */
bool outq_writev(
    struct outq *q, struct stream *s, const struct iovec *iov, int n) MUST_USE;
/* Bytes gone (0: still blocked), or below 0: broken. */
ssize_t outq_flush(struct outq *q, struct stream *s) MUST_USE;
/* Appends without trying to write. */
void outq_add(struct outq *q, struct slice s);
/* Nothing is added any more: as long as something waits, its memory is in sum,
 * which lives as long. */
void outq_owe(struct outq *q, size_t *sum);
void outq_fini(struct outq *q);

#endif
