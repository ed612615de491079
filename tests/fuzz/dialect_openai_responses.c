/*
 * dialect_openai_responses.c - every reader of Responses' bytes, and what
 * they become; see dialect_gemini.c
 */
#include "tests/fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	codec_fuzz(&dialect_openai_responses,
	    (struct slice){ (const char *)data, len });
	return 0;
}
