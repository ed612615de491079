#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/ident.h"
#include "model/ipc.h"
#include "model/snapshot.h"

static const struct signin_conf signin = { .method = SIGNIN_ENTRA_CERTIFICATE,
	.id = UINT64_C(0x8000000000000009),
	.tenant = "t",
	.lifetime_s = 3600,
	.secret = "CS",
	.document = "PEM\nDOC" };

static const struct door_pair door_pair = { "CH\nAIN", "DOORKEY" };

static struct provider_conf providers[] = {
	{ .id = "a",
	    .type = PROVIDER_OPENAI,
	    .base_url = "https://api.openai.com/v1",
	    .tls = true,
	    .host = "api.openai.com",
	    .port = 443,
	    .base_path = "/v1",
	    .region = "",
	    .zone = "us",
	    .store_zone = "eu",
	    .retention = 31,
	    .api_version = "",
	    .api_key = "sk-\"quoted\"",
	    .organization = "org",
	    .connect_ns = 1,
	    .http1 = true,
	    .first_byte_ns = 2,
	    .idle_ns = INT64_C(3000000000000) },
	{ .id = "b",
	    .type = PROVIDER_BEDROCK,
	    .base_url = "http://127.0.0.1:1",
	    .literal = true,
	    .allow_private = true,
	    .h2c = true,
	    .host = "127.0.0.1",
	    .port = 1,
	    .base_path = "",
	    .region = "us-east-1",
	    .zone = "",
	    .store_zone = "",
	    .api_version = "",
	    .ca_file = "/ca.pem",
	    .access_key_id = "AK",
	    .secret_access_key = "SK",
	    .session_token = "ST",
	    .key_id = "t/u/f",
	    .private_key = "OCIKEY",
	    .signin = &signin },
};

enum { BOTH = LANE_BIT(LANE_INPUT) | LANE_BIT(LANE_OUTPUT) };

static const struct price prices[] = {
	{ .id = UINT64_C(0xfedcba9876543210),
	    .from_ns = INT64_C(1793491200000000000),
	    .operators = true,
	    .to_ns = INT64_C(1893456000000000000),
	    .tier = S_INIT("flex"),
	    .source = S_INIT("a list"),
	    .base = { .has = BOTH | LANE_BIT(LANE_CACHED) |
			     LANE_BIT(LANE_CACHE_WRITE),
		.rate = { [LANE_INPUT] = { 1250000 },
		    [LANE_CACHED] = { 125001 },
		    [LANE_OUTPUT] = { 10000000 } } },
	    .nsteps = 2,
	    .step = { { 128000, { BOTH | LANE_BIT(LANE_AUDIO_OUTPUT),
				    { [LANE_INPUT] = { 2 },
					[LANE_AUDIO_OUTPUT] = { 3 } } } },
		{ 271999, { BOTH | LANE_BIT(LANE_CACHED),
			      { [LANE_INPUT] = { 2500000 },
				  [LANE_CACHED] = { 7 },
				  [LANE_OUTPUT] = { 15000000 } } } } },
	    .per_request = { 12345 } },
	{ .id = 2,
	    .tier = S_INIT("standard"),
	    .base = { BOTH, { [LANE_INPUT] = { 1 }, [LANE_OUTPUT] = { 2 } } } },
};

static struct deployment_conf deployments[3];
static struct model_conf models[2];
static struct alias_conf aliases[1];
static const struct share_conf shares[] = {
	{ "openai", 0, { 0, 20000000, true, { 5 }, { 150, 160 } } },
	{ "2", 0, { 0, 1, false, { 6 }, { 100, 200 } } },
};
static const struct agreement_conf agreements[] = {
	{ .name = "macc",
	    .contract = "EA \"1\"",
	    .notes = "",
	    .provider = &providers[0],
	    .terms = { .in_force = { 100, 200 },
		.percent = 12500001,
		.commitment = { 1000000000 },
		.commitment_in = { 110, 190 } },
	    .nshares = 2,
	    .share = shares },
	{ .name = "flat",
	    .contract = "",
	    .notes = "n",
	    .provider = &providers[1],
	    .terms = { .in_force = { 200, 0 }, .per_token = { 250000 } } },
};
#define ANYBODY \
	{ \
		"", "", "", "", "", "", "", "", "" \
	}
