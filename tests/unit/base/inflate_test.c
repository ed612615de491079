#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/inflate.h"

enum { MOST = 8 << 20 };

/* What compresses to about a third. */
static void
fill(char *p, size_t len)
{
	uint32_t v = 12345;
	size_t i;

	for (i = 0; i < len; i++) {
		v = v * 1664525 + 1013904223;
		p[i] = (char)('a' + (v >> 28));
	}
}

static void
deflate_into(struct buf *b, struct slice s, int bits)
{
	z_stream z = { 0 };

	assert_int_equal(
	    deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	buf_reserve(b, deflateBound(&z, s.len));
	z.next_in = (Bytef *)(uintptr_t)s.p;
	z.avail_in = (uInt)s.len;
	z.next_out = (Bytef *)b->p + b->len;
	z.avail_out = (uInt)(b->cap - b->len);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	b->len = b->cap - z.avail_out;
	deflateEnd(&z);
}

static void
compress_into(struct buf *b, struct slice s, enum encoding e)
{
	size_t n;

	switch (e) {
	case ENCODING_IDENTITY:
		buf_add(b, s);
		break;
	case ENCODING_GZIP:
		deflate_into(b, s, 16 + MAX_WBITS);
		break;
	case ENCODING_DEFLATE:
		deflate_into(b, s, MAX_WBITS);
		break;
	case ENCODING_ZSTD:
	default:
		buf_reserve(b, ZSTD_compressBound(s.len));
		n = ZSTD_compress(
		    b->p + b->len, b->cap - b->len, s.p, s.len, 3);
		assert_false(ZSTD_isError(n));
		b->len += n;
	}
}

/* Feeds s in pieces of at most step, to the end. */
static enum fault
inflate_all(
    enum encoding e, struct slice s, size_t step, size_t most, struct buf *out)
{
	struct inflater *z = inflater_new(e, most);
	enum fault fault = FAULT_NONE;
	size_t at, n;

	buf_clear(out);
	for (at = 0; at < s.len && fault == FAULT_NONE; at += n) {
		n = s.len - at < step ? s.len - at : step;
		fault = inflater_feed(z, (struct slice){ s.p + at, n }, out);
	}
	if (fault == FAULT_NONE)
		fault = inflater_end(z);
	else
		assert_int_equal(inflater_end(z), fault);
	assert_true(out->len <= most);
	inflater_free(z);
	return fault;
}

static const enum encoding all[] = { ENCODING_IDENTITY, ENCODING_GZIP,
	ENCODING_DEFLATE, ENCODING_ZSTD };

static void
all_encodings_come_back_in_pieces_of_any_size(void **state)
{
	static const size_t lens[] = { 1, 100, 16383, 16384, 16385, 70000 };
	static const size_t steps[] = { 1, 7, 1000, 1 << 20 };
	struct buf z = { 0 }, out = { 0 };
	static char text[70000];
	size_t e, i, k;

	(void)state;
	fill(text, sizeof(text));
	for (e = 0; e < NELEM(all); e++) {
		for (i = 0; i < NELEM(lens); i++) {
			buf_clear(&z);
			compress_into(
			    &z, (struct slice){ text, lens[i] }, all[e]);
			for (k = 0; k < NELEM(steps); k++) {
				assert_int_equal(
				    inflate_all(all[e], buf_slice(&z), steps[k],
					lens[i], &out),
				    FAULT_NONE);
				assert_true(slice_eq(buf_slice(&out),
				    (struct slice){ text, lens[i] }));
			}
		}
	}
	buf_fini(&z);
	buf_fini(&out);
}

static void
one_byte_above_the_limit_is_too_large(void **state)
{
	struct buf z = { 0 }, out = { 0 };
	static char text[40000];
	size_t e;

	(void)state;
	fill(text, sizeof(text));
	for (e = 0; e < NELEM(all); e++) {
		buf_clear(&z);
		compress_into(&z, (struct slice){ text, sizeof(text) }, all[e]);
		assert_int_equal(inflate_all(all[e], buf_slice(&z), 5000,
				     sizeof(text) - 1, &out),
		    FAULT_BODY_TOO_LARGE);
		assert_int_equal(
		    inflate_all(all[e], buf_slice(&z), 5000, 0, &out),
		    FAULT_BODY_TOO_LARGE);
	}
	buf_fini(&z);
	buf_fini(&out);
}

static void
a_bomb_is_refused_long_before_the_limit(void **state)
{
	const size_t len = 64 << 20;
	struct buf z = { 0 }, out = { 0 };
	char *zeros = calloc(1, len);
	size_t e;

	(void)state;
	assert_non_null(zeros);
	for (e = 1; e < NELEM(all); e++) {
		buf_clear(&z);
		compress_into(&z, (struct slice){ zeros, len }, all[e]);
		assert_int_equal(
		    inflate_all(all[e], buf_slice(&z), 1 << 20, len, &out),
		    FAULT_INFLATE);
		assert_true(out.len < len / 8);
	}
	free(zeros);
	buf_fini(&z);
	buf_fini(&out);
}

static void
much_that_is_small_is_no_bomb(void **state)
{
	struct buf z = { 0 }, out = { 0 };
	char *zeros = calloc(1, INFLATE_RATIO_FREE);

	(void)state;
	assert_non_null(zeros);
	compress_into(
	    &z, (struct slice){ zeros, INFLATE_RATIO_FREE }, ENCODING_GZIP);
	assert_int_equal(
	    inflate_all(ENCODING_GZIP, buf_slice(&z), 100, MOST, &out),
	    FAULT_NONE);
	assert_int_equal(out.len, INFLATE_RATIO_FREE);
	free(zeros);
	buf_fini(&z);
	buf_fini(&out);
}

static void
members_and_frames_may_be_joined(void **state)
{
	static const enum encoding joined[] = { ENCODING_GZIP, ENCODING_ZSTD };
	struct buf z = { 0 }, out = { 0 };
	size_t i, step;

	(void)state;
	for (i = 0; i < NELEM(joined); i++) {
		buf_clear(&z);
		compress_into(&z, S("one "), joined[i]);
		compress_into(&z, S(""), joined[i]);
		compress_into(&z, S("two"), joined[i]);
		for (step = 1; step <= z.len; step++) {
			assert_int_equal(inflate_all(joined[i], buf_slice(&z),
					     step, 7, &out),
			    FAULT_NONE);
			assert_true(slice_eq(buf_slice(&out), S("one two")));
		}
	}
	buf_fini(&z);
	buf_fini(&out);
}

static void
every_truncation_is_noticed(void **state)
{
	struct buf z = { 0 }, out = { 0 };
	char text[500];
	size_t e, len;

	(void)state;
	fill(text, sizeof(text));
	for (e = 1; e < NELEM(all); e++) {
		buf_clear(&z);
		compress_into(&z, (struct slice){ text, sizeof(text) }, all[e]);
		for (len = 0; len < z.len; len++) {
			assert_int_equal(
			    inflate_all(all[e], (struct slice){ z.p, len }, 50,
				MOST, &out),
			    FAULT_INFLATE);
		}
	}
	buf_fini(&z);
	buf_fini(&out);
}

static void
what_follows_the_end_is_refused(void **state)
{
	struct buf z = { 0 }, out = { 0 };
	size_t e;

	(void)state;
	for (e = 1; e < NELEM(all); e++) {
		buf_clear(&z);
		compress_into(&z, S("text"), all[e]);
		buf_str(&z, "more");
		assert_int_equal(
		    inflate_all(all[e], buf_slice(&z), 1000, MOST, &out),
		    FAULT_INFLATE);
	}
	buf_fini(&z);
	buf_fini(&out);
}

static void
damage_never_passes_the_checksum_of_gzip_and_zlib(void **state)
{
	struct buf z = { 0 }, out = { 0 };
	enum fault fault;
	char text[300];
	size_t e, i;

	(void)state;
	fill(text, sizeof(text));
	for (e = 1; e <= 2; e++) {
		buf_clear(&z);
		compress_into(&z, (struct slice){ text, sizeof(text) }, all[e]);
		for (i = 0; i < z.len; i++) {
			z.p[i] = (char)(z.p[i] ^ 0x41);
			fault =
			    inflate_all(all[e], buf_slice(&z), 64, MOST, &out);
			/* A gzip head has fields that nothing checks. */
			if (fault == FAULT_NONE)
				assert_true(i < 10 && slice_eq(buf_slice(&out),
							  (struct slice){ text,
							      sizeof(text) }));
			z.p[i] = (char)(z.p[i] ^ 0x41);
		}
	}
	buf_fini(&z);
	buf_fini(&out);
}

static void
names_are_known_in_any_case_and_others_refused(void **state)
{
	enum encoding e;

	(void)state;
	assert_int_equal(encoding_parse(S("gzip"), &e), FAULT_NONE);
	assert_int_equal(e, ENCODING_GZIP);
	assert_int_equal(encoding_parse(S(" X-GZIP "), &e), FAULT_NONE);
	assert_int_equal(e, ENCODING_GZIP);
	assert_int_equal(encoding_parse(S("Deflate"), &e), FAULT_NONE);
	assert_int_equal(e, ENCODING_DEFLATE);
	assert_int_equal(encoding_parse(S("zstd"), &e), FAULT_NONE);
	assert_int_equal(e, ENCODING_ZSTD);
	assert_int_equal(encoding_parse(S("identity"), &e), FAULT_NONE);
	assert_int_equal(e, ENCODING_IDENTITY);
	assert_int_equal(encoding_parse(S("br"), &e), FAULT_ENCODING);
	assert_int_equal(encoding_parse(S("gzip, gzip"), &e), FAULT_ENCODING);
	assert_int_equal(encoding_parse(S("gzi"), &e), FAULT_ENCODING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_encodings_come_back_in_pieces_of_any_size),
		cmocka_unit_test(one_byte_above_the_limit_is_too_large),
		cmocka_unit_test(a_bomb_is_refused_long_before_the_limit),
		cmocka_unit_test(much_that_is_small_is_no_bomb),
		cmocka_unit_test(members_and_frames_may_be_joined),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(what_follows_the_end_is_refused),
		cmocka_unit_test(
		    damage_never_passes_the_checksum_of_gzip_and_zlib),
		cmocka_unit_test(
		    names_are_known_in_any_case_and_others_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
