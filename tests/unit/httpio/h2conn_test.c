#include "httpio/net.h"

#include <nghttp2/nghttp2.h>

#include "httpio/server.h"

/*
 * The peer is nghttp2's client over a raw socket, and where that would not
 * misbehave, frames written by hand.
 */
static int listen_fd, fd;
static uint16_t port;
static struct server *server;
static struct server_limits limits;

/* --- the owner ----------------------------------------------------------- */

static struct exchange *held[256];
static unsigned nheld, ngone, ndrain, nrequest;
static unsigned notes[SERVER_H2_HEAD + 1];
static enum fault bad;
static struct server_share share;
static struct buf seen;

static void
answer_text(struct exchange *x, int status, struct slice text)
{
	static const struct http_hdr hdr[] = {
		{ S_INIT("Content-Type"), S_INIT("text/plain") },
		{ S_INIT("Connection"), S_INIT("close") },
		{ S_INIT("x-bad"), S_INIT("a\r\nb: c") },
	};

	exchange_answer(x, status, hdr, NELEM(hdr), (int64_t)text.len);
	exchange_write(x, text, true);
}

static void
on_request(struct exchange *x)
{
	nrequest++;
	buf_add(&seen, x->head->method);
	buf_char(&seen, ' ');
	buf_add(&seen, x->head->target);
	buf_char(&seen, ' ');
	buf_add(&seen, http_value(x->head, S("host")));
	buf_char(&seen, ' ');
	buf_add(&seen, x->body);
	buf_char(&seen, '\n');
	assert_ptr_equal(server_user(x), &port);
	if (slice_starts(x->head->target, S("/hold")))
		held[nheld++] = x;
	else
		answer_text(x, 200, S("hi"));
}

static enum fault
on_head(struct exchange *x, const struct http_head *head)
{
	if (slice_starts(head->target, S("/greedy")))
		x->share = &share;
	return slice_eq(head->target, S("/no")) ? FAULT_KEY : FAULT_NONE;
}

static void
on_bad(struct exchange *x, enum fault why)
{
	bad = why;
	answer_text(x, fault_get(why)->status, S("bad\n"));
}

static void
on_gone(struct exchange *x)
{
	unsigned i;

	ngone++;
	for (i = 0; i < nheld; i++) {
		if (held[i] == x)
			held[i] = NULL;
	}
	exchange_abort(x);
}

static void
on_drain(struct exchange *x)
{
	(void)x;
	ndrain++;
}

static void
on_note(void *user, enum server_note what, const char *peer)
{
	assert_ptr_equal(user, &port);
	assert_memory_equal(peer, "127.0.0.1:", 10);
	notes[what]++;
}

static const struct server_ops ops = {
	.on_head = on_head,
	.on_request = on_request,
	.on_bad = on_bad,
	.on_drain = on_drain,
	.on_gone = on_gone,
	.on_note = on_note,
};

/* --- the client ---------------------------------------------------------- */

static nghttp2_session *client;
static struct buf got;      /* bodies, in the order they came */
static int status;          /* of the last answer */
static unsigned nclosed;    /* streams */
static uint32_t close_code; /* of the last one */
static uint32_t goaway_code;
static int32_t goaway_last;
static unsigned ngoaway;
static bool ended; /* the connection */
static struct slice upload;

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
	(void)s, (void)f, (void)flags, (void)u, (void)value_len;
	if (name_len == 7 && memcmp(name, ":status", 7) == 0)
		status = (value[0] - '0') * 100 + (value[1] - '0') * 10 +
			 value[2] - '0';
	assert_false(name_len == 10 && memcmp(name, "connection", 10) == 0);
	assert_false(name_len == 5 && memcmp(name, "x-bad", 5) == 0);
	return 0;
}

static int
chunk_cb(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p,
    size_t len, void *u)
{
	(void)s, (void)flags, (void)id, (void)u;
	buf_add(&got, (struct slice){ (const char *)p, len });
	return 0;
}

static int
close_cb(nghttp2_session *s, int32_t id, uint32_t code, void *u)
{
	(void)s, (void)id, (void)u;
	nclosed++;
	close_code = code;
	return 0;
}

static int
frame_cb(nghttp2_session *s, const nghttp2_frame *f, void *u)
{
	(void)s, (void)u;
	if (f->hd.type == NGHTTP2_GOAWAY) {
		ngoaway++;
		goaway_code = f->goaway.error_code;
		goaway_last = f->goaway.last_stream_id;
	}
	return 0;
}