static const struct residency_conf residency[] = {
	{ "eu only", { "", "claims", "", "", "", "", "", "m", "pii" }, "z,eu",
	    "s", 31, NULL },
	{ "nothing kept", ANYBODY, "us", "", 1, NULL },
};
static const struct class_conf classes[] = {
	{ { "", "", "", "ann", "", "", "", "", "" }, CLASS_LOW },
};
static struct snapshot snapshot;

static struct deployment_conf
deployment(unsigned i, const char *id, const struct provider_conf *p,
    const struct model_conf *m)
{
	return (struct deployment_conf){ .id = id,
		.index = i,
		.provider = p,
		.model = m,
		.name = "n",
		.zone = "z",
		.tier = "standard",
		.store_zone = "s",
		.geo = "us",
		.scope = "data_zone",
		.inference_geo = "us",
		.answers_as = "gpt",
		.accelerator = "h100",
		.retention = 1,
		.capacity = CAPACITY_PROVISIONED,
		.tokens_per_minute = 100000,
		.requests_per_minute = 60,
		.burst_ns = INT64_C(60000000000),
		.cost_per_hour = 12500000000,
		.weight = 7,
		.context = 1050000,
		.max_output = 128000 };
}

static int
set_up(void **state)
{
	(void)state;
	models[0] = (struct model_conf){ .id = "m",
		.publisher = "p",
		.n = 2,
		.affinity = AFFINITY_SESSION,
		.capabilities = "tools,vision",
		.deprecated_ns = 5,
		.retires_ns = 6,
		.redirects = true,
		.successor_id = "x/y:z",
		.larger_id = "",
		.fallback_id = "x/y:z",
		.strategy = STRATEGY_WEIGHTED,
		.deployment = { &deployments[0], &deployments[1] } };
	models[1] = (struct model_conf){ .id = "x/y:z",
		.publisher = "",
		.capabilities = "",
		.successor_id = "",
		.larger_id = "",
		.fallback_id = "",
		.n = 1,
		.deployment = { &deployments[2] } };
	deployments[0] = deployment(0, "d0", &providers[0], &models[0]);
	deployments[1] = deployment(1, "d1", &providers[1], &models[0]);
	deployments[2] = deployment(2, "d2", &providers[1], &models[1]);
	deployments[1].price = prices;
	deployments[1].nprice = 2;
	aliases[0] = (struct alias_conf){ "fast", &models[1] };
	snapshot = (struct snapshot){ .refs = 1,
		.generation = UINT64_C(0x8000000000000001),
		.data_dir = "/var/lib/kontor",
		.gateway_address = "127.0.0.1:8080",
		.admin_address = "[::1]:8081",
		.gateway_tls = "TLS 1.2, 1 certificate",
		.admin_tls = "",
		.gateway_pin = "00",
		.admin_pin = "",
		.gateway_door = { .n = 1,
		    .pair = &door_pair,
		    .clients = 2,
		    .client_ca = "CC",
		    .only_13 = true },
		.proxy_host = "proxy",
		.proxy_port = 3128,
		.no_proxy = ".example",
		.proxy_auth = "Basic PX",
		.workers = 3,
		.nproviders = 2,
		.ndeployments = 3,
		.nmodels = 2,
		.naliases = 1,
		.provider = providers,
		.deployment = deployments,
		.model = models,
		.alias = aliases,
		.nagreements = 2,
		.agreement = agreements,
		.nresidency = 2,
		.residency = residency,
		.nclasses = 1,
		.class = classes,
		.data_classes = "pii,public",
		.keep_normal = 10,
		.keep_low = 25,
		.retry_percent = 10,
		.retry_floor = 9,
		.sync_always = true,
		.max_lag_ns = 5,
		.admit_wait_ns = 0,
		.drain_ns = 6,
		.max_body = 1 << 20,
		.max_open_requests = 4096,
		.max_keys = 10,
		.max_accounts = 11,
		.max_subjects = 17,
		.max_limits = 19,
		.total_deadline_ns = INT64_C(3000000000000),
		.max_attempts = 4,
		.currency = "USD",
		.max_conns = UINT32_MAX,
		.max_streams = 77 };
	return 0;
}

