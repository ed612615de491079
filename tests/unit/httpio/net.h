/*
 * net.h - both ends of a connection in one test: a loop that is turned by
 * hand, and raw sockets as the peer
 */
#ifndef KONTOR_TESTS_HTTPIO_NET_H
#define KONTOR_TESTS_HTTPIO_NET_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"

static struct loop *loop;

/* Listens on loopback; *port is what the kernel chose. */
static inline int
net_listen(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* Without it every second small send waits for the peer's delayed ACK. */
static inline int
net_quick(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static inline int
net_dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ||
		    errno == EINPROGRESS);
	return net_quick(fd);
}

static inline void
net_turns(int n)
{
	while (n-- > 0)
		loop_turn(loop, 0);
}

/* Turns the loop until cond; fails after two seconds.  Sleeps only when a
 * peer's bytes need longer than loopback takes. */
#define NET_UNTIL(cond) \
	do { \
		int64_t end_ = clock_mono_ns() + 2 * NS_PER_S; \
		int turn_ = 0; \
		while (!(cond)) { \
			loop_turn(loop, turn_++ < 100 ? 0 : NS_PER_MS); \
			if (clock_mono_ns() > end_) \
				fail_msg("waited in vain for " #cond); \
		} \
	} while (0)

/* Accepts while the loop turns. */
static inline int
net_accept(int listen_fd)
{
	int fd = -1;

	NET_UNTIL((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	return net_quick(fd);
}

/* Gives all of s while the loop turns. */
static inline void
net_send(int fd, struct slice s)
{
	ssize_t n = 0;

	while (s.len > 0) {
		NET_UNTIL((n = send(fd, s.p, s.len, MSG_NOSIGNAL)) > 0);
		s.p += n;
		s.len -= (size_t)n;
	}
}

/* One read into b: what recv() said. */
static inline ssize_t
net_read(int fd, struct buf *b)
{
	ssize_t n;

	buf_reserve(b, 65536);
	n = recv(fd, b->p + b->len, 65536, 0);
	if (n > 0)
		b->len += (size_t)n;
	return n;
}

/* Reads until the bytes end like this. */
static inline void
net_until(int fd, struct buf *b, struct slice tail)
{
	NET_UNTIL((net_read(fd, b),
	    b->len >= tail.len &&
		memcmp(b->p + b->len - tail.len, tail.p, tail.len) == 0));
}

/* Reads to the end; true: an orderly one. */
static inline bool
net_to_end(int fd, struct buf *b)
{
	ssize_t n = -1;

	NET_UNTIL((n = net_read(fd, b)) == 0 || (n < 0 && errno != EAGAIN));
	return n == 0;
}

/* Until net_files_again() there is no descriptor left but the one returned,
 * for who closes it. */
static struct rlimit net_files;

static inline int
net_no_files(void)
{
	const int fd = dup(STDERR_FILENO); /* the lowest that was free */
	struct rlimit none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &net_files), 0);
	none = net_files;
	none.rlim_cur = (rlim_t)fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return fd;
}

static inline void
net_files_again(void)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &net_files), 0);
}

static inline bool
net_has(const struct buf *b, const char *text)
{
	return b->len > 0 && memmem(b->p, b->len, text, strlen(text)) != NULL;
}

/* The bytes without the Date header. */
static inline void
net_assert(struct buf *b, const char *want)
{
	char *at = b->len > 0 ? memmem(b->p, b->len, "Date: ", 6) : NULL;

	while (at != NULL) {
		memmove(at, at + 37, b->len - (size_t)(at + 37 - b->p));
		b->len -= 37;
		at = memmem(b->p, b->len, "Date: ", 6);
	}
	if (!slice_eq(buf_slice(b), slice_of(want)))
		fail_msg("got:\n%.*s\nwant:\n%s", (int)b->len, b->p, want);
	buf_clear(b);
}

#endif
