#include "courier/once.h"

#include "base/clock.h"
#include "courier/fetch.h"
#include "httpio/client.h"
#include "io/loop.h"

enum { SKEW_RETRY_S = 30 };

struct once {
	struct fetch fetch;
	struct run *run;
	enum step step;
	int64_t skew_s;
	bool over; /* of this errand */
};

static void
on_done(struct fetch *f, enum signin_why why)
{
	struct once *o = CONTAINER_OF(f, struct once, fetch);
	const struct run_reply reply = f->answer;

	o->over = true;
	if (reply.date_s != 0)
		o->skew_s = reply.date_s - clock_wall_ns() / NS_PER_S;
	o->step = why == SIGNIN_WHY_NONE ? run_answer(o->run, &reply)
					 : run_fail(o->run, why);
}

static void
work(struct once *o, const struct snapshot *s, const struct provider_conf *p,
    struct client *client, struct loop *loop)
{
	const struct fetch_rules rules = fetch_rules_of(s, p);

	o->step = run_begin(
	    o->run, p->signin, clock_wall_ns() / NS_PER_S + o->skew_s);
	while (o->step == STEP_FETCH) {
		o->over = false;
		if (!fetch_start(&o->fetch, client, loop, &o->run->errand,
			&rules, &o->run->why)) {
			o->step = STEP_FAIL;
			break;
		}
		while (!o->over)
			loop_turn(loop, -1);
	}
}

static bool
clock_is_off(const struct once *o)
{
	return o->step == STEP_FAIL && o->run->why == SIGNIN_WHY_REFUSED &&
	       (o->skew_s > SKEW_RETRY_S || o->skew_s < -SKEW_RETRY_S);
}

enum signin_why
once_sign_in(
    const struct snapshot *s, const struct provider_conf *p, struct run *r)
{
	struct once o = { .run = r, .fetch = { .on_done = on_done } };
	struct loop *loop = loop_new();
	struct client *client = client_new(loop, &client_limits_default);

	work(&o, s, p, client, loop);
	if (clock_is_off(&o)) {
		run_end(r);
		work(&o, s, p, client, loop);
	}
	fetch_drop(&o.fetch);
	client_free(&client);
	loop_free(&loop);
	r->now_s = clock_wall_ns() / NS_PER_S + o.skew_s;
	return o.step == STEP_DONE ? SIGNIN_WHY_NONE : r->why;
}
