/*
 * eventstream.c - any bytes as messages, whole and byte by byte: the same
 * comes out, and what was passed, written again, is what was read
 */
#include "http/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct out {
	struct buf said, bytes, again;
	enum fault fault;
};

static bool
on_message(void *arg, const struct eventstream_message *m)
{
	struct slice left = m->headers;
	struct eventstream_header h;
	struct out *o = arg;
	size_t at;

	buf_add(&o->said, m->kind);
	buf_char(&o->said, '|');
	buf_add(&o->said, m->event);
	buf_char(&o->said, '|');
	eventstream_begin(&o->again, &at);
	while (eventstream_next_header(&left, &h))
		eventstream_put(&o->again, &h);
	CHECK(left.len == 0);
	eventstream_close(&o->again, at, m->payload);
	return true;
}

static void
on_pass(void *arg, struct slice bytes)
{
	buf_add(&((struct out *)arg)->bytes, bytes);
}

static void
split(struct slice in, size_t step, struct out *o)
{
	struct eventstream s = { .max = 1 << 20 };
	struct slice part;
	char *copy;

	while (in.len > 0 && o->fault == FAULT_NONE) {
		part = (struct slice){ in.p, in.len < step ? in.len : step };
		copy = mem_dup(part);
		o->fault = eventstream_feed(&s,
		    (struct slice){ copy, part.len }, on_message, on_pass, o);
		mem_free(copy);
		in = (struct slice){ in.p + part.len, in.len - part.len };
	}
	if (o->fault == FAULT_NONE)
		o->fault = eventstream_end(&s);
	eventstream_fini(&s);
}

static void
out_fini(struct out *o)
{
	buf_fini(&o->said);
	buf_fini(&o->bytes);
	buf_fini(&o->again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct out whole = { 0 }, bytes = { 0 };

	split(in, size, &whole);
	split(in, 1, &bytes);
	CHECK(whole.fault == bytes.fault);
	CHECK(slice_eq(buf_slice(&whole.said), buf_slice(&bytes.said)));
	CHECK(slice_eq(buf_slice(&whole.bytes), buf_slice(&bytes.bytes)));
	CHECK(slice_eq(buf_slice(&whole.bytes), buf_slice(&whole.again)));
	CHECK(
	    whole.fault != FAULT_NONE || slice_eq(buf_slice(&whole.bytes), in));
	out_fini(&whole);
	out_fini(&bytes);
	return 0;
}
