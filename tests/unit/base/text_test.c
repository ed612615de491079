#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"

typedef bool parse_f(struct buf *b, struct slice text);
typedef void write_f(struct buf *b, struct slice bytes);

static void
base64_matches_rfc_4648(void **state)
{
	static const struct {
		struct slice bytes, std, url;
	} cases[] = {
		{ S_INIT(""), S_INIT(""), S_INIT("") },
		{ S_INIT("f"), S_INIT("Zg=="), S_INIT("Zg") },
		{ S_INIT("fo"), S_INIT("Zm8="), S_INIT("Zm8") },
		{ S_INIT("foo"), S_INIT("Zm9v"), S_INIT("Zm9v") },
		{ S_INIT("foob"), S_INIT("Zm9vYg=="), S_INIT("Zm9vYg") },
		{ S_INIT("fooba"), S_INIT("Zm9vYmE="), S_INIT("Zm9vYmE") },
		{ S_INIT("foobar"), S_INIT("Zm9vYmFy"), S_INIT("Zm9vYmFy") },
		{ S_INIT("\xfb\xff\xbf"), S_INIT("+/+/"), S_INIT("-_-_") },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		buf_clear(&b);
		text_base64_write(&b, cases[i].bytes);
		assert_true(slice_eq(buf_slice(&b), cases[i].std));
		buf_clear(&b);
		text_base64url_write(&b, cases[i].bytes);
		assert_true(slice_eq(buf_slice(&b), cases[i].url));
		buf_clear(&b);
		assert_true(text_base64_parse(&b, cases[i].std));
		assert_true(slice_eq(buf_slice(&b), cases[i].bytes));
		buf_clear(&b);
		assert_true(text_base64url_parse(&b, cases[i].url));
		assert_true(slice_eq(buf_slice(&b), cases[i].bytes));
	}
	buf_fini(&b);
}

