#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "books/agreement.h"
#include "books/verify.h"
#include "journal/segment.h"

#define DAY_NS (INT64_C(86400) * NS_PER_S)
#define UNIT INT64_C(1000000000)

enum { YEAR = 364, FIRST = 20000 /* days since 1970 */ };

static int64_t burn[YEAR];

/* Weeks with quiet ends, a tenth of noise, another level from `change` on. */
static void
make_year(unsigned seed, unsigned change, int64_t then)
{
	static const int64_t week[] = { 120, 125, 130, 125, 110, 50, 40 };
	int64_t level;
	unsigned i;

	srand48(seed);
	for (i = 0; i < YEAR; i++) {
		level = i < change ? 1000 : then;
		burn[i] = level * UNIT / 100 * week[(FIRST + 3 + i) % 7] /
			  1000 * (900 + lrand48() % 201);
	}
}

static struct commitment_view
look_at(int64_t amount, unsigned n)
{
	struct commitment_view c = { .amount = { amount * UNIT },
		.in = { FIRST * DAY_NS, (FIRST + YEAR) * DAY_NS } };
	struct money before = { 0 }, today = { 0 };
	unsigned i;

	for (i = 0; i < n; i++)
		before.nano += burn[i];
	if (n < YEAR)
		today.nano = burn[n] / 2;
	agreement_look(
	    &c, burn, n, before, today, (FIRST + n) * DAY_NS + DAY_NS / 2);
	return c;
}

/* The first day of the year on which it warns; YEAR: never. */
static unsigned
first_alert(int64_t amount, enum commitment_alert alert, unsigned *other)
{
	struct commitment_view c;
	unsigned n, first = YEAR;

	*other = 0;
	for (n = 0; n < YEAR; n++) {
		c = look_at(amount, n);
		if (c.alert == alert && first == YEAR)
			first = n;
		else if (c.alert != ALERT_NONE && c.alert != alert)
			(*other)++;
	}
	return first;
}

/* 52 weeks of 7,000: on the way, until half a year in less is burned. */
static void
a_shortfall_is_seen_in_time(void **state)
{
	unsigned seed, first, other;
	struct commitment_view c;

	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		make_year(seed, 240, 600);
		first = first_alert(364000, ALERT_SHORTFALL, &other);
		print_message("planted on day 240, seen on day %u\n", first);
		assert_true(first >= 240 && first <= YEAR - 14);
		assert_true(first - 240 <= 28);
		c = look_at(364000, first);
		assert_int_equal(c.alert_days, YEAR - first);
		c = look_at(364000, YEAR - 14);
		assert_true(c.alert == ALERT_SHORTFALL && c.alert_sure);
	}
}

static void
an_early_end_is_seen_in_time(void **state)
{
	struct commitment_view c;
	unsigned seed, first, other, gone;
	int64_t left;

	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		make_year(seed, 150, 1500);
		left = 364000 * UNIT;
		for (gone = 0; left > 0; gone++)
			left -= burn[gone];
		first = first_alert(364000, ALERT_EXHAUSTION, &other);
		print_message("gone on day %u, seen on day %u\n", gone, first);
		assert_true(first >= 150 && first + 14 <= gone);
		c = look_at(364000, gone - 14);
		assert_true(c.exhausted_ns[FORECAST_P10] <=
			    (FIRST + gone + 1) * DAY_NS);
		assert_true(c.exhausted_ns[FORECAST_P90] >=
			    (FIRST + gone - 1) * DAY_NS);
	}
}

static void
what_goes_as_agreed_is_left_alone(void **state)
{
	unsigned seed, n;

	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		make_year(seed, YEAR, 0);
		for (n = 56; n < YEAR; n++)
			assert_true(look_at(364000, n).alert == ALERT_NONE);
	}
}

static void
sums_add_up_at_any_time(void **state)
{
	struct commitment_view c;
	int64_t sum = 0;
	unsigned n;

	(void)state;
	make_year(1, YEAR, 0);
	for (n = 0; n < YEAR; n++) {
		c = look_at(364000, n);
		assert_int_equal(c.burned.nano, sum + burn[n] / 2);
		assert_int_equal(c.days, n);
		assert_true(c.forecast == (n >= FORECAST_DAYS_LEAST &&
					      c.burned.nano < c.amount.nano));
		assert_false(c.ended);
		if (c.forecast)
			assert_true(c.end_balance[FORECAST_P10] <=
					c.end_balance[FORECAST_P50] &&
				    c.end_balance[FORECAST_P50] <=
					c.end_balance[FORECAST_P90] &&
				    c.end_balance[FORECAST_P90] <=
					c.amount.nano - c.burned.nano);
		sum += burn[n];
	}
	c = look_at(364000, YEAR);
	assert_true(c.ended && !c.forecast && c.alert == ALERT_NONE);
	c = look_at(100, 200);
	assert_true(!c.forecast && c.burned.nano > c.amount.nano);
}

