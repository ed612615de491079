#include "main/yaml.h"

#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	struct arena *arena;
	struct report *report;
	size_t nodes;
	bool failed;
};

static struct mark
mark_of(const yaml_mark_t *m)
{
	return (struct mark){ (unsigned)m->line + 1, (unsigned)m->column + 1 };
}

const char *
ykind_text(enum ykind kind)
{
	static const char *const texts[] = { "nothing", "a single value",
		"a list", "a map" };

	return texts[kind];
}

static void
stop(struct builder *b, struct mark at, const char *hint, const char *text)
{
	if (!b->failed)
		report_add(b->report, at, hint, "%s", text);
	b->failed = true;
}

static void
parser_failed(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem != NULL ? p->problem : "not YAML";
	struct mark at = mark_of(&p->problem_mark);

	if (p->error == YAML_READER_ERROR)
		at = mark_of(&p->mark);
	stop(b, at, p->context, problem);
}

static bool
next_event(struct builder *b, yaml_event_t *ev)
{
	if (b->failed)
		return false;
	if (!yaml_parser_parse(&b->parser, ev)) {
		parser_failed(b);
		return false;
	}
	return true;
}

/* YAML 1.1's spellings of nothing. */
static bool
is_null(struct slice s)
{
	return s.len == 0 || slice_eq(s, S("~")) || slice_eq(s, S("null")) ||
	       slice_eq(s, S("Null")) || slice_eq(s, S("NULL"));
}

static void
take_scalar(struct builder *b, const yaml_event_t *ev, struct ynode *n)
{
	const struct slice text = { (const char *)ev->data.scalar.value,
		ev->data.scalar.length };

	n->kind = YNODE_SCALAR;
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (memchr(text.p, '\0', text.len) != NULL)
		stop(b, n->at, NULL, "a value contains a NUL character");
	n->text.p = arena_str(b->arena, text);
	n->text.len = text.len;
	if (!n->quoted && is_null(text))
		n->kind = YNODE_NULL;
}

/* Anchors and tags: what a reader of the file cannot see at the place. */
static void
refuse_extras(struct builder *b, const yaml_event_t *ev)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	const struct mark at = mark_of(&ev->start_mark);

	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (anchor != NULL)
		stop(b, at, "write the value out", "anchors are not allowed");
	if (tag != NULL)
		stop(b, at, "write the value without its !tag",
		    "tags are not allowed");
}

static struct ynode *
node_new(struct builder *b, const yaml_event_t *ev)
{
	struct ynode *n = ARENA_NEW(b->arena, struct ynode);

	n->at = mark_of(&ev->start_mark);
	if (++b->nodes > YTREE_NODES_MAX)
		stop(b, n->at, NULL, "the file has too many values");
	return n;
}

static struct ynode *take_value(
    struct builder *b, const yaml_event_t *ev, unsigned depth);

static void
take_list(struct builder *b, struct ynode *list, unsigned depth)
{
	struct ynode **tail = &list->child;
	yaml_event_t ev;
	bool end;

	list->kind = YNODE_LIST;
	while (next_event(b, &ev)) {
		end = ev.type == YAML_SEQUENCE_END_EVENT;
		if (!end) {
			*tail = take_value(b, &ev, depth);
			tail = &(*tail)->next;
			list->n++;
		}
		yaml_event_delete(&ev);
		if (end)
			break;
	}
}

static const struct ynode *
child_named(const struct ynode *map, struct slice key)
{
	const struct ynode *c;

	for (c = map->child; c != NULL; c = c->next) {
		if (slice_eq(c->key, key))
			return c;
	}
	return NULL;
}

static void
refuse_twin(struct builder *b, const struct ynode *map, struct slice key,
    struct mark at)
{
	const struct ynode *twin = child_named(map, key);

	if (twin != NULL)
		report_add(b->report, at, "keep one of the two",
		    "the key \"%.*s\" is here twice; the first is in line %u",
		    S_FMT(key), twin->key_at.line);
}

