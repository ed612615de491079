#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model/agreement.h"

static const struct agreement none = { .id = 1 };

static int64_t
off_percent(const char *percent, int64_t list)
{
	struct agreement a = none;

	assert_true(agreement_percent_parse(slice_of(percent), &a.percent));
	return agreement_contracted(&a, (struct money){ list }, 5).nano;
}

static int64_t
off_tokens(const char *per_million, int64_t list, uint64_t tokens)
{
	struct agreement a = none;

	assert_true(
	    rate_parse_per_million(slice_of(per_million), &a.per_token));
	return agreement_contracted(&a, (struct money){ list }, tokens).nano;
}

static void
percentages_are_read_exactly(void **state)
{
	static const char *const bad[] = { "", "-1", "100.000001", "101", "1.",
		"0.0000001", "12,5", "1e2", "9223372036854775807" };
	struct buf b = { 0 };
	int64_t p;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_false(agreement_percent_parse(slice_of(bad[i]), &p));
	assert_true(agreement_percent_parse(S("100"), &p));
	assert_int_equal(p, PERCENT_ALL);
	assert_true(agreement_percent_parse(S("12.500001"), &p));
	assert_int_equal(p, 12500001);
	agreement_percent_write(&b, p);
	assert_string_equal(buf_cstr(&b), "12.500001");
	buf_fini(&b);
}

