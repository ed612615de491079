/*
 * suspense.c - attempts that stand at their bound, listed and corrected
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/peer.h"
#include "base/clock.h"
#include "books/suspense.h"
#include "httpio/server.h"
#include "model/ident.h"
#include "store/store.h"

enum { SUSPENSE_MAX = 10000, CORRECTION_MAX_LEN = 4096 };

void
suspense_list(struct api *a)
{
	struct store *s = api_store(a);
	struct buf b = { 0 };
	enum fault f;

	if (s == NULL)
		return;
	f = suspense_read(s, clock_wall_ns(), SUSPENSE_MAX, &b);
	if (f == FAULT_NONE) {
		api_reply(a, 200, &b);
	} else {
		buf_fini(&b);
		api_fail(a, f, store_error(s));
	}
	store_close(&s);
}

/* --- correcting ----------------------------------------------------------- */

/* As it was parsed. */
static void
write_value(struct api *a, struct buf *b, const struct json *v)
{
	const bool object = v->type == JSON_OBJECT;
	const struct json *m;

	switch (v->type) {
	case JSON_NULL:
		json_w_null(b);
		return;
	case JSON_FALSE:
	case JSON_TRUE:
		json_w_bool(b, v->type == JSON_TRUE);
		return;
	case JSON_NUMBER:
		json_w_raw(b, v->text);
		return;
	case JSON_STRING:
		json_w_str(b, v->text);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	json_w_begin(b, object ? '{' : '[');
	for (m = v->child; m != NULL; m = m->next) {
		if (object)
			json_w_key(b, arena_str(&a->arena, m->key));
		write_value(a, b, m);
	}
	json_w_end(b, object ? '}' : ']');
}

static void
write_members(struct api *a, struct buf *b, const struct json *j,
    const char *const *but, size_t n)
{
	const struct json *m;
	size_t i;

	for (m = j->child; m != NULL; m = m->next) {
		for (i = 0; i < n && !slice_eq(m->key, slice_of(but[i])); i++)
			;
		if (i < n)
			continue;
		json_w_key(b, arena_str(&a->arena, m->key));
		write_value(a, b, m);
	}
}

static void
then_corrected(struct api *a, const struct json *answer)
{
	static const char *const ours[] = { "n", "ok" };
	struct buf b = { 0 };

	if (!api_agreed(answer)) {
		api_fail_as_told(a, answer);
		return;
	}
	json_w_begin(&b, '{');
	write_members(a, &b, answer, ours, NELEM(ours));
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

static const char *
wrong_body(const struct api *a)
{
	static const char *const known[] = { "usage", "cost", "void",
		"estimated", "reason", "plan" };
	const struct json *m;
	size_t i;

	if (a->body == NULL || a->body->type != JSON_OBJECT)
		return "the body must be a JSON object";
	if (a->x->body.len > CORRECTION_MAX_LEN)
		return "the body is too long for a correction";
	for (m = a->body->child; m != NULL; m = m->next) {
		for (i = 0;
		     i < NELEM(known) && !slice_eq(m->key, slice_of(known[i]));
		     i++)
			;
		if (i == NELEM(known))
			return "known fields are usage, cost, void, estimated, "
			       "reason, plan";
	}
	return NULL;
}

void
suspense_correct(struct api *a)
{
	const char *wrong = wrong_body(a);
	struct buf b = { 0 };
	struct reqid id;
	unsigned n;

	if (wrong != NULL) {
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	if (!attempt_parse(a->segment, &id, &n)) {
		api_fail(a, FAULT_NOT_FOUND,
		    "an attempt's id is req_ and 26 characters, a dash and "
		    "its number");
		return;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "op", S("correct"));
	json_w_kstr(&b, "attempt", a->segment);
	write_members(a, &b, a->body, NULL, 0);
	if (a->idempotency.len > 0)
		json_w_kstr(&b, "idem", a->idempotency);
	json_w_end(&b, '}');
	api_ask_recorder(a, &b, then_corrected);
}
