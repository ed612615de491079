#include "sim/google.h"

#include "base/text.h"

enum kind {
	TEXT,
	TEXTS,
	FLAG,
	INT,
	NUMBER,
	WORD,
	BYTES,
	OBJECT,
	ANY,
	MESSAGE,
	MESSAGES,
	NAMED /* a map of messages */
};

struct row {
	enum google_message in;
	const char *name;
	enum kind kind;
	enum google_message of;
	const char *words;
};

static const struct row rows[] = {
#define IN(message, name, kind, of, words) \
	{ GOOGLE_##message, name, kind, GOOGLE_##of, words },
#include "sim/google.def"
#undef IN
};

struct look {
	struct arena *arena;
	struct refusal *why;
};

bool
google_wrong(struct refusal *why, const char *message)
{
	*why = (struct refusal){ 400, NULL, NULL, NULL, message };
	return false;
}

/* maxOutputTokens or max_output_tokens. */
static bool
spells(struct slice key, const char *name)
{
	size_t i = 0;

	for (; *name != '\0'; name++, i++) {
		if (i < key.len && key.p[i] == *name)
			continue;
		if (*name < 'A' || *name > 'Z' || i + 1 >= key.len ||
		    key.p[i] != '_' || key.p[i + 1] != (*name | 0x20))
			return false;
		i++;
	}
	return i == key.len;
}

const struct json *
google_get(const struct json *j, const char *name)
{
	if (j == NULL || j->type != JSON_OBJECT)
		return NULL;
	for (j = j->child; j != NULL; j = j->next)
		if (spells(j->key, name))
			return j->type == JSON_NULL ? NULL : j;
	return NULL;
}

struct slice
google_str(const struct json *j, const char *name)
{
	j = google_get(j, name);
	return j != NULL && j->type == JSON_STRING ? j->text : S("");
}

bool
google_flag(const struct json *j, const char *name)
{
	j = google_get(j, name);
	return j != NULL && j->type == JSON_TRUE;
}

bool
google_int(const struct json *j, const char *name, int64_t *out)
{
	j = google_get(j, name);
	return j != NULL &&
	       (j->type == JSON_NUMBER || j->type == JSON_STRING) &&
	       json_i64(j->text, out);
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
bad_value(
    struct look *l, const char *path, const char *type, const struct json *j)
{
	return google_wrong(
	    l->why, arena_fmt(l->arena, "Invalid value at '%s' (%s), \"%.*s\"",
			path, type, S_FMT(j->text)));
}

static bool
numeric(const struct json *j, bool whole)
{
	int64_t v;

	if (j->type == JSON_NUMBER)
		return !whole || json_i64(j->text, &v);
	return j->type == JSON_STRING && j->text.len > 0 &&
	       (*j->text.p == '-' ||
		   (*j->text.p >= '0' && *j->text.p <= '9')) &&
	       (!whole || json_i64(j->text, &v));
}

/* Either alphabet, padded or not. */
static bool
is_base64(struct slice s)
{
	struct buf b = { 0 };
	size_t pad = 0, i;
	bool ok;

	while (pad < 2 && s.len > 0 && s.p[s.len - 1] == '=') {
		s.len--;
		pad++;
	}
	buf_add(&b, s);
	for (i = 0; i < b.len; i++)
		b.p[i] = b.p[i] == '+' ? '-' : b.p[i] == '/' ? '_' : b.p[i];
	s = buf_slice(&b);
	b = (struct buf){ 0 };
	ok = text_base64url_parse(&b, s);
	buf_fini(&b);
	mem_free((void *)(uintptr_t)s.p);
	return ok;
}

static bool message(
    struct look *l, struct json *j, enum google_message m, const char *path);

/* A lone message is taken for a list of one. */
static void
make_list(struct look *l, struct json *j)
{
	struct json *k = ARENA_NEW(l->arena, struct json);

	*k = *j;
	k->next = NULL;
	k->key = S("");
	j->type = JSON_ARRAY;
	j->child = k;
	j->n = 1;
}

static bool
messages(struct look *l, struct json *j, enum google_message m,
    const char *path, bool named)
{
	struct json *k;
	unsigned i = 0;

	if (!named && j->type == JSON_OBJECT)
		make_list(l, j);
	if (j->type != (named ? JSON_OBJECT : JSON_ARRAY))
		return bad_value(l, path, "repeated", j);
	for (k = j->child; k != NULL; k = k->next)
		if (!message(l, k, m, arena_fmt(l->arena, "%s[%u]", path, i++)))
			return false;
	return true;
}

static bool
texts(struct look *l, const struct json *j, const char *path)
{
	const struct json *k;

	if (j->type != JSON_ARRAY)
		return bad_value(l, path, "repeated", j);
	for (k = j->child; k != NULL; k = k->next)
		if (k->type != JSON_STRING)
			return bad_value(l, path, "TYPE_STRING", k);
	return true;
}

static bool
value(struct look *l, struct json *j, const struct row *r, const char *path)
{
	switch (r->kind) {
	case TEXT:
		return j->type == JSON_STRING ||
		       bad_value(l, path, "TYPE_STRING", j);
	case TEXTS:
		return texts(l, j, path);
	case FLAG:
		return j->type == JSON_TRUE || j->type == JSON_FALSE ||
		       bad_value(l, path, "TYPE_BOOL", j);
	case INT:
		return numeric(j, true) || bad_value(l, path, "TYPE_INT32", j);
	case NUMBER:
		return numeric(j, false) || bad_value(l, path, "TYPE_FLOAT", j);
	case WORD:
		return (j->type == JSON_STRING && one_of(j->text, r->words)) ||
		       bad_value(l, path, "TYPE_ENUM", j);
	case BYTES:
		return (j->type == JSON_STRING && is_base64(j->text)) ||
		       google_wrong(l->why,
			   arena_fmt(l->arena,
			       "Invalid value at '%s' (TYPE_BYTES), Base64 "
			       "decoding failed for \"%.32s\"",
			       path, arena_str(l->arena, j->text)));
	case OBJECT:
		return j->type == JSON_OBJECT || bad_value(l, path,
						     "type.googleapis.com/"
						     "google.protobuf.Struct",
						     j);
	case MESSAGE:
		return message(l, j, r->of, path);
	case MESSAGES:
		return messages(l, j, r->of, path, false);
	case NAMED:
		return messages(l, j, r->of, path, true);
	case ANY:
		return true;
	}
	return true;
}

static const struct row *
row_of(enum google_message m, struct slice key)
{
	size_t i;

	for (i = 0; i < NELEM(rows); i++)
		if (rows[i].in == m && spells(key, rows[i].name))
			return &rows[i];
	return NULL;
}

/* The parser bounds the depth. */
static bool
message(struct look *l, struct json *j, enum google_message m, const char *path)
{
	struct json *k;
	const struct row *r;

	if (j->type != JSON_OBJECT)
		return bad_value(l, path, "message", j);
	for (k = j->child; k != NULL; k = k->next) {
		r = row_of(m, k->key);
		if (r == NULL)
			return google_wrong(l->why,
			    arena_fmt(l->arena,
				"Invalid JSON payload received. Unknown name "
				"\"%.*s\"%s%s%s: Cannot find field.",
				S_FMT(k->key), *path ? " at '" : "", path,
				*path ? "'" : ""));
		if (google_get(j, r->name) != k && k->type != JSON_NULL)
			return google_wrong(l->why,
			    arena_fmt(l->arena,
				"Invalid JSON payload received. Duplicate "
				"field \"%.*s\".",
				S_FMT(k->key)));
		if (k->type != JSON_NULL &&
		    !value(l, k, r,
			arena_fmt(l->arena, "%s%s%.*s", path, *path ? "." : "",
			    S_FMT(k->key))))
			return false;
	}
	return true;
}

bool
google_check(
    struct arena *a, struct json *j, enum google_message m, struct refusal *why)
{
	struct look l = { a, why };

	return message(&l, j, m, "");
}
