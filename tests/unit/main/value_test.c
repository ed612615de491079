#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "main/value.h"

static void
durations_have_a_unit(void **state)
{
	int64_t ns;

	(void)state;
	assert_true(value_duration(S("500ms"), &ns) && ns == 500000000);
	assert_true(value_duration(S("2s"), &ns) && ns == 2000000000);
	assert_true(
	    value_duration(S("10m"), &ns) && ns == INT64_C(600000000000));
	assert_true(
	    value_duration(S("1h"), &ns) && ns == INT64_C(3600000000000));
	assert_true(value_duration(S("0s"), &ns) && ns == 0);
	assert_false(value_duration(S("2"), &ns));
	assert_false(value_duration(S("s"), &ns));
	assert_false(value_duration(S(""), &ns));
	assert_false(value_duration(S("-1s"), &ns));
	assert_false(value_duration(S("1.5s"), &ns));
	assert_false(value_duration(S("1 s"), &ns));
	assert_false(value_duration(S("1d"), &ns));
	assert_false(value_duration(S("9223372037s"), &ns));
	assert_true(
	    value_span(S("90d"), &ns) && ns == 7776 * INT64_C(1000000000000));
	assert_true(value_span(S("2w"), &ns));
}

static void
sizes_are_binary(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(value_size(S("4096"), &v) && v == 4096);
	assert_true(value_size(S("64KiB"), &v) && v == 65536);
	assert_true(value_size(S("1GiB"), &v) && v == 1 << 30);
	assert_false(value_size(S("1KB"), &v));
	assert_false(value_size(S("KiB"), &v));
	assert_false(value_size(S("9223372036854775807KiB"), &v));
}

static void
addresses_are_literal(void **state)
{
	struct host_port a;

	(void)state;
	assert_true(value_address(S("127.0.0.1:0"), &a) && a.port == 0);
	assert_true(value_address(S("[::1]:8080"), &a) && a.port == 8080 &&
		    slice_eq(a.host, S("::1")));
	assert_false(value_address(S("localhost:80"), &a));
	assert_false(value_address(S("127.0.0.1"), &a));
	assert_false(value_address(S("127.0.0.1:"), &a));
	assert_false(value_address(S("::1"), &a));
	assert_false(value_address(S("[::1]"), &a));
	assert_false(value_address(S(":80"), &a));
	assert_false(value_address(S(""), &a));
}

static void
a_base_url_is_taken_apart(void **state)
{
	struct url_parts u;

	(void)state;
	assert_null(value_url(S("https://a.example/x/v1//"), &u));
	assert_true(u.tls && u.port == 443);
	assert_true(slice_eq(u.host, S("a.example")));
	assert_true(slice_eq(u.path, S("/x/v1")));
	assert_true(slice_eq(u.url, S("https://a.example/x/v1")));
	assert_null(value_url(S("http://[::1]:81"), &u));
	assert_true(!u.tls && u.port == 81 && u.path.len == 0);
	assert_true(slice_eq(u.host, S("::1")));
	assert_non_null(value_url(S("a.example"), &u));
	assert_non_null(value_url(S("HTTP://a"), &u));
	assert_non_null(value_url(S("http://"), &u));
	assert_non_null(value_url(S("http://a b/"), &u));
	assert_non_null(value_url(S("http://a:b"), &u));
	assert_non_null(value_url(S("http://a:65536"), &u));
	assert_non_null(value_url(S("http://a@b"), &u));
	assert_non_null(value_url(S("http://a/#x"), &u));
	assert_non_null(value_url(S("http://-a"), &u));
	assert_non_null(value_url(S("http://[::1"), &u));
}

static void
names_have_no_spaces_or_quotes(void **state)
{
	(void)state;
	assert_true(value_name(S("gpt-5.4")));
	assert_true(value_name(S("openai.gpt-oss-120b-1:0")));
	assert_true(value_name(S("org/model@v1+x")));
	assert_false(value_name(S("")));
	assert_false(value_name(S("a b")));
	assert_false(value_name(S("a\"b")));
	assert_false(value_name((struct slice){ "a\0b", 3 }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_have_a_unit),
		cmocka_unit_test(sizes_are_binary),
		cmocka_unit_test(addresses_are_literal),
		cmocka_unit_test(a_base_url_is_taken_apart),
		cmocka_unit_test(names_have_no_spaces_or_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
