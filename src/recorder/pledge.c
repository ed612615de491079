/*
 * pledge.c - commitments and revenue shares: sums that follow from outcomes
 *
 * Their accounts are not in shared memory, since they refuse nothing.  What
 * moves them is in the outcomes; the log says only what they are.
 */
#include "journal/pledge.h"

#include "base/clock.h"
#include "ledger/window.h"
#include "recorder/state.h"

static struct pledge *
pledge_find(const struct recorder *r, uint64_t account)
{
	return table_first(&r->pledges, account);
}

/* --- what they are ----------------------------------------------------------
 */

static struct pledge *
pledge_get(struct recorder *r, uint64_t account)
{
	struct pledge *p = pledge_find(r, account);

	if (p != NULL)
		return p;
	p = NEW(struct pledge);
	p->account = account;
	p->name = mem_dup(S(""));
	p->partner = mem_dup(S(""));
	table_add(&r->pledges, &p->node, account);
	return p;
}

static void
set_text(char **to, struct slice text)
{
	char *copy = mem_dup(text);

	mem_free(*to);
	*to = copy;
}

const char *
pledge_apply(struct recorder *r, const struct account_change *v)
{
	struct pledge *p;

	if (v->account >> 63 == 0 || account_find(r, v->account) != NULL)
		return "its account is a budget";
	if (v->limit < 0 || v->in.from_ns < 0 || v->in.to_ns < 0)
		return "its numbers are out of bounds";
	p = pledge_get(r, v->account);
	if (p->created_ns == 0)
		p->created_ns = v->wall_ns;
	p->kind = v->pledge;
	p->agreement = v->agreement;
	p->amount = v->limit;
	p->in = v->in;
	set_text(&p->name, v->name);
	set_text(&p->partner, v->partner);
	p->dirty = true;
	return NULL;
}

static bool
is_said(const struct recorder *r, const struct account_change *v)
{
	const struct pledge *p = pledge_find(r, v->account);

	return p != NULL && p->kind == v->pledge && p->amount == v->limit &&
	       p->in.from_ns == v->in.from_ns && p->in.to_ns == v->in.to_ns;
}

/* Its unused rest stands in the bill of a month that is over. */
static bool
is_over(struct recorder *r, const struct account_change *v)
{
	const struct pledge *p = pledge_find(r, v->account);

	return v->pledge == PLEDGE_COMMITMENT && p != NULL &&
	       v->in.to_ns != 0 && p->in.to_ns == v->in.to_ns &&
	       roll_month((v->in.to_ns - 1) / NS_PER_MS) <
		   roll_month(calendar_wall(r) / NS_PER_MS);
}

static void
say(struct recorder *r, struct account_change v)
{
	if (is_said(r, &v) || is_over(r, &v))
		return;
	v.wall_ns = clock_wall_ns();
	v.unit = WINDOW_TOTAL;
	v.op = pledge_find(r, v.account) == NULL ? OP_CREATE : OP_CHANGE;
	own_account(r, &v);
}

void
pledges_open(struct recorder *r, const struct snapshot *s)
{
	unsigned i, k;

	for (i = 0; i < s->nagreements; i++) {
		const struct agreement_conf *a = &s->agreement[i];

		if (a->account != 0)
			say(r, (struct account_change){ .account = a->account,
				   .pledge = PLEDGE_COMMITMENT,
				   .agreement = a->terms.id,
				   .limit = a->terms.commitment.nano,
				   .in = a->terms.commitment_in,
				   .name = slice_of(a->name) });
		for (k = 0; k < a->nshares; k++)
			say(r, (struct account_change){
				   .account = a->share[k].account,
				   .pledge = PLEDGE_SHARE,
				   .agreement = a->terms.id,
				   .limit = a->share[k].terms.cap.nano,
				   .in = a->share[k].terms.in,
				   .name = slice_of(a->name),
				   .partner = slice_of(a->share[k].partner) });
	}
}

/* --- what moves them --------------------------------------------------------
 */

static void
post(struct recorder *r, const struct frame *f, const struct pledge_posting *p)
{
	const struct pledge *said = pledge_find(r, p->account);
	const struct money cap = { said != NULL ? said->amount : p->cap.nano };
	struct share_sum was = {
		{ balance_get(r, p->account, PLEDGE_ACCRUED)->settled }, { 0 }
	};
	struct share_sum now;

	if (p->share != NULL)
		was.earned.nano =
		    balance_get(r, p->account, PLEDGE_EARNED)->settled;
	now = pledge_post(p, cap, was);
	balance_add(r, p->account, PLEDGE_ACCRUED, &f->name,
	    now.accrued.nano - was.accrued.nano);
	if (p->share != NULL)
		balance_add(r, p->account, PLEDGE_EARNED, &f->name,
		    now.earned.nano - was.earned.nano);
}

void
pledge_book(struct recorder *r, const struct frame *f, const struct outcome *o,
    const struct outcome *was)
{
	struct pledge_posting posting[PLEDGE_POSTINGS];
	const struct known_config *c = config_find(r, o->generation);
	unsigned i, n = c != NULL ? pledge_postings(&c->g, o, was, posting) : 0;

	for (i = 0; i < n; i++)
		post(r, f, &posting[i]);
}

/* --- the store --------------------------------------------------------------
 */

void
pledges_load(struct recorder *r)
{
	struct stmt *q = store_sql(r->store,
	    "SELECT account, kind, agreement, name, partner, amount, from_ns,"
	    " to_ns, created_ns FROM pledges");
	struct pledge *p;

	while (stmt_step(q)) {
		p = pledge_get(r, stmt_get_u64(q, 0));
		p->kind = (enum pledge_kind)stmt_get_i64(q, 1);
		p->agreement = stmt_get_u64(q, 2);
		set_text(&p->name, stmt_get(q, 3));
		set_text(&p->partner, stmt_get(q, 4));
		p->amount = stmt_get_i64(q, 5);
		p->in.from_ns = stmt_get_i64(q, 6);
		p->in.to_ns = stmt_get_i64(q, 7);
		p->created_ns = stmt_get_i64(q, 8);
	}
}

static void
save(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct pledge *p = node;
	struct stmt *q;

	if (!p->dirty)
		return;
	q = store_sql(r->store, "INSERT OR REPLACE INTO pledges VALUES"
				" (?, ?, ?, ?, ?, ?, ?, ?, ?)");
	stmt_u64(q, 1, p->account);
	stmt_i64(q, 2, p->kind);
	stmt_u64(q, 3, p->agreement);
	stmt_text(q, 4, slice_of(p->name));
	stmt_text(q, 5, slice_of(p->partner));
	stmt_i64(q, 6, p->amount);
	stmt_i64(q, 7, p->in.from_ns);
	stmt_i64(q, 8, p->in.to_ns);
	stmt_i64(q, 9, p->created_ns);
	stmt_run(q);
}

void
pledges_save(struct recorder *r)
{
	table_each(&r->pledges, save, r);
}

static void
clean(void *arg, void *node)
{
	(void)arg;
	((struct pledge *)node)->dirty = false;
}

void
pledges_clean(struct recorder *r)
{
	table_each(&r->pledges, clean, r);
}

static void
free_texts(void *arg, void *node)
{
	struct pledge *p = node;

	(void)arg;
	mem_free(p->name);
	mem_free(p->partner);
}

void
pledges_free(struct recorder *r)
{
	table_each(&r->pledges, free_texts, NULL);
	table_free(&r->pledges);
}
