/* slab_test.c - pieces that come in crowds, and chunks that go */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/slab.h"

enum { SIZE = 2100, MANY = 1000 };

static unsigned char *piece[MANY];

static void
take(struct slab *s, size_t from, size_t to)
{
	for (; from < to; from++) {
		piece[from] = slab_new(s);
		assert_int_equal((uintptr_t)piece[from] % 16, 0);
		memset(piece[from], (int)(from & 0xff), SIZE);
	}
}

static void
give(struct slab *s, size_t from, size_t to)
{
	size_t i;

	for (; from < to; from++) {
		for (i = 0; i < SIZE; i++)
			assert_int_equal(piece[from][i], from & 0xff);
		slab_free(s, piece[from]);
	}
}

static void
pieces_are_apart_and_used_again(void **state)
{
	struct slab s;
	size_t chunks;

	(void)state;
	slab_init(&s, SIZE);
	assert_int_equal(slab_used(&s), 0);
	take(&s, 0, MANY);
	assert_int_equal(s.nempty, 0);
	assert_in_range(slab_used(&s), MANY * SIZE, MANY * SIZE * 11 / 10);
	give(&s, 100, 900);
	chunks = s.nempty;
	assert_true(chunks > 20);
	take(&s, 100, 900);
	assert_int_equal(s.nempty, 0);
	give(&s, 0, MANY);
	assert_true(s.nempty > chunks);
	assert_int_equal(slab_used(&s), 0);
	slab_fini(&s);
	assert_null(s.empty);
}

static void
what_nobody_needed_goes(void **state)
{
	struct slab s;
	size_t chunks;

	(void)state;
	slab_init(&s, SIZE);
	take(&s, 0, MANY);
	give(&s, 0, MANY);
	chunks = s.nempty;
	/* They were all in use since it was last asked. */
	slab_trim(&s);
	assert_int_equal(s.nempty, chunks);
	/* Half of them are now. */
	take(&s, 0, MANY / 2);
	give(&s, 0, MANY / 2);
	slab_trim(&s);
	assert_in_range(s.nempty, chunks / 2, chunks / 2 + 2);
	/* One waits in any case. */
	slab_trim(&s);
	assert_int_equal(s.nempty, 1);
	slab_trim(&s);
	assert_int_equal(s.nempty, 1);
	slab_fini(&s);
}

static void
a_chunk_with_one_piece_in_use_stays(void **state)
{
	struct slab s;

	(void)state;
	slab_init(&s, 8 * 1024);
	take(&s, 0, 70);
	give(&s, 1, 70);
	slab_trim(&s);
	slab_trim(&s);
	assert_int_equal(s.nempty, 1);
	assert_int_equal(piece[0][SIZE - 1], 0);
	give(&s, 0, 1);
	slab_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart_and_used_again),
		cmocka_unit_test(what_nobody_needed_goes),
		cmocka_unit_test(a_chunk_with_one_piece_in_use_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
