#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { STATEMENTS_MAX = 128, BUSY_MS = 1500 };

struct stmt {
	struct store *store;
	const char *text;
	sqlite3_stmt *s;
};

struct store {
	sqlite3 *db;
	enum fault fault;
	char error[200];
	size_t n;
	struct stmt stmt[STATEMENTS_MAX];
};

static const struct {
	int number;
	const char *sql;
} migrations[] = {
#define MIGRATION(number, sql) { number, sql },
#include "store/migrations.def"
#undef MIGRATION
};

static void
failed(struct store *s, int rc)
{
	if (s->fault != FAULT_NONE)
		return;
	s->fault = (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB
		       ? FAULT_DATA
		       : FAULT_DISK;
	(void)snprintf(s->error, sizeof(s->error), "%s", sqlite3_errmsg(s->db));
}

static bool
exec(struct store *s, const char *sql)
{
	const int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		failed(s, rc);
	return rc == SQLITE_OK;
}

/* --- opening -------------------------------------------------------------- */

static int64_t
version_of(struct store *s)
{
	struct stmt *q = store_sql(s, "SELECT coalesce(max(number), 0)"
				      " FROM migrations");

	return stmt_step(q) ? stmt_get_i64(q, 0) : -1;
}

static bool
migrate(struct store *s)
{
	int64_t version;
	struct stmt *q;
	size_t i;

	if (!exec(s, "CREATE TABLE IF NOT EXISTS migrations ("
		     "number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL)"
		     " STRICT"))
		return false;
	version = version_of(s);
	if (version < 0)
		return false;
	if (version > migrations[NELEM(migrations) - 1].number) {
		s->fault = FAULT_DATA;
		(void)snprintf(s->error, sizeof(s->error),
		    "the store is of a later version of kontor");
		return false;
	}
	for (i = 0; i < NELEM(migrations); i++) {
		if (migrations[i].number <= version)
			continue;
		store_begin(s);
		exec(s, migrations[i].sql);
		q = store_sql(s, "INSERT INTO migrations VALUES (?, ?)");
		stmt_i64(q, 1, migrations[i].number);
		stmt_i64(q, 2, clock_wall_ns());
		stmt_run(q);
		if (store_commit(s) != FAULT_NONE)
			return false;
	}
	return true;
}

static struct store *
open_file(const char *path, int flags)
{
	struct store *s = NEW(struct store);
	const int rc =
	    sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK)
		failed(s, rc);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	/* Who is sealed has no folder for what it sorts. */
	if (s->fault == FAULT_NONE)
		exec(s, "PRAGMA temp_store=MEMORY");
	return s;
}

static enum fault
opened(struct store **s, bool ok, struct store **out)
{
	const enum fault fault = (*s)->fault;

	*out = NULL;
	if (!ok) {
		log_debug("store: %s", (*s)->error);
		store_close(s);
		return fault != FAULT_NONE ? fault : FAULT_DATA;
	}
	*out = *s;
	*s = NULL;
	return FAULT_NONE;
}

/*
 * synchronous=FULL: a cursor that was committed must not come back older
 * than the log's frames it promises.  Only this connection checkpoints.
 */
enum fault
store_open(const char *path, struct store **out)
{
	struct store *s =
	    open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	const bool ok = s->fault == FAULT_NONE &&
			exec(s, "PRAGMA journal_mode=WAL") &&
			exec(s, "PRAGMA synchronous=FULL") &&
			exec(s, "PRAGMA wal_autocheckpoint=0") &&
			exec(s, "PRAGMA cache_size=-1024") &&
			exec(s, "PRAGMA foreign_keys=OFF") && migrate(s);

	return opened(&s, ok, out);
}

