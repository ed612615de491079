/*
 * stream.h - one connection's bytes: plain TCP, or TLS over it
 *
 * A stream knows what the kernel last said (readable, writable), so that a
 * read that must fail costs no system call.  After each on_ready the owner
 * reads and writes until STREAM_AGAIN; over TLS any readiness may unblock
 * either.  TCP_NODELAY is always set, SIGPIPE is never raised.
 *
 * Ownership: embedded in its owner, which frees itself by loop_reap().
 */
#ifndef KONTOR_IO_STREAM_H
#define KONTOR_IO_STREAM_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/base.h"
#include "io/loop.h"

struct address; /* io/address.h */
struct stream;
struct tls; /* io/tls.h */

enum { STREAM_EOF = 0, STREAM_AGAIN = -1, STREAM_ERROR = -2 };

/* events: IO_IN, IO_OUT, IO_HUP. */
typedef void stream_ready_f(struct stream *s, unsigned events);

struct stream {
	struct io io;
	struct loop *loop;
	stream_ready_f *on_ready;
	struct tls *tls; /* NULL: plain */
	bool readable, writable;
	bool hup; /* the peer has closed its side, or all is lost */
};

/* A connected, non-blocking socket; takes fd. */
void stream_open(
    struct stream *s, struct loop *l, int fd, stream_ready_f *on_ready);
/* Begins to connect; false: this address cannot be reached. */
bool stream_connect(struct stream *s, struct loop *l, const struct address *to,
    stream_ready_f *on_ready) MUST_USE;
/* After on_ready while connecting: 1 connected, or AGAIN, or ERROR. */
int stream_connected(struct stream *s) MUST_USE;

/* Bytes (> 0), EOF, AGAIN or ERROR. */
ssize_t stream_read(struct stream *s, void *p, size_t len) MUST_USE;
/* A read may give something. */
bool stream_may_read(const struct stream *s);
/* Bytes taken, maybe fewer than given; AGAIN or ERROR.  What was refused
 * with AGAIN must be given again first. */
ssize_t stream_writev(
    struct stream *s, const struct iovec *iov, int n) MUST_USE;
/* No more will be written; the peer reads EOF. */
void stream_shut(struct stream *s);
/* Closing will say that something was lost. */
void stream_reset(struct stream *s);
void stream_close(struct stream *s); /* harmless when closed */

#endif
