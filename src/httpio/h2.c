#include "httpio/h2.h"

#include "base/clock.h"
#include "http/h1.h"
#include "io/loop.h"
#include "io/stream.h"

enum {
	SCRATCH = 64 * 1024,
	CONTINUATIONS_MAX = 8,
	BOMB = 8,  /* decoded size of a block, in max_head */
	CRUMB = 16 /* bytes of DATA that are as good as none */
};

/* A second's worth, and what may come at once. */
static const struct rate {
	int64_t burst, per_s;
} frame_rate = { 1024, 128 }, reset_rate = { 200, 20 };

/* What a request or a frame of an answer brings in. */
enum { EARN_FRAME = 4, EARN_REQUEST = 8 };

const struct slice h2_preface = S_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/* --- what a peer may cost ---------------------------------------------- */

static bool
take(struct h2_bucket *b, const struct rate *r, int64_t now)
{
	const int64_t since = now - b->at_ns;
	const int64_t more = since >= NS_PER_S * r->burst / r->per_s
				 ? r->burst
				 : since * r->per_s / NS_PER_S;

	if (more > 0) {
		b->at_ns = now;
		b->left += more;
		b->left = b->left < r->burst ? b->left : r->burst;
	}
	return b->left-- > 0;
}

static void
earn(struct h2_bucket *b, const struct rate *r, int64_t n)
{
	b->left = b->left + n < r->burst ? b->left + n : r->burst;
}

static int
abuse(struct h2 *h, enum h2_abuse what)
{
	if (h->abuse == H2_NONE)
		h->abuse = what;
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int
charge_frame(struct h2 *h)
{
	if (take(&h->frames, &frame_rate, loop_now(h->loop)))
		return 0;
	return abuse(h, H2_FLOOD);
}

static int
charge_reset(struct h2 *h)
{
	if (!h->server || take(&h->resets, &reset_rate, loop_now(h->loop)))
		return 0;
	return abuse(h, H2_RESETS);
}

static int
charge_block(struct h2 *h, const nghttp2_frame_hd *hd)
{
	h->block_len += hd->length;
	if (hd->type == NGHTTP2_CONTINUATION &&
	    ++h->continuations > CONTINUATIONS_MAX)
		return abuse(h, H2_HEAD);
	/* One field may stand in a frame of its own size; a block that is
	 * longer than what it may decode to has no use. */
	if (h->block_len > 2 * h->max_head)
		return abuse(h, H2_HEAD);
	return 0;
}

/* --- header blocks ----------------------------------------------------- */

/* Blocks live for one frame, nearly always: one waits for the next. */
static _Thread_local struct h2_block *spare;

static void
block_open(struct h2 *h)
{
	if (h->block == NULL) {
		h->block = spare != NULL ? spare : NEW(struct h2_block);
		spare = NULL;
	}
	buf_clear(&h->block->text);
	h->block->size = 0;
	h->block->n = 0;
	h->block->big = h->block->bad = false;
	h->block_ns = loop_now(h->loop);
}

static void
block_close(struct h2 *h)
{
	struct h2_block *b = h->block;

	h->block = NULL;
	h->block_len = 0;
	h->continuations = 0;
	if (b == NULL)
		return;
	if (spare == NULL && b->text.cap <= SCRATCH / 4) {
		spare = b;
		return;
	}
	buf_fini(&b->text);
	mem_free(b);
}

static int
block_add(struct h2 *h, struct slice name, struct slice value)
{
	struct h2_block *b = h->block;
	struct h2_field *f;

	if (b == NULL)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	b->size += name.len + value.len + 32;
	if (b->size > BOMB * h->max_head)
		return abuse(h, H2_HEAD);
	if (b->size > h->max_head + 32 * HTTP_HDR_MAX || b->n == H2_FIELDS)
		b->big = true;
	if (b->big)
		return 0;
	f = &b->field[b->n++];
	f->name = (uint32_t)b->text.len;
	f->name_len = (uint32_t)name.len;
	buf_add(&b->text, name);
	f->value = (uint32_t)b->text.len;
	f->value_len = (uint32_t)value.len;
	buf_add(&b->text, value);
	return 0;
}

static struct slice
field_name(const struct h2_block *b, unsigned i)
{
	return (
	    struct slice){ b->text.p + b->field[i].name, b->field[i].name_len };
}

static struct slice
field_value(const struct h2_block *b, unsigned i)
{
	return (struct slice){ b->text.p + b->field[i].value,
		b->field[i].value_len };
}

static bool
read_status(struct slice v, int *status)
{
	uint64_t n;

	if (v.len != 3 || !slice_u64(v, &n) || n < 100)
		return false;
	*status = (int)n;
	return true;
}

static bool
add_pseudo(struct http_head *head, struct slice name, struct slice value)
{
	if (slice_eq(name, S(":method")))
		head->method = value;
	else if (slice_eq(name, S(":path")))
		head->target = value;
	else if (slice_eq(name, S(":authority")))
		return http_add(head, S("host"), value);
	else if (slice_eq(name, S(":status")))
		return read_status(value, &head->status);
	return true;
}

/* Host beside :authority must say the same (RFC 9113, 8.3.1). */
static bool
add_host(struct http_head *head, struct slice value)
{
	const struct http_hdr *there = http_find(head, S("host"));

	if (there != NULL)
		return slice_ieq(there->value, value);
	return http_add(head, S("host"), value);
}

bool
h2_block_head(const struct h2_block *b, struct http_head *head)
{
	struct slice name, value;
	bool good = true;
	unsigned i;

	head->nhdr = 0;
	head->lens = 0;
	head->status = 0;
	head->method = head->target = S("");
	for (i = 0; i < b->n && good; i++) {
		name = field_name(b, i);
		value = field_value(b, i);
		if (name.len > 0 && name.p[0] == ':')
			good = add_pseudo(head, name, value);
		else if (slice_eq(name, S("host")))
			good = add_host(head, value);
		else
			good = http_add(head, name, value);
	}
	return good;
}

nghttp2_nv
h2_pair(struct slice name, struct slice value)
{
	return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name.p,
		.namelen = name.len,
		.value = (uint8_t *)(uintptr_t)value.p,
		.valuelen = value.len,
		.flags = NGHTTP2_NV_FLAG_NONE };
}

