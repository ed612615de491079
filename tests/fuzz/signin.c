/*
 * signin.c - what token endpoints may answer, to every method and step
 *
 * The first byte chooses the method, the second the status and the flags;
 * the rest are bodies, one for each step, parted by bytes of zero.
 */
#include "courier/awsfile.h"
#include "courier/fetch.h"
#include "courier/run.h"
#include "courier/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MACHINE "http://169.254.169.254"

static const struct signin_conf rows[] = {
	{ .method = SIGNIN_ENTRA_SECRET,
	    .tenant = "t",
	    .client = "c",
	    .scope = "s",
	    .endpoint = "https://e",
	    .secret = "secret" },
	{ .method = SIGNIN_ENTRA_MANAGED, .scope = "s", .metadata = MACHINE },
	{ .method = SIGNIN_AWS_KEYS,
	    .region = "r",
	    .role = "arn:r",
	    .key_id = "AKIA",
	    .secret = "secret" },
	{ .method = SIGNIN_AWS_CONTAINER,
	    .region = "r",
	    .container = MACHINE "/c" },
	{ .method = SIGNIN_AWS_INSTANCE,
	    .region = "r",
	    .role = "arn:r",
	    .metadata = MACHINE },
	{ .method = SIGNIN_GOOGLE_METADATA,
	    .scope = "s",
	    .account = "a",
	    .metadata = MACHINE },
	{ .method = SIGNIN_GOOGLE_CREDENTIALS,
	    .scope = "s",
	    .document =
		"{\"type\":\"external_account\",\"audience\":\"a\","
		"\"subject_token_type\":\"t\",\"token_url\":\"https://t\","
		"\"credential_source\":{\"url\":\"https://u\",\"format\":"
		"{\"type\":\"json\",\"subject_token_field_name\":\"f\"}},"
		"\"service_account_impersonation_url\":\"https://i\"}" },
	{ .method = SIGNIN_GOOGLE_CREDENTIALS,
	    .scope = "s",
	    .document =
		"{\"type\":\"external_account\",\"audience\":\"a\","
		"\"subject_token_type\":\"t\",\"token_url\":\"https://t\","
		"\"credential_source\":{\"environment_id\":\"aws1\","
		"\"imdsv2_session_token_url\":\"" MACHINE "/t\","
		"\"region_url\":\"" MACHINE "/z\",\"url\":\"" MACHINE
		"/r\",\"regional_cred_verification_url\":"
		"\"https://sts.{region}.x/?Action=GetCallerIdentity\"}}" },
};

/* What may be sent to a provider must be fit to stand in a header. */
static void
check_done(const struct run *r)
{
	size_t i, k;

	CHECK(r->lifetime_s >= 0 && r->part[0].len > 0);
	for (i = 0; i < WALLET_PARTS; i++)
		for (k = 0; r->kind == PASS_BEARER && k < r->part[i].len; k++)
			CHECK(
			    r->part[i].p[k] >= 0x20 && r->part[i].p[k] < 0x7f);
}

static void
check_errand(struct run *r)
{
	struct arena a = { 0 };
	struct url u;

	CHECK(r->errand.nhdr <= ERRAND_HDRS);
	CHECK(url_split(&a, r->errand.url, &u));
	arena_fini(&a);
}

static void
run(const struct signin_conf *c, unsigned flags, struct slice rest)
{
	static const int statuses[] = { 200, 302, 400, 401, 429, 503 };
	struct run_reply a = { .status = statuses[flags % NELEM(statuses)],
		.google = (flags & 8) != 0,
		.html = (flags & 16) != 0 };
	struct slice body;
	enum step step;
	struct run r;
	unsigned n;

	step = run_begin(&r, c, 1795635287);
	for (n = 0; step == STEP_FETCH; n++) {
		CHECK(n < 10);
		check_errand(&r);
		if (!slice_cut(rest, '\0', &body, &rest)) {
			body = rest;
			rest.len = 0;
		}
		a.body = body;
		step = run_answer(&r, &a);
	}
	if (step == STEP_DONE)
		check_done(&r);
	else
		CHECK(r.why != SIGNIN_WHY_NONE && r.why < SIGNIN_WHYS);
	CHECK(memchr(r.code, '\0', sizeof(r.code)) != NULL);
	run_end(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice s = { (const char *)data, len };
	struct arena a = { 0 };
	struct aws_plan plan;
	struct url u;
	int64_t t;

	if (len < 2)
		return 0;
	s.p += 2;
	s.len -= 2;
	run(&rows[data[0] % NELEM(rows)], data[1], s);
	(void)awsfile_plan(&a, s, s, S("default"), &plan);
	if (url_split(&a, s, &u))
		CHECK(u.port != 0 && u.target.len > 0);
	if (stamp_iso(s, &t) || stamp_http(s, &t))
		CHECK(t >= 0);
	arena_fini(&a);
	return 0;
}
