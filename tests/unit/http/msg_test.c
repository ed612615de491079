#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/msg.h"

static struct http_head head;

static void
names_are_found_without_case(void **state)
{
	(void)state;
	head.nhdr = 0;
	assert_true(http_add(&head, S("X-One"), S("1")));
	assert_true(http_add(&head, S("x-one"), S("2")));
	assert_true(slice_eq(http_value(&head, S("x-ONE")), S("1")));
	assert_null(http_find(&head, S("x-on")));
	assert_null(http_value(&head, S("nothing")).p);
}

static void
no_header_is_added_beyond_the_most(void **state)
{
	unsigned i;

	(void)state;
	head.nhdr = 0;
	for (i = 0; i < HTTP_HDR_MAX; i++)
		assert_true(http_add(&head, S("a"), S("b")));
	assert_false(http_add(&head, S("a"), S("b")));
	assert_int_equal(head.nhdr, HTTP_HDR_MAX);
}

static void
a_target_is_path_and_query(void **state)
{
	static const struct {
		struct slice target, path, query;
	} rows[] = {
		{ S_INIT("/a/b"), S_INIT("/a/b"), S_INIT("") },
		{ S_INIT("/a?b=c"), S_INIT("/a"), S_INIT("b=c") },
		{ S_INIT("/a?"), S_INIT("/a"), S_INIT("") },
		{ S_INIT("/a?b?c"), S_INIT("/a"), S_INIT("b?c") },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		head.target = rows[i].target;
		assert_true(slice_eq(http_path(&head), rows[i].path));
		assert_true(slice_eq(http_query(&head), rows[i].query));
	}
}

static void
a_query_gives_its_values(void **state)
{
	static const struct {
		struct slice query, want;
		bool none;
	} rows[] = {
		{ S_INIT("a=1&key=2"), S_INIT("2"), false },
		{ S_INIT("key=%20&key=3"), S_INIT("%20"), false },
		{ S_INIT("key"), S_INIT(""), false },
		{ S_INIT("key="), S_INIT(""), false },
		{ S_INIT("&&key=a=b"), S_INIT("a=b"), false },
		{ S_INIT("xkey=1&keyx=2"), S_INIT(""), true },
		{ S_INIT(""), S_INIT(""), true },
	};
	struct slice got;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		got = http_query_get(rows[i].query, S("key"));
		assert_true(slice_eq(got, rows[i].want));
		assert_int_equal(got.p == NULL, rows[i].none);
	}
}

static void
every_status_has_some_reason(void **state)
{
	int status;

	(void)state;
	assert_string_equal(http_reason(429), "Too Many Requests");
	for (status = 100; status < 600; status++)
		assert_true(http_reason(status)[0] != '\0');
}

static void
a_pattern_gives_its_segment(void **state)
{
	struct slice got;

	(void)state;
	assert_true(http_fits("/a/{}/b", S("/a/x/b"), &got));
	assert_true(slice_eq(got, S("x")));
	assert_false(http_fits("/a/{}/b", S("/a/x/y/b"), &got));
	assert_false(http_fits("/a/{}", S("/a/"), &got));
	assert_true(http_fits("/a/{*}", S("/a/x/y.p/1"), &got));
	assert_true(slice_eq(got, S("x/y.p/1")));
	assert_false(http_fits("/a/{*}", S("/a/"), &got));
	assert_false(http_fits("/a/{*}", S("/b/x"), &got));
}

static void
a_host_has_brackets_and_a_port_where_it_must(void **state)
{
	static const struct {
		const char *host;
		unsigned port;
		bool tls;
		const char *want;
	} cases[] = {
		{ "a.example", 443, true, "a.example" },
		{ "a.example", 80, false, "a.example" },
		{ "a.example", 80, true, "a.example:80" },
		{ "127.0.0.1", 8080, false, "127.0.0.1:8080" },
		{ "::1", 443, true, "[::1]" },
		{ "::1", 8443, true, "[::1]:8443" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		buf_clear(&b);
		http_write_host(&b, cases[i].host, cases[i].port, cases[i].tls);
		assert_true(slice_eq(buf_slice(&b), slice_of(cases[i].want)));
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_without_case),
		cmocka_unit_test(no_header_is_added_beyond_the_most),
		cmocka_unit_test(a_target_is_path_and_query),
		cmocka_unit_test(a_query_gives_its_values),
		cmocka_unit_test(a_pattern_gives_its_segment),
		cmocka_unit_test(a_host_has_brackets_and_a_port_where_it_must),
		cmocka_unit_test(every_status_has_some_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