static void
base64_takes_one_text_per_value(void **state)
{
	static const struct slice bad[] = {
		S_INIT("Z"),
		S_INIT("Zg"),
		S_INIT("Zg="),
		S_INIT("Zh=="),
		S_INIT("Zm9="),
		S_INIT("Zg==="),
		S_INIT("===="),
		S_INIT("Zg==Zg=="),
		S_INIT("Z=g="),
		S_INIT("Zm 9v"),
		S_INIT("Zm9v\n"),
		S_INIT("Zm-_"),
		S_INIT("Zm9\x80"),
	};
	static const struct slice bad_url[] = {
		S_INIT("Z"),
		S_INIT("Zg=="),
		S_INIT("Zh"),
		S_INIT("Zm9"),
		S_INIT("Zm+/"),
		S_INIT("Zm9vY"),
		S_INIT("Z g"),
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	buf_str(&b, "kept");
	for (i = 0; i < NELEM(bad); i++) {
		if (text_base64_parse(&b, bad[i]))
			fail_msg("%.*s", S_FMT(bad[i]));
	}
	for (i = 0; i < NELEM(bad_url); i++) {
		if (text_base64url_parse(&b, bad_url[i]))
			fail_msg("%.*s", S_FMT(bad_url[i]));
	}
	assert_string_equal(buf_cstr(&b), "kept");
	buf_fini(&b);
}

static void
round_trip(write_f *put, parse_f *get)
{
	struct buf text = { 0 }, back = { 0 };
	char bytes[70];
	size_t len, i;

	for (len = 0; len <= sizeof(bytes); len++) {
		for (i = 0; i < len; i++)
			bytes[i] = (char)(len * 31 + i * 101);
		buf_clear(&text);
		buf_clear(&back);
		put(&text, (struct slice){ bytes, len });
		assert_true(get(&back, buf_slice(&text)));
		assert_true(
		    slice_eq(buf_slice(&back), (struct slice){ bytes, len }));
	}
	buf_fini(&text);
	buf_fini(&back);
}

static void
base64_of_any_length_comes_back(void **state)
{
	(void)state;
	round_trip(text_base64_write, text_base64_parse);
	round_trip(text_base64url_write, text_base64url_parse);
}

static void
hex_wants_two_digits_for_each_byte(void **state)
{
	uint8_t out[3];

	(void)state;
	assert_true(text_hex_parse(S("00fFa9"), out, 3));
	assert_memory_equal(out, "\x00\xff\xa9", 3);
	assert_true(text_hex_parse(S(""), out, 0));
	assert_false(text_hex_parse(S("00ff"), out, 3));
	assert_false(text_hex_parse(S("00ffa"), out, 3));
	assert_false(text_hex_parse(S("00ffa99"), out, 3));
	assert_false(text_hex_parse(S("00ffg9"), out, 3));
	assert_false(text_hex_parse(S("0x00ff"), out, 3));
}

static void
utf8_is_what_rfc_3629_says(void **state)
{
	static const struct slice good[] = {
		S_INIT(""),
		S_INIT("plain"),
		S_INIT("\0"),
		S_INIT("\x7f"),
		S_INIT("\xc2\x80"),
		S_INIT("\xdf\xbf"),
		S_INIT("\xe0\xa0\x80"),
		S_INIT("\xed\x9f\xbf"),
		S_INIT("\xee\x80\x80"),
		S_INIT("\xef\xbf\xbf"),
		S_INIT("\xf0\x90\x80\x80"),
		S_INIT("\xf4\x8f\xbf\xbf"),
	};
	static const struct slice bad[] = {
		S_INIT("\x80"),
		S_INIT("\xbf"),
		S_INIT("\xc0\x80"),
		S_INIT("\xc1\xbf"),
		S_INIT("\xc2"),
		S_INIT("\xc2\x41"),
		S_INIT("\xc2\xc2"),
		S_INIT("\xe0\x9f\xbf"),
		S_INIT("\xe0\xa0"),
		S_INIT("\xe1\x80\x41"),
		S_INIT("\xed\xa0\x80"),
		S_INIT("\xed\xbf\xbf"),
		S_INIT("\xf0\x8f\xbf\xbf"),
		S_INIT("\xf0\x90\x80"),
		S_INIT("\xf1\x80\x80\x41"),
		S_INIT("\xf4\x90\x80\x80"),
		S_INIT("\xf5\x80\x80\x80"),
		S_INIT("\xff"),
		S_INIT("0123456789abcdef0123456789abcde\x80"),
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(good); i++)
		assert_true(utf8_valid(good[i]));
	for (i = 0; i < NELEM(bad); i++) {
		if (utf8_valid(bad[i]))
			fail_msg("bad case %zu", i);
	}
}

/* By decoding and encoding anew, byte for byte. */
static bool
plainly_valid(const unsigned char *u, size_t len)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t i = 0, k, n;
	unsigned v;

	while (i < len) {
		n = u[i] < 0x80       ? 1
		    : u[i] >> 5 == 6  ? 2
		    : u[i] >> 4 == 14 ? 3
		    : u[i] >> 3 == 30 ? 4
				      : 0;
		if (n == 0 || i + n > len)
			return false;
		v = n == 1 ? u[i] : u[i] & (0x7fu >> n);
		for (k = 1; k < n; k++) {
			if (u[i + k] >> 6 != 2)
				return false;
			v = v << 6 | (u[i + k] & 63u);
		}
		if (v < least[n] || v > 0x10ffff || (v >> 11) == 0x1b)
			return false;
		i += n;
	}
	return true;
}

static void
every_pair_and_many_triples_agree_with_a_plain_decoder(void **state)
{
	unsigned char u[4] = { 0 };
	unsigned a, b, c;

	(void)state;
	for (a = 0x70; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			for (c = 0x7e; c < 0xc2; c++) {
				u[0] = (unsigned char)a;
				u[1] = (unsigned char)b;
				u[2] = (unsigned char)c;
				u[3] = 0x80;
				assert_int_equal(
				    utf8_valid((struct slice){ (char *)u, 3 }),
				    plainly_valid(u, 3));
				assert_int_equal(
				    utf8_valid((struct slice){ (char *)u, 4 }),
				    plainly_valid(u, 4));
			}
		}
	}
}

static void
a_plain_run_stops_where_json_must_look(void **state)
{
	char text[48];
	size_t at;
	int v;

	(void)state;
	for (at = 0; at < sizeof(text); at++) {
		for (v = 0; v < 256; v++) {
			bool odd =
			    v < 0x20 || v >= 0x80 || v == '"' || v == '\\';

			memset(text, 'a', sizeof(text));
			text[at] = (char)v;
			assert_int_equal(text_plain_run(text, sizeof(text)),
			    odd ? at : sizeof(text));
		}
	}
}

