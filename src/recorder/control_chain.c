/*
 * What binds a call: the budgets and limits of all subjects of its key.  One
 * hold carries 16 accounts, one call 32 limits; and two budgets that would
 * send a call to each other's model make a circle.  All of it is refused when
 * it is wished, so that no call meets it.
 */
#include "ledger/chain.h"
#include "model/ident.h"
#include "recorder/control_priv.h"
#include "shm/atomic.h"

/* What the subjects of a key carry together. */
struct bound {
	unsigned budgets, caps;
	const struct account *other; /* goes on at another model */
};

static void
add_subject(struct bound *t, const struct subject *s,
    const struct chain_change *c, uint64_t *downgrade)
{
	const struct account *a;
	const struct cap *l;

	for (a = s->budgets; a != NULL; a = a->next) {
		if (a->closed || a == c->less)
			continue;
		t->budgets++;
		if (budget_mode(a) != BUDGET_DOWNGRADE)
			continue;
		if (*downgrade == 0)
			*downgrade = a->downgrade;
		if (a->downgrade != *downgrade)
			t->other = a;
	}
	for (l = s->caps; l != NULL; l = l->next)
		t->caps += !l->closed;
}

static void
judge(const struct subject *const *s, unsigned n, const char *whose,
    const struct chain_change *c, struct reply *p)
{
	struct bound t = { .budgets = c->budgets, .caps = c->caps };
	uint64_t downgrade = c->downgrade;
	struct buf label = { 0 };
	unsigned i;

	for (i = 0; i < n; i++)
		add_subject(&t, s[i], c, &downgrade);
	if (t.budgets > HOLD_CHAIN_MAX)
		control_refuse_fmt(p, FAULT_CONFLICT,
		    "%u budgets would bind %s; a call can carry %d: close one "
		    "on the way from it to its org",
		    t.budgets, whose, HOLD_CHAIN_MAX);
	if (t.caps > CHAIN_LIMITS)
		control_refuse_fmt(p, FAULT_CONFLICT,
		    "%u limits would bind %s; a call can carry %d", t.caps,
		    whose, CHAIN_LIMITS);
	if (t.other == NULL)
		return;
	tree_label(t.other->owner, 40, &label);
	control_refuse_fmt(p, FAULT_CONFLICT,
	    "a budget cycle: budget %llu (%s) binds %s too and goes on at "
	    "another model, so a call would go back and forth",
	    (unsigned long long)t.other->id, buf_cstr(&label), whose);
	buf_fini(&label);
}

void
control_chain_key(struct recorder *r, const struct subject *const *s,
    unsigned n, const struct chain_change *own, struct reply *p)
{
	(void)r;
	judge(s, n, "the key", own, p);
}

struct look {
	const struct chain_change *c;
	struct reply *p;
};

static void
look_at_key(void *arg, void *node)
{
	const struct subject *list[KEY_SUBJECTS];
	struct look *l = arg;
	const struct key *k = node;
	char id[KEY_ID_TEXT + 1], whose[KEY_ID_TEXT + 8] = "key ";
	unsigned i, n = 0;
	bool bound = k->own == l->c->at;

	if (k->revoked || l->p->fault != FAULT_NONE)
		return;
	list[n++] = k->own;
	for (i = 0; i < k->nsubjects; i++) {
		list[n++] = k->subject[i];
		bound = bound || k->subject[i] == l->c->at;
	}
	if (!bound)
		return;
	key_id_write(k->id, id);
	memcpy(whose + 4, id, sizeof(id));
	judge(list, n, whose, l->c, l->p);
}

static void
own_room(const struct chain_change *c, struct reply *p)
{
	const struct account *a;
	const struct cap *l;
	unsigned budgets = c->budgets, caps = c->caps;

	for (a = c->at->budgets; a != NULL; a = a->next)
		budgets += !a->closed && a != c->less;
	for (l = c->at->caps; l != NULL; l = l->next)
		caps += !l->closed;
	if (budgets > SUBJECT_BUDGETS)
		control_refuse_fmt(p, FAULT_CONFLICT,
		    "a %s has at most %d budgets: close one",
		    tree_kind((unsigned)c->at->kind), SUBJECT_BUDGETS);
	if (caps > SUBJECT_LIMITS)
		control_refuse_fmt(p, FAULT_CONFLICT,
		    "a %s has at most %d limits: close one",
		    tree_kind((unsigned)c->at->kind), SUBJECT_LIMITS);
}

/* A subject with those it stands under: a key may be put there any time. */
static void
look_at_subject(void *arg, void *node)
{
	const struct subject *list[KEY_SUBJECTS], *s;
	struct look *l = arg;
	unsigned n = 0;
	bool bound = false;

	for (s = node; s != NULL && n < KEY_SUBJECTS; s = s->parent) {
		bound = bound || s == l->c->at;
		list[n++] = s;
	}
	if (bound && !list[0]->closed && l->p->fault == FAULT_NONE)
		judge(list, n, "what stands there", l->c, l->p);
}

/* Every key it would bind, and every place where a key could be put. */
void
control_chain_check(
    struct recorder *r, const struct chain_change *c, struct reply *p)
{
	struct look l = { c, p };

	own_room(c, p);
	table_each(&r->keys, look_at_key, &l);
	table_each(&r->subjects, look_at_subject, &l);
}
