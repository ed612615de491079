#include "compile.h"

#include "model/ident.h"

#define M(rest) HEAD LAB "models: " rest "\n"

static const struct {
	const char *text;
	const char *want[2];
} bad[] = {
	{ M("{m: {deployments: [{provider: lab}]}}") "residency: [{name: r, "
						     "allow_zones: [eu]}]\n",
	    { ":5:37: no deployment is in zone \"eu\"",
		"the deployment \"m@lab\" has no zone, and the residency rule "
		"\"r\" may apply to it" } },
	{ M("{m: {deployments: [{provider: lab, zone: eu}]}, n: "
	    "{deployments: [{provider: lab}]}}") "residency: [{name: r, match: "
						 "{team: t}, allow_zones: "
						 "[eu]}]\n",
	    { ":4:75: the deployment \"n@lab\" has no zone" } },
	{ M("{m: {deployments: [{provider: lab, zone: eu}]}}") "residency: "
							       "[{allow_zones: "
							       "[ue]}]\n",
	    { ":5:28: no deployment is in zone \"ue\"",
		"did you mean \"eu\"?" } },
	{ M("{m: {deployments: [{provider: lab, zone: eu}]}}") "residency: "
							       "[{name: a, "
							       "allow_zones: "
							       "[eu]}, {name: "
							       "a, "
							       "allow_zones: "
							       "[eu]}]\n",
	    { "the rule \"a\" is here twice" } },
	{ M("{m: {deployments: [{provider: lab, zone: eu}]}}") "residency: "
							       "[{match: "
							       "{model: mm}, "
							       "allow_zones: "
							       "[eu]}]\n",
	    { ":5:29: there is no model \"mm\"" } },
	{ M("{m: {deployments: [{provider: lab, zone: eu}]}}") "residency: "
							       "[{match: {key: "
							       "x}, "
							       "allow_zones: "
							       "[eu]}]\n",
	    { "\"x\" is not the id of a key", "kontor key list" } },
	{ M("{m: {deployments: [{provider: lab, zone: eu}]}}") "residency: "
							       "[{match: {tag: "
							       "pii}, "
							       "allow_zones: "
							       "[eu]}]\n",
	    { ":5:27: \"pii\" is no tag", "data=pii" } },
	{ M("{m: {deployments: [{provider: lab, zone: eu}]}}") "data_classes: "
							       "[pii]\n"
							       "residency: "
							       "[{match: "
							       "{data_class: "
							       "pi}, "
							       "allow_zones: "
							       "[eu]}]\n",
	    { "\"pi\" is not one of data_classes" } },
	{ M("{m: {deployments: [{provider: lab, zone: eu}]}}") "residency: "
							       "[{match: "
							       "{}}]\n",
	    { "\"allow_zones\" is missing here" } },
	{ M("{a: {deployments: [{provider: lab}], route: {fallback: b}}, b: "
	    "{deployments: [{provider: lab}], route: {larger: a}}}"),
	    { "the models go round in a circle: a > b > a",
		"a call must come to an end" } },
	{ M("{a: {deployments: [{provider: lab}], route: {fallback: a}}}"),
	    { "the models go round in a circle: a > a" } },
	{ M("{a: {deployments: [{provider: lab}], lifecycle: {retires: "
	    "2027-01-01, then: redirect, successor: b}}, b: {deployments: "
	    "[{provider: lab}], route: {fallback: a}}}"),
	    { "the models go round in a circle: a > b > a" } },
	{ M("{a: {deployments: [{provider: lab}], route: {fallback: bb}}}"),
	    { ":4:64: there is no model \"bb\"" } },
	{ M("{a: {deployments: [{provider: lab}], lifecycle: {then: "
	    "redirect, retires: 2027-01-01}}}"),
	    { "redirect needs a successor" } },
	{ M("{a: {deployments: [{provider: lab}], lifecycle: {deprecated: "
	    "2027-02-01, retires: 2027-01-01}}}"),
	    { "it retires before it is deprecated" } },
	{ M("{a: {deployments: [{provider: lab}], route: {strategy: "
	    "cheapest}}}"),
	    { "\"cheapest\" is not a value of \"strategy\"" } },
	{ M("{a: {deployments: [{provider: lab, capacity: {kind: "
	    "reserved}}]}}"),
	    { "\"reserved\" is not a value of \"kind\"" } },
	{ M("{a: {deployments: [{provider: lab}]}}") "priorities: [{class: "
						     "urgent}]\n",
	    { "\"urgent\" is not a value of \"class\"" } },
	/* What an address says cannot be talked away. */
	{ HEAD "providers:\n"
	       "  b: {type: bedrock, region: eu-west-1, auth: {api_key: "
	       "file:/dev/null}}\n"
	       "models: {m: {deployments: [{provider: b, name: us.x, zone: "
	       "eu}]}}\n",
	    { "the deployment \"m@b\" cannot be in zone \"eu\": its address "
	      "says \"us\"" } },
	{ HEAD "providers:\n"
	       "  b: {type: bedrock, region: eu-west-1, auth: {api_key: "
	       "file:/dev/null}}\n"
	       "models: {m: {deployments: [{provider: b, name: global.x, "
	       "zone: frankfurt}]}}\n",
	    { "cannot be in zone \"frankfurt\": its address says "
	      "\"global\"" } },
};

