#include "httpio/net.h"

#include <nghttp2/nghttp2.h>

#include "httpio/client.h"

/* A provider played by nghttp2's server over a raw socket. */
static int listen_fd, fd;
static uint16_t port;
static struct client *client;
static struct client_limits limits;
static struct origin origin;
static struct call_spec spec;
static struct http_head head;

/* --- calls --------------------------------------------------------------- */

struct watch {
	struct call *call;
	unsigned nsend, nhead, nlast, nfail;
	int status;
	bool sent, reused;
	enum fault why;
	struct buf body;
	bool pause_on_head, cancel_on_send, cancel_on_head, cancel_on_body;
	size_t pause_at; /* of the body; 0: nowhere */
};

static void
on_send(struct call *c)
{
	struct watch *w = call_user(c);

	w->nsend++;
	w->reused = call_reused(c);
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
	assert_true(
	    slice_eq(http_value(h, S("content-type")), S("text/plain")));
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
	else if (w->pause_at > 0 && w->body.len >= w->pause_at && !last)
		call_pause(c);
}

static void
on_fail(struct call *c, enum fault why)
{
	struct watch *w = call_user(c);

	assert_int_equal(w->nlast, 0);
	w->nfail++;
	w->why = why;
	w->sent = call_sent(c);
	w->reused = call_reused(c);
}

static const struct call_ops ops = {
	.on_send = on_send,
	.on_head = on_head,
	.on_body = on_body,
	.on_fail = on_fail,
};

static void
begin(struct watch *w)
{
	spec.user = w;
	w->call = call_open(client, &spec, &ops);
	assert_int_equal(w->nhead + w->nlast + w->nfail, 0);
}

/* --- the provider -------------------------------------------------------- */

static nghttp2_session *peer;
static int32_t asked[512]; /* streams whose request is whole */
static unsigned nasked, nreset, nconn;
static uint32_t reset_code;
static struct buf fields, uploaded;
static bool ended;

struct answer {
	const char *p;
	size_t left;
	bool open; /* more will come, or never */
};
static struct answer answers[512];

static ssize_t
send_cb(nghttp2_session *s, const uint8_t *p, size_t len, int flags, void *u)
{
	ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

	(void)s, (void)flags, (void)u;
	if (n < 0)
		return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK
				       : NGHTTP2_ERR_CALLBACK_FAILURE;
	return n;
}

static int
header_cb(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
    void *u)
{
	(void)s, (void)f, (void)flags, (void)u;
	buf_add(&fields, (struct slice){ (const char *)name, name_len });
	buf_str(&fields, ": ");
	buf_add(&fields, (struct slice){ (const char *)value, value_len });
	buf_char(&fields, '\n');
	return 0;
}

static int
chunk_cb(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p,
    size_t len, void *u)
{
	(void)s, (void)flags, (void)id, (void)u;
	buf_add(&uploaded, (struct slice){ (const char *)p, len });
	return 0;
}

