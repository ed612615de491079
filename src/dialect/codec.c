#include "dialect/codec.h"

#include <stdlib.h>

#include "dialect/seal.h"
#include "model/ident.h"

enum { WORDS_MAX = 1024 };

/* --- reading ---------------------------------------------------------------
 */

struct slice
codec_raw(struct arena *a, const struct json *j)
{
	struct buf b = { 0 };
	struct slice out;

	if (j == NULL || j->type == JSON_NULL)
		return S("");
	json_w_tree(&b, j);
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static bool
is_word(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (c < '0' || c > '9') && c != '-' && c != '_' && c != '.')
			return false;
	}
	return s.len > 0;
}

struct slice
codec_words(struct arena *a, const struct json *list)
{
	struct buf b = { 0 };
	const struct json *j;
	struct slice out;

	for (j = list != NULL ? list->child : NULL; j != NULL; j = j->next) {
		if (j->type != JSON_STRING || !is_word(j->text) ||
		    b.len + j->text.len > WORDS_MAX)
			continue;
		if (b.len > 0)
			buf_char(&b, ',');
		buf_add(&b, j->text);
	}
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static bool
is_any(struct slice key, const char *const *words, size_t n)
{
	size_t i;

	for (i = 0; i < n && !slice_eq(key, slice_of(words[i])); i++)
		;
	return i < n;
}

bool
codec_knows(const struct json *top, const char *const *words, size_t n)
{
	const struct json *k;

	for (k = top->child; k != NULL; k = k->next) {
		if (k->type != JSON_NULL && k->type != JSON_FALSE &&
		    !is_any(k->key, words, n))
			return false;
	}
	return true;
}

/* Is it open to what it does not name? */
static bool
is_open(const struct json *schema)
{
	const struct json *type = json_get(schema, "type"), *t;
	bool object = json_get(schema, "properties") != NULL;

	if (type != NULL && type->type == JSON_STRING)
		object |= slice_eq(type->text, S("object"));
	for (t = type != NULL && type->type == JSON_ARRAY ? type->child : NULL;
	     t != NULL; t = t->next)
		object |= slice_eq(t->text, S("object"));
	return object && json_get(schema, "additionalProperties") == NULL;
}

/* Where schemas stand in what is written. */
enum within { WITHIN_VALUE, WITHIN_SCHEMA, WITHIN_NAMED, WITHIN_LIST };

static enum within
within(enum within in, struct slice key)
{
	static const char *const named[] = { "properties", "$defs",
		"definitions" };
	static const char *const one[] = { "items", "not" };
	static const char *const lists[] = { "anyOf", "oneOf", "allOf",
		"prefixItems" };

	if (in == WITHIN_NAMED)
		return WITHIN_SCHEMA;
	if (in != WITHIN_SCHEMA)
		return WITHIN_VALUE;
	if (is_any(key, named, NELEM(named)))
		return WITHIN_NAMED;
	if (is_any(key, lists, NELEM(lists)))
		return WITHIN_LIST;
	return is_any(key, one, NELEM(one)) ? WITHIN_SCHEMA : WITHIN_VALUE;
}

static void
put_closed(struct buf *b, const struct json *j, enum within in)
{
	const struct json *k;

	if (in == WITHIN_VALUE ||
	    (j->type != JSON_OBJECT && j->type != JSON_ARRAY)) {
		json_w_tree(b, j);
		return;
	}
	json_w_begin(b, j->type == JSON_OBJECT ? '{' : '[');
	for (k = j->child; k != NULL; k = k->next) {
		if (j->type == JSON_OBJECT) {
			json_w_str(b, k->key);
			buf_char(b, ':');
		}
		put_closed(b, k,
		    j->type == JSON_OBJECT ? within(in, k->key)
		    : in == WITHIN_LIST    ? WITHIN_SCHEMA
					   : WITHIN_VALUE);
	}
	if (j->type == JSON_OBJECT && in == WITHIN_SCHEMA && is_open(j))
		json_w_kbool(b, "additionalProperties", false);
	json_w_end(b, j->type == JSON_OBJECT ? '}' : ']');
}

struct slice
codec_closed(struct arena *a, struct slice schema)
{
	struct buf b = { 0 };
	struct json *top;
	struct slice out;

	if (json_parse(a, schema, &top) != FAULT_NONE)
		return schema;
	put_closed(&b, top, WITHIN_SCHEMA);
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
codec_number(const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	return v != NULL && v->type == JSON_NUMBER ? v->text : S("");
}

bool
codec_u64(const struct json *j, const char *key, uint64_t *out)
{
	const struct json *v = json_get(j, key);
	int64_t n;

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_NUMBER || !json_i64(v->text, &n) || n < 0)
		return false;
	*out = (uint64_t)n;
	return true;
}

enum fault
codec_wrong(struct wrong *w, const char *field, const char *hint)
{
	w->field = slice_of(field);
	w->hint = hint;
	return FAULT_FIELD;
}

struct slice
codec_text(struct arena *a, const struct json *j)
{
	const struct json *c;
	struct buf b = { 0 };
	struct slice out;

	if (j == NULL)
		return S("");
	if (j->type == JSON_STRING)
		return j->text;
	for (c = j->type == JSON_ARRAY ? j->child : NULL; c != NULL;
	     c = c->next) {
		const struct slice s =
		    c->type == JSON_STRING ? c->text : json_get_str(c, "text");

		if (b.len > 0 && s.len > 0)
			buf_char(&b, '\n');
		buf_add(&b, s);
	}
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

void
codec_add_text(struct parts *list, struct arena *a, struct slice text)
{
	if (text.len > 0)
		part_add(list, a, PART_TEXT)->text = text;
}

static size_t
items_of(const struct json *list)
{
	if (list == NULL)
		return 0;
	return list->type == JSON_ARRAY ? list->n : 1;
}

enum fault
codec_room(struct conversation *c, const struct json *list, struct wrong *w,
    const char *field)
{
	const size_t n = items_of(list);

	if (n > ITEMS_MAX - c->items)
		return codec_wrong(w, field,
		    "makes more than the 32768 messages, parts and calls, all "
		    "in all, that kontor translates");
	c->items += (unsigned)n;
	return FAULT_NONE;
}

enum fault
codec_tool_room(struct conversation *c, const struct json *list,
    struct wrong *w, const char *field)
{
	const size_t n = items_of(list);

	if (n > TOOLS_MAX - c->ntools)
		return codec_wrong(w, field,
		    "has more than the 8192 tools, and names of them, that "
		    "kontor "
		    "translates");
	c->ntools += (unsigned)n;
	return FAULT_NONE;
}

bool
codec_is_crowd(const struct json *list)
{
	return items_of(list) > ITEMS_MAX;
}

static bool
is_base64(struct slice s)
{
	size_t i, end = s.len;

	while (end > 0 && s.len - end < 2 && s.p[end - 1] == '=')
		end--;
	for (i = 0; i < end; i++) {
		const char c = s.p[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    !(c >= '0' && c <= '9') && c != '+' && c != '/')
			return false;
	}
	return s.len > 0 && s.len % 4 == 0;
}

static enum fault
check_part(struct arena *a, struct part *p, struct wrong *w)
{
	if (slice_starts(p->url, S("data:")))
		return codec_wrong(
		    w, "url", "is a data: URL that is not base64");
	if (p->data.len == 0)
		return FAULT_NONE;
	/* Google's SDKs write the URL-safe alphabet. */
	p->data = seal_standard(a, p->data);
	if (!is_base64(p->data))
		return codec_wrong(
		    w, "data", "of an image or a document is not base64");
	return FAULT_NONE;
}

static enum fault
check_parts(struct arena *a, struct part *p, struct wrong *w)
{
	enum fault f = FAULT_NONE;

	for (; p != NULL && f == FAULT_NONE; p = p->next)
		f = check_part(a, p, w);
	return f;
}

enum fault
codec_check_media(struct arena *a, struct conversation *c, struct wrong *w)
{
	enum fault f = FAULT_NONE;
	struct turn *t;
	struct part *p;

	for (t = c->first; t != NULL && f == FAULT_NONE; t = t->next) {
		f = check_parts(a, t->first, w);
		for (p = t->first; p != NULL && f == FAULT_NONE; p = p->next)
			f = check_parts(a, p->inner, w);
	}
	return f;
}

void
rope_add(struct rope *r, struct arena *a, struct slice s)
{
	char *p;

	if (r->len + s.len > r->cap) {
		r->cap = 2 * (r->len + s.len) + 256;
		p = arena_new(a, r->cap);
		if (r->len > 0)
			memcpy(p, r->p, r->len);
		r->p = p;
	}
	if (s.len > 0)
		memcpy(r->p + r->len, s.p, s.len);
	r->len += s.len;
}

/* --- writing ---------------------------------------------------------------
 */

struct slice
codec_join(struct arena *a, const struct part *p)
{
	struct buf b = { 0 };
	struct slice out;

	for (; p != NULL; p = p->next) {
		if ((p->kind != PART_TEXT && p->kind != PART_REFUSAL &&
			p->kind != PART_DOCUMENT) ||
		    p->text.len == 0)
			continue;
		if (b.len > 0)
			buf_char(&b, '\n');
		buf_add(&b, p->text);
	}
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool
fits(struct slice s, const char *more, size_t max)
{
	size_t i;

	if (s.len == 0 || s.len > max)
		return false;
	for (i = 0; i < s.len; i++) {
		if (!is_letter(s.p[i]) && strchr(more, s.p[i]) == NULL)
			return false;
	}
	return true;
}

/* What is legal of it, and a hash of all of it: the same each time. */
static struct slice
shorten(struct arena *a, struct slice s, size_t max)
{
	struct buf b = { 0 };
	struct slice out;
	size_t i;

	for (i = 0; i < s.len && b.len + 13 < max; i++)
		buf_char(&b, is_letter(s.p[i]) ? s.p[i] : '_');
	if (b.len == 0)
		buf_char(&b, 't');
	buf_fmt(&b, "_%012llx",
	    (unsigned long long)(hash64(s) & UINT64_C(0xffffffffffff)));
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
codec_tool_name(struct arena *a, struct slice name, uint64_t *lost)
{
	if (fits(name, "", 64))
		return name;
	if (lost != NULL)
		*lost |= LOSS_BIT(LOSS_TOOL_NAME);
	return shorten(a, name, 64);
}

struct slice
codec_tool_id(struct arena *a, struct slice id, const char *more, size_t max,
    uint64_t *lost)
{
	if (fits(id, more, max))
		return id;
	*lost |= LOSS_BIT(LOSS_TOOL_ID);
	return shorten(a, id, max);
}

struct slice
codec_args(struct arena *a, const struct part *call)
{
	struct json *j;
	struct buf b = { 0 };
	struct slice out;

	if (call->custom) {
		json_w_begin(&b, '{');
		json_w_kstr(&b, "input", call->args);
		json_w_end(&b, '}');
		out = arena_copy(a, buf_slice(&b));
		buf_fini(&b);
		return out;
	}
	/* A model may have written what is no object. */
	if (json_parse(a, call->args, &j) == FAULT_NONE &&
	    j->type == JSON_OBJECT)
		return call->args;
	if (slice_trim(call->args).len == 0)
		return S("{}");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "input", call->args);
	json_w_end(&b, '}');
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
codec_schema(struct arena *a, const struct tool *t, uint64_t *lost)
{
	(void)a;
	if (t->custom) {
		*lost |= LOSS_BIT(LOSS_CUSTOM_TOOL);
		return S("{\"type\":\"object\",\"properties\":{\"input\":"
			 "{\"type\":\"string\"}},\"required\":[\"input\"]}");
	}
	return t->schema.len > 0 ? t->schema
				 : S("{\"type\":\"object\",\"properties\":{}}");
}

bool
codec_allows(const struct conversation *c, const struct tool *t)
{
	unsigned i;

	for (i = 0; i < c->nallowed; i++) {
		if (slice_eq(c->allowed[i], t->name))
			return true;
	}
	return c->nallowed == 0;
}

uint64_t
codec_limit(const struct conversation *c, const struct target *t)
{
	uint64_t n = c->max_output;

	if (n == 0 || (t->max_output > 0 && n > t->max_output))
		n = t->max_output > 0 ? t->max_output : n;
	if (t->clamp > 0 && (n == 0 || n > t->clamp))
		n = t->clamp;
	return n;
}

enum effort
codec_effort(const struct conversation *c)
{
	if (c->effort != EFFORT_NOT_SAID || c->thinking_budget == 0)
		return c->effort;
	return c->thinking_budget <= 2048    ? EFFORT_LOW
	       : c->thinking_budget <= 16384 ? EFFORT_MEDIUM
					     : EFFORT_HIGH;
}

struct slice
codec_id(struct arena *a, const char *prefix, struct slice request)
{
	struct slice part[] = { slice_of(prefix), request };

	if (slice_starts(request, S("req_")))
		part[1] = (struct slice){ request.p + 4, request.len - 4 };
	return arena_join(a, part, NELEM(part));
}

void
codec_sse(struct buf *out, struct slice name, struct slice data)
{
	if (name.len > 0)
		buf_fmt(out, "event: %.*s\n", S_FMT(name));
	buf_str(out, "data: ");
	buf_add(out, data);
	buf_str(out, "\n\n");
}

/* --- a stream being read ---------------------------------------------------
 */

enum { ID_LETTERS = 32 };

/* The id of the nth call of that answer, whose provider gave it none. */
static struct slice
codec_call_id(struct arena *a, struct slice answer, unsigned nth)
{
	struct buf b = { 0 };
	struct slice id;
	size_t i;

	buf_str(&b, "call_");
	for (i = 0; i < answer.len && i < ID_LETTERS; i++) {
		if (is_letter(answer.p[i]) && answer.p[i] != '-' &&
		    answer.p[i] != '_')
			buf_char(&b, answer.p[i]);
	}
	buf_fmt(&b, "_%u", nth);
	id = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return id;
}

static void
give(struct decoding *d, enum step_kind kind)
{
	d->step(d->arg, &(struct stream_step){ .kind = kind });
}

static void
begin(struct decoding *d)
{
	if (!d->started)
		give(d, STEP_START);
	d->started = true;
}

static void
close_open(struct decoding *d)
{
	if (d->open)
		give(d, STEP_CLOSE);
	d->open = false;
}

static void
step_start(struct decoding *d, const struct stream_step *s)
{
	if (d->started)
		return;
	d->started = true;
	d->id = arena_copy(d->arena, s->id);
	d->step(d->arg, s);
}

static void
step_open(struct decoding *d, const struct stream_step *s)
{
	struct stream_step named = *s;

	if (d->stopped)
		return;
	begin(d);
	close_open(d);
	d->open = true;
	if (s->block.kind == PART_TOOL_CALL) {
		d->tool = true;
		if (s->block.id.len == 0)
			named.block.id =
			    codec_call_id(d->arena, d->id, d->calls);
		d->calls++;
	}
	d->step(d->arg, &named);
}

static void
step_stop(struct decoding *d, const struct stream_step *s)
{
	if (d->stopped)
		return;
	begin(d);
	close_open(d);
	d->stopped = true;
	d->step(d->arg, s);
}

void
decoding_step(struct decoding *d, const struct stream_step *s)
{
	if (d->ended)
		return;
	switch (s->kind) {
	case STEP_START:
		step_start(d, s);
		break;
	case STEP_OPEN:
		step_open(d, s);
		break;
	case STEP_TEXT:
	case STEP_ARGS:
	case STEP_OPAQUE:
	case STEP_CITATION:
		if (d->open)
			d->step(d->arg, s);
		break;
	case STEP_CLOSE:
		close_open(d);
		break;
	case STEP_STOP:
		step_stop(d, s);
		break;
	case STEP_USAGE:
		begin(d);
		d->step(d->arg, s);
		break;
	case STEP_ERROR:
		/* What is half said must not look done: no CLOSE. */
		d->ended = true;
		d->step(d->arg, s);
		break;
	case STEP_END:
		decoding_stop(d, STOP_NONE, S(""));
		d->ended = true;
		d->step(d->arg, s);
		break;
	}
}

void
decoding_stop(struct decoding *d, enum stop_reason why, struct slice sequence)
{
	if (d->stopped)
		return;
	if (d->tool && (why == STOP_END || why == STOP_NONE))
		why = STOP_TOOL;
	decoding_step(
	    d, &(struct stream_step){
		   .kind = STEP_STOP, .stop = why, .stop_sequence = sequence });
}

/* --- blocks that interleave ------------------------------------------------
 */

enum { BRAID_MAX = 128 }; /* of open blocks: nobody asks for more calls */

/* Texts of one kind become one, with room for more: deltas are small. */
struct kept {
	struct kept *next;
	struct stream_step step;
	struct citation citation;
	char *room;
	size_t cap;
};

struct strand {
	struct strand *next;
	int64_t index;
	bool closed, any;
	struct part block;
	struct kept *first, **end, *last; /* what waits */
};

static struct strand *
strand_of(const struct braid *b, int64_t index)
{
	struct strand *s = b->first;

	while (s != NULL && (s->index != index || s->closed))
		s = s->next;
	return s;
}

const struct part *
braid_block(const struct braid *b, int64_t index)
{
	const struct strand *s = strand_of(b, index);

	return s != NULL ? &s->block : NULL;
}

bool
braid_any(const struct braid *b, int64_t index)
{
	const struct strand *s = strand_of(b, index);

	return s != NULL && s->any;
}

static void
strand_open(struct decoding *d, const struct strand *s)
{
	decoding_step(
	    d, &(struct stream_step){ .kind = STEP_OPEN, .block = s->block });
}

/* What waits belongs to nobody's buffer but the arena. */
static struct part
lasting(struct arena *a, const struct part *block)
{
	struct part p = *block;

	p.id = arena_copy(a, block->id);
	p.name = arena_copy(a, block->name);
	p.opaque = arena_copy(a, block->opaque);
	return p;
}

enum fault
braid_open(struct decoding *d, struct braid *b, int64_t index,
    const struct part *block)
{
	struct strand **at = &b->first, *s;

	braid_close(d, b, index);
	if (b->n == BRAID_MAX)
		return FAULT_UP_GARBAGE;
	while (*at != NULL)
		at = &(*at)->next;
	s = *at = ARENA_NEW(d->arena, struct strand);
	s->index = index;
	s->block = lasting(d->arena, block);
	s->end = &s->first;
	b->n++;
	if (b->first == s)
		strand_open(d, s);
	return FAULT_NONE;
}

enum { ROOM = 240, ROOM_MAX = 16384 };

static bool
is_piece(const struct stream_step *s)
{
	return s->kind == STEP_TEXT || s->kind == STEP_ARGS;
}

static bool
keep_more(struct kept *k, const struct stream_step *step)
{
	struct slice *text;

	if (k == NULL || !is_piece(step) || k->step.kind != step->kind ||
	    k->cap - k->step.text.len < step->text.len)
		return false;
	text = &k->step.text;
	if (step->text.len > 0)
		memcpy(k->room + text->len, step->text.p, step->text.len);
	*text = (struct slice){ k->room, text->len + step->text.len };
	return true;
}

static struct citation
lasting_citation(struct arena *a, const struct citation *c)
{
	return (struct citation){ .url = arena_copy(a, c->url),
		.title = arena_copy(a, c->title),
		.cited = arena_copy(a, c->cited),
		.start = c->start,
		.end = c->end };
}

static void
keep(struct arena *a, struct strand *s, const struct stream_step *step)
{
	struct kept *k;

	if (keep_more(s->last, step))
		return;
	k = ARENA_NEW(a, struct kept);
	k->step = *step;
	if (step->citation != NULL) {
		k->citation = lasting_citation(a, step->citation);
		k->step.citation = &k->citation;
	}
	if (is_piece(step)) {
		k->cap = s->last != NULL ? 2 * s->last->cap : 0;
		if (k->cap < ROOM)
			k->cap = ROOM;
		if (k->cap > ROOM_MAX)
			k->cap = ROOM_MAX;
		if (k->cap < step->text.len)
			k->cap = step->text.len;
		k->room = arena_new(a, k->cap);
		k->step.text.len = 0;
		CHECK(keep_more(k, step));
	} else {
		k->step.text = arena_copy(a, step->text);
	}
	*s->end = s->last = k;
	s->end = &k->next;
}

void
braid_step(struct decoding *d, struct braid *b, int64_t index,
    const struct stream_step *step)
{
	struct strand *s = strand_of(b, index);

	if (s == NULL)
		return;
	if (step->kind == STEP_TEXT || step->kind == STEP_ARGS)
		s->any |= step->text.len > 0;
	if (s == b->first)
		decoding_step(d, step);
	else
		keep(d->arena, s, step);
}

static void
close_first(struct decoding *d, struct braid *b)
{
	const struct part *block = &b->first->block;

	if (block->kind == PART_TOOL_CALL && !block->custom && !b->first->any)
		decoding_step(d, &(struct stream_step){
				     .kind = STEP_ARGS, .text = S("{}") });
	decoding_step(d, &(struct stream_step){ .kind = STEP_CLOSE });
	b->first = b->first->next;
	b->n--;
}

static void
give_next(struct decoding *d, struct braid *b)
{
	const struct kept *k;

	strand_open(d, b->first);
	for (k = b->first->first; k != NULL; k = k->next)
		decoding_step(d, &k->step);
}

void
braid_close(struct decoding *d, struct braid *b, int64_t index)
{
	struct strand *s = strand_of(b, index);

	if (s == NULL)
		return;
	s->closed = true;
	/* What waited next may have been closed too. */
	while (b->first != NULL && b->first->closed) {
		close_first(d, b);
		if (b->first != NULL)
			give_next(d, b);
	}
}

void
braid_end(struct decoding *d, struct braid *b)
{
	struct strand *s;

	for (s = b->first; s != NULL; s = s->next)
		s->closed = s != b->first;
	if (b->first != NULL)
		braid_close(d, b, b->first->index);
}

/* --- homeward --------------------------------------------------------------
 */

/* A name that a provider may call a tool by. */
struct named {
	struct slice name;
	size_t rank; /* the least of those alike counts */
	const struct tool *tool;
};

/* Any total order does; by length first is the cheap one. */
static int
by_text(struct slice x, struct slice y)
{
	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return x.len > 0 ? memcmp(x.p, y.p, x.len) : 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	const int d = by_text(x->name, y->name);

	return d != 0 ? d : x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Each tool by its name; and by the one it was given, where its own fits
 * nowhere, unless that is another's. */
static void
list_names(struct homeward *h)
{
	const struct tool *t;
	size_t n = 0, i = 0;

	for (t = h->asked->tool; t != NULL; t = t->next)
		n++;
	h->names = ARENA_ARRAY(h->arena, struct named, 2 * n + 1);
	for (t = h->asked->tool; t != NULL; t = t->next, i++) {
		h->names[h->nnames++] = (struct named){ t->name, i, t };
		if (!fits(t->name, "", 64))
			h->names[h->nnames++] = (struct named){
				codec_tool_name(h->arena, t->name, NULL), n + i,
				t
			};
	}
	qsort(h->names, h->nnames, sizeof(h->names[0]), by_name);
}

/* NULL: none of them is called so. */
static const struct tool *
find_tool(struct homeward *h, struct slice name)
{
	size_t low = 0, high, mid;

	if (h->names == NULL)
		list_names(h);
	for (high = h->nnames; low < high;) {
		mid = low + (high - low) / 2;
		if (by_text(h->names[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < h->nnames && slice_eq(h->names[low].name, name)
		   ? h->names[low].tool
		   : NULL;
}

static void
open_block(struct homeward *h, const struct stream_step *s)
{
	struct stream_step named = *s;
	const struct tool *t;

	h->custom = false;
	if (s->block.kind == PART_TOOL_CALL && !s->block.custom) {
		t = find_tool(h, s->block.name);
		if (t != NULL) {
			named.block.name = t->name;
			named.block.custom = h->custom = t->custom;
		}
	}
	h->step(h->arg, &named);
}

/* Args were {"input": "..."}; what is not stays as it is. */
static void
give_input(struct homeward *h)
{
	struct slice text = arena_copy(h->arena, buf_slice(&h->args));
	const struct json *input;
	struct json *j;

	if (json_parse(h->arena, text, &j) == FAULT_NONE) {
		input = json_get(j, "input");
		if (input != NULL && input->type == JSON_STRING)
			text = input->text;
	}
	h->step(
	    h->arg, &(struct stream_step){ .kind = STEP_ARGS, .text = text });
	buf_fini(&h->args);
	h->custom = false;
}

void
homeward_step(void *homeward, const struct stream_step *s)
{
	struct homeward *h = homeward;

	if (s->kind == STEP_OPEN) {
		open_block(h, s);
	} else if (s->kind == STEP_ARGS && h->custom) {
		buf_add(&h->args, s->text);
	} else {
		if (s->kind == STEP_CLOSE && h->custom)
			give_input(h);
		h->step(h->arg, s);
	}
}
