#include "journal/pledge.h"

static const int64_t ns_per_ms = 1000000;

static bool
counts(const struct outcome *o)
{
	return o->sent && o->resolution != RESOLUTION_VOID;
}

static int64_t
came_in(const struct reqid *req)
{
	return reqid_wall_ms(req) * ns_per_ms;
}

const struct agreement_row *
pledge_agreement(
    const struct generation *g, unsigned deployment, const struct reqid *req)
{
	uint64_t provider;
	unsigned i;

	if (g->nagreements == 0)
		return NULL;
	provider = hash64(g->deployments[deployment].provider);
	for (i = 0; i < g->nagreements; i++) {
		if (g->agreements[i].terms.provider == provider &&
		    period_has(&g->agreements[i].terms.in_force, came_in(req)))
			return &g->agreements[i];
	}
	return NULL;
}

struct money
pledge_list_hold(const struct intent *i)
{
	return (struct money){ i->list != 0 ? i->list : i->hold };
}

static struct money
contracted(const struct generation *g, const struct outcome *o)
{
	const struct agreement_row *a =
	    pledge_agreement(g, o->deployment, &o->req);

	return agreement_contracted(a != NULL ? &a->terms : NULL,
	    (struct money){ o->list }, o->usage.input + o->usage.output);
}

void
pledge_contract(const struct generation *g, struct outcome *o)
{
	o->contracted = o->effective = contracted(g, o).nano;
}

const char *
pledge_judge_intent(const struct generation *g, const struct intent *i)
{
	const struct agreement_row *a =
	    pledge_agreement(g, i->deployment, &i->req);

	if (i->agreement != (a != NULL ? a->terms.id : 0))
		return "its agreement is not the one in force";
	if (i->hold !=
	    agreement_bound(a != NULL ? &a->terms : NULL, pledge_list_hold(i))
		.nano)
		return "its hold is not what its agreement says";
	return NULL;
}

const char *
pledge_judge_cost(const struct generation *g, const struct outcome *o)
{
	if (o->contracted != contracted(g, o).nano)
		return "its contracted cost is not what its agreement says";
	if (o->effective != o->contracted)
		return "its effective cost is not its contracted cost";
	return NULL;
}

const char *
pledge_judge_outcome(
    const struct generation *g, const struct intent *i, const struct outcome *o)
{
	if (o->agreement != i->agreement)
		return "its agreement is not its intent's";
	if (o->resolution == RESOLUTION_UNKNOWN && o->n > 0 &&
	    o->list != pledge_list_hold(i).nano)
		return "it is unknown and not at its bound";
	return pledge_judge_cost(g, o);
}

static struct money
base_of(const struct outcome *o, bool of_list)
{
	if (o == NULL || !counts(o))
		return (struct money){ 0 };
	return (struct money){ of_list ? o->list : o->contracted };
}

unsigned
pledge_postings(const struct generation *g, const struct outcome *o,
    const struct outcome *was, struct pledge_posting out[PLEDGE_POSTINGS])
{
	const struct agreement_row *a;
	const int64_t at = came_in(&o->req);
	unsigned i, n = 0;

	if (o->agreement == 0 || (was == NULL && !counts(o)))
		return 0;
	a = pledge_agreement(g, o->deployment, &o->req);
	if (a == NULL)
		return 0;
	if (a->terms.commitment.nano > 0 &&
	    period_has(&a->terms.commitment_in, at))
		out[n++] = (struct pledge_posting){
			.account = a->account,
			.kind = PLEDGE_COMMITMENT,
			.base = base_of(o, false),
			.was = base_of(was, false),
			.cap = a->terms.commitment,
			.at_ns = at,
		};
	for (i = 0; i < g->nshares && n < PLEDGE_POSTINGS; i++) {
		const struct share *s = &g->shares[i].terms;

		if (s->agreement != a->terms.id || !period_has(&s->in, at))
			continue;
		out[n++] = (struct pledge_posting){
			.account = g->shares[i].account,
			.kind = PLEDGE_SHARE,
			.share = s,
			.base = base_of(o, s->of_list),
			.was = base_of(was, s->of_list),
			.cap = s->cap,
			.at_ns = at,
		};
	}
	return n;
}

struct share_sum
pledge_post(
    const struct pledge_posting *p, struct money cap, struct share_sum so_far)
{
	struct share_sum now = so_far;
	struct money more;

	if (p->share != NULL)
		return share_post(
		    p->share, cap, so_far, p->base, p->was, p->at_ns);
	if (__builtin_sub_overflow(p->base.nano, p->was.nano, &more.nano) ||
	    !money_add(so_far.accrued, more, &now.accrued))
		now.accrued = so_far.accrued; /* amounts are far below */
	return now;
}
