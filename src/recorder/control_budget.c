/* Budgets: set, changed, closed. */
#include "base/clock.h"
#include "ledger/account.h"
#include "model/ident.h"
#include "recorder/control_priv.h"
#include "shm/atomic.h"

bool
control_budget_room(const struct recorder *r, unsigned more, struct reply *p)
{
	if (more > 0 &&
	    at_load(&r->m->head->naccounts) + more > r->m->sizes.accounts)
		control_refuse(p, FAULT_OVERLOAD,
		    "there is no room for another budget: raise "
		    "limits.max_budgets");
	return p->fault == FAULT_NONE;
}

/* --- frames ----------------------------------------------------------------
 */

static void
append(struct recorder *r, struct account_change *v, const struct terms *t)
{
	v->wall_ns = clock_wall_ns();
	if (t->has_limit) {
		v->limit = t->limit;
		v->unit = (unsigned)t->unit;
	}
	if (t->zone.len > 0)
		v->zone = t->zone;
	if (t->has_mode) {
		v->mode = (unsigned)t->mode;
		v->downgrade = t->downgrade;
	}
	v->hard = v->mode != BUDGET_SOFT;
	if (t->has_clamp)
		v->clamp = t->clamp;
	if (t->has_wait) {
		v->has_wait = t->wait_ns >= 0;
		v->admit_wait_ns = v->has_wait ? t->wait_ns : 0;
	}
	own_account(r, v);
}

/* The account as it stands, to be changed. */
static struct account_change
change_of(const struct account *a)
{
	return (struct account_change){ .account = a->id,
		.subject = a->subject,
		.key = a->key,
		.op = OP_CHANGE,
		.limit = a->limit,
		.unit = a->unit,
		.zone = slice_of(a->zone),
		.mode = (unsigned)budget_mode(a),
		.downgrade = a->downgrade,
		.clamp = a->clamp,
		.has_wait = a->wait_ns >= 0,
		.admit_wait_ns = a->wait_ns >= 0 ? a->wait_ns : 0 };
}

struct account *
control_budget_make(
    struct recorder *r, const struct subject *s, const struct terms *t)
{
	const bool key = s->kind == SUBJECT_KEY;
	struct account_change v = { .account = budget_next_id(r),
		.key = key ? s->id : 0,
		.subject = key ? 0 : s->id,
		.op = OP_CREATE,
		.mode = BUDGET_HARD };

	append(r, &v, t);
	return account_find(r, v.account);
}

void
control_budget_publish(struct recorder *r, struct account *a, struct reply *p)
{
	if (!budget_publish(r, a)) {
		control_refuse(p, FAULT_OVERLOAD,
		    "there is no room for another budget: raise "
		    "limits.max_budgets");
		return;
	}
	if (!a->closed)
		calendar_open(r, a, calendar_wall(r), true);
}

/* --- what the terms make of it -------------------------------------------- */

static struct account *
find_unit(const struct subject *s, enum window_unit unit)
{
	struct account *a = s->budgets;

	while (a != NULL && (a->closed || a->unit != (unsigned)unit))
		a = a->next;
	return a;
}

/* The mode and clamp it would have. */
static void
check_terms(const struct account *a, const struct terms *t, struct reply *p)
{
	const enum budget_mode mode = t->has_mode ? t->mode
				      : a != NULL ? budget_mode(a)
						  : BUDGET_HARD;
	const bool clamp = t->has_clamp ? t->clamp : a != NULL && a->clamp;

	if (clamp && mode == BUDGET_SOFT)
		control_refuse(p, FAULT_FIELD,
		    "'tight': clamp needs a budget that refuses; a soft one "
		    "only warns");
}

static void
check_chain(struct recorder *r, const struct subject *s,
    const struct account *a, const struct terms *t, struct reply *p)
{
	const struct chain_change c = { .at = s,
		.budgets = 1,
		.less = a,
		.downgrade = t->has_mode ? t->downgrade
			     : a != NULL && budget_mode(a) == BUDGET_DOWNGRADE
				 ? a->downgrade
				 : 0 };

	control_chain_check(r, &c, p);
}

/* Another unit or zone has other windows: then it is another account. */
static bool
other_windows(const struct account *a, const struct terms *t)
{
	return (t->has_limit && a->unit != (unsigned)t->unit) ||
	       (t->zone.len > 0 && !slice_eq(slice_of(a->zone), t->zone));
}

/* What is not said stays as it was. */
static struct terms
fill(const struct account *a, const struct terms *t)
{
	struct terms full = *t;

	if (!full.has_limit) {
		full.has_limit = true;
		full.limit = a->limit;
		full.unit = (enum window_unit)a->unit;
	}
	if (full.zone.len == 0)
		full.zone = slice_of(a->zone);
	if (!full.has_mode) {
		full.has_mode = true;
		full.mode = budget_mode(a);
		full.downgrade = a->downgrade;
	}
	if (!full.has_clamp) {
		full.has_clamp = true;
		full.clamp = a->clamp;
	}
	if (!full.has_wait) {
		full.has_wait = true;
		full.wait_ns = a->wait_ns;
	}
	return full;
}

