/* log_test.c - lines for the operator */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

static char seen[4096];
static enum log_level level_seen;
static unsigned lines;

static void
on_line(enum log_level level, const char *line)
{
	level_seen = level;
	lines++;
	snprintf(seen, sizeof(seen), "%s", line);
}

static void
only_what_is_loud_enough_is_said(void **state)
{
	(void)state;
	log_sink = on_line;
	log_init("tester", LOG_LVL_WARN);
	lines = 0;
	log_debug("a %d", 1);
	log_info("b %d", 2);
	assert_int_equal(lines, 0);
	log_warn("c %d", 3);
	log_error("d %d", 4);
	assert_int_equal(lines, 2);
	assert_int_equal(level_seen, LOG_LVL_ERROR);
	assert_non_null(strstr(seen, "tester"));
	assert_non_null(strstr(seen, "d 4"));
}

static void
a_line_is_bounded_and_one(void **state)
{
	char big[20000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_sink = on_line;
	log_init("tester", LOG_LVL_INFO);
	lines = 0;
	log_info("%s", big);
	assert_int_equal(lines, 1);
	assert_true(strlen(seen) > 100);
}

static void
what_is_fatal_ends_with_one(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		log_sink = on_line;
		fatal("%s", "no such file");
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_loud_enough_is_said),
		cmocka_unit_test(a_line_is_bounded_and_one),
		cmocka_unit_test(what_is_fatal_ends_with_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
