/*
 * http1_request.c - any bytes as a request: never a crash, and however they
 * are split, the same head
 */
#include <stdlib.h>

#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
feed_body(const struct h1_meta *meta, const char *p, size_t len, size_t step)
{
	struct h1_body b;
	struct slice out;
	size_t used = 0, n;
	bool last = false;
	char *copy;

	h1_body_init(&b, meta, FAULT_HTTP);
	while (len > 0 && !last) {
		n = len < step ? len : step;
		copy = mem_dup((struct slice){ p, n });
		if (h1_body_feed(&b, copy, n, &used, &out, &last) != FAULT_NONE)
			n = 0;
		else
			CHECK(out.len <= n && (used == n || last));
		mem_free(copy);
		if (n == 0)
			return;
		p += n;
		len -= n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head whole, split;
	struct slice in = { (const char *)data, size };
	struct h1_seen seen = { 0 }, slow = { 0 };
	struct h1_meta meta, meta2;
	size_t used, used2 = 0, at;
	enum fault f = h1_request(&seen, in, 4096, &whole, &meta, &used), f2;

	f2 = FAULT_NONE;
	for (at = 0; at <= size && f2 == FAULT_NONE && used2 == 0; at++)
		f2 = h1_request(&slow, (struct slice){ in.p, at }, 4096, &split,
		    &meta2, &used2);
	if (f == FAULT_NONE) {
		CHECK(f2 == FAULT_NONE && used == used2);
		CHECK(used == 0 || whole.nhdr == split.nhdr);
	}
	if (f != FAULT_NONE || used == 0)
		return 0;
	feed_body(&meta, in.p + used, size - used, size);
	feed_body(&meta, in.p + used, size - used, 1);
	return 0;
}
