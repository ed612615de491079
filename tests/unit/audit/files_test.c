#include "audit/rig.h"

static void
a_file_is_replaced_whole_and_read_within_its_limit(void **state)
{
	struct buf b = { 0 };
	struct rig g;
	struct stat st;
	char path[FILES_PATH];

	(void)state;
	rig_begin(&g);
	assert_int_equal(files_read(g.dir, "none", 10, &b), FAULT_NOT_FOUND);
	assert_int_equal(
	    files_replace(g.dir, "one", S("first"), 0600), FAULT_NONE);
	assert_int_equal(
	    files_replace(g.dir, "one", S("second"), 0600), FAULT_NONE);
	assert_int_equal(files_read(g.dir, "one", 5, &b), FAULT_DATA);
	assert_int_equal(files_read(g.dir, "one", 6, &b), FAULT_NONE);
	assert_string_equal(buf_cstr(&b), "second");
	assert_true(files_path(g.dir, "one", path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(rig_has(&g, "one.tmp"));
	assert_int_equal(
	    files_replace(g.dir, "no/folder", S("x"), 0600), FAULT_DISK);
	assert_true(files_path(g.dir, "new", path));
	assert_int_equal(files_make_folder(path), FAULT_NONE);
	assert_int_equal(files_make_folder(path), FAULT_NONE);
	assert_true(rig_has(&g, "new"));
	assert_int_equal(files_make_folder("no/such"), FAULT_DISK);
	assert_int_equal(chdir(path), 0);
	assert_int_equal(files_make_folder("relative"), FAULT_NONE);
	assert_int_equal(files_make_folder("relative/"), FAULT_NONE);
	assert_int_equal(chdir("/"), 0);
	assert_true(rig_has(&g, "new/relative"));
	assert_int_equal(files_make_folders(g.dir, "a/b/c/file"), FAULT_NONE);
	assert_true(rig_has(&g, "a/b/c"));
	assert_false(rig_has(&g, "a/b/c/file"));
	buf_fini(&b);
	rig_end(&g);
}

static void
appending_cuts_first_and_tails_are_read(void **state)
{
	struct buf b = { 0 };
	struct rig g;
	uint64_t size;
	bool whole;

	(void)state;
	rig_begin(&g);
	assert_int_equal(files_append(g.dir, "h", 0, S("abc")), FAULT_NONE);
	assert_int_equal(files_append(g.dir, "h", 3, S("def")), FAULT_NONE);
	assert_int_equal(files_append(g.dir, "h", 4, S("xy")), FAULT_NONE);
	assert_int_equal(files_size(g.dir, "h", &size), FAULT_NONE);
	assert_int_equal(size, 6);
	assert_int_equal(
	    files_read_tail(g.dir, "h", 3, &b, &whole), FAULT_NONE);
	assert_false(whole);
	assert_string_equal(buf_cstr(&b), "dxy");
	buf_clear(&b);
	assert_int_equal(
	    files_read_tail(g.dir, "h", 6, &b, &whole), FAULT_NONE);
	assert_true(whole);
	assert_string_equal(buf_cstr(&b), "abcdxy");
	buf_fini(&b);
	rig_end(&g);
}

static void
pieces_are_written_over_and_read_whole_or_not(void **state)
{
	struct rig g;
	char out[6];
	int fd;

	(void)state;
	rig_begin(&g);
	assert_int_equal(files_read_at(g.dir, "p", 0, 1, out), FAULT_NOT_FOUND);
	assert_int_equal(files_open(g.dir, "no/p", &fd), FAULT_DISK);
	assert_int_equal(files_open(g.dir, "p", &fd), FAULT_NONE);
	assert_int_equal(files_write_at(fd, 3, S("def")), FAULT_NONE);
	assert_int_equal(files_write_at(fd, 0, S("abc")), FAULT_NONE);
	close(fd);
	assert_int_equal(files_open(g.dir, "p", &fd), FAULT_NONE);
	assert_int_equal(files_write_at(fd, 1, S("X")), FAULT_NONE);
	close(fd);
	assert_int_equal(files_read_at(g.dir, "p", 1, 5, out), FAULT_NONE);
	assert_memory_equal(out, "Xcdef", 5);
	assert_int_equal(files_read_at(g.dir, "p", 1, 6, out), FAULT_DATA);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_file_is_replaced_whole_and_read_within_its_limit),
		cmocka_unit_test(appending_cuts_first_and_tails_are_read),
		cmocka_unit_test(pieces_are_written_over_and_read_whole_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
