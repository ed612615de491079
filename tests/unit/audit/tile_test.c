#include "audit/rig.h"

static void
paths_are_those_of_tlog_tiles(void **state)
{
	static const struct {
		unsigned level, width;
		uint64_t n;
		const char *path;
	} rows[] = {
		{ 0, 256, 0, "tile/0/000" },
		{ 0, 256, 7, "tile/0/007" },
		{ 1, 256, 999, "tile/1/999" },
		{ 0, 256, 1000, "tile/0/x001/000" },
		{ 0, 256, 1234067, "tile/0/x001/x234/067" },
		{ 3, 1, 273, "tile/3/273.p/1" },
		{ 0, 255, 1000000, "tile/0/x001/x000/000.p/255" },
		{ 7, 256, UINT64_MAX,
		    "tile/7/x018/x446/x744/x073/x709/x551/615" },
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
names_have_one_spelling(void **state)
{
	static const char *const bad[] = { "", "0", "0/", "0/1", "0/0001",
		"8/000", "-1/000", "0/x001", "0/x001/", "0/x01/000",
		"0/x000/001", "0/000.p/", "0/000.p/0", "0/000.p/256",
		"0/000.p/01", "0/000/", "0/000.p/1/", " 0/000", "00/000",
		"0/x018/x446/x744/x073/x709/x551/616",
		"0/99999999999999999999999" };
	unsigned level, width;
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_false(
		    tile_path_parse(slice_of(bad[i]), &level, &n, &width));
	assert_true(tile_path_parse(S("0/x001/x234/067"), &level, &n, &width));
	assert_int_equal(n, 1234067);
	assert_int_equal(level, 0);
	assert_int_equal(width, 256);
	assert_true(tile_path_parse(S("3/273.p/1"), &level, &n, &width));
	assert_int_equal(n, 273);
	assert_int_equal(level, 3);
	assert_int_equal(width, 1);
}

static void
tiles_are_read_as_they_were_written(void **state)
{
	struct merkle_hash h[MERKLE_WIDTH], got[MERKLE_WIDTH];
	const uint64_t size = 3 * 256 + 17;
	struct tiles t = { 0 };
	struct rig g;
	unsigned width;

	(void)state;
	rig_begin(&g);
	fill(h, MERKLE_WIDTH);
	assert_int_equal(
	    tile_read(g.dir, size, 0, 2, got, &width), FAULT_NOT_FOUND);
	assert_int_equal(tiles_put(&t, g.dir, 0, 512, h, 256), FAULT_NONE);
	assert_int_equal(tiles_put(&t, g.dir, 0, 768, h, 17), FAULT_NONE);
	assert_int_equal(tiles_put(&t, g.dir, 1, 0, h, 3), FAULT_NONE);
	assert_int_equal(tiles_sync(&t), FAULT_NONE);
	assert_int_equal(tile_read(g.dir, size, 0, 2, got, &width), FAULT_NONE);
	assert_int_equal(width, 256);
	assert_memory_equal(h, got, sizeof(h));
	assert_int_equal(tile_read(g.dir, size, 0, 3, got, &width), FAULT_NONE);
	assert_int_equal(width, 17);
	assert_memory_equal(h, got, 17 * sizeof(h[0]));
	assert_int_equal(
	    tile_read(g.dir, size + 1, 0, 3, got, &width), FAULT_DATA);
	assert_int_equal(
	    tile_read(g.dir, size, 0, 4, got, &width), FAULT_NOT_FOUND);
	/* an older tree's last tile is the beginning of a newer one's */
	assert_int_equal(
	    tile_read(g.dir, 2 * 256 + 5, 0, 2, got, &width), FAULT_NONE);
	assert_int_equal(width, 5);
	assert_int_equal(tile_read(g.dir, size, 1, 0, got, &width), FAULT_NONE);
	assert_int_equal(width, 3);
	/* over what stood there */
	assert_int_equal(tiles_put(&t, g.dir, 0, 768, h + 5, 1), FAULT_NONE);
	assert_int_equal(tile_hashes(g.dir, 0, 768, 2, got), FAULT_NONE);
	assert_memory_equal(got, h + 5, sizeof(h[0]));
	assert_memory_equal(got + 1, h + 1, sizeof(h[0]));
	tiles_close(&t);
	tiles_close(&t);
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
	assert_int_equal(tile_load(g.dir, 1000, t), FAULT_NONE);
	merkle_root(t, &want);
	assert_memory_equal(&got, &want, sizeof(got));
	/* an older tree's last tiles are within the newer one's */
	assert_true(merkle_root_of(&s, 700, &want));
	assert_int_equal(tile_load(g.dir, 700, t), FAULT_NONE);
	merkle_root(t, &got);
	assert_memory_equal(&got, &want, sizeof(got));
	assert_false(merkle_root_of(&s, 1001, &got));
	rig_cut(&g, FILES_LEVELS "/0", 600 * MERKLE_HASH);
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
		cmocka_unit_test(names_have_one_spelling),
		cmocka_unit_test(tiles_are_read_as_they_were_written),
		cmocka_unit_test(a_source_knows_what_the_tiles_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
