#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "recorder/control_priv.h"

#include <stdarg.h>
#include <stdio.h>

void
control_refuse(struct reply *p, enum fault fault, const char *text)
{
	if (p->fault == FAULT_NONE) {
		p->fault = fault;
		p->text = text;
	}
}

void
control_refuse_fmt(struct reply *p, enum fault fault, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (p->fault != FAULT_NONE)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	control_refuse(p, fault, arena_str(p->arena, slice_of(text)));
}

/* --- answers that are given again
 * --------------------------------------------------*/

static bool
answered(struct recorder *r, struct slice idem, struct reply *p)
{
	const struct answer *a;
	struct stmt *q;

	if (idem.len == 0)
		return false;
	for (a = r->answers; a != NULL; a = a->next) {
		if (slice_eq(slice_of(a->key), idem)) {
			buf_str(&p->extra, a->text);
			return true;
		}
	}
	q = store_sql(r->store, "SELECT answer FROM idempotency WHERE key = ?");
	stmt_text(q, 1, idem);
	if (!stmt_step(q))
		return false;
	buf_add(&p->extra, stmt_get(q, 0));
	return true;
}

void
control_remember(
    struct recorder *r, const struct json *j, const struct reply *p)
{
	const struct slice idem = json_get_str(j, "idem");
	struct answer *a;

	if (idem.len == 0)
		return;
	a = NEW(struct answer);
	a->key = mem_dup(idem);
	a->text = mem_dup(buf_slice(&p->extra));
	a->next = r->answers;
	r->answers = a;
	r->dirty_rows++;
}

/* Log and store first, then the tables: what is granted is never forgotten. */
bool
control_durable(struct recorder *r, struct reply *p)
{
	if (commit_all(r) == FAULT_NONE)
		return true;
	r->unpublished = true;
	control_refuse(p, FAULT_LOG, "the log or the store cannot be written");
	return false;
}

/*
 * Asked again, perhaps because the first answer was a fault of the disk: what
 * was written then is made good now.
 */
bool
control_again(struct recorder *r, const struct json *j, struct reply *p)
{
	const struct slice idem = json_get_str(j, "idem");

	if (idem.len > IDEM_MAX_LEN)
		control_refuse(p, FAULT_FIELD, "idem is too long");
	if (p->fault != FAULT_NONE || !answered(r, idem, p))
		return false;
	if (control_durable(r, p) && r->unpublished) {
		nouns_publish(r);
		r->unpublished = false;
	}
	return true;
}

void
control_say(struct reply *p, const char *key, struct slice text)
{
	struct buf b = { 0 };

	json_w_str(&b, text);
	buf_fmt(&p->extra, ",\"%s\":", key);
	buf_add(&p->extra, buf_slice(&b));
	buf_fini(&b);
}

void
control_say_id(struct reply *p, const char *key, uint64_t id)
{
	buf_fmt(&p->extra, ",\"%s\":\"%llu\"", key, (unsigned long long)id);
}

static void
barrier(struct recorder *r, const struct json *j, struct reply *p)
{
	(void)j;
	if (recorder_barrier(r) != FAULT_NONE)
		control_refuse(
		    p, FAULT_LOG, "the log or the store cannot be written");
}

/* --- the door
 * -----------------------------------------------------------------------*/

static const struct {
	const char *name;
	control_f *run;
} ops[] = {
	{ "barrier", barrier },
	{ "key_create", control_key_create },
	{ "key_revoke", control_key_revoke },
	{ "key_rotate", control_key_rotate },
	{ "subject_create", control_subject_create },
	{ "subject_rename", control_subject_rename },
	{ "subject_close", control_subject_close },
	{ "budget_set", control_budget_set },
	{ "budget_change", control_budget_change },
	{ "budget_close", control_budget_close },
	{ "limit_set", control_limit_set },
	{ "limit_close", control_limit_close },
};

static void
run_op(struct recorder *r, const struct json *j, struct reply *p)
{
	const struct slice name = json_get_str(j, "op");
	size_t i;

	for (i = 0; i < NELEM(ops); i++) {
		if (slice_eq(slice_of(ops[i].name), name)) {
			ops[i].run(r, j, p);
			return;
		}
	}
	control_refuse(p, FAULT_FIELD, "there is no such op");
}

void
recorder_control(struct recorder *r, struct slice request, struct buf *answer)
{
	struct arena a = { 0 };
	struct reply p = { .fault = FAULT_NONE, .arena = &a };
	struct json *j = NULL;
	int64_t n = 0;

	if (json_parse(&a, request, &j) != FAULT_NONE)
		control_refuse(&p, FAULT_JSON, "the message is not JSON");
	else
		run_op(r, j, &p);
	(void)json_get_i64(j, "n", &n);
	json_w_begin(answer, '{');
	json_w_ki64(answer, "n", n);
	json_w_kbool(answer, "ok", p.fault == FAULT_NONE);
	if (p.fault != FAULT_NONE) {
		json_w_kstr(
		    answer, "fault", slice_of(fault_get(p.fault)->name));
		json_w_kstr(answer, "text", slice_of(p.text));
	} else {
		buf_add(answer, buf_slice(&p.extra));
	}
	json_w_end(answer, '}');
	buf_fini(&p.extra);
	arena_fini(&a);
}
