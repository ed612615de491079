/*
 * span.c - what the scanner finds in a body is what a full parser finds
 *
 * The scanner passes over the bytes once and keeps spans; the tree knows
 * everything.  Whatever the scanner takes, the tree takes, and both read the
 * same fields; a body with its spans edited is still one.
 */
#include "base/json.h"
#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The value at a span, with another in its place. */
static void
check_edit(struct slice body, size_t at, size_t len)
{
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct json *j;

	CHECK(at <= body.len && len <= body.len - at);
	buf_add(&b, (struct slice){ body.p, at });
	buf_str(&b, "\"changed\"");
	buf_add(&b, (struct slice){ body.p + at + len, body.len - at - len });
	CHECK(json_parse(&a, buf_slice(&b), &j) != FAULT_JSON);
	if (json_parse(&a, buf_slice(&b), &j) == FAULT_NONE)
		CHECK(slice_eq(json_get_str(j, "model"), S("changed")));
	buf_fini(&b);
	arena_fini(&a);
}

static void
compare(const struct ask *ask, const struct json *j)
{
	const struct json *model = json_get(j, "model");

	CHECK(j->type == JSON_OBJECT);
	CHECK(ask->stream == json_get_bool(j, "stream", false));
	if (ask->model_len > 0) {
		CHECK(model != NULL && model->type == JSON_STRING);
		CHECK(slice_eq(ask->model, model->text));
		check_edit(ask->body, ask->model_at, ask->model_len);
	} else {
		CHECK(model == NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice s = { (const char *)data, len };
	struct arena a = { 0 }, of_tree = { 0 };
	struct ask ask = { 0 };
	const enum fault scan = dialect_openai_chat.ask(&a, s, &ask);
	struct json *j;
	const enum fault tree = json_parse(&of_tree, s, &j);

	if (scan == FAULT_NONE)
		CHECK(tree == FAULT_NONE || tree == FAULT_JSON_DUPLICATE);
	if (scan == FAULT_JSON || scan == FAULT_JSON_UTF8)
		CHECK(tree != FAULT_NONE);
	if (scan == FAULT_NONE && tree == FAULT_NONE)
		compare(&ask, j);
	arena_fini(&a);
	arena_fini(&of_tree);
	return 0;
}
