/*
 * openapi.c - the admin API described as OpenAPI 3.1, from the same table
 * that routes it
 */
#include "admin/api.h"

/* "/api/v1/keys/{}" as "/api/v1/keys/{id}"; "{*}", of several segments, too */
static void
write_path(struct buf *b, const char *path)
{
	struct buf text = { 0 };

	for (; *path != '\0'; path++) {
		if (*path != '*')
			buf_char(&text, *path);
		if (*path == '{')
			buf_str(&text, "id");
	}
	json_w_key(b, buf_cstr(&text));
	buf_fini(&text);
}

static void
write_parameter(struct buf *b)
{
	json_w_key(b, "parameters");
	json_w_raw(b, S("[{\"name\":\"id\",\"in\":\"path\",\"required\":true,"
			"\"schema\":{\"type\":\"string\"}}]"));
}

/* The fields that the row's text names: "... {scope, budget}". */
static void
write_body(struct buf *b, const char *text)
{
	const char *at = strchr(text, '{');
	struct slice rest, name;

	if (at == NULL)
		return;
	rest = (struct slice){ at + 1, strcspn(at + 1, "}") };
	json_w_key(b, "requestBody");
	json_w_raw(b, S("{\"content\":{\"application/json\":{\"schema\":"
			"{\"type\":\"object\",\"additionalProperties\":"
			"false,\"properties\":{"));
	while (rest.len > 0) {
		if (!slice_cut(rest, ',', &name, &rest)) {
			name = rest;
			rest.len = 0;
		}
		json_w_str(b, slice_trim(name));
		buf_str(b, ":{}");
	}
	buf_str(b, "}}}}}");
}

/* "get-keys-id": unique, for it is the method and the path */
static void
write_operation_id(struct buf *b, const char *method, const char *path)
{
	static const char PREFIX[] = "/api/v1/";
	struct buf text = { 0 };

	if (strncmp(path, PREFIX, sizeof(PREFIX) - 1) == 0)
		path += sizeof(PREFIX) - 2;
	buf_str(&text, method);
	for (; *path != '\0'; path++) {
		if (*path == '{')
			buf_str(&text, "id");
		else if (*path != '}' && *path != '*')
			buf_char(&text, *path == '/' ? '-' : *path);
	}
	json_w_kstr(b, "operationId", buf_slice(&text));
	buf_fini(&text);
}

static void
write_operation(struct buf *b, const struct route *r)
{
	char method[8];
	size_t i;

	for (i = 0; r->method[i] != '\0' && i < sizeof(method) - 1; i++)
		method[i] = (char)(r->method[i] | 0x20);
	method[i] = '\0';
	json_w_key(b, method);
	json_w_begin(b, '{');
	write_operation_id(b, method, r->path);
	json_w_kstr(b, "summary", slice_of(r->text));
	if (strchr(r->path, '{') != NULL)
		write_parameter(b);
	write_body(b, r->text);
	json_w_key(b, "security");
	json_w_raw(b, r->role == ROLE_NONE ? S("[]") : S("[{\"bearer\":[]}]"));
	json_w_key(b, "responses");
	json_w_raw(b, S("{\"2XX\":{\"description\":\"done\"},"
			"\"4XX\":{\"description\":\"RFC 9457 problem\"},"
			"\"5XX\":{\"description\":\"RFC 9457 problem\"}}"));
	json_w_end(b, '}');
}

static bool
first_of_path(size_t at)
{
	size_t i;

	for (i = 0; i < at; i++) {
		if (strcmp(route_at(i)->path, route_at(at)->path) == 0)
			return false;
	}
	return true;
}

static void
write_paths(struct buf *b)
{
	const struct route *r, *o;
	size_t i, k;

	json_w_key(b, "paths");
	json_w_begin(b, '{');
	for (i = 0; (r = route_at(i)) != NULL; i++) {
		if (!first_of_path(i))
			continue;
		write_path(b, r->path);
		json_w_begin(b, '{');
		for (k = i; (o = route_at(k)) != NULL; k++) {
			if (strcmp(o->path, r->path) == 0)
				write_operation(b, o);
		}
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
}

void
openapi_json(struct api *a)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "openapi", S("3.1.0"));
	json_w_key(&b, "info");
	json_w_raw(&b, S("{\"title\":\"kontor admin API\",\"version\":\"1\","
			 "\"license\":{\"name\":\"Apache-2.0\","
			 "\"identifier\":\"Apache-2.0\"}}"));
	json_w_key(&b, "servers");
	json_w_raw(&b, S("[{\"url\":\"/\"}]"));
	json_w_key(&b, "components");
	json_w_raw(&b, S("{\"securitySchemes\":{\"bearer\":{\"type\":\"http\","
			 "\"scheme\":\"bearer\"}}}"));
	write_paths(&b);
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}
