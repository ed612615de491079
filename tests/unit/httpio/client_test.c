#include "httpio/net.h"

#include <poll.h>

#include "httpio/client.h"
#include "httpio/server.h"

/* A provider played by hand: the test accepts, reads and writes. */
static int listen_fd;
static uint16_t port;
static struct client *client;
static struct client_limits limits;
static struct origin origin;
static struct call_spec spec;
static struct http_head head;

/* One call and what it told. */
struct watch {
	struct call *call;
	unsigned nsend, nhead, nlast, nfail;
	int status;
	bool sent;
	enum fault why;
	struct buf body;
	/* what to do when told */
	bool pause_on_head, cancel_on_send, cancel_on_head, cancel_on_body;
};

static void
on_send(struct call *c)
{
	struct watch *w = call_user(c);

	w->nsend++;
	assert_true(call_sent(c));
	if (w->cancel_on_send)
		call_cancel(&c);
}

static void
on_head(struct call *c, const struct http_head *h)
{
	struct watch *w = call_user(c);

	w->nhead++;
	w->status = h->status;
	if (w->pause_on_head)
		call_pause(c);
	if (w->cancel_on_head)
		call_cancel(&c);
}

static void
on_body(struct call *c, struct slice data, bool last)
{
	struct watch *w = call_user(c);

	assert_int_equal(w->nhead, 1);
	assert_int_equal(w->nlast, 0);
	buf_add(&w->body, data);
	w->nlast += last;
	if (w->cancel_on_body)
		call_cancel(&c);
}

static void
on_fail(struct call *c, enum fault why)
{
	struct watch *w = call_user(c);

	assert_int_equal(w->nlast, 0);
	w->nfail++;
	w->why = why;
	w->sent = call_sent(c);
}

static const struct call_ops ops = {
	.on_send = on_send,
	.on_head = on_head,
	.on_body = on_body,
	.on_fail = on_fail,
};

static int
setup(void **state)
{
	(void)state;
	log_init("test", LOG_LVL_WARN);
	loop = loop_new();
	listen_fd = net_listen(&port);
	limits = client_limits_default;
	client = client_new(loop, &limits);
	origin = (struct origin){
		.host = "127.0.0.1", .port = port, .literal = true
	};
	head.nhdr = 0;
	head.method = S("GET");
	head.target = S("/v1/x?y");
	spec = (struct call_spec){ .origin = &origin,
		.head = &head,
		.connect_ns = NS_PER_S,
		.first_byte_ns = NS_PER_S,
		.idle_ns = NS_PER_S };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	client_free(&client);
	loop_free(&loop);
	close(listen_fd);
	return 0;
}

static void
begin(struct watch *w)
{
	spec.user = w;
	w->call = call_open(client, &spec, &ops);
	assert_int_equal(w->nhead + w->nlast + w->nfail, 0);
}

static void
restart_client(void)
{
	client_free(&client);
	net_turns(1);
	client = client_new(loop, &limits);
}

#define REQUEST "GET /v1/x?y HTTP/1.1\r\nHost: 127.0.0.1:"

/* Takes one request without body off the wire. */
static void
take(int fd)
{
	struct buf b = { 0 };

	net_until(fd, &b, S("\r\n\r\n"));
	assert_true(slice_starts(buf_slice(&b), S(REQUEST)));
	buf_fini(&b);
}

static void
finish(struct watch *w, const char *body)
{
	NET_UNTIL(w->nlast + w->nfail > 0);
	assert_int_equal(w->nfail, 0);
	assert_true(slice_eq(buf_slice(&w->body), slice_of(body)));
	buf_fini(&w->body);
}

static void
assert_fails(struct watch *w, enum fault why, bool sent)
{
	NET_UNTIL(w->nfail + w->nlast > 0);
	assert_int_equal(w->nlast, 0);
	assert_string_equal(fault_get(w->why)->name, fault_get(why)->name);
	assert_int_equal(w->sent, sent);
	assert_int_equal(w->nsend, sent);
	net_turns(3);
	assert_int_equal(w->nfail, 1);
	buf_fini(&w->body);
}

#define OK3 "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"