bool
h2_hop_field(struct slice name)
{
	switch (name.len) {
	case 2:
		return slice_ieq(name, S("te"));
	case 7:
		return slice_ieq(name, S("upgrade"));
	case 10:
		return slice_ieq(name, S("connection")) ||
		       slice_ieq(name, S("keep-alive"));
	case 14:
		return slice_ieq(name, S("content-length"));
	case 16:
		return slice_ieq(name, S("proxy-connection"));
	case 17:
		return slice_ieq(name, S("transfer-encoding"));
	default:
		return false;
	}
}

/* --- what nghttp2 says ------------------------------------------------- */

static void *
stream_of(struct h2 *h, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h->session, id);
}

static void
remember_cut(struct h2 *h, int32_t id)
{
	if (h->cut == NULL)
		h->cut = mem_new(H2_CUT * sizeof(*h->cut));
	h->cut[h->ncut++ % H2_CUT] = (uint32_t)id;
}

static bool
was_cut(const struct h2 *h, int32_t id)
{
	const unsigned n = h->ncut < H2_CUT ? h->ncut : H2_CUT;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (h->cut[i] == (uint32_t)id)
			return true;
	}
	return false;
}

/*
 * Something for a stream that the client itself has ended (RFC 9113, 5.1).
 * nghttp2 would pass over it; whoever speaks on a closed stream has another
 * idea of where a request ends than we have.
 */
static bool
is_late(struct h2 *h, int32_t id)
{
	return h->server && id > 0 &&
	       id <= nghttp2_session_get_last_proc_stream_id(h->session) &&
	       nghttp2_session_find_stream(h->session, id) == NULL &&
	       !was_cut(h, id);
}

