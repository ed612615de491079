#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "journal/filter.h"
#include "journal/segment.h"

static const struct journal_name name = { 7, 1, 2, 3 };

struct place {
	char dir[64], log[80];
};

static void
make(struct place *p)
{
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/kontor-seg-XXXXXX");
	log_init("test", LOG_LVL_ERROR + 1);
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->log, sizeof(p->log), "%s/log", p->dir);
}

static void
drop(const struct place *p)
{
	char cmd[100];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", p->dir);
	assert_int_equal(system(cmd), 0);
}

static struct log *
open_log(const struct place *p, uint64_t rotate, const struct disk *disk,
    uint64_t *torn)
{
	const struct log_conf conf = { .dir = p->log,
		.node = 7,
		.boot = 1,
		.rotate = rotate,
		.disk = disk };
	uint64_t lost;
	struct log *l;

	assert_int_equal(log_open(&conf, &l, torn, &lost), FAULT_NONE);
	assert_int_equal(lost, 0);
	return l;
}

static size_t
add(struct log *l, uint64_t seq)
{
	const struct count c = { .who = seq * 77, .times = 1, .second = 5 };
	char out[FRAME_MAX_RING];
	const size_t n = frame_count(&name, seq, &c, out, sizeof(out));

	log_append(l, (struct slice){ out, n });
	return n;
}

/* Sequences 1 to the answer are there, in order; damage is counted. */
static uint64_t
read_all(const struct place *p, unsigned *damage, uint64_t *torn)
{
	struct log_reader *r;
	struct frame f;
	enum fault fault;
	uint64_t at, last = 0, end = 0;

	*damage = 0;
	assert_int_equal(log_reader_open(p->log, 0, &r), FAULT_NONE);
	while ((fault = log_next(r, &f, &at)) != FAULT_PENDING) {
		if (fault == FAULT_DATA) {
			++*damage;
			continue;
		}
		assert_int_equal(fault, FAULT_NONE);
		if (*damage == 0) {
			assert_int_equal(f.seq, last + 1);
			assert_int_equal(at, end);
		}
		last = f.seq;
		end = at + f.size;
	}
	*torn = log_reader_torn(r);
	log_reader_close(&r);
	return last;
}

static void
frames_come_back_in_order_over_many_segments(void **state)
{
	struct place p;
	struct log *l;
	uint64_t torn, i;
	unsigned damage;
	char path[128];
	struct stat st;

	(void)state;
	make(&p);
	l = open_log(&p, 200, NULL, &torn);
	for (i = 1; i <= 100; i++) {
		(void)add(l, i);
		if (i % 3 == 0)
			assert_int_equal(log_flush(l), FAULT_NONE);
		if (i % 10 == 0) {
			assert_int_equal(log_flush(l), FAULT_NONE);
			log_close(&l);
			l = open_log(&p, 200, NULL, &torn);
			assert_int_equal(torn, 0);
		}
	}
	log_close(&l);
	assert_int_equal(read_all(&p, &damage, &torn), 100);
	assert_int_equal(damage, 0);
	(void)snprintf(path, sizeof(path), "%s/00000005.seg", p.log);
	assert_int_equal(stat(path, &st), 0);
	drop(&p);
}

static void
a_torn_tail_is_cut_at_every_length(void **state)
{
	struct place p;
	struct log *l;
	uint64_t torn, i;
	unsigned damage;
	char path[128];
	struct stat st;
	off_t cut;

	(void)state;
	make(&p);
	l = open_log(&p, 0, NULL, &torn);
	for (i = 1; i <= 5; i++)
		(void)add(l, i);
	assert_int_equal(log_flush(l), FAULT_NONE);
	log_close(&l);
	(void)snprintf(path, sizeof(path), "%s/00000001.seg", p.log);
	assert_int_equal(stat(path, &st), 0);
	for (cut = 1; cut < 40; cut++) {
		assert_int_equal(truncate(path, st.st_size - cut), 0);
		assert_int_equal(read_all(&p, &damage, &torn), 4);
		assert_int_equal(damage, 0);
		assert_true(torn > 0);
		l = open_log(&p, 0, NULL, &torn);
		assert_true(torn > 0);
		(void)add(l, 5);
		assert_int_equal(log_flush(l), FAULT_NONE);
		log_close(&l);
		assert_int_equal(read_all(&p, &damage, &torn), 5);
		assert_int_equal(torn, 0);
	}
	drop(&p);
}

static void
a_flipped_bit_in_the_middle_is_damage_and_reading_goes_on(void **state)
{
	struct place p;
	struct log *l;
	uint64_t torn, i;
	unsigned damage;
	char path[128], c;
	size_t n = 0;
	off_t at;
	int fd;

	(void)state;
	make(&p);
	l = open_log(&p, 0, NULL, &torn);
	for (i = 1; i <= 9; i++)
		n = add(l, i);
	assert_int_equal(log_flush(l), FAULT_NONE);
	log_close(&l);
	(void)snprintf(path, sizeof(path), "%s/00000001.seg", p.log);
	fd = open(path, O_RDWR);
	for (at = SEGMENT_HEAD; at < SEGMENT_HEAD + (off_t)n; at++) {
		assert_int_equal(pread(fd, &c, 1, at), 1);
		c = (char)(c ^ 1);
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		assert_int_equal(read_all(&p, &damage, &torn), 9);
		if (damage != 1)
			fail_msg("byte %d", (int)at);
		c = (char)(c ^ 1);
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
	}
	close(fd);
	drop(&p);
}

