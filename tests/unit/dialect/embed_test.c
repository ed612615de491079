#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/embed.h"

static struct embed_request
read_request(
    struct arena *a, enum embed_shape shape, const char *body, enum fault want)
{
	struct embed_request r;

	assert_int_equal(embed_read(a, shape, slice_of(body), &r), want);
	return r;
}

static void
written(struct embed_request *r, enum embed_shape shape, const char *want)
{
	struct buf b = { 0 };

	assert_int_equal(embed_write(r, shape, S("m"), &b), FAULT_NONE);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

static void
openai_texts_go_to_every_provider(void **state)
{
	struct arena a = { 0 };
	struct embed_request r = read_request(&a, EMBED_OPENAI,
	    "{\"model\":\"x\",\"input\":[\"a\",\"b\"],\"dimensions\":8}",
	    FAULT_NONE);

	(void)state;
	written(&r, EMBED_OPENAI,
	    "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":"
	    "\"float\",\"dimensions\":8}");
	written(&r, EMBED_GEMINI_BATCH,
	    "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{"
	    "\"text\":\"a\"}]},\"outputDimensionality\":8},{\"model\":"
	    "\"models/m\",\"content\":{\"parts\":[{\"text\":\"b\"}]},"
	    "\"outputDimensionality\":8}]}");
	written(&r, EMBED_VERTEX,
	    "{\"instances\":[{\"content\":\"a\"},{\"content\":\"b\"}],"
	    "\"parameters\":{\"outputDimensionality\":8}}");
	written(&r, EMBED_COHERE,
	    "{\"texts\":[\"a\",\"b\"],\"input_type\":\"search_document\","
	    "\"embedding_types\":[\"float\"],\"output_dimension\":8}");
	r.n = 1;
	written(&r, EMBED_TITAN, "{\"inputText\":\"a\",\"dimensions\":8}");
	arena_fini(&a);
}

static void
gemini_says_what_a_vector_is_for(void **state)
{
	struct arena a = { 0 };
	struct embed_request r = read_request(&a, EMBED_GEMINI,
	    "{\"content\":{\"parts\":{\"text\":\"q\"}},\"task_type\":"
	    "\"RETRIEVAL_QUERY\",\"output_dimensionality\":4}",
	    FAULT_NONE);

	(void)state;
	written(&r, EMBED_COHERE,
	    "{\"texts\":[\"q\"],\"input_type\":\"search_query\","
	    "\"embedding_types\":[\"float\"],\"output_dimension\":4}");
	written(&r, EMBED_GEMINI,
	    "{\"content\":{\"parts\":[{\"text\":\"q\"}]},\"taskType\":"
	    "\"RETRIEVAL_QUERY\",\"outputDimensionality\":4}");
	arena_fini(&a);
}

static void
what_cannot_be_embedded_is_refused_by_name(void **state)
{
	static const struct {
		enum embed_shape shape;
		const char *body, *param;
	} bad[] = {
		{ EMBED_OPENAI, "{}", "input" },
		{ EMBED_OPENAI, "{\"input\":\"\"}", "input" },
		{ EMBED_OPENAI, "{\"input\":[1,2]}", "input" },
		{ EMBED_OPENAI, "{\"input\":\"a\",\"dimensions\":0}",
		    "dimensions" },
		{ EMBED_OPENAI, "{\"input\":\"a\",\"encoding_format\":\"x\"}",
		    "encoding_format" },
		{ EMBED_GEMINI,
		    "{\"content\":{\"parts\":[{\"inlineData\":{}}]}"
		    "}",
		    "content.parts" },
		{ EMBED_GEMINI, "{}", "content" },
		{ EMBED_GEMINI_BATCH, "{}", "requests" },
		{ EMBED_VERTEX, "{}", "instances" },
	};
	struct arena a = { 0 };
	struct embed_request r;
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		r = read_request(&a, bad[i].shape, bad[i].body, FAULT_FIELD);
		assert_true(slice_eq(r.param, slice_of(bad[i].param)));
	}
	r = read_request(
	    &a, EMBED_OPENAI, "{\"input\":[\"a\",\"b\"]}", FAULT_NONE);
	assert_int_equal(embed_write(&r, EMBED_TITAN, S("m"), &b), FAULT_FIELD);
	assert_true(slice_eq(r.param, S("input")));
	buf_fini(&b);
	arena_fini(&a);
}

