#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cbor.h"

static struct slice
bytes(const uint8_t *p, size_t len)
{
	return (struct slice){ (const char *)p, len };
}

/* RFC 8949 appendix A, as far as our profile goes. */
static void
integers_match_appendix_a(void **state)
{
	static const struct {
		int64_t v;
		struct slice want;
	} cases[] = {
		{ 0, S_INIT("\x00") },
		{ 1, S_INIT("\x01") },
		{ 10, S_INIT("\x0a") },
		{ 23, S_INIT("\x17") },
		{ 24, S_INIT("\x18\x18") },
		{ 25, S_INIT("\x18\x19") },
		{ 100, S_INIT("\x18\x64") },
		{ 255, S_INIT("\x18\xff") },
		{ 256, S_INIT("\x19\x01\x00") },
		{ 1000, S_INIT("\x19\x03\xe8") },
		{ 65535, S_INIT("\x19\xff\xff") },
		{ 65536, S_INIT("\x1a\x00\x01\x00\x00") },
		{ 1000000, S_INIT("\x1a\x00\x0f\x42\x40") },
		{ 4294967295, S_INIT("\x1a\xff\xff\xff\xff") },
		{ 4294967296, S_INIT("\x1b\0\0\0\x01\0\0\0\0") },
		{ 1000000000000,
		    S_INIT("\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00") },
		{ INT64_MAX, S_INIT("\x1b\x7f\xff\xff\xff\xff\xff\xff\xff") },
		{ -1, S_INIT("\x20") },
		{ -10, S_INIT("\x29") },
		{ -100, S_INIT("\x38\x63") },
		{ -1000, S_INIT("\x39\x03\xe7") },
		{ INT64_MIN, S_INIT("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff") },
	};
	uint8_t out[16];
	struct cbor_w w;
	struct cbor_r r;
	int64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		cbor_w_init(&w, out, sizeof(out));
		cbor_w_i64(&w, cases[i].v);
		assert_true(slice_eq(cbor_w_slice(&w), cases[i].want));
		r = cbor_r(cases[i].want);
		assert_true(cbor_r_i64(&r, &v) && cbor_r_end(&r));
		assert_int_equal(v, cases[i].v);
		r = cbor_r(cases[i].want);
		assert_true(cbor_r_skip(&r) && cbor_r_end(&r));
	}
}

static void
other_values_match_appendix_a(void **state)
{
	static const struct slice want = S_INIT("\x1b\xff\xff\xff\xff\xff\xff"
						"\xff\xff" /* 2^64 - 1 */
						"\xf4\xf5\x40\x44\x01\x02\x03"
						"\x04\x60\x64IETF\x62\"\\"
						"\x62\xc3\xbc\x63\xe6\xb0\xb4"
						"\x64\xf0\x90\x85\x91\x80"
						"\x83\x01\x02\x03"
						"\xa0\xa2\x01\x02\x03\x04");
	uint8_t out[128];
	struct cbor_w w;

	(void)state;
	cbor_w_init(&w, out, sizeof(out));
	cbor_w_u64(&w, UINT64_MAX);
	cbor_w_bool(&w, false);
	cbor_w_bool(&w, true);
	cbor_w_bytes(&w, S(""));
	cbor_w_bytes(&w, S("\x01\x02\x03\x04"));
	cbor_w_text(&w, S(""));
	cbor_w_text(&w, S("IETF"));
	cbor_w_text(&w, S("\"\\"));
	cbor_w_text(&w, S("\xc3\xbc"));
	cbor_w_text(&w, S("\xe6\xb0\xb4"));
	cbor_w_text(&w, S("\xf0\x90\x85\x91"));
	cbor_w_array(&w, 0);
	cbor_w_array(&w, 3);
	cbor_w_u64(&w, 1);
	cbor_w_u64(&w, 2);
	cbor_w_u64(&w, 3);
	cbor_w_map(&w);
	cbor_w_map_end(&w);
	cbor_w_map(&w);
	cbor_w_key(&w, 1);
	cbor_w_u64(&w, 2);
	cbor_w_key(&w, 3);
	cbor_w_i64(&w, 4);
	cbor_w_map_end(&w);
	assert_true(slice_eq(cbor_w_slice(&w), want));
}