static void
a_call_goes_out_as_it_should(void **state)
{
	struct slice body[] = { S_INIT("{\"a\""), S_INIT(""), S_INIT(":1}") };
	struct watch w = { 0 };
	struct buf b = { 0 };
	char want[256];
	int fd;

	(void)state;
	head.method = S("POST");
	http_add(&head, S("authorization"), S("Bearer k"));
	http_add(&head, S("host"), S("evil"));
	http_add(&head, S("Content-Length"), S("99"));
	http_add(&head, S("Transfer-Encoding"), S("chunked"));
	http_add(&head, S("connection"), S("close"));
	http_add(&head, S("x-bad"), S("a\r\nb: c"));
	spec.body = body;
	spec.nbody = 3;
	begin(&w);
	fd = net_accept(listen_fd);
	net_until(fd, &b, S("\r\n\r\n{\"a\":1}"));
	snprintf(want, sizeof(want),
	    "POST /v1/x?y HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
	    "authorization: Bearer k\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
	    port);
	net_assert(&b, want);
	assert_int_equal(w.nsend, 1);
	net_send(fd, S(OK3));
	finish(&w, "abc");
	assert_int_equal(w.status, 200);
	close(fd);
	buf_fini(&b);
}

static void
answers_are_the_same_wherever_they_are_split(void **state)
{
	static const struct {
		struct slice in;
		const char *body;
		bool closes;
	} rows[] = {
		{ S_INIT(OK3), "abc", false },
		{ S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "",
		    false },
		{ S_INIT("HTTP/1.1 204 No\r\n\r\n"), "", false },
		{ S_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			 "\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u\r\n\r\n"),
		    "abc", false },
		{ S_INIT("HTTP/1.1 200 OK\r\n\r\nabc"), "abc", true },
		{ S_INIT("HTTP/1.1 100 Continue\r\n\r\n"
			 "HTTP/1.1 103 Early\r\nA: b\r\n\r\n" OK3),
		    "abc", false },
	};
	struct watch w;
	size_t i, at;
	int fd = -1;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		for (at = 0; at < rows[i].in.len; at++) {
			w = (struct watch){ 0 };
			begin(&w);
			if (fd < 0)
				fd = net_accept(listen_fd);
			else
				assert_true(call_reused(w.call));
			take(fd);
			net_send(fd, (struct slice){ rows[i].in.p, at });
			net_turns(2);
			net_send(fd, (struct slice){ rows[i].in.p + at,
					 rows[i].in.len - at });
			if (rows[i].closes) {
				close(fd);
				fd = -1;
			}
			finish(&w, rows[i].body);
		}
	}
	assert_int_equal(client_open(client), fd < 0 ? 0 : 1);
	close(fd);
}

static void
the_last_used_connection_is_used_first(void **state)
{
	struct watch a = { 0 }, b = { 0 }, c = { 0 };
	int fa, fb;

	(void)state;
	begin(&a);
	fa = net_accept(listen_fd);
	begin(&b);
	fb = net_accept(listen_fd);
	take(fa);
	take(fb);
	net_send(fb, S(OK3));
	finish(&b, "abc");
	net_send(fa, S(OK3));
	finish(&a, "abc");
	begin(&c);
	assert_true(call_reused(c.call) && call_sent(c.call));
	take(fa);
	net_send(fa, S(OK3));
	finish(&c, "abc");
	assert_int_equal(client_open(client), 2);
	client_close_idle(client);
	assert_int_equal(client_open(client), 0);
	close(fa);
	close(fb);
}

static void
pools_are_kept_by_contents(void **state)
{
	struct watch a = { 0 }, b = { 0 }, c = { 0 };
	char host[] = "127.0.0.1";
	struct origin same;
	int fd, other;

	(void)state;
	begin(&a);
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S(OK3));
	finish(&a, "abc");
	same = origin;
	same.host = host;
	spec.origin = &same;
	begin(&b);
	assert_true(call_reused(b.call));
	take(fd);
	net_send(fd, S(OK3));
	finish(&b, "abc");
	same.allow_private = true;
	begin(&c);
	assert_false(call_reused(c.call));
	other = net_accept(listen_fd);
	take(other);
	net_send(other, S(OK3));
	finish(&c, "abc");
	close(fd);
	close(other);
}