static void
every_provider_s_answer_is_understood(void **state)
{
	static const struct {
		enum embed_shape shape;
		const char *body;
		size_t n;
		uint64_t tokens;
	} row[] = {
		{ EMBED_OPENAI,
		    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\","
		    "\"index\":0,\"embedding\":[0.5,1]},{\"embedding\":[2]}],"
		    "\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}",
		    2, 7 },
		{ EMBED_GEMINI,
		    "{\"embedding\":{\"values\":[0.5,1]},\"usageMetadata\":{"
		    "\"promptTokenCount\":3}}",
		    1, 3 },
		{ EMBED_GEMINI_BATCH,
		    "{\"embeddings\":[{\"values\":[0.5,1]},{\"values\":[1]}]}",
		    2, 0 },
		{ EMBED_VERTEX,
		    "{\"predictions\":[{\"embeddings\":{\"values\":[0.5,1],"
		    "\"statistics\":{\"token_count\":2}}},{\"embeddings\":{"
		    "\"values\":[1],\"statistics\":{\"token_count\":3}}}]}",
		    2, 5 },
		{ EMBED_TITAN,
		    "{\"embedding\":[0.5,1],\"embeddingsByType\":{\"float\":["
		    "0.5,1]},\"inputTextTokenCount\":4}",
		    1, 4 },
		{ EMBED_COHERE, "{\"embeddings\":[[0.5,1],[2,3]]}", 2, 0 },
		{ EMBED_COHERE, "{\"embeddings\":{\"float\":[[0.5,1],[2]]}}", 2,
		    0 },
	};
	struct arena a = { 0 };
	struct embed_answer v;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(row); i++) {
		assert_int_equal(embed_read_answer(&a, row[i].shape,
				     slice_of(row[i].body), &v),
		    FAULT_NONE);
		assert_int_equal(v.n, row[i].n);
		assert_int_equal(v.tokens, row[i].tokens);
		assert_true(slice_eq(v.vector[0], S("[0.5,1]")));
	}
	assert_int_equal(
	    embed_read_answer(&a, EMBED_OPENAI, S("{}"), &v), FAULT_UP_GARBAGE);
	assert_int_equal(embed_read_answer(&a, EMBED_OPENAI, S("[1]"), &v),
	    FAULT_UP_GARBAGE);
	arena_fini(&a);
}

static void
base64_is_the_floats_that_the_decimals_are(void **state)
{
	static const struct {
		const char *vector, *base64;
	} row[] = {
		{ "[1, -2]", "AACAPwAAAMA=" },
		{ "[0.1]", "zczMPQ==" },
		{ "[-0.5576171875]", "AMAOvw==" },
		{ "[1e-10,0.0000000001]", "/+bbLv/m2y4=" },
		{ "[0,-0.0]", "AAAAAAAAAIA=" },
		{ "[1e400,1e-400]", "//9/fwAAAAA=" },
		{ "[1.4012984643248170709e-45]", "AQAAAA==" },
		{ "[123456789012345678901234567890]", "iHTHbw==" },
		{ "[]", "" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(row); i++) {
		buf_clear(&b);
		assert_true(embed_base64(slice_of(row[i].vector), &b));
		assert_string_equal(buf_cstr(&b), row[i].base64);
	}
	assert_false(embed_base64(S("[\"a\"]"), &b));
	assert_false(embed_base64(S("{}"), &b));
	buf_fini(&b);
}

static void
callers_get_their_own_shape(void **state)
{
	struct arena a = { 0 };
	struct slice one[] = { S_INIT("[1]"), S_INIT("[2]") };
	struct embed_answer v = { one, 2, 5, true };
	struct embed_request r = { .base64 = true };
	struct buf b = { 0 };

	(void)state;
	embed_write_answer(&v, &r, EMBED_OPENAI, S("m"), &b);
	assert_string_equal(buf_cstr(&b),
	    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\","
	    "\"index\":0,\"embedding\":\"AACAPw==\"},{\"object\":"
	    "\"embedding\",\"index\":1,\"embedding\":\"AAAAQA==\"}],"
	    "\"model\":\"m\",\"usage\":{\"prompt_tokens\":5,"
	    "\"total_tokens\":5}}");
	buf_clear(&b);
	embed_write_answer(&v, &r, EMBED_GEMINI_BATCH, S("m"), &b);
	assert_string_equal(buf_cstr(&b),
	    "{\"embeddings\":[{\"values\":[1]},{\"values\":[2]}],"
	    "\"usageMetadata\":{\"promptTokenCount\":5}}");
	buf_clear(&b);
	v.n = 1;
	embed_write_answer(&v, &r, EMBED_GEMINI, S("m"), &b);
	assert_string_equal(buf_cstr(&b),
	    "{\"embedding\":{\"values\":[1]},\"usageMetadata\":{"
	    "\"promptTokenCount\":5}}");
	buf_fini(&b);
	arena_fini(&a);
}

static void
bedrock_s_models_are_known_by_name(void **state)
{
	enum embed_shape shape;

	(void)state;
	assert_true(embed_bedrock(S("amazon.titan-embed-text-v2:0"), &shape));
	assert_int_equal(shape, EMBED_TITAN);
	assert_true(embed_bedrock(S("us.cohere.embed-v4:0"), &shape));
	assert_int_equal(shape, EMBED_COHERE);
	assert_false(embed_bedrock(S("anthropic.claude"), &shape));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openai_texts_go_to_every_provider),
		cmocka_unit_test(gemini_says_what_a_vector_is_for),
		cmocka_unit_test(what_cannot_be_embedded_is_refused_by_name),
		cmocka_unit_test(every_provider_s_answer_is_understood),
		cmocka_unit_test(base64_is_the_floats_that_the_decimals_are),
		cmocka_unit_test(callers_get_their_own_shape),
		cmocka_unit_test(bedrock_s_models_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