/* The way it goes to another process. */
static struct snapshot *
again(enum snapshot_for whom)
{
	const int fd = memfd_create("test", MFD_CLOEXEC);
	struct snapshot *s;

	assert_true(ipc_config_write(fd, &snapshot, whom));
	assert_int_equal(ipc_config_read(fd, &s), FAULT_NONE);
	close(fd);
	return s;
}

static void
a_memfd_that_is_not_ours_gives_nothing(void **state)
{
	const int fd = memfd_create("test", MFD_CLOEXEC);
	struct snapshot *s = &snapshot;

	(void)state;
	assert_int_equal(write(fd, "{}", 2), 2);
	assert_int_equal(ipc_config_read(fd, &s), FAULT_CONFIG);
	assert_null(s);
	close(fd);
	s = &snapshot;
	assert_int_equal(ipc_config_read(fd, &s), FAULT_CONFIG);
	assert_null(s);
	assert_false(ipc_config_write(fd, &snapshot, SNAPSHOT_BARE));
}

static void
what_is_written_is_read_and_written_the_same(void **state)
{
	struct snapshot *s = again(SNAPSHOT_WORKER);
	struct buf a = { 0 }, b = { 0 };

	(void)state;
	snapshot_write(&snapshot, SNAPSHOT_WORKER, &a);
	snapshot_write(s, SNAPSHOT_WORKER, &b);
	assert_string_equal(buf_cstr(&a), buf_cstr(&b));
	buf_fini(&a);
	buf_fini(&b);
	snapshot_unref(&s);
	assert_null(s);
}

static void
agreements_come_back_with_their_ids(void **state)
{
	struct snapshot *s = again(SNAPSHOT_BARE);
	const struct agreement_conf *a = &s->agreement[0];
	const struct provider_conf *p = &s->provider[0];

	(void)state;
	assert_int_equal(s->nagreements, 2);
	assert_true(a->terms.id == hash64(S("macc")));
	assert_true(a->terms.provider == p->hash);
	assert_true(a->account ==
		    agreement_account(S("macc"), PLEDGE_COMMITMENT, S("")));
	assert_int_equal(a->nshares, 2);
	assert_true(a->share[0].account ==
		    agreement_account(S("macc"), PLEDGE_SHARE, S("openai")));
	assert_true(a->share[0].terms.agreement == a->terms.id);
	assert_true(a->share[0].terms.of_list);
	assert_int_equal(s->agreement[1].account, 0);
	assert_null(snapshot_agreement(s, p, 99));
	assert_ptr_equal(snapshot_agreement(s, p, 100), a);
	assert_null(snapshot_agreement(s, p, 200));
	assert_ptr_equal(
	    snapshot_agreement(s, &s->provider[1], 300), &s->agreement[1]);
	snapshot_unref(&s);
}

static void
every_field_comes_back(void **state)
{
	struct snapshot *s = again(SNAPSHOT_WORKER);
	const struct provider_conf *p = s->provider;
	const struct price *price = s->deployment[1].price;

	(void)state;
	assert_true(s->generation == snapshot.generation);
	assert_string_equal(s->admin_address, "[::1]:8081");
	assert_true(s->sync_always);
	assert_int_equal(s->max_conns, UINT32_MAX);
	assert_int_equal(s->max_streams, 77);
	assert_true(p[1].h2c && !p[1].http1 && p[0].http1);
	assert_string_equal(p[0].api_key, "sk-\"quoted\"");
	assert_null(p[0].ca_file);
	assert_null(p[0].project);
	assert_true(p[0].hash == hash64(S("a")));
	assert_string_equal(p[1].session_token, "ST");
	assert_true(p[1].literal && p[1].allow_private && !p[1].tls);
	assert_ptr_equal(s->deployment[2].provider, &p[1]);
	assert_ptr_equal(s->deployment[2].model, &s->model[1]);
	assert_int_equal(s->deployment[2].index, 2);
	assert_ptr_equal(s->model[0].deployment[1], &s->deployment[1]);
	assert_int_equal(s->model[0].strategy, STRATEGY_WEIGHTED);
	assert_int_equal(s->deployment[1].nprice, 2);
	assert_true(slice_eq(price[0].tier, S("flex")));
	assert_memory_equal(&price[0].base, &prices[0].base,
	    offsetof(struct price, source) - offsetof(struct price, base));
	assert_int_equal(price[0].to_ns, prices[0].to_ns);
	assert_true(slice_eq(price[0].source, S("a list")));
	assert_int_equal(price[1].base.has, BOTH);
	assert_int_equal(price[1].nsteps, 0);
	snapshot_unref(&s);
}

