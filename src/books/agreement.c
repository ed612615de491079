#include "books/agreement.h"

#include "base/clock.h"
#include "base/json.h"
#include "books/scan.h"

#define DAY_NS (INT64_C(86400) * NS_PER_S)
#define HOUR_NS (INT64_C(3600) * NS_PER_S)

enum {
	THURSDAY = 3,         /* 1970-01-01; Monday is 0 */
	LOOK_AHEAD = 3 * 366, /* days, where there is no end */
	DAILY = 35,           /* days that are told one by one */
	ALERT_PERCENT = 2     /* of the amount: less is as agreed */
};

/* --- where a commitment stands ----------------------------------------- */

static struct money
sum_of_last(const int64_t *day, unsigned n, unsigned days)
{
	int128 sum = 0;
	unsigned i;

	for (i = n > days ? n - days : 0; i < n; i++)
		sum += day[i];
	if (sum > INT64_MAX)
		sum = INT64_MAX;
	return (struct money){ (int64_t)sum };
}

/* Days from the day of now to the end, today included. */
static unsigned
days_ahead(const struct commitment_view *c, int64_t now_ns)
{
	const int64_t today = now_ns / DAY_NS;
	int64_t days;

	if (c->in.to_ns == 0)
		return LOOK_AHEAD;
	days = (c->in.to_ns + DAY_NS - 1) / DAY_NS - today;
	return days < LOOK_AHEAD ? (unsigned)days : LOOK_AHEAD;
}

static void
find_exhaustion(
    struct commitment_view *c, int128 left, int64_t today, unsigned ahead)
{
	int128 sum[FORECAST_POINTS];
	unsigned k, p;

	for (k = 1; k <= ahead; k++) {
		forecast_sum(&c->f, k, sum);
		for (p = 0; p < FORECAST_POINTS; p++) {
			/* The most burned is the soonest gone. */
			const unsigned by = FORECAST_P90 - p;

			if (c->exhausted_ns[p] == 0 && sum[by] >= left)
				c->exhausted_ns[p] = (today + k) * DAY_NS;
		}
	}
}

static void
find_balance(struct commitment_view *c, int128 before, unsigned ahead)
{
	int128 sum[FORECAST_POINTS], total;
	unsigned p;

	forecast_sum(&c->f, ahead, sum);
	for (p = 0; p < FORECAST_POINTS; p++) {
		total = before + sum[FORECAST_P90 - p];
		if (total < c->burned.nano)
			total = c->burned.nano; /* today knows better */
		c->end_balance[p] = c->amount.nano - total;
	}
}

/* Three times in four, if the errors were a bell. */
static bool
likely(int128 p50, int128 outer)
{
	return p50 > 0 && p50 * 2 > p50 - outer;
}

static void
warn(struct commitment_view *c, int64_t now_ns, unsigned ahead)
{
	const int128 much = (int128)c->amount.nano / 100 * ALERT_PERCENT;
	const int128 *b = c->end_balance;
	const int64_t gone = c->exhausted_ns[FORECAST_P50];

	if (c->in.to_ns == 0)
		return;
	if (likely(b[FORECAST_P50] - much, b[FORECAST_P10] - much)) {
		c->alert = ALERT_SHORTFALL;
		c->alert_sure = b[FORECAST_P10] > much;
		c->alert_days = ahead;
	} else if (likely(-b[FORECAST_P50] - much, -b[FORECAST_P90] - much) &&
		   gone != 0 && gone < c->in.to_ns) {
		c->alert = ALERT_EXHAUSTION;
		c->alert_sure = -b[FORECAST_P90] > much;
		c->alert_days =
		    (unsigned)((gone - now_ns + DAY_NS - 1) / DAY_NS);
	}
}

void
agreement_look(struct commitment_view *c, const int64_t *day, unsigned n,
    struct money before, struct money today, int64_t now_ns)
{
	const int64_t date = now_ns / DAY_NS;
	const int128 left = (int128)c->amount.nano - before.nano;
	unsigned ahead;

	c->burned = (struct money){ before.nano + today.nano };
	c->ended = c->in.to_ns != 0 && c->in.to_ns <= now_ns;
	c->days = n;
	c->last_7 = sum_of_last(day, n, 7);
	c->last_28 = sum_of_last(day, n, 28);
	if (c->ended || now_ns < c->in.from_ns ||
	    c->burned.nano >= c->amount.nano)
		return;
	ahead = days_ahead(c, now_ns);
	c->forecast = forecast_make(
	    day, n, (unsigned)((date - n + THURSDAY) % 7), ahead, &c->f);
	if (!c->forecast)
		return;
	find_exhaustion(c, left, date, ahead);
	find_balance(c, before.nano, ahead);
	warn(c, now_ns, ahead);
}

