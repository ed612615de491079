/*
 * load.c - keep-alive HTTP/1.1 load for bench.py
 *
 *   load ADDRESS PORT REQUEST-FILE CONNECTIONS REQUESTS [tls]
 *
 * Sends the file's bytes as they are, over and over, on CONNECTIONS
 * connections, reads each answer whole (sized or chunked), and prints one
 * line of JSON: requests, statuses other than 200, bytes and events ("data:"
 * at the start of a line) received, seconds, and latencies in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

enum { BUF = 1 << 20, REQUEST_MAX = 1 << 20 };

enum state { HEAD, SIZED, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

struct conn {
	int fd;
	SSL *ssl; /* NULL: plain */
	enum state state;
	char line[16384];
	size_t nline;
	uint64_t left;
	int64_t began;
	bool last_nl;
	unsigned match; /* of "data:" */
};

static char request[REQUEST_MAX];
static size_t nrequest;
static struct sockaddr_in address;
static uint64_t started, finished, wanted, bad, bytes, events;
static uint32_t *latency; /* ns */
static int ep;
static SSL_CTX *tls; /* NULL: plain */

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
send_one(struct conn *c)
{
	size_t at = 0;
	ssize_t n;

	if (started == wanted) {
		SSL_free(c->ssl);
		close(c->fd);
		c->fd = -1;
		return;
	}
	started++;
	c->state = HEAD;
	c->nline = 0;
	c->began = now_ns();
	while (at < nrequest) {
		n = c->ssl != NULL
			? SSL_write(c->ssl, request + at, (int)(nrequest - at))
			: send(
			      c->fd, request + at, nrequest - at, MSG_NOSIGNAL);
		if (n <= 0)
			die("send");
		at += (size_t)n;
	}
}

static void
dial(struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = c } };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 ||
	    connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) != 0)
		die("epoll");
	if (tls == NULL)
		return;
	c->ssl = SSL_new(tls);
	SSL_clear_mode(c->ssl, SSL_MODE_AUTO_RETRY); /* tickets */
	if (SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1)
		die("handshake");
}