static void
client_open(void)
{
	nghttp2_session_callbacks *c;

	fd = net_dial(port);
	nghttp2_session_callbacks_new(&c);
	nghttp2_session_callbacks_set_send_callback(c, send_cb);
	nghttp2_session_callbacks_set_on_header_callback(c, header_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, chunk_cb);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, close_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, frame_cb);
	nghttp2_session_client_new(&client, c, NULL);
	nghttp2_session_callbacks_del(c);
	nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, NULL, 0);
}

static ssize_t
upload_cb(nghttp2_session *s, int32_t id, uint8_t *to, size_t cap,
    uint32_t *flags, nghttp2_data_source *source, void *u)
{
	size_t n = upload.len < cap ? upload.len : cap;

	(void)s, (void)id, (void)source, (void)u;
	memcpy(to, upload.p, n);
	upload.p += n;
	upload.len -= n;
	if (upload.len == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define NV(name, value) \
	{ \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), \
		    strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE \
	}

static int32_t
ask(const char *method, const char *path, bool body)
{
	const nghttp2_nv nv[] = { NV(":method", method), NV(":path", path),
		NV(":scheme", "http"), NV(":authority", "a.example"),
		NV("x-more", "1") };
	nghttp2_data_provider from = { { 0 }, upload_cb };

	return nghttp2_submit_request(
	    client, NULL, nv, NELEM(nv), body ? &from : NULL, NULL);
}

/* One turn of both ends. */
static void
turn(void)
{
	uint8_t in[16384];
	ssize_t n;

	(void)nghttp2_session_send(client);
	loop_turn(loop, 0);
	while ((n = recv(fd, in, sizeof(in), 0)) > 0)
		assert_true(
		    nghttp2_session_mem_recv(client, in, (size_t)n) >= 0);
	ended |= n == 0 || (n < 0 && errno != EAGAIN);
	(void)nghttp2_session_send(client);
}

#define UNTIL(cond) NET_UNTIL((turn(), (cond)))

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
	limits.max_streams = 100;
	nheld = ngone = ndrain = nrequest = nclosed = ngoaway = 0;
	status = 0;
	ended = false;
	bad = FAULT_NONE;
	memset(notes, 0, sizeof(notes));
	server = server_new(loop, listen_fd, &ops, &limits, &port);
	client_open();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	server_free(&server);
	loop_turn(loop, 0);
	loop_free(&loop);
	nghttp2_session_del(client);
	client = NULL;
	close(fd);
	close(listen_fd);
	buf_fini(&seen);
	buf_fini(&got);
	return 0;
}

static void
assert_text(struct buf *b, const char *want)
{
	if (!slice_eq(buf_slice(b), slice_of(want)))
		fail_msg("got '%.*s', want '%s'", (int)b->len, b->p, want);
	buf_clear(b);
}

/* --- exchanges ----------------------------------------------------------- */

static void
requests_on_one_connection_are_answered(void **state)
{
	(void)state;
	ask("GET", "/a?b", false);
	upload = S("hello");
	ask("POST", "/x", true);
	UNTIL(nclosed == 2);
	assert_text(&seen, "GET /a?b a.example \nPOST /x a.example hello\n");
	assert_text(&got, "hihi");
	assert_int_equal(status, 200);
	assert_int_equal(server_open(server), 1);
	assert_int_equal(notes[SERVER_H2_OPEN], 1);
	assert_int_equal(notes[SERVER_H2_REQUEST], 2);
	assert_int_equal(ngone, 0);
}

static void
the_preface_may_come_byte_by_byte(void **state)
{
	const uint8_t *p;
	ssize_t n, i;

	(void)state;
	ask("GET", "/slow", false);
	while ((n = nghttp2_session_mem_send(client, &p)) > 0) {
		for (i = 0; i < n; i++) {
			net_send(fd, (struct slice){ (const char *)p + i, 1 });
			net_turns(2);
		}
	}
	UNTIL(nclosed == 1);
	assert_text(&got, "hi");
}

