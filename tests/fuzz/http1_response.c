/*
 * http1_response.c - any bytes as an answer, whole and byte by byte; the
 * content must be the same
 */
#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum fault
decode(
    const struct h1_meta *meta, struct slice in, size_t step, struct buf *out)
{
	struct h1_body b;
	struct slice data;
	size_t used, n;
	bool last = false;
	char *copy;
	enum fault f = FAULT_NONE;

	h1_body_init(&b, meta, FAULT_UP_GARBAGE);
	while (in.len > 0 && !last && f == FAULT_NONE) {
		n = in.len < step ? in.len : step;
		copy = mem_dup((struct slice){ in.p, n });
		f = h1_body_feed(&b, copy, n, &used, &data, &last);
		if (f == FAULT_NONE)
			buf_add(out, data);
		mem_free(copy);
		in = (struct slice){ in.p + n, in.len - n };
	}
	return f;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head head;
	struct slice in = { (const char *)data, size };
	struct h1_seen seen = { 0 };
	struct h1_meta meta;
	struct buf whole = { 0 }, split = { 0 };
	size_t used;

	if (h1_answer(&seen, in, 4096, false, &head, &meta, &used) !=
		FAULT_NONE ||
	    used == 0)
		return 0;
	in = (struct slice){ in.p + used, in.len - used };
	if (decode(&meta, in, in.len, &whole) == FAULT_NONE) {
		CHECK(decode(&meta, in, 1, &split) == FAULT_NONE);
		CHECK(slice_eq(buf_slice(&whole), buf_slice(&split)));
	}
	buf_fini(&whole);
	buf_fini(&split);
	return 0;
}
