#include "httpio/net.h"

#include "httpio/server.h"

static int listen_fd;
static uint16_t port;
static struct server *server;
static struct server_limits limits;

/* What the owner saw; it answers by the path, or not at all. */
static struct buf seen;
static struct exchange *held; /* "/hold": the test answers */
static unsigned ngone, ndrain, nrequest;
static enum fault bad;
static bool answer_bad;

static struct server_share share;

static void
answer_text(struct exchange *x, struct slice text)
{
	static const struct http_hdr hdr[] = {
		{ S_INIT("content-type"), S_INIT("text/plain") },
		{ S_INIT("Connection"), S_INIT("upgrade") },
		{ S_INIT("x-bad"), S_INIT("a\r\nb: c") },
	};

	exchange_answer(x, 200, hdr, NELEM(hdr), (int64_t)text.len);
	exchange_write(x, text, true);
}

static void
on_request(struct exchange *x)
{
	struct slice path = http_path(x->head);

	nrequest++;
	buf_add(&seen, x->head->method);
	buf_char(&seen, ' ');
	buf_add(&seen, x->head->target);
	buf_char(&seen, ' ');
	buf_add(&seen, x->body);
	buf_char(&seen, '\n');
	if (slice_eq(path, S("/hold"))) {
		held = x;
	} else if (slice_eq(path, S("/chunks"))) {
		exchange_answer(x, 200, NULL, 0, -1);
		exchange_write(x, S(""), false);
		exchange_write(x, S("one"), false);
		exchange_write(x, S("two"), true);
	} else if (slice_eq(path, S("/none"))) {
		exchange_answer(x, 204, NULL, 0, 0);
		exchange_write(x, S(""), true);
	} else {
		answer_text(x, S("hi"));
	}
}

static void
on_bad(struct exchange *x, enum fault why)
{
	bad = why;
	if (!answer_bad) {
		exchange_abort(x);
		return;
	}
	exchange_answer(x, fault_get(why)->status, NULL, 0, 4);
	exchange_write(x, S("bad\n"), true);
}

static void
on_gone(struct exchange *x)
{
	ngone++;
	if (x == held)
		held = NULL;
	exchange_abort(x);
}

static void
on_drain(struct exchange *x)
{
	assert_ptr_equal(x, held);
	ndrain++;
}

/* "/greedy" and what is below it is one principal's. */
static enum fault
on_head(struct exchange *x, const struct http_head *head)
{
	if (slice_starts(head->target, S("/no")))
		return FAULT_KEY;
	if (slice_starts(head->target, S("/greedy")))
		x->share = &share;
	return FAULT_NONE;
}

static const struct server_ops ops = {
	.on_head = on_head,
	.on_request = on_request,
	.on_bad = on_bad,
	.on_gone = on_gone,
	.on_drain = on_drain,
};

static int
setup(void **state)
{
	(void)state;
	log_init("test", LOG_LVL_WARN);
	listen_fd = net_listen(&port);
	loop = loop_new();
	limits = server_limits_default;
	limits.max_body = 1024 * 1024;
	limits.max_head = 8192;
	held = NULL;
	ngone = ndrain = nrequest = 0;
	bad = FAULT_NONE;
	answer_bad = true;
	buf_clear(&seen);
	return 0;
}

static void
start(void)
{
	server = server_new(loop, listen_fd, &ops, &limits, &port);
}

static int
teardown(void **state)
{
	(void)state;
	server_free(&server);
	loop_free(&loop);
	close(listen_fd);
	buf_fini(&seen);
	return 0;
}