static int fail_after; /* bytes until the disk is full; below 0: never */
static bool fail_sync;

static ssize_t
some_pwrite(int fd, const void *b, size_t len, off_t at)
{
	if (fail_after >= 0) {
		if ((size_t)fail_after < len)
			len = (size_t)fail_after;
		fail_after -= (int)len;
		if (len == 0) {
			errno = ENOSPC;
			return -1;
		}
	}
	return pwrite(fd, b, len, at);
}

static int
some_sync(int fd)
{
	if (fail_sync) {
		errno = EIO;
		return -1;
	}
	return fdatasync(fd);
}

static int
no_truncate(int fd, off_t len)
{
	(void)fd;
	(void)len;
	errno = EIO;
	return -1;
}

static const struct disk bad = { some_pwrite, some_sync, no_truncate };

static void
after_a_failed_write_the_rest_is_written_again_elsewhere(void **state)
{
	struct place p;
	struct log *l;
	uint64_t torn, end;
	unsigned damage;
	int full;

	(void)state;
	for (full = 0; full < 200; full += 7) {
		make(&p);
		fail_after = -1;
		l = open_log(&p, 0, &bad, &torn);
		(void)add(l, 1);
		(void)add(l, 2);
		assert_int_equal(log_flush(l), FAULT_NONE);
		(void)add(l, 3);
		(void)add(l, 4);
		(void)add(l, 5);
		(void)add(l, 6);
		fail_after = full % 100;
		fail_sync = full >= 100;
		if (fail_sync)
			fail_after = -1;
		assert_int_equal(log_flush(l), FAULT_DISK);
		assert_int_equal(log_flush(l), FAULT_DISK);
		end = log_end(l);
		fail_after = -1;
		fail_sync = false;
		assert_int_equal(log_flush(l), FAULT_NONE);
		assert_int_equal(log_durable(l), end);
		log_close(&l);
		assert_int_equal(read_all(&p, &damage, &torn), 6);
		assert_int_equal(damage, 0);
		drop(&p);
	}
}

static void
a_deleted_segment_takes_nothing_more(void **state)
{
	struct place p;
	struct log *l;
	uint64_t torn, durable;
	char cmd[100];

	(void)state;
	make(&p);
	l = open_log(&p, 0, NULL, &torn);
	(void)add(l, 1);
	assert_int_equal(log_flush(l), FAULT_NONE);
	durable = log_durable(l);
	(void)snprintf(cmd, sizeof(cmd), "rm -f '%s'/*.seg", p.log);
	assert_int_equal(system(cmd), 0);
	(void)add(l, 2);
	assert_int_equal(log_flush(l), FAULT_DISK);
	assert_int_equal(log_flush(l), FAULT_DISK);
	assert_int_equal(log_durable(l), durable);
	log_close(&l);
	drop(&p);
}

static void
a_reader_follows_a_log_that_grows(void **state)
{
	struct place p;
	struct log *l;
	struct log_reader *r;
	struct frame f;
	uint64_t torn, i, at;

	(void)state;
	make(&p);
	l = open_log(&p, 150, NULL, &torn);
	(void)add(l, 1);
	assert_int_equal(log_flush(l), FAULT_NONE);
	assert_int_equal(log_reader_open(p.log, 0, &r), FAULT_NONE);
	for (i = 1; i <= 30; i++) {
		assert_int_equal(log_next(r, &f, &at), FAULT_NONE);
		assert_int_equal(f.seq, i);
		assert_int_equal(log_next(r, &f, &at), FAULT_PENDING);
		(void)add(l, i + 1);
		assert_int_equal(log_flush(l), FAULT_NONE);
	}
	log_reader_close(&r);
	log_close(&l);
	drop(&p);
}

enum { MANY = 20000 };

static int
no_sync(int fd)
{
	(void)fd;
	return 0;
}

/* Three at a time; what cannot be written is tried again. */
static void *
write_many(void *arg)
{
	struct log *l = arg;
	uint64_t i;

	for (i = 2; i <= MANY; i++) {
		(void)add(l, i);
		while ((i % 3 == 0 || i == MANY) && log_flush(l) != FAULT_NONE)
			;
	}
	return NULL;
}

static unsigned dice;

static bool
one_in(unsigned n)
{
	dice = dice * 1103515245 + 12345;
	return (dice >> 8) % n == 0;
}

/* A part of it, or nothing. */
static ssize_t
shaky_pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (one_in(50)) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, p, len > 100 && one_in(2) ? 100 : len, at);
}