static void
an_idle_connection_that_speaks_or_ends_is_closed(void **state)
{
	struct watch w;
	int fd, how;

	(void)state;
	for (how = 0; how < 3; how++) {
		w = (struct watch){ 0 };
		begin(&w);
		fd = net_accept(listen_fd);
		take(fd);
		if (how == 2)
			net_send(fd, S(OK3 "x"));
		else
			net_send(fd, S(OK3));
		finish(&w, "abc");
		if (how == 0)
			shutdown(fd, SHUT_WR);
		if (how == 1)
			net_send(fd, S("HTTP/1.1 408 Timeout\r\n\r\n"));
		NET_UNTIL(client_open(client) == 0);
		close(fd);
	}
}

static void
an_idle_connection_is_not_kept_for_ever(void **state)
{
	struct watch w = { 0 };
	int fd;

	(void)state;
	limits.idle_ns = 20 * NS_PER_MS;
	restart_client();
	begin(&w);
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S(OK3));
	finish(&w, "abc");
	assert_int_equal(client_open(client), 1);
	NET_UNTIL(client_open(client) == 0);
	close(fd);
}

static void
answers_that_end_their_connection_are_not_pooled(void **state)
{
	static const struct slice rows[] = {
		S_INIT("HTTP/1.1 200 OK\r\nConnection: close\r\n"
		       "Content-Length: 3\r\n\r\nabc"),
		S_INIT("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
	};
	struct watch w;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		w = (struct watch){ 0 };
		begin(&w);
		fd = net_accept(listen_fd);
		take(fd);
		net_send(fd, rows[i]);
		finish(&w, "abc");
		assert_int_equal(client_open(client), 0);
		close(fd);
	}
}

static void
what_cannot_be_understood_is_garbage(void **state)
{
	static const struct slice rows[] = {
		S_INIT("SSH-2.0-OpenSSH\r\n\r\n"),
		S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n"),
		S_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "zz\r\n"),
		S_INIT("HTTP/1.1 101 Switching\r\n\r\n"),
		S_INIT("HTTP/1.1 100 A\r\n\r\nHTTP/1.1 100 A\r\n\r\n"
		       "HTTP/1.1 100 A\r\n\r\nHTTP/1.1 100 A\r\n\r\n"
		       "HTTP/1.1 100 A\r\n\r\nHTTP/1.1 100 A\r\n\r\n"
		       "HTTP/1.1 100 A\r\n\r\nHTTP/1.1 100 A\r\n\r\n"
		       "HTTP/1.1 100 A\r\n\r\n"),
	};
	struct watch w;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		w = (struct watch){ 0 };
		begin(&w);
		fd = net_accept(listen_fd);
		take(fd);
		net_send(fd, rows[i]);
		assert_fails(&w, FAULT_UP_GARBAGE, true);
		close(fd);
	}
}

static void
a_head_too_large_is_garbage(void **state)
{
	struct watch w = { 0 };
	int fd;

	(void)state;
	limits.max_head = 64;
	restart_client();
	begin(&w);
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S("HTTP/1.1 200 OK\r\nX: 0123456789012345678901234567890"
		       "123456789012345678901234567890"));
	assert_fails(&w, FAULT_UP_GARBAGE, true);
	close(fd);
}

static void
an_end_before_the_end_is_a_reset(void **state)
{
	static const struct slice rows[] = {
		S_INIT(""),
		S_INIT("HTTP/1.1 200"),
		S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"),
		S_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "3\r\nabc\r\n0\r\n"),
	};
	struct linger now = { 1, 0 };
	struct watch w;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < 2 * NELEM(rows); i++) {
		w = (struct watch){ 0 };
		begin(&w);
		fd = net_accept(listen_fd);
		take(fd);
		net_send(fd, rows[i / 2]);
		net_turns(3);
		if (i % 2 == 1)
			setsockopt(
			    fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(fd);
		assert_fails(&w, FAULT_UP_RESET, true);
	}
}

static void
a_refused_connection_was_never_sent(void **state)
{
	struct watch w = { 0 };

	(void)state;
	close(listen_fd);
	begin(&w);
	assert_fails(&w, FAULT_UP_CONNECT, false);
	listen_fd = net_listen(&port);
}

