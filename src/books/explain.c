#include "books/explain.h"

#include "base/json.h"
#include "books/scan.h"
#include "books/story.h"
#include "model/snapshot.h"

static const struct {
	bool kept;
	const char *text;
} whys[] = {
#define WHY(NAME, kept, text) { kept, text },
#include "model/why.def"
#undef WHY
};

/* --- telling
 * -------------------------------------------------------------------*/

static void
write_candidates(struct buf *b, const struct story *t)
{
	const struct deployment_row *d;
	const struct final *v = &t->final;
	unsigned i, why;

	json_w_key(b, "candidates");
	json_w_begin(b, '[');
	for (i = 0; t->ended && i < v->n && i < FRAME_CANDIDATES; i++) {
		d = scan_deployment(
		    t->scan, v->generation, v->candidate[i].deployment);
		why = v->candidate[i].why;
		json_w_begin(b, '{');
		json_w_kstr(b, "deployment", d != NULL ? d->id : S("?"));
		json_w_kbool(b, "kept", why < NELEM(whys) && whys[why].kept);
		json_w_kstr(b, "why",
		    slice_of(why < NELEM(whys) ? whys[why].text : "?"));
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
}

static const char *
reason_name(enum correction_reason r)
{
	switch (r) {
	case REASON_OPERATOR:
		return "operator";
	case REASON_RECONCILED:
		return "reconciled";
	case REASON_LATE:
		return "late";
	}
	return "?";
}

/* Corrections, in order; the attempt itself is told as they left it. */
static void
write_notes(struct buf *b, const struct told *a)
{
	const struct story_note *n;

	json_w_key(b, "corrections");
	json_w_begin(b, '[');
	for (n = a->note; n != NULL; n = n->next) {
		json_w_begin(b, '{');
		json_w_ki64(b, "number", n->number);
		scan_time(b, "time", n->wall_ns);
		json_w_kstr(b, "reason", slice_of(reason_name(n->reason)));
		json_w_kstr(
		    b, "resolution", slice_of(resolution_name(n->resolution)));
		scan_money(b, "difference", n->difference);
		json_w_kbool(b, "stated", n->stated);
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
}

static void
write_attempts(struct buf *b, const struct story *t)
{
	int64_t hold = 0;
	int128 settled = 0;
	unsigned i;

	json_w_key(b, "attempts");
	json_w_begin(b, '[');
	for (i = 0; i < t->n; i++) {
		const struct told *a = &t->told[i];
		const struct outcome o = story_outcome(a);

		json_w_begin(b, '{');
		scan_write_attempt(
		    b, t->scan, &a->intent, a->closed ? &o : NULL);
		if (a->closed && !a->stated)
			scan_write_lines(b, t->scan, &o);
		write_notes(b, a);
		json_w_end(b, '}');
		if (a->intent.hold > hold)
			hold = a->intent.hold;
		if (a->closed)
			settled += o.effective;
	}
	json_w_end(b, ']');
	scan_money(b, "hold", hold);
	scan_money_sum(b, "settled", settled);
}

/* The model as it was asked for, by any deployment that serves it. */
static void
write_model(struct buf *b, const struct story *t)
{
	const uint64_t generation =
	    t->ended ? t->final.generation : t->told[0].intent.generation;
	const uint64_t hash =
	    t->ended ? t->final.model : t->told[0].intent.model;
	const struct deployment_row *d;
	unsigned i;

	json_w_key(b, "model");
	for (i = 0; (d = scan_deployment(t->scan, generation, i)) != NULL;
	     i++) {
		if (d->model_hash == hash) {
			json_w_str(b, d->model);
			return;
		}
	}
	json_w_null(b);
}

static void
write_end(struct buf *b, const struct story *t)
{
	json_w_kbool(b, "open", !t->ended);
	json_w_key(b, "status");
	if (t->ended)
		json_w_i64(b, t->final.status);
	else
		json_w_null(b);
	json_w_key(b, "fault");
	if (t->ended && t->final.fault != FAULT_NONE)
		json_w_str(b, slice_of(fault_get(t->final.fault)->code));
	else
		json_w_null(b);
	json_w_kbool(b, "client_gone", t->ended && t->final.client_gone);
	json_w_key(b, "total_us");
	if (t->ended)
		json_w_u64(b, t->final.total_us);
	else
		json_w_null(b);
}

/* What the order went by, and the rule that dropped some. */
static void
write_route(struct buf *b, const struct story *t)
{
	char name[8 * FRAME_RULE + 9] = "";
	unsigned i;

	if (!t->ended)
		return;
	if (t->final.strategy < STRATEGIES)
		json_w_kstr(b, "strategy",
		    slice_of(strategy_text((enum strategy)t->final.strategy)));
	json_w_kstr(b, "class",
	    slice_of(class_conf_text((enum call_class)t->final.class)));
	for (i = 0; i < t->final.nrule && i < FRAME_RULE; i++)
		frame_unpack(t->final.rule[i], name + 8 * i);
	if (t->final.nrule > 0)
		json_w_kstr(b, "rule", slice_of(name));
}

static void
write_story(struct buf *b, const struct story *t)
{
	char id[REQID_TEXT + 1];
	const uint64_t key = t->ended ? t->final.key : t->told[0].intent.key;

	reqid_write(&t->id, id);
	json_w_begin(b, '{');
	json_w_kstr(b, "id", slice_of(id));
	scan_time(b, "time", reqid_wall_ms(&t->id) * 1000000);
	scan_key(b, "key", key);
	write_model(b, t);
	write_end(b, t);
	write_route(b, t);
	write_candidates(b, t);
	write_attempts(b, t);
	json_w_end(b, '}');
}

enum fault
explain_request(const char *data_dir, struct store *s, const struct reqid *id,
    struct buf *out)
{
	struct scan scan = { .in_force = 0 };
	struct story t = { .id = *id, .scan = &scan };
	const enum fault fault = story_read(&t, data_dir, s);

	if (fault == FAULT_NONE)
		write_story(out, &t);
	story_fini(&t);
	scan_fini(&scan);
	return fault;
}