static void
a_percentage_is_taken_off_and_rounded_half_to_even(void **state)
{
	static const struct {
		const char *percent;
		int64_t list, contracted;
	} cases[] = {
		{ "0", 123456789, 123456789 },
		{ "12.5", 1000000000, 875000000 },
		{ "100", INT64_MAX, 0 },
		{ "0", INT64_MAX, INT64_MAX },
		{ "50", 1, 0 }, /* 0.5 */
		{ "50", 3, 2 }, /* 1.5 */
		{ "50", 5, 2 }, /* 2.5 */
		{ "50", 7, 4 }, /* 3.5 */
		{ "49.999999", 1, 1 },
		{ "50.000001", 1, 0 },
		{ "33.333333", 3, 2 },
		{ "0.000001", 50000000, 50000000 },   /* 49999999.5 */
		{ "0.000001", 150000000, 149999998 }, /* ...98.5 */
		{ "20", 0, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++)
		assert_int_equal(off_percent(cases[i].percent, cases[i].list),
		    cases[i].contracted);
}

static void
an_amount_per_token_never_makes_a_cost_negative(void **state)
{
	(void)state;
	assert_int_equal(off_tokens("0.25", 1000000, 1000), 750000);
	assert_int_equal(off_tokens("0.25", 250000, 1000), 0);
	assert_int_equal(off_tokens("0.25", 249999, 1000), 0);
	assert_int_equal(off_tokens("0.25", 1000000, 0), 1000000);
	assert_int_equal(off_tokens("9000000", 5, UINT64_MAX), 0);
	assert_int_equal(off_tokens("0.25", 0, 1000), 0);
}

static void
without_an_agreement_the_list_cost_holds(void **state)
{
	(void)state;
	assert_int_equal(
	    agreement_contracted(NULL, (struct money){ 7 }, 1).nano, 7);
	assert_int_equal(
	    agreement_contracted(&none, (struct money){ 7 }, 1).nano, 7);
	assert_int_equal(agreement_bound(NULL, (struct money){ 9 }).nano, 9);
}

static int64_t
random_amount(void)
{
	static const unsigned bits[] = { 3, 20, 40, 62 };
	const int64_t r = (int64_t)lrand48() << 31 | lrand48();

	return r & ((INT64_C(1) << bits[lrand48() % 4]) - 1);
}

static void
no_cost_passes_the_bound_of_its_list_bound(void **state)
{
	struct agreement a = none;
	int64_t list, most, cost, least;
	int i;

	(void)state;
	srand48(11);
	for (i = 0; i < 1000000; i++) {
		a.percent = i % 2 == 0 ? lrand48() % (PERCENT_ALL + 1) : 0;
		a.per_token.pico = i % 2 != 0 ? random_amount() % 1000000 : 0;
		most = random_amount();
		list = most > 0 ? random_amount() % (most + 1) : 0;
		cost = agreement_contracted(&a, (struct money){ list },
		    (uint64_t)random_amount() % 100000)
			   .nano;
		least =
		    agreement_contracted(&a, (struct money){ list / 2 }, 100000)
			.nano;
		assert_true(cost >= 0 && cost <= list);
		assert_true(
		    cost <= agreement_bound(&a, (struct money){ most }).nano);
		assert_true(least <= cost);
	}
}

static void
each_bound_is_that_of_a_list_cost(void **state)
{
	struct agreement a = none;
	struct money list, bound;
	int i;

	(void)state;
	srand48(5);
	for (i = 0; i < 10000; i++) {
		a.percent = lrand48() % (PERCENT_ALL - 1000000);
		bound.nano = random_amount() % (INT64_C(1) << 53);
		list = agreement_list_of(&a, bound);
		assert_int_equal(agreement_bound(&a, list).nano, bound.nano);
		assert_true(
		    list.nano == 0 ||
		    agreement_bound(&a, (struct money){ list.nano - 1 }).nano <
			bound.nano);
	}
	assert_int_equal(agreement_list_of(NULL, (struct money){ 7 }).nano, 7);
	a.percent = PERCENT_ALL;
	assert_int_equal(agreement_list_of(&a, (struct money){ 0 }).nano, 0);
}

static void
times_are_half_open(void **state)
{
	const struct period p = { 10, 20 }, open = { 10, 0 };

	(void)state;
	assert_false(period_has(&p, 9));
	assert_true(period_has(&p, 10));
	assert_true(period_has(&p, 19));
	assert_false(period_has(&p, 20));
	assert_true(period_has(&open, INT64_MAX));
	assert_true(period_apart(&p, &(struct period){ 20, 0 }));
	assert_true(period_apart(&open, &(struct period){ 1, 10 }));
	assert_false(period_apart(&p, &(struct period){ 19, 30 }));
	assert_false(period_apart(&open, &(struct period){ 15, 0 }));
	assert_false(period_apart(&open, &(struct period){ 1, 11 }));
}

static void
numbers_that_cannot_be_are_seen(void **state)
{
	struct agreement a = { .percent = PERCENT_ALL };
	struct share s = { .percent = PERCENT_ALL, .in = { 5, 6 } };

	(void)state;
	assert_true(agreement_sane(&a) && share_sane(&s));
	a.per_token.pico = 1;
	assert_false(agreement_sane(&a));
	a.percent = 0;
	assert_true(agreement_sane(&a));
	a.per_token.pico = -1;
	assert_false(agreement_sane(&a));
	a = (struct agreement){ .percent = -1 };
	assert_false(agreement_sane(&a));
	a = (struct agreement){ .percent = PERCENT_ALL + 1 };
	assert_false(agreement_sane(&a));
	a = (struct agreement){ .commitment = { -1 } };
	assert_false(agreement_sane(&a));
	a = (struct agreement){ .in_force = { -1, 0 } };
	assert_false(agreement_sane(&a));
	a = (struct agreement){ .commitment_in = { 5, 5 } };
	assert_false(agreement_sane(&a));
	s.cap.nano = -1;
	assert_false(share_sane(&s));
	s = (struct share){ .percent = PERCENT_ALL + 1 };
	assert_false(share_sane(&s));
	s = (struct share){ .in = { 6, 5 } };
	assert_false(share_sane(&s));
}

/* By how much accrued and earned change. */
static struct share_sum
post(int64_t cap, int64_t accrued, int64_t earned, int64_t base, int64_t at)
{
	const struct share s = { .percent = PERCENT_ALL / 10,
		.in = { 100, 200 } };
	struct share_sum sum = { { accrued }, { earned } };

	sum = share_post(&s, (struct money){ cap }, sum,
	    (struct money){ base > 0 ? base : 0 },
	    (struct money){ base < 0 ? -base : 0 }, at);
	sum.accrued.nano -= accrued;
	sum.earned.nano -= earned;
	return sum;
}

static void
a_share_stops_at_its_cap_its_dates_and_zero(void **state)
{
	static const struct {
		int64_t cap, accrued, earned, base, at, more, earns;
	} cases[] = {
		{ 1000, 0, 0, 500, 150, 50, 50 },
		{ 1000, 980, 980, 500, 150, 20, 50 },
		{ 1000, 1000, 1030, 500, 150, 0, 50 },
		{ 900, 1000, 1000, 500, 150, 0, 50 }, /* the cap was lowered */
		{ 2000, 1000, 1500, 500, 150, 50, 50 }, /* and raised */
		{ 1000, 0, 0, 500, 99, 0, 0 },
		{ 1000, 0, 0, 500, 200, 0, 0 },
		{ 1000, 100, 100, -500, 150, -50, -50 },
		{ 1000, 1000, 1030, -500, 150, -20, -50 },
		{ 1000, 1000, 1050, -500, 150, 0, -50 },
		{ 1000, 30, 30, -500, 150, -30, -30 },
		{ 1000, 0, 0, -500, 150, 0, 0 },
		{ 1000, 50, 50, -500, 250, 0, 0 },
		{ 1000, 0, 0, 5, 150, 0, 0 },
		{ 1000, 0, 0, 15, 150, 2, 2 },
		{ 1000, 9, 9, -15, 150, -2, -2 },
		{ INT64_MAX, 0, INT64_MAX - 9, 100, 150, 10, 9 },
		{ INT64_MAX, INT64_MAX - 5, INT64_MAX - 5, 100, 150, 5, 5 },
	};
	struct share_sum sum;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		sum = post(cases[i].cap, cases[i].accrued, cases[i].earned,
		    cases[i].base, cases[i].at);
		assert_int_equal(sum.accrued.nano, cases[i].more);
		assert_int_equal(sum.earned.nano, cases[i].earns);
	}
}

