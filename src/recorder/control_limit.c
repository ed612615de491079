/* Limits: set, closed. */
#include "base/clock.h"
#include "recorder/control_priv.h"
#include "shm/atomic.h"

bool
control_limit_room(const struct recorder *r, unsigned more, struct reply *p)
{
	if (more > 0 &&
	    at_load(&r->m->head->nlimits) + more > r->m->sizes.limits)
		control_refuse(p, FAULT_OVERLOAD,
		    "there is no room for another limit: raise "
		    "limits.max_limits");
	return p->fault == FAULT_NONE;
}

struct cap *
control_limit_make(
    struct recorder *r, const struct subject *s, const struct limit_change *v)
{
	const bool key = s->kind == SUBJECT_KEY;
	struct limit_change made = *v;

	made.wall_ns = clock_wall_ns();
	made.op = OP_CREATE;
	made.limit = cap_next_id(r);
	made.key = key ? s->id : 0;
	made.subject = key ? 0 : s->id;
	own_limit(r, &made);
	return cap_find(r, made.limit);
}

void
control_limit_publish(struct recorder *r, struct cap *c, struct reply *p)
{
	if (!cap_publish(r, c))
		control_refuse(p, FAULT_OVERLOAD,
		    "there is no room for another limit: raise "
		    "limits.max_limits");
}

/* Of the same kind and period. */
static struct cap *
find_same(const struct subject *s, const struct limit_change *v)
{
	struct cap *c = s->caps;

	while (c != NULL && (c->closed || c->kind != v->kind ||
				c->period_ns != v->period_ns))
		c = c->next;
	return c;
}

static struct limit_change
change_of(const struct cap *c)
{
	return (struct limit_change){ .wall_ns = clock_wall_ns(),
		.limit = c->id,
		.key = c->key,
		.subject = c->subject,
		.op = OP_CHANGE,
		.kind = c->kind,
		.amount = c->amount,
		.period_ns = c->period_ns,
		.burst = c->burst };
}

static void
read_burst(const struct json *j, struct limit_change *v, struct reply *p)
{
	const struct json *b = json_get(j, "burst");

	if (b == NULL || b->type == JSON_NULL)
		return;
	if (b->type != JSON_NUMBER || !json_i64(b->text, &v->burst) ||
	    v->burst < 1 || v->burst > v->amount)
		control_refuse(p, FAULT_FIELD,
		    "'burst' is a whole number from 1 to the amount");
	else if (v->period_ns == 0)
		control_refuse(p, FAULT_FIELD,
		    "'burst' goes with limits that have a period");
}

static void
finish(struct recorder *r, const struct json *j, struct cap *c, const char *did,
    struct reply *p)
{
	control_say_id(p, "id", c->id);
	control_say(p, "did", slice_of(did));
	control_remember(r, j, p);
	if (!control_durable(r, p))
		return;
	control_limit_publish(r, c, p);
	control_subject_publish(r, c->owner, p);
}

/* {"scope":"team:ml","limit":"requests=600/minute","burst":20} */
void
control_limit_set(struct recorder *r, const struct json *j, struct reply *p)
{
	struct limit_change v = { .wall_ns = clock_wall_ns() }, is;
	struct subject *s;
	struct cap *c;

	if (control_again(r, j, p))
		return;
	s = control_scope(r, control_text(j, "scope", p), p);
	control_limit(control_text(j, "limit", p), &v, p);
	if (p->fault == FAULT_NONE)
		read_burst(j, &v, p);
	if (p->fault != FAULT_NONE)
		return;
	c = find_same(s, &v);
	if (c != NULL) {
		is = change_of(c);
		is.amount = v.amount;
		is.burst = v.burst;
		own_limit(r, &is);
		finish(r, j, c, "changed", p);
		return;
	}
	control_chain_check(r, &(struct chain_change){ .at = s, .caps = 1 }, p);
	if (p->fault == FAULT_NONE && control_limit_room(r, 1, p))
		finish(r, j, control_limit_make(r, s, &v), "created", p);
}

static struct cap *
find(struct recorder *r, const struct json *j, struct reply *p)
{
	const uint64_t id = control_id(j, "id", p);
	const struct slice version = control_text(j, "version", p);
	struct cap *c = p->fault == FAULT_NONE ? cap_find(r, id) : NULL;
	uint64_t want;

	if (c == NULL || c->owner == NULL || c->closed) {
		control_refuse(p, FAULT_NOT_FOUND, "no open limit has this id");
		return NULL;
	}
	if (version.len > 0 &&
	    (!slice_u64(version, &want) || want != c->version)) {
		control_refuse(
		    p, FAULT_PRECONDITION, "the limit was changed since");
		return NULL;
	}
	return c;
}

/* {"id":"12","version":"3"}; version: of If-Match, or none */
void
control_limit_close(struct recorder *r, const struct json *j, struct reply *p)
{
	struct limit_change v;
	struct cap *c;

	if (control_again(r, j, p))
		return;
	c = find(r, j, p);
	if (c == NULL)
		return;
	v = change_of(c);
	v.op = OP_END;
	own_limit(r, &v);
	finish(r, j, c, "closed", p);
}
