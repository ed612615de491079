#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "dialect/dialect.h"
#include "provider/provider.h"

static struct slice
dress(struct arena *a, const struct provider_conf *c, struct http_head *head,
    enum fault want)
{
	static const struct slice part[] = { S_INIT("{\"model\":"),
		S_INIT("\"x\"}") };
	const struct deployment_conf d = {
		.id = "d", .name = "gpt 6/x", .provider = c
	};
	struct parcel p = { .deployment = &d,
		.part = part,
		.npart = 2,
		.wall_ns = INT64_C(1440938160) * 1000000000,
		.dialect = &dialect_openai_chat,
		.arena = a,
		.head = head };

	*head = (struct http_head){ 0 };
	assert_int_equal(provider_get(c->type)->dress(&p), want);
	assert_true(slice_eq(head->method, S("POST")));
	return head->target;
}

static void
openai_goes_below_its_base_with_a_bearer_key(void **state)
{
	const struct provider_conf c = { .type = PROVIDER_OPENAI,
		.base_path = "/v1",
		.api_key = "sk",
		.organization = "o",
		.project = "p" };
	struct arena a = { 0 };
	struct http_head h;

	(void)state;
	assert_true(
	    slice_eq(dress(&a, &c, &h, FAULT_NONE), S("/v1/chat/completions")));
	assert_true(
	    slice_eq(http_value(&h, S("authorization")), S("Bearer sk")));
	assert_true(slice_eq(http_value(&h, S("openai-organization")), S("o")));
	assert_true(slice_eq(http_value(&h, S("openai-project")), S("p")));
	arena_fini(&a);
}

static void
a_compatible_server_may_want_no_key(void **state)
{
	const struct provider_conf c = { .type = PROVIDER_OPENAI_COMPATIBLE,
		.base_path = "/v1" };
	struct arena a = { 0 };
	struct http_head h;

	(void)state;
	dress(&a, &c, &h, FAULT_NONE);
	assert_null(http_find(&h, S("authorization")));
	arena_fini(&a);
}

static void
a_missing_credential_is_ours_to_mend(void **state)
{
	const struct provider_conf c[] = {
		{ .type = PROVIDER_OPENAI, .base_path = "" },
		{ .type = PROVIDER_AZURE_OPENAI,
		    .base_path = "",
		    .api_version = "" },
		{ .type = PROVIDER_BEDROCK,
		    .base_path = "",
		    .region = "r",
		    .host = "h" },
	};
	struct arena a = { 0 };
	struct http_head h;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(c); i++)
		dress(&a, &c[i], &h, FAULT_UP_CREDENTIAL);
	arena_fini(&a);
}

static void
azure_names_the_deployment_in_its_classic_path(void **state)
{
	struct provider_conf c = { .type = PROVIDER_AZURE_OPENAI,
		.base_path = "",
		.api_key = "k",
		.api_version = "2024-10-21" };
	struct arena a = { 0 };
	struct http_head h;

	(void)state;
	assert_true(slice_eq(dress(&a, &c, &h, FAULT_NONE),
	    S("/openai/deployments/gpt%206%2Fx/chat/completions"
	      "?api-version=2024-10-21")));
	assert_true(slice_eq(http_value(&h, S("api-key")), S("k")));
	c.api_version = "";
	assert_true(slice_eq(
	    dress(&a, &c, &h, FAULT_NONE), S("/openai/v1/chat/completions")));
	arena_fini(&a);
}

static void
bedrock_signs_host_type_body_and_token(void **state)
{
	struct provider_conf c = { .type = PROVIDER_BEDROCK,
		.base_path = "",
		.host = "bedrock-runtime.us-east-1.amazonaws.com",
		.port = 443,
		.tls = true,
		.region = "us-east-1",
		.access_key_id = "AKIDEXAMPLE",
		.secret_access_key = "s",
		.session_token = "tok" };
	struct arena a = { 0 };
	struct http_head h;

	(void)state;
	dress(&a, &c, &h, FAULT_NONE);
	assert_true(slice_starts(http_value(&h, S("authorization")),
	    S("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
	      "bedrock/aws4_request, SignedHeaders=content-type;host;"
	      "x-amz-date;x-amz-security-token, "
	      "Signature=")));
	assert_true(
	    slice_eq(http_value(&h, S("x-amz-date")), S("20150830T123600Z")));
	assert_true(
	    slice_eq(http_value(&h, S("x-amz-security-token")), S("tok")));
	/* In the signature alone: S3 alone wants it in a header. */
	assert_null(http_find(&h, S("x-amz-content-sha256")));
	c.api_key = "abc";
	dress(&a, &c, &h, FAULT_NONE);
	assert_true(
	    slice_eq(http_value(&h, S("authorization")), S("Bearer abc")));
	arena_fini(&a);
}