static void
finish(struct conn *c)
{
	const int64_t ns = now_ns() - c->began;

	latency[finished++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
	send_one(c);
}

static void
count_events(struct conn *c, const char *p, size_t n)
{
	static const char word[] = "data:";
	size_t i;

	for (i = 0; i < n; i++) {
		if (c->match < 5 && (c->match > 0 || c->last_nl) &&
		    p[i] == word[c->match]) {
			if (++c->match == 5)
				events++;
		} else {
			c->match = 0;
		}
		if (c->match == 5)
			c->match = 0;
		c->last_nl = p[i] == '\n';
	}
}

static void
read_head(struct conn *c)
{
	char *cl;

	c->line[c->nline] = '\0';
	if (strncmp(c->line, "HTTP/1.1 200", 12) != 0)
		bad++;
	c->nline = 0;
	c->last_nl = true;
	c->match = 0;
	if (strcasestr(c->line, "\ntransfer-encoding: chunked") != NULL) {
		c->state = CHUNK_SIZE;
		return;
	}
	cl = strcasestr(c->line, "\ncontent-length:");
	c->left = cl ? strtoull(cl + 16, NULL, 10) : 0;
	c->state = SIZED;
}

/* A line of the chunked framing, without CRLF. */
static void
read_line(struct conn *c)
{
	c->line[c->nline] = '\0';
	if (c->state == CHUNK_SIZE) {
		c->left = strtoull(c->line, NULL, 16);
		c->state = c->left > 0 ? CHUNK_DATA : TRAILER;
		c->nline = 0;
	} else if (c->state == CHUNK_END) {
		c->state = CHUNK_SIZE;
		c->nline = 0;
	} else if (c->nline == 0) {
		finish(c);
	} else {
		c->nline = 0;
	}
}

static void
feed_framing(struct conn *c, char byte)
{
	if (c->nline + 1 == sizeof(c->line))
		die("a line is too long");
	if (c->state == HEAD) {
		c->line[c->nline++] = byte;
		if (c->nline >= 4 &&
		    memcmp(c->line + c->nline - 4, "\r\n\r\n", 4) == 0)
			read_head(c);
	} else if (byte == '\n') {
		read_line(c);
	} else if (byte != '\r') {
		c->line[c->nline++] = byte;
	}
}

static void
feed(struct conn *c, const char *p, size_t n)
{
	size_t take;

	bytes += n;
	while (n > 0 && c->fd >= 0) {
		if (c->state != SIZED && c->state != CHUNK_DATA) {
			feed_framing(c, *p++);
			n--;
			if (c->state != SIZED || c->left > 0)
				continue;
			finish(c);
			continue;
		}
		take = n < c->left ? n : (size_t)c->left;
		count_events(c, p, take);
		c->left -= take;
		p += take;
		n -= take;
		if (c->left > 0)
			continue;
		if (c->state == SIZED)
			finish(c);
		else
			c->state = CHUNK_END;
	}
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
report(int64_t took_ns)
{
	qsort(latency, finished, sizeof(latency[0]), by_value);
	printf("{\"requests\":%llu,\"bad\":%llu,\"bytes\":%llu,"
	       "\"events\":%llu,\"seconds\":%.6f,\"p50_us\":%.1f,"
	       "\"p99_us\":%.1f}\n",
	    (unsigned long long)finished, (unsigned long long)bad,
	    (unsigned long long)bytes, (unsigned long long)events,
	    (double)took_ns / 1e9, latency[finished / 2] / 1e3,
	    latency[finished * 99 / 100] / 1e3);
}

static void
read_request(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		die(path);
	nrequest = fread(request, 1, sizeof(request), f);
	fclose(f);
}

/* Everything that came; the socket blocks, a record comes whole. */
static void
read_tls(struct conn *c, char *buf)
{
	int got;

	do {
		got = SSL_read(c->ssl, buf, 16384);
		if (got <= 0 &&
		    SSL_get_error(c->ssl, got) == SSL_ERROR_WANT_READ)
			return;
		if (got <= 0)
			die("read over TLS");
		feed(c, buf, (size_t)got);
	} while (c->fd >= 0 && SSL_has_pending(c->ssl));
}

static void
turn(char *buf)
{
	struct epoll_event ev[64];
	int i, n = epoll_wait(ep, ev, 64, 30000);

	if (n <= 0)
		die("nothing came for 30 s");
	for (i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;
		ssize_t got;

		if (c->ssl != NULL) {
			read_tls(c, buf);
			continue;
		}
		got = recv(c->fd, buf, BUF, 0);
		if (got < 0)
			die("recv");
		if (got == 0) {
			errno = ECONNRESET;
			die("closed by the server");
		}
		feed(c, buf, (size_t)got);
	}
}

int
main(int argc, char **argv)
{
	struct conn *conn;
	char *buf = malloc(BUF);
	size_t i, n;
	int64_t began;

	if (argc < 6 || argc > 7 || buf == NULL)
		return 2;
	if (argc == 7) {
		tls = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	}
	address.sin_family = AF_INET;
	inet_pton(AF_INET, argv[1], &address.sin_addr);
	address.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	read_request(argv[3]);
	n = strtoul(argv[4], NULL, 10);
	wanted = strtoull(argv[5], NULL, 10);
	latency = calloc(wanted, sizeof(latency[0]));
	conn = calloc(n, sizeof(*conn));
	ep = epoll_create1(0);
	if (latency == NULL || conn == NULL || ep < 0)
		die("start");
	for (i = 0; i < n; i++)
		dial(&conn[i]);
	began = now_ns();
	for (i = 0; i < n; i++)
		send_one(&conn[i]);
	while (finished < wanted)
		turn(buf);
	report(now_ns() - began);
	return bad > 0;
}