static int
wrong(struct h2 *h, uint32_t code)
{
	h->error = code;
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/*
 * Before nghttp2 sees a frame: it passes over some without a word, and those
 * cost as well.
 */
static int
judge_frame(struct h2 *h, const nghttp2_frame_hd *hd)
{
	/* Nothing comes between the frames of a block. */
	if (hd->type != NGHTTP2_CONTINUATION)
		block_close(h);
	switch (hd->type) {
	case NGHTTP2_DATA:
		if (is_late(h, hd->stream_id))
			return wrong(h, NGHTTP2_STREAM_CLOSED);
		return 0; /* more when its padding is known */
	case NGHTTP2_HEADERS:
		if (is_late(h, hd->stream_id))
			return wrong(h, NGHTTP2_STREAM_CLOSED);
		return charge_block(h, hd);
	case NGHTTP2_CONTINUATION:
		return charge_block(h, hd);
	case NGHTTP2_RST_STREAM:
		return charge_reset(h);
	default:
		return charge_frame(h);
	}
}

static int
on_begin_headers(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
	(void)s;
	if (frame->hd.type == NGHTTP2_HEADERS)
		block_open(user);
	return 0;
}

static int
on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
    void *user)
{
	(void)s, (void)frame, (void)flags;
	return block_add(user, (struct slice){ (const char *)name, name_len },
	    (struct slice){ (const char *)value, value_len });
}

static int
on_invalid_header(nghttp2_session *s, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_len, const uint8_t *value,
    size_t value_len, uint8_t flags, void *user)
{
	struct h2 *h = user;

	(void)s, (void)frame, (void)name, (void)name_len, (void)value;
	(void)value_len, (void)flags;
	if (h->block != NULL)
		h->block->bad = true;
	return 0;
}

static int
on_chunk(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p,
    size_t len, void *user)
{
	struct h2 *h = user;

	(void)s, (void)flags;
	h->ops->on_data(
	    h, id, stream_of(h, id), (struct slice){ (const char *)p, len });
	return h->abuse == H2_NONE ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void
headers_whole(struct h2 *h, const nghttp2_frame *frame, bool end)
{
	const int32_t id = frame->hd.stream_id;

	earn(&h->frames, &frame_rate, EARN_REQUEST);
	if (h->block != NULL)
		h->ops->on_block(h, id, stream_of(h, id), h->block, end);
	block_close(h);
}

/* Of a client's body; what a provider says, it may say in small words. */
static int
charge_data(struct h2 *h, const nghttp2_frame *frame, bool end)
{
	const size_t len = frame->hd.length - frame->data.padlen;

	if (!end && len < (h->server ? CRUMB : 1))
		return charge_frame(h);
	earn(&h->frames, &frame_rate, 1);
	return 0;
}

static int
on_frame_recv(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
	struct h2 *h = user;
	const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	void *stream;

	(void)s;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		headers_whole(h, frame, end);
		break;
	case NGHTTP2_DATA:
		if (charge_data(h, frame, end) != 0)
			return NGHTTP2_ERR_CALLBACK_FAILURE;
		break;
	case NGHTTP2_GOAWAY:
		h->goaway = true;
		return 0;
	default:
		return 0;
	}
	stream = stream_of(h, frame->hd.stream_id);
	if (end && stream != NULL)
		h->ops->on_end(h, stream);
	return 0;
}

static int
on_invalid_frame(
    nghttp2_session *s, const nghttp2_frame *frame, int code, void *user)
{
	struct h2 *h = user;
	void *stream = stream_of(h, frame->hd.stream_id);

	(void)s, (void)code;
	block_close(h);
	if (stream != NULL)
		h->ops->on_broken(h, stream);
	return 0;
}

static int
on_stream_close(nghttp2_session *s, int32_t id, uint32_t code, void *user)
{
	struct h2 *h = user;
	void *stream = stream_of(h, id);

	(void)s;
	if (stream != NULL)
		h->ops->on_close(h, stream, code);
	return 0;
}

