/*
 * json_tree.c - a JSON text as a tree, built over the cursor
 */
#include "base/json.h"

#include <stdlib.h>

/* Below this, comparing each with each beats sorting. */
enum { FEW_KEYS = 8 };

struct frame {
	struct json *node;
	struct json **tail; /* where the next child is hung */
};

struct build {
	struct arena *arena;
	struct json_cur cur;
	struct frame frames[JSON_DEPTH_MAX];
	unsigned depth;
	size_t n;   /* of values */
	bool twice; /* a key, which matters only if the rest is JSON */
};

/* Any total order does; by length first is the cheap one. */
static int
by_key(const void *a, const void *b)
{
	const struct json *x = *(const struct json *const *)a;
	const struct json *y = *(const struct json *const *)b;

	if (x->key.len != y->key.len)
		return x->key.len < y->key.len ? -1 : 1;
	return x->key.len > 0 ? memcmp(x->key.p, y->key.p, x->key.len) : 0;
}

static bool
few_differ(const struct json *object)
{
	const struct json *a, *b;

	for (a = object->child; a != NULL; a = a->next) {
		for (b = a->next; b != NULL; b = b->next) {
			if (slice_eq(a->key, b->key))
				return false;
		}
	}
	return true;
}

/* Sorted and not hashed: the keys are a peer's, who might know the hash. */
static bool
many_differ(const struct json *object)
{
	const struct json **v, *j;
	bool differ = true;
	size_t i = 0;

	v = mem_new(object->n * sizeof(struct json *));
	for (j = object->child; j != NULL; j = j->next)
		v[i++] = j;
	qsort(v, object->n, sizeof(v[0]), by_key);
	for (i = 1; i < object->n && differ; i++)
		differ = by_key(&v[i - 1], &v[i]) != 0;
	mem_free(v);
	return differ;
}

static bool
keys_differ(const struct json *object)
{
	return object->n <= FEW_KEYS ? few_differ(object) : many_differ(object);
}

static struct slice
decoded(struct build *b, struct slice raw, bool escaped)
{
	return escaped ? json_unescape(b->arena, raw) : raw;
}

static void
open_node(struct build *b, struct json *node)
{
	struct frame *f = &b->frames[b->depth++];

	f->node = node;
	f->tail = &node->child;
}

/* Reads one value, or enters it, into node. */
static bool
read_value(struct build *b, struct json *node)
{
	bool escaped;

	if (!json_peek(&b->cur, &node->type))
		return false;
	switch (node->type) {
	case JSON_OBJECT:
		if (!json_enter_object(&b->cur))
			return false;
		open_node(b, node);
		return true;
	case JSON_ARRAY:
		if (!json_enter_array(&b->cur))
			return false;
		open_node(b, node);
		return true;
	case JSON_STRING:
		if (!json_take_string(&b->cur, &node->text, &escaped))
			return false;
		node->text = decoded(b, node->text, escaped);
		return true;
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
	case JSON_NUMBER:
	default:
		return json_skip(&b->cur, &node->text);
	}
}

/* The next child of the innermost container; false when it has closed. */
static bool
next_child(struct build *b, struct json **out)
{
	struct frame *f = &b->frames[b->depth - 1];
	const bool object = f->node->type == JSON_OBJECT;
	struct slice raw = { 0 };
	bool escaped = false;

	if (!(object ? json_next_key(&b->cur, &raw, &escaped)
		     : json_next_item(&b->cur)))
		return false;
	if (++b->n >= JSON_VALUES_MAX) {
		b->cur.fault = FAULT_JSON_VALUES;
		return false;
	}
	*out = ARENA_NEW(b->arena, struct json);
	(*out)->key = decoded(b, raw, escaped);
	*f->tail = *out;
	f->tail = &(*out)->next;
	f->node->n++;
	return true;
}

static enum fault
build(struct build *b, struct json *root)
{
	struct json *node;

	if (!read_value(b, root))
		return b->cur.fault;
	while (b->depth > 0) {
		if (next_child(b, &node)) {
			if (!read_value(b, node))
				return b->cur.fault;
			continue;
		}
		if (b->cur.fault != FAULT_NONE)
			return b->cur.fault;
		node = b->frames[--b->depth].node;
		if (node->type == JSON_OBJECT && !keys_differ(node))
			b->twice = true;
	}
	if (json_at_end(&b->cur) && b->twice)
		return FAULT_JSON_DUPLICATE;
	return b->cur.fault;
}

enum fault
json_parse(struct arena *a, struct slice text, struct json **out)
{
	struct build b = { .arena = a, .cur = json_cur(text) };
	struct json *root = ARENA_NEW(a, struct json);
	enum fault fault = build(&b, root);

	*out = fault == FAULT_NONE ? root : NULL;
	return fault;
}

const struct json *
json_find(const struct json *j, struct slice key)
{
	const struct json *at;

	if (j == NULL || j->type != JSON_OBJECT)
		return NULL;
	for (at = j->child; at != NULL; at = at->next) {
		if (slice_eq(at->key, key))
			return at;
	}
	return NULL;
}

bool
json_get_i64(const struct json *j, const char *key, int64_t *out)
{
	const struct json *at = json_get(j, key);

	return at != NULL && at->type == JSON_NUMBER && json_i64(at->text, out);
}

bool
json_get_bool(const struct json *j, const char *key, bool or_else)
{
	const struct json *at = json_get(j, key);

	if (at == NULL || (at->type != JSON_TRUE && at->type != JSON_FALSE))
		return or_else;
	return at->type == JSON_TRUE;
}
