/*
 * sse.c - any bytes as events, whole and byte by byte: the same data comes
 * out, and every byte passes
 */
#include "http/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct out {
	struct buf data, bytes;
};

static bool
on_event(void *arg, const struct sse_event *e)
{
	struct out *o = arg;

	if (e->has_data) {
		buf_add(&o->data, e->type);
		buf_char(&o->data, '|');
		buf_add(&o->data, e->data);
		buf_char(&o->data, '|');
	}
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
	struct sse s = { .max = SIZE_MAX };
	struct slice part;
	char *copy;

	while (in.len > 0) {
		part = (struct slice){ in.p, in.len < step ? in.len : step };
		copy = mem_dup(part);
		CHECK(sse_feed(&s, (struct slice){ copy, part.len }, on_event,
			  on_pass, o) == FAULT_NONE);
		mem_free(copy);
		in = (struct slice){ in.p + part.len, in.len - part.len };
	}
	sse_end(&s, on_event, on_pass, o);
	sse_fini(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct out whole = { 0 }, bytes = { 0 };

	split(in, size, &whole);
	split(in, 1, &bytes);
	CHECK(slice_eq(buf_slice(&whole.bytes), in));
	CHECK(slice_eq(buf_slice(&bytes.bytes), in));
	CHECK(slice_eq(buf_slice(&whole.data), buf_slice(&bytes.data)));
	buf_fini(&whole.data);
	buf_fini(&whole.bytes);
	buf_fini(&bytes.data);
	buf_fini(&bytes.bytes);
	return 0;
}
