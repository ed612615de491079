#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "courier/awsfile.h"

static const struct slice credentials = S_INIT(
    "# a comment\r\n"
    "[default]\r\naws_access_key_id = AKIADEFAULT\r\n"
    "aws_secret_access_key=s1\r\n"
    "[base]\naws_access_key_id=AKIABASE\naws_secret_access_key = s2=x/+\n"
    "aws_session_token = t\n"
    "[half]\naws_access_key_id=AKIAHALF\n"
    "[self]\nrole_arn = arn:self\nsource_profile = self\n"
    "aws_access_key_id=AKIASELF\naws_secret_access_key=s3\n");
static const struct slice config =
    S_INIT("[default]\nregion = us-east-1\n"
	   "[profile base]\naws_access_key_id=AKIAOTHER\n"
	   "[profile one]\nrole_arn = arn:one\nsource_profile = base\n"
	   "external_id = e\nrole_session_name = s\nduration_seconds = 900\n"
	   "[profile two]\nrole_arn = arn:two\nsource_profile = one\n"
	   "[profile web]\nrole_arn = arn:web\n"
	   "web_identity_token_file = /run/token\n"
	   "[profile ec2]\nrole_arn = arn:ec2\n"
	   "credential_source = Ec2InstanceMetadata\n"
	   "[profile env]\nrole_arn = arn:e\ncredential_source = Environment\n"
	   "[profile process]\ncredential_process = /bin/secret --get\n"
	   "[profile sso]\nsso_session = corp\n"
	   "[profile lonely]\nrole_arn = arn:l\n"
	   "[profile loop]\nrole_arn = arn:a\nsource_profile = pool\n"
	   "[profile pool]\nrole_arn = arn:b\nsource_profile = loop\n"
	   "[base]\naws_access_key_id=NOTAPROFILE\n");

static const char *
plan(struct arena *a, const char *profile, struct aws_plan *out)
{
	return awsfile_plan(a, credentials, config, slice_of(profile), out);
}

static void
keys_come_from_the_credentials_file_first(void **state)
{
	struct arena a = { 0 };
	struct aws_plan p;

	(void)state;
	assert_null(plan(&a, "default", &p));
	assert_int_equal(p.base, AWS_BASE_KEYS);
	assert_true(slice_eq(p.key_id, S("AKIADEFAULT")));
	assert_true(slice_eq(p.secret, S("s1")));
	assert_int_equal(p.token.len, 0);
	assert_null(plan(&a, "base", &p));
	assert_true(slice_eq(p.key_id, S("AKIABASE")));
	assert_true(slice_eq(p.secret, S("s2=x/+")));
	assert_true(slice_eq(p.token, S("t")));
	arena_fini(&a);
}

static void
roles_are_assumed_from_the_source_up(void **state)
{
	struct arena a = { 0 };
	struct aws_plan p;

	(void)state;
	assert_null(plan(&a, "two", &p));
	assert_true(slice_eq(p.key_id, S("AKIABASE")));
	assert_int_equal(p.nroles, 2);
	assert_true(slice_eq(p.role[0].arn, S("arn:one")));
	assert_true(slice_eq(p.role[0].external_id, S("e")));
	assert_true(slice_eq(p.role[0].session, S("s")));
	assert_int_equal(p.role[0].lifetime_s, 900);
	assert_true(slice_eq(p.role[1].arn, S("arn:two")));
	assert_null(plan(&a, "self", &p));
	assert_int_equal(p.nroles, 1);
	assert_true(slice_eq(p.key_id, S("AKIASELF")));
	assert_null(plan(&a, "web", &p));
	assert_int_equal(p.base, AWS_BASE_WEB);
	assert_true(slice_eq(p.web.arn, S("arn:web")));
	assert_string_equal(p.token_file, "/run/token");
	assert_int_equal(p.nroles, 0);
	assert_null(plan(&a, "ec2", &p));
	assert_int_equal(p.base, AWS_BASE_INSTANCE);
	assert_int_equal(p.nroles, 1);
	arena_fini(&a);
}

static void
what_cannot_be_used_is_said_and_holds_no_secret(void **state)
{
	static const char *const rows[][2] = {
		{ "nobody", "profile nobody does not exist" },
		{ "half", "profile half holds no credential" },
		{ "process", "profile process runs a program "
			     "(credential_process), which kontor never does" },
		{ "sso", "profile sso needs a person at a browser (sso)" },
		{ "lonely", "profile lonely has a role_arn but neither "
			    "source_profile nor credential_source" },
		{ "loop", "more than 4 roles lead to each other" },
		{ "env", "credential_source = Environment is not supported; "
			 "Environment is \"from: environment\" in kontor's "
			 "configuration" },
	};
	struct arena a = { 0 };
	struct aws_plan p;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++)
		assert_string_equal(plan(&a, rows[i][0], &p), rows[i][1]);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_from_the_credentials_file_first),
		cmocka_unit_test(roles_are_assumed_from_the_source_up),
		cmocka_unit_test(
		    what_cannot_be_used_is_said_and_holds_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
