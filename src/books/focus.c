#include "books/focus.h"

#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "books/focus_row.h"
#include "books/scan.h"
#include "journal/pledge.h"
#include "model/agreement.h"
#include "model/ident.h"

enum { HOUR = 3600, DAY = 24 * HOUR };

#define HOUR_NS (HOUR * NS_PER_S)

/* Costs are in units of 10^-20: rates have 12 decimals, percentages 8. */
enum { RATE_UNITS = 100 * 1000 * 1000 };
static const int128 nano_units = 100000000000;

struct costs {
	int128 list, contracted, effective;
};

/* One charge period's sums of one key and dimension, in the time of a
 * commitment or not: that may begin within the period. */
struct group {
	int64_t second;
	uint64_t key, dim;
	uint64_t committed;
	int64_t sum[SUMS];
};

struct group_key {
	int64_t second;
	uint64_t key, dim;
	uint64_t committed;
};

struct focus {
	struct store *s;
	const struct focus_query *q;
	struct buf *out;
	struct roll_names names;
	struct scan scan;
	struct map64 prices;      /* id to struct price */
	struct map64 agreements;  /* id to struct agreement_row */
	struct map64 commitments; /* of an agreement's id */
	struct map groups;
	struct group **group;
	size_t n, cap;
	struct focus_row row;
};

struct commitment {
	const struct agreement_row *a;
	struct money amount;
	struct period in;
	int64_t end;    /* second of its end */
	int64_t burned; /* by what was booked so far */
};

/* What a row is about. */
struct subject_of {
	const struct group *g;
	const struct roll_dim *d;
	const struct roll_key *k;
	const struct price *price;
	const struct agreement_row *agreement;
	int64_t attempts; /* told by the first of its rows */
};

/* --- what the books know ----------------------------------------------- */

static void
learn_generation(struct focus *f, struct generation *g)
{
	unsigned i;

	for (i = 0; i < g->nprices; i++)
		(void)map64_put(
		    &f->prices, g->prices[i].price.id, &g->prices[i].price);
	for (i = 0; i < g->nagreements; i++)
		(void)map64_put(&f->agreements, g->agreements[i].terms.id,
		    &g->agreements[i]);
}

static void
learn_commitments(struct focus *f)
{
	const struct map64_slot *e;
	struct commitment c, *one;
	size_t at = 0;

	while ((e = map64_next(&f->agreements, &at)) != NULL) {
		c = (struct commitment){ .a = e->value };
		if (!scan_promised(f->s, c.a->name, &c.amount, &c.in))
			continue;
		c.end = c.in.to_ns / NS_PER_S;
		one = NEW(struct commitment);
		*one = c;
		(void)map64_put(&f->commitments, c.a->terms.id, one);
	}
}

/* The last generation says how an agreement is called. */
static void
learn(struct focus *f)
{
	struct scan_config **all;
	size_t n, i;

	scan_learn_store(&f->scan, f->s);
	all = scan_by_time(&f->scan, &n);
	for (i = 0; i < n; i++)
		learn_generation(f, &all[i]->g);
	mem_free(all);
	learn_commitments(f);
}

/*
 * The discount was earned by a commitment: else it is just negotiated.  All
 * calls of a row came under its agreement, so that an hour in which both
 * begin, or end, is told right.
 */
static bool
is_committed(const struct focus *f, const struct roll_row *t)
{
	const struct roll_dim *d = roll_dim(&f->names, t->dim);
	const struct commitment *c =
	    d != NULL ? map64_find(&f->commitments, d->agreement) : NULL;
	struct period hour;

	if (c == NULL)
		return false;
	hour.from_ns = (d->late != 0 ? d->late : t->second / HOUR) * HOUR_NS;
	hour.to_ns = hour.from_ns + HOUR_NS;
	return !period_apart(&hour, &c->in);
}

