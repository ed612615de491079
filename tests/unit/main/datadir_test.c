#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "main/config.h"
#include "main/datadir.h"

static char top[] = "/tmp/kontor-datadir-XX"
		    "XX"
		    "XX";
static char dir[64];

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static int
make(void **state)
{
	(void)state;
	log_sink = quiet;
	if (mkdtemp(top) == NULL)
		return 1;
	snprintf(dir, sizeof(dir), "%s/a/b", top);
	return 0;
}

static int
clear(void **state)
{
	static const char *const names[] = { "node", "boot", "boot.lock",
		"run.json", "admin.token" };
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
	snprintf(path, sizeof(path), "%s/a", top);
	rmdir(path);
	return rmdir(top);
}

static mode_t
mode_of(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void
the_node_stays_and_the_boot_counts(void **state)
{
	uint32_t node, again, boot;

	(void)state;
	assert_true(datadir_open(dir, &node, &boot));
	assert_true(node != 0 && boot == 1);
	assert_true(datadir_open(dir, &again, &boot));
	assert_true(again == node && boot == 2);
	assert_int_equal(mode_of(""), 0700);
}

static void
a_damaged_count_is_not_started_over(void **state)
{
	uint32_t node, boot;

	(void)state;
	assert_true(datadir_write(dir, "boot", S("7x\n"), 0600));
	assert_false(datadir_open(dir, &node, &boot));
	assert_true(datadir_write(dir, "boot", S("7\n"), 0600));
	assert_true(datadir_open(dir, &node, &boot));
	assert_int_equal(boot, 8);
}

static void
each_start_has_a_token_that_others_cannot_read(void **state)
{
	struct buf one = { 0 }, two = { 0 };
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/admin.token", dir);
	assert_true(datadir_publish(dir, "http://g", "http://a", ""));
	assert_true(config_file_read(path, 1000, &one));
	assert_true(datadir_publish(dir, "http://g", "http://a", "pin"));
	assert_true(config_file_read(path, 1000, &two));
	assert_true(one.len >= 64);
	assert_string_not_equal(buf_cstr(&one), buf_cstr(&two));
	assert_int_equal(mode_of("admin.token"), 0600);
	assert_int_equal(datadir_pid(dir), getpid());
	datadir_unpublish(dir);
	assert_int_equal(datadir_pid(dir), 0);
	assert_int_equal(access(path, F_OK), -1);
	buf_fini(&one);
	buf_fini(&two);
}

static void
what_another_instance_published_stays(void **state)
{
	(void)state;
	assert_true(datadir_write(dir, "run.json", S("{\"pid\":1}"), 0600));
	datadir_unpublish(dir);
	assert_int_equal(datadir_pid(dir), 1);
	assert_false(datadir_runs(getpid()));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_node_stays_and_the_boot_counts),
		cmocka_unit_test(a_damaged_count_is_not_started_over),
		cmocka_unit_test(
		    each_start_has_a_token_that_others_cannot_read),
		cmocka_unit_test(what_another_instance_published_stays),
	};

	return cmocka_run_group_tests(tests, make, clear);
}
