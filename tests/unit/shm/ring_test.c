#include "table.h"

#include <pthread.h>
#include <sched.h>

#include "shm/ring.h"

static void
append(struct ring *r, const void *p, size_t len)
{
	assert_true(ring_reserve(r, len));
	memcpy(ring_begin(r, len), p, len);
	ring_publish(r, len);
}

static void
what_is_written_is_read_in_order(void **state)
{
	struct shm m = table_new(2);
	struct ring *w = ring_open(&m, 1), *r = ring_open(&m, 1);
	struct slice s;

	(void)state;
	append(w, "frame--1", 8);
	append(w, "frame--2", 8);
	s = ring_read(r, ring_tail(r));
	assert_int_equal(s.len, 16);
	assert_memory_equal(s.p, "frame--1frame--2", 16);
	s = ring_read(r, 8);
	assert_memory_equal(s.p, "frame--2", 8);
	assert_int_equal(ring_durable(w), 0);
	ring_free_to(r, 16);
	assert_int_equal(ring_durable(w), 16);
	assert_int_equal(ring_read(r, 16).len, 0);
	ring_close(&w);
	ring_close(&r);
	table_free(&m);
}

static void
a_frame_over_the_end_is_in_one_piece(void **state)
{
	struct shm m = table_new(1);
	struct ring *r = ring_open(&m, 0);
	static char filler[8184];
	char frame[64];
	struct slice s;
	size_t i;

	(void)state;
	append(r, filler, sizeof(filler));
	ring_free_to(r, sizeof(filler));
	for (i = 0; i < sizeof(frame); i++)
		frame[i] = (char)i;
	append(r, frame, sizeof(frame));
	s = ring_read(r, sizeof(filler));
	assert_int_equal(s.len, sizeof(frame));
	assert_memory_equal(s.p, frame, sizeof(frame));
	ring_close(&r);
	table_free(&m);
}

static void
room_is_promised_once(void **state)
{
	struct shm m = table_new(1);
	struct ring *r = ring_open(&m, 0);
	static char kib[1024];
	int i;

	(void)state;
	assert_int_equal(ring_size(r), 8192);
	for (i = 0; i < 8; i++)
		assert_true(ring_reserve(r, 1024));
	assert_false(ring_reserve(r, 8));
	assert_int_equal(ring_room(r), 0);
	ring_unreserve(r, 1024);
	assert_int_equal(ring_room(r), 1024);
	memcpy(ring_begin(r, 1024), kib, 8);
	ring_publish(r, 8); /* the rest of the reservation comes back */
	assert_int_equal(ring_room(r), 2040);
	assert_false(ring_reserve(r, 2048));
	ring_free_to(r, 8);
	assert_true(ring_reserve(r, 2048));
	assert_false(ring_reserve(r, SIZE_MAX));
	ring_close(&r);
	table_free(&m);
}

static void
rings_do_not_touch_each_other(void **state)
{
	struct shm m = table_new(2);
	struct ring *a = ring_open(&m, 0), *b = ring_open(&m, 1);
	static char all[8192];

	(void)state;
	memset(all, 'a', sizeof(all));
	append(a, all, sizeof(all));
	append(b, "bbbbbbbb", 8);
	assert_memory_equal(ring_read(a, 0).p, all, sizeof(all));
	assert_memory_equal(ring_read(b, 0).p, "bbbbbbbb", 8);
	ring_close(&a);
	ring_close(&b);
	table_free(&m);
}

/* A crashed worker may have left anything there. */
static void
scribbled_words_give_no_bytes_beyond_the_ring(void **state)
{
	static const uint64_t heads[] = { 0, 7, 8193, 1 << 20, UINT64_MAX,
		UINT64_C(1) << 63 };
	struct shm m = table_new(1);
	struct ring *r = ring_open(&m, 0);
	size_t i;

	(void)state;
	append(r, "frame--1", 8);
	for (i = 0; i < NELEM(heads); i++) {
		assert_int_equal(
		    pwrite(m.fd, &heads[i], 8, (off_t)m.off_rings), 8);
		assert_true(ring_read(r, 0).len <= 8192);
		assert_int_equal(ring_sane(r, 0), heads[i] <= 8192);
		assert_true(ring_read(r, 8).len <= 8192);
	}
	ring_reset(r);
	assert_int_equal(ring_head(r), 0);
	assert_int_equal(ring_room(r), 8192);
	ring_close(&r);
	table_free(&m);
}

enum { FRAMES = 100000 };

static void *
write_frames(void *arg)
{
	struct ring *r = arg;
	uint64_t i;

	for (i = 0; i < FRAMES; i++) {
		const size_t len = 8 * (1 + i % 60);
		uint64_t *p;
		size_t j;

		while (!ring_reserve(r, len))
			sched_yield();
		p = (uint64_t *)(void *)ring_begin(r, len);
		p[0] = i;
		for (j = 1; j < len / 8; j++)
			p[j] = i * j;
		ring_publish(r, len);
	}
	return NULL;
}

static void
a_reader_beside_the_writer_sees_whole_frames_only(void **state)
{
	struct shm m = table_new(1);
	struct ring *w = ring_open(&m, 0), *r = ring_open(&m, 0);
	uint64_t at = 0, i = 0;
	pthread_t t;

	(void)state;
	pthread_create(&t, NULL, write_frames, w);
	while (i < FRAMES) {
		struct slice s = ring_read(r, at);

		if (s.len == 0)
			sched_yield();
		while (s.len > 0) {
			const uint64_t *p = (const void *)s.p;
			const size_t len = 8 * (1 + i % 60);
			size_t j;

			assert_true(s.len >= len);
			assert_int_equal(p[0], i);
			for (j = 1; j < len / 8; j++)
				assert_int_equal(p[j], i * j);
			s.p += len;
			s.len -= len;
			at += len;
			i++;
		}
		ring_free_to(r, at);
	}
	pthread_join(t, NULL);
	assert_int_equal(ring_head(r), at);
	ring_close(&w);
	ring_close(&r);
	table_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_in_order),
		cmocka_unit_test(a_frame_over_the_end_is_in_one_piece),
		cmocka_unit_test(room_is_promised_once),
		cmocka_unit_test(rings_do_not_touch_each_other),
		cmocka_unit_test(scribbled_words_give_no_bytes_beyond_the_ring),
		cmocka_unit_test(
		    a_reader_beside_the_writer_sees_whole_frames_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