static void
assert_seen(const char *want)
{
	if (!slice_eq(buf_slice(&seen), slice_of(want)))
		fail_msg("saw '%.*s', want '%s'", (int)seen.len, seen.p, want);
	buf_clear(&seen);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define HI \
	"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n" \
	"Content-Length: 2\r\n\r\nhi"

static void
requests_follow_each_other_on_one_connection(void **state)
{
	struct buf b = { 0 };
	int fd, i;

	(void)state;
	start();
	fd = net_dial(port);
	for (i = 0; i < 3; i++) {
		net_send(fd, S(GET("/a?b")));
		net_until(fd, &b, S("hi"));
		net_assert(&b, HI);
		assert_seen("GET /a?b \n");
	}
	assert_int_equal(server_open(server), 1);
	close(fd);
	NET_UNTIL(server_open(server) == 0);
	assert_int_equal(ngone, 0);
	buf_fini(&b);
}

static void
a_request_may_come_byte_by_byte(void **state)
{
	static const char text[] = "POST /x HTTP/1.1\r\nHost: a\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n"
				   "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
	struct buf b = { 0 };
	size_t i;
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	for (i = 0; i < sizeof(text) - 1; i++) {
		net_send(fd, (struct slice){ text + i, 1 });
		net_turns(2);
	}
	net_until(fd, &b, S("hi"));
	assert_seen("POST /x abcde\n");
	close(fd);
	buf_fini(&b);
}

static void
a_request_may_be_split_anywhere(void **state)
{
	struct slice in = S("POST /x HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 5\r\n\r\nhelloGET /y HTTP/1.1"
			    "\r\nHost: a\r\n\r\n");
	struct buf b = { 0 };
	size_t at;
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	for (at = 1; at < in.len; at++) {
		net_send(fd, (struct slice){ in.p, at });
		net_turns(2);
		net_send(fd, (struct slice){ in.p + at, in.len - at });
		NET_UNTIL((net_read(fd, &b), b.len >= 2 * sizeof(HI)));
		net_assert(&b, HI HI);
		assert_seen("POST /x hello\nGET /y \n");
	}
	close(fd);
	buf_fini(&b);
}

static void
pipelined_requests_are_answered_one_after_the_other(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold") GET("/2") GET("/3")));
	NET_UNTIL(held != NULL);
	net_turns(5);
	assert_seen("GET /hold \n");
	exchange_answer(held, 200, NULL, 0, 1);
	exchange_write(held, S("1"), true);
	NET_UNTIL((net_read(fd, &b), nrequest == 3));
	net_until(fd, &b, S("hi"));
	net_assert(&b, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1" HI HI);
	close(fd);
	buf_fini(&b);
}

static void
chunks_leave_as_they_are_written(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/chunks")));
	net_until(fd, &b, S("0\r\n\r\n"));
	net_assert(&b, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
	close(fd);
	buf_fini(&b);
}

static void
the_terminator_waits_for_the_owner(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	assert_false(exchange_answered(held));
	exchange_answer(held, 200, NULL, 0, -1);
	assert_true(exchange_answered(held));
	exchange_write(held, S("data"), false);
	net_until(fd, &b, S("4\r\ndata\r\n"));
	net_turns(5);
	assert_int_equal(net_read(fd, &b), -1);
	exchange_write(held, S(""), true);
	net_until(fd, &b, S("\r\n0\r\n\r\n"));
	close(fd);
	buf_fini(&b);
}

static void
head_and_no_content_have_no_body(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n"));
	net_until(fd, &b, S("\r\n\r\n"));
	net_assert(&b, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
		       "Content-Length: 2\r\n\r\n");
	net_send(fd, S("HEAD /chunks HTTP/1.1\r\nHost: a\r\n\r\n"));
	net_until(fd, &b, S("\r\n\r\n"));
	net_assert(&b, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	net_send(fd, S(GET("/none") GET("/a")));
	net_until(fd, &b, S("hi"));
	net_assert(&b, "HTTP/1.1 204 No Content\r\n\r\n" HI);
	close(fd);
	buf_fini(&b);
}

static void
http_1_0_gets_its_answer_and_the_end(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S("GET /chunks HTTP/1.0\r\n\r\n"));
	assert_true(net_to_end(fd, &b));
	net_assert(&b, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwo");
	close(fd);
	buf_fini(&b);
}

static void
a_client_that_expects_is_told_to_continue(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
		       "Expect: 100-continue\r\n\r\n"));
	net_until(fd, &b, S("HTTP/1.1 100 Continue\r\n\r\n"));
	buf_clear(&b);
	net_send(fd, S("abc"));
	net_until(fd, &b, S("hi"));
	net_assert(&b, HI);
	assert_seen("POST /x abc\n");
	close(fd);
	buf_fini(&b);
}

static void
what_is_not_http_is_answered_and_closed(void **state)
{
	static const struct {
		struct slice in;
		enum fault want;
		const char *status;
	} rows[] = {
		{ S_INIT("\x16\x03\x01\x02\n"), FAULT_HTTP, "400" },
		{ S_INIT("GET / HTTP/1.1\r\n\r\n"), FAULT_HTTP, "400" },
		{ S_INIT("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n"), FAULT_HTTP,
		    "400" },
		{ S_INIT("POST /x HTTP/1.1\r\nHost: a\r\n"
			 "Content-Length: 1048577\r\n\r\n"),
		    FAULT_BODY_TOO_LARGE, "413" },
		{ S_INIT("POST /x HTTP/1.1\r\nHost: a\r\n"
			 "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
		    FAULT_HTTP, "400" },
	};
	struct buf b = { 0 };
	size_t i;
	int fd;

	(void)state;
	start();
	for (i = 0; i < NELEM(rows); i++) {
		bad = FAULT_NONE;
		fd = net_dial(port);
		net_send(fd, rows[i].in);
		assert_true(net_to_end(fd, &b));
		assert_int_equal(bad, rows[i].want);
		assert_true(net_has(&b, rows[i].status));
		assert_true(net_has(&b, "Connection: close\r\n"));
		assert_true(net_has(&b, "\r\n\r\nbad\n"));
		buf_clear(&b);
		close(fd);
	}
	assert_seen("");
	NET_UNTIL(server_open(server) == 0);
	buf_fini(&b);
}

static void
a_head_without_end_is_too_large(void **state)
{
	struct buf b = { 0 };
	int fd, i;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S("GET / HTTP/1.1\r\nHost: a\r\nX: "));
	for (i = 0; i < 100 && bad == FAULT_NONE; i++) {
		net_send(fd, S("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
		net_turns(1);
	}
	assert_int_equal(bad, FAULT_HEAD_TOO_LARGE);
	assert_true(net_to_end(fd, &b));
	assert_true(net_has(&b, "431"));
	close(fd);
	buf_fini(&b);
}

static void
chunks_above_the_limit_are_too_large(void **state)
{
	char chunk[1024 + 7 + 2];
	struct buf b = { 0 };
	int fd, i;

	(void)state;
	start();
	memcpy(chunk, "00400\r\n", 7);
	memset(chunk + 7, 'x', 1024);
	memcpy(chunk + 7 + 1024, "\r\n", 2);
	fd = net_dial(port);
	net_send(fd, S("POST / HTTP/1.1\r\nHost: a\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n"));
	for (i = 0; i < 1024; i++)
		net_send(fd, (struct slice){ chunk, sizeof(chunk) });
	net_turns(20);
	assert_int_equal(bad, FAULT_NONE);
	net_send(fd, (struct slice){ chunk, sizeof(chunk) });
	NET_UNTIL(bad == FAULT_BODY_TOO_LARGE);
	assert_true(net_to_end(fd, &b));
	assert_true(net_has(&b, "413"));
	close(fd);
	buf_fini(&b);
}

static void
an_owner_may_cut_what_is_bad(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	answer_bad = false;
	start();
	fd = net_dial(port);
	net_send(fd, S("rubbish\r\n\r\n"));
	(void)net_to_end(fd, &b);
	assert_int_equal(b.len, 0);
	close(fd);
	buf_fini(&b);
}

/* Memory becomes short: a queue is full that was not when it was filled. */
static void
who_is_told_of_a_full_queue_hears_when_it_drains(void **state)
{
	static char block[65536];
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	exchange_answer(held, 200, NULL, 0, -1);
	while (server_tight(server, true), !exchange_full(held)) {
		server_tight(server, false);
		exchange_write(
		    held, (struct slice){ block, sizeof(block) }, false);
	}
	NET_UNTIL((net_read(fd, &b), ndrain == 1));
	exchange_write(held, S(""), true);
	net_until(fd, &b, S("\r\n0\r\n\r\n"));
	close(fd);
	buf_fini(&b);
}

/* The client reads nothing for a while: the queue fills, drains, and not a
 * byte is lost. */
static void
a_slow_reader_fills_and_drains_the_queue(void **state)
{
	enum { TOTAL = 5 * 1024 * 1024 };
	char *block = mem_new(65536);
	size_t sent = 0, i;
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	for (i = 0; i < 65536; i++)
		block[i] = (char)(i * 7 >> 3);
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	exchange_answer(held, 200, NULL, 0, TOTAL);
	while (sent < TOTAL) {
		while (sent < TOTAL && !exchange_full(held)) {
			sent += 65536;
			exchange_write(held, (struct slice){ block, 65536 },
			    sent == TOTAL);
		}
		if (sent == TOTAL)
			break;
		i = ndrain;
		net_turns(3);
		assert_int_equal(ndrain, i); /* nobody has read */
		NET_UNTIL((net_read(fd, &b), ndrain > i));
	}
	assert_true(ndrain > 0);
	i = (size_t)((char *)memmem(b.p, b.len, "\r\n\r\n", 4) + 4 - b.p);
	NET_UNTIL((net_read(fd, &b), b.len == i + TOTAL));
	for (sent = 0; sent < TOTAL; sent += 65536)
		assert_memory_equal(b.p + i + sent, block, 65536);
	net_send(fd, S(GET("/a")));
	buf_clear(&b);
	net_until(fd, &b, S("hi"));
	close(fd);
	mem_free(block);
	buf_fini(&b);
}

/* ... until the client has it, or is gone. */
static void
an_answer_that_is_over_is_owed(void **state)
{
	enum { TOTAL = 16 * 1024 * 1024 };
	const struct slice big = { mem_new(TOTAL), TOTAL };
	struct buf b = { 0 };
	int fd, i;

	(void)state;
	start();
	for (i = 0; i < 2; i++) {
		fd = net_dial(port);
		net_send(fd, S(GET("/hold")));
		NET_UNTIL(held != NULL);
		exchange_answer(held, 200, NULL, 0, TOTAL);
		exchange_write(held, (struct slice){ big.p, 9 }, false);
		assert_int_equal(server_owed(server), 0);
		exchange_write(
		    held, (struct slice){ big.p + 9, TOTAL - 9 }, true);
		held = NULL;
		assert_in_range(server_owed(server), TOTAL / 4, 2 * TOTAL);
		if (i == 0)
			NET_UNTIL((net_read(fd, &b), b.len > TOTAL));
		close(fd);
		NET_UNTIL(server_owed(server) == 0);
	}
	mem_free((char *)(uintptr_t)big.p);
	buf_fini(&b);
}

static void
a_large_body_comes_whole(void **state)
{
	enum { TOTAL = 1024 * 1024 };
	char *body = mem_new(TOTAL);
	struct buf b = { 0 };
	size_t i;
	int fd;

	(void)state;
	start();
	for (i = 0; i < TOTAL; i++)
		body[i] = (char)(i * 31 >> 4);
	fd = net_dial(port);
	net_send(fd, S("POST /hold HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 1048576\r\n\r\n"));
	net_send(fd, (struct slice){ body, TOTAL });
	NET_UNTIL(held != NULL);
	assert_int_equal(held->body.len, TOTAL);
	assert_memory_equal(held->body.p, body, TOTAL);
	exchange_forget(held);
	assert_null(held->head);
	assert_int_equal(held->body.len, 0);
	answer_text(held, S("ok"));
	net_until(fd, &b, S("ok"));
	close(fd);
	mem_free(body);
	buf_fini(&b);
}

static void
a_client_that_vanishes_is_gone(void **state)
{
	struct linger now = { 1, 0 };
	int fd, how;

	(void)state;
	start();
	for (how = 0; how < 3; how++) {
		ngone = 0;
		fd = net_dial(port);
		net_send(fd, S(GET("/hold")));
		NET_UNTIL(held != NULL);
		exchange_answer(held, 200, NULL, 0, -1);
		exchange_write(held, S("some"), false);
		if (how == 0)
			shutdown(fd, SHUT_WR);
		if (how == 1)
			setsockopt(
			    fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		if (how != 0)
			close(fd);
		NET_UNTIL(ngone == 1);
		if (how == 0)
			close(fd);
		NET_UNTIL(server_open(server) == 0);
	}
}

/* The reset is found by a write: the owner hears of it from the loop, never
 * from inside its own write. */
static void
a_write_to_a_vanished_client_is_no_callback(void **state)
{
	struct linger now = { 1, 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	exchange_answer(held, 200, NULL, 0, -1);
	exchange_write(held, S("some"), false);
	exchange_write(held, S("more"), false);
	assert_int_equal(ngone, 0);
	NET_UNTIL(ngone == 1);
	NET_UNTIL(server_open(server) == 0);
}

static void
an_answer_cut_short_shows(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	exchange_answer(held, 200, NULL, 0, -1);
	exchange_write(held, S("some"), false);
	net_until(fd, &b, S("4\r\nsome\r\n"));
	exchange_abort(held);
	(void)net_to_end(fd, &b);
	assert_false(net_has(&b, "\r\n0\r\n"));
	close(fd);
	/* HTTP/1.0 has no terminator: only a reset can say it. */
	held = NULL;
	fd = net_dial(port);
	net_send(fd, S("GET /hold HTTP/1.0\r\n\r\n"));
	NET_UNTIL(held != NULL);
	exchange_answer(held, 200, NULL, 0, -1);
	exchange_write(held, S("some"), false);
	exchange_abort(held);
	assert_false(net_to_end(fd, &b));
	close(fd);
	buf_fini(&b);
}

static void
deadlines_end_what_does_not_move(void **state)
{
	static const struct {
		struct slice in;
		enum fault want;
	} rows[] = {
		{ S_INIT("GET / HT"), FAULT_TIMEOUT_CLIENT },
		{ S_INIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
			 "\r\nabc"),
		    FAULT_TIMEOUT_CLIENT },
		{ S_INIT(""), FAULT_NONE },
		{ S_INIT(GET("/a")), FAULT_NONE },
	};
	struct buf b = { 0 };
	size_t i;
	int fd;

	(void)state;
	limits.head_ns = limits.body_ns = limits.idle_ns = 30 * NS_PER_MS;
	start();
	for (i = 0; i < NELEM(rows); i++) {
		bad = FAULT_NONE;
		fd = net_dial(port);
		net_send(fd, rows[i].in);
		assert_true(net_to_end(fd, &b));
		assert_int_equal(bad, rows[i].want);
		close(fd);
		NET_UNTIL(server_open(server) == 0);
	}
	buf_fini(&b);
}

static void
a_head_that_drips_has_one_deadline(void **state)
{
	int64_t start_ns = clock_mono_ns();
	int fd;

	(void)state;
	limits.head_ns = 60 * NS_PER_MS;
	start();
	fd = net_dial(port);
	net_send(fd, S("GET / HTTP/1.1\r\nX: "));
	while (bad == FAULT_NONE) {
		net_send(fd, S("x"));
		usleep(2000);
		loop_turn(loop, 0);
		assert_true(clock_mono_ns() - start_ns < NS_PER_S);
	}
	assert_int_equal(bad, FAULT_TIMEOUT_CLIENT);
	close(fd);
}

static void
a_reader_that_stands_still_is_gone(void **state)
{
	char *block = mem_new(8 * 1024 * 1024);
	int fd;

	(void)state;
	limits.write_ns = 50 * NS_PER_MS;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	exchange_answer(held, 200, NULL, 0, -1);
	exchange_write(held, (struct slice){ block, 8 * 1024 * 1024 }, false);
	assert_true(exchange_full(held));
	NET_UNTIL(ngone == 1);
	close(fd);
	mem_free(block);
}

/* It takes something before each deadline, and never enough. */
static void
a_reader_that_drips_is_gone(void **state)
{
	char *block = mem_new(8 * 1024 * 1024), some[512];
	int64_t end;
	int fd;

	(void)state;
	limits.write_ns = 50 * NS_PER_MS;
	limits.min_rate = 100 * 1024 * 1024;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	exchange_answer(held, 200, NULL, 0, -1);
	exchange_write(held, (struct slice){ block, 8 * 1024 * 1024 }, false);
	for (end = clock_mono_ns() + 20 * NS_PER_S;
	     ngone == 0 && clock_mono_ns() < end;) {
		(void)recv(fd, some, sizeof(some), MSG_DONTWAIT);
		loop_turn(loop, 5 * NS_PER_MS);
	}
	assert_int_equal(ngone, 1);
	close(fd);
	mem_free(block);
}

static void
a_body_that_drips_has_one_deadline(void **state)
{
	int64_t start_ns = clock_mono_ns();
	int fd;

	(void)state;
	limits.body_ns = 60 * NS_PER_MS;
	limits.min_rate = 100000;
	start();
	fd = net_dial(port);
	net_send(fd,
	    S("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"));
	while (bad == FAULT_NONE) {
		net_send(fd, S("x"));
		usleep(2000);
		loop_turn(loop, 0);
		assert_true(clock_mono_ns() - start_ns < 5 * NS_PER_S);
	}
	assert_int_equal(bad, FAULT_TIMEOUT_CLIENT);
	close(fd);
}

static void
the_longest_idle_give_way_and_then_who_comes_is_refused(void **state)
{
	struct buf b = { 0 };
	int idle, busy, third, more;

	(void)state;
	limits.max_conns = 2;
	limits.excess_conns = 1;
	start();
	idle = net_dial(port);
	net_send(idle, S(GET("/a")));
	net_until(idle, &b, S("hi"));
	busy = net_dial(port);
	net_send(busy, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	/* Full: the idle one goes, the busy one stays. */
	third = net_dial(port);
	net_send(third, S("GET /a HTTP/1.1\r\nHost: x\r\nX-Half: "));
	assert_true(net_to_end(idle, &b));
	assert_int_equal(server_open(server), 2);
	net_turns(10);
	/* Nobody is idle: one more is taken, to be told so. */
	more = net_dial(port);
	net_send(more, S(GET("/a")));
	NET_UNTIL(bad != FAULT_NONE);
	assert_int_equal(bad, FAULT_OVERLOAD);
	assert_int_equal(ngone, 0);
	answer_text(held, S("still"));
	buf_clear(&b);
	net_until(busy, &b, S("still"));
	close(idle);
	close(busy);
	close(third);
	close(more);
	buf_fini(&b);
}

static void
without_a_descriptor_the_longest_idle_gives_way(void **state)
{
	struct buf b = { 0 };
	int idle, next, last;

	(void)state;
	start();
	idle = net_dial(port);
	net_send(idle, S(GET("/a")));
	net_until(idle, &b, S("hi"));
	next = net_dial(port);
	assert_int_equal(
	    send(next, GET("/a"), sizeof(GET("/a")) - 1, MSG_NOSIGNAL),
	    sizeof(GET("/a")) - 1);
	last = net_no_files();
	assert_true(net_to_end(idle, &b));
	buf_clear(&b);
	net_until(next, &b, S("hi"));
	net_files_again();
	assert_int_equal(server_open(server), 1);
	close(idle);
	close(next);
	close(last);
	buf_fini(&b);
}

static void
a_quiet_owner_has_all_the_time(void **state)
{
	struct buf b = { 0 };
	int64_t end;
	int fd;

	(void)state;
	limits.head_ns = limits.body_ns = limits.idle_ns = limits.write_ns =
	    20 * NS_PER_MS;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	for (end = clock_mono_ns() + 80 * NS_PER_MS; clock_mono_ns() < end;)
		loop_turn(loop, 5 * NS_PER_MS);
	assert_int_equal(ngone, 0);
	answer_text(held, S("late"));
	net_until(fd, &b, S("late"));
	close(fd);
	buf_fini(&b);
}

static void
draining_closes_idle_and_finishes_the_rest(void **state)
{
	struct buf b = { 0 };
	int idle, busy, late;

	(void)state;
	start();
	idle = net_dial(port);
	net_send(idle, S(GET("/a")));
	net_until(idle, &b, S("hi"));
	busy = net_dial(port);
	net_send(busy, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	server_drain(server);
	assert_true(net_to_end(idle, &b));
	assert_int_equal(server_open(server), 1);
	late = net_dial(port);
	net_send(late, S(GET("/a")));
	net_turns(5);
	assert_int_equal(server_open(server), 1);
	answer_text(held, S("end"));
	buf_clear(&b);
	assert_true(net_to_end(busy, &b));
	assert_true(net_has(&b, "Connection: close\r\n"));
	assert_true(net_has(&b, "\r\n\r\nend"));
	close(idle);
	close(busy);
	close(late);
	NET_UNTIL(server_open(server) == 0);
	buf_fini(&b);
}

static void
above_the_most_connections_accept_waits(void **state)
{
	struct buf b = { 0 };
	int one, two;

	(void)state;
	limits.max_conns = 1;
	start();
	one = net_dial(port);
	net_send(one, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	two = net_dial(port);
	net_send(two, S(GET("/a")));
	net_turns(10);
	assert_int_equal(nrequest, 1);
	answer_text(held, S("x"));
	close(one);
	net_until(two, &b, S("hi"));
	close(two);
	buf_fini(&b);
}

static void
bodies_together_stay_within_their_bound(void **state)
{
	static char big[100000];
	struct buf b = { 0 };
	int one, two;

	(void)state;
	memset(big, 'x', sizeof(big));
	limits.max_bodies = 150000;
	start();
	one = net_dial(port);
	net_send(one,
	    S("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"));
	net_send(one, (struct slice){ big, sizeof(big) });
	net_turns(20);
	two = net_dial(port);
	net_send(two,
	    S("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"));
	net_send(two, (struct slice){ big, sizeof(big) });
	NET_UNTIL(bad != FAULT_NONE);
	assert_int_equal(bad, FAULT_OVERLOAD);
	close(two);
	NET_UNTIL(server_open(server) == 1);
	/* Alone again, the first is taken whatever its size. */
	net_send(one, (struct slice){ big, sizeof(big) });
	net_send(one, (struct slice){ big, sizeof(big) });
	net_until(one, &b, S("hi"));
	assert_int_equal(nrequest, 1);
	close(one);
	buf_fini(&b);
}

static void
half_a_head_is_let_go_when_memory_is_short(void **state)
{
	static char much[5000];
	struct buf b = { 0 };
	int small, large;

	(void)state;
	memset(much, 'x', sizeof(much));
	start();
	small = net_dial(port);
	net_send(small, S("GET /a HTTP/1.1\r\nHost: x\r\nX: "));
	large = net_dial(port);
	net_send(large, S("GET /b HTTP/1.1\r\nHost: x\r\nX: "));
	net_send(large, (struct slice){ much, sizeof(much) });
	NET_UNTIL(server_open(server) == 2);
	net_turns(20);
	server_close_idle(server);
	assert_int_equal(bad, FAULT_OVERLOAD);
	assert_true(net_to_end(large, &b));
	assert_true(net_has(&b, "503"));
	buf_clear(&b);
	net_send(small, S("y\r\n\r\n"));
	net_until(small, &b, S("hi"));
	close(small);
	close(large);
	buf_fini(&b);
}

static void
who_has_rested_is_let_go_when_memory_is_short(void **state)
{
	struct buf b = { 0 };
	int old, fresh;

	(void)state;
	start();
	old = net_dial(port);
	net_send(old, S(GET("/a")));
	net_until(old, &b, S("hi"));
	usleep(1100000);
	fresh = net_dial(port);
	NET_UNTIL(server_open(server) == 2);
	server_close_idle(server);
	assert_true(net_to_end(old, &b));
	buf_clear(&b);
	net_send(fresh, S(GET("/b")));
	net_until(fresh, &b, S("hi"));
	close(old);
	close(fresh);
	buf_fini(&b);
}

/* Half a body of 300,000 bytes that has come. */
static int
upload(const char *path, struct slice half)
{
	char head[100];
	int s = net_dial(port);

	snprintf(head, sizeof(head),
	    "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n",
	    path);
	net_send(s, slice_of(head));
	net_send(s, half);
	net_turns(20);
	return s;
}

static void
one_principals_bodies_leave_room_for_others(void **state)
{
	static char big[150000];
	const struct slice half = { big, sizeof(big) };
	struct buf b = { 0 };
	int one, two, other;

	(void)state;
	memset(big, 'x', sizeof(big));
	limits.max_bodies = 4 * 1024 * 1024;
	limits.max_share = 200000;
	start();
	one = upload("/greedy/1", half);
	assert_int_equal(share.n, 1);
	assert_true(share.bytes >= sizeof(big));
	two = upload("/greedy/2", half);
	assert_int_equal(bad, FAULT_CROWD);
	assert_true(net_to_end(two, &b));
	assert_true(net_has(&b, "429"));
	close(two);
	buf_clear(&b);
	assert_int_equal(share.n, 1);
	/* Another is served, and so is what is alone again. */
	bad = FAULT_NONE;
	other = upload("/other", half);
	net_send(other, half);
	net_until(other, &b, S("hi"));
	buf_clear(&b);
	net_send(one, half);
	net_until(one, &b, S("hi"));
	assert_int_equal(bad, FAULT_NONE);
	/* One who leaves gives back, as does one who is answered. */
	assert_int_equal(share.n, 0);
	assert_int_equal(share.bytes, 0);
	two = upload("/greedy/3", half);
	assert_int_equal(share.n, 1);
	close(two);
	NET_UNTIL(share.n == 0);
	assert_int_equal(share.bytes, 0);
	/* Nobody's is counted for nobody. */
	two = upload("/no", half);
	assert_int_equal(bad, FAULT_KEY);
	close(two);
	close(one);
	close(other);
	buf_fini(&b);
}

static void
limits_may_change_while_it_serves(void **state)
{
	struct buf b = { 0 };
	int one, two;

	(void)state;
	start();
	one = net_dial(port);
	net_send(
	    one, S("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
		   "12345"));
	NET_UNTIL(server_open(server) == 1);
	net_turns(10);
	limits.max_body = 3; /* less than what has come already */
	limits.max_conns = 1;
	server_limit(server, &limits);
	two = net_dial(port);
	net_send(two, S(GET("/b")));
	net_turns(10);
	assert_int_equal(server_open(server), 1);
	net_send(one, S("6789"));
	NET_UNTIL(bad != FAULT_NONE);
	assert_int_equal(bad, FAULT_BODY_TOO_LARGE);
	limits.max_conns = 2;
	server_limit(server, &limits);
	net_until(two, &b, S("hi"));
	assert_int_equal(nrequest, 1);
	close(one);
	close(two);
	buf_fini(&b);
}

static void
the_end_of_a_server_ends_its_exchanges(void **state)
{
	int fd;

	(void)state;
	start();
	fd = net_dial(port);
	net_send(fd, S(GET("/hold")));
	NET_UNTIL(held != NULL);
	assert_ptr_equal(server_user(held), &port);
	assert_int_equal(strncmp(exchange_peer(held), "127.0.0.1:", 10), 0);
	server_free(&server);
	assert_int_equal(ngone, 1);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_follow_each_other_on_one_connection),
		TEST(a_request_may_come_byte_by_byte),
		TEST(a_request_may_be_split_anywhere),
		TEST(pipelined_requests_are_answered_one_after_the_other),
		TEST(chunks_leave_as_they_are_written),
		TEST(the_terminator_waits_for_the_owner),
		TEST(head_and_no_content_have_no_body),
		TEST(http_1_0_gets_its_answer_and_the_end),
		TEST(a_client_that_expects_is_told_to_continue),
		TEST(what_is_not_http_is_answered_and_closed),
		TEST(a_head_without_end_is_too_large),
		TEST(chunks_above_the_limit_are_too_large),
		TEST(an_owner_may_cut_what_is_bad),
		TEST(who_is_told_of_a_full_queue_hears_when_it_drains),
		TEST(a_slow_reader_fills_and_drains_the_queue),
		TEST(an_answer_that_is_over_is_owed),
		TEST(a_large_body_comes_whole),
		TEST(a_client_that_vanishes_is_gone),
		TEST(a_write_to_a_vanished_client_is_no_callback),
		TEST(an_answer_cut_short_shows),
		TEST(deadlines_end_what_does_not_move),
		TEST(a_head_that_drips_has_one_deadline),
		TEST(a_reader_that_stands_still_is_gone),
		TEST(a_reader_that_drips_is_gone),
		TEST(a_body_that_drips_has_one_deadline),
		TEST(the_longest_idle_give_way_and_then_who_comes_is_refused),
		TEST(without_a_descriptor_the_longest_idle_gives_way),
		TEST(a_quiet_owner_has_all_the_time),
		TEST(draining_closes_idle_and_finishes_the_rest),
		TEST(above_the_most_connections_accept_waits),
		TEST(bodies_together_stay_within_their_bound),
		TEST(one_principals_bodies_leave_room_for_others),
		TEST(half_a_head_is_let_go_when_memory_is_short),
		TEST(who_has_rested_is_let_go_when_memory_is_short),
		TEST(limits_may_change_while_it_serves),
		TEST(the_end_of_a_server_ends_its_exchanges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