static void
the_preface_counts_only_at_the_beginning(void **state)
{
	struct buf b = { 0 };
	int h1 = net_dial(port);

	(void)state;
	net_send(h1, S("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	net_until(h1, &b, S("hi"));
	net_send(h1, S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	net_to_end(h1, &b);
	assert_true(net_has(&b, "HTTP/1.1 400"));
	assert_int_equal(notes[SERVER_H2_OPEN], 0);
	close(h1);
	buf_fini(&b);
}

static void
a_body_larger_than_every_window_comes_whole(void **state)
{
	char *big = mem_new(900 * 1024);

	(void)state;
	memset(big, 'x', 900 * 1024);
	upload = (struct slice){ big, 900 * 1024 };
	ask("POST", "/big", true);
	UNTIL(nclosed == 1);
	assert_int_equal(status, 200);
	assert_int_equal(
	    seen.len, strlen("POST /big a.example \n") + 900 * 1024);
	mem_free(big);
}

static ssize_t
padding_cb(nghttp2_session *s, const nghttp2_frame *f, size_t most, void *u)
{
	(void)s, (void)u;
	return (ssize_t)(f->hd.length + 200 < most ? f->hd.length + 200 : most);
}

/* Padding counts against windows, which open again all the same. */
static void
padding_does_not_use_windows_up(void **state)
{
	char *big = mem_new(900 * 1024);
	nghttp2_session_callbacks *c;

	(void)state;
	nghttp2_session_del(client);
	nghttp2_session_callbacks_new(&c);
	nghttp2_session_callbacks_set_send_callback(c, send_cb);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, close_cb);
	nghttp2_session_callbacks_set_select_padding_callback(c, padding_cb);
	nghttp2_session_client_new(&client, c, NULL);
	nghttp2_session_callbacks_del(c);
	nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, NULL, 0);
	memset(big, 'x', 900 * 1024);
	for (unsigned i = 1; i <= 3; i++) {
		upload = (struct slice){ big, 900 * 1024 };
		ask("POST", "/big", true);
		UNTIL(nclosed == i);
	}
	assert_int_equal(
	    seen.len, 3 * (strlen("POST /big a.example \n") + 900 * 1024));
	mem_free(big);
}

static void
a_body_above_the_limit_is_refused_and_the_connection_lives(void **state)
{
	char *big = mem_new(1200 * 1024);

	(void)state;
	upload = (struct slice){ big, 1200 * 1024 };
	ask("POST", "/big", true);
	UNTIL(status != 0);
	assert_int_equal(status, 413);
	assert_int_equal(bad, FAULT_BODY_TOO_LARGE);
	ask("GET", "/after", false);
	UNTIL(nrequest == 1);
	UNTIL(nclosed == 2); /* the first by a reset, a second later */
	assert_int_equal(ended, false);
	mem_free(big);
}

static void
an_owner_may_refuse_by_the_head(void **state)
{
	(void)state;
	upload = S("secret");
	ask("POST", "/no", true);
	UNTIL(nclosed == 1);
	assert_int_equal(status, 401);
	assert_int_equal(nrequest, 0);
	assert_int_equal(close_code, NGHTTP2_NO_ERROR);
}

static void
a_head_above_the_limit_is_refused(void **state)
{
	char big[12 * 1024];
	const nghttp2_nv nv[] = { NV(":method", "GET"), NV(":path", "/"),
		NV(":scheme", "http"), NV(":authority", "a"),
		{ (uint8_t *)(uintptr_t) "x-big", (uint8_t *)big, 5,
		    sizeof(big), NGHTTP2_NV_FLAG_NONE } };

	(void)state;
	memset(big, 'x', sizeof(big));
	nghttp2_submit_request(client, NULL, nv, NELEM(nv), NULL, NULL);
	UNTIL(nclosed == 1);
	assert_int_equal(status, 431);
	assert_int_equal(bad, FAULT_HEAD_TOO_LARGE);
	ask("GET", "/after", false);
	UNTIL(nclosed == 2);
	assert_int_equal(status, 200);
}

static void
host_and_authority_must_agree(void **state)
{
	const nghttp2_nv nv[] = { NV(":method", "GET"), NV(":path", "/"),
		NV(":scheme", "http"), NV(":authority", "a"), NV("host", "b") };

	(void)state;
	nghttp2_submit_request(client, NULL, nv, NELEM(nv), NULL, NULL);
	UNTIL(nclosed == 1);
	assert_int_equal(status, 400);
	assert_int_equal(nrequest, 0);
}

/* --- streams and windows ------------------------------------------------- */

static void
a_stream_that_is_not_read_fills_alone(void **state)
{
	static char lump[16 * 1024];
	unsigned i;

	(void)state;
	/* Our client takes nothing of a stream: its window stays shut. */
	nghttp2_session_set_local_window_size(
	    client, NGHTTP2_FLAG_NONE, 0, 1 << 24);
	ask("GET", "/hold1", false);
	ask("GET", "/hold2", false);
	UNTIL(nheld == 2);
	exchange_answer(held[0], 200, NULL, 0, -1);
	exchange_answer(held[1], 200, NULL, 0, -1);
	nghttp2_session_set_local_window_size(client, NGHTTP2_FLAG_NONE, 1, 0);
	memset(lump, 'x', sizeof(lump));
	for (i = 0; i < 64 && !exchange_full(held[0]); i++) {
		exchange_write(
		    held[0], (struct slice){ lump, sizeof(lump) }, false);
		turn();
	}
	assert_true(i < 64);
	assert_false(exchange_full(held[1]));
	buf_clear(&got);
	exchange_write(held[1], S("still here"), true);
	UNTIL(got.len >= 10);
	assert_memory_equal(got.p + got.len - 10, "still here", 10);
	assert_int_equal(ndrain, 0);
	nghttp2_session_set_local_window_size(
	    client, NGHTTP2_FLAG_NONE, 1, 1 << 24);
	UNTIL(ndrain == 1);
	exchange_write(held[0], S("end"), true);
	assert_true(server_owed(server) > 0);
	UNTIL(nclosed == 2);
	assert_int_equal(server_owed(server), 0);
	assert_memory_equal(got.p + got.len - 3, "end", 3);
}

/* Memory becomes short: a queue is full that was not when it was filled. */
static void
who_is_told_of_a_full_queue_hears_when_it_drains(void **state)
{
	static char lump[8 * 1024];

	(void)state;
	nghttp2_session_set_local_window_size(
	    client, NGHTTP2_FLAG_NONE, 0, 1 << 24);
	ask("GET", "/hold", false);
	UNTIL(nheld == 1);
	exchange_answer(held[0], 200, NULL, 0, -1);
	nghttp2_session_set_local_window_size(client, NGHTTP2_FLAG_NONE, 1, 0);
	turn();
	exchange_write(held[0], (struct slice){ lump, sizeof(lump) }, false);
	exchange_write(held[0], (struct slice){ lump, sizeof(lump) }, false);
	exchange_write(held[0], (struct slice){ lump, sizeof(lump) }, false);
	assert_false(exchange_full(held[0]));
	server_tight(server, true);
	assert_true(exchange_full(held[0]));
	nghttp2_session_set_local_window_size(
	    client, NGHTTP2_FLAG_NONE, 1, 1 << 24);
	UNTIL(ndrain == 1);
	exchange_write(held[0], S("end"), true);
	UNTIL(nclosed == 1);
}

static void
a_reset_tells_the_owner_of_that_stream(void **state)
{
	(void)state;
	ask("GET", "/hold1", false);
	ask("GET", "/hold2", false);
	UNTIL(nheld == 2);
	nghttp2_submit_rst_stream(client, NGHTTP2_FLAG_NONE, 1, NGHTTP2_CANCEL);
	UNTIL(ngone == 1);
	assert_null(held[0]);
	answer_text(held[1], 200, S("two"));
	UNTIL(got.len == 3);
	assert_int_equal(ngone, 1);
}

static void
a_lost_connection_tells_every_owner(void **state)
{
	(void)state;
	ask("GET", "/hold1", false);
	ask("GET", "/hold2", false);
	UNTIL(nheld == 2);
	exchange_answer(held[1], 200, NULL, 0, -1);
	shutdown(fd, SHUT_RDWR);
	NET_UNTIL(ngone == 2);
	NET_UNTIL(server_open(server) == 0);
}

static void
an_aborted_exchange_is_a_reset(void **state)
{
	(void)state;
	ask("GET", "/hold", false);
	UNTIL(nheld == 1);
	exchange_answer(held[0], 200, NULL, 0, -1);
	exchange_write(held[0], S("half"), false);
	UNTIL(got.len == 4);
	exchange_abort(held[0]);
	UNTIL(nclosed == 1);
	assert_int_equal(close_code, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(ended, false);
}

static void
a_sized_answer_that_ends_early_is_a_reset(void **state)
{
	(void)state;
	ask("GET", "/hold", false);
	UNTIL(nheld == 1);
	exchange_answer(held[0], 200, NULL, 0, 10);
	exchange_write(held[0], S("half"), true);
	UNTIL(nclosed == 1);
	assert_int_equal(close_code, NGHTTP2_INTERNAL_ERROR);
}

static void
streams_above_the_limit_are_refused(void **state)
{
	unsigned i;

	(void)state;
	turn();
	/* The client keeps to our SETTINGS once it knows them. */
	UNTIL(nghttp2_session_get_remote_settings(
		  client, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 100);
	for (i = 0; i < 120; i++)
		ask("GET", "/hold", false);
	UNTIL(nheld == 100);
	for (i = 0; i < 50; i++)
		turn();
	assert_int_equal(nheld, 100);
	answer_text(held[0], 200, S("x"));
	UNTIL(nheld == 101);
}

/* --- the end ------------------------------------------------------------- */

static void
draining_lets_streams_end(void **state)
{
	(void)state;
	ask("GET", "/hold", false);
	UNTIL(nheld == 1);
	server_drain(server);
	UNTIL(ngoaway == 1); /* the notice: nothing is refused yet */
	assert_int_equal(goaway_last, INT32_MAX);
	UNTIL(ngoaway == 2);
	assert_int_equal(goaway_last, 1);
	assert_int_equal(ended, false);
	answer_text(held[0], 200, S("done"));
	UNTIL(ended);
	assert_text(&got, "done");
	assert_int_equal(ngone, 0);
}

static void
draining_ends_an_idle_connection(void **state)
{
	(void)state;
	ask("GET", "/", false);
	UNTIL(nclosed == 1);
	server_drain(server);
	UNTIL(ended);
	assert_int_equal(goaway_code, NGHTTP2_NO_ERROR);
	assert_int_equal(goaway_last, 1);
}

static void
an_idle_connection_ends(void **state)
{
	(void)state;
	limits.idle_ns = 300 * NS_PER_MS;
	server_limit(server, &limits);
	ask("GET", "/", false);
	UNTIL(nclosed == 1);
	UNTIL(ended);
	assert_int_equal(goaway_code, NGHTTP2_NO_ERROR);
}

static void
a_connection_that_asks_nothing_ends(void **state)
{
	(void)state;
	limits.head_ns = 200 * NS_PER_MS;
	server_limit(server, &limits);
	UNTIL(ended);
	assert_int_equal(notes[SERVER_H2_OPEN], 1);
	assert_int_equal(goaway_code, NGHTTP2_NO_ERROR);
}

static void
a_body_that_stops_is_refused(void **state)
{
	const nghttp2_nv nv[] = { NV(":method", "POST"), NV(":path", "/"),
		NV(":scheme", "http"), NV(":authority", "a") };

	(void)state;
	limits.body_ns = 200 * NS_PER_MS;
	server_limit(server, &limits);
	nghttp2_submit_headers(
	    client, NGHTTP2_FLAG_NONE, -1, NULL, nv, NELEM(nv), NULL);
	UNTIL(bad == FAULT_TIMEOUT_CLIENT);
	UNTIL(status == 408);
}

static void
a_reader_that_stops_is_cut(void **state)
{
	static char lump[128 * 1024];
	const int64_t begun = clock_mono_ns();

	(void)state;
	limits.write_ns = 200 * NS_PER_MS;
	server_limit(server, &limits);
	ask("GET", "/hold", false);
	UNTIL(nheld == 1);
	exchange_answer(held[0], 200, NULL, 0, -1);
	nghttp2_session_set_local_window_size(client, NGHTTP2_FLAG_NONE, 1, 0);
	exchange_write(held[0], (struct slice){ lump, sizeof(lump) }, false);
	/* It takes a window, and then nothing more. */
	while (ngone == 0) {
		usleep(5000);
		turn();
		assert_true(clock_mono_ns() - begun < 10 * NS_PER_S);
	}
	assert_int_equal(ended, false);
}

/* The frame's head goes before its payload. */
static void
frame(struct buf *b, uint8_t type, uint8_t flags, uint32_t id,
    struct slice payload)
{
	const char head[9] = { (char)(payload.len >> 16),
		(char)(payload.len >> 8), (char)payload.len, (char)type,
		(char)flags, (char)(id >> 24), (char)(id >> 16),
		(char)(id >> 8), (char)id };

	buf_add(b, (struct slice){ head, 9 });
	buf_add(b, payload);
}

/* :method GET, :scheme http, :path /, :authority a */
static const char get_block[] = "\x82\x86\x84\x41\x01"
				"a";
#define GET_BLOCK ((struct slice){ get_block, sizeof(get_block) - 1 })

/* It lets something come before each deadline, and never enough. */
static void
a_window_that_drips_is_cut(void **state)
{
	static char lump[128 * 1024];
	const int64_t begun = clock_mono_ns();

	(void)state;
	limits.write_ns = 200 * NS_PER_MS;
	limits.min_rate = 1024 * 1024;
	server_limit(server, &limits);
	nghttp2_session_set_local_window_size(client, NGHTTP2_FLAG_NONE, 0, 0);
	ask("GET", "/hold", false);
	UNTIL(nheld == 1);
	nghttp2_session_set_local_window_size(client, NGHTTP2_FLAG_NONE, 1, 16);
	exchange_answer(held[0], 200, NULL, 0, -1);
	exchange_write(held[0], (struct slice){ lump, sizeof(lump) }, false);
	while (ngone == 0) {
		(void)nghttp2_submit_window_update(
		    client, NGHTTP2_FLAG_NONE, 1, 16);
		usleep(20000);
		turn();
		assert_true(clock_mono_ns() - begun < 10 * NS_PER_S);
	}
	/* It was given something all the time. */
	assert_true(got.len > 32 && got.len < sizeof(lump));
	UNTIL(nclosed == 1);
	assert_int_equal(ended, false);
}

/* The same by TCP: the window is wide, the socket is hardly read. */
static void
a_socket_that_drips_is_cut(void **state)
{
	static char lump[4 * 1024 * 1024];
	const int64_t begun = clock_mono_ns();
	char some[512];

	(void)state;
	limits.write_ns = 200 * NS_PER_MS;
	limits.min_rate = 100 * 1024 * 1024;
	limits.out_high = sizeof(lump);
	server_limit(server, &limits);
	nghttp2_session_set_local_window_size(
	    client, NGHTTP2_FLAG_NONE, 0, 1 << 30);
	ask("GET", "/hold", false);
	UNTIL(nheld == 1);
	nghttp2_session_set_local_window_size(
	    client, NGHTTP2_FLAG_NONE, 1, 1 << 30);
	turn();
	turn();
	exchange_answer(held[0], 200, NULL, 0, -1);
	exchange_write(held[0], (struct slice){ lump, sizeof(lump) }, false);
	while (ngone == 0) {
		(void)recv(fd, some, sizeof(some), MSG_DONTWAIT);
		loop_turn(loop, 5 * NS_PER_MS);
		assert_true(clock_mono_ns() - begun < 10 * NS_PER_S);
	}
	assert_int_equal(server_open(server), 0);
}

static void
one_principals_bodies_leave_room_for_others(void **state)
{
	static char big[15000];
	const struct slice half = { big, sizeof(big) };
	const char *path[] = { "/greedy/1", "/greedy/2", "/other" };
	struct buf b = { 0 };
	uint32_t id;
	size_t i;

	(void)state;
	limits.max_share = 50000;
	server_limit(server, &limits);
	for (i = 0; i < NELEM(path); i++) {
		const nghttp2_nv nv[] = { NV(":method", "POST"),
			NV(":path", path[i]), NV(":scheme", "http"),
			NV(":authority", "a") };

		id = (uint32_t)nghttp2_submit_headers(
		    client, NGHTTP2_FLAG_NONE, -1, NULL, nv, NELEM(nv), NULL);
		turn();
		buf_clear(&b);
		frame(&b, NGHTTP2_DATA, 0, id, half);
		frame(&b, NGHTTP2_DATA, 0, id, half);
		net_send(fd, buf_slice(&b));
		turn();
		turn();
		assert_int_equal(bad, i == 0 ? FAULT_NONE : FAULT_CROWD);
	}
	assert_int_equal(share.n, 1);
	assert_true(share.bytes >= sizeof(big) && share.bytes <= 50000);
	close(fd);
	fd = -1;
	NET_UNTIL(server_open(server) == 0);
	assert_int_equal(share.n, 0);
	assert_int_equal(share.bytes, 0);
	buf_fini(&b);
}

static void
a_body_that_drips_has_one_deadline(void **state)
{
	const nghttp2_nv nv[] = { NV(":method", "POST"), NV(":path", "/"),
		NV(":scheme", "http"), NV(":authority", "a") };
	const int64_t begun = clock_mono_ns();
	int32_t id;
	struct buf b = { 0 };

	(void)state;
	limits.body_ns = 200 * NS_PER_MS;
	limits.min_rate = 100000;
	server_limit(server, &limits);
	id = nghttp2_submit_headers(
	    client, NGHTTP2_FLAG_NONE, -1, NULL, nv, NELEM(nv), NULL);
	turn();
	while (bad == FAULT_NONE) {
		buf_clear(&b);
		frame(&b, NGHTTP2_DATA, 0, (uint32_t)id, S("x"));
		net_send(fd, buf_slice(&b));
		usleep(5000);
		turn();
		assert_true(clock_mono_ns() - begun < 10 * NS_PER_S);
	}
	assert_int_equal(bad, FAULT_TIMEOUT_CLIENT);
	UNTIL(status == 408);
	buf_fini(&b);
}

/* --- abuse --------------------------------------------------------------- */

static void
begin_raw(struct buf *b)
{
	buf_clear(b);
	buf_str(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	frame(b, NGHTTP2_SETTINGS, 0, 0, S(""));
}

/* Sends until the server has had enough, and reads to the end. */
static void
flood(struct buf *once, struct buf *again, unsigned most)
{
	struct buf back = { 0 };
	int raw = net_dial(port);
	unsigned i;

	net_send(raw, buf_slice(once));
	for (i = 0; i < most && notes[SERVER_H2_FLOOD] == 0 &&
		    notes[SERVER_H2_RESETS] == 0 && notes[SERVER_H2_HEAD] == 0;
	     i++) {
		(void)!send(raw, again->p, again->len, MSG_NOSIGNAL);
		net_turns(1);
		net_read(raw, &back);
	}
	assert_true(i < most);
	close(raw);
	NET_UNTIL(server_open(server) == 1); /* the other client's */
	buf_fini(&back);
	buf_fini(once);
	buf_fini(again);
}

static void
floods_of_frames_end_the_connection(void **state)
{
	static const struct {
		uint8_t type, flags;
		struct slice payload;
	} rows[] = {
		{ NGHTTP2_PING, 0, S_INIT("12345678") },
		{ NGHTTP2_PING, NGHTTP2_FLAG_ACK, S_INIT("12345678") },
		{ NGHTTP2_SETTINGS, 0, S_INIT("") },
		{ NGHTTP2_WINDOW_UPDATE, 0, S_INIT("\0\0\0\1") },
		{ 0x42, 0, S_INIT("what is this") },
	};
	struct buf once = { 0 }, again = { 0 };
	unsigned i, j;

	(void)state;
	turn();
	for (i = 0; i < NELEM(rows); i++) {
		memset(notes, 0, sizeof(notes));
		begin_raw(&once);
		for (j = 0; j < 100; j++)
			frame(&again, rows[i].type, rows[i].flags, 0,
			    rows[i].payload);
		flood(&once, &again, 100);
		assert_int_equal(notes[SERVER_H2_FLOOD], 1);
	}
}

static void
empty_data_is_a_flood(void **state)
{
	struct buf once = { 0 }, again = { 0 };
	unsigned j;

	(void)state;
	turn();
	begin_raw(&once);
	frame(&once, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, GET_BLOCK);
	for (j = 0; j < 100; j++)
		frame(&again, NGHTTP2_DATA, 0, 1, S(""));
	flood(&once, &again, 100);
	assert_int_equal(notes[SERVER_H2_FLOOD], 1);
}

/* The window opens by one byte at a time (Data Dribble). */
static void
a_window_that_opens_by_the_byte_is_a_flood(void **state)
{
	static char lump[6000];
	struct buf b = { 0 }, back = { 0 };
	int raw = net_dial(port);
	unsigned i;

	(void)state;
	turn();
	buf_str(&b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	frame(&b, NGHTTP2_SETTINGS, 0, 0, S("\0\4\0\0\0\1"));
	frame(&b, NGHTTP2_HEADERS,
	    NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
	    S("\x82\x86\x44\x05/hold\x41\x01"
	      "a"));
	net_send(raw, buf_slice(&b));
	NET_UNTIL(nheld == 1);
	exchange_answer(held[0], 200, NULL, 0, -1);
	exchange_write(held[0], (struct slice){ lump, sizeof(lump) }, false);
	buf_clear(&b);
	frame(&b, NGHTTP2_WINDOW_UPDATE, 0, 1, S("\0\0\0\1"));
	for (i = 0; i < 5000 && notes[SERVER_H2_FLOOD] == 0; i++) {
		(void)!send(raw, b.p, b.len, MSG_NOSIGNAL);
		net_turns(1);
		net_read(raw, &back);
	}
	assert_int_equal(notes[SERVER_H2_FLOOD], 1);
	assert_int_equal(ngone, 1);
	assert_true(back.len > 1000 * 10); /* it was served until then */
	close(raw);
	buf_fini(&b);
	buf_fini(&back);
}

static void
rapid_resets_end_the_connection(void **state)
{
	struct buf b = { 0 };
	unsigned i;
	int raw = net_dial(port);

	(void)state;
	turn();
	begin_raw(&b);
	for (i = 0; i < 400; i++) {
		frame(&b, NGHTTP2_HEADERS,
		    NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
		    2 * i + 1,
		    S("\x82\x86\x44\x05/hold\x41\x01"
		      "a"));
		frame(&b, NGHTTP2_RST_STREAM, 0, 2 * i + 1, S("\0\0\0\x8"));
	}
	net_send(raw, buf_slice(&b));
	NET_UNTIL(notes[SERVER_H2_RESETS] == 1);
	assert_true(nrequest <= 201);
	assert_int_equal(ngone, nrequest);
	close(raw);
	buf_fini(&b);
}

/* MadeYouReset: each stream's window overflows, and we are to reset it. */
static void
provoked_resets_end_the_connection(void **state)
{
	struct buf b = { 0 };
	unsigned i;
	int raw = net_dial(port);

	(void)state;
	turn();
	begin_raw(&b);
	for (i = 0; i < 400; i++) {
		frame(&b, NGHTTP2_HEADERS,
		    NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
		    2 * i + 1,
		    S("\x82\x86\x44\x05/hold\x41\x01"
		      "a"));
		frame(&b, NGHTTP2_WINDOW_UPDATE, 0, 2 * i + 1,
		    S("\x7f\xff\xff\xff"));
	}
	for (i = 0; i < 40 && notes[SERVER_H2_RESETS] == 0; i++) {
		size_t n = b.len / 40;

		net_send(raw, (struct slice){ b.p + i * n, n });
		net_turns(3);
	}
	NET_UNTIL(notes[SERVER_H2_RESETS] == 1);
	assert_int_equal(ngone, nrequest);
	close(raw);
	buf_fini(&b);
}

static void
endless_continuations_end_the_connection(void **state)
{
	struct buf once = { 0 }, again = { 0 };

	(void)state;
	turn();
	begin_raw(&once);
	frame(&once, NGHTTP2_HEADERS, 0, 1, GET_BLOCK);
	frame(&again, NGHTTP2_CONTINUATION, 0, 1, S(""));
	flood(&once, &again, 100);
	assert_int_equal(notes[SERVER_H2_HEAD], 1);
}

/* Four thousand references of one byte each to a field of four thousand. */
static void
a_header_bomb_ends_the_connection(void **state)
{
	static char refs[8000], block[3 + 3 + 3500];
	struct buf b = { 0 };
	int raw = net_dial(port);

	(void)state;
	turn();
	/* literal with indexing, name "x", value of 3500 */
	memcpy(block,
	    "\x40\x01x"
	    "\x7f\xad\x1a",
	    6);
	memset(block + 6, 'v', sizeof(block) - 6);
	memset(refs, '\xbe', sizeof(refs));
	begin_raw(&b);
	frame(&b, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, GET_BLOCK);
	frame(&b, NGHTTP2_CONTINUATION, 0, 1,
	    (struct slice){ block, sizeof(block) });
	frame(&b, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1,
	    (struct slice){ refs, sizeof(refs) });
	net_send(raw, buf_slice(&b));
	NET_UNTIL(notes[SERVER_H2_HEAD] == 1);
	assert_int_equal(nrequest, 0);
	close(raw);
	buf_fini(&b);
}

static void
who_does_not_read_our_frames_is_not_read(void **state)
{
	struct buf b = { 0 };
	ssize_t n = 0;
	size_t total = 0;
	int raw = net_dial(port), small = 4096, i;

	(void)state;
	turn();
	limits.write_ns = 300 * NS_PER_MS;
	server_limit(server, &limits);
	setsockopt(raw, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	begin_raw(&b);
	/* Requests whose answers we let pile up. */
	for (i = 0; i < 100; i++)
		frame(&b, NGHTTP2_HEADERS,
		    NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
		    (uint32_t)(2 * i + 1), GET_BLOCK);
	for (i = 0; i < 2000 && server_open(server) == 2; i++) {
		n = send(raw, b.p, b.len, MSG_NOSIGNAL);
		total += n > 0 ? (size_t)n : 0;
		net_turns(1);
	}
	/* The ids go round, which is an error that ends it as well. */
	assert_true(total < 4 * b.len);
	close(raw);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(requests_on_one_connection_are_answered),
		T(the_preface_may_come_byte_by_byte),
		T(the_preface_counts_only_at_the_beginning),
		T(a_body_larger_than_every_window_comes_whole),
		T(padding_does_not_use_windows_up),
		T(a_window_that_opens_by_the_byte_is_a_flood),
		T(a_body_above_the_limit_is_refused_and_the_connection_lives),
		T(an_owner_may_refuse_by_the_head),
		T(a_head_above_the_limit_is_refused),
		T(host_and_authority_must_agree),
		T(a_stream_that_is_not_read_fills_alone),
		T(who_is_told_of_a_full_queue_hears_when_it_drains),
		T(a_reset_tells_the_owner_of_that_stream),
		T(a_lost_connection_tells_every_owner),
		T(an_aborted_exchange_is_a_reset),
		T(a_sized_answer_that_ends_early_is_a_reset),
		T(streams_above_the_limit_are_refused),
		T(draining_lets_streams_end),
		T(draining_ends_an_idle_connection),
		T(an_idle_connection_ends),
		T(a_connection_that_asks_nothing_ends),
		T(a_body_that_stops_is_refused),
		T(a_reader_that_stops_is_cut),
		T(a_window_that_drips_is_cut),
		T(a_socket_that_drips_is_cut),
		T(a_body_that_drips_has_one_deadline),
		T(one_principals_bodies_leave_room_for_others),
		T(floods_of_frames_end_the_connection),
		T(empty_data_is_a_flood),
		T(rapid_resets_end_the_connection),
		T(provoked_resets_end_the_connection),
		T(endless_continuations_end_the_connection),
		T(a_header_bomb_ends_the_connection),
		T(who_does_not_read_our_frames_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
