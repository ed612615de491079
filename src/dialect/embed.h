/*
 * embed.h - texts to vectors: one small model between six wire formats
 *
 * What callers send (OpenAI's shape, Gemini's three) and what providers take
 * (these, Titan's and Cohere's on Bedrock).  A vector passes as the decimals
 * it came in; only a caller who asked for base64 gets 32-bit floats of it.
 *
 * Errors:  FAULT_JSON*, FAULT_FIELD with embed_request's param and hint;
 *          FAULT_UP_GARBAGE for an answer that is none.
 */
#ifndef KONTOR_DIALECT_EMBED_H
#define KONTOR_DIALECT_EMBED_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"

enum embed_shape {
	EMBED_OPENAI,
	EMBED_GEMINI, /* embedContent: one text */
	EMBED_GEMINI_BATCH,
	EMBED_VERTEX, /* predict */
	EMBED_TITAN,
	EMBED_COHERE
};

/* What a vector is for, in Gemini's words; others have their own. */
enum embed_use {
	EMBED_USE_NONE,
	EMBED_USE_QUERY,
	EMBED_USE_DOCUMENT,
	EMBED_USE_CLASSIFICATION,
	EMBED_USE_CLUSTERING
};

struct embed_request {
	struct slice *text; /* decoded */
	size_t n;
	uint64_t dims; /* 0: not said */
	bool base64;
	enum embed_use use;
	struct slice title;
	struct slice param; /* of a FAULT_FIELD */
	const char *hint;
};

/* Everything borrows from the body and the arena. */
enum fault embed_read(struct arena *a, enum embed_shape shape,
    struct slice body, struct embed_request *out) MUST_USE;
/*
 * model: the provider's name of it.  FAULT_FIELD: this provider has no way to
 * take such a request.
 */
enum fault embed_write(struct embed_request *r, enum embed_shape shape,
    struct slice model, struct buf *out) MUST_USE;

struct embed_answer {
	struct slice *vector; /* JSON arrays, as they came */
	size_t n;
	uint64_t tokens;
	bool counted; /* tokens is the provider's number */
};

enum fault embed_read_answer(struct arena *a, enum embed_shape shape,
    struct slice body, struct embed_answer *out) MUST_USE;
/* model: as the caller named it. */
void embed_write_answer(const struct embed_answer *v,
    const struct embed_request *r, enum embed_shape shape, struct slice model,
    struct buf *out);

/* How a model of Bedrock takes texts; false: not known. */
bool embed_bedrock(struct slice name, enum embed_shape *out);

/* A JSON array of numbers as base64 of little-endian 32-bit floats; false:
 * it holds something else. */
bool embed_base64(struct slice vector, struct buf *out) MUST_USE;

#endif