static void
a_list_goes_on_where_its_page_ended(void **state)
{
	struct provider_conf c = { .type = PROVIDER_BEDROCK,
		.base_path = "",
		.host = "bedrock-runtime-fips.eu-west-1.amazonaws.com",
		.api_key = "k" };
	const struct deployment_conf d = {
		.id = "d", .name = "", .provider = &c
	};
	struct arena a = { 0 };
	struct http_head h = { 0 };
	struct parcel p = { .deployment = &d, .arena = &a, .head = &h };

	(void)state;
	assert_string_equal(
	    provider_control(&a, &c), "bedrock-fips.eu-west-1.amazonaws.com");
	c.host = "127.0.0.1";
	assert_string_equal(provider_control(&a, &c), "127.0.0.1");
	p.list = provider_get(c.type)->lists + 1;
	p.cursor = S("a+/b=&c");
	assert_int_equal(provider_get(c.type)->dress(&p), FAULT_NONE);
	assert_true(slice_eq(h.method, S("GET")));
	assert_true(slice_eq(h.target,
	    S("/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED"
	      "&nextToken=a%2B%2Fb%3D%26c")));
	arena_fini(&a);
}

static void
statuses_have_owners(void **state)
{
	static const struct {
		int status;
		enum verdict verdict;
	} rows[] = {
		{ 301, VERDICT_NEXT },
		{ 400, VERDICT_PASS },
		{ 401, VERDICT_OURS },
		{ 403, VERDICT_OURS },
		{ 404, VERDICT_PASS },
		{ 408, VERDICT_NEXT },
		{ 413, VERDICT_PASS },
		{ 422, VERDICT_PASS },
		{ 429, VERDICT_CAPACITY },
		{ 500, VERDICT_NEXT },
		{ 503, VERDICT_NEXT },
		{ 529, VERDICT_CAPACITY },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++)
		assert_int_equal(
		    verdict_of_status(rows[i].status), rows[i].verdict);
}

static void
a_failed_attempt_is_somebodys(void **state)
{
	const struct slice long_ = S("{\"error\":{\"code\":"
				     "\"context_length_exceeded\"}}");
	const struct slice bad = S("{\"error\":{\"code\":"
				   "\"content_filter\"}}");
	const struct slice plain = S("{}");

	(void)state;
	assert_int_equal(owner_of(FAULT_NONE, 200, S("")), OWNER_NOBODY);
	assert_int_equal(owner_of(FAULT_GONE, 0, S("")), OWNER_CLIENT);
	assert_int_equal(owner_of(FAULT_LOG, 0, S("")), OWNER_US);
	assert_int_equal(
	    owner_of(FAULT_UP_TIMEOUT, 0, (struct slice){ 0 }), OWNER_PROVIDER);
	assert_int_equal(owner_of(FAULT_UP_STATUS, 400, plain), OWNER_CLIENT);
	assert_int_equal(owner_of(FAULT_UP_STATUS, 400, long_), OWNER_CONTEXT);
	assert_int_equal(owner_of(FAULT_UP_STATUS, 400, bad), OWNER_POLICY);
	assert_int_equal(owner_of(FAULT_UP_STATUS, 429, plain), OWNER_CAPACITY);
	assert_int_equal(owner_of(FAULT_UP_STATUS, 529, plain), OWNER_CAPACITY);
	assert_int_equal(owner_of(FAULT_UP_STATUS, 503, plain), OWNER_PROVIDER);
	assert_int_equal(
	    owner_of(FAULT_UP_CREDENTIAL, 401, plain), OWNER_CREDENTIAL);
	/* A stream that broke after its head. */
	assert_int_equal(
	    owner_of(FAULT_UP_RESET, 200, (struct slice){ 0 }), OWNER_PROVIDER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openai_goes_below_its_base_with_a_bearer_key),
		cmocka_unit_test(a_compatible_server_may_want_no_key),
		cmocka_unit_test(a_missing_credential_is_ours_to_mend),
		cmocka_unit_test(
		    azure_names_the_deployment_in_its_classic_path),
		cmocka_unit_test(bedrock_signs_host_type_body_and_token),
		cmocka_unit_test(a_list_goes_on_where_its_page_ended),
		cmocka_unit_test(statuses_have_owners),
		cmocka_unit_test(a_failed_attempt_is_somebodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