static void
addresses_inside_are_refused_to_names(void **state)
{
	struct watch w;
	size_t i;
	static const struct {
		const char *host;
		bool literal, allow;
	} rows[] = {
		{ "localhost", false, false },
		{ "127.0.0.1", false, false },
		{ "::1", false, false },
		{ "169.254.169.254", true, true },
		{ "::ffff:169.254.169.254", true, false },
		{ "fd00:ec2::254", true, true },
		{ "10.1.2.3", false, false },
		{ "172.31.0.1", false, false },
		{ "192.168.0.1", false, false },
		{ "169.254.1.1", false, false },
		{ "100.64.0.1", false, false },
		{ "0.0.0.0", false, false },
		{ "fe80::1", false, false },
		{ "fc00::1", false, false },
		{ "::ffff:10.1.2.3", false, false },
	};

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		w = (struct watch){ 0 };
		origin.host = rows[i].host;
		origin.literal = rows[i].literal;
		origin.allow_private = rows[i].allow;
		begin(&w);
		assert_fails(&w, FAULT_UP_ADDRESS, false);
	}
}

/* It may stand inside, and never where a cloud keeps credentials. */
static void
a_proxy_is_never_a_metadata_address(void **state)
{
	static const char *const hosts[] = { "169.254.169.254",
		"::ffff:169.254.169.254", "fd00:ec2::254" };
	struct watch w;
	size_t i;

	(void)state;
	origin.literal = origin.allow_private = true;
	origin.host = "api.example";
	origin.proxy_port = 3128;
	for (i = 0; i < NELEM(hosts); i++) {
		w = (struct watch){ 0 };
		origin.proxy_host = hosts[i];
		begin(&w);
		assert_fails(&w, FAULT_UP_ADDRESS, false);
	}
	origin.proxy_host = NULL;
	origin.proxy_port = 0;
}

/* Not refused any more; nobody answers there.  The rest inside is refused as
 * ever. */
static void
a_metadata_address_is_dialled_only_where_it_is_meant(void **state)
{
	struct watch w = { 0 };

	(void)state;
	origin.metadata = true;
	origin.host = "10.0.0.1";
	origin.literal = origin.allow_private = false;
	begin(&w);
	assert_fails(&w, FAULT_UP_ADDRESS, false);
	w = (struct watch){ 0 };
	origin.host = "169.254.170.2";
	spec.connect_ns = 50 * NS_PER_MS;
	begin(&w);
	assert_fails(&w, FAULT_UP_CONNECT, false);
}

/* localhost is also ::1, where nobody listens: the next address serves. */
static void
localhost_permits_itself_and_leave_is_leave(void **state)
{
	struct watch w;
	int fd, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		w = (struct watch){ 0 };
		origin.host = "localhost";
		origin.literal = i == 0;
		origin.allow_private = i == 1;
		begin(&w);
		fd = net_accept(listen_fd);
		net_turns(3);
		net_send(fd, S(OK3));
		finish(&w, "abc");
		close(fd);
	}
}

static void
above_the_most_connections_is_overload(void **state)
{
	struct watch a = { 0 }, b = { 0 };

	(void)state;
	limits.max_conns = 1;
	restart_client();
	begin(&a);
	begin(&b);
	assert_fails(&b, FAULT_OVERLOAD, false);
	call_cancel(&a.call);
	assert_null(a.call);
	assert_int_equal(client_open(client), 0);
}

/* --- deadlines --------------------------------------------------------- */

static void
give(void *user)
{
	int *fd = user;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
without_a_descriptor_a_call_is_overload_or_is_given_one(void **state)
{
	struct watch w[3] = { { 0 } };
	int fd, spare;

	(void)state;
	spare = net_no_files();
	begin(&w[0]);
	assert_fails(&w[0], FAULT_OVERLOAD, false);
	client_on_want(client, give, &spare);
	begin(&w[1]);
	assert_int_equal(spare, -1);
	begin(&w[2]); /* nothing is left to give */
	assert_fails(&w[2], FAULT_OVERLOAD, false);
	net_files_again();
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S(OK3));
	finish(&w[1], "abc");
	close(fd);
}

/* Who asks for a name needs one, too. */
static void
without_a_descriptor_a_name_is_not_unknown(void **state)
{
	struct watch w[2] = { { 0 } };
	int spare;

	(void)state;
	origin.host = "provider.invalid";
	spare = net_no_files();
	begin(&w[0]);
	assert_fails(&w[0], FAULT_OVERLOAD, false);
	client_on_want(client, give, &spare);
	begin(&w[1]);
	assert_int_equal(spare, -1);
	net_files_again();
	call_cancel(&w[1].call);
}