static void
add_group(void *arg, const struct roll_row *t)
{
	struct focus *f = arg;
	const int64_t unit = f->q->daily ? DAY : HOUR;
	const struct group_key key = { t->second - t->second % unit, t->key,
		t->dim, is_committed(f, t) };
	struct group *g = map_find(
	    &f->groups, (struct slice){ (const char *)&key, sizeof(key) });
	unsigned i;

	if (g == NULL) {
		g = NEW(struct group);
		g->second = key.second;
		g->key = key.key;
		g->dim = key.dim;
		g->committed = key.committed;
		if (f->n == f->cap) {
			f->cap = f->cap == 0 ? 256 : f->cap * 2;
			f->group =
			    mem_grow(f->group, f->cap * sizeof(struct group *));
		}
		f->group[f->n++] = g;
		(void)map_put(&f->groups,
		    (struct slice){ (const char *)g, sizeof(key) }, g);
	}
	for (i = 0; i < SUMS; i++)
		g->sum[i] += t->sum[i];
}

_Static_assert(
    offsetof(struct group, key) == offsetof(struct group_key, key) &&
	offsetof(struct group, dim) == offsetof(struct group_key, dim) &&
	offsetof(struct group, committed) ==
	    offsetof(struct group_key, committed),
    "a group begins with its key");

/* --- cells that follow from what it is about --------------------------- */

static void
set(struct focus *f, enum focus_column c, const char *text)
{
	focus_set(&f->row, c, slice_of(text));
}

static int64_t
month_start(int64_t second, int more)
{
	const time_t t = (time_t)second;
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	tm = (struct tm){
		.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + more, .tm_mday = 1
	};
	return (int64_t)timegm(&tm);
}

/* A correction in a later month is charged where its request was and billed
 * where it was booked. */
static void
set_times(struct focus *f, const struct subject_of *s)
{
	const int64_t unit = f->q->daily ? DAY : HOUR;
	const bool late = s->d != NULL && s->d->late != 0;
	int64_t start = s->g->second;

	if (late)
		start = s->d->late * HOUR - s->d->late * HOUR % unit;
	focus_set_time(&f->row, FOCUS_CHARGE_PERIOD_START, start);
	focus_set_time(&f->row, FOCUS_CHARGE_PERIOD_END, start + unit);
	focus_set_time(
	    &f->row, FOCUS_BILLING_PERIOD_START, month_start(s->g->second, 0));
	focus_set_time(
	    &f->row, FOCUS_BILLING_PERIOD_END, month_start(s->g->second, 1));
	if (late)
		set(f, FOCUS_CHARGE_CLASS, "Correction");
}

static void
set_seller(struct focus *f, const char *type, const char *account,
    const char *publisher)
{
	static const struct {
		const char *type, *provider, *service;
	} sellers[] = {
#define SELLER(type, provider, service) { type, provider, service },
#include "books/sellers.def"
#undef SELLER
	};
	const char *provider = account, *service = account;
	size_t i;

	for (i = 0; i < NELEM(sellers); i++) {
		if (strcmp(sellers[i].type, type) == 0) {
			provider = sellers[i].provider;
			service = sellers[i].service;
		}
	}
	set(f, FOCUS_PROVIDER_NAME, provider);
	set(f, FOCUS_INVOICE_ISSUER_NAME, provider);
	set(f, FOCUS_PUBLISHER_NAME,
	    publisher[0] != '\0' ? publisher : provider);
	set(f, FOCUS_SERVICE_NAME, service);
	set(f, FOCUS_SERVICE_CATEGORY, "AI and Machine Learning");
	set(f, FOCUS_SERVICE_SUBCATEGORY, "Generative AI");
	set(f, FOCUS_BILLING_ACCOUNT_ID, account);
	set(f, FOCUS_BILLING_ACCOUNT_NAME, account);
	set(f, FOCUS_BILLING_ACCOUNT_TYPE, "Provider account");
	set(f, FOCUS_BILLING_CURRENCY, f->q->currency);
	set(f, FOCUS_PRICING_CURRENCY, f->q->currency);
	set(f, FOCUS_X_PROVIDER_ACCOUNT, account);
	set(f, FOCUS_X_PUBLISHER, publisher);
}

