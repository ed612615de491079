#include "http/eventstream.h"

#include "base/crc.h"

enum { PRELUDE = 12, TRAILER = 4 };

static uint32_t
get32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 |
	       (uint32_t)u[2] << 8 | u[3];
}

static void
set32(char *p, uint32_t v)
{
	p[0] = (char)(v >> 24);
	p[1] = (char)(v >> 16);
	p[2] = (char)(v >> 8);
	p[3] = (char)v;
}

/* --- headers ----------------------------------------------------------- */

/* Bytes of a value whose type has but one size; -1: it says its length. */
static int
size_of(unsigned type)
{
	static const signed char size[] = { 0, 0, 1, 2, 4, 8, -1, -1, 8, 16 };

	return size[type];
}

/* False: the bytes are no header. */
static bool
cut_header(struct slice *in, struct eventstream_header *h)
{
	const unsigned char *u = (const unsigned char *)in->p;
	size_t name, at, len;

	if (in->len < 2 || u[0] == 0)
		return false;
	name = u[0];
	at = name + 2;
	if (in->len < at || u[name + 1] > EVENTSTREAM_UUID)
		return false;
	h->type = u[name + 1];
	if (size_of(h->type) >= 0) {
		len = (size_t)size_of(h->type);
	} else {
		if (in->len < at + 2)
			return false;
		len = (size_t)u[at] << 8 | u[at + 1];
		at += 2;
	}
	if (in->len - at < len)
		return false;
	h->name = (struct slice){ in->p + 1, name };
	h->value = (struct slice){ in->p + at, len };
	*in = (struct slice){ in->p + at + len, in->len - at - len };
	return true;
}

bool
eventstream_next_header(struct slice *headers, struct eventstream_header *out)
{
	return headers->len > 0 && cut_header(headers, out);
}

static void
take_header(struct eventstream_message *m, const struct eventstream_header *h)
{
	if (h->type != EVENTSTREAM_STRING)
		return;
	if (slice_eq(h->name, S(":message-type")))
		m->kind = h->value;
	else if (slice_eq(h->name, S(":event-type")) ||
		 slice_eq(h->name, S(":exception-type")) ||
		 slice_eq(h->name, S(":error-code")))
		m->event = h->value;
	else if (slice_eq(h->name, S(":error-message")))
		m->error = h->value;
}

static bool
read_headers(struct eventstream_message *m)
{
	struct slice left = m->headers;
	struct eventstream_header h;

	while (left.len > 0) {
		if (!cut_header(&left, &h))
			return false;
		take_header(m, &h);
	}
	return true;
}

/* --- messages ---------------------------------------------------------- */

/*
 * Length of the message at p, of which len bytes are there; 0: not known yet,
 * SIZE_MAX: none begins here.  The prelude's own sum is checked before its
 * lengths are believed.
 */
static size_t
measure(const struct eventstream *s, const char *p, size_t len)
{
	size_t total, headers;

	if (len < PRELUDE)
		return 0;
	total = get32(p);
	headers = get32(p + 4);
	if (crc32_ieee(0, p, 8) != get32(p + 8) || total < EVENTSTREAM_MIN ||
	    total > s->max || headers > EVENTSTREAM_HEADERS_MAX ||
	    headers > total - EVENTSTREAM_MIN)
		return SIZE_MAX;
	return total;
}

static bool
parse(struct slice raw, struct eventstream_message *m)
{
	const size_t headers = get32(raw.p + 4), end = raw.len - TRAILER;

	if (crc32_ieee(0, raw.p, end) != get32(raw.p + end))
		return false;
	*m = (struct eventstream_message){ .raw = raw,
		.headers = { raw.p + PRELUDE, headers },
		.payload = { raw.p + PRELUDE + headers,
		    end - PRELUDE - headers },
		.kind = { "", 0 },
		.event = { "", 0 },
		.error = { "", 0 } };
	return read_headers(m);
}

struct sink {
	eventstream_message_f *on_message;
	eventstream_pass_f *on_pass;
	void *arg;
};

static bool
give(struct slice raw, const struct sink *k)
{
	struct eventstream_message m;

	if (!parse(raw, &m))
		return false;
	if (k->on_message(k->arg, &m) && k->on_pass != NULL)
		k->on_pass(k->arg, raw);
	return true;
}