static int
frame_cb(nghttp2_session *s, const nghttp2_frame *f, void *u)
{
	(void)s, (void)u;
	if ((f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) &&
	    (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		asked[nasked++] = f->hd.stream_id;
	if (f->hd.type == NGHTTP2_RST_STREAM) {
		nreset++;
		reset_code = f->rst_stream.error_code;
	}
	return 0;
}

static void
allow(uint32_t streams)
{
	const nghttp2_settings_entry e = {
		NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams
	};

	nghttp2_submit_settings(peer, NGHTTP2_FLAG_NONE, &e, 1);
}

static void
peer_open(uint32_t streams)
{
	nghttp2_session_callbacks *c;

	fd = net_accept(listen_fd);
	nconn++;
	ended = false;
	nghttp2_session_callbacks_new(&c);
	nghttp2_session_callbacks_set_send_callback(c, send_cb);
	nghttp2_session_callbacks_set_on_header_callback(c, header_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, chunk_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, frame_cb);
	nghttp2_session_server_new(&peer, c, NULL);
	nghttp2_session_callbacks_del(c);
	allow(streams);
}

static void
peer_close(void)
{
	nghttp2_session_del(peer);
	peer = NULL;
	if (fd >= 0)
		close(fd);
	fd = -1;
	nasked = 0;
}

static ssize_t
read_cb(nghttp2_session *s, int32_t id, uint8_t *to, size_t cap,
    uint32_t *flags, nghttp2_data_source *source, void *u)
{
	struct answer *a = source->ptr;
	size_t n = a->left < cap ? a->left : cap;

	(void)s, (void)id, (void)u;
	if (n == 0 && a->open)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(to, a->p, n);
	a->p += n;
	a->left -= n;
	if (a->left == 0 && !a->open)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define NV(name, value) \
	{ \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), \
		    strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE \
	}

static void
say(int32_t id, const char *status, struct slice text, bool open)
{
	const nghttp2_nv nv[] = { NV(":status", status),
		NV("content-type", "text/plain") };
	struct answer *a = &answers[id % (int)NELEM(answers)];
	nghttp2_data_provider from = { { .ptr = a }, read_cb };

	*a = (struct answer){ text.p, text.len, open };
	assert_int_equal(
	    nghttp2_submit_response(peer, id, nv, NELEM(nv), &from), 0);
}

static void
turn(void)
{
	uint8_t in[16384];
	ssize_t n;

	if (peer != NULL)
		(void)nghttp2_session_send(peer);
	loop_turn(loop, 0);
	if (peer == NULL)
		return;
	while ((n = recv(fd, in, sizeof(in), 0)) > 0)
		assert_true(nghttp2_session_mem_recv(peer, in, (size_t)n) >= 0);
	ended |= n == 0 || (n < 0 && errno != EAGAIN);
	(void)nghttp2_session_send(peer);
}

#define UNTIL(cond) NET_UNTIL((turn(), (cond)))

static int
setup(void **state)
{
	(void)state;
	log_init("test", LOG_LVL_WARN);
	loop = loop_new();
	listen_fd = net_listen(&port);
	limits = client_limits_default;
	client = client_new(loop, &limits);
	origin = (struct origin){ .host = "127.0.0.1",
		.port = port,
		.literal = true,
		.http = ORIGIN_H2C };
	head.nhdr = 0;
	head.lens = 0;
	head.method = S("GET");
	head.target = S("/v1/x?y");
	spec = (struct call_spec){ .origin = &origin,
		.head = &head,
		.connect_ns = NS_PER_S,
		.first_byte_ns = NS_PER_S,
		.idle_ns = NS_PER_S };
	nasked = nreset = nconn = 0;
	reset_code = 0;
	fd = -1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	client_free(&client);
	loop_free(&loop);
	peer_close();
	close(listen_fd);
	buf_fini(&fields);
	buf_fini(&uploaded);
	return 0;
}

static void
end(struct watch *w)
{
	buf_fini(&w->body);
}

/* --- tests --------------------------------------------------------------- */

static void
a_call_goes_out_as_http2_says(void **state)
{
	const struct slice body[] = { S("{\"a\":"), S("1}") };
	struct watch w = { 0 };
	char want[512];

	(void)state;
	head.method = S("POST");
	http_add(&head, S("Authorization"), S("Bearer x"));
	http_add(&head, S("Connection"), S("close"));
	http_add(&head, S("TE"), S("trailers"));
	spec.body = body;
	spec.nbody = 2;
	begin(&w);
	peer_open(100);
	UNTIL(nasked == 1);
	snprintf(want, sizeof(want),
	    ":method: POST\n:scheme: http\n:authority: 127.0.0.1:%u\n"
	    ":path: /v1/x?y\nauthorization: Bearer x\ncontent-length: 7\n",
	    port);
	assert_string_equal(buf_cstr(&fields), want);
	assert_true(slice_eq(buf_slice(&uploaded), S("{\"a\":1}")));
	assert_int_equal(w.nsend, 1);
	assert_false(w.reused);
	say(asked[0], "200", S("hello"), false);
	UNTIL(w.nlast == 1);
	assert_int_equal(w.status, 200);
	assert_true(slice_eq(buf_slice(&w.body), S("hello")));
	assert_int_equal(client_open(client), 1);
	end(&w);
}

static void
many_calls_share_one_connection(void **state)
{
	enum { N = 50 };
	static struct watch w[N];
	unsigned i;

	(void)state;
	memset(w, 0, sizeof(w));
	/* Also those that come before it stands. */
	for (i = 0; i < N; i++)
		begin(&w[i]);
	peer_open(100);
	UNTIL(nasked == N);
	for (i = 0; i < N; i++)
		say(asked[N - 1 - i], "200", S("x"), false);
	for (i = 0; i < N; i++)
		UNTIL(w[i].nlast == 1);
	assert_int_equal(client_open(client), 1);
	end(&w[0]);
	memset(w, 0, sizeof(w[0]));
	begin(&w[0]);
	UNTIL(nasked == N + 1);
	assert_true(w[0].reused);
	say(asked[N], "404", S("y"), false);
	UNTIL(w[0].nlast == 1);
	assert_int_equal(w[0].status, 404);
	for (i = 0; i < N; i++)
		end(&w[i]);
}

static void
what_the_peer_does_not_allow_goes_elsewhere(void **state)
{
	struct watch w[5] = { { 0 } };
	unsigned i;

	(void)state;
	begin(&w[0]);
	peer_open(2);
	UNTIL(nasked == 1);
	turn();
	begin(&w[1]);
	UNTIL(nasked == 2);
	/* What one connection said holds for the next, before it says so. */
	begin(&w[2]);
	begin(&w[3]);
	assert_int_equal(client_open(client), 2);
	begin(&w[4]);
	assert_int_equal(client_open(client), 3);
	for (i = 0; i < 5; i++)
		call_cancel(&w[i].call);
}

/* A peer may say that it takes none, for a while: that is no reason to
 * connect again and again. */
static void
who_allows_no_call_gets_no_more_connections(void **state)
{
	struct watch w[4] = { { 0 } };
	unsigned i;

	(void)state;
	begin(&w[0]);
	peer_open(1);
	UNTIL(nasked == 1);
	allow(0);
	for (i = 0; i < 3; i++)
		turn();
	for (i = 1; i < 3; i++) {
		begin(&w[i]);
		UNTIL(w[i].nfail == 1);
		assert_int_equal(w[i].why, FAULT_UP_RESET);
		assert_false(w[i].sent);
		assert_true(w[i].reused);
	}
	assert_int_equal(client_open(client), 1);
	/* Until it says otherwise. */
	allow(1);
	say(asked[0], "200", S("x"), false);
	UNTIL(w[0].nlast == 1);
	begin(&w[3]);
	UNTIL(nasked == 2);
	assert_int_equal(client_open(client), 1);
	call_cancel(&w[3].call);
	end(&w[0]);
}

/* The first call of a connection goes out before the peer has said a word. */
static void
what_the_peer_has_not_said_yet_is_as_it_was(void **state)
{
	struct watch w[7] = { { 0 } };
	unsigned i;

	(void)state;
	begin(&w[0]);
	peer_open(2);
	UNTIL(nasked == 1);
	turn();
	begin(&w[1]);
	UNTIL(nasked == 2);
	begin(&w[2]);
	UNTIL(w[2].nsend == 1);
	begin(&w[3]);
	assert_int_equal(w[3].nsend, 1);
	assert_int_equal(client_open(client), 2);
	begin(&w[4]);
	begin(&w[5]);
	assert_int_equal(client_open(client), 3);
	begin(&w[6]);
	assert_int_equal(client_open(client), 4);
	for (i = 0; i < 7; i++)
		call_cancel(&w[i].call);
}

static void
a_large_body_waits_for_windows(void **state)
{
	const size_t len = 700 * 1024;
	char *big = mem_new(len);
	const struct slice body[] = { { big, len - 1 }, { "z", 1 } };
	struct watch w = { 0 };

	(void)state;
	memset(big, 'a', len);
	head.method = S("POST");
	spec.body = body;
	spec.nbody = 2;
	begin(&w);
	peer_open(100);
	UNTIL(nasked == 1);
	assert_int_equal(uploaded.len, len);
	assert_int_equal(uploaded.p[len - 1], 'z');
	say(asked[0], "200", S("ok"), false);
	UNTIL(w.nlast == 1);
	mem_free(big);
	end(&w);
}

static void
a_paused_call_holds_its_own_stream_only(void **state)
{
	const size_t len = 2 * 1024 * 1024;
	char *big = mem_new(len);
	struct watch slow = { .pause_on_head = true }, quick = { 0 };

	(void)state;
	memset(big, 'a', len);
	begin(&slow);
	begin(&quick);
	peer_open(100);
	UNTIL(nasked == 2);
	say(asked[0], "200", (struct slice){ big, len }, false);
	say(asked[1], "200", (struct slice){ big, len }, false);
	/* Whichever came first is told by who got bytes. */
	UNTIL(quick.nlast == 1);
	assert_int_equal(quick.body.len, len);
	assert_int_equal(slow.body.len, 0);
	assert_int_equal(slow.nlast, 0);
	call_resume(slow.call);
	UNTIL(slow.nlast == 1);
	assert_int_equal(slow.body.len, len);
	mem_free(big);
	end(&slow);
	end(&quick);
}

/* Calls of w are answered with so much, until nothing moves: what the peer
 * could send beyond what they were given, together. */
static size_t
sent_ahead(struct watch *w, unsigned n, struct slice answer)
{
	const unsigned before = nasked;
	size_t ahead = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		begin(&w[i]);
	if (peer == NULL)
		peer_open(100);
	UNTIL(nasked == before + n);
	for (i = 0; i < n; i++)
		say(asked[before + i], "200", answer, false);
	for (i = 0; i < 500; i++)
		turn();
	for (i = 0; i < n; i++)
		ahead += answer.len - answers[asked[before + i]].left -
			 w[i].body.len;
	return ahead;
}

static void
new_client(size_t max_wide)
{
	client_free(&client);
	net_turns(1);
	limits.max_wide = max_wide;
	client = client_new(loop, &limits);
}

static void
who_does_not_begin_to_read_is_sent_little(void **state)
{
	enum { LEN = 1024 * 1024 };
	char *big = mem_new(LEN);
	struct watch w = { .pause_on_head = true };

	(void)state;
	memset(big, 'a', LEN);
	assert_int_equal(sent_ahead(&w, 1, (struct slice){ big, LEN }), 65535);
	call_resume(w.call);
	UNTIL(w.nlast == 1);
	assert_int_equal(w.body.len, LEN);
	mem_free(big);
	end(&w);
}

/* It doubles as long as the call takes what comes. */
static void
who_has_read_much_is_sent_more_at_a_time(void **state)
{
	enum { LEN = 1024 * 1024, AT = 600 * 1024 };
	char *big = mem_new(LEN);
	struct watch w = { .pause_at = AT };
	size_t ahead, was;

	(void)state;
	memset(big, 'a', LEN);
	ahead = sent_ahead(&w, 1, (struct slice){ big, LEN });
	assert_in_range(ahead, 100 * 1024, 256 * 1024);
	/* What waits is handed on until the call is paused again. */
	was = w.body.len;
	call_resume(w.call);
	net_turns(3);
	assert_int_equal(w.body.len, was + 64 * 1024);
	w.pause_at = 0;
	call_resume(w.call);
	UNTIL(w.nlast == 1);
	assert_int_equal(w.body.len, LEN);
	assert_int_equal(memcmp(w.body.p, big, LEN), 0);
	mem_free(big);
	end(&w);
}

static void
what_is_sent_ahead_of_all_calls_has_a_bound(void **state)
{
	enum { LEN = 1024 * 1024, AT = 600 * 1024, N = 8, WIDE = 200 * 1024 };
	const struct slice big = { mem_new(LEN), LEN };
	struct watch w[N];
	unsigned i;

	(void)state;
	new_client(WIDE);
	for (i = 0; i < N; i++)
		w[i] = (struct watch){ .pause_at = AT };
	assert_in_range(sent_ahead(w, N, big), 0, N * 65535 + WIDE);
	for (i = 0; i < N; i++) {
		call_cancel(&w[i].call);
		end(&w[i]);
	}
	/* What they have let go is the next one's. */
	w[0] = (struct watch){ .pause_at = AT };
	assert_in_range(sent_ahead(w, 1, big), 66 * 1024, 65535 + WIDE);
	mem_free((char *)(uintptr_t)big.p);
	call_cancel(&w[0].call);
	end(&w[0]);
}

static void
a_cancelled_call_resets_its_stream(void **state)
{
	struct watch w[5] = { { 0 }, { .cancel_on_head = true },
		{ .cancel_on_body = true }, { .cancel_on_send = true } };
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++)
		begin(&w[i]);
	peer_open(100);
	UNTIL(nasked == 3);
	call_cancel(&w[0].call);
	UNTIL(nreset == 1);
	assert_int_equal(reset_code, NGHTTP2_CANCEL);
	for (i = 0; i < 3; i++)
		if (nghttp2_session_get_stream_remote_close(peer, asked[i]) ==
		    1)
			say(asked[i], "200", S("x"), true);
	UNTIL(nreset == 3);
	begin(&w[3]);
	begin(&w[4]);
	UNTIL(nasked == 4);
	say(asked[3], "200", S("x"), false);
	UNTIL(w[4].nlast == 1);
	for (i = 0; i < 4; i++)
		assert_int_equal(w[i].nfail + w[i].nlast, 0);
	assert_int_equal(client_open(client), 1);
	for (i = 0; i < 5; i++)
		end(&w[i]);
}

static void
others_outlive_the_call_that_dialled(void **state)
{
	struct watch w[2] = { { 0 } };

	(void)state;
	begin(&w[0]);
	begin(&w[1]);
	call_cancel(&w[0].call);
	peer_open(100);
	UNTIL(nasked == 1);
	say(asked[0], "200", S("x"), false);
	UNTIL(w[1].nlast == 1);
	assert_int_equal(w[0].nsend, 0);
	end(&w[1]);
}

/* Connected, but silent: the proxy of an origin that is being dialled. */
static void
behind_a_slow_proxy(void)
{
	origin.proxy_host = "127.0.0.1";
	origin.proxy_port = port;
}

/* A tunnel begins with nothing behind its head. */
static void
tunnel(void)
{
	struct buf in = { 0 };

	net_until(fd, &in, S("\r\n\r\n"));
	buf_fini(&in);
	net_send(fd, S("HTTP/1.1 200 OK\r\n\r\n"));
	net_turns(10);
}

static void
others_outlive_the_haste_of_the_call_that_dialled(void **state)
{
	struct watch w[3] = { { 0 } };
	unsigned i;

	(void)state;
	behind_a_slow_proxy();
	spec.connect_ns = 10 * NS_PER_S;
	spec.total_at_ns = clock_mono_ns() + 50 * NS_PER_MS;
	begin(&w[0]);
	spec.total_at_ns = 0;
	for (i = 1; i < 3; i++)
		begin(&w[i]);
	peer_open(100);
	NET_UNTIL(w[0].nfail == 1);
	assert_int_equal(w[0].why, FAULT_UP_TIMEOUT);
	assert_false(w[0].sent);
	assert_int_equal(w[1].nfail + w[2].nfail, 0);
	tunnel();
	UNTIL(nasked == 2);
	for (i = 0; i < 2; i++)
		say(asked[i], "200", S("x"), false);
	UNTIL(w[1].nlast + w[2].nlast == 2);
	assert_int_equal(w[0].nsend, 0);
	assert_int_equal(client_open(client), 1);
	for (i = 1; i < 3; i++)
		end(&w[i]);
}

/* Of a turn that comes late, so that both are over. */
static void
the_end_of_the_connecting_is_no_haste_of_others(void **state)
{
	struct watch w[2] = { { 0 } };

	(void)state;
	behind_a_slow_proxy();
	spec.connect_ns = 50 * NS_PER_MS;
	spec.total_at_ns = clock_mono_ns() + 50 * NS_PER_MS;
	begin(&w[0]);
	spec.connect_ns = 10 * NS_PER_S;
	spec.total_at_ns = 0;
	begin(&w[1]);
	net_turns(10); /* the proxy is asked */
	usleep(70000);
	NET_UNTIL(w[1].nfail == 1);
	assert_int_equal(w[0].nfail, 1);
	assert_int_equal(w[0].why, FAULT_UP_TIMEOUT);
	assert_int_equal(w[1].why, FAULT_UP_CONNECT);
	assert_false(w[1].sent);
}

static void
others_outlive_the_time_of_a_call_that_was_cancelled(void **state)
{
	struct watch w[2] = { { 0 } };
	const int64_t until = clock_mono_ns() + 50 * NS_PER_MS;

	(void)state;
	behind_a_slow_proxy();
	spec.connect_ns = 10 * NS_PER_S;
	spec.total_at_ns = until;
	begin(&w[0]);
	spec.total_at_ns = 0;
	begin(&w[1]);
	peer_open(100);
	net_turns(10); /* the proxy is asked */
	call_cancel(&w[0].call);
	NET_UNTIL(clock_mono_ns() > until + 20 * NS_PER_MS);
	assert_int_equal(w[1].nfail, 0);
	tunnel();
	UNTIL(nasked == 1);
	say(asked[0], "200", S("x"), false);
	UNTIL(w[1].nlast == 1);
	end(&w[1]);
}

static void
a_failed_dial_fails_all_that_wait(void **state)
{
	struct watch w[3] = { { 0 } };
	unsigned i;

	(void)state;
	origin.port = 1; /* nobody */
	for (i = 0; i < 3; i++)
		begin(&w[i]);
	for (i = 0; i < 3; i++) {
		UNTIL(w[i].nfail == 1);
		assert_int_equal(w[i].why, FAULT_UP_CONNECT);
		assert_false(w[i].sent);
	}
	UNTIL(client_open(client) == 0);
}

static void
goaway_says_what_was_not_looked_at(void **state)
{
	struct watch w[3] = { { 0 } };
	int32_t first;

	(void)state;
	begin(&w[0]);
	peer_open(100);
	UNTIL(nasked == 1);
	first = asked[0];
	begin(&w[1]);
	UNTIL(nasked == 2);
	say(first, "200", S("half "), true);
	UNTIL(w[0].body.len == 5);
	nghttp2_submit_goaway(
	    peer, NGHTTP2_FLAG_NONE, first, NGHTTP2_NO_ERROR, NULL, 0);
	UNTIL(w[1].nfail == 1);
	assert_int_equal(w[1].why, FAULT_UP_RESET);
	assert_false(w[1].sent);
	assert_true(w[1].reused);
	/* The other one goes on to its end, and a new one goes elsewhere. */
	begin(&w[2]);
	assert_int_equal(client_open(client), 2);
	answers[first].p = "whole";
	answers[first].left = 5;
	answers[first].open = false;
	nghttp2_session_resume_data(peer, first);
	UNTIL(w[0].nlast == 1);
	assert_true(slice_eq(buf_slice(&w[0].body), S("half whole")));
	UNTIL(ended);
	call_cancel(&w[2].call);
	end(&w[0]);
}

static void
a_refused_stream_was_not_sent(void **state)
{
	struct watch w = { 0 };

	(void)state;
	begin(&w);
	peer_open(100);
	UNTIL(nasked == 1);
	nghttp2_submit_rst_stream(
	    peer, NGHTTP2_FLAG_NONE, asked[0], NGHTTP2_REFUSED_STREAM);
	UNTIL(w.nfail == 1);
	assert_int_equal(w.why, FAULT_UP_RESET);
	assert_false(w.sent);
	assert_true(w.reused);
}

static void
a_reset_and_a_lost_connection_are_resets(void **state)
{
	struct watch w[3] = { { 0 } };
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++)
		begin(&w[i]);
	peer_open(100);
	UNTIL(nasked == 3);
	for (i = 0; i < 3; i++)
		say(asked[i], "200", S("x"), true);
	UNTIL(w[0].nhead + w[1].nhead + w[2].nhead == 3);
	nghttp2_submit_rst_stream(
	    peer, NGHTTP2_FLAG_NONE, asked[0], NGHTTP2_INTERNAL_ERROR);
	UNTIL(w[0].nfail + w[1].nfail + w[2].nfail == 1);
	peer_close();
	for (i = 0; i < 3; i++) {
		UNTIL(w[i].nfail == 1);
		assert_int_equal(w[i].why, FAULT_UP_RESET);
		assert_true(w[i].sent);
		end(&w[i]);
	}
	UNTIL(client_open(client) == 0);
}