static void
a_provider_that_does_not_answer_runs_out_of_time(void **state)
{
	struct watch w = { 0 };
	int fd;

	(void)state;
	spec.first_byte_ns = 30 * NS_PER_MS;
	begin(&w);
	fd = net_accept(listen_fd);
	assert_fails(&w, FAULT_UP_TIMEOUT, true);
	close(fd);
}

static void
a_provider_that_stops_in_the_middle_runs_out_of_time(void **state)
{
	struct watch w = { 0 };
	int fd, i;

	(void)state;
	spec.idle_ns = 40 * NS_PER_MS;
	begin(&w);
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"));
	for (i = 0; i < 8; i++) {
		usleep(10000);
		net_send(fd, S("x"));
		net_turns(2);
	}
	assert_int_equal(w.nfail, 0);
	assert_fails(&w, FAULT_UP_TIMEOUT, true);
	close(fd);
}

static void
the_whole_has_its_own_deadline(void **state)
{
	struct watch w = { 0 };
	int fd;

	(void)state;
	spec.total_at_ns = clock_mono_ns() + 60 * NS_PER_MS;
	begin(&w);
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"));
	while (w.nfail == 0) {
		usleep(5000);
		net_send(fd, S("x"));
		net_turns(1);
		assert_true(clock_mono_ns() < spec.total_at_ns + NS_PER_S);
	}
	assert_fails(&w, FAULT_UP_TIMEOUT, true);
	close(fd);
}

static void
a_call_that_is_hurried_has_no_longer(void **state)
{
	struct watch w = { 0 };
	int64_t begun;
	int fd;

	(void)state;
	spec.total_at_ns = clock_mono_ns() + 60 * NS_PER_S;
	begin(&w);
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"));
	NET_UNTIL(w.nhead == 1);
	call_pause(w.call);
	call_hurry(w.call, 60 * NS_PER_MS);
	call_hurry(w.call, 60 * NS_PER_S);
	call_resume(w.call);
	begun = clock_mono_ns();
	while (w.nfail == 0) {
		usleep(5000);
		net_send(fd, S("x"));
		net_turns(1);
		assert_true(clock_mono_ns() < begun + NS_PER_S);
	}
	assert_fails(&w, FAULT_UP_TIMEOUT, true);
	assert_int_equal(client_open(client), 0);
	close(fd);
}

/* A full backlog leaves the SYN unanswered. */
static void
a_connection_that_does_not_come_about_has_a_deadline(void **state)
{
	struct watch w = { 0 };
	int fill[8];
	size_t i;

	(void)state;
	assert_int_equal(listen(listen_fd, 0), 0);
	for (i = 0; i < NELEM(fill); i++)
		fill[i] = net_dial(port);
	spec.connect_ns = 40 * NS_PER_MS;
	begin(&w);
	assert_fails(&w, FAULT_UP_CONNECT, false);
	for (i = 0; i < NELEM(fill); i++)
		close(fill[i]);
}

/* --- backpressure ------------------------------------------------------ */

static void
a_paused_call_reads_nothing(void **state)
{
	enum { TOTAL = 5 * 1024 * 1024 };
	char *block = mem_new(65536);
	struct watch w = { .pause_on_head = true };
	size_t sent = 0, i;
	ssize_t n;
	int fd;

	(void)state;
	for (i = 0; i < 65536; i++)
		block[i] = (char)(i * 13 >> 3);
	spec.idle_ns = 40 * NS_PER_MS;
	begin(&w);
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S("HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n"));
	/* The kernel's buffers fill, ours do not. */
	for (i = 0; i < 50; i++) {
		n = send(fd, block + sent % 65536, 65536 - sent % 65536,
		    MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		loop_turn(loop, NS_PER_MS);
	}
	usleep(50000); /* longer than idle_ns: pausing is not idling */
	net_turns(2);
	assert_int_equal(w.nhead, 1);
	assert_int_equal(w.body.len, 0);
	assert_int_equal(w.nfail, 0);
	call_resume(w.call);
	NET_UNTIL(w.body.len > 0);
	call_pause(w.call);
	i = w.body.len;
	net_turns(5);
	assert_int_equal(w.body.len, i);
	call_resume(w.call);
	while (sent < TOTAL) {
		n = send(fd, block + sent % 65536, 65536 - sent % 65536,
		    MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		net_turns(1);
	}
	NET_UNTIL(w.nlast == 1);
	assert_int_equal(w.body.len, TOTAL);
	for (i = 0; i < TOTAL; i += 65536)
		assert_memory_equal(w.body.p + i, block, 65536);
	close(fd);
	mem_free(block);
	buf_fini(&w.body);
}

static void
a_call_paused_in_its_head_ends_after_the_pause(void **state)
{
	static const struct slice rows[] = {
		S_INIT(OK3),
		S_INIT("HTTP/1.1 204 No\r\n\r\n"),
		S_INIT("HTTP/1.1 200 OK\r\n\r\nabc"),
	};
	static const char *const bodies[] = { "abc", "", "abc" };
	struct watch w;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		client_close_idle(client);
		w = (struct watch){ .pause_on_head = true };
		begin(&w);
		fd = net_accept(listen_fd);
		take(fd);
		net_send(fd, rows[i]);
		if (i == 2)
			shutdown(fd, SHUT_WR);
		net_turns(5);
		assert_int_equal(w.nhead, 1);
		assert_int_equal(w.nlast + w.body.len, 0);
		call_resume(w.call);
		finish(&w, bodies[i]);
		close(fd);
	}
}

