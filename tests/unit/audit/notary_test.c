#include "audit/rig.h"

#include <sys/wait.h>

static void
what_is_synced_is_signed_every_second(void **state)
{
	struct rig g;
	uint64_t len;

	(void)state;
	rig_begin(&g);
	rig_good(&g, 0, 0);
	rig_add(&g, 300);
	rig_turn(&g, 1);
	assert_int_equal(notary_size(g.n), 0); /* nothing is synced */
	rig_flush(&g);
	assert_int_equal(notary_size(g.n), 300);
	rig_turn(&g, 1);
	rig_good(&g, 300, 300);
	rig_add(&g, 5);
	rig_flush(&g);
	rig_turn(&g, 0);
	rig_good(&g, 305, 300);
	rig_turn(&g, 1);
	rig_good(&g, 305, 305);
	assert_int_equal(
	    files_size(g.dir, FILES_LEVELS "/0", &len), FAULT_NONE);
	assert_int_equal(len, 305 * MERKLE_HASH);
	rig_end(&g);
}

static void
the_key_is_private_and_stays(void **state)
{
	struct note_key a, b;
	struct stat st;
	struct rig g;
	char path[FILES_PATH];

	(void)state;
	rig_begin(&g);
	assert_true(files_path(g.dir, FILES_KEY, path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(audit_read_key(g.dir, FILES_PUB, &a), FAULT_NONE);
	rig_stop(&g);
	rig_start(&g);
	assert_int_equal(audit_read_key(g.dir, FILES_PUB, &b), FAULT_NONE);
	assert_memory_equal(&a.key, &b.key, sizeof(a.key));
	assert_string_equal(a.name, "kontor/node/0000002a");
	rig_end(&g);
}

/* Where the notary began to read again, by how many frames it had to. */
static void
a_restart_reads_only_what_came_after_the_last_but_one(void **state)
{
	struct rig g;
	unsigned i;

	(void)state;
	rig_begin(&g);
	for (i = 0; i < 10; i++) {
		rig_add(&g, 100);
		rig_flush(&g);
		rig_turn(&g, 61); /* each one is kept in the history */
	}
	rig_add(&g, 7); /* and these are not signed yet */
	rig_flush(&g);
	rig_stop(&g);
	rig_start(&g);
	assert_int_equal(notary_size(g.n), 900);
	rig_turn(&g, 1);
	rig_good(&g, 1007, 1007);
	rig_stop(&g);
	/* the tiles of an older one are damaged: an older still */
	rig_flip(&g, FILES_LEVELS "/0", 899 * MERKLE_HASH);
	rig_start(&g);
	assert_int_equal(notary_size(g.n), 800);
	rig_turn(&g, 1);
	rig_good(&g, 1007, 1007);
	rig_end(&g);
}

static void
tiles_that_are_gone_or_torn_are_made_again(void **state)
{
	static const struct {
		const char *file;
		off_t hash; /* that is damaged, and those behind it gone */
	} rows[] = {
		{ FILES_LEVELS "/0", 0 },
		{ FILES_LEVELS "/0", 600 },
		{ FILES_LEVELS "/0", 999 },
		{ FILES_LEVELS "/1", 2 },
	};
	struct rig g;
	size_t i;

	(void)state;
	rig_begin(&g);
	rig_add(&g, 1000);
	rig_flush(&g);
	rig_turn(&g, 1);
	for (i = 0; i < NELEM(rows); i++) {
		rig_stop(&g);
		rig_flip(&g, rows[i].file, rows[i].hash * MERKLE_HASH + 9);
		rig_start(&g);
		rig_turn(&g, 1);
		rig_good(&g, 1000, 1000);
		rig_stop(&g);
		rig_cut(&g, rows[i].file, rows[i].hash * MERKLE_HASH + 9);
		rig_start(&g);
		rig_turn(&g, 1);
		rig_good(&g, 1000, 1000);
		rig_stop(&g);
		rig_drop(&g, rows[i].file);
		rig_start(&g);
		rig_turn(&g, 1);
		rig_good(&g, 1000, 1000);
		assert_int_equal(notary_trouble(g.n), NOTARY_GOOD);
	}
	rig_end(&g);
}

/* Old hashes are nobody's concern at a start; all can be made anew. */
static void
tiles_that_are_all_gone_come_back_from_the_log(void **state)
{
	struct rig g;
	char path[FILES_PATH];
	unsigned i;

	(void)state;
	rig_begin(&g);
	for (i = 0; i < 5; i++) {
		rig_add(&g, 300);
		rig_flush(&g);
		rig_turn(&g, 61);
	}
	rig_stop(&g);
	rig_flip(&g, FILES_LEVELS "/0", 256 * MERKLE_HASH);
	rig_start(&g);
	rig_turn(&g, 1);
	rig_bad(&g, "tile", 256);
	rig_stop(&g);
	assert_true(files_path(g.dir, FILES_LEVELS, path));
	assert_int_equal(
	    nftw(path, rig_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	rig_start(&g);
	assert_int_equal(notary_size(g.n), 0);
	rig_turn(&g, 1);
	rig_good(&g, 1500, 1500);
	rig_end(&g);
}

/* What a log says that does not lead to its checkpoint changes no hash. */
static void
a_lie_does_not_reach_the_tiles(void **state)
{
	struct buf was = { 0 }, is = { 0 };
	struct rig g;
	int i;

	(void)state;
	rig_begin(&g);
	g.rotate = 0;
	rig_stop(&g);
	rig_start(&g);
	rig_add(&g, 600);
	rig_flush(&g);
	rig_turn(&g, 1);
	rig_stop(&g);
	assert_int_equal(
	    files_read(g.dir, FILES_LEVELS "/0", 100000, &was), FAULT_NONE);
	rig_cut(&g, "log/00000001.seg", (off_t)(SEGMENT_HEAD + g.place[500]));
	for (i = 0; i < 3; i++) {
		rig_start(&g);
		g.seq = 700; /* other frames than were signed */
		rig_add(&g, 200);
		rig_flush(&g);
		rig_turn(&g, 1);
		rig_stop(&g);
	}
	assert_int_equal(
	    files_read(g.dir, FILES_LEVELS "/0", 100000, &is), FAULT_NONE);
	assert_true(slice_eq(buf_slice(&was), buf_slice(&is)));
	buf_fini(&was);
	buf_fini(&is);
	rig_start(&g);
	rig_end(&g);
}

static void
expect_broken(struct rig *g, enum notary_trouble why)
{
	struct buf was = { 0 }, is = { 0 };

	if (rig_has(g, FILES_CURRENT))
		assert_int_equal(
		    files_read(g->dir, FILES_CURRENT, NOTE_MAX, &was),
		    FAULT_NONE);
	rig_start(g);
	rig_turn(g, 1);
	assert_int_equal(notary_trouble(g->n), why);
	rig_add(g, 10);
	rig_flush(g);
	rig_turn(g, 100);
	notary_finish(g->n, log_durable(g->log));
	if (rig_has(g, FILES_CURRENT))
		assert_int_equal(
		    files_read(g->dir, FILES_CURRENT, NOTE_MAX, &is),
		    FAULT_NONE);
	assert_true(slice_eq(buf_slice(&was), buf_slice(&is)));
	rig_stop(g);
	buf_fini(&was);
	buf_fini(&is);
}

static void
begin_signed(struct rig *g)
{
	rig_begin(g);
	g->rotate = 0;
	rig_stop(g);
	rig_start(g);
	rig_add(g, 600);
	rig_flush(g);
	rig_turn(g, 1);
	rig_stop(g);
}

static void
a_log_shorter_than_its_checkpoint_is_never_signed(void **state)
{
	struct rig g;

	(void)state;
	begin_signed(&g);
	rig_cut(&g, "log/00000001.seg", (off_t)(SEGMENT_HEAD + g.place[590]));
	expect_broken(&g, NOTARY_LOG_SHORT);
	/* not even when it is as long again */
	g.seq = 590;
	rig_start(&g);
	rig_add(&g, 100);
	rig_flush(&g);
	rig_stop(&g);
	expect_broken(&g, NOTARY_LOG_CHANGED);
	rig_start(&g);
	rig_end(&g);
}

static void
a_log_that_says_something_else_is_never_signed(void **state)
{
	struct rig g;
	int i;

	(void)state;
	begin_signed(&g);
	for (i = 590; i < 600; i++)
		rig_flip(&g, "log/00000001.seg",
		    (off_t)(SEGMENT_HEAD + g.place[i] + 40));
	expect_broken(&g, NOTARY_LOG_SHORT);
	rig_start(&g);
	rig_end(&g);
}

static void
missing_files_of_the_tree_are_trouble(void **state)
{
	struct rig g;

	(void)state;
	begin_signed(&g);
	rig_drop(&g, FILES_KEY);
	expect_broken(&g, NOTARY_NO_KEY);
	rig_start(&g);
	rig_end(&g);
	begin_signed(&g);
	rig_drop(&g, FILES_CURRENT);
	expect_broken(&g, NOTARY_NO_CHECKPOINT);
	rig_start(&g);
	rig_end(&g);
	begin_signed(&g);
	rig_drop(&g, FILES_HISTORY);
	expect_broken(&g, NOTARY_NO_CHECKPOINT);
	rig_start(&g);
	rig_end(&g);
	begin_signed(&g);
	rig_flip(&g, FILES_CURRENT, 25);
	expect_broken(&g, NOTARY_NO_CHECKPOINT);
	rig_start(&g);
	rig_end(&g);
}

static void
a_log_that_is_older_than_its_tree_is_caught_up_with(void **state)
{
	struct rig g;

	(void)state;
	rig_begin(&g);
	rig_stop(&g);
	rig_drop(&g, FILES_KEY);
	rig_drop(&g, FILES_PUB);
	rig_drop(&g, FILES_CURRENT);
	rig_drop(&g, FILES_HISTORY);
	rig_start(&g);
	notary_close(&g.n);
	rig_add(&g, 3000);
	rig_flush(&g);
	rig_stop(&g);
	rig_start(&g);
	rig_turn(&g, 1);
	rig_good(&g, 3000, 3000);
	rig_end(&g);
}

static void
the_end_is_in_the_history(void **state)
{
	struct buf b = { 0 };
	struct rig g;
	uint64_t was, is;

	(void)state;
	rig_begin(&g);
	rig_add(&g, 10);
	rig_flush(&g);
	rig_turn(&g, 1);
	rig_add(&g, 10);
	rig_flush(&g);
	rig_turn(&g, 1);
	assert_int_equal(files_size(g.dir, FILES_HISTORY, &was), FAULT_NONE);
	notary_finish(g.n, log_durable(g.log));
	assert_int_equal(files_size(g.dir, FILES_HISTORY, &is), FAULT_NONE);
	assert_true(is > was);
	rig_good(&g, 20, 20);
	rig_stop(&g);
	rig_start(&g);
	rig_turn(&g, 1);
	notary_finish(g.n, log_durable(g.log)); /* nothing new */
	assert_int_equal(files_size(g.dir, FILES_HISTORY, &was), FAULT_NONE);
	assert_int_equal(is, was);
	rig_end(&g);
	buf_fini(&b);
}

static void
a_disk_that_fails_is_tried_again(void **state)
{
	struct rig g;
	char path[FILES_PATH];

	(void)state;
	rig_begin(&g);
	assert_int_equal(
	    files_replace(g.dir, FILES_LEVELS, S("in the way"), 0600),
	    FAULT_NONE);
	rig_add(&g, 3000); /* more hashes than wait for others */
	rig_flush(&g);
	rig_turn(&g, 1);
	rig_turn(&g, 1);
	assert_int_equal(notary_signed(g.n), 0);
	assert_int_equal(notary_trouble(g.n), NOTARY_GOOD);
	assert_true(files_path(g.dir, FILES_LEVELS, path));
	assert_int_equal(unlink(path), 0);
	rig_turn(&g, 1);
	rig_turn(&g, 1);
	rig_good(&g, 3000, 3000);
	rig_end(&g);
}

/* --- crashes ---------------------------------------------------------------
 */

static int countdown;

static void
maybe_die(void *arg, const char *where)
{
	(void)arg;
	(void)where;
	if (--countdown == 0)
		_exit(0);
}

/* A child takes turns until it dies; then another goes on. */
static void
a_crash_at_any_step_is_mended(void **state)
{
	struct rig g;
	pid_t pid;
	int round, status;

	(void)state;
	rig_begin(&g);
	rig_stop(&g);
	rig_drop(&g, FILES_KEY); /* the first start is cut too */
	for (round = 1; round < 60; round++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			countdown = round;
			g.step = maybe_die;
			rig_start(&g);
			for (;;) {
				rig_add(&g, 100);
				rig_flush(&g);
				rig_turn(&g, 20);
			}
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		/* seq goes on from what the child had written */
		rig_start(&g);
		assert_int_equal(notary_trouble(g.n), NOTARY_GOOD);
		rig_turn(&g, 1);
		g.seq = notary_size(g.n);
		rig_good(&g, g.seq, g.seq);
		rig_stop(&g);
	}
	rig_start(&g);
	rig_end(&g);
}

static void
a_history_cut_in_a_note_is_written_over(void **state)
{
	struct rig g;
	uint64_t len;

	(void)state;
	rig_begin(&g);
	rig_add(&g, 10);
	rig_flush(&g);
	rig_turn(&g, 1);
	rig_add(&g, 10);
	rig_flush(&g);
	rig_turn(&g, 1);
	rig_stop(&g);
	assert_int_equal(files_size(g.dir, FILES_HISTORY, &len), FAULT_NONE);
	assert_int_equal(files_append(g.dir, FILES_HISTORY, len,
			     S("kontor/node/0000002a\n12")),
	    FAULT_NONE);
	rig_good(&g, 20, 20); /* a crash, not a lie */
	rig_start(&g);
	rig_turn(&g, 100);
	notary_finish(g.n, log_durable(g.log));
	rig_good(&g, 20, 20);
	rig_stop(&g);
	assert_int_equal(
	    files_append(g.dir, FILES_HISTORY, len - 5, S("")), FAULT_NONE);
	rig_bad(&g, "checkpoint", 0); /* the first has no leaves */
	rig_start(&g);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_synced_is_signed_every_second),
		cmocka_unit_test(the_key_is_private_and_stays),
		cmocka_unit_test(
		    a_restart_reads_only_what_came_after_the_last_but_one),
		cmocka_unit_test(tiles_that_are_gone_or_torn_are_made_again),
		cmocka_unit_test(
		    tiles_that_are_all_gone_come_back_from_the_log),
		cmocka_unit_test(a_lie_does_not_reach_the_tiles),
		cmocka_unit_test(
		    a_log_shorter_than_its_checkpoint_is_never_signed),
		cmocka_unit_test(
		    a_log_that_says_something_else_is_never_signed),
		cmocka_unit_test(missing_files_of_the_tree_are_trouble),
		cmocka_unit_test(
		    a_log_that_is_older_than_its_tree_is_caught_up_with),
		cmocka_unit_test(the_end_is_in_the_history),
		cmocka_unit_test(a_disk_that_fails_is_tried_again),
		cmocka_unit_test(a_crash_at_any_step_is_mended),
		cmocka_unit_test(a_history_cut_in_a_note_is_written_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
