/*
 * yaml.h - YAML text as a tree that remembers line and column
 *
 * A strict subset: one document, maps with plain scalar keys, no aliases, no
 * anchors, no tags, no key twice.  Size and depth are bounded.  Whatever is
 * refused stands in the report with its place.
 */
#ifndef KONTOR_MAIN_YAML_H
#define KONTOR_MAIN_YAML_H

#include "base/arena.h"
#include "base/base.h"
#include "main/report.h"

enum {
	YTREE_BYTES_MAX = 1024 * 1024,
	YTREE_DEPTH_MAX = 16,
	YTREE_NODES_MAX = 50000
};

enum ykind { YNODE_NULL, YNODE_SCALAR, YNODE_LIST, YNODE_MAP };

struct ynode {
	enum ykind kind;
	bool quoted;       /* a scalar in quotes or block form */
	struct mark at;    /* of the value */
	struct slice text; /* scalar; NUL-terminated in the arena */
	struct slice key;  /* when in a map; NUL-terminated */
	struct mark key_at;
	struct ynode *child, *next;
	size_t n; /* of children */
};

/* NULL when the report has a new mistake that leaves nothing to look at. */
struct ynode *ynode_parse(
    struct arena *a, struct slice text, struct report *r) MUST_USE;

/* The child under a dotted path ("limits.max_body"); NULL: none. */
const struct ynode *ynode_find(const struct ynode *n, const char *path);
const char *ykind_text(enum ykind kind);

#endif