static void
without_secrets_none_is_in_the_text(void **state)
{
	struct snapshot *s = again(SNAPSHOT_BARE);
	struct buf b = { 0 };

	(void)state;
	assert_null(s->provider[0].api_key);
	assert_null(s->provider[1].secret_access_key);
	assert_string_equal(s->provider[0].organization, "org");
	snapshot_write(&snapshot, SNAPSHOT_BARE, &b);
	assert_null(strstr(buf_cstr(&b), "quoted"));
	assert_null(strstr(b.p, "\"SK\""));
	assert_null(strstr(b.p, "\"AK\""));
	assert_null(strstr(b.p, "\"ST\""));
	buf_fini(&b);
	snapshot_unref(&s);
}

/* Who does not need a secret does not get it. */
static void
a_secret_is_in_the_text_of_who_needs_it(void **state)
{
	static const struct {
		enum snapshot_for whom;
		bool workers, couriers;
	} rows[] = { { SNAPSHOT_BARE, false, false },
		{ SNAPSHOT_WORKER, true, false },
		{ SNAPSHOT_COURIER, false, true } };
	struct buf b = { 0 };
	struct snapshot *s;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		buf_clear(&b);
		snapshot_write(&snapshot, rows[i].whom, &b);
		assert_int_equal(
		    strstr(buf_cstr(&b), "OCIKEY") != NULL, rows[i].workers);
		assert_int_equal(
		    strstr(b.p, "\"SK\"") != NULL, rows[i].workers);
		assert_int_equal(
		    strstr(b.p, "\"CS\"") != NULL, rows[i].couriers);
		assert_int_equal(strstr(b.p, "DOC") != NULL, rows[i].couriers);
	}
	buf_fini(&b);
	s = again(SNAPSHOT_COURIER);
	assert_null(s->provider[0].signin);
	assert_true(s->provider[1].signin->id == signin.id);
	assert_int_equal(
	    s->provider[1].signin->method, SIGNIN_ENTRA_CERTIFICATE);
	assert_string_equal(s->provider[1].signin->document, "PEM\nDOC");
	assert_null(s->provider[1].signin->client);
	assert_int_equal(s->provider[1].signin->lifetime_s, 3600);
	snapshot_unref(&s);
}

/* Takes out or changes one thing at a time; none of it may be accepted. */
static void
a_text_that_lacks_something_is_refused(void **state)
{
	static const char *const cuts[] = { "\"snapshot\":1,",
		"\"currency\":\"USD\",", "\"workers\":3,",
		"\"sync_always\":true,", "\"host\":\"127.0.0.1\",",
		"\"weight\":7,", "\"type\":\"bedrock\",", "\"above\":[",
		"\"strategy\":\"weighted\",", "\"model\":\"x/y:z\"",
		"\"from_ns\":0,", "\"generation\":\"8000000000000001\"," };
	struct buf whole = { 0 }, cut = { 0 };
	struct snapshot *s;
	const char *at;
	size_t i;

	(void)state;
	snapshot_write(&snapshot, SNAPSHOT_WORKER, &whole);
	for (i = 0; i < NELEM(cuts); i++) {
		at = strstr(buf_cstr(&whole), cuts[i]);
		assert_non_null(at);
		buf_clear(&cut);
		buf_add(
		    &cut, (struct slice){ whole.p, (size_t)(at - whole.p) });
		buf_str(&cut, at + strlen(cuts[i]));
		assert_int_equal(
		    snapshot_read(buf_slice(&cut), &s), FAULT_CONFIG);
		assert_null(s);
	}
	buf_fini(&whole);
	buf_fini(&cut);
}

static void
a_text_of_another_kind_is_refused(void **state)
{
	static const char *const texts[] = { "", "[]", "{}", "null", "{",
		"{\"snapshot\":2}" };
	struct snapshot *s;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(texts); i++)
		assert_int_equal(
		    snapshot_read(slice_of(texts[i]), &s), FAULT_CONFIG);
}

