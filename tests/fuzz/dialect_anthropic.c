/*
 * dialect_anthropic.c - every reader of Anthropic's Messages, and of a count
 */
#include "tests/fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice in = { (const char *)data, len };
	struct arena a = { 0 };
	struct tally t = { 0 };
	struct ask q;

	codec_fuzz(&dialect_anthropic, in);
	(void)dialect_anthropic_count.ask(&a, in, &q);
	(void)dialect_anthropic_count.answer(in, &t);
	arena_fini(&a);
	return 0;
}
