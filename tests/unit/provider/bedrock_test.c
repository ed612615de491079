#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"
#include "provider/provider.h"

#define CLAUDE "anthropic.claude-sonnet-4-5-20250929-v1:0"
#define CLAUDE_PATH "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"

static void
each_name_is_called_by_its_api(void **state)
{
	static const struct {
		const char *name;
		bool mantle;
		unsigned api;
		const struct dialect *caller, *spoken;
		bool stream;
		const char *target;
	} rows[] = {
		{ "openai.gpt-5.4", false, API_ANY, &dialect_anthropic,
		    &dialect_openai_chat, false,
		    "/openai/v1/chat/completions" },
		{ "openai.gpt-5.4", false, API_ANY, &dialect_bedrock,
		    &dialect_bedrock, true,
		    "/model/openai.gpt-5.4/converse-stream" },
		{ "us." CLAUDE, false, API_ANY, &dialect_openai_chat,
		    &dialect_bedrock, false, CLAUDE_PATH "/converse" },
		{ "us." CLAUDE, false, API_ANY, &dialect_invoke_claude,
		    &dialect_invoke_claude, true,
		    CLAUDE_PATH "/invoke-with-response-stream" },
		{ "us." CLAUDE, false, API_INVOKE, &dialect_openai_chat,
		    &dialect_invoke_claude, false, CLAUDE_PATH "/invoke" },
		{ "us." CLAUDE, false, API_MESSAGES, &dialect_bedrock,
		    &dialect_anthropic, true, "/anthropic/v1/messages" },
		{ "arn:aws:bedrock:us-east-1:1:inference-profile/us." CLAUDE,
		    false, API_INVOKE, &dialect_gemini, &dialect_invoke_claude,
		    false,
		    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-"
		    "profile%2Fus.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
		    "/invoke" },
		{ "us.amazon.nova-lite-v1:0", false, API_ANY, &dialect_invoke,
		    &dialect_bedrock, false,
		    "/model/us.amazon.nova-lite-v1%3A0/converse" },
		{ CLAUDE, true, API_ANY, &dialect_openai_chat,
		    &dialect_anthropic, false, "/anthropic/v1/messages" },
		{ "openai.gpt-oss-120b", true, API_ANY, &dialect_bedrock,
		    &dialect_openai_chat, false, "/v1/chat/completions" },
		{ "openai.gpt-5.4", true, API_ANY, &dialect_gemini,
		    &dialect_openai_chat, true, "/openai/v1/chat/completions" },
		{ "qwen.qwen3-coder-next", true, API_ANY, &dialect_anthropic,
		    &dialect_openai_chat, false, "/v1/chat/completions" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		const struct provider_conf c = { .type = PROVIDER_BEDROCK,
			.base_path = "",
			.region = "us-east-1",
			.mantle = rows[i].mantle,
			.api_key = "k" };
		const struct deployment_conf d = { .id = "d",
			.name = rows[i].name,
			.provider = &c,
			.api = rows[i].api };
		struct arena a = { 0 };
		struct http_head head = { 0 };
		struct parcel p = { .deployment = &d,
			.arena = &a,
			.stream = rows[i].stream,
			.head = &head };

		p.dialect = provider_dialect(&d, rows[i].caller);
		assert_ptr_equal(p.dialect, rows[i].spoken);
		assert_int_equal(provider_get(c.type)->dress(&p), FAULT_NONE);
		assert_true(slice_eq(head.target, slice_of(rows[i].target)));
		assert_int_equal(
		    http_find(&head, S("anthropic-version")) != NULL,
		    p.dialect == &dialect_anthropic);
		arena_fini(&a);
	}
}

static void
the_mantle_is_signed_for_by_its_own_name(void **state)
{
	const struct provider_conf c = { .type = PROVIDER_BEDROCK,
		.base_path = "",
		.host = "bedrock-mantle.us-east-1.api.aws",
		.port = 443,
		.tls = true,
		.region = "us-east-1",
		.mantle = true,
		.access_key_id = "AKIDEXAMPLE",
		.secret_access_key = "s" };
	const struct deployment_conf d = {
		.id = "d", .name = CLAUDE, .provider = &c
	};
	const struct slice body = S("{}");
	struct http_head head = { 0 };
	struct arena a = { 0 };
	struct parcel p = { .deployment = &d,
		.dialect = &dialect_anthropic,
		.part = &body,
		.npart = 1,
		.wall_ns = INT64_C(1440938160) * 1000000000,
		.arena = &a,
		.head = &head };

	(void)state;
	assert_int_equal(provider_get(c.type)->dress(&p), FAULT_NONE);
	assert_true(slice_starts(http_value(&head, S("authorization")),
	    S("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
	      "bedrock-mantle/aws4_request, ")));
	/* It counts no tokens, and it has no vectors. */
	assert_null(provider_dialect(&d, &dialect_bedrock_count));
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_is_called_by_its_api),
		cmocka_unit_test(the_mantle_is_signed_for_by_its_own_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
