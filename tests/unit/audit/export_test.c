#include "audit/rig.h"

#include "audit/export.h"

static void
an_export_is_static_tiles_and_grows(void **state)
{
	struct export_result r;
	struct buf b = { 0 };
	struct rig g;
	char out[FILES_PATH];

	(void)state;
	rig_begin(&g);
	assert_true(files_path(g.dir, "out", out));
	assert_int_equal(mkdir(out, 0700), 0);
	rig_add(&g, 700);
	rig_flush(&g);
	rig_turn(&g, 1);
	assert_int_equal(audit_export(g.dir, out, &r), FAULT_NONE);
	assert_int_equal(r.size, 700);
	assert_int_equal(r.tiles, 4);
	assert_true(rig_has(&g, "out/tile/0/001"));
	assert_true(rig_has(&g, "out/tile/0/002.p/188"));
	assert_true(rig_has(&g, "out/tile/1/000.p/2"));
	assert_true(rig_has(&g, "out/key"));
	assert_int_equal(
	    files_read(g.dir, "out/tile/0/001", 8192, &b), FAULT_NONE);
	assert_int_equal(b.len, 8192);
	rig_add(&g, 100);
	rig_flush(&g);
	rig_turn(&g, 1);
	assert_int_equal(audit_export(g.dir, out, &r), FAULT_NONE);
	assert_int_equal(r.size, 800);
	assert_int_equal(r.tiles, 3); /* one whole, two partial */
	buf_clear(&b);
	assert_int_equal(
	    files_read(g.dir, FILES_CURRENT, NOTE_MAX, &b), FAULT_NONE);
	{
		struct buf c = { 0 };

		assert_int_equal(
		    files_read(out, "checkpoint", NOTE_MAX, &c), FAULT_NONE);
		assert_true(slice_eq(buf_slice(&b), buf_slice(&c)));
		buf_fini(&c);
	}
	buf_fini(&b);
	rig_end(&g);
}

static void
what_is_damaged_is_not_exported(void **state)
{
	struct export_result r;
	struct rig g;

	(void)state;
	rig_begin(&g);
	rig_add(&g, 300);
	rig_flush(&g);
	rig_turn(&g, 1);
	assert_int_equal(audit_export(g.dir, "/proc/none", &r), FAULT_DISK);
	rig_cut(&g, FILES_LEVELS "/0", 8000);
	assert_int_equal(audit_export(g.dir, g.dir, &r), FAULT_DATA);
	rig_flip(&g, FILES_CURRENT, 25);
	assert_int_equal(audit_export(g.dir, g.dir, &r), FAULT_DATA);
	assert_int_equal(audit_export("/nowhere", g.dir, &r), FAULT_NOT_FOUND);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_export_is_static_tiles_and_grows),
		cmocka_unit_test(what_is_damaged_is_not_exported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