static int
shaky_sync(int fd)
{
	(void)fd;
	if (!one_in(50))
		return 0;
	errno = EIO;
	return -1;
}

static void
read_beside_writer(const struct disk *disk)
{
	struct place p;
	struct log *l;
	struct log_reader *r;
	struct frame f;
	enum fault fault;
	pthread_t writer;
	uint64_t torn, at, last = 0;

	make(&p);
	l = open_log(&p, 1 << 20, disk, &torn);
	(void)add(l, 1);
	while (log_flush(l) != FAULT_NONE)
		;
	assert_int_equal(log_reader_open(p.log, 0, &r), FAULT_NONE);
	assert_int_equal(pthread_create(&writer, NULL, write_many, l), 0);
	while (last < MANY) {
		fault = log_next(r, &f, &at);
		if (fault == FAULT_PENDING)
			continue;
		assert_int_equal(fault, FAULT_NONE);
		assert_int_equal(f.seq, ++last);
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	log_reader_close(&r);
	log_close(&l);
	drop(&p);
}

/* The end it saw was the end of a moment: what came behind it is no damage. */
static void
a_reader_beside_the_writer_sees_no_damage(void **state)
{
	struct disk quick = disk_real;

	(void)state;
	quick.sync = no_sync;
	read_beside_writer(&quick);
}

/* Nor is what a failed write left for a moment, or a segment that could not be
 * begun. */
static void
nor_beside_a_disk_that_fails(void **state)
{
	const struct disk shaky = { shaky_pwrite, shaky_sync, ftruncate };

	(void)state;
	read_beside_writer(&shaky);
}

static void
a_log_shorter_than_the_store_knows_leaves_a_hole_that_shows(void **state)
{
	struct log_conf conf = { .node = 7, .boot = 1, .at_least = 5000 };
	struct place p;
	struct log *l;
	uint64_t torn, lost;
	unsigned damage;

	(void)state;
	make(&p);
	l = open_log(&p, 0, NULL, &torn);
	(void)add(l, 1);
	assert_int_equal(log_flush(l), FAULT_NONE);
	log_close(&l);
	conf.dir = p.log;
	assert_int_equal(log_open(&conf, &l, &torn, &lost), FAULT_NONE);
	assert_true(lost > 4000);
	assert_int_equal(log_end(l), 5000);
	(void)add(l, 2);
	assert_int_equal(log_flush(l), FAULT_NONE);
	log_close(&l);
	assert_int_equal(read_all(&p, &damage, &torn), 2);
	assert_int_equal(damage, 1);
	drop(&p);
}

static void
a_segment_without_a_whole_header_never_was(void **state)
{
	struct place p;
	struct log *l;
	uint64_t torn;
	unsigned damage;
	char path[128];
	int fd;

	(void)state;
	make(&p);
	l = open_log(&p, 0, NULL, &torn);
	(void)add(l, 1);
	assert_int_equal(log_flush(l), FAULT_NONE);
	log_close(&l);
	(void)snprintf(path, sizeof(path), "%s/00000002.seg", p.log);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "ktseg", 5), 5);
	close(fd);
	assert_int_equal(read_all(&p, &damage, &torn), 1);
	l = open_log(&p, 0, NULL, &torn);
	(void)add(l, 2);
	assert_int_equal(log_flush(l), FAULT_NONE);
	log_close(&l);
	assert_int_equal(read_all(&p, &damage, &torn), 2);
	drop(&p);
}

static void
a_filter_never_denies_what_it_has(void **state)
{
	uint8_t filter[FILTER_LEN] = { 0 };
	const struct slice all = { (const char *)filter, sizeof(filter) };
	struct reqid id;
	unsigned wrong = 0;
	uint32_t i;

	(void)state;
	for (i = 0; i < 1500; i++) {
		id = reqid_make(i * 12345, 1, 2, i);
		filter_add(filter, filter_hash(&id));
	}
	for (i = 0; i < 1500; i++) {
		id = reqid_make(i * 12345, 1, 2, i);
		assert_true(filter_may_have(all, &id));
		id = reqid_make(i * 12345, 2, 2, i);
		wrong += filter_may_have(all, &id);
	}
	assert_true(wrong < 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_in_order_over_many_segments),
		cmocka_unit_test(a_torn_tail_is_cut_at_every_length),
		cmocka_unit_test(
		    a_flipped_bit_in_the_middle_is_damage_and_reading_goes_on),
		cmocka_unit_test(
		    after_a_failed_write_the_rest_is_written_again_elsewhere),
		cmocka_unit_test(a_deleted_segment_takes_nothing_more),
		cmocka_unit_test(a_reader_follows_a_log_that_grows),
		cmocka_unit_test(a_reader_beside_the_writer_sees_no_damage),
		cmocka_unit_test(nor_beside_a_disk_that_fails),
		cmocka_unit_test(
		    a_log_shorter_than_the_store_knows_leaves_a_hole_that_shows),
		cmocka_unit_test(a_segment_without_a_whole_header_never_was),
		cmocka_unit_test(a_filter_never_denies_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
