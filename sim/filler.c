#include "sim/filler.h"

#include "base/json.h"

/* How deep a schema that refers to itself is followed. */
enum { DEPTH_SOFT = 6, DEPTH_HARD = 24 };

static const char words[256][12] = {
#include "sim/words.def"
};

struct fill {
	struct buf *out;
	const struct json *root;
	uint64_t seed, n;
};

static void value(struct fill *f, const struct json *schema, unsigned depth);

uint64_t
filler_mix(uint64_t seed, uint64_t i)
{
	uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct slice
filler_word(uint64_t seed, uint64_t i)
{
	return slice_of(words[filler_mix(seed, i) & 255]);
}

static bool
is_word(const struct json *j, const char *s)
{
	return j != NULL && j->type == JSON_STRING &&
	       slice_eq(j->text, slice_of(s));
}

static void
comma(struct buf *b, bool *first)
{
	if (!*first)
		buf_char(b, ',');
	*first = false;
}

static void
quoted(struct buf *b, struct slice s)
{
	size_t i;

	buf_char(b, '"');
	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			buf_char(b, '\\');
		if (c < 0x20)
			buf_fmt(b, "\\u%04x", c);
		else
			buf_char(b, (char)c);
	}
	buf_char(b, '"');
}

void
filler_copy(struct buf *b, const struct json *v)
{
	const struct json *k;
	bool first = true;

	switch (v->type) {
	case JSON_NULL:
		buf_str(b, "null");
		return;
	case JSON_FALSE:
		buf_str(b, "false");
		return;
	case JSON_TRUE:
		buf_str(b, "true");
		return;
	case JSON_NUMBER:
		buf_add(b, v->text);
		return;
	case JSON_STRING:
		quoted(b, v->text);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	buf_char(b, v->type == JSON_ARRAY ? '[' : '{');
	for (k = v->child; k != NULL; k = k->next) {
		comma(b, &first);
		if (v->type == JSON_OBJECT) {
			quoted(b, k->key);
			buf_char(b, ':');
		}
		filler_copy(b, k);
	}
	buf_char(b, v->type == JSON_ARRAY ? ']' : '}');
}

/* "#/$defs/x/y" */
static const struct json *
resolve(const struct fill *f, struct slice ref)
{
	const struct json *j = f->root, *k;
	struct slice head, rest = ref;
	bool more;

	if (!slice_starts(ref, S("#")))
		return NULL;
	more = slice_cut(rest, '/', &head, &rest);
	while (more && j != NULL) {
		more = slice_cut(rest, '/', &head, &rest);
		if (!more)
			head = rest;
		for (k = j->child; k != NULL; k = k->next)
			if (slice_eq(k->key, head))
				break;
		j = k;
	}
	return j;
}

static const struct json *
pick(struct fill *f, const struct json *list)
{
	uint64_t i = filler_mix(f->seed, f->n++) % list->n;
	const struct json *j = list->child;

	while (i-- > 0)
		j = j->next;
	return j;
}

static bool
allows_null(const struct json *s)
{
	const struct json *type = json_get(s, "type"), *k;

	if (is_word(type, "null"))
		return true;
	for (k = type ? type->child : NULL; k != NULL; k = k->next)
		if (is_word(k, "null"))
			return true;
	return false;
}

/* The alternative to take: when deep, one that ends the descent. */
static const struct json *
alternative(struct fill *f, const struct json *list, unsigned depth)
{
	const struct json *k;

	if (list == NULL || list->n == 0)
		return NULL;
	if (depth < DEPTH_SOFT)
		return pick(f, list);
	for (k = list->child; k != NULL; k = k->next)
		if (allows_null(k))
			return k;
	for (k = list->child; k != NULL; k = k->next)
		if (json_get(k, "$ref") == NULL &&
		    json_get(k, "properties") == NULL)
			return k;
	return list->child;
}

static bool
required(const struct json *schema, struct slice key)
{
	const struct json *r = json_get(schema, "required");

	for (r = r ? r->child : NULL; r != NULL; r = r->next)
		if (slice_eq(r->text, key))
			return true;
	return false;
}

static void
members(struct fill *f, const struct json *s, unsigned depth, bool *first)
{
	const struct json *p = json_get(s, "properties");

	for (p = p ? p->child : NULL; p != NULL; p = p->next) {
		if (depth >= DEPTH_SOFT && !required(s, p->key))
			continue;
		comma(f->out, first);
		quoted(f->out, p->key);
		buf_char(f->out, ':');
		value(f, p, depth + 1);
	}
	p = json_get(s, "allOf");
	for (p = p ? p->child : NULL; p != NULL && depth < DEPTH_HARD;
	     p = p->next) {
		const struct json *to = p;

		if (json_get(p, "$ref") != NULL)
			to = resolve(f, json_get_str(p, "$ref"));
		members(f, to, depth + 1, first);
	}
}

static void
object(struct fill *f, const struct json *s, unsigned depth)
{
	bool first = true;

	buf_char(f->out, '{');
	members(f, s, depth, &first);
	buf_char(f->out, '}');
}

static void
array(struct fill *f, const struct json *s, unsigned depth)
{
	const struct json *items = json_get(s, "items");
	int64_t n, most, i;

	n = depth >= DEPTH_SOFT
		? 0
		: 1 + (int64_t)(filler_mix(f->seed, f->n++) & 1);
	if (json_get_i64(s, "maxItems", &most) && n > most)
		n = most;
	if (json_get_i64(s, "minItems", &most) && n < most)
		n = most > 64 ? 64 : most;
	buf_char(f->out, '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_char(f->out, ',');
		value(f, items, depth + 1);
	}
	buf_char(f->out, ']');
}

static bool
formatted(struct fill *f, struct slice format)
{
	static const struct {
		const char *format, *text;
	} row[] = {
		{ "date-time", "2026-03-05T12:30:00Z" },
		{ "date", "2026-03-05" },
		{ "time", "12:30:00Z" },
		{ "duration", "P1D" },
		{ "email", "ada@example.com" },
		{ "hostname", "example.com" },
		{ "ipv4", "192.0.2.7" },
		{ "ipv6", "2001:db8::7" },
		{ "uri", "https://example.com/" },
		{ "uuid", "3f2b8c1e-5d4a-4e6f-9a7b-0c1d2e3f4a5b" },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++)
		if (slice_eq(format, slice_of(row[i].format))) {
			quoted(f->out, slice_of(row[i].text));
			return true;
		}
	return false;
}

static void
string(struct fill *f, const struct json *s)
{
	struct slice word = filler_word(f->seed, f->n++);
	int64_t min = 0, max = INT64_MAX, len;

	if (formatted(f, json_get_str(s, "format")))
		return;
	(void)json_get_i64(s, "minLength", &min);
	(void)json_get_i64(s, "maxLength", &max);
	if (min > 4096)
		min = 4096;
	if ((int64_t)word.len > max)
		word.len = (size_t)max;
	buf_char(f->out, '"');
	buf_add(f->out, word);
	for (len = (int64_t)word.len; len < min; len++)
		buf_char(f->out, 'a');
	buf_char(f->out, '"');
}

static void
number(struct fill *f, const struct json *s, bool whole)
{
	int64_t lo = 0, hi, step = 1, v;
	uint64_t span;
	bool has_hi;

	if (!json_get_i64(s, "minimum", &lo) &&
	    json_get_i64(s, "exclusiveMinimum", &lo))
		lo++;
	has_hi = json_get_i64(s, "maximum", &hi);
	if (!has_hi && json_get_i64(s, "exclusiveMaximum", &hi)) {
		has_hi = true;
		hi--;
	}
	if (!json_get_i64(s, "multipleOf", &step) || step < 1)
		step = 1;
	if (has_hi && json_get(s, "minimum") == NULL &&
	    json_get(s, "exclusiveMinimum") == NULL && hi < 0)
		lo = hi;
	span =
	    has_hi && hi >= lo && hi - lo < 90 ? (uint64_t)(hi - lo) + 1 : 90;
	v = lo + (int64_t)(filler_mix(f->seed, f->n++) % span);
	v -= ((v % step) + step) % step;
	if (v < lo)
		v += step;
	buf_i64(f->out, v);
	if (!whole && step == 1 && !has_hi)
		buf_str(f->out, ".5");
}

/* Which type to make of `type`: a word or a list. */
static struct slice
type_of(const struct json *s, unsigned depth)
{
	const struct json *t = json_get(s, "type");

	if (t != NULL && t->type == JSON_ARRAY && t->n > 0) {
		if (depth >= DEPTH_SOFT && allows_null(s))
			return S("null");
		t = is_word(t->child, "null") && t->n > 1 ? t->child->next
							  : t->child;
	}
	if (t != NULL)
		return t->text;
	if (json_get(s, "properties") != NULL || json_get(s, "allOf") != NULL)
		return S("object");
	if (json_get(s, "items") != NULL)
		return S("array");
	return S("string");
}

static void
typed(struct fill *f, const struct json *s, unsigned depth)
{
	struct slice type = type_of(s, depth);

	if (slice_eq(type, S("object")))
		object(f, s, depth);
	else if (slice_eq(type, S("array")))
		array(f, s, depth);
	else if (slice_eq(type, S("integer")))
		number(f, s, true);
	else if (slice_eq(type, S("number")))
		number(f, s, false);
	else if (slice_eq(type, S("boolean")))
		buf_str(
		    f->out, filler_mix(f->seed, f->n++) & 1 ? "true" : "false");
	else if (slice_eq(type, S("null")))
		buf_str(f->out, "null");
	else
		string(f, s);
}

static void
value(struct fill *f, const struct json *s, unsigned depth)
{
	const struct json *to;

	if (s == NULL || depth >= DEPTH_HARD || s->type != JSON_OBJECT) {
		string(f, NULL);
		return;
	}
	if ((to = json_get(s, "const")) != NULL) {
		filler_copy(f->out, to);
	} else if ((to = json_get(s, "enum")) != NULL && to->n > 0) {
		filler_copy(f->out, pick(f, to));
	} else if (json_get(s, "$ref") != NULL) {
		value(f, resolve(f, json_get_str(s, "$ref")), depth + 1);
	} else if ((to = alternative(f, json_get(s, "anyOf"), depth)) != NULL ||
		   (to = alternative(f, json_get(s, "oneOf"), depth)) != NULL) {
		value(f, to, depth + 1);
	} else {
		typed(f, s, depth);
	}
}

void
filler_value(struct buf *b, const struct json *schema, uint64_t seed)
{
	struct fill f = { b, schema, seed, 0 };

	if (schema == NULL) {
		buf_str(b, "{\"answer\":");
		string(&f, NULL);
		buf_char(b, '}');
		return;
	}
	value(&f, schema, 0);
}
