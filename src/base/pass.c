#include "base/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int
fd_of(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = -1;

	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

ssize_t
pass_receive(int sock, void *p, size_t cap, int *fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { p, cap };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	do {
		n = recvmsg(sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	*fd = n > 0 ? fd_of(&m) : -1;
	return n;
}

bool
pass_read(int fd, size_t max, struct buf *out)
{
	/* A sealed worker may not ask for more than the size (sandbox.c). */
	const off_t size = lseek(fd, 0, SEEK_END);
	off_t at = 0;
	ssize_t n;

	if (size < 0 || (uint64_t)size > max)
		return false;
	buf_reserve(out, (size_t)size);
	while (at < size) {
		n = pread(fd, out->p + out->len, (size_t)(size - at), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		out->len += (size_t)n;
		at += n;
	}
	return true;
}

bool
pass_write(int fd, struct slice s)
{
	ssize_t n;

	while (s.len > 0) {
		n = write(fd, s.p, s.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s.p += n;
		s.len -= (size_t)n;
	}
	return true;
}

void
pass_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	CHECK(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}
