#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>

#include "base/json.h"
#include "base/shared.h"

static enum fault
by_cursor(struct slice s)
{
	struct json_cur c = json_cur(s);

	if (json_skip(&c, NULL))
		json_at_end(&c);
	assert_true(c.p <= c.end);
	return c.fault;
}

/* Walks by hand what json_skip() walks alone. */
static void
by_steps(struct json_cur *c, int depth)
{
	enum json_type type;
	struct slice key;
	bool escaped;

	if (!json_peek(c, &type))
		return;
	if (type == JSON_OBJECT && json_enter_object(c)) {
		while (json_next_key(c, &key, &escaped))
			by_steps(c, depth + 1);
	} else if (type == JSON_ARRAY && json_enter_array(c)) {
		while (json_next_item(c))
			by_steps(c, depth + 1);
	} else if (type == JSON_STRING) {
		json_take_string(c, &key, &escaped);
	} else {
		json_skip(c, NULL);
	}
}

static enum fault
by_tree(struct slice s)
{
	struct arena a = { 0 };
	struct json *j;
	enum fault fault = json_parse(&a, s, &j);

	assert_true((fault == FAULT_NONE) == (j != NULL));
	arena_fini(&a);
	return fault;
}

/* What all three say, which must be one thing. */
static enum fault
verdict(struct slice s)
{
	enum fault fault = by_cursor(s), tree = by_tree(s);
	struct json_cur c = json_cur(s);

	by_steps(&c, 0);
	json_at_end(&c);
	assert_int_equal(c.fault, fault);
	if (tree != FAULT_JSON_DUPLICATE)
		assert_int_equal(tree, fault);
	else
		assert_int_equal(fault, FAULT_NONE);
	return fault;
}

static void
the_test_suite_is_judged_as_it_asks(void **state)
{
	struct arena a = { 0 };
	const char *dir = shared_path(&a, "specs/json/test_parsing");
	DIR *d = dir != NULL ? opendir(dir) : NULL;
	struct dirent *e;
	struct slice s;
	int n = 0;

	(void)state;
	if (d == NULL) {
		arena_fini(&a);
		skip();
	}
	while ((e = readdir(d)) != NULL) {
		enum fault fault;

		if (strstr(e->d_name, ".json") == NULL)
			continue;
		s = shared_read(arena_fmt(&a, "%s/%s", dir, e->d_name));
		fault = verdict(s);
		if ((e->d_name[0] == 'y' && fault != FAULT_NONE) ||
		    (e->d_name[0] == 'n' && fault == FAULT_NONE))
			fail_msg("%s: %s", e->d_name, fault_get(fault)->name);
		free((char *)s.p);
		n++;
	}
	closedir(d);
	arena_fini(&a);
	assert_true(n > 300);
}