/* --- what the store has ------------------------------------------------ */

struct report {
	struct store *s;
	struct scan scan;
	struct scan_config **config; /* the newest last */
	size_t nconfigs;
	int64_t now_ns;
	bool is_now;
	struct buf *out;
};

static void
learn(struct report *r)
{
	scan_learn_store(&r->scan, r->s);
	r->config = scan_by_time(&r->scan, &r->nconfigs);
}

/* The newest terms under a name, met in a generation before upto. */
static const struct agreement_row *
terms_of(const struct report *r, uint64_t id, size_t upto)
{
	size_t i;
	unsigned k;

	for (i = upto; i-- > 0;) {
		for (k = 0; k < r->config[i]->g.nagreements; k++) {
			if (r->config[i]->g.agreements[k].terms.id == id)
				return &r->config[i]->g.agreements[k];
		}
	}
	return NULL;
}

static struct money
balance_of(struct report *r, uint64_t account)
{
	struct stmt *q = store_sql(r->s,
	    "SELECT settled FROM balances WHERE account = ? AND window = 1");

	stmt_u64(q, 1, account);
	return (struct money){ stmt_step(q) ? stmt_get_i64(q, 0) : 0 };
}

struct series {
	int64_t *day;
	unsigned n;
	struct money before, today;
};

/*
 * Days from the commitment's first to that of now; before is all of them,
 * today what came since midnight.  What a correction in a later month moved
 * stands at its own time, so that the sum is the account's.
 */
static void
read_series(struct report *r, uint64_t agreement, const struct period *in,
    struct series *out)
{
	const int64_t today = r->now_ns / DAY_NS;
	struct stmt *q = store_sql(r->s,
	    "SELECT u.hour, u.contracted FROM usage_hour u JOIN dims d"
	    " ON d.id = u.dim WHERE d.agreement = ? AND u.hour >= ?"
	    " AND u.hour < ?");
	const int64_t upto =
	    in->to_ns != 0 && in->to_ns < r->now_ns ? in->to_ns : r->now_ns;
	int64_t first = in->from_ns / DAY_NS, day, nano;

	if (first < today - FORECAST_DAYS_MAX)
		first = today - FORECAST_DAYS_MAX;
	out->n = today > first ? (unsigned)(today - first) : 0;
	out->day = mem_new((out->n + 1) * sizeof(*out->day));
	stmt_u64(q, 1, agreement);
	stmt_i64(q, 2, in->from_ns / HOUR_NS);
	stmt_i64(q, 3, (upto + HOUR_NS - 1) / HOUR_NS);
	while (stmt_step(q)) {
		day = stmt_get_i64(q, 0) / 24;
		nano = stmt_get_i64(q, 1);
		if (day >= today)
			out->today.nano += nano;
		else
			out->before.nano += nano;
		if (day >= first && day < today)
			out->day[day - first] += nano;
	}
}

/* The days before the first that was used at all say nothing. */
static void
trim(struct series *s)
{
	unsigned i = 0;

	while (i < s->n && s->day[i] == 0)
		i++;
	memmove(s->day, s->day + i, (s->n - i) * sizeof(*s->day));
	s->n -= i;
}

/* --- telling ------------------------------------------------------------ */

static void
write_percent(struct buf *b, const char *key, int64_t percent)
{
	struct buf text = { 0 };

	agreement_percent_write(&text, percent);
	json_w_kstr(b, key, buf_slice(&text));
	buf_fini(&text);
}

static void
write_end(struct buf *b, const char *key, int64_t wall_ns)
{
	scan_time(b, key, wall_ns > 0 ? wall_ns : -1);
}

static void
write_discount(struct buf *b, const struct agreement *t)
{
	struct buf text = { 0 };

	json_w_key(b, "discount");
	if (t->percent == 0 && t->per_token.pico == 0) {
		json_w_null(b);
		return;
	}
	json_w_begin(b, '{');
	if (t->percent != 0) {
		write_percent(b, "percent", t->percent);
	} else {
		rate_write_per_million(&text, t->per_token);
		json_w_kstr(b, "per_million", buf_slice(&text));
	}
	json_w_end(b, '}');
	buf_fini(&text);
}

