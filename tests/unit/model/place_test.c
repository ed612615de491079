#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/place.h"

#define WANT(got, want) \
	do { \
		const struct slice g_ = got; \
		if (!slice_eq(g_, S(want))) \
			fail_msg("%.*s, not " want, S_FMT(g_)); \
	} while (0)

static void
a_region_lies_in_a_geography(void **state)
{
	(void)state;
	WANT(place_of_region(S("us-east-1")), "us");
	WANT(place_of_region(S("us-gov-west-1")), "us-gov");
	WANT(place_of_region(S("eu-west-1")), "eu");
	WANT(place_of_region(S("eu-west-2")), "uk");
	WANT(place_of_region(S("Sweden Central")), "eu");
	WANT(place_of_region(S("East US 2")), "us");
	WANT(place_of_region(S("swedencentral")), "eu");
	WANT(place_of_region(S("europe-west4")), "eu");
	WANT(place_of_region(S("ap-northeast-1")), "jp");
	WANT(place_of_region(S("us")), "us");
	WANT(place_of_region(S("atlantis-1")), "");
	WANT(place_of_region(S("")), "");
}

static void
an_address_says_where_a_call_is_processed(void **state)
{
	struct place_facts f = { .type = S("bedrock"),
		.region = S("eu-west-1"),
		.name = S("openai.gpt-5.4") };

	(void)state;
	WANT(place_of(&f), "eu");
	f.name = S("us.anthropic.claude");
	WANT(place_of(&f), "us");
	f.name = S("global.anthropic.claude");
	WANT(place_of(&f), "global");
	f.name = S("arn:aws:bedrock:eu-west-1:1234:inference-profile/"
		   "global.anthropic.claude");
	WANT(place_of(&f), "global");
	f.name = S("arn:aws:bedrock:eu-west-1:1234:provisioned-model/abc");
	WANT(place_of(&f), "eu");
	f.name = S("arn:aws:bedrock:eu-west-1:1234:"
		   "application-inference-profile/abc");
	WANT(place_of(&f), "");
	assert_true(place_settled(&f));
	f = (struct place_facts){ .type = S("azure_openai"),
		.region = S("swedencentral"),
		.scope = S("global") };
	WANT(place_of(&f), "global");
	assert_true(place_settled(&f));
	f.scope = S("");
	assert_false(place_settled(&f));
	f.scope = S("data_zone");
	WANT(place_of(&f), "eu");
	f = (struct place_facts){ .type = S("openai"),
		.host = S("eu.api.openai.com") };
	WANT(place_of(&f), "eu");
	f.host = S("api.openai.com");
	WANT(place_of(&f), "");
	f.host = S("eu.api.openai.com.evil.example");
	WANT(place_of(&f), "");
	f = (struct place_facts){ .type = S("anthropic") };
	WANT(place_of(&f), "");
	f.inference_geo = S("us");
	WANT(place_of(&f), "us");
	f = (struct place_facts){ .type = S("openai_compatible"),
		.region = S("us-east-1") };
	WANT(place_of(&f), "");
}

static void
what_is_global_is_in_no_zone(void **state)
{
	(void)state;
	assert_true(place_contradicts(S("eu"), S("us")));
	assert_true(place_contradicts(S("eu"), S("global")));
	assert_true(place_contradicts(S("berlin"), S("global")));
	assert_false(place_contradicts(S("berlin"), S("eu")));
	assert_false(place_contradicts(S("eu"), S("eu")));
	assert_false(place_contradicts(S("eu"), S("")));
	assert_false(place_contradicts(S(""), S("us")));
}

static void
a_zone_of_a_name_of_ones_own_is_compared_too(void **state)
{
	(void)state;
	WANT(place_to_be(S("eu"), S("us")), "eu");
	WANT(place_to_be(S("berlin"), S("eu")), "eu");
	WANT(place_to_be(S("eu-claims"), S("")), "eu");
	WANT(place_to_be(S("berlin"), S("")), "");
	WANT(place_to_be(S(""), S("eu")), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_region_lies_in_a_geography),
		cmocka_unit_test(an_address_says_where_a_call_is_processed),
		cmocka_unit_test(what_is_global_is_in_no_zone),
		cmocka_unit_test(a_zone_of_a_name_of_ones_own_is_compared_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
