/*
 * cbor.c - what the reader takes, the writer writes byte for byte
 */
#include "base/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Copies one scalar; false for containers and faults. */
static bool
copy_scalar(struct cbor_r *r, struct cbor_w *w)
{
	enum cbor_type type;
	struct slice s;
	uint64_t u;
	int64_t i;
	bool b;

	if (!cbor_r_peek(r, &type))
		return false;
	if (type == CBOR_UINT && cbor_r_u64(r, &u))
		cbor_w_u64(w, u);
	else if (type == CBOR_NEGATIVE && cbor_r_i64(r, &i))
		cbor_w_i64(w, i);
	else if (type == CBOR_BYTES && cbor_r_bytes(r, &s))
		cbor_w_bytes(w, s);
	else if (type == CBOR_TEXT && cbor_r_text(r, &s))
		cbor_w_text(w, s);
	else if (type == CBOR_BOOL && cbor_r_bool(r, &b))
		cbor_w_bool(w, b);
	else
		return false;
	return true;
}

/* A flat map of scalars, as most frames are. */
static bool
copy_map(struct cbor_r *r, struct cbor_w *w)
{
	struct cbor_map m;
	uint64_t key;

	if (!cbor_r_map(r, &m))
		return false;
	cbor_w_map(w);
	while (cbor_r_key(r, &m, &key)) {
		if (key == UINT64_MAX) /* which the writer does not write */
			return false;
		cbor_w_key(w, key);
		if (!copy_scalar(r, w))
			return false;
	}
	cbor_w_map_end(w);
	return cbor_r_end(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t out[1 << 16];
	const struct slice s = { (const char *)data, len };
	struct cbor_r skip = cbor_r(s), copy = cbor_r(s);
	struct cbor_w w;
	bool good;

	good = cbor_r_skip(&skip) && cbor_r_end(&skip);
	cbor_w_init(&w, out, sizeof(out));
	if (copy_map(&copy, &w)) {
		CHECK(good);
		CHECK(len > sizeof(out) || slice_eq(cbor_w_slice(&w), s));
	}
	return 0;
}
