#include "audit/rig.h"

static void
paths_are_those_of_tlog_tiles(void **state)
{
	static const struct {
		unsigned level, width;
		uint64_t n;
		const char *path;
	} rows[] = {
		{ 0, 256, 0, "tiles/tile/0/000" },
		{ 0, 256, 7, "tiles/tile/0/007" },
		{ 1, 256, 999, "tiles/tile/1/999" },
		{ 0, 256, 1000, "tiles/tile/0/x001/000" },
		{ 0, 256, 1234067, "tiles/tile/0/x001/x234/067" },
		{ 3, 1, 273, "tiles/tile/3/273.p/1" },
		{ 0, 255, 1000000, "tiles/tile/0/x001/x000/000.p/255" },
		{ 7, 256, UINT64_MAX,
		    "tiles/tile/7/x018/x446/x744/x073/x709/x551/615" },
	};
	char path[TILE_PATH];
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		tile_path(rows[i].level, rows[i].n, rows[i].width, path);
		assert_string_equal(path, rows[i].path);
	}
}

static void
fill(struct merkle_hash *h, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		memset(h[i].b, (int)i, MERKLE_HASH);
}

static void
tiles_are_read_as_they_were_written(void **state)
{
	struct merkle_hash h[MERKLE_WIDTH], got[MERKLE_WIDTH];
	struct tiles t = { 0 }, more = { 0 };
	struct rig g;
	unsigned width;

	(void)state;
	rig_begin(&g);
	fill(h, MERKLE_WIDTH);
	tiles_stage(&t, 0, 1234, MERKLE_WIDTH, h);
	tiles_stage(&t, 0, 1235, 17, h);
	tiles_stage(&t, 1, 4, 210, h);
	assert_int_equal(tiles_write(&t, g.dir, 100), FAULT_NONE);
	assert_int_equal(t.n, 0);
	assert_int_equal(
	    tile_read(g.dir, 0, 1234, MERKLE_WIDTH, got), FAULT_NONE);
	assert_memory_equal(h, got, sizeof(h));
	assert_int_equal(tile_read(g.dir, 0, 1235, 17, got), FAULT_NONE);
	assert_int_equal(tile_read(g.dir, 0, 1235, 18, got), FAULT_NOT_FOUND);
	/* a shorter one is the beginning of a longer one */
	assert_int_equal(tile_read_at(g.dir, 1235 * 256 + 5, 1235 * 256 + 17, 0,
			     1235, got, &width),
	    FAULT_NONE);
	assert_int_equal(width, 5);
	assert_int_equal(tile_read_at(g.dir, 1234 * 256 + 5, 1235 * 256 + 17, 0,
			     1234, got, &width),
	    FAULT_NONE);
	rig_cut(&g, "tiles/tile/0/x001/234", 8191);
	assert_int_equal(
	    tile_read(g.dir, 0, 1234, MERKLE_WIDTH, got), FAULT_DATA);
	tiles_stage(&t, 0, 1234, MERKLE_WIDTH, h);
	assert_int_equal(tiles_write(&t, g.dir, 100), FAULT_NONE);
	assert_int_equal(
	    tile_read(g.dir, 0, 1234, MERKLE_WIDTH, got), FAULT_NONE);
	tiles_stage(&t, 0, 1, 1, h);
	tiles_stage(&t, 0, 2, MERKLE_WIDTH, h);
	tiles_forget_partial(&t);
	assert_int_equal(t.n, 1);
	tiles_stage(&t, 0, 3, 3, h);
	assert_int_equal(t.n, 2);
	tiles_stage(&more, 0, 4, 4, h);
	tiles_join(&more, &t);
	tiles_join(&more, &t);
	tiles_stage(&more, 0, 5, 5, h);
	assert_int_equal(more.n, 4);
	assert_null(t.first);
	assert_int_equal(tiles_write(&more, g.dir, 3), FAULT_NONE);
	assert_int_equal(more.n, 1);
	assert_true(rig_has(&g, "tiles/tile/0/003.p/3"));
	assert_false(rig_has(&g, "tiles/tile/0/005.p/5"));
	tiles_fini(&more);
	tiles_fini(&t);
	assert_null(t.first);
	rig_end(&g);
}

static void
partial_tiles_go_when_they_are_of_no_use(void **state)
{
	struct merkle_hash h[MERKLE_WIDTH];
	struct tiles t = { 0 };
	struct rig g;

	(void)state;
	rig_begin(&g);
	fill(h, MERKLE_WIDTH);
	tiles_stage(&t, 0, 1, 7, h);  /* 263 leaves */
	tiles_stage(&t, 0, 1, 99, h); /* of a crash */
	tiles_stage(&t, 1, 0, 1, h);
	assert_int_equal(tiles_write(&t, g.dir, 100), FAULT_NONE);
	tiles_drop_partial(g.dir, 263, 300);
	assert_false(rig_has(&g, "tiles/tile/0/001.p/7"));
	assert_true(rig_has(&g, "tiles/tile/0/001.p/99"));
	assert_true(rig_has(&g, "tiles/tile/1/000.p/1"));
	tiles_drop_partial(g.dir, 300, 600);
	assert_false(rig_has(&g, "tiles/tile/0/001.p"));
	assert_false(rig_has(&g, "tiles/tile/1/000.p/1"));
	rig_end(&g);
}

static void
a_source_knows_what_the_tiles_know(void **state)
{
	struct tile_cache *c = mem_new(sizeof(*c));
	struct merkle *t = mem_new(sizeof(*t));
	struct merkle_source s;
	struct merkle_hash want, got;
	struct rig g;

	(void)state;
	rig_begin(&g);
	rig_add(&g, 1000);
	rig_flush(&g);
	rig_turn(&g, 1);
	s = tile_source(c, g.dir, 1000);
	assert_true(merkle_root_of(&s, 1000, &got));
	assert_int_equal(tile_load(g.dir, 1000, 1000, t), FAULT_NONE);
	merkle_root(t, &want);
	assert_memory_equal(&got, &want, sizeof(got));
	/* an older tree's last tiles are within the newer one's */
	assert_true(merkle_root_of(&s, 700, &want));
	assert_int_equal(tile_load(g.dir, 700, 1000, t), FAULT_NONE);
	merkle_root(t, &got);
	assert_memory_equal(&got, &want, sizeof(got));
	assert_false(merkle_root_of(&s, 1001, &got));
	rig_drop(&g, "tiles/tile/0/002");
	s = tile_source(c, g.dir, 1000);
	assert_false(merkle_root_of(&s, 700, &got));
	rig_end(&g);
	mem_free(c);
	mem_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_those_of_tlog_tiles),
		cmocka_unit_test(tiles_are_read_as_they_were_written),
		cmocka_unit_test(partial_tiles_go_when_they_are_of_no_use),
		cmocka_unit_test(a_source_knows_what_the_tiles_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