static void
a_large_request_goes_out_as_the_peer_reads(void **state)
{
	enum { TOTAL = 5 * 1024 * 1024 };
	char *block = mem_new(TOTAL);
	struct slice body[2] = { { block, 1000 },
		{ block + 1000, TOTAL - 1000 } };
	struct watch w = { 0 };
	struct buf b = { 0 };
	size_t i, at;
	int fd, round;

	(void)state;
	for (i = 0; i < TOTAL; i++)
		block[i] = (char)(i * 11 >> 3);
	head.method = S("POST");
	spec.nbody = 2;
	fd = -1;
	/* Then once more on the kept connection. */
	for (round = 0; round < 2; round++) {
		struct slice array[2];

		memcpy(array, body, sizeof(array));
		spec.body = array;
		begin(&w);
		memset(array, 0, sizeof(array)); /* only its bytes are lent */
		if (fd < 0)
			fd = net_accept(listen_fd);
		net_turns(10);
		net_until(fd, &b, (struct slice){ block + TOTAL - 64, 64 });
		at = b.len - TOTAL;
		assert_memory_equal(b.p + at, block, TOTAL);
		buf_clear(&b);
		net_send(fd, S(OK3));
		finish(&w, "abc");
		assert_int_equal(w.nsend, 1);
		w = (struct watch){ 0 };
	}
	close(fd);
	mem_free(block);
	buf_fini(&b);
}

/* The provider refuses before it has read all; its words must arrive. */
static void
an_early_answer_is_heard_and_the_connection_ended(void **state)
{
	enum { TOTAL = 8 * 1024 * 1024 };
	char *block = mem_new(TOTAL);
	struct slice body = { block, TOTAL };
	struct watch w = { 0 };
	int fd;

	(void)state;
	head.method = S("POST");
	spec.body = &body;
	spec.nbody = 1;
	begin(&w);
	fd = net_accept(listen_fd);
	net_turns(10);
	net_send(fd, S("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\n"));
	NET_UNTIL(w.nhead == 1);
	memset(block, 0, TOTAL); /* lent until on_head, no longer */
	net_send(fd, S("big"));
	finish(&w, "big");
	assert_int_equal(w.status, 413);
	assert_int_equal(client_open(client), 0);
	close(fd);
	mem_free(block);
}

/* --- re-entrance ------------------------------------------------------- */

static void
a_call_may_be_cancelled_in_any_callback(void **state)
{
	struct watch w[3] = { { .cancel_on_send = true },
		{ .cancel_on_head = true }, { .cancel_on_body = true } };
	int fd, i;

	(void)state;
	for (i = 0; i < 3; i++) {
		begin(&w[i]);
		fd = net_accept(listen_fd);
		if (i > 0)
			take(fd);
		net_send(fd, S(OK3));
		NET_UNTIL(client_open(client) == 0);
		assert_int_equal(w[i].nsend, 1);
		assert_int_equal(w[i].nhead, i > 0);
		assert_int_equal(w[i].nfail, 0);
		close(fd);
		buf_fini(&w[i].body);
	}
	/* On a kept connection on_send comes from within call_open(). */
	w[2] = (struct watch){ 0 };
	begin(&w[2]);
	fd = net_accept(listen_fd);
	take(fd);
	net_send(fd, S(OK3));
	finish(&w[2], "abc");
	w[0] = (struct watch){ .cancel_on_send = true };
	begin(&w[0]);
	assert_int_equal(client_open(client), 0);
	close(fd);
}