/* Did the peer make us send this (MadeYouReset)? */
static bool
is_provoked(uint32_t code)
{
	return code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL &&
	       code != NGHTTP2_INTERNAL_ERROR;
}

static void
reset_sent(struct h2 *h, int32_t id, uint32_t code)
{
	void *stream = stream_of(h, id);

	if (h->server)
		remember_cut(h, id);
	if (!is_provoked(code))
		return;
	(void)charge_reset(h);
	if (stream != NULL)
		h->ops->on_broken(h, stream);
}

static int
on_frame_send(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
	struct h2 *h = user;
	const int32_t id = frame->hd.stream_id;

	(void)s;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		reset_sent(h, id, frame->rst_stream.error_code);
	if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	/* A window that opens by the byte buys nothing. */
	if (frame->hd.length >= CRUMB)
		earn(&h->frames, &frame_rate, EARN_FRAME);
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	earn(&h->resets, &reset_rate, 1);
	h->ops->on_sent(h, id, stream_of(h, id));
	return 0;
}

/* --- the session ------------------------------------------------------- */

static const nghttp2_session_callbacks *
callbacks(void)
{
	static _Thread_local nghttp2_session_callbacks *c;

	if (c != NULL)
		return c;
	CHECK(nghttp2_session_callbacks_new(&c) == 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(
	    c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(
	    c, on_invalid_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
	    c, on_invalid_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(
	    c, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
	return c;
}

/* Windows open as bytes are used, not as they come; our own buckets are
 * stricter than nghttp2's, and counted.  Its own guess of what a peer allows
 * would look like the peer's word. */
static const nghttp2_option *
options(void)
{
	static _Thread_local nghttp2_option *o;

	if (o != NULL)
		return o;
	CHECK(nghttp2_option_new(&o) == 0);
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, 256);
	nghttp2_option_set_peer_max_concurrent_streams(o, H2_UNSAID);
	nghttp2_option_set_max_reserved_remote_streams(o, 0);
	return o;
}

static void
greet(struct h2 *h, unsigned streams)
{
	const uint32_t window = h->server ? H2_WINDOW : H2_WINDOW_FIRST;
	const nghttp2_settings_entry e[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
		    (uint32_t)h->max_head },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};
	const size_t n = NELEM(e) - (h->server ? 1 : 0);

	CHECK(
	    nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, e, n) == 0);
	CHECK(nghttp2_session_set_local_window_size(
		  h->session, NGHTTP2_FLAG_NONE, 0, H2_WINDOW_ALL) == 0);
}

void
h2_init(struct h2 *h, struct loop *l, struct stream *s,
    const struct h2_ops *ops, bool server, size_t max_head, unsigned streams)
{
	const int64_t now = loop_now(l);
	int rc;

	*h = (struct h2){ .loop = l,
		.stream = s,
		.ops = ops,
		.server = server,
		.max_head = max_head,
		.frames = { now, frame_rate.burst },
		.resets = { now, reset_rate.burst } };
	/* The preface is no frame. */
	h->frame_left = server ? h2_preface.len : 0;
	rc = server ? nghttp2_session_server_new2(
			  &h->session, callbacks(), h, options())
		    : nghttp2_session_client_new2(
			  &h->session, callbacks(), h, options());
	CHECK(rc == 0);
	greet(h, streams);
}

void
h2_fini(struct h2 *h)
{
	block_close(h);
	nghttp2_session_del(h->session);
	h->session = NULL;
	outq_fini(&h->out);
	mem_free(h->cut);
}

bool
h2_over(const struct h2 *h)
{
	return h->out.len == 0 && !nghttp2_session_want_read(h->session) &&
	       !nghttp2_session_want_write(h->session);
}

/*
 * Written by hand: after a failed callback nghttp2 is not to be asked for
 * anything more.
 */
void
h2_dismiss(struct h2 *h)
{
	const uint32_t code = h->abuse != H2_NONE ? NGHTTP2_ENHANCE_YOUR_CALM
			      : h->error != 0     ? h->error
						  : NGHTTP2_PROTOCOL_ERROR;
	const uint32_t last =
	    (uint32_t)nghttp2_session_get_last_proc_stream_id(h->session);
	char f[17] = { 0, 0, 8, NGHTTP2_GOAWAY };
	int i;

	for (i = 0; i < 4; i++) {
		f[9 + i] = (char)(last >> (24 - 8 * i));
		f[13 + i] = (char)(code >> (24 - 8 * i));
	}
	outq_add(&h->out, (struct slice){ f, sizeof(f) });
	h->failed = true;
}

static bool
give(struct h2 *h, const char *p, size_t len)
{
	ssize_t n =
	    nghttp2_session_mem_recv(h->session, (const uint8_t *)p, len);

	if (n == NGHTTP2_ERR_FLOODED)
		(void)abuse(h, H2_FLOOD);
	return n >= 0 && h->abuse == H2_NONE && h->error == 0;
}

static nghttp2_frame_hd
read_frame_head(const uint8_t b[H2_FRAME_HEAD])
{
	return (nghttp2_frame_hd){ .length = (size_t)b[0] << 16 |
					     (size_t)b[1] << 8 | b[2],
		.type = b[3],
		.flags = b[4],
		.stream_id = (int32_t)((uint32_t)(b[5] & 0x7f) << 24 |
				       (uint32_t)b[6] << 16 |
				       (uint32_t)b[7] << 8 | b[8]) };
}

/* A frame's head that is whole: looked at, then given. */
static bool
feed_frame_head(struct h2 *h)
{
	const nghttp2_frame_hd hd = read_frame_head(h->frame_head);

	h->nframe_head = 0;
	h->frame_left = hd.length;
	return judge_frame(h, &hd) == 0 &&
	       give(h, (const char *)h->frame_head, H2_FRAME_HEAD);
}

bool
h2_feed(struct h2 *h, const char *p, size_t len)
{
	size_t n;

	while (len > 0) {
		if (h->frame_left > 0) {
			n = len < h->frame_left ? len : h->frame_left;
			h->frame_left -= n;
			if (!give(h, p, n))
				return false;
		} else {
			n = H2_FRAME_HEAD - h->nframe_head;
			n = len < n ? len : n;
			memcpy(h->frame_head + h->nframe_head, p, n);
			h->nframe_head += (unsigned)n;
			if (h->nframe_head == H2_FRAME_HEAD &&
			    !feed_frame_head(h))
				return false;
		}
		p += n;
		len -= n;
	}
	return true;
}

/* Frames that are ready, as many as a write takes. */
static size_t
gather(struct h2 *h, char *to, size_t cap)
{
	const uint8_t *p;
	size_t len = 0;
	ssize_t n;

	while (len == 0 || cap - len > 17 * 1024) {
		n = nghttp2_session_mem_send(h->session, &p);
		if (n < 0)
			h->failed = true;
		if (n <= 0)
			break;
		if ((size_t)n > cap - len) {
			outq_add(&h->out, (struct slice){ to, len });
			outq_add(&h->out,
			    (struct slice){ (const char *)p, (size_t)n });
			return 0;
		}
		memcpy(to + len, p, (size_t)n);
		len += (size_t)n;
	}
	return len;
}

bool
h2_flush(struct h2 *h)
{
	static _Thread_local char scratch[SCRATCH];
	struct iovec iov = { scratch, 0 };

	if (h->out.len > 0 && outq_flush(&h->out, h->stream) < 0)
		return false;
	while (h->out.len == 0 && !h->failed) {
		iov.iov_len = gather(h, scratch, sizeof(scratch));
		if (iov.iov_len == 0)
			break;
		if (!outq_writev(&h->out, h->stream, &iov, 1))
			return false;
	}
	return true;
}
