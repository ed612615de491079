#include "main/book.h"

#include <stdlib.h>

#include "base/date.h"
#include "base/json.h"
#include "model/agreement.h"
#include "model/ident.h"

extern const unsigned char prices_data[]; /* made from data/prices.json */
extern const size_t prices_data_len;

static void
read_rates(const struct json *j, struct rates *out)
{
	const struct json *v;
	struct rate rate;
	unsigned i;

	for (i = 0; i < LANES; i++) {
		v = json_get(j, lane_text((enum lane)i));
		if (v == NULL)
			continue;
		CHECK(rate_parse_per_million(v->text, &rate));
		rates_set(out, (enum lane)i, rate);
	}
}

/* A step without rates: above it the price is not known. */
static void
read_steps(const struct json *list, struct price *p)
{
	const struct json *j = list != NULL ? list->child : NULL;
	struct price_step *s;
	int64_t tokens;

	for (; j != NULL; j = j->next) {
		CHECK(p->nsteps < PRICE_STEPS);
		s = &p->step[p->nsteps++];
		CHECK(json_get_i64(j, "tokens", &tokens));
		CHECK(p->nsteps == 1 || (uint64_t)tokens > s[-1].above);
		s->above = (uint64_t)tokens;
		read_rates(j, &s->rates);
	}
}

static uint64_t
maybe_count(const struct json *j, const char *key)
{
	int64_t v = 0;

	return json_get_i64(j, key, &v) ? (uint64_t)v : 0;
}

static void
read_row(const struct json *j, struct book_row *r)
{
	struct price *p = &r->price;

	r->type = json_get_str(j, "type");
	r->region = json_get_str(j, "region");
	r->tier = json_get_str(j, "tier");
	r->model = json_get_str(j, "model");
	r->source = json_get_str(j, "source");
	r->aliases = json_get(j, "aliases");
	r->uplift = json_get(j, "uplift");
	r->context = maybe_count(j, "context");
	r->max_output = maybe_count(j, "max_output");
	CHECK(date_parse(json_get_str(j, "from"), &p->from_ns));
	p->tier = r->tier;
	read_rates(j, &p->base);
	CHECK((p->base.has & LANE_BIT(LANE_INPUT)) != 0 &&
	      (p->base.has & LANE_BIT(LANE_OUTPUT)) != 0);
	read_steps(json_get(j, "above"), p);
	price_name(p, r->type, r->region, r->tier, r->model);
}

void
book_open(struct book *b)
{
	const struct slice text = { (const char *)prices_data,
		prices_data_len };
	const struct json *rows, *j;
	struct book_row *row;
	struct json *top;

	*b = (struct book){ 0 };
	CHECK(json_parse(&b->arena, text, &top) == FAULT_NONE);
	b->currency = json_get_str(top, "currency");
	rows = json_get(top, "rows");
	CHECK(rows != NULL && rows->type == JSON_ARRAY);
	row = ARENA_ARRAY(&b->arena, struct book_row, rows->n);
	b->row = row;
	for (j = rows->child; j != NULL; j = j->next)
		read_row(j, &row[b->n++]);
}

void
book_close(struct book *b)
{
	arena_fini(&b->arena);
	*b = (struct book){ 0 };
}

static bool
is_alias(const struct book_row *r, struct slice name)
{
	const struct json *a;

	if (r->aliases == NULL)
		return false;
	for (a = r->aliases->child; a != NULL; a = a->next) {
		if (slice_eq(a->text, name))
			return true;
	}
	return false;
}

static bool
applies(const struct book_row *r, const struct book_query *q)
{
	return slice_eq(r->type, q->type) &&
	       (q->tier.len == 0 || slice_eq(r->tier, q->tier)) &&
	       (slice_eq(r->region, S("*")) || slice_eq(r->region, q->region));
}

/* A row of the region itself comes before one for every region. */
static int
by_date(const void *a, const void *b)
{
	const struct book_row *const *x = a, *const *y = b;
	const bool every_x = slice_eq((*x)->region, S("*"));
	const bool every_y = slice_eq((*y)->region, S("*"));

	if ((*x)->price.from_ns != (*y)->price.from_ns)
		return (*x)->price.from_ns > (*y)->price.from_ns ? -1 : 1;
	return (int)every_x - (int)every_y;
}

static size_t
find_as(const struct book *b, const struct book_query *q, struct slice name,
    bool by_alias, const struct book_row **out, size_t max)
{
	size_t i, n = 0;

	for (i = 0; i < b->n && n < max; i++) {
		const struct book_row *r = &b->row[i];

		if (applies(r, q) &&
		    (by_alias ? is_alias(r, name) : slice_eq(r->model, name)))
			out[n++] = r;
	}
	return n;
}

size_t
book_find(const struct book *b, const struct book_query *q,
    const struct book_row **out, size_t max)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < q->nname && n == 0; i++) {
		n = find_as(b, q, q->name[i], false, out, max);
		if (n == 0)
			n = find_as(b, q, q->name[i], true, out, max);
	}
	if (n > 1)
		qsort(out, n, sizeof(*out), by_date);
	return n;
}

int64_t
book_uplift(const struct book_row *r, struct slice region)
{
	const struct json *j = r->uplift != NULL ? r->uplift->child : NULL;
	int64_t percent = 0;

	while (j != NULL && !slice_eq(j->key, region))
		j = j->next;
	CHECK(j == NULL || agreement_percent_parse(j->text, &percent));
	return percent;
}

/* Lanes by a letter; those of the first version keep theirs, so a row that
 * says the same still has the same id. */
static void
add_rates(struct buf *b, const struct rates *r)
{
	static const char mark[LANES + 1] = "icwhamotsg";
	unsigned i;

	for (i = 0; i < LANES; i++) {
		if ((r->has & LANE_BIT(i)) == 0)
			continue;
		buf_char(b, ' ');
		buf_char(b, mark[i]);
		rate_write_per_million(b, r->rate[i]);
	}
}

void
price_name(struct price *p, struct slice type, struct slice region,
    struct slice tier, struct slice model)
{
	struct buf b = { 0 };
	unsigned i;

	buf_fmt(&b, "%s %.*s %.*s %.*s %.*s from ",
	    p->operators ? "own" : "book", S_FMT(type), S_FMT(region),
	    S_FMT(tier), S_FMT(model));
	buf_i64(&b, p->from_ns);
	add_rates(&b, &p->base);
	buf_str(&b, " r");
	money_write(&b, p->per_request);
	if (p->to_ns != 0) {
		buf_str(&b, " to ");
		buf_i64(&b, p->to_ns);
	}
	for (i = 0; i < p->nsteps; i++) {
		buf_str(&b, " above ");
		buf_u64(&b, p->step[i].above);
		add_rates(&b, &p->step[i].rates);
	}
	p->id = hash64(buf_slice(&b));
	if (p->id == 0)
		p->id = 1;
	buf_fini(&b);
}