static void
set_dim(struct focus *f, const struct roll_dim *d)
{
	const char *region = d->text[ROLL_REGION];

	set_seller(f, d->text[ROLL_TYPE], d->text[ROLL_PROVIDER],
	    d->text[ROLL_PUBLISHER]);
	set(f, FOCUS_REGION_ID, region);
	set(f, FOCUS_REGION_NAME, region);
	set(f, FOCUS_RESOURCE_ID, d->text[ROLL_DEPLOYMENT]);
	set(f, FOCUS_RESOURCE_NAME, d->text[ROLL_NAME]);
	set(f, FOCUS_RESOURCE_TYPE, "Model deployment");
	set(f, FOCUS_X_DEPLOYMENT, d->text[ROLL_DEPLOYMENT]);
	set(f, FOCUS_X_MODEL, d->text[ROLL_MODEL]);
	set(f, FOCUS_X_SERVICE_TIER, d->text[ROLL_TIER]);
	set(f, FOCUS_X_ZONE, d->text[ROLL_ZONE]);
	set(f, FOCUS_X_RESOLUTION,
	    d->flag == 'u'   ? "unknown"
	    : d->flag == 'e' ? "estimated"
			     : "booked");
}

static void
set_id(struct focus *f, enum focus_column c, const char *kind, uint64_t id)
{
	struct buf b = { 0 };

	buf_fmt(&b, "%s_%llu", kind, (unsigned long long)id);
	if (id != 0)
		focus_set(&f->row, c, buf_slice(&b));
	buf_fini(&b);
}

static void
set_principal(struct focus *f, const struct roll_key *k)
{
	const bool service = k->text[ROLL_SERVICE][0] != '\0';
	const enum roll_place place = service ? ROLL_SERVICE : ROLL_USER;

	if (k->text[place][0] == '\0')
		return;
	set(f, FOCUS_X_PRINCIPAL_NAME, k->text[place]);
	set(f, FOCUS_X_PRINCIPAL_KIND, service ? "service" : "user");
	set_id(f, FOCUS_X_PRINCIPAL_ID, service ? "service" : "user",
	    k->place[place]);
}

static void
set_key(struct focus *f, const struct roll_key *k, uint64_t key)
{
	char id[KEY_ID_TEXT + 1];

	key_id_write(key, id);
	set(f, FOCUS_X_KEY_ID, id);
	set(f, FOCUS_X_KEY_NAME, k->text[ROLL_KEY_NAME]);
	set(f, FOCUS_X_ORG, k->text[ROLL_ORG]);
	set(f, FOCUS_X_PROJECT, k->text[ROLL_PROJECT]);
	set(f, FOCUS_X_TEAM, k->text[ROLL_TEAM]);
	set_principal(f, k);
	if (k->text[ROLL_TEAM][0] == '\0')
		return;
	/* Of keys before there were subjects the name alone is known. */
	set(f, FOCUS_SUB_ACCOUNT_ID, k->text[ROLL_TEAM]);
	set_id(f, FOCUS_SUB_ACCOUNT_ID, "team", k->place[ROLL_TEAM]);
	set(f, FOCUS_SUB_ACCOUNT_NAME, k->text[ROLL_TEAM]);
	set(f, FOCUS_SUB_ACCOUNT_TYPE, "Team");
}

/* --- tags -------------------------------------------------------------- */

static const struct roll_tag *
tag_at(const struct subject_of *s, unsigned i)
{
	return i < s->k->ntags ? &s->k->tag[i] : &s->d->tag[i - s->k->ntags];
}

