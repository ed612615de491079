/*
 * proto.h - Google's JSON: a field in camelCase or as its proto spells it
 */
#ifndef KONTOR_DIALECT_PROTO_H
#define KONTOR_DIALECT_PROTO_H

#include "base/json.h"

/* Is key this name, in camelCase, or the same with underscores? */
bool proto_is(struct slice key, const char *name);

/* NULL: absent or null.  name is in camelCase. */
const struct json *proto_get(const struct json *j, const char *name);
struct slice proto_str(const struct json *j, const char *name);
bool proto_bool(const struct json *j, const char *name);
/* Whole numbers may stand in quotes. */
bool proto_i64(const struct json *j, const char *name, int64_t *out);

/*
 * The first of a repeated field's messages: Google takes a lone message for
 * a list of one.  Go on with proto_next().
 */
const struct json *proto_first(const struct json *j, const char *name);
const struct json *proto_next(const struct json *list_item);

#endif
