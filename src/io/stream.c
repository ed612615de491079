#include "io/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/address.h"
#include "io/tls.h"

static void
on_io(struct io *io, unsigned events)
{
	struct stream *s = CONTAINER_OF(io, struct stream, io);

	if ((events & IO_HUP) != 0)
		s->hup = true;
	if ((events & (IO_IN | IO_HUP)) != 0)
		s->readable = true;
	if ((events & (IO_OUT | IO_HUP)) != 0)
		s->writable = true;
	s->on_ready(s, events);
}

static void
set_nodelay(int fd)
{
	int on = 1;

	/* A UNIX socket has none; nothing is lost. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void
stream_open(struct stream *s, struct loop *l, int fd, stream_ready_f *on_ready)
{
	*s = (struct stream){
		.loop = l, .on_ready = on_ready, .writable = true
	};
	set_nodelay(fd);
	loop_add(l, &s->io, fd, on_io);
}

bool
stream_connect(struct stream *s, struct loop *l, const struct address *to,
    stream_ready_f *on_ready)
{
	int fd = socket(
	    to->sa.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*s = (struct stream){ .io.fd = -1, .loop = l, .on_ready = on_ready };
	if (fd < 0)
		return false;
	if (connect(fd, &to->sa.sa, address_len(to)) != 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return false;
	}
	set_nodelay(fd);
	loop_add(l, &s->io, fd, on_io);
	return true;
}

int
stream_connected(struct stream *s)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (!s->writable && !s->hup)
		return STREAM_AGAIN;
	if (getsockopt(s->io.fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 ||
	    err != 0)
		return STREAM_ERROR;
	return 1;
}

static ssize_t
plain_read(struct stream *s, void *p, size_t len)
{
	ssize_t n;

	do
		n = recv(s->io.fd, p, len, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		/* A short read has emptied the socket; what comes next makes
		 * an edge.  A hang-up made its edge already: read on. */
		if ((size_t)n < len && !s->hup)
			s->readable = false;
		return n;
	}
	if (n == 0)
		return STREAM_EOF;
	if (errno != EAGAIN)
		return STREAM_ERROR;
	s->readable = false;
	return STREAM_AGAIN;
}

ssize_t
stream_read(struct stream *s, void *p, size_t len)
{
	if (s->tls != NULL)
		return tls_read(s, p, len);
	if (!s->readable)
		return STREAM_AGAIN;
	return plain_read(s, p, len);
}

bool
stream_may_read(const struct stream *s)
{
	return s->readable || (s->tls != NULL && tls_pending(s));
}

static size_t
iov_len(const struct iovec *iov, int n)
{
	size_t len = 0;

	while (n-- > 0)
		len += iov[n].iov_len;
	return len;
}

ssize_t
stream_writev(struct stream *s, const struct iovec *iov, int n)
{
	struct msghdr msg = { 0 };
	ssize_t put;

	if (s->tls != NULL)
		return tls_writev(s, iov, n);
	if (!s->writable)
		return STREAM_AGAIN;
	msg.msg_iov = (struct iovec *)(uintptr_t)iov;
	msg.msg_iovlen = (size_t)n;
	do
		put = n == 1 ? send(s->io.fd, iov->iov_base, iov->iov_len,
				   MSG_NOSIGNAL)
			     : sendmsg(s->io.fd, &msg, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if (put < 0 && errno != EAGAIN)
		return STREAM_ERROR;
	if (put < 0 || (size_t)put < iov_len(iov, n))
		s->writable = false;
	return put < 0 ? STREAM_AGAIN : put;
}

void
stream_shut(struct stream *s)
{
	if (s->io.dead || s->io.fd < 0)
		return;
	if (s->tls != NULL)
		tls_shut(s);
	(void)shutdown(s->io.fd, SHUT_WR);
}

void
stream_reset(struct stream *s)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (!s->io.dead && s->io.fd >= 0)
		(void)setsockopt(
		    s->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void
stream_close(struct stream *s)
{
	tls_close(s);
	if (s->loop != NULL)
		loop_close(s->loop, &s->io);
}
