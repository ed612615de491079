#include "compile.h"

#include "model/ident.h"

#define A HEAD LAB "agreements:\n  macc:\n    provider: lab\n" /* 4 to 6 */

static const struct {
	const char *text;
	const char *want[2]; /* what must stand in the report */
} wrong[] = {
	{ HEAD LAB "agreements: {a: {from: 2026-01-01}}\n",
	    { ":4:14: \"provider\" is missing here" } },
	{ HEAD LAB "agreements: {a: {provider: lab}}\n",
	    { ":4:14: \"from\" is missing here" } },
	{ HEAD LAB "agreements: {a: {provider: lba, from: 2026-01-01}}\n",
	    { ":4:28: there is no provider \"lba\"",
		"did you mean \"lab\"?" } },
	{ A "    from: 2026-01-01\n    to: 2026-01-01\n",
	    { ":8:9: it ends before it begins", "first moment after it" } },
	{ A "    from: 2026-13-01\n",
	    { ":7:11: \"2026-13-01\" is not a date" } },
	{ A "    from: 2026-01-01\n    discount: {percent: \"100.1\"}\n",
	    { ":8:25: \"100.1\" is not a percentage", "from 0 to 100" } },
	{ A "    from: 2026-01-01\n    discount: {percent: \"-1\"}\n",
	    { ":8:25: \"-1\" is not a percentage" } },
	{ A "    from: 2026-01-01\n    discount: {percent: \"1.0000001\"}\n",
	    { ":8:25:", "at most 6 decimals" } },
	{ A "    from: 2026-01-01\n    discount: {percent: 1, per_million: "
	    "1}\n",
	    { ":8:28: a discount is a percentage or an amount" } },
	{ A "    from: 2026-01-01\n    discount: {per_million: \"-0.25\"}\n",
	    { ":8:29: \"-0.25\" is not a price" } },
	{ A "    from: 2026-01-01\n    currency: EUR\n",
	    { ":8:15: the currency \"EUR\" is not the ledger's" } },
	{ A "    from: 2026-01-01\n    currency: XX\n",
	    { ":8:15: \"XX\" is not a currency" } },
	{ A "    from: 2026-01-01\n    commitment: {amount: \"-5\"}\n",
	    { ":8:26: \"-5\" is not an amount of money" } },
	{ A "    from: 2026-01-01\n    commitment: {amount: \"0\"}\n",
	    { ":8:26: \"amount\" is an amount above 0" } },
	{ A "    from: 2026-01-01\n    commitment: {amount: 99999999999}\n",
	    { ":8:26: \"99999999999\" is not an amount of money" } },
	{ A "    from: 2026-01-01\n    commitment: {amount: "
	    "\"0.0000000001\"}\n",
	    { ":8:26:", "at most 9 decimals" } },
	{ A "    from: 2026-01-01\n    commitment: {from: 2026-02-01}\n",
	    { ":8:5: \"amount\" is missing here" } },
	{ A "    from: 2026-01-01\n"
	    "    commitment: {amount: 1, from: 2026-03-01, to: 2026-02-01}\n",
	    { ":8:51: it ends before it begins" } },
	{ A "    from: 2026-01-01\n    to: 2027-01-01\n"
	    "    commitment: {amount: 1, to: 2027-02-01}\n",
	    { ":9:33: its dates leave those of the agreement" } },
	{ A "    from: 2026-01-01\n"
	    "    commitment: {amount: 1, from: 2025-12-31}\n",
	    { ":8:35: its dates leave those of the agreement" } },
	{ A "    from: 2026-01-01\n"
	    "    revenue_share: [{rate: 20}]\n",
	    { ":8:21: \"cap\" is missing here" } },
	{ A "    from: 2026-01-01\n"
	    "    revenue_share: [{rate: 101, cap: 1}]\n",
	    { ":8:28: \"101\" is not a percentage" } },
	{ A "    from: 2026-01-01\n"
	    "    revenue_share: [{rate: 1, cap: 0}]\n",
	    { ":8:36: \"cap\" is an amount above 0" } },
	{ A "    from: 2026-01-01\n"
	    "    revenue_share: [{rate: 1, cap: 1, base: gross}]\n",
	    { ":8:45: \"gross\" is not a value of \"base\"" } },
	{ A "    from: 2026-01-01\n"
	    "    revenue_share: [{partner: x, rate: 1, cap: 1}, {partner: x, "
	    "rate: 1, cap: 1}]\n",
	    { ":8:62: the partner \"x\" is here twice" } },
	{ A "    from: 2026-01-01\n"
	    "    revenue_share: [{rate: 1, cap: 1, to: 2025-01-01}]\n",
	    { ":8:43: it ends before it begins" } },
	{ A "    from: 2026-01-01\n"
	    "  next: {provider: lab, from: 2027-01-01}\n",
	    { ":8:3: it overlaps with \"macc\" in line 5",
		"let the first end" } },
	{ A "    from: 2026-01-01\n    to: 2027-01-02\n"
	    "  next: {provider: lab, from: 2027-01-01}\n",
	    { ":9:3: it overlaps with \"macc\" in line 5" } },
	{ A "    from: 2026-01-01\n    discout: {percent: 1}\n",
	    { ":8:5: unknown option \"discout\"",
		"did you mean \"discount\"?" } },
};