/* A million postings, up and down, inside and outside of the dates. */
static void
no_posting_breaks_what_a_share_promises(void **state)
{
	struct share s = { .in = { 100, 200 } };
	struct share_sum sum = { 0 }, was;
	int64_t cap = 0, at, base, old;
	int i, moved = 0, capped = 0;

	(void)state;
	srand48(7);
	for (i = 0; i < 1000000; i++) {
		if (i % 10000 == 0) {
			s.percent = lrand48() % (PERCENT_ALL + 1);
			cap = random_amount();
			sum = (struct share_sum){ 0 };
		}
		at = 50 + lrand48() % 200;
		base = random_amount();
		old = lrand48() % 4 == 0 ? random_amount() : 0;
		was = sum;
		sum = share_post(&s, (struct money){ cap }, sum,
		    (struct money){ base }, (struct money){ old }, at);
		assert_true(sum.accrued.nano >= 0 && sum.accrued.nano <= cap);
		assert_true(sum.accrued.nano ==
			    (cap < sum.earned.nano ? cap : sum.earned.nano));
		assert_true((at >= 100 && at < 200) ||
			    (sum.accrued.nano == was.accrued.nano &&
				sum.earned.nano == was.earned.nano));
		moved += sum.earned.nano != was.earned.nano;
		capped += sum.accrued.nano == cap;
	}
	assert_true(moved > 100000 && capped > 10000);
}

/* What stands in the end does not hang on the order of corrections. */
static void
a_correction_takes_back_what_the_cap_cut_off_first(void **state)
{
	const struct share s = { .percent = PERCENT_ALL };
	const struct money cap = { 100 };
	static const int64_t base[] = { 60, 90, -90, 20, 70, -70 };
	static const int64_t want[] = { 60, 100, 60, 80, 100, 80 };
	struct share_sum sum = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(base); i++) {
		sum = share_post(&s, cap, sum,
		    (struct money){ base[i] > 0 ? base[i] : 0 },
		    (struct money){ base[i] < 0 ? -base[i] : 0 }, 1);
		assert_int_equal(sum.accrued.nano, want[i]);
	}
}

/* However often it is corrected, a call has earned what its cost makes. */
static void
corrections_leave_no_rounding_behind(void **state)
{
	const struct share s = { .percent = PERCENT_ALL / 2 };
	const struct money cap = { 1000 };
	static const int64_t cost[] = { 3, 2, 0, 3, 2, 0, 3, 1, 5, 3, 0 };
	struct share_sum sum = { { 20 }, { 20 } };
	int64_t was = 0;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cost); i++) {
		sum = share_post(&s, cap, sum, (struct money){ cost[i] },
		    (struct money){ was }, 1);
		was = cost[i];
		/* Half to even. */
		assert_int_equal(
		    sum.accrued.nano, 20 + cost[i] / 2 + (cost[i] % 4 == 3));
		assert_int_equal(sum.earned.nano, sum.accrued.nano);
	}
}

static void
accounts_of_pledges_do_not_meet(void **state)
{
	const uint64_t a = agreement_account(S("a"), PLEDGE_COMMITMENT, S(""));
	const uint64_t b = agreement_account(S("a"), PLEDGE_SHARE, S(""));
	const uint64_t c = agreement_account(S("a"), PLEDGE_SHARE, S("x"));

	(void)state;
	assert_true(a != b && b != c && a != c);
	assert_true(a >> 63 == 1 && b >> 63 == 1 && c >> 63 == 1);
	assert_true(a == agreement_account(S("a"), PLEDGE_COMMITMENT, S("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentages_are_read_exactly),
		cmocka_unit_test(
		    a_percentage_is_taken_off_and_rounded_half_to_even),
		cmocka_unit_test(
		    an_amount_per_token_never_makes_a_cost_negative),
		cmocka_unit_test(without_an_agreement_the_list_cost_holds),
		cmocka_unit_test(no_cost_passes_the_bound_of_its_list_bound),
		cmocka_unit_test(each_bound_is_that_of_a_list_cost),
		cmocka_unit_test(times_are_half_open),
		cmocka_unit_test(numbers_that_cannot_be_are_seen),
		cmocka_unit_test(a_share_stops_at_its_cap_its_dates_and_zero),
		cmocka_unit_test(no_posting_breaks_what_a_share_promises),
		cmocka_unit_test(
		    a_correction_takes_back_what_the_cap_cut_off_first),
		cmocka_unit_test(corrections_leave_no_rounding_behind),
		cmocka_unit_test(accounts_of_pledges_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