static void
what_is_not_http2_is_garbage(void **state)
{
	struct watch w = { 0 };

	(void)state;
	begin(&w);
	fd = net_accept(listen_fd);
	net_send(fd, S("HTTP/1.1 400 Bad Request\r\n\r\n"));
	UNTIL(w.nfail == 1);
	assert_int_equal(w.why, FAULT_UP_GARBAGE);
	UNTIL(client_open(client) == 0);
}

static void
a_body_of_the_wrong_length_is_garbage(void **state)
{
	struct watch w = { 0 };
	const nghttp2_nv nv[] = { NV(":status", "200"),
		NV("content-type", "text/plain"), NV("content-length", "9") };
	nghttp2_data_provider from = { { .ptr = &answers[0] }, read_cb };

	(void)state;
	begin(&w);
	peer_open(100);
	UNTIL(nasked == 1);
	answers[0] = (struct answer){ "hello", 5, false };
	nghttp2_submit_response(peer, asked[0], nv, NELEM(nv), &from);
	UNTIL(w.nfail == 1);
	assert_int_equal(w.why, FAULT_UP_GARBAGE);
	assert_int_equal(client_open(client), 1);
	end(&w);
}

static void
silence_is_a_timeout_and_the_connection_is_left(void **state)
{
	struct watch w = { 0 };

	(void)state;
	spec.first_byte_ns = 100 * NS_PER_MS;
	begin(&w);
	NET_UNTIL((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	NET_UNTIL(w.nfail == 1);
	assert_int_equal(w.why, FAULT_UP_TIMEOUT);
	assert_true(w.sent);
	NET_UNTIL(client_open(client) == 0);
}

static void
a_call_that_is_hurried_is_reset(void **state)
{
	struct watch w[2] = { { 0 } };
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++)
		begin(&w[i]);
	peer_open(100);
	UNTIL(nasked == 2);
	for (i = 0; i < 2; i++)
		say(asked[i], "200", S("x"), true);
	UNTIL(w[0].nhead + w[1].nhead == 2);
	call_hurry(w[0].call, 20 * NS_PER_MS);
	UNTIL(nreset == 1);
	assert_int_equal(reset_code, NGHTTP2_CANCEL);
	assert_int_equal(w[0].why, FAULT_UP_TIMEOUT);
	assert_int_equal(w[1].nfail, 0);
	assert_int_equal(client_open(client), 1);
	call_cancel(&w[1].call);
	for (i = 0; i < 2; i++)
		end(&w[i]);
}

static void
a_provider_that_floods_is_left(void **state)
{
	static const char ping[17] = "\0\0\x08\x06\0\0\0\0\0"
				     "12345678";
	struct watch w = { 0 };
	unsigned i;

	(void)state;
	begin(&w);
	peer_open(100);
	UNTIL(nasked == 1);
	for (i = 0; i < 3000 && w.nfail == 0; i++) {
		(void)!send(fd, ping, sizeof(ping), MSG_NOSIGNAL);
		loop_turn(loop, 0);
	}
	assert_int_equal(w.nfail, 1);
	assert_int_equal(w.why, FAULT_UP_GARBAGE);
}

static void
an_idle_connection_is_kept_for_a_while(void **state)
{
	struct watch w = { 0 };

	(void)state;
	limits.idle_ns = 200 * NS_PER_MS;
	client_free(&client);
	net_turns(1);
	client = client_new(loop, &limits);
	begin(&w);
	peer_open(100);
	UNTIL(nasked == 1);
	say(asked[0], "200", S("x"), false);
	UNTIL(w.nlast == 1);
	assert_int_equal(client_open(client), 1);
	UNTIL(ended);
	assert_int_equal(client_open(client), 0);
	end(&w);
}

static void
the_end_of_a_client_ends_its_calls_silently(void **state)
{
	struct watch w[2] = { { 0 } };

	(void)state;
	begin(&w[0]);
	begin(&w[1]);
	peer_open(100);
	UNTIL(nasked == 2);
	client_free(&client);
	net_turns(1);
	assert_int_equal(w[0].nfail + w[1].nfail, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(a_call_goes_out_as_http2_says),
		T(many_calls_share_one_connection),
		T(what_the_peer_does_not_allow_goes_elsewhere),
		T(who_allows_no_call_gets_no_more_connections),
		T(what_the_peer_has_not_said_yet_is_as_it_was),
		T(a_large_body_waits_for_windows),
		T(a_paused_call_holds_its_own_stream_only),
		T(who_does_not_begin_to_read_is_sent_little),
		T(who_has_read_much_is_sent_more_at_a_time),
		T(what_is_sent_ahead_of_all_calls_has_a_bound),
		T(a_cancelled_call_resets_its_stream),
		T(others_outlive_the_call_that_dialled),
		T(others_outlive_the_haste_of_the_call_that_dialled),
		T(the_end_of_the_connecting_is_no_haste_of_others),
		T(others_outlive_the_time_of_a_call_that_was_cancelled),
		T(a_failed_dial_fails_all_that_wait),
		T(goaway_says_what_was_not_looked_at),
		T(a_refused_stream_was_not_sent),
		T(a_reset_and_a_lost_connection_are_resets),
		T(what_is_not_http2_is_garbage),
		T(a_body_of_the_wrong_length_is_garbage),
		T(silence_is_a_timeout_and_the_connection_is_left),
		T(a_call_that_is_hurried_is_reset),
		T(a_provider_that_floods_is_left),
		T(an_idle_connection_is_kept_for_a_while),
		T(the_end_of_a_client_ends_its_calls_silently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