/* All values of one name: the key's and the request's may differ. */
static void
write_tag(struct buf *b, const struct subject_of *s, unsigned from, unsigned n)
{
	const struct roll_tag *t = tag_at(s, from);
	struct buf value = { 0 }, name = { 0 };
	unsigned i;

	for (i = from; i < n; i++) {
		const struct roll_tag *u = tag_at(s, i);

		if (!slice_eq(u->name, t->name) ||
		    (i > from && slice_eq(u->value, t->value)))
			continue;
		if (value.len > 0)
			buf_str(&value, ", ");
		buf_add(&value, u->value);
	}
	buf_add(&name, t->name);
	json_w_key(b, buf_cstr(&name));
	if (value.len == 0)
		json_w_bool(b, true); /* a tag without a value */
	else
		json_w_str(b, buf_slice(&value));
	buf_fini(&value);
	buf_fini(&name);
}

static void
set_tags(struct focus *f, const struct subject_of *s)
{
	const unsigned n = s->k->ntags + s->d->ntags;
	struct buf *b = &f->row.cell[FOCUS_TAGS];
	unsigned i, k;

	if (n == 0)
		return;
	json_w_begin(b, '{');
	for (i = 0; i < n; i++) {
		for (k = 0;
		     k < i && !slice_eq(tag_at(s, k)->name, tag_at(s, i)->name);
		     k++)
			;
		if (k == i)
			write_tag(b, s, i, n);
	}
	json_w_end(b, '}');
}

/* --- rows -------------------------------------------------------------- */

static void
begin_row(struct focus *f, const struct subject_of *s)
{
	focus_row_clear(&f->row);
	set_times(f, s);
	set_dim(f, s->d);
	set_key(f, s->k, s->g->key);
	set_tags(f, s);
	if (s->agreement != NULL)
		focus_set(&f->row, FOCUS_X_AGREEMENT, s->agreement->name);
}

static void
set_costs(struct focus *f, const struct costs *c)
{
	struct focus_row *r = &f->row;

	focus_set_number(r, FOCUS_LIST_COST, c->list, FOCUS_DECIMALS);
	focus_set_number(
	    r, FOCUS_CONTRACTED_COST, c->contracted, FOCUS_DECIMALS);
	focus_set_number(r, FOCUS_EFFECTIVE_COST, c->effective, FOCUS_DECIMALS);
	focus_set_number(r, FOCUS_PRICING_CURRENCY_EFFECTIVE_COST, c->effective,
	    FOCUS_DECIMALS);
	/* Nothing is paid ahead: what is contracted is what is invoiced. */
	focus_set_number(r, FOCUS_BILLED_COST, c->contracted, FOCUS_DECIMALS);
}

static void
end_row(struct focus *f, struct subject_of *s)
{
	focus_set_number(&f->row, FOCUS_X_ATTEMPTS, s->attempts, 0);
	s->attempts = 0;
	if (f->q->json)
		focus_write_json(&f->row, f->out);
	else
		focus_write_csv(&f->row, f->out);
}

static void
set_commitment(
    struct focus *f, const struct agreement_row *a, const char *status)
{
	focus_set(&f->row, FOCUS_COMMITMENT_ID, a->name);
	focus_set(&f->row, FOCUS_COMMITMENT_NAME,
	    a->contract.len > 0 ? a->contract : a->name);
	set(f, FOCUS_COMMITMENT_CATEGORY, "Spend");
	set(f, FOCUS_COMMITMENT_TYPE, "Agreement");
	set(f, FOCUS_COMMITMENT_STATUS, status);
	set(f, FOCUS_PRICING_CATEGORY, "Committed");
}

static void
set_unit_prices(struct focus *f, int128 list, int128 contracted)
{
	struct focus_row *r = &f->row;

	focus_set_number(r, FOCUS_LIST_UNIT_PRICE, list, FOCUS_DECIMALS);
	focus_set_number(
	    r, FOCUS_CONTRACTED_UNIT_PRICE, contracted, FOCUS_DECIMALS);
	focus_set_number(
	    r, FOCUS_PRICING_CURRENCY_LIST_UNIT_PRICE, list, FOCUS_DECIMALS);
	focus_set_number(r, FOCUS_PRICING_CURRENCY_CONTRACTED_UNIT_PRICE,
	    contracted, FOCUS_DECIMALS);
}

