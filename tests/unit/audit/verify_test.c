#include "audit/rig.h"

/* 900 frames in one segment, signed in three steps, all in the history. */
static void
begin_signed(struct rig *g)
{
	int i;

	rig_begin(g);
	rig_stop(g);
	g->rotate = 0;
	rig_start(g);
	for (i = 0; i < 3; i++) {
		rig_add(g, 300);
		rig_flush(g);
		rig_turn(g, 61);
	}
	rig_stop(g);
	rig_good(g, 900, 900);
}

static void
end_mended(struct rig *g)
{
	rig_good(g, 900, 900);
	rig_start(g);
	rig_end(g);
}

static void
a_changed_byte_names_its_frame(void **state)
{
	static const unsigned frames[] = { 0, 1, 255, 256, 511, 600, 898 };
	struct rig g;
	off_t at;
	size_t i;

	(void)state;
	begin_signed(&g);
	for (i = 0; i < NELEM(frames); i++) {
		at = (off_t)(SEGMENT_HEAD + g.place[frames[i]]);
		rig_flip(&g, "log/00000001.seg", at + 45);
		rig_bad(&g, "frame", frames[i]);
		rig_flip(&g, "log/00000001.seg", at + 45);
		rig_flip(&g, "log/00000001.seg", at + 1);
		rig_bad(&g, "frame", frames[i]);
		rig_flip(&g, "log/00000001.seg", at + 1);
	}
	at = (off_t)(SEGMENT_HEAD + g.place[899]);
	rig_flip(&g, "log/00000001.seg", at + 45);
	rig_bad(&g, "missing", 899);
	rig_flip(&g, "log/00000001.seg", at + 45);
	end_mended(&g);
}

/* Frame n anew, with a checksum that fits. */
static void
forge(struct rig *g, unsigned n, uint64_t seq)
{
	const struct journal_name j = { 42, 1, 1, 1 };
	char path[FILES_PATH], out[FRAME_MAX_RING];
	struct final v = { .status = 201, .attempts = 1, .key = 5 };
	size_t len;
	int fd;

	v.req = rig_req(n + 1);
	v.wall_ns = n + 1;
	v.total_us = (n + 1) * 1000;
	len = frame_final(&j, seq, &v, out, sizeof(out));
	assert_int_equal(len, g->place[n + 1] - g->place[n]);
	assert_true(files_path(g->dir, "log/00000001.seg", path));
	fd = open(path, O_WRONLY);
	assert_int_equal(
	    pwrite(fd, out, len, (off_t)(SEGMENT_HEAD + g->place[n])), len);
	close(fd);
}

static void
a_forged_frame_is_found_by_its_tile(void **state)
{
	struct rig g;

	(void)state;
	begin_signed(&g);
	forge(&g, 400, 401);
	rig_bad(&g, "frame", 400);
	forge(&g, 100, 77);
	rig_bad(&g, "sequence", 100);
	rig_start(&g);
	rig_end(&g);
}

/* Tile 1 of level 0 as the log now leads to it, and its root. */
static void
forge_tile(struct rig *g, unsigned n, struct merkle_hash *root)
{
	struct merkle_hash tile[MERKLE_WIDTH];
	struct tiles t = { 0 };
	struct log_reader *r;
	struct frame f;
	uint64_t at;

	assert_int_equal(
	    tile_hashes(g->dir, 0, 256, MERKLE_WIDTH, tile), FAULT_NONE);
	assert_int_equal(
	    log_reader_open(g->log_dir, g->place[n], &r), FAULT_NONE);
	assert_int_equal(log_next(r, &f, &at), FAULT_NONE);
	merkle_leaf((struct slice){ f.payload.p - 24, f.payload.len + 24 },
	    &tile[n - MERKLE_WIDTH]);
	log_reader_close(&r);
	merkle_whole(tile, MERKLE_WIDTH, root);
	assert_int_equal(
	    tiles_put(&t, g->dir, 0, 256, tile, MERKLE_WIDTH), FAULT_NONE);
	tiles_close(&t);
}

/* A fork of log and tiles: the checkpoints bracket it. */
static void
a_forged_log_with_forged_tiles_meets_its_checkpoints(void **state)
{
	struct merkle_hash root;
	struct tiles t = { 0 };
	struct rig g;

	(void)state;
	begin_signed(&g);
	forge(&g, 500, 501); /* within the second checkpoint's */
	forge_tile(&g, 500, &root);
	rig_bad(&g, "frame", 256); /* level 1 does not fit any more */
	assert_int_equal(tiles_put(&t, g.dir, 1, 1, &root, 1), FAULT_NONE);
	tiles_close(&t);
	rig_bad(&g, "root", 300); /* good up to the first checkpoint */
	rig_start(&g);
	rig_end(&g);
}

static void
a_damaged_tile_is_told_from_a_damaged_frame(void **state)
{
	struct rig g;

	(void)state;
	begin_signed(&g);
	rig_flip(&g, FILES_LEVELS "/0", 32 * 300 + 3);
	rig_bad(&g, "tile", 300);
	rig_flip(&g, FILES_LEVELS "/0", 32 * 300 + 3);
	rig_flip(&g, FILES_LEVELS "/0", 32 * 899);
	rig_bad(&g, "tile", 899);
	rig_flip(&g, FILES_LEVELS "/0", 32 * 899);
	rig_flip(&g, FILES_LEVELS "/1", 40);
	rig_bad(&g, "tile", 256);
	rig_flip(&g, FILES_LEVELS "/1", 40);
	rig_good(&g, 900, 900);
	rig_cut(&g, FILES_LEVELS "/0", 2 * 8192 + 8000);
	rig_bad(&g, "tile", 512);
	rig_drop(&g, FILES_LEVELS "/1");
	rig_bad(&g, "tile", 0);
	rig_start(&g);
	rig_end(&g);
}

