#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"
#include "provider/provider.h"

static enum fault
dress(struct arena *a, const char *key, const struct dialect *dialect,
    struct http_head *head)
{
	const struct provider_conf c = {
		.type = PROVIDER_ANTHROPIC, .base_path = "", .api_key = key
	};
	const struct deployment_conf d = {
		.id = "d", .name = "claude-x", .provider = &c
	};
	struct parcel p = {
		.deployment = &d, .dialect = dialect, .arena = a, .head = head
	};

	return provider_get(c.type)->dress(&p);
}

static void
the_version_is_the_caller_s_or_the_older_one(void **state)
{
	struct arena a = { 0 };
	struct http_head h = { 0 };

	(void)state;
	assert_int_equal(
	    dress(&a, "sk-ant", &dialect_anthropic, &h), FAULT_NONE);
	assert_true(slice_eq(h.target, S("/v1/messages")));
	assert_true(slice_eq(http_value(&h, S("x-api-key")), S("sk-ant")));
	assert_true(
	    slice_eq(http_value(&h, S("anthropic-version")), S("2023-06-01")));
	h = (struct http_head){ 0 };
	assert_true(http_add(&h, S("anthropic-version"), S("2026-10-21")));
	assert_int_equal(
	    dress(&a, "sk-ant", &dialect_anthropic, &h), FAULT_NONE);
	assert_true(
	    slice_eq(http_value(&h, S("anthropic-version")), S("2026-10-21")));
	assert_int_equal(h.nhdr, 2);
	arena_fini(&a);
}

static void
tokens_are_counted_at_a_path_of_their_own(void **state)
{
	struct arena a = { 0 };
	struct http_head h = { 0 };

	(void)state;
	assert_int_equal(
	    dress(&a, "sk-ant", &dialect_anthropic_count, &h), FAULT_NONE);
	assert_true(slice_eq(h.target, S("/v1/messages/count_tokens")));
	h = (struct http_head){ 0 };
	assert_int_equal(
	    dress(&a, NULL, &dialect_anthropic_count, &h), FAULT_UP_CREDENTIAL);
	arena_fini(&a);
}

static void
claude_on_foundry_speaks_as_at_anthropic(void **state)
{
	const struct provider_conf c = { .type = PROVIDER_AZURE_OPENAI,
		.base_path = "/x",
		.api_version = "",
		.api_key = "k" };
	const struct model_conf claude = { .publisher = "anthropic" };
	const struct model_conf gpt = { .publisher = "openai" };
	struct deployment_conf d = {
		.id = "d", .name = "mine", .model = &claude, .provider = &c
	};
	struct arena a = { 0 };
	struct http_head h = { 0 };
	struct parcel p = { .deployment = &d,
		.dialect = &dialect_anthropic,
		.arena = &a,
		.head = &h };

	(void)state;
	assert_ptr_equal(
	    provider_dialect(&d, &dialect_anthropic), &dialect_anthropic);
	assert_ptr_equal(
	    provider_dialect(&d, &dialect_openai_chat), &dialect_anthropic);
	assert_int_equal(provider_get(c.type)->dress(&p), FAULT_NONE);
	assert_true(slice_eq(h.target, S("/x/anthropic/v1/messages")));
	assert_true(slice_eq(http_value(&h, S("x-api-key")), S("k")));
	assert_true(
	    slice_eq(http_value(&h, S("anthropic-version")), S("2023-06-01")));
	h = (struct http_head){ 0 };
	p.dialect = &dialect_anthropic_count;
	assert_int_equal(provider_get(c.type)->dress(&p), FAULT_NONE);
	assert_true(
	    slice_eq(h.target, S("/x/anthropic/v1/messages/count_tokens")));
	d.model = &gpt;
	assert_null(provider_dialect(&d, &dialect_anthropic_count));
	assert_ptr_equal(
	    provider_dialect(&d, &dialect_anthropic), &dialect_openai_chat);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_is_the_caller_s_or_the_older_one),
		cmocka_unit_test(tokens_are_counted_at_a_path_of_their_own),
		cmocka_unit_test(claude_on_foundry_speaks_as_at_anthropic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