static void
set_quantity(struct focus *f, int64_t quantity, const char *unit)
{
	focus_set_number(&f->row, FOCUS_PRICING_QUANTITY, quantity, 0);
	set(f, FOCUS_PRICING_UNIT, unit);
	focus_set_number(&f->row, FOCUS_CONSUMED_QUANTITY, quantity, 0);
	set(f, FOCUS_CONSUMED_UNIT, unit);
}

struct meter {
	const char *id, *text, *words, *unit;
};

static void
set_sku(struct focus *f, const struct subject_of *s, const struct meter *m)
{
	const uint64_t above =
	    s->d->step > 0 ? s->price->step[s->d->step - 1].above : 0;
	struct buf *details = &f->row.cell[FOCUS_SKU_PRICE_DETAILS];
	struct buf id = { 0 };

	buf_fmt(&id, "%s/%s/%s/%s", s->d->text[ROLL_TYPE],
	    s->d->text[ROLL_MODEL], s->d->text[ROLL_TIER], m->id);
	focus_set(&f->row, FOCUS_SKU_ID, buf_slice(&id));
	buf_fmt(&id, "@%016llx", (unsigned long long)s->d->price);
	if (s->d->step > 0)
		buf_fmt(&id, ".%u", s->d->step);
	focus_set(&f->row, FOCUS_SKU_PRICE_ID, buf_slice(&id));
	buf_fini(&id);
	set(f, FOCUS_SKU_METER, m->text);
	json_w_begin(details, '{');
	json_w_kstr(details, "x_Model", slice_of(s->d->text[ROLL_MODEL]));
	json_w_kstr(details, "x_ServiceTier", slice_of(s->d->text[ROLL_TIER]));
	if (above > 0)
		json_w_ku64(details, "x_InputTokensAbove", above);
	json_w_kstr(details, "x_PriceSource",
	    s->price->operators ? S("operator") : S("price book"));
	json_w_end(details, '}');
}

/* At unit prices in units of 10^-20; takes what it costs off the rest. */
static bool
write_usage(struct focus *f, struct subject_of *s, const struct meter *m,
    int64_t quantity, int128 list, int128 contracted, struct costs *rest)
{
	struct buf text = { 0 };
	struct costs c;

	if (__builtin_mul_overflow(list, quantity, &c.list) ||
	    __builtin_mul_overflow(contracted, quantity, &c.contracted))
		return false;
	c.effective = c.contracted;
	begin_row(f, s);
	set(f, FOCUS_CHARGE_CATEGORY, "Usage");
	set(f, FOCUS_CHARGE_FREQUENCY, "Usage-Based");
	buf_fmt(&text, "%s at %s: %s", s->d->text[ROLL_MODEL],
	    s->d->text[ROLL_PROVIDER], m->words);
	focus_set(&f->row, FOCUS_CHARGE_DESCRIPTION, buf_slice(&text));
	buf_fini(&text);
	set(f, FOCUS_PRICING_CATEGORY, "Standard");
	set_unit_prices(f, list, contracted);
	set_quantity(f, quantity, m->unit);
	set_sku(f, s, m);
	set_costs(f, &c);
	if (s->g->committed) {
		set_commitment(f, s->agreement, "Used");
		if (s->d->late == 0) {
			focus_set_number(&f->row, FOCUS_COMMITMENT_QUANTITY,
			    c.contracted, FOCUS_DECIMALS);
			set(f, FOCUS_COMMITMENT_UNIT, f->q->currency);
		}
	}
	end_row(f, s);
	rest->list -= c.list;
	rest->contracted -= c.contracted;
	rest->effective -= c.effective;
	return true;
}