/* What a frame may look like; keys 2 and 5 hold maps. */
static struct slice
frame(uint8_t *out, size_t len, uint64_t keys)
{
	struct cbor_w w;
	uint64_t i;

	cbor_w_init(&w, out, len);
	cbor_w_map(&w);
	cbor_w_key(&w, 1);
	cbor_w_bytes(&w, S("id"));
	cbor_w_key(&w, 2);
	cbor_w_map(&w);
	cbor_w_key(&w, 0);
	cbor_w_text(&w, S("inner"));
	cbor_w_key(&w, 9);
	cbor_w_array(&w, 2);
	cbor_w_bool(&w, true);
	cbor_w_map(&w);
	cbor_w_map_end(&w);
	cbor_w_map_end(&w);
	cbor_w_key(&w, 3);
	cbor_w_bool(&w, true);
	cbor_w_key(&w, 4);
	cbor_w_i64(&w, -5);
	for (i = 0; i < keys; i++) {
		cbor_w_key(&w, 100 + i);
		cbor_w_u64(&w, i);
	}
	cbor_w_map_end(&w);
	return cbor_w_slice(&w);
}

static size_t
count_keys(struct slice s, bool *good)
{
	struct cbor_r r = cbor_r(s);
	struct cbor_map m;
	uint64_t key;
	size_t n = 0;

	if (cbor_r_map(&r, &m)) {
		while (cbor_r_key(&r, &m, &key)) {
			n++;
			cbor_r_skip(&r);
		}
	}
	*good = cbor_r_end(&r);
	return n;
}

static void
maps_count_their_keys_up_to_any_number(void **state)
{
	static const size_t counts[] = { 0, 19, 20, 250, 252, 300 };
	static uint8_t out[8192];
	struct slice s;
	bool good;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(counts); i++) {
		s = frame(out, sizeof(out), counts[i]);
		assert_true(s.len > 0);
		assert_int_equal(count_keys(s, &good), counts[i] + 4);
		assert_true(good);
	}
}

static void
a_frame_reads_as_it_was_written(void **state)
{
	uint8_t out[128];
	struct cbor_r r = cbor_r(frame(out, sizeof(out), 0));
	struct cbor_map m, inner;
	enum cbor_type type;
	struct slice s;
	uint64_t key, n;
	int64_t v;
	bool b;

	(void)state;
	assert_true(cbor_r_peek(&r, &type) && type == CBOR_MAP);
	assert_true(cbor_r_map(&r, &m) && m.left == 4);
	assert_true(cbor_r_key(&r, &m, &key) && key == 1);
	assert_true(cbor_r_bytes(&r, &s) && slice_eq(s, S("id")));
	assert_true(cbor_r_key(&r, &m, &key) && key == 2);
	assert_true(cbor_r_map(&r, &inner));
	assert_true(cbor_r_key(&r, &inner, &key) && key == 0);
	assert_true(cbor_r_text(&r, &s) && slice_eq(s, S("inner")));
	assert_true(cbor_r_key(&r, &inner, &key) && key == 9);
	assert_true(cbor_r_array(&r, &n) && n == 2);
	assert_true(cbor_r_bool(&r, &b) && b);
	assert_true(cbor_r_skip(&r));
	assert_false(cbor_r_key(&r, &inner, &key));
	assert_true(cbor_r_key(&r, &m, &key) && key == 3);
	assert_true(cbor_r_bool(&r, &b) && b);
	assert_true(cbor_r_key(&r, &m, &key) && key == 4);
	assert_true(cbor_r_i64(&r, &v) && v == -5);
	assert_false(cbor_r_key(&r, &m, &key));
	assert_true(cbor_r_end(&r));
}

static void
a_buffer_too_small_by_any_number_is_said_and_not_overrun(void **state)
{
	uint8_t whole[512], out[512];
	const struct slice want = frame(whole, sizeof(whole), 30);
	size_t len;

	(void)state;
	assert_true(want.len > 60);
	for (len = 0; len < want.len; len++) {
		memset(out, 0xee, sizeof(out));
		assert_int_equal(frame(out, len, 30).len, 0);
		assert_int_equal(out[len], 0xee);
	}
	assert_true(slice_eq(frame(out, want.len, 30), want));
}