static void
a_number_too_large_for_its_field_is_refused(void **state)
{
	struct buf b = { 0 };
	struct snapshot *s;
	char *at;

	(void)state;
	snapshot_write(&snapshot, SNAPSHOT_WORKER, &b);
	at = strstr((char *)(uintptr_t)buf_cstr(&b), "\"port\":443");
	assert_non_null(at);
	memcpy(at, "\"port\":-43", 10);
	assert_int_equal(snapshot_read(buf_slice(&b), &s), FAULT_CONFIG);
	buf_fini(&b);
}

static void
a_model_is_found_by_id_and_by_alias(void **state)
{
	struct snapshot *s = again(SNAPSHOT_BARE);

	(void)state;
	assert_ptr_equal(snapshot_model(s, S("m")), &s->model[0]);
	assert_ptr_equal(snapshot_model(s, S("fast")), &s->model[1]);
	assert_null(snapshot_model(s, S("fas")));
	assert_null(snapshot_model(s, S("")));
	snapshot_unref(&s);
}

static void
the_operators_price_wins_from_its_day_on(void **state)
{
	static const struct price rows[] = {
		{ .id = 7,
		    .from_ns = 150,
		    .to_ns = 200,
		    .tier = S_INIT("batch") },
		{ .id = 6, .from_ns = 100, .tier = S_INIT("batch") },
		{ .id = 5, .from_ns = 450, .tier = S_INIT("flex") },
		{ .id = 4, .from_ns = 400, .tier = S_INIT("standard") },
		{ .id = 3,
		    .from_ns = 300,
		    .operators = true,
		    .tier = S_INIT("standard") },
		{ .id = 2, .from_ns = 200, .tier = S_INIT("standard") },
		{ .id = 1, .from_ns = 100, .tier = S_INIT("standard") },
	};
	const struct deployment_conf d = {
		.price = rows, .nprice = NELEM(rows), .tier = "standard"
	};

	(void)state;
	assert_null(deployment_price(&d, 99));
	assert_int_equal(deployment_price(&d, 100)->id, 1);
	assert_int_equal(deployment_price(&d, 299)->id, 2);
	assert_int_equal(deployment_price(&d, 300)->id, 3);
	assert_int_equal(deployment_price(&d, 500)->id, 3);
	assert_null(deployment_price_of(&d, S("flex"), 449));
	assert_int_equal(deployment_price_of(&d, S("flex"), 450)->id, 5);
	assert_null(deployment_price_of(&d, S("priority"), 450));
	assert_int_equal(deployment_price_of(&d, S("batch"), 150)->id, 7);
	assert_int_equal(deployment_price_of(&d, S("batch"), 199)->id, 7);
	assert_int_equal(deployment_price_of(&d, S("batch"), 200)->id, 6);
}

static void
a_reference_keeps_it(void **state)
{
	struct snapshot *s = again(SNAPSHOT_BARE), *mine = snapshot_ref(s);

	(void)state;
	snapshot_unref(&s);
	assert_string_equal(mine->model[0].id, "m");
	snapshot_unref(&mine);
	snapshot_unref(&mine); /* nothing to give back */
}

static void
provider_types_have_texts(void **state)
{
	enum provider_type t;
	unsigned i;

	(void)state;
	for (i = 0; i < PROVIDER_TYPES; i++) {
		assert_true(provider_type_find(
		    slice_of(provider_type_text((enum provider_type)i)), &t));
		assert_int_equal(t, i);
	}
	assert_false(provider_type_find(S("nobody"), &t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_and_written_the_same),
		cmocka_unit_test(a_memfd_that_is_not_ours_gives_nothing),
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(agreements_come_back_with_their_ids),
		cmocka_unit_test(without_secrets_none_is_in_the_text),
		cmocka_unit_test(a_secret_is_in_the_text_of_who_needs_it),
		cmocka_unit_test(a_text_that_lacks_something_is_refused),
		cmocka_unit_test(a_text_of_another_kind_is_refused),
		cmocka_unit_test(a_number_too_large_for_its_field_is_refused),
		cmocka_unit_test(a_model_is_found_by_id_and_by_alias),
		cmocka_unit_test(the_operators_price_wins_from_its_day_on),
		cmocka_unit_test(a_reference_keeps_it),
		cmocka_unit_test(provider_types_have_texts),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
