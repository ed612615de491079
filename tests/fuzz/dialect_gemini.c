/*
 * dialect_gemini.c - every reader of Gemini's bytes, and what they become
 *
 * A request that is understood must be sayable again, as JSON; an event that
 * is read must leave a stream that can be ended.
 */
#include "tests/fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	codec_fuzz(&dialect_gemini, (struct slice){ (const char *)data, len });
	return 0;
}