static void
a_cut_log_names_the_first_missing_leaf(void **state)
{
	struct rig g;

	(void)state;
	begin_signed(&g);
	rig_cut(&g, "log/00000001.seg", (off_t)(SEGMENT_HEAD + g.place[700]));
	rig_bad(&g, "missing", 700);
	rig_cut(
	    &g, "log/00000001.seg", (off_t)(SEGMENT_HEAD + g.place[650] + 9));
	rig_bad(&g, "missing", 650);
	rig_cut(&g, "log/00000001.seg", SEGMENT_HEAD);
	rig_bad(&g, "missing", 0);
	rig_start(&g);
	rig_end(&g);
}

static void
checkpoints_are_checked_before_the_log(void **state)
{
	struct rig g;
	uint64_t len;

	(void)state;
	begin_signed(&g);
	rig_flip(&g, FILES_CURRENT, 30);
	rig_bad(&g, "checkpoint", 900);
	rig_flip(&g, FILES_CURRENT, 30);
	rig_flip(&g, FILES_HISTORY, 30);
	rig_bad(&g, "checkpoint", 0);
	rig_flip(&g, FILES_HISTORY, 30);
	assert_int_equal(files_size(g.dir, FILES_HISTORY, &len), FAULT_NONE);
	rig_flip(&g, FILES_HISTORY, (off_t)len - 1);
	rig_bad(&g, "checkpoint", 600);
	rig_flip(&g, FILES_HISTORY, (off_t)len - 1);
	rig_flip(&g, FILES_HISTORY, (off_t)len - 9);
	rig_bad(&g, "checkpoint", 600);
	rig_flip(&g, FILES_HISTORY, (off_t)len - 9);
	rig_good(&g, 900, 900);
	rig_drop(&g, FILES_CURRENT);
	rig_bad(&g, "checkpoint", 900);
	rig_start(&g);
	rig_end(&g);
}

/* Signed with the node's key. */
static void
keep_forged(const struct rig *g, uint64_t size)
{
	struct checkpoint c = { .size = size, .place = g->place[600] };
	struct buf secret = { 0 }, text = { 0 }, note = { 0 };
	struct note_key key;
	struct signer *s;

	assert_int_equal(
	    files_read(g->dir, FILES_KEY, NOTE_MAX, &secret), FAULT_NONE);
	assert_true(note_secret_parse(buf_slice(&secret), &key, &s));
	checkpoint_origin(42, c.origin);
	checkpoint_write(&c, &text);
	note_sign(&note, buf_slice(&text), &key, s);
	assert_int_equal(
	    files_replace(g->dir, "kept", buf_slice(&note), 0600), FAULT_NONE);
	signer_free(&s);
	buf_fini(&secret);
	buf_fini(&text);
	buf_fini(&note);
}

static void
a_kept_checkpoint_must_be_gone_through(void **state)
{
	struct audit_query q = { 0 };
	struct audit_result r;
	struct buf b = { 0 };
	char kept[FILES_PATH];
	struct rig g;

	(void)state;
	begin_signed(&g);
	q.dir = g.dir;
	q.kept = kept;
	assert_true(files_path(g.dir, "kept", kept));
	assert_int_equal(
	    files_read(g.dir, FILES_CURRENT, NOTE_MAX, &b), FAULT_NONE);
	assert_int_equal(
	    files_replace(g.dir, "kept", buf_slice(&b), 0600), FAULT_NONE);
	rig_start(&g);
	rig_add(&g, 10);
	rig_flush(&g);
	rig_turn(&g, 1);
	rig_stop(&g);
	assert_int_equal(audit_verify(&q, &r), FAULT_NONE);
	assert_true(r.good);
	/* of another key */
	rig_flip(&g, "kept", 5);
	assert_int_equal(audit_verify(&q, &r), FAULT_NONE);
	assert_string_equal(r.problem.what, "checkpoint");
	rig_flip(&g, "kept", 5);
	/* of this key, over another log */
	keep_forged(&g, 600);
	assert_int_equal(audit_verify(&q, &r), FAULT_NONE);
	assert_string_equal(r.problem.what, "root");
	assert_int_equal(r.problem.index, 300);
	/* and over a longer one */
	keep_forged(&g, 1000);
	assert_int_equal(audit_verify(&q, &r), FAULT_NONE);
	assert_string_equal(r.problem.what, "missing");
	assert_int_equal(r.problem.index, 910);
	rig_start(&g);
	rig_end(&g);
	buf_fini(&b);
}

static void
what_is_not_there_is_said(void **state)
{
	struct audit_query q = { 0 };
	struct audit_result r;
	struct rig g;

	(void)state;
	rig_begin(&g);
	q.dir = "/nowhere";
	assert_int_equal(audit_verify(&q, &r), FAULT_NOT_FOUND);
	q.dir = g.dir;
	rig_flip(&g, FILES_PUB, 3);
	assert_int_equal(audit_verify(&q, &r), FAULT_DATA);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_byte_names_its_frame),
		cmocka_unit_test(a_forged_frame_is_found_by_its_tile),
		cmocka_unit_test(
		    a_forged_log_with_forged_tiles_meets_its_checkpoints),
		cmocka_unit_test(a_damaged_tile_is_told_from_a_damaged_frame),
		cmocka_unit_test(a_cut_log_names_the_first_missing_leaf),
		cmocka_unit_test(checkpoints_are_checked_before_the_log),
		cmocka_unit_test(a_kept_checkpoint_must_be_gone_through),
		cmocka_unit_test(what_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
