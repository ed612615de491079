#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "courier/fetch.h"
#include "courier/run.h"

enum { NOW = 1795635287 };

static const struct signin_conf entra = { .method = SIGNIN_ENTRA_SECRET,
	.id = 1,
	.tenant = "t",
	.client = "c",
	.scope = "https://x/.default",
	.endpoint = "https://login.example",
	.secret = "s&cret" };
static const struct signin_conf managed = { .method = SIGNIN_ENTRA_MANAGED,
	.id = 1,
	.scope = "https://x/.default",
	.metadata = "http://169.254.169.254" };
static const struct signin_conf instance = { .method = SIGNIN_AWS_INSTANCE,
	.id = 1,
	.region = "eu-west-1",
	.role = "arn:r",
	.session = "kontor",
	.lifetime_s = 3600,
	.metadata = "http://169.254.169.254" };

static struct run_reply
answer(int status, const char *body)
{
	return (struct run_reply){ .status = status, .body = slice_of(body) };
}

static void
fails(const struct signin_conf *c, struct run_reply a, enum signin_why why,
    const char *code)
{
	struct run r;

	assert_int_equal(run_begin(&r, c, NOW), STEP_FETCH);
	assert_int_equal(run_answer(&r, &a), STEP_FAIL);
	assert_int_equal(r.why, why);
	assert_string_equal(r.code, code);
	run_end(&r);
}

static void
a_client_secret_is_posted_and_the_token_taken(void **state)
{
	struct run_reply a = answer(200, "{\"token_type\":\"Bearer\","
					 "\"expires_in\":3599,"
					 "\"access_token\":\"ey.J\"}");
	struct run r;

	(void)state;
	assert_int_equal(run_begin(&r, &entra, NOW), STEP_FETCH);
	assert_true(slice_eq(
	    r.errand.url, S("https://login.example/t/oauth2/v2.0/token")));
	assert_true(slice_eq(r.errand.body,
	    S("grant_type=client_credentials&client_id=c&"
	      "scope=https%3A%2F%2Fx%2F.default&client_secret=s%26cret")));
	assert_int_equal(run_answer(&r, &a), STEP_DONE);
	assert_int_equal(r.kind, PASS_BEARER);
	assert_true(slice_eq(r.part[0], S("Bearer ey.J")));
	assert_int_equal(r.lifetime_s, 3599);
	run_end(&r);
}

static void
answers_that_are_no_token_fail_with_their_reason(void **state)
{
	struct run_reply html = answer(200, "<html>"), refused_html = html;

	(void)state;
	html.html = refused_html.html = true;
	refused_html.status = 403;
	fails(&entra, html, SIGNIN_WHY_HTML, "");
	fails(&entra, refused_html, SIGNIN_WHY_HTML, "");
	fails(&entra, answer(200, ""), SIGNIN_WHY_GARBAGE, "");
	fails(&entra, answer(200, "[]"), SIGNIN_WHY_GARBAGE, "");
	fails(&entra, answer(200, "{}"), SIGNIN_WHY_GARBAGE, "");
	fails(&entra,
	    answer(200, "{\"token_type\":\"Bearer\",\"access_token\":\"a b\","
			"\"expires_in\":1}"),
	    SIGNIN_WHY_GARBAGE, "");
	fails(&entra,
	    answer(200, "{\"token_type\":\"Bearer\",\"access_token\":"
			"\"a\\r\\nX: y\",\"expires_in\":1}"),
	    SIGNIN_WHY_GARBAGE, "");
	fails(&entra,
	    answer(200, "{\"token_type\":\"pop\",\"access_token\":\"a\","
			"\"expires_in\":1}"),
	    SIGNIN_WHY_GARBAGE, "");
	fails(&entra,
	    answer(200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\","
			"\"expires_in\":0}"),
	    SIGNIN_WHY_STALE, "");
	fails(&entra,
	    answer(200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\","
			"\"expires_in\":-5}"),
	    SIGNIN_WHY_STALE, "");
	fails(&entra, answer(302, ""), SIGNIN_WHY_REDIRECT, "");
	fails(&entra, answer(429, "{}"), SIGNIN_WHY_THROTTLED, "");
	fails(&entra, answer(503, "busy"), SIGNIN_WHY_STATUS, "");
	fails(&entra,
	    answer(401, "{\"error\":\"invalid_client\",\"error_codes\":"
			"[7000215]}"),
	    SIGNIN_WHY_REFUSED, "AADSTS7000215");
	fails(&entra, answer(400, "{\"error\":\"invalid_scope\"}"),
	    SIGNIN_WHY_REFUSED, "invalid_scope");
	fails(&entra,
	    answer(403, "{\"error\":{\"status\":\"PERMISSION_DENIED\"}}"),
	    SIGNIN_WHY_REFUSED, "PERMISSION_DENIED");
}

