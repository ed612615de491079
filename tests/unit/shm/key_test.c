#include "table.h"

#include <signal.h>
#include <sys/mman.h>

#include "shm/key.h"

static struct shm_key
row(uint64_t id)
{
	struct shm_key k = { .nmodels = 2,
		.expires_ns = 1000,
		.principal = id + 1,
		.models = { 11, 22 } };

	atomic_store(&k.id, id);
	k.nsubjects = 1;
	k.subject[0] = 4;
	memset(k.secret_sha256, (int)id, sizeof(k.secret_sha256));
	return k;
}

static void
a_published_key_is_found_with_all_it_may(void **state)
{
	struct shm m = table_new(1);
	const struct shm_key k = row(5), *f;

	(void)state;
	assert_null(key_find(&m, 5));
	assert_true(key_publish(&m, &k));
	f = key_find(&m, 5);
	assert_non_null(f);
	assert_int_equal(f->principal, 6);
	assert_int_equal(f->nsubjects, 1);
	assert_int_equal(f->subject[0], 4);
	assert_memory_equal(f->secret_sha256, k.secret_sha256, 32);
	assert_true(key_live(f, 999));
	assert_false(key_live(f, 1000));
	assert_true(key_may_use(f, 22));
	assert_false(key_may_use(f, 33));
	assert_null(key_find(&m, 6));
	assert_null(key_find(&m, 0));
	table_free(&m);
}

static void
a_key_without_models_may_use_all_and_without_expiry_lives(void **state)
{
	struct shm m = table_new(1);
	struct shm_key k = row(5);

	(void)state;
	k.nmodels = 0;
	k.expires_ns = 0;
	assert_true(key_publish(&m, &k));
	assert_true(key_may_use(key_find(&m, 5), 33));
	assert_true(key_live(key_find(&m, 5), INT64_MAX));
	table_free(&m);
}

static void
the_table_fills_to_seven_eighths_and_keeps_everyone(void **state)
{
	struct shm m = table_new(1);
	struct shm_key k;
	uint64_t i;

	(void)state;
	for (i = 1; i <= 14; i++) {
		k = row(i * 16);
		assert_true(key_publish(&m, &k));
	}
	k = row(999);
	assert_false(key_publish(&m, &k));
	for (i = 1; i <= 14; i++)
		assert_non_null(key_find(&m, i * 16));
	assert_null(key_find(&m, 999));
	table_free(&m);
}

static void
a_revoked_key_stays_revoked(void **state)
{
	struct shm m = table_new(1);
	struct shm_key k = row(5);

	(void)state;
	assert_false(key_revoke(&m, 5));
	assert_true(key_publish(&m, &k));
	assert_true(key_revoke(&m, 5));
	assert_true(key_revoke(&m, 5));
	assert_false(key_live(key_find(&m, 5), 1));
	assert_true(key_publish(&m, &k));
	assert_false(key_live(key_find(&m, 5), 1));
	k.nmodels = 0;
	assert_true(key_publish(&m, &k));
	assert_false(key_live(key_find(&m, 5), 1));
	table_free(&m);
}

static void
a_change_replaces_the_row_and_readers_of_the_old_one_are_not_torn(void **state)
{
	struct shm m = table_new(1);
	struct shm_key k = row(5);
	const struct shm_key *old, *now;

	(void)state;
	assert_true(key_publish(&m, &k));
	old = key_find(&m, 5);
	assert_true(key_publish(&m, &k));
	assert_ptr_equal(key_find(&m, 5), old);
	k.subject[0] = 6;
	k.models[0] = 99;
	assert_true(key_publish(&m, &k));
	now = key_find(&m, 5);
	assert_ptr_not_equal(now, old);
	assert_true(key_may_use(now, 99));
	assert_int_equal(now->subject[0], 6);
	assert_int_equal(old->subject[0], 4);
	assert_true(key_may_use(old, 11));
	assert_false(key_live(old, 1));
	table_free(&m);
}

static struct {
	struct shm *m;
	void *page;
	int stops, live;
} watch;

/* The old row is about to be written: its successor is in its place. */
static void
on_write(int signal)
{
	(void)signal;
	watch.stops++;
	watch.live += key_live(key_find(watch.m, 5), 0);
	if (mprotect(watch.page, 4096, PROT_READ | PROT_WRITE) != 0)
		_exit(1);
}

/* The books may not know yet, and say it anew with another word. */
static void
a_revoked_key_is_live_at_no_instant(void **state)
{
	const struct shm_sizes sizes = { .slots = 1,
		.accounts = 1,
		.keys = 128,
		.breakers = 1,
		.holds = 1,
		.subjects = 1,
		.limits = 1,
		.ring_bytes = 4096 };
	const struct sigaction watches = { .sa_handler = on_write };
	struct sigaction was;
	struct shm_key k;
	struct shm m;
	uint64_t i;

	(void)state;
	assert_int_equal(shm_create(&sizes, 7, 3, &m), FAULT_NONE);
	for (i = 100; i < 200; i++) { /* pages of rows on both sides of it */
		k = row(i == 150 ? 5 : i);
		assert_true(key_publish(&m, &k));
	}
	assert_true(key_revoke(&m, 5));
	watch.m = &m;
	watch.page =
	    (char *)m.base +
	    ((const char *)key_find(&m, 5) - (char *)m.base) / 4096 * 4096;
	assert_int_equal(sigaction(SIGSEGV, &watches, &was), 0);
	assert_int_equal(mprotect(watch.page, 4096, PROT_READ), 0);
	k = row(5);
	k.principal++;
	assert_true(key_publish(&m, &k));
	assert_int_equal(sigaction(SIGSEGV, &was, NULL), 0);
	assert_int_equal(watch.stops, 1);
	assert_int_equal(watch.live, 0);
	assert_true(key_revoked(&m, 5));
	table_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_published_key_is_found_with_all_it_may),
		cmocka_unit_test(
		    a_key_without_models_may_use_all_and_without_expiry_lives),
		cmocka_unit_test(
		    the_table_fills_to_seven_eighths_and_keeps_everyone),
		cmocka_unit_test(a_revoked_key_stays_revoked),
		cmocka_unit_test(
		    a_change_replaces_the_row_and_readers_of_the_old_one_are_not_torn),
		cmocka_unit_test(a_revoked_key_is_live_at_no_instant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