static void
finish(struct recorder *r, const struct json *j, struct account *a,
    struct account *gone, const char *did, struct reply *p)
{
	control_say_id(p, "id", a->id);
	control_say(p, "did", slice_of(did));
	if (gone != NULL)
		control_say_id(p, "replaced", gone->id);
	control_remember(r, j, p);
	if (!control_durable(r, p))
		return;
	control_budget_publish(r, a, p);
	control_subject_publish(r, a->owner, p);
	if (gone != NULL)
		control_budget_publish(r, gone, p);
}

static void
replace(struct recorder *r, const struct json *j, struct account *a,
    const struct terms *t, struct reply *p)
{
	static const struct terms none = { .has_limit = false };
	const struct terms full = fill(a, t);
	struct account_change end = change_of(a);
	struct account *other = find_unit(a->owner, full.unit), *made;

	if (other != NULL && other != a)
		control_refuse_fmt(p, FAULT_CONFLICT,
		    "budget %llu is for this window already",
		    (unsigned long long)other->id);
	if (p->fault != FAULT_NONE || !control_budget_room(r, 1, p))
		return;
	/* The new one first: its terms borrow from the old. */
	made = control_budget_make(r, a->owner, &full);
	end.op = OP_END;
	append(r, &end, &none);
	finish(r, j, made, a, "replaced", p);
}

static void
change(struct recorder *r, const struct json *j, struct account *a,
    const struct terms *t, struct reply *p)
{
	struct account_change v = change_of(a);

	check_terms(a, t, p);
	check_chain(r, a->owner, a, t, p);
	if (p->fault != FAULT_NONE)
		return;
	if (other_windows(a, t)) {
		replace(r, j, a, t, p);
		return;
	}
	append(r, &v, t);
	finish(r, j, a, NULL, "changed", p);
}

/* --- operations
 * ---------------------------------------------------------------
 */

/* {"scope":"team:ml","budget":"100.00/month",...} */
void
control_budget_set(struct recorder *r, const struct json *j, struct reply *p)
{
	struct subject *s;
	struct account *a;
	struct terms t;

	if (control_again(r, j, p))
		return;
	s = control_scope(r, control_text(j, "scope", p), p);
	control_terms(r, j, "", &t, p);
	if (!t.has_limit)
		control_refuse(
		    p, FAULT_FIELD, "'budget' must be said: AMOUNT/PERIOD");
	if (p->fault != FAULT_NONE)
		return;
	a = find_unit(s, t.unit);
	if (a != NULL) {
		change(r, j, a, &t, p);
		return;
	}
	check_terms(NULL, &t, p);
	check_chain(r, s, NULL, &t, p);
	/* A key's own subject has its row with the key. */
	if (p->fault == FAULT_NONE && control_budget_room(r, 1, p))
		finish(r, j, control_budget_make(r, s, &t), NULL, "created", p);
}

static struct account *
find(struct recorder *r, const struct json *j, struct reply *p)
{
	const uint64_t id = control_id(j, "id", p);
	const struct slice version = control_text(j, "version", p);
	struct account *a = p->fault == FAULT_NONE ? account_find(r, id) : NULL;
	uint64_t want;

	if (a == NULL || a->owner == NULL || a->closed) {
		control_refuse(
		    p, FAULT_NOT_FOUND, "no open budget has this id");
		return NULL;
	}
	if (version.len > 0 &&
	    (!slice_u64(version, &want) || want != a->version)) {
		control_refuse(
		    p, FAULT_PRECONDITION, "the budget was changed since");
		return NULL;
	}
	return a;
}

/* {"id":"12","version":"3","budget":...}; version: of If-Match, or none */
void
control_budget_change(struct recorder *r, const struct json *j, struct reply *p)
{
	struct account *a;
	struct terms t;

	if (control_again(r, j, p))
		return;
	a = find(r, j, p);
	control_terms(r, j, "", &t, p);
	if (p->fault == FAULT_NONE)
		change(r, j, a, &t, p);
}

void
control_budget_close(struct recorder *r, const struct json *j, struct reply *p)
{
	static const struct terms none = { .has_limit = false };
	struct account_change v;
	struct account *a;

	if (control_again(r, j, p))
		return;
	a = find(r, j, p);
	if (a == NULL)
		return;
	v = change_of(a);
	v.op = OP_END;
	append(r, &v, &none);
	finish(r, j, a, NULL, "closed", p);
}