static void
a_long_plain_run_stops_there_too(void **state)
{
	char text[64 + 3 * 64 + 17];
	size_t at, from;

	(void)state;
	for (from = 0; from < 3; from++) {
		for (at = from; at < sizeof(text); at++) {
			memset(text, '~', sizeof(text));
			text[at] = "\"\\\x1f\x80"[at % 4];
			assert_int_equal(
			    text_plain_run(text + from, sizeof(text) - from),
			    at - from);
			assert_int_equal(
			    text_plain_run(text + from, at - from), at - from);
		}
	}
}

/* The plain way, which the quick one must never pass. */
static size_t
slow_script_run(const char *p, size_t len)
{
	size_t i = 0, n;

	while (i < len) {
		n = (signed char)p[i] < 0 ? utf8_sequence(p + i, len - i)
					  : text_plain_run(p + i, 1);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

static void
a_run_of_any_script_is_whole_and_valid(void **state)
{
	static const char *const piece[] = { "a", " ", "\xc3\xbc", "\xd0\x9f",
		"\xe4\xb8\xad", "\xe0\xa4\x95", "\xed\x95\x9c",
		"\xf0\x9f\x98\x80", "\"", "\\", "\n", "\xc0\x80", "\x80",
		"\xe0\x80\x80", "\xed\xa0\x80", "\xc3", "\xe4\xb8", "\xff",
		"\xf4\x90\x80\x80", "\xdf\xbf", "\xef\xbf\xbf" };
	uint64_t seed = 1;
	char text[64];
	size_t len, n, k, i, got, taken = 0;

	(void)state;
	for (i = 0; i < 200000; i++) {
		len = 0;
		/* Mostly of the good ones, else runs are short. */
		for (;;) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			k = (seed >> 33) % (i % 3 == 0 ? NELEM(piece) : 8);
			n = strlen(piece[k]);
			if (len + n > sizeof(text))
				break;
			memcpy(text + len, piece[k], n);
			len += n;
		}
		got = text_script_run(text, len);
		assert_true(got <= slow_script_run(text, len));
		assert_int_equal(slow_script_run(text, got), got);
		taken += got;
	}
	/* Without SSE2 there is no quick way. */
	assert_true(taken > 0 || text_script_run("aaaaaaaaaaaaaaaa", 16) == 0);
}

static void
percent_encoding_spares_what_rfc_3986_reserves_for_nothing(void **state)
{
	static const char plain[] = "ABCXYZabcxyz0189-._~";
	struct buf b = { 0 };
	char all[256];
	size_t i;

	(void)state;
	text_percent_write(&b, slice_of(plain), '\0');
	assert_true(slice_eq(buf_slice(&b), slice_of(plain)));
	buf_clear(&b);
	text_percent_write(&b, S("a b/c:\xc3\xa9%"), '/');
	assert_true(slice_eq(buf_slice(&b), S("a%20b/c%3A%C3%A9%25")));
	buf_clear(&b);
	text_percent_write(&b, (struct slice){ "/\0", 2 }, '\0');
	assert_true(slice_eq(buf_slice(&b), S("%2F%00")));
	buf_clear(&b);
	for (i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	text_percent_write(&b, (struct slice){ all, sizeof(all) }, '\0');
	assert_int_equal(b.len, 66 + 3 * (256 - 66));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_matches_rfc_4648),
		cmocka_unit_test(base64_takes_one_text_per_value),
		cmocka_unit_test(base64_of_any_length_comes_back),
		cmocka_unit_test(hex_wants_two_digits_for_each_byte),
		cmocka_unit_test(
		    percent_encoding_spares_what_rfc_3986_reserves_for_nothing),
		cmocka_unit_test(utf8_is_what_rfc_3629_says),
		cmocka_unit_test(
		    every_pair_and_many_triples_agree_with_a_plain_decoder),
		cmocka_unit_test(a_plain_run_stops_where_json_must_look),
		cmocka_unit_test(a_long_plain_run_stops_there_too),
		cmocka_unit_test(a_run_of_any_script_is_whole_and_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
