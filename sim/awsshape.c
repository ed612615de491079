#include "sim/awsshape.h"

#include "base/text.h"

enum kind {
	TEXT,
	TEXTS,
	WORD,
	WORDS,
	FLAG,
	INT,
	NUMBER,
	BLOB,
	MAP,
	ANY,
	STRUCT,
	STRUCTS
};

struct row {
	enum awsshape of;
	const char *member;
	enum kind kind;
	enum awsshape shape;
	bool required;
	int64_t least, most;
	const char *words;
};

static const struct row rows[] = {
#define SHAPE(NAME, name, is_union)
#define FIELD(of, member, kind, shape, required, least, most, words) \
	{ AWSSHAPE_##of, member, kind, AWSSHAPE_##shape, required, least, \
		most, words },
#include "sim/bedrock.def"
#undef SHAPE
#undef FIELD
};

static const struct {
	const char *name;
	bool is_union;
} shapes[AWSSHAPE_MAX] = {
	{ "", false },
#define SHAPE(NAME, name, is_union) { name, is_union },
#define FIELD(of, member, kind, shape, required, least, most, words)
#include "sim/bedrock.def"
#undef SHAPE
#undef FIELD
};

struct look {
	struct arena *arena;
	struct refusal *why;
};

bool
awsshape_wrong(struct refusal *why, const char *message)
{
	*why = (struct refusal){ 400, NULL, NULL, NULL, message };
	return false;
}

static bool
constraint(struct look *l, const char *path, const char *what)
{
	return awsshape_wrong(l->why,
	    arena_fmt(l->arena,
		"1 validation error detected: Value at '%s' failed to satisfy "
		"constraint: %s",
		path, what));
}

static bool
not_a(struct look *l, const char *path, const char *what)
{
	return awsshape_wrong(
	    l->why, arena_fmt(l->arena, "Value at '%s' cannot be read as %s.",
			path, what));
}

static bool
one_of(struct slice v, const char *words)
{
	struct slice left = slice_of(words), head;

	while (slice_cut(left, ' ', &head, &left))
		if (slice_eq(head, v))
			return true;
	return slice_eq(left, v);
}

static bool
within(struct look *l, const struct row *r, size_t n, const char *path)
{
	if (n < (size_t)r->least || (r->most > 0 && n > (size_t)r->most))
		return constraint(l, path,
		    arena_fmt(l->arena,
			"Member must have length between %lld and %lld",
			(long long)r->least, (long long)r->most));
	return true;
}

static bool
text(
    struct look *l, const struct row *r, const struct json *j, const char *path)
{
	size_t i;

	if (j->type != JSON_STRING)
		return not_a(l, path, "a string");
	if (!within(l, r, j->text.len, path))
		return false;
	for (i = 0; i < j->text.len && r->words[0] != '\0'; i++) {
		const char c = j->text.p[i];

		if (!(c >= '0' && c <= '9') &&
		    !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    strchr(r->words, c) == NULL)
			return constraint(l, path,
			    arena_fmt(l->arena,
				"Member must satisfy regular expression "
				"pattern: [a-zA-Z0-9%s]+",
				r->words));
	}
	return true;
}

static bool
word(
    struct look *l, const struct row *r, const struct json *j, const char *path)
{
	if (j->type != JSON_STRING)
		return not_a(l, path, "a string");
	if (!one_of(j->text, r->words))
		return constraint(l, path,
		    arena_fmt(l->arena,
			"Member must satisfy enum value set: [%s]", r->words));
	return true;
}

static bool
integer(
    struct look *l, const struct row *r, const struct json *j, const char *path)
{
	int64_t v;

	if (j->type != JSON_NUMBER || !json_i64(j->text, &v))
		return not_a(l, path, "an integer");
	if (v < r->least || (r->most > 0 && v > r->most))
		return constraint(l, path,
		    arena_fmt(l->arena,
			"Member must have value greater than or equal to %lld",
			(long long)r->least));
	return true;
}

/* From 0 to 1, as all of them are. */
static bool
fraction(struct look *l, const struct json *j, const char *path)
{
	struct slice whole = j->text, rest;
	uint64_t v = 0;
	bool exact;

	if (j->type != JSON_NUMBER)
		return not_a(l, path, "a number");
	exact = !slice_cut(j->text, '.', &whole, &rest);
	if (!slice_u64(whole, &v) || v > 1 ||
	    (v == 1 && !exact && strspn(rest.p, "0") < rest.len))
		return constraint(
		    l, path, "Member must have value between 0 and 1");
	return true;
}