enum fault
store_open_read(const char *path, struct store **out)
{
	struct store *s;
	int64_t version;
	bool ok;

	*out = NULL;
	if (access(path, F_OK) != 0)
		return errno == ENOENT ? FAULT_NOT_FOUND : FAULT_DISK;
	s = open_file(path, SQLITE_OPEN_READONLY);
	ok = s->fault == FAULT_NONE && exec(s, "PRAGMA query_only=1");
	if (ok) {
		version = version_of(s);
		ok = version == migrations[NELEM(migrations) - 1].number;
	}
	return opened(&s, ok, out);
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;
	size_t i;

	if (s == NULL)
		return;
	*sp = NULL;
	for (i = 0; i < s->n; i++)
		sqlite3_finalize(s->stmt[i].s);
	sqlite3_close(s->db);
	mem_free(s);
}

/* --- transactions --------------------------------------------------------- */

/* A statement that stands at a row keeps its view of the store open. */
static void
reset_all(struct store *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		sqlite3_reset(s->stmt[i].s);
}

void
store_begin(struct store *s)
{
	s->fault = FAULT_NONE;
	s->error[0] = '\0';
	exec(s,
	    sqlite3_db_readonly(s->db, "main") ? "BEGIN" : "BEGIN IMMEDIATE");
}

void
store_rollback(struct store *s)
{
	reset_all(s);
	if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

enum fault
store_commit(struct store *s)
{
	reset_all(s);
	if (s->fault == FAULT_NONE)
		exec(s, "COMMIT");
	if (s->fault != FAULT_NONE)
		store_rollback(s);
	return s->fault;
}

enum fault
store_fault(const struct store *s)
{
	return s->fault;
}

const char *
store_error(const struct store *s)
{
	return s->error;
}

void
store_checkpoint(struct store *s)
{
	reset_all(s);
	(void)sqlite3_wal_checkpoint_v2(
	    s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* --- statements ----------------------------------------------------------- */

struct stmt *
store_sql(struct store *s, const char *literal)
{
	struct stmt *q;
	size_t i;
	int rc;

	for (i = 0; i < s->n; i++) {
		if (s->stmt[i].text == literal) {
			sqlite3_reset(s->stmt[i].s);
			sqlite3_clear_bindings(s->stmt[i].s);
			return &s->stmt[i];
		}
	}
	CHECK(s->n < STATEMENTS_MAX);
	q = &s->stmt[s->n];
	q->store = s;
	rc = sqlite3_prepare_v3(
	    s->db, literal, -1, SQLITE_PREPARE_PERSISTENT, &q->s, NULL);
	if (rc != SQLITE_OK) {
		failed(s, rc);
		q->s = NULL; /* not kept: it may succeed later */
		return q;
	}
	q->text = literal;
	s->n++;
	return q;
}

void
stmt_i64(struct stmt *q, int i, int64_t v)
{
	if (q->s != NULL)
		(void)sqlite3_bind_int64(q->s, i, v);
}

void
stmt_u64(struct stmt *q, int i, uint64_t v)
{
	stmt_i64(q, i, (int64_t)v);
}

void
stmt_text(struct stmt *q, int i, struct slice v)
{
	if (q->s != NULL)
		(void)sqlite3_bind_text64(q->s, i, v.p != NULL ? v.p : "",
		    v.len, SQLITE_STATIC, SQLITE_UTF8);
}

void
stmt_blob(struct stmt *q, int i, struct slice v)
{
	if (q->s != NULL)
		(void)sqlite3_bind_blob64(
		    q->s, i, v.p != NULL ? v.p : "", v.len, SQLITE_STATIC);
}

bool
stmt_step(struct stmt *q)
{
	int rc;

	if (q->s == NULL || q->store->fault != FAULT_NONE)
		return false;
	rc = sqlite3_step(q->s);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		failed(q->store, rc);
	sqlite3_reset(q->s);
	return false;
}

void
stmt_run(struct stmt *q)
{
	while (stmt_step(q))
		;
}

int64_t
stmt_get_i64(struct stmt *q, int i)
{
	return sqlite3_column_int64(q->s, i);
}

uint64_t
stmt_get_u64(struct stmt *q, int i)
{
	return (uint64_t)sqlite3_column_int64(q->s, i);
}

struct slice
stmt_get(struct stmt *q, int i)
{
	const void *p = sqlite3_column_blob(q->s, i);

	return (struct slice){ p != NULL ? p : "",
		(size_t)sqlite3_column_bytes(q->s, i) };
}