static bool
take_key(struct builder *b, const yaml_event_t *ev, struct slice *key)
{
	const struct mark at = mark_of(&ev->start_mark);

	refuse_extras(b, ev);
	if (ev->type == YAML_ALIAS_EVENT)
		stop(b, at, "write the value out", "aliases are not allowed");
	else if (ev->type != YAML_SCALAR_EVENT)
		stop(b, at, NULL, "a key must be a single word");
	if (b->failed)
		return false;
	key->p = (const char *)ev->data.scalar.value;
	key->len = ev->data.scalar.length;
	if (key->len > 200 || memchr(key->p, '\0', key->len) != NULL) {
		stop(b, at, NULL, "a key is too long or has a NUL character");
		return false;
	}
	key->p = arena_str(b->arena, *key);
	return true;
}

static void
take_map(struct builder *b, struct ynode *map, unsigned depth)
{
	struct ynode **tail = &map->child;
	struct mark key_at;
	struct slice key = { "", 0 };
	yaml_event_t ev;
	bool good, end;

	map->kind = YNODE_MAP;
	while (next_event(b, &ev)) {
		end = ev.type == YAML_MAPPING_END_EVENT;
		good = !end && take_key(b, &ev, &key);
		key_at = mark_of(&ev.start_mark);
		yaml_event_delete(&ev);
		if (end || !good || !next_event(b, &ev))
			return;
		refuse_twin(b, map, key, key_at);
		*tail = take_value(b, &ev, depth);
		(*tail)->key = key;
		(*tail)->key_at = key_at;
		tail = &(*tail)->next;
		map->n++;
		yaml_event_delete(&ev);
	}
}

static struct ynode *
take_value(struct builder *b, const yaml_event_t *ev, unsigned depth)
{
	struct ynode *n = node_new(b, ev);

	refuse_extras(b, ev);
	if (ev->type == YAML_SCALAR_EVENT)
		take_scalar(b, ev, n);
	else if (ev->type == YAML_ALIAS_EVENT)
		stop(
		    b, n->at, "write the value out", "aliases are not allowed");
	else if (depth == YTREE_DEPTH_MAX)
		stop(b, n->at, NULL, "the file is nested too deeply");
	else if (ev->type == YAML_SEQUENCE_START_EVENT)
		take_list(b, n, depth + 1);
	else
		take_map(b, n, depth + 1);
	return n;
}

/* The stream and document around the one value. */
static struct ynode *
take_document(struct builder *b)
{
	struct ynode *root = NULL;
	yaml_event_t ev;
	bool end = false;
	unsigned documents = 0;

	while (!end && next_event(b, &ev)) {
		if (ev.type == YAML_STREAM_END_EVENT)
			end = true;
		else if (ev.type == YAML_DOCUMENT_START_EVENT &&
			 documents++ > 0)
			stop(b, mark_of(&ev.start_mark), NULL,
			    "only one document is allowed");
		else if (ev.type == YAML_SCALAR_EVENT ||
			 ev.type == YAML_ALIAS_EVENT ||
			 ev.type == YAML_SEQUENCE_START_EVENT ||
			 ev.type == YAML_MAPPING_START_EVENT)
			root = take_value(b, &ev, 0);
		yaml_event_delete(&ev);
	}
	return root;
}

struct ynode *
ynode_parse(struct arena *a, struct slice text, struct report *r)
{
	struct builder b = { .arena = a, .report = r };
	struct ynode *root = NULL;

	if (text.len > YTREE_BYTES_MAX) {
		report_add(r, (struct mark){ 0, 0 }, NULL,
		    "the file is larger than %u bytes", YTREE_BYTES_MAX);
		return NULL;
	}
	CHECK(yaml_parser_initialize(&b.parser));
	yaml_parser_set_input_string(
	    &b.parser, (const unsigned char *)text.p, text.len);
	root = take_document(&b);
	yaml_parser_delete(&b.parser);
	if (b.failed)
		return NULL;
	if (root == NULL)
		report_add(r, (struct mark){ 1, 1 }, NULL, "the file is empty");
	return root;
}

const struct ynode *
ynode_find(const struct ynode *n, const char *path)
{
	struct slice rest = slice_of(path), head;

	while (n != NULL && rest.len > 0) {
		if (!slice_cut(rest, '.', &head, &rest)) {
			head = rest;
			rest.len = 0;
		}
		n = child_named(n, head);
	}
	return n;
}