static const char *const point_names[FORECAST_POINTS] = { "p10", "p50", "p90" };

static void
write_points(struct buf *b, const char *key, const int128 v[FORECAST_POINTS],
    bool shortfall)
{
	unsigned p;

	json_w_key(b, key);
	json_w_begin(b, '{');
	for (p = 0; p < FORECAST_POINTS; p++)
		scan_money_sum(
		    b, point_names[p], shortfall && v[p] < 0 ? 0 : v[p]);
	json_w_end(b, '}');
}

static void
write_alert(struct buf *b, const struct commitment_view *c)
{
	json_w_key(b, "alert");
	if (c->alert == ALERT_NONE) {
		json_w_null(b);
		return;
	}
	json_w_begin(b, '{');
	json_w_kstr(b, "kind",
	    c->alert == ALERT_SHORTFALL ? S("shortfall") : S("exhaustion"));
	json_w_kstr(
	    b, "certainty", c->alert_sure ? S("nearly_sure") : S("likely"));
	write_end(b, "on",
	    c->alert == ALERT_SHORTFALL ? c->in.to_ns
					: c->exhausted_ns[FORECAST_P50]);
	json_w_ku64(b, "days_ahead", c->alert_days);
	json_w_end(b, '}');
}

static void
write_forecast(struct buf *b, const struct commitment_view *c)
{
	unsigned p;

	json_w_key(b, "forecast");
	if (!c->forecast) {
		json_w_null(b);
		return;
	}
	json_w_begin(b, '{');
	json_w_ku64(b, "days_of_history", c->days);
	json_w_ku64(b, "tested_days_ahead", c->f.horizon);
	json_w_ku64(b, "tests", c->f.tests);
	write_percent(b, "mape_percent", c->f.mape);
	if (c->in.to_ns != 0) {
		write_points(b, "end_balance", c->end_balance, false);
		write_points(b, "shortfall", c->end_balance, true);
	}
	json_w_key(b, "exhausted");
	json_w_begin(b, '{');
	for (p = 0; p < FORECAST_POINTS; p++)
		write_end(b, point_names[p], c->exhausted_ns[p]);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
write_money(struct buf *b, const char *key, int64_t nano)
{
	scan_money(b, key, nano);
}

/* The newest days that the forecast stands on, today not among them. */
static void
write_daily(struct report *r, const int64_t *day, unsigned n)
{
	const int64_t today = r->now_ns / DAY_NS;
	unsigned i;

	json_w_key(r->out, "daily");
	json_w_begin(r->out, '[');
	for (i = n > DAILY ? n - DAILY : 0; i < n; i++) {
		json_w_begin(r->out, '{');
		scan_time(r->out, "day", (today - n + i) * DAY_NS);
		scan_money(r->out, "burned", day[i]);
		json_w_end(r->out, '}');
	}
	json_w_end(r->out, ']');
}

static void
write_view(
    struct report *r, const struct commitment_view *c, const struct series *s)
{
	struct buf *b = r->out;
	const int64_t left = c->amount.nano > c->burned.nano
				 ? c->amount.nano - c->burned.nano
				 : 0;

	json_w_begin(b, '{');
	write_money(b, "amount", c->amount.nano);
	write_end(b, "from", c->in.from_ns);
	write_end(b, "to", c->in.to_ns);
	json_w_kbool(b, "ended", c->ended);
	write_money(b, "burned", c->burned.nano);
	write_money(b, "left", c->ended ? 0 : left);
	/* What was promised and not spent: a line of its own in reports. */
	write_money(b, "unused", c->ended ? left : 0);
	write_money(b, "last_7_days", c->last_7.nano);
	write_money(b, "last_28_days", c->last_28.nano);
	write_daily(r, s->day, s->n);
	write_forecast(b, c);
	write_alert(b, c);
	json_w_end(b, '}');
}

static void
write_commitment(struct report *r, const struct agreement_row *a)
{
	struct commitment_view c = { .account = agreement_account(
					 a->name, PLEDGE_COMMITMENT, S("")) };
	struct series s = { 0 };

	json_w_key(r->out, "commitment");
	if (!scan_promised(r->s, a->name, &c.amount, &c.in)) {
		json_w_null(r->out);
		return;
	}
	read_series(r, a->terms.id, &c.in, &s);
	trim(&s);
	/* The account is exact, and knows what the rollups may forget. */
	if (r->is_now)
		s.before.nano = balance_of(r, c.account).nano - s.today.nano;
	agreement_look(&c, s.day, s.n, s.before, s.today, r->now_ns);
	write_view(r, &c, &s);
	mem_free(s.day);
}

static void
write_share(struct report *r, const struct share_row *row)
{
	const struct share *t = &row->terms;
	const int64_t accrued = balance_of(r, row->account).nano;
	struct buf *b = r->out;

	json_w_begin(b, '{');
	json_w_kstr(b, "partner", row->partner);
	write_percent(b, "rate_percent", t->percent);
	json_w_kstr(b, "base", t->of_list ? S("list") : S("contracted"));
	write_money(b, "cap", t->cap.nano);
	write_end(b, "from", t->in.from_ns);
	write_end(b, "to", t->in.to_ns);
	json_w_kbool(b, "accruing",
	    accrued < t->cap.nano && period_has(&t->in, r->now_ns));
	write_money(b, "accrued", accrued);
	write_money(
	    b, "cap_left", accrued < t->cap.nano ? t->cap.nano - accrued : 0);
	json_w_end(b, '}');
}

/* Is the account of a share in a newer generation than that number? */
static bool
told_since(const struct report *r, uint64_t account, size_t number)
{
	size_t i;
	unsigned k;

	for (i = number + 1; i < r->nconfigs; i++) {
		const struct generation *g = &r->config[i]->g;

		for (k = 0; k < g->nshares; k++) {
			if (g->shares[k].account == account)
				return true;
		}
	}
	return false;
}

/* Each at its newest terms, also those that are not configured any more. */
static void
write_shares(struct report *r, const struct agreement_row *a)
{
	size_t i;
	unsigned k;

	json_w_key(r->out, "shares");
	json_w_begin(r->out, '[');
	for (i = r->nconfigs; i-- > 0;) {
		const struct generation *g = &r->config[i]->g;

		for (k = 0; k < g->nshares; k++) {
			if (g->shares[k].terms.agreement == a->terms.id &&
			    !told_since(r, g->shares[k].account, i))
				write_share(r, &g->shares[k]);
		}
	}
	json_w_end(r->out, ']');
}

static void
write_agreement(
    struct report *r, const struct agreement_row *a, bool configured)
{
	const struct agreement *t = &a->terms;
	struct buf *b = r->out;

	json_w_begin(b, '{');
	json_w_kstr(b, "name", a->name);
	json_w_kstr(b, "provider", a->provider);
	json_w_kstr(b, "contract", a->contract);
	write_end(b, "from", t->in_force.from_ns);
	write_end(b, "to", t->in_force.to_ns);
	json_w_kbool(b, "configured", configured);
	json_w_kbool(
	    b, "in_force", configured && period_has(&t->in_force, r->now_ns));
	write_discount(b, t);
	write_commitment(r, a);
	write_shares(r, a);
	json_w_end(b, '}');
}

/* Every name once, at its newest terms; the newest generation first. */
static unsigned
write_all(struct report *r, struct slice name)
{
	const struct agreement_row *a;
	unsigned k, n = 0;
	size_t i;

	for (i = r->nconfigs; i-- > 0;) {
		const struct scan_config *c = r->config[i];

		for (k = 0; k < c->g.nagreements; k++) {
			a = &c->g.agreements[k];
			if (terms_of(r, a->terms.id, r->nconfigs) != a ||
			    (name.len > 0 && !slice_eq(name, a->name)))
				continue;
			write_agreement(
			    r, a, c->g.generation == r->scan.in_force);
			n++;
		}
	}
	return n;
}

enum fault
agreement_report(
    struct store *s, struct slice name, int64_t at_ns, struct buf *out)
{
	struct report r = { .s = s,
		.now_ns = at_ns != 0 ? at_ns : clock_wall_ns(),
		.is_now = at_ns == 0,
		.out = out };
	enum fault fault;
	unsigned n;

	store_begin(s);
	learn(&r);
	json_w_begin(out, '{');
	scan_time(out, "at", r.now_ns);
	json_w_key(out, "agreements");
	json_w_begin(out, '[');
	n = write_all(&r, name);
	json_w_end(out, ']');
	json_w_end(out, '}');
	fault = store_commit(s);
	mem_free(r.config);
	scan_fini(&r.scan);
	return fault == FAULT_NONE && n == 0 && name.len > 0 ? FAULT_NOT_FOUND
							     : fault;
}