static void
good_texts_pass_and_bad_ones_name_the_fault(void **state)
{
	static const struct {
		struct slice text;
		enum fault fault;
	} cases[] = {
		{ S_INIT("1"), FAULT_NONE },
		{ S_INIT(" {} "), FAULT_NONE },
		{ S_INIT("[ ]"), FAULT_NONE },
		{ S_INIT("{\"a\" : [1 , -0.5e+3,\"\\ud800\"]}"), FAULT_NONE },
		{ S_INIT("\"\xf0\x9f\x98\x80 \xe2\x82\xac\xc3\xa9\""),
		    FAULT_NONE },
		{ S_INIT("\"0123456789abcde\x7f"
			 "f\""),
		    FAULT_NONE },
		{ S_INIT(""), FAULT_JSON },
		{ S_INIT("  "), FAULT_JSON },
		{ S_INIT("1 2"), FAULT_JSON },
		{ S_INIT("01"), FAULT_JSON },
		{ S_INIT("-"), FAULT_JSON },
		{ S_INIT("1."), FAULT_JSON },
		{ S_INIT("1.5e"), FAULT_JSON },
		{ S_INIT("+1"), FAULT_JSON },
		{ S_INIT("tru"), FAULT_JSON },
		{ S_INIT("truex"), FAULT_JSON },
		{ S_INIT("NaN"), FAULT_JSON },
		{ S_INIT("[1,]"), FAULT_JSON },
		{ S_INIT("[,1]"), FAULT_JSON },
		{ S_INIT("[1 2]"), FAULT_JSON },
		{ S_INIT("[1}"), FAULT_JSON },
		{ S_INIT("{\"a\":1]"), FAULT_JSON },
		{ S_INIT("{\"a\":1,}"), FAULT_JSON },
		{ S_INIT("{,\"a\":1}"), FAULT_JSON },
		{ S_INIT("{\"a\" 1}"), FAULT_JSON },
		{ S_INIT("{a:1}"), FAULT_JSON },
		{ S_INIT("{\"a\":}"), FAULT_JSON },
		{ S_INIT("\"\\x\""), FAULT_JSON },
		{ S_INIT("\"\\u12g4\""), FAULT_JSON },
		{ S_INIT("\"\\u12"), FAULT_JSON },
		{ S_INIT("\"a\nb\""), FAULT_JSON },
		{ S_INIT("\"0123456789abcdef\x01\""), FAULT_JSON },
		{ S_INIT("\"\0\""), FAULT_JSON },
		{ S_INIT("'a'"), FAULT_JSON },
		{ S_INIT("\xef\xbb\xbf{}"), FAULT_JSON },
		{ S_INIT("\"\x80\""), FAULT_JSON_UTF8 },
		{ S_INIT("\"\xc0\xaf\""), FAULT_JSON_UTF8 },
		{ S_INIT("\"\xe0\x9f\xbf\""), FAULT_JSON_UTF8 },
		{ S_INIT("\"\xed\xa0\x80\""), FAULT_JSON_UTF8 },
		{ S_INIT("\"\xf4\x90\x80\x80\""), FAULT_JSON_UTF8 },
		{ S_INIT("{\"\xff\":1}"), FAULT_JSON_UTF8 },
		{ S_INIT("\"\xe2\x82"), FAULT_JSON_UTF8 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		if (verdict(cases[i].text) != cases[i].fault)
			fail_msg("case %zu: %.*s", i, S_FMT(cases[i].text));
	}
}

static struct slice
nested(char *to, size_t depth, char open, char close)
{
	size_t n = 0, i;

	for (i = 0; i < depth; i++) {
		to[n++] = open;
		if (open == '{') {
			memcpy(to + n, "\"k\":", 4);
			n += 4;
		}
	}
	to[n++] = '1';
	for (i = 0; close != '\0' && i < depth; i++)
		to[n++] = close;
	return (struct slice){ to, n };
}

static void
depth_is_bounded_for_arrays_and_objects(void **state)
{
	char *text = mem_new(3000000);
	const size_t most = JSON_DEPTH_MAX;

	(void)state;
	assert_int_equal(verdict(nested(text, most, '[', ']')), FAULT_NONE);
	assert_int_equal(verdict(nested(text, most, '{', '}')), FAULT_NONE);
	assert_int_equal(
	    verdict(nested(text, most + 1, '[', ']')), FAULT_JSON_DEPTH);
	assert_int_equal(
	    verdict(nested(text, most + 1, '{', '}')), FAULT_JSON_DEPTH);
	assert_int_equal(
	    verdict(nested(text, 500000, '[', '\0')), FAULT_JSON_DEPTH);
	assert_int_equal(
	    verdict(nested(text, 500000, '{', '\0')), FAULT_JSON_DEPTH);
	mem_free(text);
}

static void
depth_counts_what_was_entered_before_a_skip(void **state)
{
	char text[2048];
	struct json_cur c;

	(void)state;
	c = json_cur(nested(text, JSON_DEPTH_MAX + 1, '[', ']'));
	assert_true(json_enter_array(&c));
	assert_true(json_next_item(&c));
	assert_false(json_skip(&c, NULL));
	assert_int_equal(c.fault, FAULT_JSON_DEPTH);
}

static const char sample[] =
    " {\"model\":\"m-1\",\"messages\":[{\"role\":\"user\",\"content\":"
    "\"caf\xc3\xa9 \\u00e9\\n \xf0\x9f\x98\x80 and sixteen more bytes\"}],"
    "\"n\":-12.5e+10,\"x\":[true,false,null,{},[]],\"y\":{\"\":{}}}";

static void
every_truncation_of_a_text_is_refused(void **state)
{
	size_t len, full = sizeof(sample) - 1;
	char *p;

	(void)state;
	for (len = 0; len <= full; len++) {
		p = malloc(len > 0 ? len : 1);
		assert_non_null(p);
		memcpy(p, sample, len);
		if (verdict((struct slice){ p, len }) == FAULT_NONE)
			assert_int_equal(len, full);
		else
			assert_true(len < full);
		free(p);
	}
}

static void
every_changed_byte_leaves_the_readers_of_one_mind(void **state)
{
	char text[sizeof(sample)];
	size_t i;
	int v;

	(void)state;
	memcpy(text, sample, sizeof(sample));
	for (i = 0; i < sizeof(sample) - 1; i++) {
		for (v = 0; v < 256; v++) {
			text[i] = (char)v;
			(void)verdict(
			    (struct slice){ text, sizeof(sample) - 1 });
		}
		text[i] = sample[i];
	}
}

static void
a_walk_hands_out_spans_of_the_text(void **state)
{
	struct json_cur c =
	    json_cur(S("{\"a\\n\": [1, \"x\\ty\" ] , \"b\":{\"c\": 1.50} }"));
	struct slice key, span;
	enum json_type type;
	bool escaped;

	(void)state;
	assert_true(json_peek(&c, &type) && type == JSON_OBJECT);
	assert_true(json_enter_object(&c));
	assert_true(json_next_key(&c, &key, &escaped));
	assert_true(escaped && slice_eq(key, S("a\\n")));
	assert_true(json_enter_array(&c));
	assert_true(json_next_item(&c));
	assert_true(json_skip(&c, &span) && slice_eq(span, S("1")));
	assert_true(json_next_item(&c));
	assert_true(json_take_string(&c, &span, &escaped));
	assert_true(escaped && slice_eq(span, S("x\\ty")));
	assert_false(json_next_item(&c));
	assert_true(json_next_key(&c, &key, &escaped));
	assert_true(!escaped && slice_eq(key, S("b")));
	assert_true(json_skip(&c, &span));
	assert_true(slice_eq(span, S("{\"c\": 1.50}")));
	assert_false(json_next_key(&c, &key, &escaped));
	assert_true(json_at_end(&c));
	assert_int_equal(c.fault, FAULT_NONE);
}

static void
a_wrong_kind_is_a_fault_and_the_first_fault_stays(void **state)
{
	const struct slice text = S("  [\"\xff\"]");
	struct json_cur c = json_cur(text);
	struct slice raw;
	bool escaped;
	enum json_type type;

	(void)state;
	assert_false(json_enter_object(&c));
	assert_int_equal(c.fault, FAULT_JSON);
	assert_ptr_equal(c.p, text.p + 2);
	assert_false(json_enter_array(&c));
	assert_false(json_skip(&c, NULL));
	assert_false(json_peek(&c, &type));
	assert_false(json_take_string(&c, &raw, &escaped));
	assert_false(json_at_end(&c));
	assert_int_equal(c.fault, FAULT_JSON);
	assert_ptr_equal(c.p, text.p + 2);
}

static void
a_fault_tells_where_it_was_found(void **state)
{
	static const struct {
		struct slice text;
		size_t at;
	} cases[] = {
		{ S_INIT("[1,x]"), 3 },
		{ S_INIT("{\"a\":\"\xff\"}"), 6 },
		{ S_INIT("[\"abc"), 5 },
		{ S_INIT("[1] ]"), 4 },
		{ S_INIT("\"a\\qb\""), 3 },
	};
	struct json_cur c;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		c = json_cur(cases[i].text);
		if (json_skip(&c, NULL))
			json_at_end(&c);
		assert_int_not_equal(c.fault, FAULT_NONE);
		assert_int_equal(c.p - cases[i].text.p, cases[i].at);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_test_suite_is_judged_as_it_asks),
		cmocka_unit_test(good_texts_pass_and_bad_ones_name_the_fault),
		cmocka_unit_test(depth_is_bounded_for_arrays_and_objects),
		cmocka_unit_test(depth_counts_what_was_entered_before_a_skip),
		cmocka_unit_test(every_truncation_of_a_text_is_refused),
		cmocka_unit_test(
		    every_changed_byte_leaves_the_readers_of_one_mind),
		cmocka_unit_test(a_walk_hands_out_spans_of_the_text),
		cmocka_unit_test(
		    a_wrong_kind_is_a_fault_and_the_first_fault_stays),
		cmocka_unit_test(a_fault_tells_where_it_was_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
