/*
 * dialect_embeddings.c - requests and answers of vectors, in all their shapes
 */
#include "tests/fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct dialect *const all[] = { &dialect_openai_embeddings,
		&dialect_gemini_embed, &dialect_gemini_batch,
		&dialect_vertex_predict, &dialect_titan_embed,
		&dialect_cohere_embed };
	const struct slice s = { (const char *)data, len };
	size_t i;

	for (i = 0; i < NELEM(all); i++)
		codec_fuzz(all[i], s);
	return 0;
}