/* What the agreement makes of a rate, in units of 10^-20. */
static int128
after_discount(const struct roll_dim *d, int128 list)
{
	const int128 off = (int128)d->per_token * RATE_UNITS;

	if (d->percent != 0) /* list has 12 decimals: it divides */
		return list / PERCENT_ALL * (PERCENT_ALL - d->percent);
	return list > off ? list - off : 0;
}

static void
write_lanes(struct focus *f, struct subject_of *s, struct costs *rest)
{
	static const struct meter meters[LANES] = {
#define METER(LANE, text, words) \
	[LANE_##LANE] = { NULL, text, words, "Tokens" },
#include "books/meters.def"
#undef METER
	};
	const struct rates *rates = s->d->step == 0
					? &s->price->base
					: &s->price->step[s->d->step - 1].rates;
	struct meter m;
	struct rate rate;
	int64_t quantity;
	int128 list;
	unsigned i;

	for (i = 0; i < LANES; i++) {
		quantity = sum_lane(s->g->sum, (enum lane)i);
		if (quantity == 0 || !rates_get(rates, (enum lane)i, &rate))
			continue;
		m = meters[i];
		m.id = lane_text((enum lane)i);
		list = (int128)rate.pico * RATE_UNITS;
		(void)write_usage(
		    f, s, &m, quantity, list, after_discount(s->d, list), rest);
	}
}

static void
write_fee(struct focus *f, struct subject_of *s, struct costs *rest)
{
	static const struct meter meter = { "request", "Requests", "requests",
		"Requests" };
	const int128 list = s->price->per_request.nano * nano_units;
	int128 contracted = list;

	if (s->g->sum[SUM_ATTEMPTS] == 0 || list == 0)
		return;
	if (s->d->percent != 0)
		contracted = list / PERCENT_ALL * (PERCENT_ALL - s->d->percent);
	(void)write_usage(
	    f, s, &meter, s->g->sum[SUM_ATTEMPTS], list, contracted, rest);
}

/* What is left: no quantity and no price, so that no product can be wrong. */
static void
write_rest(struct focus *f, struct subject_of *s, const struct costs *rest)
{
	begin_row(f, s);
	set(f, FOCUS_CHARGE_CATEGORY, "Adjustment");
	set(f, FOCUS_CHARGE_FREQUENCY, "Usage-Based");
	set(f, FOCUS_CHARGE_DESCRIPTION,
	    s->d->flag == 'u' ? "attempts whose usage is unknown, at their "
				"bound"
	    : s->price == NULL
		? "attempts that no price is known for"
		: "what single calls were booked at beyond unit price x "
		  "quantity: rounding, estimates at their hold, stated costs");
	set_costs(f, rest);
	end_row(f, s);
}

static bool
is_nothing(const int64_t sum[SUMS])
{
	unsigned i;

	for (i = 0; i < SUMS && sum[i] == 0; i++)
		;
	return i == SUMS;
}

static void
write_group(struct focus *f, const struct group *g)
{
	struct subject_of s = { .g = g,
		.d = roll_dim(&f->names, g->dim),
		.k = roll_key(&f->names, g->key),
		.attempts = g->sum[SUM_ATTEMPTS] };
	struct costs rest = { g->sum[SUM_LIST] * nano_units,
		g->sum[SUM_CONTRACTED] * nano_units,
		g->sum[SUM_EFFECTIVE] * nano_units };

	if (s.d == NULL || is_nothing(g->sum))
		return;
	s.price = map64_find(&f->prices, s.d->price);
	s.agreement = map64_find(&f->agreements, s.d->agreement);
	if (s.price != NULL && s.d->step > s.price->nsteps)
		s.price = NULL;
	if (s.price != NULL && s.d->flag != 'u') {
		write_lanes(f, &s, &rest);
		write_fee(f, &s, &rest);
	}
	if (s.attempts != 0 || rest.list != 0 || rest.contracted != 0 ||
	    rest.effective != 0)
		write_rest(f, &s, &rest);
}

/* --- commitments that ran out unused ----------------------------------- */

static const struct deployment_row *
deployment_at(const struct focus *f, struct slice provider)
{
	const struct map64_slot *e;
	size_t at = 0;
	unsigned i;

	while ((e = map64_next(&f->scan.configs, &at)) != NULL) {
		const struct generation *g =
		    &((const struct scan_config *)e->value)->g;

		for (i = 0; i < g->ndeployments; i++) {
			if (slice_eq(g->deployments[i].provider, provider))
				return &g->deployments[i];
		}
	}
	return NULL;
}

static int64_t
burned(struct focus *f, const struct agreement_row *a)
{
	struct stmt *q = store_sql(f->s,
	    "SELECT settled FROM balances WHERE account = ? AND window = ?");

	stmt_u64(q, 1, agreement_account(a->name, PLEDGE_COMMITMENT, S("")));
	stmt_u64(q, 2, PLEDGE_ACCRUED);
	return stmt_step(q) ? stmt_get_i64(q, 0) : 0;
}

/* Invoiced as one sum, used by nobody.  second: when; late: not at its end
 * but with the correction of a call. */
static void
write_unused(struct focus *f, const struct commitment *u, int64_t second,
    bool late, int64_t nano)
{
	static const struct roll_key nobody;
	const int64_t unit = f->q->daily ? DAY : HOUR;
	const struct agreement_row *a = u->a;
	struct group g = { .second = second - second % unit };
	const struct roll_dim when = { .late = late ? (u->end - 1) / HOUR : 0 };
	struct subject_of s = { .g = &g, .d = &when, .k = &nobody };
	const struct costs c = { 0, 0, nano * nano_units };
	const struct deployment_row *d = deployment_at(f, a->provider);
	struct buf account = { 0 }, type = { 0 };

	buf_add(&account, a->provider);
	if (d != NULL)
		buf_add(&type, d->type);
	focus_row_clear(&f->row);
	set_times(f, &s);
	set_seller(f, buf_cstr(&type), buf_cstr(&account), "");
	set(f, FOCUS_CHARGE_CATEGORY, "Usage");
	set(f, FOCUS_CHARGE_FREQUENCY, "One-Time");
	set(f, FOCUS_CHARGE_DESCRIPTION, "the unused rest of a commitment");
	set_commitment(f, a, "Unused");
	if (!late) {
		focus_set_number(&f->row, FOCUS_COMMITMENT_QUANTITY, nano, 9);
		set(f, FOCUS_COMMITMENT_UNIT, f->q->currency);
	}
	set_unit_prices(f, 0, 0);
	focus_set_number(&f->row, FOCUS_PRICING_QUANTITY, nano, 9);
	set(f, FOCUS_PRICING_UNIT, "Units");
	focus_set(&f->row, FOCUS_SKU_ID, a->name);
	focus_set(&f->row, FOCUS_SKU_PRICE_ID, a->name);
	set(f, FOCUS_SKU_METER, "Commitment");
	focus_set(&f->row, FOCUS_X_AGREEMENT, a->name);
	set_costs(f, &c);
	focus_set_number(
	    &f->row, FOCUS_BILLED_COST, c.effective, FOCUS_DECIMALS);
	end_row(f, &s);
	buf_fini(&account);
	buf_fini(&type);
}

static int64_t
rest_of(const struct commitment *u)
{
	const int64_t rest = u->amount.nano - u->burned;

	return rest > 0 ? rest : 0;
}

/* Corrections of its calls since the month of its end was over, in charge
 * periods of so many hours. */
static struct stmt *
late_burns(struct focus *f, const struct commitment *u, int64_t hours)
{
	struct stmt *q = store_sql(f->s,
	    "SELECT u.hour - u.hour % ?1, SUM(u.contracted) FROM usage_hour u"
	    " JOIN dims d ON d.id = u.dim WHERE d.agreement = ?2"
	    " AND d.late > 0 AND d.late >= ?3 AND d.late < ?4"
	    " AND u.hour >= ?5"
	    " GROUP BY 1 ORDER BY 1");

	stmt_i64(q, 1, hours);
	stmt_u64(q, 2, u->a->terms.id);
	stmt_i64(q, 3, u->in.from_ns / HOUR_NS);
	stmt_i64(q, 4, (u->end + HOUR - 1) / HOUR);
	stmt_i64(q, 5, month_start(u->end - 1, 1) / HOUR);
	return q;
}

static bool
is_asked(const struct focus *f, int64_t second)
{
	const struct roll_span *s = &f->q->span;
	const int64_t at = second * NS_PER_S;

	return at >= s->from_ns && (s->to_ns == 0 || at < s->to_ns);
}

/* As it was when the month of its end was over, then what each charge period
 * has made of it since. */
static void
write_commitment_end(struct focus *f, struct commitment *u)
{
	struct stmt *q = late_burns(f, u, 24);
	int64_t was, second;

	while (stmt_step(q))
		u->burned -= stmt_get_i64(q, 1);
	was = rest_of(u);
	if (was > 0 && is_asked(f, u->end - 1))
		write_unused(f, u, u->end - 1, false, was);
	q = late_burns(f, u, f->q->daily ? 24 : 1);
	while (stmt_step(q)) {
		second = stmt_get_i64(q, 0) * HOUR;
		was = rest_of(u);
		u->burned += stmt_get_i64(q, 1);
		if (rest_of(u) != was && is_asked(f, second))
			write_unused(f, u, second, true, rest_of(u) - was);
	}
}

static void
write_commitments(struct focus *f)
{
	const struct map64_slot *e;
	size_t at = 0;

	while ((e = map64_next(&f->commitments, &at)) != NULL) {
		struct commitment *c = e->value;

		if (c->end == 0 || c->in.to_ns > f->q->now_ns)
			continue;
		c->burned = burned(f, c->a);
		write_commitment_end(f, c);
	}
}

/* --- all of it --------------------------------------------------------- */

static struct roll_span
whole_periods(const struct focus_query *q)
{
	const int64_t unit = (q->daily ? DAY : HOUR) * NS_PER_S;
	struct roll_span s = q->span;

	s.from_ns -= s.from_ns % unit;
	if (s.to_ns % unit != 0)
		s.to_ns += unit - s.to_ns % unit;
	return s;
}

static void
write_all(struct focus *f)
{
	size_t i;

	if (f->q->json) {
		json_w_begin(f->out, '{');
		json_w_key(f->out, "rows");
		json_w_begin(f->out, '[');
	} else {
		focus_write_header(f->out);
	}
	for (i = 0; i < f->n; i++)
		write_group(f, f->group[i]);
	write_commitments(f);
	if (f->q->json) {
		json_w_end(f->out, ']');
		json_w_end(f->out, '}');
	}
}

static void
fini(struct focus *f)
{
	const struct map64_slot *e;
	size_t at = 0, i;

	while ((e = map64_next(&f->commitments, &at)) != NULL)
		mem_free(e->value);
	for (i = 0; i < f->n; i++)
		mem_free(f->group[i]);
	mem_free(f->group);
	map_fini(&f->groups);
	map64_fini(&f->prices);
	map64_fini(&f->agreements);
	map64_fini(&f->commitments);
	roll_names_fini(&f->names);
	scan_fini(&f->scan);
	focus_row_fini(&f->row);
}

enum fault
focus_read(struct store *s, const struct focus_query *q, struct buf *out)
{
	struct focus_query wide = *q;
	struct focus f = { .s = s, .q = &wide, .out = out };
	enum fault fault;

	wide.span = whole_periods(q);
	store_begin(s);
	roll_names_load(&f.names, s);
	learn(&f);
	roll_each(s, &wide.span, add_group, &f);
	write_all(&f);
	fault = store_commit(s);
	fini(&f);
	return fault;
}