static void
wrong_terms_are_named_with_their_place(void **state)
{
	char *said;
	size_t i, k;

	(void)state;
	for (i = 0; i < NELEM(wrong); i++) {
		said = mistakes_of(wrong[i].text);
		if (said == NULL)
			fail_msg("taken: %s", wrong[i].text);
		for (k = 0; k < 2 && wrong[i].want[k] != NULL; k++) {
			if (strstr(said, wrong[i].want[k]) == NULL)
				fail_msg("%s\nsays: %s\nnot: %s", wrong[i].text,
				    said, wrong[i].want[k]);
		}
		mem_free(said);
	}
}

static void
terms_are_compiled(void **state)
{
	struct snapshot *s = compiled(
	    A "    contract: EA 1\n"
	      "    from: 2026-01-01\n"
	      "    to: 2027-01-01\n"
	      "    discount: {percent: \"12.5\"}\n"
	      "    commitment: {amount: \"1000\", to: 2026-12-01}\n"
	      "    revenue_share:\n"
	      "      - {partner: openai, rate: \"20\", base: list, cap: 5}\n"
	      "      - {rate: \"0.000001\", cap: \"0.000000001\"}\n"
	      "  next: {provider: lab, from: 2027-01-01, discount: "
	      "{per_million: \"0.25\"}}\n");
	const struct agreement_conf *a = &s->agreement[0];

	(void)state;
	assert_int_equal(s->nagreements, 2);
	assert_string_equal(a->name, "macc");
	assert_string_equal(a->contract, "EA 1");
	assert_string_equal(a->provider->id, "lab");
	assert_true(a->terms.id == hash64(S("macc")));
	assert_int_equal(a->terms.percent, 12500000);
	assert_int_equal(a->terms.commitment.nano, INT64_C(1000000000000));
	assert_int_equal(
	    a->terms.commitment_in.from_ns, a->terms.in_force.from_ns);
	assert_true(a->terms.commitment_in.to_ns < a->terms.in_force.to_ns);
	assert_int_equal(a->nshares, 2);
	assert_true(a->share[0].terms.of_list);
	assert_int_equal(a->share[0].terms.percent, 20000000);
	assert_string_equal(a->share[1].partner, "2");
	assert_int_equal(a->share[1].terms.cap.nano, 1);
	assert_int_equal(s->agreement[1].terms.per_token.pico, 250000);
	snapshot_unref(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_terms_are_named_with_their_place),
		cmocka_unit_test(terms_are_compiled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