static void
a_call_may_be_cancelled_at_any_time(void **state)
{
	struct watch w = { 0 };
	int fd;

	(void)state;
	begin(&w);
	call_cancel(&w.call); /* the kernel has connected it already */
	close(net_accept(listen_fd));
	begin(&w);
	fd = net_accept(listen_fd);
	take(fd);
	call_cancel(&w.call);
	net_turns(3);
	assert_int_equal(client_open(client), 0);
	assert_int_equal(w.nfail + w.nhead, 0);
	close(fd);
}

/* --- both ends --------------------------------------------------------- */

static void
relay_on_send(struct call *c)
{
	(void)c;
}

static void
relay_on_head(struct call *c, const struct http_head *h)
{
	exchange_answer(call_user(c), h->status, h->hdr, h->nhdr, -1);
}

static unsigned npause;

static void
relay_on_body(struct call *c, struct slice data, bool last)
{
	struct exchange *x = call_user(c);

	exchange_write(x, data, last);
	if (!last && exchange_full(x)) {
		npause++;
		call_pause(c);
	}
}

static void
relay_on_fail(struct call *c, enum fault why)
{
	(void)why;
	exchange_abort(call_user(c));
}

static void
relay_on_request(struct exchange *x)
{
	static const struct call_ops relay_ops = {
		.on_send = relay_on_send,
		.on_head = relay_on_head,
		.on_body = relay_on_body,
		.on_fail = relay_on_fail,
	};
	struct call_spec s = spec;

	s.head = x->head;
	s.body = &x->body;
	s.nbody = 1;
	s.user = x;
	x->user = call_open(client, &s, &relay_ops);
}

static void
relay_on_drain(struct exchange *x)
{
	call_resume(x->user);
}

static void
relay_on_gone(struct exchange *x)
{
	struct call *c = x->user;

	call_cancel(&c);
	exchange_abort(x);
}

static void
relay_on_bad(struct exchange *x, enum fault why)
{
	(void)why;
	exchange_abort(x);
}

static const struct server_ops relay_server = {
	.on_request = relay_on_request,
	.on_bad = relay_on_bad,
	.on_drain = relay_on_drain,
	.on_gone = relay_on_gone,
};

/* 5 MB in, 5 MB out, both in chunks, through a reader that is slower than
 * the provider. */
