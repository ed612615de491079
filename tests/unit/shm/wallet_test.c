#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "shm/wallet.h"

struct pair {
	int write_fd, read_fd;
	struct wallet courier, worker;
};

static struct pair
open_pair(void)
{
	struct pair p;

	assert_true(wallet_create(&p.write_fd, &p.read_fd));
	assert_true(wallet_map(p.write_fd, true, &p.courier));
	assert_true(wallet_map(p.read_fd, false, &p.worker));
	return p;
}

static void
close_pair(struct pair *p)
{
	wallet_unmap(&p->courier);
	wallet_unmap(&p->worker);
	close(p->write_fd);
	close(p->read_fd);
}

static unsigned
put(struct pair *p, uint64_t id, struct slice token, int64_t expires_ns)
{
	const struct wallet_pass pass = { .kind = PASS_BEARER,
		.expires_ns = expires_ns,
		.skew_ns = -7,
		.part = { token, S("b"), S("") } };
	const int row = wallet_row(&p->courier, id);
	uint32_t version;

	assert_true(row >= 0);
	assert_true(
	    wallet_put(&p->courier, (unsigned)row, id, &pass, &version));
	return (unsigned)row;
}

static void
a_worker_finds_what_the_courier_put_until_it_expires(void **state)
{
	struct pair p = open_pair();
	const struct wallet_pass *got;
	unsigned row;

	(void)state;
	assert_null(wallet_find(&p.worker, 77, 0));
	row = put(&p, 77, S("Bearer one"), 100);
	got = wallet_find(&p.worker, 77, 99);
	assert_non_null(got);
	assert_true(slice_eq(got->part[0], S("Bearer one")));
	assert_true(slice_eq(got->part[1], S("b")));
	assert_int_equal(got->part[2].len, 0);
	assert_int_equal(got->skew_ns, -7);
	assert_int_equal(got->row, row);
	assert_null(wallet_find(&p.worker, 77, 100));
	assert_int_equal(put(&p, 77, S("2"), 200), row);
	got = wallet_find(&p.worker, 77, 150);
	assert_true(slice_eq(got->part[0], S("2")));
	close_pair(&p);
}

/* Ids that want the same row; one of them goes. */
static void
rows_that_meet_are_all_found(void **state)
{
	struct pair p = open_pair();
	uint64_t id;
	int a, b;

	(void)state;
	a = wallet_row(&p.courier, 5);
	b = wallet_row(&p.courier, 5 + WALLET_ROWS);
	assert_int_not_equal(a, b);
	assert_null(wallet_find(&p.worker, 5, 0));
	/* The second is found although the first has nothing yet. */
	put(&p, 5 + WALLET_ROWS, S("second"), 9);
	assert_non_null(wallet_find(&p.worker, 5 + WALLET_ROWS, 0));
	put(&p, 5, S("first"), 9);
	assert_true(
	    slice_eq(wallet_find(&p.worker, 5, 0)->part[0], S("first")));
	wallet_drop(&p.courier, (unsigned)a);
	assert_null(wallet_find(&p.worker, 5, 0));
	assert_non_null(wallet_find(&p.worker, 5 + WALLET_ROWS, 0));
	for (id = 1000; id < 1000 + WALLET_ROWS - 1; id++)
		put(&p, id, S("x"), 9);
	assert_int_equal(wallet_row(&p.courier, 9999), -1);
	close_pair(&p);
}

static void
what_does_not_fit_is_refused_and_the_old_one_stays(void **state)
{
	static char large[WALLET_ROOM + 1];
	struct pair p = open_pair();
	struct wallet_pass pass = { .kind = PASS_BEARER, .expires_ns = 9 };
	unsigned row = put(&p, 3, S("old"), 9);
	uint32_t version;

	(void)state;
	memset(large, 'a', sizeof(large));
	pass.part[0] = (struct slice){ large, sizeof(large) };
	assert_false(wallet_put(&p.courier, row, 3, &pass, &version));
	assert_true(slice_eq(wallet_find(&p.worker, 3, 0)->part[0], S("old")));
	pass.part[0].len = WALLET_ROOM;
	assert_true(wallet_put(&p.courier, row, 3, &pass, &version));
	assert_int_equal(
	    wallet_find(&p.worker, 3, 0)->part[0].len, WALLET_ROOM);
	close_pair(&p);
}