static void
what_cannot_be_routed_is_named_with_its_place(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		char *said = mistakes_of(bad[i].text);

		if (said == NULL)
			fail_msg("accepted:\n%s", bad[i].text);
		for (k = 0; k < NELEM(bad[i].want); k++) {
			if (bad[i].want[k] != NULL &&
			    strstr(said, bad[i].want[k]) == NULL)
				fail_msg(
				    "%s\nis not in\n%s", bad[i].want[k], said);
		}
		mem_free(said);
	}
}

/* As a worker has it: written and read. */
static struct snapshot *
read_back(const char *text)
{
	struct snapshot *s = compiled(text), *out;
	struct buf b = { 0 };

	snapshot_write(s, true, &b);
	assert_int_equal(snapshot_read(buf_slice(&b), &out), FAULT_NONE);
	buf_fini(&b);
	snapshot_unref(&s);
	return out;
}

static void
a_rule_is_a_mask_of_the_deployments_it_allows(void **state)
{
	struct snapshot *s = read_back(HEAD
	    "providers:\n"
	    "  eu: {type: openai_compatible, base_url: \"http://10.0.0.5/v1\", "
	    "zone: eu, retention_days: 30}\n"
	    "  us: {type: openai_compatible, base_url: \"http://10.0.0.6/v1\", "
	    "zone: us, stores_in: eu}\n"
	    "models:\n"
	    "  m: {deployments: [{id: a, provider: eu}, {id: b, provider: us}, "
	    "{id: c, provider: eu, retention_days: 0, stores_in: us}, {id: d, "
	    "provider: eu, stores_in: us}]}\n"
	    "residency:\n"
	    "  - {allow_zones: [eu]}\n"
	    "  - {allow_zones: [eu, us], allow_stores: [eu]}\n"
	    "  - {allow_zones: [eu], max_retention_days: 30}\n"
	    "  - {allow_zones: [us, eu], max_retention_days: 0}\n");

	(void)state;
	assert_int_equal(s->nresidency, 4);
	assert_string_equal(s->residency[0].name, "residency[0]");
	/* d keeps its data in the us; c keeps none. */
	assert_int_equal(s->residency[0].allow[0], 1 | 4);
	assert_int_equal(s->residency[1].allow[0], 1 | 2 | 4);
	assert_int_equal(s->residency[2].allow[0], 1 | 4);
	assert_int_equal(s->residency[3].allow[0], 4);
	snapshot_unref(&s);
}

static void
links_and_lifecycles_come_through(void **state)
{
	struct snapshot *s = read_back(
	    M("{a: {deployments: [{provider: lab, capacity: {kind: "
	      "provisioned, tokens_per_minute: 100000, cost_per_hour: "
	      "\"12.5\"}}], lifecycle: {deprecated: 2026-01-01, retires: "
	      "2027-01-01, then: redirect, successor: b}, route: {larger: b, "
	      "fallback: b, affinity: session, strategy: lowest_cost}, "
	      "capabilities: [tools, vision]}, b: {deployments: [{provider: "
	      "lab}]}}"));
	const struct model_conf *a = &s->model[0];

	(void)state;
	assert_ptr_equal(a->successor, &s->model[1]);
	assert_ptr_equal(a->larger, &s->model[1]);
	assert_ptr_equal(a->fallback, &s->model[1]);
	assert_true(a->redirects && a->retires_ns > a->deprecated_ns);
	assert_int_equal(a->affinity, AFFINITY_SESSION);
	assert_int_equal(a->strategy, STRATEGY_LOWEST_COST);
	assert_true(snapshot_words_have(a->capabilities, S("vision")));
	assert_false(snapshot_words_have(a->capabilities, S("vis")));
	assert_int_equal(a->deployment[0]->capacity, CAPACITY_PROVISIONED);
	assert_int_equal(a->deployment[0]->tokens_per_minute, 100000);
	assert_int_equal(a->deployment[0]->burst_ns, INT64_C(60000000000));
	assert_int_equal(a->deployment[0]->cost_per_hour, INT64_C(12500000000));
	assert_null(s->model[1].fallback);
	snapshot_unref(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_routed_is_named_with_its_place),
		cmocka_unit_test(a_rule_is_a_mask_of_the_deployments_it_allows),
		cmocka_unit_test(links_and_lifecycles_come_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
