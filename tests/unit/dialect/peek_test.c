#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/peek.h"

static void
counts_are_whole_and_not_negative(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		bool fine;
	} row[] = {
		{ "7", 7, true },
		{ "1e2", 100, true },
		{ "null", 0, true },
		{ "-1", 0, false },
		{ "1.5", 0, false },
		{ "\"7\"", 0, false },
		{ "{}", 0, false },
	};
	struct json_cur c;
	uint64_t v;
	size_t i;
	bool fine;

	(void)state;
	for (i = 0; i < NELEM(row); i++) {
		c = json_cur(slice_of(row[i].text));
		v = 0;
		fine = true;
		assert_true(peek_u64(&c, &v, &fine));
		assert_int_equal(v, row[i].value);
		assert_int_equal(fine, row[i].fine);
	}
	c = json_cur(S("nope"));
	assert_false(peek_u64(&c, &v, &fine));
}

static void
content_is_all_strings_but_labels(void **state)
{
	struct json_cur c = json_cur(
	    S("{\"role\":\"model\",\"parts\":[{\"text\":\"abc\"},{"
	      "\"thoughtSignature\":\"zzzz\",\"functionCall\":{\"name\":\"f\","
	      "\"args\":{\"a\":\"xy\",\"n\":1}}}]}"));
	struct tally t = { 0 };

	(void)state;
	assert_true(peek_content(&c, &t));
	assert_int_equal(t.bytes, 6);
	assert_int_equal(t.deltas, 3);
	c = json_cur(S("[\"a\""));
	assert_false(peek_content(&c, &t));
}

static void
numbers_are_taken_by_name(void **state)
{
	static const struct peek_number known[] = { { S_INIT("cached_tokens"),
	    offsetof(struct usage, cached) } };
	struct json_cur c =
	    json_cur(S("{\"x\":[1],\"cached_tokens\":5,\"y\":null}"));
	struct usage u = { 0 };
	bool fine = true;

	(void)state;
	assert_true(peek_numbers(&c, known, 1, &u, &fine));
	assert_true(fine);
	assert_int_equal(u.cached, 5);
	c = json_cur(S("[]"));
	assert_true(peek_numbers(&c, known, 1, &u, &fine));
	assert_false(fine);
}

static void
words_and_tiers_are_short(void **state)
{
	struct json_cur c = json_cur(S("\"flex\""));
	struct tally t = { 0 };
	struct slice w;

	(void)state;
	assert_true(peek_word(&c, &w));
	assert_true(slice_eq(w, S("flex")));
	c = json_cur(S("\"fl\\u0065x\""));
	assert_true(peek_word(&c, &w));
	assert_int_equal(w.len, 0);
	c = json_cur(S("3"));
	assert_true(peek_word(&c, &w));
	assert_int_equal(w.len, 0);
	peek_tier(&t, S("a name that is far too long for a tier"));
	assert_int_equal(t.tier_len, TIER_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_whole_and_not_negative),
		cmocka_unit_test(content_is_all_strings_but_labels),
		cmocka_unit_test(numbers_are_taken_by_name),
		cmocka_unit_test(words_and_tiers_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
