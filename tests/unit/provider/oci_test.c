#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "crypto/rsa_key.h"
#include "crypto/rsasig.h"
#include "dialect/dialect.h"
#include "provider/provider.h"

static const struct provider_conf conf = { .type = PROVIDER_OCI,
	.base_path = "",
	.host = "inference.generativeai.us-chicago-1.oci.oraclecloud.com",
	.port = 443,
	.tls = true,
	.key_id = "t/u/aa:bb",
	.compartment = "ocid1.compartment.c",
	.private_key = RSA_KEY_PEM };

static enum fault
dress(struct arena *a, const struct provider_conf *c, struct http_head *head)
{
	static const struct slice part[] = { S_INIT("{\"model\":"),
		S_INIT("\"x\"}") };
	const struct deployment_conf d = {
		.id = "d", .name = "m", .provider = c
	};
	struct parcel p = { .deployment = &d,
		.part = part,
		.npart = 2,
		.wall_ns = INT64_C(1388968200) * 1000000000,
		.dialect = &dialect_openai_chat,
		.arena = a,
		.head = head };

	*head = (struct http_head){ 0 };
	return provider_get(c->type)->dress(&p);
}

/* The text that is signed, put together by hand. */
static const char signed_text[] =
    "date: Mon, 06 Jan 2014 00:30:00 GMT\n"
    "(request-target): post /openai/v1/chat/completions\n"
    "host: inference.generativeai.us-chicago-1.oci.oraclecloud.com\n"
    "content-length: 13\n"
    "content-type: application/json\n"
    "x-content-sha256: DdNKMw8pqF0UWHvYXcHrA5vAnb0NjRjqvIF9QdDNqYU=";

static void
a_request_is_signed_with_all_that_oracle_asks_for(void **state)
{
	static const char begin[] =
	    "Signature version=\"1\",keyId=\"t/u/aa:bb\","
	    "algorithm=\"rsa-sha256\",headers=\"date (request-target) host "
	    "content-length content-type x-content-sha256\",signature=\"";
	struct arena a = { 0 };
	struct buf raw = { 0 }, text = { 0 };
	struct slice auth, sum;
	struct http_head h;
	uint8_t digest[DIGEST_LEN];

	(void)state;
	assert_int_equal(dress(&a, &conf, &h), FAULT_NONE);
	auth = http_value(&h, S("authorization"));
	assert_true(slice_starts(auth, slice_of(begin)));
	sum = (struct slice){ auth.p + sizeof(begin) - 1,
		auth.len - sizeof(begin) };
	assert_true(text_base64_parse(&raw, sum));
	digest_of(S("{\"model\":\"x\"}"), digest);
	buf_add(
	    &text, (struct slice){ signed_text, sizeof(signed_text) - 1 - 44 });
	text_base64_write(
	    &text, (struct slice){ (char *)digest, sizeof(digest) });
	assert_true(rsasig_verify(S(RSA_PUBLIC_PEM), RSASIG_PKCS1,
	    buf_slice(&text), buf_slice(&raw)));
	assert_true(slice_eq(
	    http_value(&h, S("date")), S("Mon, 06 Jan 2014 00:30:00 GMT")));
	assert_true(slice_eq(
	    http_value(&h, S("compartmentid")), S("ocid1.compartment.c")));
	assert_true(slice_eq(
	    http_value(&h, S("opc-compartment-id")), S("ocid1.compartment.c")));
	buf_fini(&raw);
	buf_fini(&text);
	arena_fini(&a);
}

static void
an_api_key_needs_no_signature(void **state)
{
	struct provider_conf c = conf;
	struct arena a = { 0 };
	struct http_head h;

	(void)state;
	c.private_key = NULL;
	assert_int_equal(dress(&a, &c, &h), FAULT_UP_CREDENTIAL);
	c.api_key = "sk-1";
	assert_int_equal(dress(&a, &c, &h), FAULT_NONE);
	assert_true(
	    slice_eq(http_value(&h, S("authorization")), S("Bearer sk-1")));
	assert_null(http_find(&h, S("x-content-sha256")));
	c.api_key = NULL;
	c.private_key = "no key";
	assert_int_equal(dress(&a, &c, &h), FAULT_UP_CREDENTIAL);
	arena_fini(&a);
}

static void
a_list_is_asked_of_the_host_that_manages_and_signed(void **state)
{
	static const char want[] =
	    "date: Mon, 06 Jan 2014 00:30:00 GMT\n"
	    "(request-target): get /20231130/models?limit=1000&compartmentId="
	    "ocid1.compartment.c\n"
	    "host: generativeai.us-chicago-1.oci.oraclecloud.com";
	static const struct slice open = S_INIT("\",signature=\"");
	struct provider_conf c = conf;
	const struct deployment_conf d = {
		.id = "d", .name = "", .provider = &c
	};
	struct arena a = { 0 };
	struct buf raw = { 0 };
	struct http_head head = { 0 };
	struct parcel p = { .deployment = &d,
		.list = provider_get(PROVIDER_OCI)->lists,
		.wall_ns = INT64_C(1388968200) * 1000000000,
		.arena = &a,
		.head = &head };
	struct slice auth;
	const char *at;

	(void)state;
	c.host = provider_control(&a, &conf);
	assert_string_equal(
	    c.host, "generativeai.us-chicago-1.oci.oraclecloud.com");
	assert_int_equal(provider_get(c.type)->dress(&p), FAULT_NONE);
	assert_true(slice_eq(head.method, S("GET")));
	assert_int_equal(http_value(&head, S("x-content-sha256")).len, 0);
	auth = http_value(&head, S("authorization"));
	assert_non_null(memmem(
	    auth.p, auth.len, "headers=\"date (request-target) host\"", 36));
	at = memmem(auth.p, auth.len, open.p, open.len);
	assert_non_null(at);
	at += open.len;
	assert_true(text_base64_parse(
	    &raw, (struct slice){ at, (size_t)(auth.p + auth.len - at) - 1 }));
	assert_true(rsasig_verify(
	    S(RSA_PUBLIC_PEM), RSASIG_PKCS1, slice_of(want), buf_slice(&raw)));
	buf_fini(&raw);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_request_is_signed_with_all_that_oracle_asks_for),
		cmocka_unit_test(an_api_key_needs_no_signature),
		cmocka_unit_test(
		    a_list_is_asked_of_the_host_that_manages_and_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
