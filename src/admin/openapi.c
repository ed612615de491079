/*
 * openapi.c - the admin API described as OpenAPI 3.1, from the same table
 * that routes it
 */
#include "admin/api.h"
#include "admin/shape.h"

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

/* --- what a row's text ends with: [query] {body} ------------------------ */

/* Between the two; empty: the text has none. */
static struct slice
names_of(const struct route *r, char open, char close)
{
	const char *at = strchr(r->text, open);
	const char *end = at != NULL ? strchr(at, close) : NULL;

	return end == NULL ? S("")
			   : (struct slice){ at + 1, (size_t)(end - at - 1) };
}

static bool
next_name(struct slice *rest, struct slice *name)
{
	if (rest->len == 0)
		return false;
	if (!slice_cut(*rest, ',', name, rest)) {
		*name = *rest;
		rest->len = 0;
	}
	*name = slice_trim(*name);
	return true;
}

static struct slice
summary_of(const struct route *r)
{
	return slice_trim((struct slice){ r->text, strcspn(r->text, "[{") });
}

static bool
takes_format(const struct route *r)
{
	struct slice rest = names_of(r, '[', ']'), name;

	while (next_name(&rest, &name)) {
		if (slice_eq(name, S("format")))
			return true;
	}
	return false;
}

/* --- what it takes ------------------------------------------------------ */

static const struct {
	const char *name, *schema, *text;
} queries[] = {
#define QUERY(name, schema, text) { name, schema, text },
#include "admin/queries.def"
};

/* "model!" must be there. */
static void
write_query(struct buf *b, struct slice name)
{
	const bool must = name.p[name.len - 1] == '!';
	size_t i;

	name.len -= must;
	for (i = 0; i < NELEM(queries); i++) {
		if (slice_eq(name, slice_of(queries[i].name)))
			break;
	}
	CHECK(i < NELEM(queries));
	json_w_begin(b, '{');
	json_w_kstr(b, "name", name);
	json_w_kstr(b, "in", S("query"));
	json_w_kbool(b, "required", must);
	json_w_kstr(b, "description", slice_of(queries[i].text));
	json_w_key(b, "schema");
	json_w_raw(b, slice_of(queries[i].schema));
	json_w_end(b, '}');
}

static void
write_header(struct buf *b, const char *name, const char *text)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "name", slice_of(name));
	json_w_kstr(b, "in", S("header"));
	json_w_kstr(b, "description", slice_of(text));
	json_w_key(b, "schema");
	json_w_raw(b, S("{\"type\":\"string\"}"));
	json_w_end(b, '}');
}

/* Of a wish, which has a body or closes something. */
static bool
is_wish(const struct route *r)
{
	return r->role == ROLE_ADMIN && strcmp(r->method, "GET") != 0;
}

static void
write_parameters(struct buf *b, const struct route *r)
{
	struct slice rest = names_of(r, '[', ']'), name;
	const bool has_id = strchr(r->path, '{') != NULL;

	if (rest.len == 0 && !has_id && !is_wish(r))
		return;
	json_w_key(b, "parameters");
	json_w_begin(b, '[');
	if (has_id)
		json_w_raw(b, S("{\"name\":\"id\",\"in\":\"path\","
				"\"required\":true,"
				"\"schema\":{\"type\":\"string\"}}"));
	while (next_name(&rest, &name))
		write_query(b, name);
	if (is_wish(r))
		write_header(b, "idempotency-key",
		    "the same again is answered as it was the first time");
	if (strstr(r->text, "If-Match") != NULL)
		write_header(b, "if-match", "the ETag that is to be changed");
	json_w_end(b, ']');
}

static void
write_body(struct buf *b, const struct route *r)
{
	struct slice rest = names_of(r, '{', '}'), name;

	if (rest.len == 0)
		return;
	json_w_key(b, "requestBody");
	json_w_raw(b, S("{\"content\":{\"application/json\":{\"schema\":"
			"{\"type\":\"object\",\"additionalProperties\":"
			"false,\"properties\":{"));
	while (next_name(&rest, &name)) {
		json_w_str(b, name);
		buf_str(b, ":{}");
	}
	buf_str(b, "}}}}}");
}

/* --- what it answers ---------------------------------------------------- */

static void
write_answer(struct buf *b, const struct route *r, const char *status)
{
	json_w_key(b, status);
	buf_str(b, "{\"description\":\"done\",\"content\":{"
		   "\"application/json\":{\"schema\":");
	shape_write_ref(b, r->shape);
	buf_char(b, '}');
	if (takes_format(r))
		buf_str(b, ",\"text/csv\":{\"schema\":{\"type\":\"string\"}},"
			   "\"text/plain\":{\"schema\":{\"type\":"
			   "\"string\"}}");
	buf_str(b, "}}");
}

static void
write_responses(struct buf *b, const struct route *r)
{
	static const char *const errors[] = { "4XX", "5XX" };
	const bool json = r->shape != SHAPE_NONE && r->shape != SHAPE_OTHER;
	size_t i;

	json_w_key(b, "responses");
	json_w_begin(b, '{');
	if (json && (shape_statuses(r->shape) & SHAPE_OK) != 0)
		write_answer(b, r, "200");
	if (json && (shape_statuses(r->shape) & SHAPE_CREATED) != 0)
		write_answer(b, r, "201");
	if (!json) {
		json_w_key(b, "2XX");
		json_w_raw(b, S("{\"description\":\"done\"}"));
	}
	for (i = 0; i < NELEM(errors); i++) {
		json_w_key(b, errors[i]);
		json_w_raw(b,
		    r->shape == SHAPE_OTHER
			? S("{\"description\":\"refused\"}")
			: S("{\"$ref\":\"#/components/responses/Problem\"}"));
	}
	json_w_end(b, '}');
}

/* --- operations --------------------------------------------------------- */

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
	json_w_kstr(b, "summary", summary_of(r));
	write_parameters(b, r);
	write_body(b, r);
	json_w_key(b, "security");
	json_w_raw(b, r->role == ROLE_NONE ? S("[]") : S("[{\"bearer\":[]}]"));
	write_responses(b, r);
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

static void
write_components(struct buf *b)
{
	json_w_key(b, "components");
	json_w_begin(b, '{');
	json_w_key(b, "securitySchemes");
	json_w_raw(
	    b, S("{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}}"));
	json_w_key(b, "responses");
	buf_str(b, "{\"Problem\":{\"description\":\"RFC 9457 problem\","
		   "\"content\":{\"application/problem+json\":{\"schema\":");
	shape_write_ref(b, SHAPE_PROBLEM);
	buf_str(b, "}}}}");
	shape_write_all(b);
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
	write_components(&b);
	write_paths(&b);
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}
