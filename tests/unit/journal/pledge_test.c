#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "journal/pledge.h"

enum { DAY_MS = 86400000 };

static struct deployment_row deployments[] = {
	{ .id = S_INIT("d"), .provider = S_INIT("azure") },
	{ .id = S_INIT("e"), .provider = S_INIT("lab") },
};

static struct agreement_row agreements[2];
static struct share_row shares[3];

static const struct generation g = { .generation = 1,
	.ndeployments = 2,
	.deployments = deployments,
	.nagreements = 2,
	.agreements = agreements,
	.nshares = 3,
	.shares = shares };
static const struct generation bare = { .ndeployments = 2,
	.deployments = deployments };

static struct period
days(int64_t from, int64_t to)
{
	return (
	    struct period){ from * DAY_MS * 1000000, to * DAY_MS * 1000000 };
}

/* An id of the middle of a day since 1970. */
static struct reqid
on_day(int64_t day)
{
	struct reqid id = { { 0 } };
	const uint64_t ms = (uint64_t)(day * DAY_MS + DAY_MS / 2);
	int i;

	for (i = 0; i < 6; i++)
		id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
	assert_true(reqid_wall_ms(&id) == (int64_t)ms);
	return id;
}

/* Half off from day 10 to 20, then 0.25 per million tokens. */
static int
set_up(void **state)
{
	(void)state;
	agreements[0] = (struct agreement_row){
		.terms = { .id = 7,
		    .provider = hash64(S("azure")),
		    .in_force = days(10, 20),
		    .percent = PERCENT_ALL / 2,
		    .commitment = { 1000 },
		    .commitment_in = days(12, 20) },
		.name = S_INIT("first"),
		.provider = S_INIT("azure"),
		.account = 99,
	};
	agreements[1] = (struct agreement_row){
		.terms = { .id = 8,
		    .provider = hash64(S("azure")),
		    .in_force = days(20, 0),
		    .per_token = { 250000 } },
		.name = S_INIT("second"),
		.provider = S_INIT("azure"),
	};
	shares[0] = (struct share_row){ .terms = { .agreement = 7,
					    .percent = PERCENT_ALL / 10,
					    .cap = { 30 },
					    .in = days(10, 15) },
		.account = 100 };
	shares[1] = (struct share_row){ .terms = { .agreement = 7,
					    .percent = PERCENT_ALL / 10,
					    .of_list = true,
					    .cap = { 1000 },
					    .in = days(10, 20) },
		.account = 101 };
	shares[2] = (struct share_row){ .terms = { .agreement = 8,
					    .percent = PERCENT_ALL,
					    .cap = { 1 },
					    .in = days(0, 0) },
		.account = 102 };
	return 0;
}

static struct outcome
outcome(int64_t day, int64_t list)
{
	struct outcome o = { .req = on_day(day),
		.resolution = RESOLUTION_BOOKED,
		.sent = true,
		.agreement = day < 20 ? 7 : 8,
		.list = list };

	pledge_contract(&g, &o);
	return o;
}

static void
the_time_in_the_id_says_which_agreement_it_is(void **state)
{
	const struct reqid before = on_day(9), first = on_day(10),
			   last = on_day(19), next = on_day(20),
			   far = on_day(20000);

	(void)state;
	assert_null(pledge_agreement(&g, 0, &before));
	assert_ptr_equal(pledge_agreement(&g, 0, &first), &agreements[0]);
	assert_ptr_equal(pledge_agreement(&g, 0, &last), &agreements[0]);
	assert_ptr_equal(pledge_agreement(&g, 0, &next), &agreements[1]);
	assert_ptr_equal(pledge_agreement(&g, 0, &far), &agreements[1]);
	assert_null(pledge_agreement(&g, 1, &first));
	assert_null(pledge_agreement(&bare, 0, &first));
}

static void
an_intent_is_held_to_its_agreement(void **state)
{
	struct intent i = {
		.req = on_day(10), .agreement = 7, .hold = 50, .list = 100
	};

	(void)state;
	assert_null(pledge_judge_intent(&g, &i));
	i.hold = 51;
	assert_non_null(pledge_judge_intent(&g, &i));
	i.hold = 50;
	i.agreement = 8;
	assert_non_null(pledge_judge_intent(&g, &i));
	i.agreement = 0;
	assert_non_null(pledge_judge_intent(&g, &i));
	i.deployment = 1;
	assert_non_null(pledge_judge_intent(&g, &i));
	i.list = 0; /* as the hold */
	assert_null(pledge_judge_intent(&g, &i));
	assert_int_equal(pledge_list_hold(&i).nano, 50);
}