static void
what_an_endpoint_echoes_is_never_its_code(void **state)
{
	struct signin_conf c = entra;

	(void)state;
	c.secret = "onlyletters";
	fails(&c, answer(400, "{\"error\":\"onlyletters\"}"),
	    SIGNIN_WHY_REFUSED, "");
	fails(
	    &c, answer(400, "{\"error\":\"letters\"}"), SIGNIN_WHY_REFUSED, "");
	fails(&c, answer(400, "{\"error\":\"two words\"}"), SIGNIN_WHY_REFUSED,
	    "");
	fails(&c, answer(400, "{\"error\":7}"), SIGNIN_WHY_REFUSED, "");
}

static void
a_token_of_another_audience_is_not_taken(void **state)
{
	(void)state;
	fails(&managed,
	    answer(200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\","
			"\"expires_in\":\"10\",\"resource\":\"https://y\"}"),
	    SIGNIN_WHY_AUDIENCE, "");
}

/* The role's keys after the machine's own; the clock is theirs. */
static void
an_instance_is_asked_in_three_steps_and_then_sts(void **state)
{
	struct run_reply a = answer(200, "TOKEN");
	struct run r;

	(void)state;
	assert_int_equal(run_begin(&r, &instance, NOW), STEP_FETCH);
	assert_true(slice_eq(r.errand.method, S("PUT")));
	assert_int_equal(run_answer(&r, &a), STEP_FETCH);
	assert_true(slice_eq(r.errand.hdr[0].value, S("TOKEN")));
	a.body = S("my-role\n");
	assert_int_equal(run_answer(&r, &a), STEP_FETCH);
	assert_true(slice_eq(
	    r.errand.url, S("http://169.254.169.254/latest/meta-data/iam/"
			    "security-credentials/my-role")));
	a.body = S("{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA000000000001\","
		   "\"SecretAccessKey\":\"k\",\"Token\":\"t\","
		   "\"Expiration\":\"2026-11-25T20:34:47Z\"}");
	assert_int_equal(run_answer(&r, &a), STEP_FETCH);
	assert_true(
	    slice_eq(r.errand.url, S("https://sts.eu-west-1.amazonaws.com/")));
	assert_true(slice_starts(r.errand.body,
	    S("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Ar&"
	      "RoleSessionName=kontor&DurationSeconds=3600")));
	a.body =
	    S("<r><Credentials><AccessKeyId>ASIA000000000002</AccessKeyId>"
	      "<SecretAccessKey>k2</SecretAccessKey><SessionToken>t2"
	      "</SessionToken><Expiration>2026-11-25T19:35:47Z</Expiration>"
	      "</Credentials></r>");
	/* Their clock is half a minute before ours. */
	a.date_s = NOW - 30;
	assert_int_equal(run_answer(&r, &a), STEP_DONE);
	assert_int_equal(r.kind, PASS_AWS);
	assert_true(slice_eq(r.part[0], S("ASIA000000000002")));
	assert_true(slice_eq(r.part[1], S("k2")));
	assert_true(slice_eq(r.part[2], S("t2")));
	assert_int_equal(r.lifetime_s, 90);
	run_end(&r);
}

