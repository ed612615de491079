#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "recorder/control_priv.h"
#include "recorder/correct.h"

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

/* "KEY.BODY", digests: who asked for what by which key, and with what body. */
static void
split_idem(struct slice idem, struct slice *key, struct slice *asked)
{
	const char *dot = idem.len > 0 ? memchr(idem.p, '.', idem.len) : NULL;
	const size_t len = dot != NULL ? (size_t)(dot - idem.p) : idem.len;

	*key = (struct slice){ idem.p, len };
	*asked =
	    dot != NULL ? (struct slice){ dot + 1, idem.len - len - 1 } : S("");
}

/* A row of an older version has no asked: it is taken as the same. */
static void
give_again(
    struct slice text, struct slice was, struct slice asked, struct reply *p)
{
	if (was.len > 0 && !slice_eq(was, asked))
		control_refuse(p, FAULT_CONFLICT,
		    "the idempotency key was used for another body");
	else
		buf_add(&p->extra, text);
}

static bool
answered(struct recorder *r, struct slice idem, struct reply *p)
{
	struct slice key, asked;
	const struct answer *a;
	struct stmt *q;

	if (idem.len == 0)
		return false;
	split_idem(idem, &key, &asked);
	for (a = r->answers; a != NULL; a = a->next) {
		if (slice_eq(slice_of(a->key), key)) {
			give_again(
			    slice_of(a->text), slice_of(a->asked), asked, p);
			return true;
		}
	}
	q = store_sql(
	    r->store, "SELECT answer, asked FROM idempotency WHERE key = ?");
	stmt_text(q, 1, key);
	if (!stmt_step(q))
		return false;
	give_again(stmt_get(q, 0), stmt_get(q, 1), asked, p);
	return true;
}

void
control_remember(
    struct recorder *r, const struct json *j, const struct reply *p)
{
	const struct slice idem = json_get_str(j, "idem");
	struct slice key, asked;
	struct answer *a;

	if (idem.len == 0)
		return;
	split_idem(idem, &key, &asked);
	a = NEW(struct answer);
	a->key = mem_dup(key);
	a->asked = mem_dup(asked);
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
	control_refuse(p, FAULT_LOG,
	    "the log or the store cannot be written; it may still come about "
	    "when they can: ask again with the same idempotency key");
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
	(void)control_durable(r, p);
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
correct(struct recorder *r, const struct json *j, struct reply *p)
{
	const char *text = NULL;
	enum fault fault;

	if (control_again(r, j, p) || p->fault != FAULT_NONE)
		return;
	fault = correct_attempt(r, j, &p->extra, &text);
	if (fault != FAULT_NONE) {
		control_refuse(p, fault, text);
	} else if (!json_get_bool(j, "plan", false)) {
		control_remember(r, j, p);
		(void)control_durable(r, p);
	}
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
	{ "correct", correct },
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
	{ "comparison_save", control_note_save },
	{ "comparison_delete", control_note_delete },
};

/* While the disk refuses, nothing is begun that it would have to keep; but
 * to revoke is never refused. */
static bool
can_begin(struct recorder *r, control_f *run, struct reply *p)
{
	if ((!r->log_failing && !r->store_failing) || run == barrier ||
	    run == control_key_revoke || commit_all(r) == FAULT_NONE)
		return true;
	control_refuse(p, FAULT_LOG,
	    "the log or the store cannot be written; nothing was changed");
	return false;
}

static void
run_op(struct recorder *r, const struct json *j, struct reply *p)
{
	const struct slice name = json_get_str(j, "op");
	size_t i;

	for (i = 0; i < NELEM(ops); i++) {
		if (slice_eq(slice_of(ops[i].name), name)) {
			if (can_begin(r, ops[i].run, p))
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
