/*
 * inflate.c - limits hold, and the size of the pieces changes nothing
 *
 * The first byte chooses the encoding, the second the size of the pieces.
 */
#include "base/inflate.h"

enum { MOST = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum fault
run(enum encoding e, struct slice s, size_t step, struct buf *out)
{
	struct inflater *z = inflater_new(e, MOST);
	enum fault fault = FAULT_NONE;
	size_t n;

	while (s.len > 0 && fault == FAULT_NONE) {
		n = s.len < step ? s.len : step;
		fault = inflater_feed(z, (struct slice){ s.p, n }, out);
		s.p += n;
		s.len -= n;
	}
	if (fault == FAULT_NONE)
		fault = inflater_end(z);
	CHECK(out->len <= MOST);
	inflater_free(z);
	return fault;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf whole = { 0 }, parts = { 0 };
	enum fault a, b;
	enum encoding e;
	struct slice s;

	if (len < 2)
		return 0;
	e = (enum encoding)(data[0] % 4);
	s = (struct slice){ (const char *)data + 2, len - 2 };
	a = run(e, s, SIZE_MAX, &whole);
	b = run(e, s, data[1] + 1u, &parts);
	/* A ratio may be met in pieces and not in one. */
	if (a == FAULT_NONE && b == FAULT_NONE)
		CHECK(slice_eq(buf_slice(&whole), buf_slice(&parts)));
	buf_fini(&whole);
	buf_fini(&parts);
	return 0;
}
