#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "journal/pledge.h"
#include "ledger/account.h"
#include "ledger/hold.h"
#include "recorder/state.h"
#include "shm/atomic.h"

/* --- one attempt that nobody will end
 * ------------------------------------------ */

static struct outcome
outcome_of(const struct intent *i)
{
	struct outcome o = {
		.req = i->req,
		.attempt = i->attempt,
		.wall_ns = clock_wall_ns(),
		.by_recorder = true,
		.generation = i->generation,
		.key = i->key,
		.price = i->price,
		.deployment = i->deployment,
		.hold = i->hold,
		.fault = FAULT_INTERNAL,
		.n = i->n,
	};

	o.agreement = i->agreement;
	memcpy(o.chain, i->chain, sizeof(o.chain));
	o.ntags = i->ntags;
	memcpy(o.tags, i->tags, sizeof(o.tags));
	return o;
}

static void
make_void(struct outcome *o)
{
	o->resolution = RESOLUTION_VOID;
}

static void
make_unknown(struct outcome *o, const struct intent *i)
{
	o->resolution = RESOLUTION_UNKNOWN;
	o->sent = true;
	o->list = pledge_list_hold(i).nano;
	o->contracted = o->effective = o->hold;
}

/*
 * Progress and a slack for what passed after it was noted.  Without a count
 * of the input, or without the price row, nothing can be said: unknown.
 */
static void
make_estimate(struct recorder *r, struct outcome *o, const struct intent *i,
    const struct shm_hold *h)
{
	struct known_config *c = config_find(r, o->generation);
	const struct price *p =
	    c != NULL ? config_price(c, o->deployment, o->price) : NULL;
	struct usage u = { .input = at_load(&h->input_seen),
		.output = at_load(&h->output_seen) };
	struct money cost;

	u.output += REPAIR_SLACK_TOKENS;
	if (p == NULL || u.input == 0 || (u.input | u.output) >> 40 != 0 ||
	    !price_cost(p, &u, &cost) || cost.nano < 0) {
		make_unknown(o, i);
		return;
	}
	o->resolution = RESOLUTION_ESTIMATED;
	o->sent = true;
	o->streamed = true;
	o->usage = u;
	if (o->n > 0 && cost.nano > pledge_list_hold(i).nano)
		cost = pledge_list_hold(i);
	o->list = cost.nano;
	pledge_contract(&c->g, o);
}

/* --- holds of a dead slot
 * -------------------------------------------------------*/

static bool
intent_of_record(
    struct recorder *r, const struct shm_hold *h, struct intent *out)
{
	const struct known_config *c = config_find(r, h->generation);
	const struct agreement_row *row;
	unsigned i;

	*out = (struct intent){ .attempt = h->attempt,
		.wall_ns = clock_wall_ns(),
		.generation = h->generation,
		.key = h->key,
		.price = h->price,
		.deployment = h->deployment,
		.hold = h->most,
		.n = h->n };
	memcpy(out->req.b, h->req, sizeof(out->req.b));
	if (out->attempt < 1 || out->attempt > 99 || out->n > HOLD_CHAIN_MAX ||
	    c == NULL || out->deployment >= c->g.ndeployments ||
	    noun_key(r, out->key) == NULL || out->hold < 0)
		return false;
	out->model = c->g.deployments[out->deployment].model_hash;
	row = pledge_agreement(&c->g, out->deployment, &out->req);
	if (row != NULL) {
		out->agreement = row->terms.id;
		out->list =
		    agreement_list_of(&row->terms, (struct money){ out->hold })
			.nano;
	}
	for (i = 0; i < out->n; i++) {
		out->chain[i].account = h->chain[i].account_id;
		out->chain[i].window = h->chain[i].window_id;
		if (account_find(r, h->chain[i].account_id) == NULL)
			return false;
	}
	return true;
}

/*
 * Sent, and no intent in the log: only after a damaged ring.  Its money may
 * be gone, so it gets its two frames here.
 */
static void
resolve_alone(struct recorder *r, struct shm_hold *h)
{
	struct intent i;
	struct outcome o;

	own_incident(r, INCIDENT_HOLD_ALONE, 4,
	    (uint64_t[]){ r->repair_slot,
		at_load(&r->m->slots[r->repair_slot].incarnation), h->attempt,
		(uint64_t)h->most });
	if (!intent_of_record(r, h, &i))
		return;
	own_intent(r, &i);
	o = outcome_of(&i);
	make_unknown(&o, &i);
	own_outcome(r, &o);
}

