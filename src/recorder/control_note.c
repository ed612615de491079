/* Saved comparisons: notes in the store, of which no log tells. */
#include "base/clock.h"
#include "recorder/control_priv.h"

enum { NOTES_MAX = 200, NOTE_NAME_MAX = 100, NOTE_BODY_MAX = 12 * 1024 };

static uint64_t
find(struct recorder *r, struct slice name)
{
	struct stmt *q =
	    store_sql(r->store, "SELECT id FROM comparisons WHERE name = ?");

	stmt_text(q, 1, name);
	return stmt_step(q) ? stmt_get_u64(q, 0) : 0;
}

static void
check(struct recorder *r, struct slice name, struct slice body, bool is_new,
    struct reply *p)
{
	struct stmt *q;

	if (name.len == 0 || name.len > NOTE_NAME_MAX || control_text_odd(name))
		control_refuse(p, FAULT_FIELD,
		    "'name' is a text of 1 to 100 bytes on one line");
	if (body.len == 0 || body.len > NOTE_BODY_MAX)
		control_refuse(
		    p, FAULT_FIELD, "'body' is a text of 1 to 12288 bytes");
	if (p->fault != FAULT_NONE || !is_new)
		return;
	q = store_sql(r->store, "SELECT count(*) FROM comparisons");
	if (stmt_step(q) && stmt_get_i64(q, 0) >= NOTES_MAX)
		control_refuse(p, FAULT_OVERLOAD,
		    "200 comparisons are saved already: delete one first");
}

/* The transaction is its own: what else waits is committed before. */
static bool
begin(struct recorder *r, struct reply *p)
{
	if (p->fault == FAULT_NONE && control_durable(r, p))
		store_begin(r->store);
	return p->fault == FAULT_NONE;
}

static void
finish(struct recorder *r, const struct json *j, uint64_t id, const char *did,
    struct reply *p)
{
	if (store_commit(r->store) != FAULT_NONE) {
		control_refuse(
		    p, FAULT_DISK, "the store cannot be written; try again");
		return;
	}
	control_say_id(p, "id", id);
	control_say(p, "did", slice_of(did));
	control_remember(r, j, p);
	(void)control_durable(r, p);
}

/* {"name":"...","body":"..."}: another of this name is replaced. */
void
control_note_save(struct recorder *r, const struct json *j, struct reply *p)
{
	struct slice name, body;
	struct stmt *q;
	uint64_t was;

	if (control_again(r, j, p))
		return;
	name = control_text(j, "name", p);
	body = control_text(j, "body", p);
	was = find(r, name);
	check(r, name, body, was == 0, p);
	if (!begin(r, p))
		return;
	q = store_sql(r->store,
	    "INSERT INTO comparisons (name, saved_ns, body) VALUES (?, ?, ?)"
	    " ON CONFLICT (name) DO UPDATE SET saved_ns = excluded.saved_ns,"
	    " body = excluded.body");
	stmt_text(q, 1, name);
	stmt_i64(q, 2, clock_wall_ns());
	stmt_text(q, 3, body);
	stmt_run(q);
	finish(r, j, find(r, name), was == 0 ? "created" : "changed", p);
}

void
control_note_delete(struct recorder *r, const struct json *j, struct reply *p)
{
	struct stmt *q;
	uint64_t id;

	if (control_again(r, j, p))
		return;
	id = control_id(j, "id", p);
	if (p->fault != FAULT_NONE)
		return;
	q = store_sql(r->store, "SELECT 1 FROM comparisons WHERE id = ?");
	stmt_u64(q, 1, id);
	if (!stmt_step(q)) {
		control_refuse(
		    p, FAULT_NOT_FOUND, "no saved comparison has this id");
		return;
	}
	if (!begin(r, p))
		return;
	q = store_sql(r->store, "DELETE FROM comparisons WHERE id = ?");
	stmt_u64(q, 1, id);
	stmt_run(q);
	finish(r, j, id, "closed", p);
}
