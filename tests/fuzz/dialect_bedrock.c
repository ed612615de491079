/*
 * dialect_bedrock.c - every reader of Converse and of InvokeModel's bodies
 */
#include "tests/fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice in = { (const char *)data, len };
	struct conversation c = { .n = 1, .parallel = -1, .schema_strict = -1 };
	struct arena a = { 0 };
	struct wrong w = { 0 };
	struct tally t = { 0 };
	struct ask q;

	codec_fuzz(&dialect_bedrock, in);
	(void)dialect_invoke.ask(&a, in, &q);
	(void)dialect_invoke.codec->decode(&a, in, &c, &w);
	(void)dialect_bedrock_count.ask(&a, in, &q);
	(void)dialect_bedrock_count.answer(in, &t);
	arena_fini(&a);
	return 0;
}
