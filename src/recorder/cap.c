/* Limits of subjects: how much in how much time. */
#include "base/clock.h"
#include "ledger/rate.h"
#include "recorder/state.h"
#include "shm/limit.h"

enum { LABEL_NAME = 40 };

struct cap *
cap_find(const struct recorder *r, uint64_t id)
{
	return table_first(&r->caps, id);
}

uint64_t
cap_next_id(struct recorder *r)
{
	while (cap_find(r, ++r->last_cap) != NULL)
		;
	return r->last_cap;
}

void
cap_attach(struct recorder *r, struct cap *c)
{
	struct cap **at;

	c->owner = tree_owner(r, c->subject, c->key);
	if (c->owner == NULL)
		return;
	for (at = &c->owner->caps; *at != NULL; at = &(*at)->next)
		;
	*at = c;
}

static bool
has_period(unsigned kind)
{
	return kind != LIMIT_CONCURRENCY && kind != LIMIT_COST_PER_CALL;
}

static const char *
judge(struct recorder *r, const struct limit_change *v)
{
	if (v->limit == 0 || v->kind == 0 || v->kind > LIMIT_COST_PER_CALL)
		return "it is a limit of no known kind";
	if (v->amount <= 0 || v->burst < 0 ||
	    (v->period_ns > 0) != has_period(v->kind))
		return "its numbers are out of bounds";
	if (v->subject != 0 ? tree_find(r, v->subject) == NULL : v->key == 0)
		return "its subject is not known";
	return NULL;
}

static struct cap *
make(struct recorder *r, const struct limit_change *v)
{
	struct cap *c = NEW(struct cap);

	c->id = v->limit;
	c->subject = v->subject;
	c->key = v->key;
	c->kind = v->kind;
	c->created_ns = v->wall_ns;
	c->row = UINT32_MAX;
	table_add(&r->caps, &c->node, c->id);
	cap_attach(r, c);
	return c;
}

const char *
cap_apply(struct recorder *r, const struct limit_change *v)
{
	struct cap *c = cap_find(r, v->limit);
	const char *why = judge(r, v);

	if (why != NULL)
		return why;
	if (c != NULL && (c->subject != v->subject || c->key != v->key ||
			     c->kind != v->kind))
		return "it makes another limit of one";
	if (c == NULL)
		c = make(r, v);
	c->amount = v->amount;
	c->period_ns = v->period_ns;
	c->burst = v->burst;
	c->closed = v->op == OP_END;
	c->version++;
	c->dirty = true;
	r->dirty_rows++;
	return NULL;
}

bool
cap_publish(struct recorder *r, struct cap *c)
{
	struct buf label = { 0 };
	struct limit_spec s = { .id = c->id,
		.kind = (enum limit_kind)c->kind,
		.amount = c->amount,
		.period_ns = c->period_ns,
		.burst = c->burst > 0          ? c->burst
			 : has_period(c->kind) ? rate_burst(c->amount)
					       : 1,
		.mono_ns = clock_mono_ns() };

	tree_label(c->owner, LABEL_NAME, &label);
	s.label = buf_slice(&label);
	c->row = limit_set(r->m, c->row, &s);
	buf_fini(&label);
	if (c->row == UINT32_MAX)
		return false;
	if (c->closed)
		limit_close(r->m, c->row);
	return true;
}
