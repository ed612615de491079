#include "dialect/proto.h"

bool
proto_is(struct slice key, const char *name)
{
	size_t i = 0;

	for (; *name != '\0'; name++, i++) {
		if (i < key.len && key.p[i] == *name)
			continue;
		if (*name < 'A' || *name > 'Z' || i + 1 >= key.len ||
		    key.p[i] != '_' || key.p[i + 1] != (*name | 0x20))
			return false;
		i++;
	}
	return i == key.len;
}

const struct json *
proto_get(const struct json *j, const char *name)
{
	if (j == NULL || j->type != JSON_OBJECT)
		return NULL;
	for (j = j->child; j != NULL; j = j->next) {
		if (j->type != JSON_NULL && proto_is(j->key, name))
			return j;
	}
	return NULL;
}

struct slice
proto_str(const struct json *j, const char *name)
{
	j = proto_get(j, name);
	return j != NULL && j->type == JSON_STRING ? j->text : S("");
}

bool
proto_bool(const struct json *j, const char *name)
{
	j = proto_get(j, name);
	return j != NULL && j->type == JSON_TRUE;
}

bool
proto_i64(const struct json *j, const char *name, int64_t *out)
{
	j = proto_get(j, name);
	return j != NULL &&
	       (j->type == JSON_NUMBER || j->type == JSON_STRING) &&
	       json_i64(j->text, out);
}

const struct json *
proto_first(const struct json *j, const char *name)
{
	j = proto_get(j, name);
	if (j == NULL || j->type == JSON_OBJECT)
		return j;
	return j->type == JSON_ARRAY ? j->child : NULL;
}

/* Only members of an object have keys: a lone message is followed by none. */
const struct json *
proto_next(const struct json *item)
{
	return item->key.len > 0 ? NULL : item->next;
}
