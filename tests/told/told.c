/*
 * told.c - requests told in another dialect, for pairs that no provider's row
 * brings about
 *
 * Each line of standard input is {"from", "to", "model", "body"}; each line of
 * output is the body that a provider would get, or {"refused": field}.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "dialect/codec.h"

static const struct dialect *const dialects[] = {
	&dialect_openai_chat,
	&dialect_openai_responses,
	&dialect_anthropic,
	&dialect_bedrock,
	&dialect_gemini,
};

static const struct dialect *
named(const struct json *j, const char *key)
{
	size_t i;

	for (i = 0; i < NELEM(dialects); i++) {
		if (slice_eq(json_get_str(j, key), slice_of(dialects[i]->name)))
			return dialects[i];
	}
	fprintf(stderr, "no dialect in %s\n", key);
	exit(1);
}

static void
tell(struct arena *a, const struct json *j, struct buf *out)
{
	struct conversation c = { .n = 1, .parallel = -1, .schema_strict = -1 };
	const struct target t = { .model = json_get_str(j, "model"),
		.max_output = 32000,
		.vendor = VENDOR_OPENAI };
	const struct dialect *from = named(j, "from"), *to = named(j, "to");
	struct slice body = codec_raw(a, json_get(j, "body"));
	struct wrong w = { 0 };
	uint64_t lost = 0;

	if (from->codec->decode(a, body, &c, &w) == FAULT_NONE &&
	    to->codec->encode(a, &c, &t, out, &lost, &w) == FAULT_NONE)
		return;
	buf_clear(out);
	json_w_begin(out, '{');
	json_w_kstr(out, "refused", w.field);
	json_w_end(out, '}');
}

int
main(void)
{
	struct arena a = { 0 };
	struct buf out = { 0 };
	char *text = NULL;
	size_t cap = 0;
	struct json *j;
	ssize_t n;

	while ((n = getline(&text, &cap, stdin)) > 0) {
		if (json_parse(&a, (struct slice){ text, (size_t)n }, &j) !=
		    FAULT_NONE)
			return 1;
		buf_clear(&out);
		tell(&a, j, &out);
		printf("%s\n", buf_cstr(&out));
		arena_fini(&a);
		a = (struct arena){ 0 };
	}
	buf_fini(&out);
	free(text);
	return 0;
}