static enum fault
resolve(void *arg, struct shm_hold *h)
{
	struct recorder *r = arg;
	const enum hold_left left = hold_left(h);
	struct request *q;
	struct attempt *a;
	struct reqid id;
	struct outcome o;

	memcpy(id.b, h->req, sizeof(id.b));
	q = request_find(r, &id);
	a = q != NULL ? attempt_find(q, h->attempt) : NULL;
	if (a == NULL) {
		/* Admitted, and killed before the intent: nothing was sent. */
		if (left != HOLD_LEFT_VOID && at_load(&h->repair_seq) == 0)
			resolve_alone(r, h);
		return FAULT_NONE;
	}
	if (!a->open)
		return FAULT_NONE; /* the ring or the log had its outcome */
	at_store(&h->repair_seq, r->seq + 1);
	recorder_step(r, "announced");
	o = outcome_of(&a->said);
	if (left == HOLD_LEFT_VOID)
		make_void(&o);
	else if (left == HOLD_LEFT_PROGRESS)
		make_estimate(r, &o, &a->said, h);
	else
		make_unknown(&o, &a->said);
	own_outcome(r, &o);
	return FAULT_NONE;
}

/* --- requests
 * --------------------------------------------------------------------*/

/* What was booked without a hold's repair must be in the own column too. */
static void
set_columns(struct recorder *r, const struct outcome *o)
{
	const struct account *a;
	unsigned i;

	for (i = 0; i < o->n; i++) {
		a = account_find(r, o->chain[i].account);
		if (a != NULL && a->row != UINT32_MAX)
			(void)account_settled(r->m, a->row, r->own,
			    o->chain[i].window,
			    balance_own(
				r, o->chain[i].account, o->chain[i].window));
	}
}

static void
end_request(struct recorder *r, struct request *q)
{
	struct final v = { .req = q->id,
		.wall_ns = clock_wall_ns(),
		.key = q->attempts->said.key,
		.generation = q->attempts->said.generation,
		.model = q->attempts->said.model,
		.status = 500,
		.fault = FAULT_INTERNAL };
	struct attempt *a;
	struct outcome o;

	for (a = q->attempts; a != NULL; a = a->next) {
		v.attempts++;
		if (v.n < FRAME_CANDIDATES)
			v.candidate[v.n++].deployment = a->said.deployment;
		if (!a->open)
			continue;
		o = outcome_of(&a->said);
		make_unknown(&o, &a->said);
		own_outcome(r, &o);
		set_columns(r, &o);
	}
	own_final(r, &v);
}

/* The requests of one journal, or of all whose slot is not theirs any more. */
static bool
is_lost(const struct recorder *r, const struct request *q)
{
	const struct journal_name *n = &q->journal;
	const struct shm_slot *s;

	if (n->node != r->m->head->node || n->boot != r->m->head->boot ||
	    n->slot >= r->m->sizes.slots || n->slot == r->own)
		return true;
	s = &r->m->slots[n->slot];
	return at_load(&s->state) == SLOT_FREE ||
	       (uint16_t)at_load(&s->incarnation) != n->incarnation;
}

void
repair_orphans(struct recorder *r)
{
	struct request *q, *next;

	for (q = r->oldest; q != NULL; q = next) {
		next = q->newer;
		if (is_lost(r, q))
			end_request(r, q);
	}
}

/* --- slots
 * ------------------------------------------------------------------------*/

/* What it crashed of, before the slot is free. */
static void
note_crash(struct recorder *r, struct shm_slot *s)
{
	const uint64_t id = at_swap(&s->crash, 0);

	if (id == 0)
		return;
	own_incident(r, INCIDENT_CRASH, 4,
	    (uint64_t[]){ id, at_load(&s->parsing_key), at_load(&s->parsing),
		at_load(&s->crash_signal) });
}

enum fault
repair_dead(struct recorder *r, uint32_t slot)
{
	struct shm_slot *s = &r->m->slots[slot];
	enum fault fault;

	if (slot == r->own || at_load(&s->state) != SLOT_DEAD)
		return FAULT_NONE;
	r->repair_slot = slot;
	if (!s->is_recorder)
		drain_slot(r, slot);
	/* Its ring must be empty before another may have it. */
	fault = drain_flush(r);
	if (fault != FAULT_NONE)
		return fault;
	if (r->reader[slot].quarantined) {
		ring_reset(r->reader[slot].ring);
		r->reader[slot].at = 0; /* or it would be given back to there */
	}
	recorder_step(r, "repair");
	fault = repair_holds(r->m, slot, resolve, r);
	if (fault == FAULT_NONE)
		fault = drain_flush(r);
	if (fault != FAULT_NONE)
		return fault;
	recorder_step(r, "resolved");
	note_crash(r, s);
	fault = repair_slot(r->m, slot, r->own, resolve, balance_own, r);
	if (fault != FAULT_NONE)
		return fault;
	recorder_step(r, "repaired");
	r->reader[slot].incarnation = 0;
	repair_orphans(r);
	log_info("repaired slot %u", slot);
	return FAULT_NONE;
}

void
repair_all(struct recorder *r)
{
	uint32_t s;

	for (s = 0; s < r->m->sizes.slots; s++) {
		if (at_load(&r->m->slots[s].state) == SLOT_DEAD &&
		    repair_dead(r, s) != FAULT_NONE)
			return;
	}
}
