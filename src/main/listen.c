#include "main/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/address.h"
#include "main/value.h"

enum { BACKLOG = 4096 };

static bool
parse(const char *text, struct address *a)
{
	struct host_port hp;
	char host[64];

	if (!value_address(slice_of(text), &hp) || hp.host.len >= sizeof(host))
		return false;
	memcpy(host, hp.host.p, hp.host.len);
	host[hp.host.len] = '\0';
	return address_parse(a, host, hp.port);
}

int
listen_open(const char *text)
{
	const int one = 1;
	struct address a;
	int fd, saved;

	if (!parse(text, &a)) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(
	    a.sa.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, &a.sa.sa, address_len(&a)) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

void
listen_url(int fd, bool tls, char out[LISTEN_URL])
{
	struct address a = { 0 };
	socklen_t len = sizeof(a.sa);
	char text[ADDRESS_TEXT];

	CHECK(getsockname(fd, &a.sa.sa, &len) == 0);
	if (address_kind(&a) == ADDRESS_UNSPECIFIED) {
		if (a.sa.sa.sa_family == AF_INET)
			a.sa.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		else
			a.sa.in6.sin6_addr = in6addr_loopback;
	}
	address_write(&a, text);
	snprintf(out, LISTEN_URL, "%s://%s", tls ? "https" : "http", text);
}