/* A courier that was killed in the middle of a write: readers keep what they
 * have, and see nothing of the next write before it is done. */
static void
a_write_that_was_cut_short_is_never_read(void **state)
{
	struct pair p = open_pair();
	const unsigned row = put(&p, 3, S("whole"), 9);
	_Atomic uint32_t *version =
	    (void *)(p.courier.base + row * 16 * 1024 + 8);
	const uint32_t was = atomic_load(version);

	(void)state;
	assert_int_equal(was % 2, 0);
	assert_non_null(wallet_find(&p.worker, 3, 0));
	atomic_store(version, was + 1);
	assert_true(
	    slice_eq(wallet_find(&p.worker, 3, 0)->part[0], S("whole")));
	put(&p, 3, S("next"), 9);
	assert_int_equal(atomic_load(version), was + 2);
	assert_true(slice_eq(wallet_find(&p.worker, 3, 0)->part[0], S("next")));
	close_pair(&p);
}

static void
a_worker_can_map_it_only_to_read(void **state)
{
	struct pair p = open_pair();

	(void)state;
	assert_ptr_equal(
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, p.read_fd, 0),
	    MAP_FAILED);
	close_pair(&p);
}

/* What was there is nowhere in the memory any more. */
static void
what_is_dropped_or_replaced_is_wiped(void **state)
{
	static const char secret[] = "a-long-secret-that-must-go-away";
	struct pair p = open_pair();
	const size_t all = (size_t)WALLET_ROWS * 16 * 1024;
	unsigned row;

	(void)state;
	put(&p, 3, slice_of(secret), 9);
	assert_non_null(memmem(p.courier.base, all, secret + 8, 20));
	row = put(&p, 3, S("b"), 9);
	assert_null(memmem(p.courier.base, all, secret + 8, 20));
	put(&p, 3, slice_of(secret), 9);
	wallet_drop(&p.courier, row);
	assert_null(memmem(p.courier.base, all, secret, 8));
	close_pair(&p);
}

/* --- one writes, one reads ------------------------------------------------ */

static _Atomic bool stop;

static void *
scribble(void *arg)
{
	static char text[2][4001];
	struct pair *p = arg;
	unsigned i;

	for (i = 0; i < 2; i++)
		memset(text[i], 'a' + (int)i, sizeof(text[i]));
	for (i = 0; !stop; i++) {
		put(p, 3, (struct slice){ text[i % 2], 4000 + i % 2 }, 9);
		usleep(50);
	}
	return NULL;
}

static void
a_reader_never_sees_halves(void **state)
{
	struct pair p = open_pair();
	const struct wallet_pass *got;
	pthread_t writer;
	const int64_t until = clock_mono_ns() + 60 * NS_PER_S;
	size_t k, changes = 0;
	char last = 0;

	(void)state;
	put(&p, 3, S("a"), 9);
	assert_non_null(wallet_find(&p.worker, 3, 0));
	assert_int_equal(pthread_create(&writer, NULL, scribble, &p), 0);
	/* The writer's thread may come late on a busy machine. */
	while (changes < 200 && clock_mono_ns() < until) {
		got = wallet_find(&p.worker, 3, 0);
		assert_non_null(got);
		for (k = 1; k < got->part[0].len; k++)
			assert_true(got->part[0].p[k] == got->part[0].p[0]);
		changes += got->part[0].p[0] != last;
		last = got->part[0].p[0];
	}
	stop = true;
	pthread_join(writer, NULL);
	assert_int_equal(changes, 200);
	close_pair(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_worker_finds_what_the_courier_put_until_it_expires),
		cmocka_unit_test(rows_that_meet_are_all_found),
		cmocka_unit_test(
		    what_does_not_fit_is_refused_and_the_old_one_stays),
		cmocka_unit_test(a_write_that_was_cut_short_is_never_read),
		cmocka_unit_test(a_worker_can_map_it_only_to_read),
		cmocka_unit_test(what_is_dropped_or_replaced_is_wiped),
		cmocka_unit_test(a_reader_never_sees_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
