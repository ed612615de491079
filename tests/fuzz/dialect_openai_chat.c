/*
 * dialect_openai_chat.c - every reader of Chat Completions, and what it becomes
 */
#include "tests/fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	codec_fuzz(
	    &dialect_openai_chat, (struct slice){ (const char *)data, len });
	return 0;
}
