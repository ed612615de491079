#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "store/store.h"

static char dir[64], path[80];

static int
make(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/kontor-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	return 0;
}

static int
drop(void **state)
{
	char cmd[100];

	(void)state;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static int64_t
number(struct store *s, const char *literal)
{
	struct stmt *q = store_sql(s, literal);

	return stmt_step(q) ? stmt_get_i64(q, 0) : -1;
}

static void
migrations_run_once_and_a_later_version_is_refused(void **state)
{
#define MIGRATION(number, sql) +1
	const int all =
#include "store/migrations.def"
	    ;
#undef MIGRATION
	struct store *s;

	(void)state;
	assert_int_equal(store_open(path, &s), FAULT_NONE);
	store_close(&s);
	assert_int_equal(store_open(path, &s), FAULT_NONE);
	assert_int_equal(number(s, "SELECT count(*) FROM migrations"), all);
	store_begin(s);
	stmt_run(store_sql(s, "INSERT INTO migrations VALUES (9999, 0)"));
	assert_int_equal(store_commit(s), FAULT_NONE);
	store_close(&s);
	assert_int_equal(store_open(path, &s), FAULT_DATA);
	assert_int_equal(store_open_read(path, &s), FAULT_DATA);
}

static void
a_reader_cannot_write_and_sees_one_view(void **state)
{
	struct store *w, *r;

	(void)state;
	assert_int_equal(store_open_read(path, &r), FAULT_NOT_FOUND);
	assert_int_equal(store_open(path, &w), FAULT_NONE);
	assert_int_equal(store_open_read(path, &r), FAULT_NONE);
	store_begin(r);
	assert_int_equal(number(r, "SELECT count(*) FROM meta"), 0);
	store_begin(w);
	stmt_run(store_sql(w, "INSERT INTO meta VALUES ('x', 1)"));
	assert_int_equal(store_commit(w), FAULT_NONE);
	assert_int_equal(number(r, "SELECT count(*) FROM meta"), 0);
	assert_int_equal(store_commit(r), FAULT_NONE);
	assert_int_equal(number(r, "SELECT count(*) FROM meta"), 1);
	store_begin(r);
	stmt_run(store_sql(r, "DELETE FROM meta"));
	assert_int_equal(store_commit(r), FAULT_DISK);
	store_close(&r);
	store_close(&w);
}

static void
a_failed_step_fails_the_whole_transaction(void **state)
{
	struct store *s;
	struct stmt *q;

	(void)state;
	assert_int_equal(store_open(path, &s), FAULT_NONE);
	store_begin(s);
	stmt_run(store_sql(s, "INSERT INTO meta VALUES ('a', 1)"));
	q = store_sql(s, "INSERT INTO meta VALUES (?, ?)");
	stmt_text(q, 1, S("a"));
	stmt_i64(q, 2, 2);
	stmt_run(q);
	stmt_run(store_sql(s, "INSERT INTO meta VALUES ('b', 1)"));
	assert_int_equal(store_commit(s), FAULT_DISK);
	assert_true(strlen(store_error(s)) > 0);
	store_begin(s);
	assert_int_equal(number(s, "SELECT count(*) FROM meta"), 0);
	assert_int_equal(store_commit(s), FAULT_NONE);
	store_close(&s);
}

static void
what_is_no_store_is_said_to_be_none(void **state)
{
	struct store *s;
	FILE *f = fopen(path, "w");
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		(void)fputs("this is no database ", f);
	(void)fclose(f);
	assert_int_equal(store_open(path, &s), FAULT_DATA);
	assert_null(s);
}

static void
the_embedded_migrations_are_those_of_db(void **state)
{
	char cmd[4096];
	const char *tests = getenv("KONTOR_TESTS");

	(void)state;
	if (tests == NULL) {
		print_message("KONTOR_TESTS is not set\n");
		skip();
	}
	(void)snprintf(cmd, sizeof(cmd),
	    "cd '%.2000s/..' && sh tools/migrations.sh '%.60s/b' && "
	    "cmp src/store/migrations.def '%.60s/b'",
	    tests, dir, dir);
	assert_int_equal(system(cmd), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, make, drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(migrations_run_once_and_a_later_version_is_refused),
		CASE(a_reader_cannot_write_and_sees_one_view),
		CASE(a_failed_step_fails_the_whole_transaction),
		CASE(what_is_no_store_is_said_to_be_none),
		CASE(the_embedded_migrations_are_those_of_db),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
