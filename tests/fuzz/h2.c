/*
 * h2.c - HTTP/2 sessions: what a client sends us, what a provider sends us
 *
 * The first byte says which side is played and how the rest is cut into
 * writes.  Whatever comes, every exchange ends once, every call ends once,
 * and the memory of bodies is given back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "httpio/client.h"
#include "httpio/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { TURNS = 3, CALLS = 3 };

static struct loop *loop;
static struct server *server;
static struct client *client;
static int listen_fd;
static uint16_t port;
static char text[70000];

/* --- the owner of exchanges ---------------------------------------------- */

static size_t nlive;
static struct exchange *held;

static void
answer(struct exchange *x, size_t n, bool last)
{
	static const struct http_hdr hdr[] = { { S_INIT("Content-Type"),
	    S_INIT("text/plain") } };

	exchange_answer(x, 200, hdr, 1, last ? (int64_t)n : -1);
	exchange_write(x, (struct slice){ text, n }, last);
	nlive -= last;
}

static void
on_request(struct exchange *x)
{
	const struct slice t = x->head->target;
	const char c = t.len > 1 ? t.p[1] : '\0';

	nlive++;
	CHECK(t.len > 0 && x->head->method.len > 0);
	if (c == 'a') {
		nlive--;
		exchange_abort(x);
	} else if (c == 'h' && held == NULL) {
		held = x;
		answer(x, 10, false);
		exchange_forget(x);
	} else if (c == 'l') {
		answer(x, sizeof(text), true);
	} else {
		answer(x, x->body.len < 100 ? x->body.len : 100, true);
	}
}

static enum fault
on_head(struct exchange *x, const struct http_head *head)
{
	(void)x;
	return slice_starts(head->target, S("/no")) ? FAULT_KEY : FAULT_NONE;
}

static void
on_bad(struct exchange *x, enum fault why)
{
	nlive++;
	exchange_answer(x, fault_get(why)->status, NULL, 0, 3);
	exchange_write(x, S("bad"), true);
	nlive--;
}

static void
on_drain(struct exchange *x)
{
	(void)x;
}

static void
on_gone(struct exchange *x)
{
	if (x == held)
		held = NULL;
	nlive--;
	exchange_abort(x);
}

static const struct server_ops server_ops = {
	.on_head = on_head,
	.on_request = on_request,
	.on_bad = on_bad,
	.on_drain = on_drain,
	.on_gone = on_gone,
};

/* --- calls --------------------------------------------------------------- */

struct watch {
	struct call *call;
	bool over;
};

static void
on_send(struct call *c)
{
	(void)c;
}

static void
on_answer(struct call *c, const struct http_head *head)
{
	const struct watch *w = call_user(c);

	CHECK(!w->over && head->status >= 200);
	if (head->status == 299)
		call_pause(c);
}

static void
on_body(struct call *c, struct slice data, bool last)
{
	struct watch *w = call_user(c);

	CHECK(!w->over && data.len < 1 << 24);
	w->over = last;
}

static void
on_fail(struct call *c, enum fault why)
{
	struct watch *w = call_user(c);

	CHECK(!w->over && why != FAULT_NONE);
	w->over = true;
}

static const struct call_ops call_ops = { .on_send = on_send,
	.on_head = on_answer,
	.on_body = on_body,
	.on_fail = on_fail };

/* --- both ---------------------------------------------------------------- */

static void
start(void)
{
	const struct server_limits *l = &server_limits_default;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct server_limits limits = *l;

	signal(SIGPIPE, SIG_IGN);
	log_init("fuzz", LOG_LVL_ERROR);
	memset(text, 'x', sizeof(text));
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(bind(listen_fd, (struct sockaddr *)&a, len) == 0);
	CHECK(listen(listen_fd, 64) == 0);
	CHECK(getsockname(listen_fd, (struct sockaddr *)&a, &len) == 0);
	port = ntohs(a.sin_port);
	loop = loop_new();
	limits.max_conns = 0; /* conn_open() is called by hand */
	limits.max_head = 4096;
	limits.max_body = 16384;
	server = server_new(loop, listen_fd, &server_ops, &limits, NULL);
}

static void
turn(int fd)
{
	static char scrap[65536];
	int i;

	for (i = 0; i < TURNS; i++) {
		loop_turn(loop, 0);
		while (recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) > 0)
			;
	}
}

static void
give(int fd, const uint8_t *p, size_t len, size_t step)
{
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = len < step ? len : step;
		if (send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return;
		turn(fd);
	}
}

static void
play_client(const uint8_t *p, size_t len, size_t step)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	struct address peer = { 0 };
	int fd[2], i;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	peer.sa.sa.sa_family = AF_INET;
	conn_open(server, fd[0], &peer);
	(void)!send(fd[1], preface, sizeof(preface) - 1, MSG_NOSIGNAL);
	give(fd[1], p, len, step);
	if (held != NULL && server_open(server) > 0) {
		nlive--;
		exchange_write(held, S("end"), true);
		held = NULL;
		turn(fd[1]);
	}
	close(fd[1]);
	for (i = 0; i < 100 && server_open(server) > 0; i++)
		loop_turn(loop, 0);
	CHECK(server_open(server) == 0);
	CHECK(nlive == 0 && held == NULL);
	CHECK(server->bodies == 0);
}

static void
play_provider(const uint8_t *p, size_t len, size_t step)
{
	const struct origin origin = { .host = "127.0.0.1",
		.port = port,
		.literal = true,
		.http = ORIGIN_H2C };
	static struct http_head head = { .method = S_INIT("POST"),
		.target = S_INIT("/x") };
	const struct slice body = S("hello");
	struct watch w[CALLS] = { { 0 } };
	struct call_spec spec = { .origin = &origin,
		.head = &head,
		.body = &body,
		.nbody = 1,
		.connect_ns = NS_PER_S,
		.first_byte_ns = NS_PER_S,
		.idle_ns = NS_PER_S };
	int fd = -1, i;

	client = client_new(loop, &client_limits_default);
	for (i = 0; i < CALLS; i++) {
		spec.user = &w[i];
		w[i].call = call_open(client, &spec, &call_ops);
	}
	for (i = 0; i < 1000 && fd < 0; i++) {
		loop_turn(loop, 0);
		fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK);
	}
	CHECK(fd >= 0);
	give(fd, p, len, step);
	for (i = 0; i < CALLS; i++) {
		if (!w[i].over)
			call_resume(w[i].call);
	}
	turn(fd);
	close(fd);
	for (i = 0; i < 1000 && client_open(client) > 0; i++)
		loop_turn(loop, i < 20 ? 0 : NS_PER_MS);
	for (i = 0; i < CALLS; i++)
		CHECK(w[i].over);
	client_free(&client);
	loop_turn(loop, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const size_t steps[] = { SIZE_MAX, 1, 7, 100 };
	size_t step;

	if (loop == NULL)
		start();
	if (len == 0 || len > 32 * 1024)
		return 0;
	step = steps[data[0] >> 1 & 3];
	if (step == 1 && len > 512)
		step = 64;
	if ((data[0] & 1) == 0)
		play_client(data + 1, len - 1, step);
	else
		play_provider(data + 1, len - 1, step);
	return 0;
}