/* Fills the tail to its message's end; false: the stream is lost. */
static bool
fill_tail(struct eventstream *s, struct slice *in, const struct sink *k)
{
	size_t want = PRELUDE, len, total = 0;

	while (s->tail.len > 0 && in->len > 0) {
		if (s->tail.len >= PRELUDE) {
			total = measure(s, s->tail.p, s->tail.len);
			want = total;
		}
		if (total == SIZE_MAX)
			return false;
		len = want - s->tail.len;
		if (len > in->len)
			len = in->len;
		buf_add(&s->tail, (struct slice){ in->p, len });
		*in = (struct slice){ in->p + len, in->len - len };
		if (total == 0 || s->tail.len < total)
			continue;
		if (!give(buf_slice(&s->tail), k))
			return false;
		buf_fini(&s->tail);
	}
	return true;
}

static bool
feed(struct eventstream *s, struct slice in, const struct sink *k)
{
	size_t total;

	if (!fill_tail(s, &in, k))
		return false;
	while (in.len > 0) {
		total = measure(s, in.p, in.len);
		if (total == SIZE_MAX)
			return false;
		if (total == 0 || total > in.len) {
			buf_add(&s->tail, in);
			return true;
		}
		if (!give((struct slice){ in.p, total }, k))
			return false;
		in = (struct slice){ in.p + total, in.len - total };
	}
	return true;
}

enum fault
eventstream_feed(struct eventstream *s, struct slice in,
    eventstream_message_f *on_message, eventstream_pass_f *on_pass, void *arg)
{
	const struct sink k = { on_message, on_pass, arg };

	if (!s->lost && !feed(s, in, &k))
		s->lost = true;
	return s->lost ? FAULT_UP_GARBAGE : FAULT_NONE;
}

enum fault
eventstream_end(const struct eventstream *s)
{
	return s->lost || s->tail.len > 0 ? FAULT_UP_GARBAGE : FAULT_NONE;
}

void
eventstream_fini(struct eventstream *s)
{
	buf_fini(&s->tail);
}

/* --- to write ---------------------------------------------------------- */

void
eventstream_begin(struct buf *b, size_t *at)
{
	*at = b->len;
	buf_reserve(b, PRELUDE);
	b->len += PRELUDE;
}

void
eventstream_put(struct buf *b, const struct eventstream_header *h)
{
	CHECK(h->name.len > 0 && h->name.len < 256 && h->value.len < 65536);
	buf_char(b, (char)h->name.len);
	buf_add(b, h->name);
	buf_char(b, (char)h->type);
	if (size_of(h->type) < 0) {
		buf_char(b, (char)(h->value.len >> 8));
		buf_char(b, (char)h->value.len);
	} else {
		CHECK(h->value.len == (size_t)size_of(h->type));
	}
	buf_add(b, h->value);
}

void
eventstream_close(struct buf *b, size_t at, struct slice payload)
{
	const size_t headers = b->len - at - PRELUDE;
	uint32_t sum;

	buf_reserve(b, payload.len + TRAILER);
	buf_add(b, payload);
	set32(b->p + at, (uint32_t)(b->len - at + TRAILER));
	set32(b->p + at + 4, (uint32_t)headers);
	set32(b->p + at + 8, crc32_ieee(0, b->p + at, 8));
	sum = crc32_ieee(0, b->p + at, b->len - at);
	set32(b->p + b->len, sum);
	b->len += TRAILER;
}

static void
put_string(struct buf *b, struct slice name, struct slice value)
{
	eventstream_put(
	    b, &(struct eventstream_header){ name, EVENTSTREAM_STRING, value });
}

static void
put_message(struct buf *b, struct slice name, struct slice type,
    struct slice kind, struct slice payload)
{
	size_t at;

	eventstream_begin(b, &at);
	put_string(b, name, type);
	put_string(b, S(":content-type"), S("application/json"));
	put_string(b, S(":message-type"), kind);
	eventstream_close(b, at, payload);
}

void
eventstream_event(struct buf *b, struct slice type, struct slice payload)
{
	put_message(b, S(":event-type"), type, S("event"), payload);
}

void
eventstream_exception(struct buf *b, struct slice type, struct slice payload)
{
	put_message(b, S(":exception-type"), type, S("exception"), payload);
}
