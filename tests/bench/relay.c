/*
 * relay.c - the floor: server, client pool, answer, and nothing else
 *
 *	relay PORT UPSTREAM_PORT
 *
 * What a gateway without any policy costs; to be set beside nginx proxy_pass
 * in the same run.  Ends on SIGTERM.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "httpio/client.h"
#include "httpio/server.h"
#include "io/loop.h"

struct relay {
	struct exchange *x;
	struct call *call;
	struct http_head head;
};

static struct client *client;
static struct origin upstream = { .host = "127.0.0.1", .literal = true };
static volatile sig_atomic_t stop;

static void
on_send(struct call *c)
{
	(void)c;
}

static void
on_head(struct call *c, const struct http_head *head)
{
	struct relay *r = call_user(c);
	struct slice len = http_value(head, S("content-length"));
	uint64_t n;
	int64_t body = slice_u64(len, &n) ? (int64_t)n : -1;

	exchange_answer(r->x, head->status, head->hdr, head->nhdr, body);
}

static void
on_body(struct call *c, struct slice data, bool last)
{
	struct relay *r = call_user(c);

	exchange_write(r->x, data, last);
	if (last)
		mem_free(r);
}

static void
on_fail(struct call *c, enum fault why)
{
	struct relay *r = call_user(c);

	fprintf(stderr, "fail: %s\n", fault_get(why)->code);
	exchange_abort(r->x);
	mem_free(r);
}

static const struct call_ops call_ops = {
	.on_send = on_send,
	.on_head = on_head,
	.on_body = on_body,
	.on_fail = on_fail,
};

static void
on_request(struct exchange *x)
{
	struct relay *r = mem_grow(NULL, sizeof(*r));
	struct call_spec spec = { .origin = &upstream,
		.head = x->head,
		.body = &x->body,
		.nbody = 1,
		.connect_ns = NS_PER_S,
		.first_byte_ns = 30 * NS_PER_S,
		.idle_ns = 30 * NS_PER_S,
		.user = r };

	r->x = x;
	x->user = r;
	r->call = call_open(client, &spec, &call_ops);
}

static void
on_bad(struct exchange *x, enum fault why)
{
	exchange_answer(x, fault_get(why)->status, NULL, 0, 0);
	exchange_write(x, S(""), true);
}

static void
on_gone(struct exchange *x)
{
	struct relay *r = x->user;

	if (r != NULL) {
		call_cancel(&r->call);
		mem_free(r);
	}
	exchange_abort(x);
}

static void
on_drain(struct exchange *x)
{
	(void)x;
}

static const struct server_ops server_ops = {
	.on_request = on_request,
	.on_bad = on_bad,
	.on_drain = on_drain,
	.on_gone = on_gone,
};

static void
on_term(int sig)
{
	(void)sig;
	stop = 1;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct loop *loop = loop_new();
	struct server *server;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (argc != 3)
		return 2;
	signal(SIGTERM, on_term);
	a.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	upstream.port = (uint16_t)strtoul(argv[2], NULL, 10);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(fd, 1024) != 0)
		return 1;
	client = client_new(loop, &client_limits_default);
	server =
	    server_new(loop, fd, &server_ops, &server_limits_default, NULL);
	while (!stop)
		loop_turn(loop, NS_PER_S);
	server_free(&server);
	client_free(&client);
	loop_free(&loop);
	return 0;
}
