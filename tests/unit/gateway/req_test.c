/*
 * The table of stages is the subject: these are the laws of money over it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/req.h"

#define BIT(s) (1u << STAGE_##s)

/* Every stage reachable from `from` without passing through `wall`. */
static unsigned
reach(unsigned from, unsigned wall)
{
	unsigned seen = 0, todo = stage_successors(from), s;

	while (todo != 0) {
		s = (unsigned)__builtin_ctz(todo);
		todo &= todo - 1;
		if (seen & (1u << s))
			continue;
		seen |= 1u << s;
		if (!(wall & (1u << s)) && s != STAGE_DONE)
			todo |= stage_successors(s) & ~seen;
	}
	return seen;
}

static void
money_held_is_always_settled(void **state)
{
	const unsigned outside =
	    BIT(ROUTE) | BIT(REFUSE) | BIT(RECORD) | BIT(LOCAL) | BIT(DONE);
	const enum stage held[] = { STAGE_TRANSLATE, STAGE_SEND, STAGE_RELAY };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(held); i++) {
		assert_int_equal(
		    reach(held[i], BIT(SETTLE)) & outside & ~BIT(SETTLE), 0);
		assert_true(reach(held[i], 0) & BIT(SETTLE));
	}
}

static void
every_request_leaves_one_outcome(void **state)
{
	unsigned i;

	(void)state;
	assert_int_equal(reach(STAGE_PARSE, BIT(RECORD)) & BIT(DONE), 0);
	assert_int_equal(stage_successors(STAGE_RECORD), BIT(DONE));
	for (i = 0; i < STAGE_RECORD; i++)
		assert_true(reach(i, 0) & BIT(RECORD));
}

static void
only_settle_and_a_downgrade_go_back(void **state)
{
	unsigned i, back;

	(void)state;
	for (i = 0; i < STAGE_MAX - 1; i++) {
		back = stage_successors(i) & ((1u << i) - 1);
		assert_int_equal(back,
		    i == STAGE_SETTLE || i == STAGE_ADMIT ? BIT(ROUTE) : 0);
	}
}

static void
only_admission_opens_an_attempt(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < STAGE_MAX - 1; i++)
		assert_int_equal((stage_successors(i) & BIT(TRANSLATE)) != 0,
		    i == STAGE_ADMIT);
}

static void
stages_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(stage_name(STAGE_PARSE), "parse");
	assert_string_equal(stage_name(STAGE_RECORD), "record");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(money_held_is_always_settled),
		cmocka_unit_test(every_request_leaves_one_outcome),
		cmocka_unit_test(only_settle_and_a_downgrade_go_back),
		cmocka_unit_test(only_admission_opens_an_attempt),
		cmocka_unit_test(stages_have_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