static void
a_relay_holds_back_the_provider_for_a_slow_client(void **state)
{
	enum { TOTAL = 5 * 1024 * 1024, CHUNK = 65536 };
	char *block = mem_new(CHUNK), size[] = "10000\r\n";
	struct buf up = { 0 }, down = { 0 };
	struct server *server;
	struct server_limits lim = server_limits_default;
	uint16_t front;
	int front_fd = net_listen(&front), in, out, i;
	struct iovec part[3];

	(void)state;
	npause = 0;
	for (i = 0; i < CHUNK; i++)
		block[i] = (char)('a' + i % 23);
	part[0] = (struct iovec){ size, 7 };
	part[1] = (struct iovec){ block, CHUNK };
	part[2] = (struct iovec){ size + 5, 2 };
	server = server_new(loop, front_fd, &relay_server, &lim, NULL);
	in = net_dial(front);
	net_send(in, S("POST /v1/x?y HTTP/1.1\r\nHost: a\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n"));
	for (i = 0; i < 3 * TOTAL / CHUNK; i++)
		net_send(in, (struct slice){
				 part[i % 3].iov_base, part[i % 3].iov_len });
	net_send(in, S("0\r\n\r\n"));
	out = net_accept(listen_fd);
	NET_UNTIL((net_read(out, &up), up.len > TOTAL));
	assert_true(net_has(&up, "Content-Length: 5242880\r\n\r\n"));
	assert_memory_equal(up.p + up.len - CHUNK, block, CHUNK);
	net_send(
	    out, S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
	for (i = 0; i < 3 * TOTAL / CHUNK; i++) {
		struct slice left = { part[i % 3].iov_base,
			part[i % 3].iov_len };

		while (left.len > 0) {
			ssize_t n = send(out, left.p, left.len, MSG_NOSIGNAL);

			if (n > 0) {
				left.p += n;
				left.len -= (size_t)n;
			} else {
				net_read(in, &down);
			}
			net_turns(1);
		}
	}
	net_send(out, S("0\r\n\r\n"));
	net_until(in, &down, S("\r\n0\r\n\r\n"));
	assert_true(npause > 0);
	assert_true(down.len > TOTAL && down.len < TOTAL + TOTAL / 8);
	server_free(&server);
	close(in);
	close(out);
	close(front_fd);
	mem_free(block);
	buf_fini(&up);
	buf_fini(&down);
}

static void
a_client_that_goes_takes_its_call_with_it(void **state)
{
	struct server *server;
	struct server_limits lim = server_limits_default;
	struct buf b = { 0 };
	uint16_t front;
	int front_fd = net_listen(&front), in, out;

	(void)state;
	server = server_new(loop, front_fd, &relay_server, &lim, NULL);
	in = net_dial(front);
	net_send(in, S("GET /v1/x?y HTTP/1.1\r\nHost: a\r\n\r\n"));
	out = net_accept(listen_fd);
	take(out);
	net_send(out, S("HTTP/1.1 200 OK\r\n\r\nsome"));
	net_until(in, &b, S("some\r\n"));
	close(in);
	(void)net_to_end(out, &b);
	assert_int_equal(client_open(client), 0);
	NET_UNTIL(server_open(server) == 0);
	server_free(&server);
	close(out);
	close(front_fd);
	buf_fini(&b);
}

/* A worker with that many callers at one provider opens no new ones. */
static void
a_crowd_finds_its_connections_again(void **state)
{
	enum { CROWD = 300 };
	static struct watch w[CROWD];
	static int fd[CROWD];
	struct pollfd more = { .fd = listen_fd, .events = POLLIN };
	int i, round;

	(void)state;
	for (round = 0; round < 2; round++) {
		memset(w, 0, sizeof(w));
		for (i = 0; i < CROWD; i++) {
			begin(&w[i]);
			if (round == 0)
				fd[i] = net_accept(listen_fd);
		}
		for (i = 0; i < CROWD; i++)
			take(fd[i]);
		for (i = 0; i < CROWD; i++)
			net_send(fd[i], S(OK3));
		for (i = 0; i < CROWD; i++)
			finish(&w[i], "abc");
	}
	assert_int_equal(poll(&more, 1, 0), 0);
	for (i = 0; i < CROWD; i++)
		close(fd[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_crowd_finds_its_connections_again),
		TEST(a_call_goes_out_as_it_should),
		TEST(answers_are_the_same_wherever_they_are_split),
		TEST(the_last_used_connection_is_used_first),
		TEST(pools_are_kept_by_contents),
		TEST(an_idle_connection_that_speaks_or_ends_is_closed),
		TEST(an_idle_connection_is_not_kept_for_ever),
		TEST(answers_that_end_their_connection_are_not_pooled),
		TEST(what_cannot_be_understood_is_garbage),
		TEST(a_head_too_large_is_garbage),
		TEST(an_end_before_the_end_is_a_reset),
		TEST(a_refused_connection_was_never_sent),
		TEST(addresses_inside_are_refused_to_names),
		TEST(a_proxy_is_never_a_metadata_address),
		TEST(a_metadata_address_is_dialled_only_where_it_is_meant),
		TEST(localhost_permits_itself_and_leave_is_leave),
		TEST(above_the_most_connections_is_overload),
		TEST(without_a_descriptor_a_call_is_overload_or_is_given_one),
		TEST(without_a_descriptor_a_name_is_not_unknown),
		TEST(a_provider_that_does_not_answer_runs_out_of_time),
		TEST(a_provider_that_stops_in_the_middle_runs_out_of_time),
		TEST(the_whole_has_its_own_deadline),
		TEST(a_call_that_is_hurried_has_no_longer),
		TEST(a_connection_that_does_not_come_about_has_a_deadline),
		TEST(a_paused_call_reads_nothing),
		TEST(a_call_paused_in_its_head_ends_after_the_pause),
		TEST(a_large_request_goes_out_as_the_peer_reads),
		TEST(an_early_answer_is_heard_and_the_connection_ended),
		TEST(a_call_may_be_cancelled_in_any_callback),
		TEST(a_call_may_be_cancelled_at_any_time),
		TEST(a_relay_holds_back_the_provider_for_a_slow_client),
		TEST(a_client_that_goes_takes_its_call_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
