/*
 * incidents.c - what should not have happened
 *
 * A crash also says whose call it was and until when that call is refused, as
 * far as that is known: the shared table has what is in force, the log what
 * was.
 */
#include <stdio.h>

#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/scope.h"
#include "base/clock.h"
#include "model/ident.h"
#include "shm/poison.h"
#include "store/store.h"

enum { NUMBERS = 8, CRASH_CODE = 50 };

static const struct {
	unsigned code;
	const char *name, *text;
} rows[] = {
#define INCIDENT(number, NAME, text) { number, #NAME, text },
#include "model/incidents.def"
#undef INCIDENT
};

/* "[1,2,3]", as the recorder writes it; returns how many. */
static unsigned
read_numbers(struct slice text, uint64_t n[NUMBERS])
{
	struct slice head, tail;
	unsigned count = 0;

	if (text.len < 2)
		return 0;
	tail = (struct slice){ text.p + 1, text.len - 2 };
	while (tail.len > 0 && count < NUMBERS) {
		if (!slice_cut(tail, ',', &head, &tail)) {
			head = tail;
			tail = S("");
		}
		if (!slice_u64(slice_trim(head), &n[count]))
			return count;
		count++;
	}
	return count;
}

static void
write_crash(
    struct api *a, struct buf *b, const uint64_t n[NUMBERS], int64_t at_ns)
{
	const struct shm *m = &a->c->shm;
	char key[KEY_ID_TEXT + 1];

	if (n[1] != 0) {
		key_id_write(n[1], key);
		json_w_kstr(b, "key", slice_of(key));
	}
	json_w_ku64(b, "signal", n[3]);
	if (n[2] != 0 && poison_find(m, n[1], n[2], clock_mono_ns()) == n[0])
		scope_write_time(b, "refused_until", at_ns + POISON_NS);
}

static void
write_row(struct api *a, struct buf *b, struct stmt *q)
{
	const unsigned code = (unsigned)stmt_get_i64(q, 2);
	uint64_t n[NUMBERS] = { 0 };
	const unsigned count = read_numbers(stmt_get(q, 3), n);
	char id[24];
	unsigned i;

	snprintf(id, sizeof(id), "%016llx",
	    code == CRASH_CODE ? (unsigned long long)n[0]
			       : (unsigned long long)stmt_get_u64(q, 0));
	json_w_begin(b, '{');
	json_w_kstr(b, "id", slice_of(id));
	scope_write_time(b, "at", stmt_get_i64(q, 1));
	json_w_ku64(b, "code", code);
	for (i = 0; i < NELEM(rows); i++) {
		if (rows[i].code != code)
			continue;
		json_w_kstr(b, "name", slice_of(rows[i].name));
		json_w_kstr(b, "text", slice_of(rows[i].text));
	}
	json_w_key(b, "numbers");
	json_w_begin(b, '[');
	for (i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "%llu", (unsigned long long)n[i]);
		json_w_str(b, slice_of(id));
	}
	json_w_end(b, ']');
	if (code == CRASH_CODE)
		write_crash(a, b, n, stmt_get_i64(q, 1));
	json_w_end(b, '}');
}

void
incidents_list(struct api *a)
{
	struct api_list l;
	struct stmt *q;

	if (!api_list_begin(a, &l, "incidents"))
		return;
	q = store_sql(l.store,
	    "SELECT place, at_ns, code, numbers FROM incidents"
	    " WHERE place < ? ORDER BY place DESC");
	stmt_i64(q, 1, l.page.after == INT64_MIN ? INT64_MAX : l.page.after);
	while (stmt_step(q) && api_page_take(&l.page, stmt_get_i64(q, 0)))
		write_row(a, &l.out, q);
	api_list_end(a, &l);
}
