/*
 * ask.c - what is common to the requests of all dialects: edits and bounds
 */
#include "dialect/dialect.h"

#include "base/json.h"

static void
sort_by_place(struct splice *s, unsigned n)
{
	struct splice tmp;
	unsigned i, j;

	for (i = 1; i < n; i++) {
		for (j = i; j > 0 && s[j - 1].at > s[j].at; j--) {
			tmp = s[j];
			s[j] = s[j - 1];
			s[j - 1] = tmp;
		}
	}
}

static void
add_part(struct slice *part, unsigned *n, const char *p, size_t len)
{
	if (len > 0)
		part[(*n)++] = (struct slice){ p, len };
}

/* Both names of the limit, where a body has both. */
static unsigned
clamp_edits(const struct ask *q, struct arena *a, const struct edits *e,
    struct splice *edit)
{
	struct buf b = { 0 };
	unsigned i;

	if (e->clamp == 0)
		return 0;
	if (q->nlimits == 0) {
		if (q->limit_open.len > 0) {
			buf_add(&b, q->limit_open);
		} else {
			json_w_str(&b, e->limit);
			buf_char(&b, ':');
		}
		buf_u64(&b, e->clamp);
		buf_add(&b, q->limit_open.len > 0 ? q->limit_close : S(","));
		edit[0] = (struct splice){ q->first_at, 0,
			arena_copy(a, buf_slice(&b)) };
		buf_fini(&b);
		return 1;
	}
	buf_u64(&b, e->clamp);
	for (i = 0; i < q->nlimits; i++) {
		edit[i] = q->limit[i];
		edit[i].with = arena_copy(a, buf_slice(&b));
	}
	buf_fini(&b);
	return q->nlimits;
}

/* A path may name the model instead; then the body gets it, first. */
static struct splice
model_edit(const struct ask *q, struct arena *a, const struct edits *e)
{
	struct buf quoted = { 0 };
	struct splice edit = { q->model_at, q->model_len, S("") };

	if (q->model_len == 0)
		buf_str(&quoted, "\"model\":");
	json_w_str(&quoted, e->name);
	if (q->model_len == 0)
		buf_char(&quoted, ',');
	edit.with = arena_copy(a, buf_slice(&quoted));
	buf_fini(&quoted);
	return edit;
}

/* A header's list as a field of a body. */
static void
put_betas(struct buf *b, struct slice list)
{
	struct slice one;

	buf_str(b, ",\"anthropic_beta\":");
	json_w_begin(b, '[');
	while (list.len > 0) {
		if (!slice_cut(list, ',', &one, &list)) {
			one = list;
			list = S("");
		}
		one = slice_trim(one);
		if (one.len > 0)
			json_w_str(b, one);
	}
	json_w_end(b, ']');
}

/* "anthropic_version" where the model was, or first. */
static struct splice
version_edit(const struct ask *q, struct arena *a, const struct edits *e)
{
	struct splice edit = { q->first_at, 0, S("") };
	struct buf b = { 0 };

	buf_str(&b, "\"anthropic_version\":");
	json_w_str(&b, e->version);
	if (e->betas.len > 0)
		put_betas(&b, e->betas);
	if (e->no_model && q->model_len > 0)
		edit = (struct splice){ q->model_from,
			q->model_at + q->model_len - q->model_from, S("") };
	else
		buf_char(&b, ',');
	edit.with = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return edit;
}

static bool
is_one_of(const struct ask *q, size_t at, const char *which)
{
	return at < q->body.len && strchr(which, q->body.p[at]) != NULL;
}

/* The member goes, and the comma behind it; the last one's, that before. */
static struct splice
stream_edit(const struct ask *q)
{
	size_t from = q->stream_at, to = q->stream_at + q->stream_len;
	unsigned quotes;

	for (quotes = 0; quotes < 2;)
		quotes += is_one_of(q, --from, "\"");
	while (is_one_of(q, to, " \t\r\n"))
		to++;
	if (is_one_of(q, to, ","))
		return (struct splice){ from, to + 1 - from, S("") };
	while (is_one_of(q, from - 1, " \t\r\n"))
		from--;
	if (is_one_of(q, from - 1, ","))
		from--;
	return (struct splice){ from, to - from, S("") };
}

/* Where a deployment runs is not the caller's to say. */
static struct splice
geo_edit(const struct ask *q, struct arena *a, struct slice geo)
{
	struct splice edit = { q->geo.at, q->geo.len, S("") };
	struct buf b = { 0 };

	if (q->geo.len == 0) {
		edit.at = q->first_at;
		buf_str(&b, "\"inference_geo\":");
	}
	json_w_str(&b, geo);
	if (q->geo.len == 0)
		buf_char(&b, ',');
	edit.with = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return edit;
}

unsigned
ask_edit(const struct ask *q, struct arena *a, const struct edits *e,
    struct slice part[EDIT_PARTS])
{
	struct splice edit[EDIT_MAX];
	unsigned i, n = 0, nedit = 0;
	size_t at = 0;

	if (!q->model_elsewhere && !e->no_model)
		edit[nedit++] = model_edit(q, a, e);
	if (e->version.len > 0)
		edit[nedit++] = version_edit(q, a, e);
	if (q->usage.with.len > 0)
		edit[nedit++] = q->usage;
	nedit += clamp_edits(q, a, e, edit + nedit);
	if (e->geo.len > 0)
		edit[nedit++] = geo_edit(q, a, e->geo);
	if (e->no_stream && q->stream_len > 0)
		edit[nedit++] = stream_edit(q);
	sort_by_place(edit, nedit);
	for (i = 0; i < nedit; i++) {
		CHECK(edit[i].at >= at);
		add_part(part, &n, q->body.p + at, edit[i].at - at);
		add_part(part, &n, edit[i].with.p, edit[i].with.len);
		at = edit[i].at + edit[i].len;
	}
	add_part(part, &n, q->body.p + at, q->body.len - at);
	return n;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Tokens never outnumber the bytes that spell them: every tokenizer in use
 * falls back to single bytes.  What the body does not show counts as the
 * whole context window.
 */
bool
ask_bound(const struct ask *q, uint64_t context, uint64_t max_output,
    uint64_t *input, uint64_t *output)
{
	uint64_t in = q->body.len + q->surcharge, out = q->max_output;

	if (q->free) {
		*input = *output = 0;
		return true;
	}
	if (q->unseen && context == 0)
		return false;
	if (q->unseen)
		in = context;
	else if (context > 0)
		in = least(in, context);
	if (q->no_output) {
		*input = in;
		*output = 0;
		return true;
	}
	if (max_output > 0)
		out = out == 0 ? max_output : least(out, max_output);
	if (out == 0)
		return false;
	out += q->extra_output;
	*input = in;
	return !__builtin_mul_overflow(out, q->n, output);
}

uint64_t
tally_output(const struct tally *t)
{
	uint64_t by_bytes = (t->bytes + 3) / 4;

	return t->deltas > by_bytes ? t->deltas : by_bytes;
}

uint64_t
ask_input_estimate(const struct ask *q)
{
	return (q->body.len + 3) / 4;
}