static void
what_is_not_deterministic_is_refused(void **state)
{
	static const struct slice bad[] = {
		S_INIT(""), S_INIT("\x18\x17"), /* 23 in two bytes */
		S_INIT("\x18\x00"), S_INIT("\x19\x00\xff"),
		S_INIT("\x1a\x00\x00\xff\xff"),
		S_INIT("\x1b\0\0\0\0\xff\xff\xff\xff"), S_INIT("\x38\x17"),
		S_INIT("\x58\x01x"), /* a length too long */
		S_INIT("\x78\x01x"), S_INIT("\x98\x01\x00"),
		S_INIT("\xb8\x01\x00\x00"), S_INIT("\x1c"), S_INIT("\x1d"),
		S_INIT("\x1e"), S_INIT("\x1f"),
		S_INIT("\x5f\x41x\xff"), /* no stated length */
		S_INIT("\x7f\x61x\xff"), S_INIT("\x9f\xff"), S_INIT("\xbf\xff"),
		S_INIT("\xff"), S_INIT("\xf6"), /* null */
		S_INIT("\xf7"),                 /* undefined */
		S_INIT("\xe0"), S_INIT("\xf8\x20"),
		S_INIT("\xf8\x14"),     /* false in two bytes */
		S_INIT("\xf9\x00\x00"), /* floats */
		S_INIT("\xfa\x00\x00\x00\x00"), S_INIT("\xfb\0\0\0\0\0\0\0\0"),
		S_INIT("\xc0\x00"),                             /* a tag */
		S_INIT("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), /* -2^64 */
		S_INIT("\x3b\x80\0\0\0\0\0\0\0"),
		S_INIT("\xa2\x01\x00\x01\x00"), /* a key twice */
		S_INIT("\xa2\x02\x00\x01\x00"), /* keys not in order */
		S_INIT("\xa1\x20\x00"),         /* keys of other kinds */
		S_INIT("\xa1\x61x\x00"), S_INIT("\xa1\x01"), S_INIT("\xa1"),
		S_INIT("\x81"), S_INIT("\x82\x00"),
		S_INIT("\x61\xff"), /* not UTF-8 */
		S_INIT("\x62x"),
		S_INIT("\x5b\xff\xff\xff\xff\xff\xff\xff\xffx"),
		S_INIT("\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
		S_INIT("\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"),
		S_INIT("\xa2\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x00"
		       "\x00\x00"), /* behind the last key */
		S_INIT("\x00\x00"), /* bytes left over */
	};
	struct cbor_r r;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		r = cbor_r(bad[i]);
		cbor_r_skip(&r);
		if (cbor_r_end(&r) && bad[i].len > 0)
			fail_msg("case %zu", i);
		if (bad[i].len == 0)
			assert_true(r.bad);
	}
}

static void
another_kind_than_asked_for_is_bad_and_stays_so(void **state)
{
	struct cbor_r r = cbor_r(S("\x01\x02"));
	struct cbor_map m;
	struct slice s;
	uint64_t v;
	bool b;

	(void)state;
	assert_false(cbor_r_text(&r, &s));
	assert_false(cbor_r_u64(&r, &v));
	assert_false(cbor_r_end(&r));
	r = cbor_r(S("\x20"));
	assert_false(cbor_r_u64(&r, &v));
	r = cbor_r(S("\x41x"));
	assert_false(cbor_r_text(&r, &s));
	r = cbor_r(S("\x01"));
	assert_false(cbor_r_bool(&r, &b));
	r = cbor_r(S("\x15"));
	assert_false(cbor_r_bool(&r, &b));
	r = cbor_r(S("\x80"));
	assert_false(cbor_r_map(&r, &m));
}

static void
nesting_is_bounded_when_skipped(void **state)
{
	uint8_t deep[CBOR_DEPTH_MAX + 2];
	struct cbor_r r;

	(void)state;
	memset(deep, 0x81, sizeof(deep));
	deep[CBOR_DEPTH_MAX] = 0x00;
	r = cbor_r(bytes(deep, CBOR_DEPTH_MAX + 1));
	assert_true(cbor_r_skip(&r) && cbor_r_end(&r));
	deep[CBOR_DEPTH_MAX] = 0x81;
	deep[CBOR_DEPTH_MAX + 1] = 0x00;
	r = cbor_r(bytes(deep, CBOR_DEPTH_MAX + 2));
	assert_false(cbor_r_skip(&r));
	assert_true(r.bad);
}

static void
every_truncation_is_refused(void **state)
{
	static uint8_t out[8192];
	const struct slice s = frame(out, sizeof(out), 300);
	bool good;
	size_t len;

	(void)state;
	for (len = 0; len < s.len; len++) {
		count_keys((struct slice){ s.p, len }, &good);
		assert_false(good);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_match_appendix_a),
		cmocka_unit_test(other_values_match_appendix_a),
		cmocka_unit_test(maps_count_their_keys_up_to_any_number),
		cmocka_unit_test(a_frame_reads_as_it_was_written),
		cmocka_unit_test(
		    a_buffer_too_small_by_any_number_is_said_and_not_overrun),
		cmocka_unit_test(what_is_not_deterministic_is_refused),
		cmocka_unit_test(
		    another_kind_than_asked_for_is_bad_and_stays_so),
		cmocka_unit_test(nesting_is_bounded_when_skipped),
		cmocka_unit_test(every_truncation_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
