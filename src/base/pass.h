/*
 * pass.h - messages and descriptors between processes of one node
 */
#ifndef KONTOR_BASE_PASS_H
#define KONTOR_BASE_PASS_H

#include <sys/types.h>

#include "base/base.h"
#include "base/buf.h"

/*
 * One message of a SOCK_SEQPACKET pair, without waiting.  Its length; below 1
 * when there is none.  *fd: the descriptor that came along, the caller's
 * (close-on-exec), or -1.
 */
ssize_t pass_receive(int sock, void *p, size_t cap, int *fd);

/* Appends all of a file or memfd, from its start, to out; false: it cannot be
 * read, or is larger than max. */
bool pass_read(int fd, size_t max, struct buf *out) MUST_USE;

/* All of it, from where fd stands; false: it cannot be written. */
bool pass_write(int fd, struct slice s) MUST_USE;

/* Sets O_NONBLOCK on a descriptor that is known to be one. */
void pass_nonblocking(int fd);

#endif