static bool
blob(
    struct look *l, const struct row *r, const struct json *j, const char *path)
{
	struct buf b = { 0 };
	const bool good =
	    j->type == JSON_STRING && text_base64_parse(&b, j->text);
	const size_t n = b.len;

	buf_fini(&b);
	if (!good)
		return not_a(l, path, "a blob: it is not base64");
	return within(l, r, n, path);
}

static bool structure(
    struct look *l, const struct json *j, enum awsshape s, const char *path);

static bool value(struct look *l, const struct row *r, const struct json *j,
    const char *path);

static bool
list(
    struct look *l, const struct row *r, const struct json *j, const char *path)
{
	struct row one = *r;
	const struct json *k;
	unsigned i = 1;

	if (j->type != JSON_ARRAY)
		return not_a(l, path, "a list");
	if (!within(l, r, j->n, path))
		return false;
	one.kind = r->kind == STRUCTS ? STRUCT : r->kind == WORDS ? WORD : TEXT;
	one.least = one.most = 0;
	for (k = j->child; k != NULL; k = k->next)
		if (!value(l, &one, k,
			arena_fmt(l->arena, "%s.%u.member", path, i++)))
			return false;
	return true;
}

static bool
map(struct look *l, const struct row *r, const struct json *j, const char *path)
{
	if (j->type != JSON_OBJECT)
		return not_a(l, path, "a map");
	return within(l, r, j->n, path);
}

static bool
value(
    struct look *l, const struct row *r, const struct json *j, const char *path)
{
	switch (r->kind) {
	case TEXT:
		return text(l, r, j, path);
	case WORD:
		return word(l, r, j, path);
	case TEXTS:
	case WORDS:
	case STRUCTS:
		return list(l, r, j, path);
	case FLAG:
		return j->type == JSON_TRUE || j->type == JSON_FALSE ||
		       not_a(l, path, "a boolean");
	case INT:
		return integer(l, r, j, path);
	case NUMBER:
		return fraction(l, j, path);
	case BLOB:
		return blob(l, r, j, path);
	case MAP:
		return map(l, r, j, path);
	case STRUCT:
		return structure(l, j, r->shape, path);
	case ANY:
		return true;
	}
	return true;
}

static const struct row *
row_of(enum awsshape s, struct slice key)
{
	size_t i;

	for (i = 0; i < NELEM(rows); i++)
		if (rows[i].of == s && slice_eq(key, slice_of(rows[i].member)))
			return &rows[i];
	return NULL;
}

static const char *
under(struct look *l, const char *path, const char *member)
{
	return arena_fmt(
	    l->arena, "%s%s%s", path, *path != '\0' ? "." : "", member);
}

static bool
required(
    struct look *l, const struct json *j, enum awsshape s, const char *path)
{
	const struct json *k;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		if (rows[i].of != s || !rows[i].required)
			continue;
		k = json_get(j, rows[i].member);
		if (k == NULL || k->type == JSON_NULL)
			return constraint(l, under(l, path, rows[i].member),
			    "Member must not be null");
	}
	return true;
}

/* The parser bounds the depth. */
static bool
structure(
    struct look *l, const struct json *j, enum awsshape s, const char *path)
{
	const struct json *k;
	const struct row *r;
	unsigned set = 0;

	if (j->type != JSON_OBJECT)
		return not_a(l, path, "a structure");
	for (k = j->child; k != NULL; k = k->next) {
		r = row_of(s, k->key);
		if (r == NULL)
			return awsshape_wrong(
			    l->why, arena_fmt(l->arena,
					"Unknown member '%.*s' at '%s' (%s).",
					S_FMT(k->key), path, shapes[s].name));
		if (k->type == JSON_NULL)
			continue;
		set++;
		if (!value(l, r, k, under(l, path, r->member)))
			return false;
	}
	if (shapes[s].is_union && set != 1)
		return awsshape_wrong(l->why,
		    arena_fmt(l->arena,
			"Value at '%s' (%s) is a union: exactly one member "
			"must be set, not %u.",
			path, shapes[s].name, set));
	return required(l, j, s, path);
}

bool
awsshape_check(struct arena *a, const struct json *j, enum awsshape shape,
    struct refusal *why)
{
	struct look l = { a, why };

	return structure(&l, j, shape, "");
}
