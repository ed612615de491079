#include "main/book.h"

#include <stdlib.h>

#include "base/json.h"
#include "main/value.h"
#include "model/ident.h"

extern const unsigned char prices_data[]; /* made from data/prices.json */
extern const size_t prices_data_len;

static bool
maybe_rate(const struct json *j, const char *key, struct rate *out)
{
	const struct json *v = json_get(j, key);

	if (v == NULL)
		return false;
	CHECK(rate_parse_per_million(v->text, out));
	return true;
}

static void
must_rate(const struct json *j, const char *key, struct rate *out)
{
	CHECK(maybe_rate(j, key, out));
}

static void
read_above(const struct json *j, struct price *p)
{
	int64_t tokens;

	if (j == NULL)
		return;
	CHECK(json_get_i64(j, "tokens", &tokens));
	p->above = (uint64_t)tokens;
	must_rate(j, "input", &p->hi_input);
	p->hi_has_cached = maybe_rate(j, "cached_input", &p->hi_cached);
	p->hi_has_cache_write =
	    maybe_rate(j, "cache_write", &p->hi_cache_write);
	must_rate(j, "output", &p->hi_output);
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
	r->context = maybe_count(j, "context");
	r->max_output = maybe_count(j, "max_output");
	CHECK(value_date(json_get_str(j, "from"), &p->from_ns));
	must_rate(j, "input", &p->input);
	p->has_cached = maybe_rate(j, "cached_input", &p->cached);
	p->has_cache_write = maybe_rate(j, "cache_write", &p->cache_write);
	must_rate(j, "output", &p->output);
	read_above(json_get(j, "above"), p);
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
	b->as_of = json_get_str(top, "as_of");
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
	return slice_eq(r->type, q->type) && slice_eq(r->tier, q->tier) &&
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

static void
add_rate(struct buf *b, char mark, bool has, struct rate r)
{
	if (!has)
		return;
	buf_char(b, ' ');
	buf_char(b, mark);
	rate_write_per_million(b, r);
}

void
price_name(struct price *p, struct slice type, struct slice region,
    struct slice tier, struct slice model)
{
	struct buf b = { 0 };

	buf_fmt(&b, "%s %.*s %.*s %.*s %.*s from ",
	    p->operators ? "own" : "book", S_FMT(type), S_FMT(region),
	    S_FMT(tier), S_FMT(model));
	buf_i64(&b, p->from_ns);
	add_rate(&b, 'i', true, p->input);
	add_rate(&b, 'c', p->has_cached, p->cached);
	add_rate(&b, 'w', p->has_cache_write, p->cache_write);
	add_rate(&b, 'o', true, p->output);
	buf_str(&b, " r");
	money_write(&b, p->per_request);
	if (p->above != 0) {
		buf_str(&b, " above ");
		buf_u64(&b, p->above);
		add_rate(&b, 'i', true, p->hi_input);
		add_rate(&b, 'c', p->hi_has_cached, p->hi_cached);
		add_rate(&b, 'w', p->hi_has_cache_write, p->hi_cache_write);
		add_rate(&b, 'o', true, p->hi_output);
	}
	p->id = hash64(buf_slice(&b));
	if (p->id == 0)
		p->id = 1;
	buf_fini(&b);
}
