#include "sim/leg.h"

#include "base/clock.h"

enum { SLOW_NS = 20 * 1000 * 1000 };

static timer_f on_time;
static void run(struct leg *leg);

/* Tokens a reader of what was written can have seen. */
static struct tokens
so_far(const struct leg *leg)
{
	struct tokens n = leg->plan->used;

	tariff_cut(&n, plan_tokens_at(leg->plan, leg->at));
	return n;
}

static void
settle(struct leg *leg, enum cut cut, bool partly)
{
	const struct plan *p = leg->plan;
	struct tokens n = partly && p->stream ? so_far(leg) : p->used;

	if (leg->over)
		return;
	leg->over = true;
	books_close(leg->books, leg->entry, p->mute ? 0 : p->status, cut,
	    p->billable ? &n : NULL, p->tariff);
}

static void
let_go(struct leg *leg)
{
	timer_clear(&leg->timer);
	plan_unref(&leg->plan);
}

/* The fault's stop is reached. */
static void
stop(struct leg *leg)
{
	enum ending ending = leg->plan->ending;
	struct wire_conn *c = leg->conn;

	settle(leg, CUT_SIM, !leg->plan->mute);
	if (ending == END_HANG)
		return;
	let_go(leg);
	if (ending == END_RST)
		wire_rst(c);
	else
		wire_fin(c);
}

static void
finish(struct leg *leg)
{
	bool keep = leg->keep;

	settle(leg, leg->plan->spoilt ? CUT_SIM : CUT_NONE, false);
	let_go(leg);
	wire_done(leg->conn, keep);
}

/* How far the body may go now. */
static size_t
allowed(const struct leg *leg)
{
	const struct plan *p = leg->plan;
	size_t most = p->body.len < p->stop_at ? p->body.len : p->stop_at;
	size_t to = most;

	if (p->slow)
		to = leg->at + 1;
	else if (p->pace_ms > 0 && p->stream && leg->mark < p->nmark)
		to = p->mark[leg->mark].end;
	return to < most ? to : most;
}

static bool
send_some(struct leg *leg, size_t to)
{
	struct slice head = { leg->head.p + leg->head_at,
		leg->head.len - leg->head_at };
	struct slice body = { leg->plan->body.p + leg->at, to - leg->at };
	ssize_t n = wire_send(leg->conn, head, body);
	size_t sent = n > 0 ? (size_t)n : 0;

	if (n < 0) {
		settle(leg, CUT_CLIENT, true);
		let_go(leg);
		wire_fin(leg->conn);
		return false;
	}
	if (sent > head.len) {
		leg->at += sent - head.len;
		sent = head.len;
	}
	leg->head_at += sent;
	return n > 0;
}

static void
wait_for_pace(struct leg *leg)
{
	const struct plan *p = leg->plan;

	leg->mark++;
	leg->next_ns += p->slow ? SLOW_NS : p->pace_ms * NS_PER_MS;
	timer_set(wire_loop(leg->conn), &leg->timer, leg->next_ns, on_time);
}

static void
run(struct leg *leg)
{
	const struct plan *p = leg->plan;
	size_t to;

	for (;;) {
		to = allowed(leg);
		while (leg->head_at < leg->head.len || leg->at < to)
			if (!send_some(leg, to))
				return;
		if (leg->at >= p->stop_at) {
			stop(leg);
			return;
		}
		if (leg->at == p->body.len) {
			finish(leg);
			return;
		}
		if (p->slow || (p->pace_ms > 0 && p->stream)) {
			wait_for_pace(leg);
			return;
		}
	}
}

static void
begin(struct leg *leg)
{
	leg->begun = true;
	leg->next_ns = loop_now(wire_loop(leg->conn));
	if (leg->plan->mute)
		stop(leg);
	else
		run(leg);
}

static void
on_time(struct timer *t)
{
	struct leg *leg = CONTAINER_OF(t, struct leg, timer);

	if (leg->begun)
		run(leg);
	else
		begin(leg);
}

void
leg_start(struct leg *leg, struct plan **plan)
{
	leg->plan = *plan;
	*plan = NULL;
	leg->head_at = leg->at = leg->mark = 0;
	leg->begun = leg->over = false;
	if (leg->plan->ttft_ms > 0)
		timer_set(wire_loop(leg->conn), &leg->timer,
		    loop_now(wire_loop(leg->conn)) +
			leg->plan->ttft_ms * NS_PER_MS,
		    on_time);
	else
		begin(leg);
}

void
leg_writable(struct leg *leg)
{
	if (leg->plan != NULL && leg->begun && !leg->over &&
	    leg->timer.at_ns == 0)
		run(leg);
}

void
leg_gone(struct leg *leg)
{
	if (leg->plan == NULL)
		return;
	settle(leg, CUT_CLIENT, true);
	let_go(leg);
}

void
leg_fini(struct leg *leg)
{
	timer_clear(&leg->timer);
	plan_unref(&leg->plan);
	buf_fini(&leg->head);
}