static void
a_role_name_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const names[] = { "", "../x", "a/b", "a?b", "a b",
		"<html>" };
	struct run_reply a;
	struct run r;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(names); i++) {
		a = answer(200, "TOKEN");
		assert_int_equal(run_begin(&r, &instance, NOW), STEP_FETCH);
		assert_int_equal(run_answer(&r, &a), STEP_FETCH);
		a.body = slice_of(names[i]);
		assert_int_equal(run_answer(&r, &a), STEP_FAIL);
		assert_int_equal(r.why, SIGNIN_WHY_GARBAGE);
		run_end(&r);
	}
}

static void
googles_metadata_server_must_say_that_it_is_it(void **state)
{
	static const struct signin_conf c = { .method = SIGNIN_GOOGLE_METADATA,
		.id = 1,
		.scope = "s",
		.metadata = "http://metadata.google.internal",
		.account = "default" };
	struct run_reply a = answer(200, "{\"access_token\":\"a\","
					 "\"expires_in\":60,"
					 "\"token_type\":\"Bearer\"}");
	struct run r;

	(void)state;
	fails(&c, a, SIGNIN_WHY_GARBAGE, "");
	a.google = true;
	assert_int_equal(run_begin(&r, &c, NOW), STEP_FETCH);
	assert_int_equal(run_answer(&r, &a), STEP_DONE);
	run_end(&r);
}

static void
a_missing_file_is_said(void **state)
{
	struct signin_conf c = entra;
	struct run r;

	(void)state;
	c.method = SIGNIN_ENTRA_FEDERATED;
	c.token_file = "/nowhere/token";
	assert_int_equal(run_begin(&r, &c, NOW), STEP_FAIL);
	assert_int_equal(r.why, SIGNIN_WHY_FILE);
	run_end(&r);
}

static void
urls_are_taken_apart_strictly(void **state)
{
	static const char *const bad[] = { "", "ftp://x", "https://",
		"https://a:0/", "https://a:70000/", "https://u@h/",
		"https://h/\r\nX:", "https://h/#f", "http://[::1",
		"http://h:x/" };
	struct arena a = { 0 };
	struct url u;
	size_t i;

	(void)state;
	assert_true(url_split(&a, S("https://h.example:8443/a?b=c"), &u));
	assert_true(u.tls && u.port == 8443 && !url_literal(&u));
	assert_string_equal(u.host, "h.example");
	assert_true(slice_eq(u.target, S("/a?b=c")));
	assert_true(slice_eq(u.authority, S("h.example:8443")));
	assert_true(url_split(&a, S("http://[fd00:ec2::254]/x"), &u));
	assert_string_equal(u.host, "fd00:ec2::254");
	assert_true(!u.tls && u.port == 80 && url_literal(&u));
	assert_true(url_split(&a, S("http://169.254.169.254"), &u));
	assert_true(slice_eq(u.target, S("/")));
	assert_true(url_split(&a, S("https://h?x=1"), &u));
	assert_true(slice_eq(u.target, S("/?x=1")));
	for (i = 0; i < NELEM(bad); i++)
		assert_false(url_split(&a, slice_of(bad[i]), &u));
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_secret_is_posted_and_the_token_taken),
		cmocka_unit_test(
		    answers_that_are_no_token_fail_with_their_reason),
		cmocka_unit_test(what_an_endpoint_echoes_is_never_its_code),
		cmocka_unit_test(a_token_of_another_audience_is_not_taken),
		cmocka_unit_test(
		    an_instance_is_asked_in_three_steps_and_then_sts),
		cmocka_unit_test(a_role_name_that_leads_elsewhere_is_refused),
		cmocka_unit_test(
		    googles_metadata_server_must_say_that_it_is_it),
		cmocka_unit_test(a_missing_file_is_said),
		cmocka_unit_test(urls_are_taken_apart_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
