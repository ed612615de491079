/*
 * google.h - JSON as Google's servers read it: protos, in either spelling
 *
 * A field may be spelled maxOutputTokens or max_output_tokens; an unknown one
 * fails the whole request; numbers may stand in quotes.
 */
#ifndef KONTOR_SIM_GOOGLE_H
#define KONTOR_SIM_GOOGLE_H

#include "base/arena.h"
#include "base/json.h"
#include "sim/shape.h"

enum google_message {
	GOOGLE_REQUEST,
	GOOGLE_CONTENT,
	GOOGLE_PART,
	GOOGLE_BLOB,
	GOOGLE_FILE_DATA,
	GOOGLE_CALL,
	GOOGLE_RESPONSE,
	GOOGLE_RESPONSE_PART,
	GOOGLE_TOOL,
	GOOGLE_DECLARATION,
	GOOGLE_SCHEMA,
	GOOGLE_TOOL_CONFIG,
	GOOGLE_CALLING,
	GOOGLE_GENERATION,
	GOOGLE_THINKING,
	GOOGLE_SAFETY,
	GOOGLE_COUNT,
	GOOGLE_EMBED,
	GOOGLE_BATCH_EMBED,
	GOOGLE_PREDICT,
	GOOGLE_INSTANCE,
	GOOGLE_PARAMETERS
};

/* false: *why says what is wrong, as Google words it.  A lone message where
 * a list is due becomes a list of one. */
bool google_check(struct arena *a, struct json *j, enum google_message message,
    struct refusal *why);
/* A refusal of the kind INVALID_ARGUMENT; always false. */
bool google_wrong(struct refusal *why, const char *message);

/* name in camelCase; either spelling is found.  NULL: absent or null. */
const struct json *google_get(const struct json *j, const char *name);
struct slice google_str(const struct json *j, const char *name);
bool google_flag(const struct json *j, const char *name);
/* Also a number in quotes. */
bool google_int(const struct json *j, const char *name, int64_t *out);

#endif