static void
a_cost_is_held_to_its_agreement(void **state)
{
	const struct intent i = {
		.req = on_day(10), .agreement = 7, .hold = 50, .list = 100
	};
	struct outcome o = outcome(10, 81);

	(void)state;
	assert_int_equal(o.contracted, 40); /* 40.5 */
	assert_null(pledge_judge_outcome(&g, &i, &o));
	o.contracted = 41;
	assert_non_null(pledge_judge_outcome(&g, &i, &o));
	o.contracted = 40;
	o.effective = 39;
	assert_non_null(pledge_judge_outcome(&g, &i, &o));
	o = outcome(10, 81);
	o.agreement = 0;
	assert_non_null(pledge_judge_outcome(&g, &i, &o));
	o = outcome(10, 99);
	o.resolution = RESOLUTION_UNKNOWN;
	o.n = 1;
	assert_non_null(pledge_judge_outcome(&g, &i, &o));
	o = outcome(10, 100);
	o.resolution = RESOLUTION_UNKNOWN;
	o.n = 1;
	assert_null(pledge_judge_outcome(&g, &i, &o));
	o = outcome(30, 1000000);
	o.usage.input = 1000;
	o.usage.output = 1000;
	pledge_contract(&g, &o);
	assert_int_equal(o.contracted, 500000);
	assert_null(pledge_judge_cost(&g, &o));
}

static void
postings_are_those_of_the_day(void **state)
{
	struct pledge_posting p[PLEDGE_POSTINGS];
	struct outcome o = outcome(10, 200);

	(void)state;
	assert_int_equal(
	    pledge_postings(&g, &o, NULL, p), 2); /* the two shares */
	assert_true(p[0].account == 100 && p[0].base.nano == 100);
	assert_true(p[1].account == 101 && p[1].base.nano == 200);
	o = outcome(12, 200);
	assert_int_equal(pledge_postings(&g, &o, NULL, p), 3);
	assert_int_equal(p[0].kind, PLEDGE_COMMITMENT);
	assert_int_equal(p[0].account, 99);
	o = outcome(15, 200);
	assert_int_equal(pledge_postings(&g, &o, NULL, p), 2);
	assert_int_equal(p[1].account, 101);
	o = outcome(25, 200);
	assert_int_equal(pledge_postings(&g, &o, NULL, p), 1);
	assert_int_equal(p[0].account, 102);
	o.resolution = RESOLUTION_VOID;
	assert_int_equal(pledge_postings(&g, &o, NULL, p), 0);
	o = outcome(12, 200);
	o.sent = false;
	assert_int_equal(pledge_postings(&g, &o, NULL, p), 0);
	o.sent = true;
	o.agreement = 0;
	assert_int_equal(pledge_postings(&g, &o, NULL, p), 0);
	o.agreement = 7;
	o.req = on_day(9); /* hostile: it was not in force */
	assert_int_equal(pledge_postings(&g, &o, NULL, p), 0);
}

static void
a_correction_moves_the_difference(void **state)
{
	struct correction c = { .was = outcome(12, 200),
		.now = outcome(12, 120) };
	struct pledge_posting p[PLEDGE_POSTINGS];
	struct share_sum sum = { { 0 }, { 0 } };

	(void)state;
	c.was.resolution = RESOLUTION_UNKNOWN;
	assert_int_equal(pledge_postings(&g, &c.now, &c.was, p), 3);
	assert_true(p[0].base.nano == 60 && p[0].was.nano == 100);
	assert_true(p[2].base.nano == 120 && p[2].was.nano == 200);
	sum.accrued.nano = 100;
	assert_int_equal(pledge_post(&p[0], p[0].cap, sum).accrued.nano, 60);
	sum.accrued.nano = sum.earned.nano = 10;
	assert_int_equal(pledge_post(&p[1], p[1].cap, sum).accrued.nano, 6);
	c.now.resolution = RESOLUTION_VOID;
	assert_int_equal(pledge_postings(&g, &c.now, &c.was, p), 3);
	assert_true(p[2].base.nano == 0 && p[2].was.nano == 200);
	c.was.sent = false;
	assert_int_equal(pledge_postings(&g, &c.now, &c.was, p), 3);
	assert_true(p[2].base.nano == 0 && p[2].was.nano == 0);
}

static void
a_commitment_does_not_overflow(void **state)
{
	const struct pledge_posting p = { .base = { 5 } };
	struct share_sum sum = { { INT64_MAX - 2 }, { 0 } };

	(void)state;
	sum = pledge_post(&p, (struct money){ 0 }, sum);
	assert_int_equal(sum.accrued.nano, INT64_MAX - 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_time_in_the_id_says_which_agreement_it_is),
		cmocka_unit_test(an_intent_is_held_to_its_agreement),
		cmocka_unit_test(a_cost_is_held_to_its_agreement),
		cmocka_unit_test(postings_are_those_of_the_day),
		cmocka_unit_test(a_correction_moves_the_difference),
		cmocka_unit_test(a_commitment_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
