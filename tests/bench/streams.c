/*
 * streams.c PORT FILE N PACE_MS [CA] - N streams, every event looked at
 *
 * Sends the request in FILE on N connections, reads server-sent events until
 * each has said [DONE], and prints one line of JSON: how many came to their
 * end, whether all said the same (a hash over what stands in "content", in
 * its order), and how late events were: against the pace, counted from each
 * stream's earliest one so far.  With the file of a CA over TLS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LATES = 4 * 1024 * 1024, WAIT_MS = 60000 };

struct stream {
	int fd;
	SSL *tls; /* NULL: plain */
	unsigned matched, done_matched;
	bool in_content, escaped, done;
	uint64_t hash, events, bytes;
	int64_t base_us; /* when its first event was due, by its earliest */
};

static const char mark[] = "\"content\":\"", end[] = "[DONE]";
static int64_t pace_us;
static uint32_t *late;
static size_t nlate;

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
on_event(struct stream *s, int64_t now)
{
	const int64_t at = now - (int64_t)s->events * pace_us;

	if (s->events++ == 0 || at < s->base_us)
		s->base_us = at;
	if (s->events > 1 && nlate < LATES)
		late[nlate++] = (uint32_t)(at - s->base_us);
}

static void
look(struct stream *s, const char *p, size_t n, int64_t now)
{
	size_t i;

	s->bytes += n;
	for (i = 0; i < n; i++) {
		const char c = p[i];

		if (s->in_content) {
			if (!s->escaped && c == '"') {
				s->in_content = false;
				on_event(s, now);
				continue;
			}
			s->escaped = !s->escaped && c == '\\';
			s->hash = (s->hash ^ (unsigned char)c) *
				  UINT64_C(0x100000001b3);
			continue;
		}
		s->matched = c == mark[s->matched] ? s->matched + 1
			     : c == mark[0]        ? 1
						   : 0;
		if (s->matched == sizeof(mark) - 1) {
			s->matched = 0;
			s->in_content = true;
		}
		s->done_matched = c == end[s->done_matched]
				      ? s->done_matched + 1
				  : c == end[0] ? 1
						: 0;
		if (s->done_matched == sizeof(end) - 1) {
			s->done = true;
			s->done_matched = 0;
		}
	}
}

static SSL_CTX *
trust(const char *ca)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	if (SSL_CTX_load_verify_locations(c, ca, NULL) != 1) {
		fprintf(stderr, "%s is no CA\n", ca);
		exit(1);
	}
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	return c;
}

static SSL *
begin_tls(SSL_CTX *context, int fd)
{
	SSL *tls = SSL_new(context);

	SSL_set_fd(tls, fd);
	SSL_set_tlsext_host_name(tls, "localhost");
	if (SSL_connect(tls) != 1) {
		fprintf(stderr, "no TLS\n");
		exit(1);
	}
	return tls;
}

static void
dial(struct stream *s, SSL_CTX *context, uint16_t port, const char *data,
    size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("connect");
		exit(1);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (context != NULL)
		s->tls = begin_tls(context, fd);
	if ((s->tls != NULL ? SSL_write(s->tls, data, (int)len)
			    : write(fd, data, len)) != (ssize_t)len) {
		perror("write");
		exit(1);
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	s->fd = fd;
}

static ssize_t
take(struct stream *s, char *to, size_t cap)
{
	int n;

	if (s->tls == NULL)
		return read(s->fd, to, cap);
	n = SSL_read(s->tls, to, (int)cap);
	if (n > 0)
		return n;
	errno = SSL_get_error(s->tls, n) == SSL_ERROR_WANT_READ ? EAGAIN : EIO;
	return -1;
}

static int
by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool
drain(struct stream *s)
{
	static char buf[65536];
	ssize_t n;

	while ((n = take(s, buf, sizeof(buf))) > 0)
		if (s->bytes == 0 && memcmp(buf, "HTTP/1.1 200", 12) != 0) {
			close(s->fd);
			return false;
		} else {
			look(s, buf, (size_t)n, now_us());
		}
	if (s->done || n == 0 || (n < 0 && errno != EAGAIN)) {
		close(s->fd);
		return false;
	}
	return true;
}

static void
report(const struct stream *all, size_t n, int64_t took_us)
{
	uint64_t events = 0, bytes = 0;
	size_t i, done = 0, same = 0;

	for (i = 0; i < n; i++) {
		done += all[i].done;
		same += all[i].hash == all[0].hash &&
			all[i].events == all[0].events;
		events += all[i].events;
		bytes += all[i].bytes;
	}
	qsort(late, nlate, sizeof(*late), by_size);
	printf(
	    "{\"streams\":%zu,\"done\":%zu,\"same\":%zu,\"hash\":\"%016llx\","
	    "\"events\":%llu,\"each\":%llu,\"bytes\":%llu,\"seconds\":%.3f,"
	    "\"late_p50_us\":%u,\"late_p99_us\":%u}\n",
	    n, done, same, (unsigned long long)all[0].hash,
	    (unsigned long long)events, (unsigned long long)all[0].events,
	    (unsigned long long)bytes, (double)took_us / 1e6,
	    nlate > 0 ? late[nlate / 2] : 0,
	    nlate > 0 ? late[nlate - 1 - nlate / 100] : 0);
}

int
main(int argc, char **argv)
{
	static char data[65536];
	struct epoll_event ev, got[256];
	struct stream *all;
	SSL_CTX *context;
	size_t len, i, n, open;
	int64_t began;
	FILE *f;
	int ep, k, j;

	if (argc < 5 || argc > 6 || (f = fopen(argv[2], "rb")) == NULL)
		return 2;
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	context = argc == 6 ? trust(argv[5]) : NULL;
	n = strtoul(argv[3], NULL, 10);
	pace_us = 1000 * strtol(argv[4], NULL, 10);
	all = calloc(n, sizeof(*all));
	late = calloc(LATES, sizeof(*late));
	ep = epoll_create1(0);
	began = now_us();
	for (i = 0; i < n; i++) {
		all[i].hash = UINT64_C(0xcbf29ce484222325);
		dial(&all[i], context, (uint16_t)strtoul(argv[1], NULL, 10),
		    data, len);
		ev = (struct epoll_event){ .events = EPOLLIN, .data.u64 = i };
		epoll_ctl(ep, EPOLL_CTL_ADD, all[i].fd, &ev);
	}
	for (open = n; open > 0;) {
		k = epoll_wait(ep, got, 256, WAIT_MS);
		if (k <= 0)
			break;
		for (j = 0; j < k; j++)
			open -= !drain(&all[got[j].data.u64]);
	}
	report(all, n, now_us() - began);
	return 0;
}
