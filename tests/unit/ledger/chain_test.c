#include "../shm/table.h"

#include "ledger/account.h"
#include "ledger/chain.h"
#include "shm/limit.h"
#include "shm/subject.h"

static struct shm m;
static struct shm_key key;
static int32_t accounts[8];

static uint32_t
subject(uint64_t id, enum subject_kind kind)
{
	const uint32_t row = subject_set(&m, UINT32_MAX, id, kind, id + 100);

	assert_int_not_equal(row, UINT32_MAX);
	return row;
}

static int
fresh(void **state)
{
	unsigned i;

	(void)state;
	m = table_new(1);
	key = (struct shm_key){ .nsubjects = 0 };
	for (i = 0; i < 8; i++)
		accounts[i] = (int32_t)account_append(
		    &m, i + 1, i == 7 ? 0 : (uint32_t)ACCOUNT_HARD);
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	table_free(&m);
	return 0;
}

static void
it_goes_from_leaf_to_root_and_names_nobody_twice(void **state)
{
	const uint32_t k = subject(1, SUBJECT_KEY),
		       t = subject(2, SUBJECT_TEAM),
		       o = subject(3, SUBJECT_ORG), g = subject(4, SUBJECT_TAG);
	const int32_t tag = (int32_t)g;
	struct chain c;

	(void)state;
	subject_set_budgets(&m, k, &accounts[0], 2);
	subject_set_budgets(&m, t, &accounts[2], 1);
	subject_set_budgets(&m, o, &accounts[1], 3);
	subject_set_budgets(&m, g, &accounts[7], 1);
	key.nsubjects = 3;
	key.subject[0] = (int32_t)k;
	key.subject[1] = (int32_t)t;
	key.subject[2] = (int32_t)o;
	assert_true(chain_gather(&m, &key, NULL, 0, &c));
	assert_int_equal(c.naccounts, 4);
	assert_int_equal(c.account[0], accounts[0]);
	assert_int_equal(c.account[3], accounts[3]);
	assert_true(c.hard);
	assert_true(chain_gather(&m, &key, &tag, 1, &c));
	assert_int_equal(c.naccounts, 5);
	assert_int_equal(subject_tag(&m, 104), tag);
	assert_int_equal(subject_tag(&m, 103), -1); /* an org */
}

static void
only_accounts_that_refuse_make_it_hard(void **state)
{
	const uint32_t k = subject(1, SUBJECT_KEY);
	struct chain c;

	(void)state;
	key.nsubjects = 1;
	key.subject[0] = (int32_t)k;
	assert_true(chain_gather(&m, &key, NULL, 0, &c));
	assert_int_equal(c.naccounts, 0);
	subject_set_budgets(&m, k, &accounts[7], 1);
	assert_true(chain_gather(&m, &key, NULL, 0, &c));
	assert_int_equal(c.naccounts, 1);
	assert_false(c.hard);
	/* One that was closed binds nobody. */
	subject_set_budgets(&m, k, &accounts[6], 1);
	account_flags(&m, (uint32_t)accounts[6], ACCOUNT_HARD | ACCOUNT_CLOSED);
	assert_true(chain_gather(&m, &key, NULL, 0, &c));
	assert_int_equal(c.naccounts, 0);
}

static void
a_limit_on_what_a_call_may_cost_makes_it_hard(void **state)
{
	const uint32_t k = subject(1, SUBJECT_KEY);
	struct limit_spec spec = {
		.id = 5, .kind = LIMIT_CONCURRENCY, .amount = 1
	};
	struct chain c;
	int32_t row = (int32_t)limit_set(&m, UINT32_MAX, &spec);

	(void)state;
	key.nsubjects = 1;
	key.subject[0] = (int32_t)k;
	subject_set_limits(&m, k, &row, 1);
	assert_true(chain_gather(&m, &key, NULL, 0, &c));
	assert_false(c.hard);
	spec.kind = LIMIT_COST_PER_CALL;
	assert_int_equal(limit_set(&m, (uint32_t)row, &spec), row);
	assert_true(chain_gather(&m, &key, NULL, 0, &c));
	assert_true(c.hard);
}

static void
what_cannot_be_carried_or_read_does_not_pass(void **state)
{
	const uint32_t k = subject(1, SUBJECT_KEY);
	int32_t rows[SUBJECT_BUDGETS], one = 99;
	struct chain c;
	unsigned i, j;

	(void)state;
	key.nsubjects = 1;
	key.subject[0] = 55;
	assert_false(chain_gather(&m, &key, NULL, 0, &c));
	key.subject[0] = (int32_t)k;
	subject_set_budgets(&m, k, &one, 1);
	assert_false(chain_gather(&m, &key, NULL, 0, &c));
	subject_set_budgets(&m, k, NULL, 0);
	subject_set_limits(&m, k, &one, 1);
	assert_false(chain_gather(&m, &key, NULL, 0, &c));
	subject_set_limits(&m, k, NULL, 0);
	table_free(&m);
	m = table_new(1);
	/* 8 accounts are all that this table has: they fit. */
	for (i = 0; i < 8; i++)
		rows[i] = (int32_t)account_append(&m, i + 1, ACCOUNT_HARD);
	for (j = 0; j < 3; j++) {
		key.subject[j] = (int32_t)subject(j + 1, SUBJECT_TAG);
		subject_set_budgets(&m, (uint32_t)key.subject[j], rows, 8);
	}
	key.nsubjects = 3;
	assert_true(chain_gather(&m, &key, NULL, 0, &c));
	assert_int_equal(c.naccounts, 8);
}

static void
a_change_that_was_never_finished_is_no_change(void **state)
{
	const uint32_t k = subject(1, SUBJECT_KEY);
	struct subject_lists s;

	(void)state;
	subject_set_budgets(&m, k, accounts, 2);
	atomic_fetch_add(&m.subjects[k].version, 1);
	assert_false(subject_read(&m, (int32_t)k, &s));
	/* Its successor sets the list again. */
	subject_set_budgets(&m, k, accounts, 1);
	assert_true(subject_read(&m, (int32_t)k, &s));
	assert_int_equal(s.nbudgets, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, stale)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_goes_from_leaf_to_root_and_names_nobody_twice),
		CASE(only_accounts_that_refuse_make_it_hard),
		CASE(a_limit_on_what_a_call_may_cost_makes_it_hard),
		CASE(what_cannot_be_carried_or_read_does_not_pass),
		CASE(a_change_that_was_never_finished_is_no_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
