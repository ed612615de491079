/*
 * said_test.c - limits and times as providers word them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "route/said.h"

static void
limits_are_read_as_openai_azure_and_anthropic_name_them(void **state)
{
	static const struct {
		struct slice limit, left, requests, left_requests;
	} heads[] = {
		{ S_INIT("x-ratelimit-limit-tokens"),
		    S_INIT("X-RateLimit-Remaining-Tokens"),
		    S_INIT("x-ratelimit-limit-requests"),
		    S_INIT("x-ratelimit-remaining-requests") },
		{ S_INIT("anthropic-ratelimit-tokens-limit"),
		    S_INIT("anthropic-ratelimit-tokens-remaining"),
		    S_INIT("anthropic-ratelimit-requests-limit"),
		    S_INIT("Anthropic-RateLimit-Requests-Remaining") },
	};
	struct capacity_said said;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(heads); i++) {
		said_init(&said);
		assert_int_equal(said.left_tokens, -1);
		assert_true(said_limit(&said, heads[i].limit, S("40000")));
		assert_true(said_limit(&said, heads[i].left, S(" 39000 ")));
		assert_true(said_limit(&said, heads[i].requests, S("50")));
		assert_true(said_limit(&said, heads[i].left_requests, S("0")));
		assert_int_equal(said.limit_tokens, 40000);
		assert_int_equal(said.left_tokens, 39000);
		assert_int_equal(said.limit_requests, 50);
		assert_int_equal(said.left_requests, 0);
	}
	assert_false(said_limit(&said, S("x-request-id"), S("7")));
	assert_true(said_limit(&said, heads[0].left, S("many")));
	assert_int_equal(said.left_tokens, -1);
}

static void
a_limit_of_what_goes_in_counts_where_there_is_none_for_all(void **state)
{
	const struct slice in = S("anthropic-ratelimit-input-tokens-limit");
	const struct slice all = S("anthropic-ratelimit-tokens-limit");
	struct capacity_said said;

	(void)state;
	said_init(&said);
	(void)said_limit(&said, in, S("30000"));
	assert_int_equal(said.limit_tokens, 30000);
	(void)said_limit(&said, all, S("40000"));
	assert_int_equal(said.limit_tokens, 40000);
	(void)said_limit(&said, in, S("30000"));
	assert_int_equal(said.limit_tokens, 40000);
	assert_true(said_limit(
	    &said, S("anthropic-ratelimit-input-tokens-remaining"), S("5")));
	assert_int_equal(said.left_tokens, 5);
}

static void
a_date_is_read_to_the_second(void **state)
{
	static const struct slice wrong[] = {
		S_INIT(""),
		S_INIT("soon"),
		S_INIT("Sun, 06 Nov 1994 08:49:37 CET"),
		S_INIT("Sun, 06 Nix 1994 08:49:37 GMT"),
		S_INIT("Sun, 00 Nov 1994 08:49:37 GMT"),
		S_INIT("Sun, 06 Nov 1994 24:49:37 GMT"),
		S_INIT("Sun, 06 Nov 1894 08:49:37 GMT"),
		S_INIT("Sun, 6 Nov 1994 08:49:37 GMT"),
		S_INIT("Sunday, 06-Nov-94 08:49:37 GMT"),
	};
	int64_t s;
	size_t i;

	(void)state;
	assert_true(said_date(S("Sun, 06 Nov 1994 08:49:37 GMT"), &s));
	assert_int_equal(s, 784111777);
	assert_true(said_date(S("Tue, 29 Feb 2028 00:00:00 GMT"), &s));
	assert_int_equal(s, 1835395200);
	assert_true(said_date(S("Thu, 01 Jan 1970 00:00:00 GMT"), &s));
	assert_int_equal(s, 0);
	for (i = 0; i < NELEM(wrong); i++)
		assert_false(said_date(wrong[i], &s));
}

static void
when_to_come_again_is_milliseconds_seconds_or_a_date(void **state)
{
	const int64_t now = 784111777 * NS_PER_S + NS_PER_S / 2;
	const struct slice no = S("");

	(void)state;
	assert_int_equal(said_retry_after(S("7"), no, now), 7 * NS_PER_S);
	assert_int_equal(
	    said_retry_after(S("7"), S("150"), now), 150 * NS_PER_MS);
	assert_int_equal(said_retry_after(no, S("150"), now), 150 * NS_PER_MS);
	assert_int_equal(
	    said_retry_after(S("Sun, 06 Nov 1994 08:49:47 GMT"), no, now),
	    9 * NS_PER_S + NS_PER_S / 2);
	/* What has passed, and what is no time, is nothing. */
	assert_int_equal(
	    said_retry_after(S("Sun, 06 Nov 1994 08:49:00 GMT"), no, now), 0);
	assert_int_equal(said_retry_after(S("soon"), S("-1"), now), 0);
	assert_int_equal(said_retry_after(S("0"), no, now), 0);
	assert_true(said_retry_after(S("18446744073709551615"),
			S("99999999999999999"), now) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    limits_are_read_as_openai_azure_and_anthropic_name_them),
		cmocka_unit_test(
		    a_limit_of_what_goes_in_counts_where_there_is_none_for_all),
		cmocka_unit_test(a_date_is_read_to_the_second),
		cmocka_unit_test(
		    when_to_come_again_is_milliseconds_seconds_or_a_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
