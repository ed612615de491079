/*
 * json.c - the cursor and the tree take the same texts
 *
 * Only a key that an object has twice may part them.  What was taken is
 * written again and must be taken again.
 */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
write_scalar(struct buf *b, const struct json *j)
{
	int64_t v;

	if (j->type == JSON_STRING)
		json_w_str(b, j->text);
	else
		json_w_raw(b, j->text);
	if (j->type == JSON_NUMBER)
		(void)json_i64(j->text, &v);
}

static enum fault
by_cursor(struct slice s)
{
	struct json_cur c = json_cur(s);
	struct slice span;

	if (json_skip(&c, &span))
		json_at_end(&c);
	CHECK(c.p <= c.end);
	return c.fault;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice s = { (const char *)data, len };
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct json *j;
	enum fault cursor = by_cursor(s), tree = json_parse(&a, s, &j);

	CHECK(tree == cursor ||
	      (tree == FAULT_JSON_DUPLICATE && cursor == FAULT_NONE));
	if (tree == FAULT_NONE && j->child == NULL && j->type != JSON_ARRAY &&
	    j->type != JSON_OBJECT) {
		write_scalar(&b, j);
		CHECK(by_cursor(buf_slice(&b)) == FAULT_NONE);
	}
	buf_clear(&b);
	json_w_str(&b, s);
	CHECK(by_cursor(buf_slice(&b)) == FAULT_NONE);
	buf_fini(&b);
	arena_fini(&a);
	return 0;
}
