#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/json.h"

static void
commas_take_care_of_themselves(void **state)
{
	struct buf b = { 0 };

	(void)state;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "a", S("x"));
	json_w_ki64(&b, "b", INT64_MIN);
	json_w_ku64(&b, "c", UINT64_MAX);
	json_w_kbool(&b, "d", true);
	json_w_key(&b, "e");
	json_w_begin(&b, '[');
	json_w_null(&b);
	json_w_bool(&b, false);
	json_w_i64(&b, 1);
	json_w_u64(&b, 2);
	json_w_raw(&b, S("{\"z\":0}"));
	json_w_begin(&b, '[');
	json_w_end(&b, ']');
	json_w_str(&b, S(""));
	json_w_end(&b, ']');
	json_w_key(&b, "f");
	json_w_begin(&b, '{');
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	assert_string_equal(buf_cstr(&b),
	    "{\"a\":\"x\",\"b\":-9223372036854775808,"
	    "\"c\":18446744073709551615,\"d\":true,"
	    "\"e\":[null,false,1,2,{\"z\":0},[],\"\"],\"f\":{}}");
	buf_fini(&b);
}

static void
strings_are_escaped_and_bad_bytes_replaced(void **state)
{
	static const struct {
		struct slice s, want;
	} cases[] = {
		{ S_INIT("a\"b\\c/"), S_INIT("\"a\\\"b\\\\c/\"") },
		{ S_INIT("\b\t\n\v\f\r\x1f\x7f"),
		    S_INIT("\"\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\"") },
		{ S_INIT("\0"), S_INIT("\"\\u0000\"") },
		{ S_INIT("caf\xc3\xa9 \xf0\x9f\x98\x80"),
		    S_INIT("\"caf\xc3\xa9 \xf0\x9f\x98\x80\"") },
		{ S_INIT("a\xff\xed\xa0\x80z\xc3"),
		    S_INIT("\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
			   "\xef\xbf\xbdz\xef\xbf\xbd\"") },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		buf_clear(&b);
		json_w_str(&b, cases[i].s);
		if (!slice_eq(buf_slice(&b), cases[i].want))
			fail_msg("case %zu: %s", i, buf_cstr(&b));
	}
	buf_fini(&b);
}

static void
whatever_is_written_reads_back(void **state)
{
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct json *j;
	char all[256];
	size_t i;

	(void)state;
	for (i = 0; i < 128; i++)
		all[i] = (char)i;
	json_w_str(&b, (struct slice){ all, 128 });
	assert_int_equal(json_parse(&a, buf_slice(&b), &j), FAULT_NONE);
	assert_true(slice_eq(j->text, (struct slice){ all, 128 }));
	for (i = 0; i < 256; i++)
		all[i] = (char)i;
	buf_clear(&b);
	json_w_str(&b, (struct slice){ all, 256 });
	assert_int_equal(json_parse(&a, buf_slice(&b), &j), FAULT_NONE);
	assert_int_equal(j->text.len, 128 + 128 * 3);
	arena_fini(&a);
	buf_fini(&b);
}

static void
a_tree_is_written_as_it_was_read(void **state)
{
	static const char text[] = "{\"b\":[1.50,1e400,-0,{}],\"a\":{\"\":"
				   "null,\"\\n\":\"\\\"\",\"t\":true},"
				   "\"e\":[]}";
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct json *j;

	(void)state;
	assert_int_equal(json_parse(&a, slice_of(text), &j), FAULT_NONE);
	json_w_tree(&b, j);
	assert_string_equal(buf_cstr(&b), text);
	buf_fini(&b);
	arena_fini(&a);
}

/* Of every length, with every kind of byte at every place. */
static void
strings_of_every_length_read_back(void **state)
{
	static const char *const odd[] = { "\"", "\\", "\n", "\x01", "\xc3\xbc",
		"\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"\xc3\xbc, \xc3\xbc\xc3\xbc" };
	char text[64];
	size_t len, at, i, n;

	(void)state;
	for (len = 0; len < 40; len++) {
		for (at = 0; at <= len; at++) {
			for (i = 0; i < NELEM(odd); i++) {
				struct arena a = { 0 };
				struct buf b = { 0 };
				struct json *j;

				n = strlen(odd[i]);
				memset(text, 'x', sizeof(text));
				memcpy(text + at, odd[i], n);
				json_w_str(&b, (struct slice){ text, len + n });
				assert_int_equal(
				    json_parse(&a, buf_slice(&b), &j),
				    FAULT_NONE);
				assert_int_equal(j->text.len, len + n);
				assert_memory_equal(j->text.p, text, len + n);
				buf_fini(&b);
				arena_fini(&a);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_of_every_length_read_back),
		cmocka_unit_test(a_tree_is_written_as_it_was_read),
		cmocka_unit_test(commas_take_care_of_themselves),
		cmocka_unit_test(strings_are_escaped_and_bad_bytes_replaced),
		cmocka_unit_test(whatever_is_written_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