/* --- logs that lie ------------------------------------------------------ */

struct lie {
	const char *what; /* NULL: the truth */
	int64_t hold, contracted, effective;
	uint64_t said, billed; /* agreements of intent and outcome */
};

static void
append(struct log *log, const char *frame, size_t len)
{
	assert_true(len > 0);
	log_append(log, (struct slice){ frame, len });
}

/* Half off, for whoever came in after 1970. */
static void
append_generation(struct log *log, const struct journal_name *j)
{
	static struct deployment_row d = { .id = S_INIT("d"),
		.model = S_INIT("m"),
		.provider = S_INIT("p"),
		.model_hash = 1 };
	static struct price_row p = { .price = {
					  .id = 3, .per_request = { 100 } } };
	static struct agreement_row a = {
		.terms = { .id = 7, .percent = PERCENT_ALL / 2 },
		.name = S_INIT("a"),
		.provider = S_INIT("p"),
	};
	const struct generation g = { .generation = 5,
		.wall_ns = 1,
		.ndeployments = 1,
		.deployments = &d,
		.nprices = 1,
		.prices = &p,
		.nagreements = 1,
		.agreements = &a };
	struct buf b = { 0 };

	assert_true(frame_generation(j, 2, &g, &b));
	log_append(log, buf_slice(&b));
	buf_fini(&b);
}

static void
append_call(struct log *log, const struct journal_name *j, const struct lie *l)
{
	const struct reqid id = { { 1, 2, 3, 4, 5, 6 } };
	const struct intent i = { .req = id,
		.attempt = 1,
		.wall_ns = 2,
		.generation = 5,
		.price = 3,
		.hold = l->hold,
		.list = 120,
		.agreement = l->said };
	const struct outcome o = { .req = id,
		.attempt = 1,
		.wall_ns = 3,
		.generation = 5,
		.price = 3,
		.hold = l->hold,
		.resolution = RESOLUTION_BOOKED,
		.sent = true,
		.list = 100,
		.contracted = l->contracted,
		.effective = l->effective,
		.agreement = l->billed };
	const struct final f = { .req = id, .wall_ns = 4, .attempts = 1 };
	char buf[FRAME_MAX_RING];

	append(log, buf, frame_intent(j, 3, &i, buf, sizeof(buf)));
	append(log, buf, frame_outcome(j, 4, &o, buf, sizeof(buf)));
	append(log, buf, frame_final(j, 5, &f, buf, sizeof(buf)));
}

static bool
verifies(const struct lie *l, struct buf *said)
{
	const struct journal_name j = { 1, 1, 1, 1 };
	const struct opening open = { .wall_ns = 1 };
	char dir[64] = "/tmp/kontor-agreement-XXXXXX", path[80], buf[512];
	uint64_t torn, lost;
	struct log *log;
	bool good;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(
	    log_open(&(struct log_conf){ .dir = path, .node = 1, .boot = 1 },
		&log, &torn, &lost),
	    FAULT_NONE);
	append(log, buf, frame_opening(&j, 1, &open, buf, sizeof(buf)));
	append_generation(log, &j);
	append_call(log, &j, l);
	assert_int_equal(log_flush(log), FAULT_NONE);
	log_close(&log);
	buf_clear(said);
	assert_int_equal(ledger_verify(dir, false, said, &good), FAULT_NONE);
	(void)snprintf(buf, sizeof(buf), "rm -rf %s", dir);
	assert_int_equal(system(buf), 0);
	return good;
}

static void
a_log_that_lies_about_an_agreement_is_found(void **state)
{
	static const struct lie lies[] = {
		{ NULL, 60, 50, 50, 7, 7 },
		{ "its contracted cost is not what", 60, 51, 51, 7, 7 },
		{ "its contracted cost is not what", 60, 100, 100, 7, 7 },
		{ "its effective cost is not", 60, 50, 49, 7, 7 },
		{ "its agreement is not its intent's", 60, 50, 50, 7, 0 },
		{ "its agreement is not the one in force", 60, 50, 50, 0, 0 },
		{ "its agreement is not the one in force", 60, 50, 50, 8, 8 },
		{ "its hold is not what its agreement says", 61, 50, 50, 7, 7 },
	};
	struct buf said = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(lies); i++) {
		const bool good = verifies(&lies[i], &said);

		if (good != (lies[i].what == NULL) ||
		    (!good && strstr(buf_cstr(&said), lies[i].what) == NULL))
			fail_msg("%zu: %s", i, buf_cstr(&said));
	}
	buf_fini(&said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shortfall_is_seen_in_time),
		cmocka_unit_test(an_early_end_is_seen_in_time),
		cmocka_unit_test(what_goes_as_agreed_is_left_alone),
		cmocka_unit_test(sums_add_up_at_any_time),
		cmocka_unit_test(a_log_that_lies_about_an_agreement_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
