/*
 * yaml.c - any bytes as a configuration's text
 *
 * The tree is bounded and points into its arena; what is refused is reported
 * with a place.
 */
#include "main/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t
walk(const struct ynode *n, unsigned depth)
{
	const struct ynode *c;
	size_t all = 1, children = 0;

	CHECK(depth <= YTREE_DEPTH_MAX);
	CHECK(n->at.line > 0 && n->at.col > 0);
	if (n->kind == YNODE_SCALAR)
		CHECK(n->text.p[n->text.len] == '\0');
	else
		CHECK(n->kind != YNODE_NULL || n->child == NULL);
	for (c = n->child; c != NULL; c = c->next, children++) {
		if (n->kind == YNODE_MAP)
			CHECK(c->key.p[c->key.len] == '\0');
		all += walk(c, depth + 1);
	}
	CHECK(children == n->n);
	return all;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct report r = { 0 };
	struct arena a = { 0 };
	struct ynode *n =
	    ynode_parse(&a, (struct slice){ (const char *)data, len }, &r);

	if (n != NULL) {
		CHECK(walk(n, 0) <= YTREE_NODES_MAX);
		(void)ynode_find(n, "limits.max_body");
		(void)ynode_find(n, "models.a.deployments");
	} else {
		CHECK(r.n > 0);
	}
	report_fini(&r);
	arena_fini(&a);
	return 0;
}
