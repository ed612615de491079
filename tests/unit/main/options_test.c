#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "compile.h"
#include "main/options.h"

static void
each_option_stands_under_one_that_is_there(void **state)
{
	char parent[256];
	size_t i, len;

	(void)state;
	for (i = 0; i < options_n; i++) {
		if (options[i].path[0] == '\0')
			continue;
		snprintf(parent, sizeof(parent), "%s", options[i].path);
		len = strlen(parent);
		if (len > 2 && strcmp(parent + len - 2, "[]") == 0)
			parent[len - 2] = '\0';
		else if (strrchr(parent, '.') != NULL)
			*strrchr(parent, '.') = '\0';
		else
			parent[0] = '\0';
		if (option_find(parent) == NULL)
			fail_msg("%s has no parent", options[i].path);
		if (options[i].text[0] == '\0')
			fail_msg("%s has no text", options[i].path);
	}
}

static void
no_option_is_there_twice(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < options_n; i++)
		assert_ptr_equal(option_find(options[i].path), &options[i]);
}

/* A default must pass its own check: it is put into a file. */
static void
each_default_is_allowed(void **state)
{
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < options_n; i++) {
		const struct option *o = &options[i];
		const char *dot = strchr(o->path, '.');
		char *said;

		if (o->or_else[0] == '\0' || strpbrk(o->path, "*[") != NULL)
			continue;
		buf_clear(&b);
		buf_str(&b, HEAD);
		if (dot == NULL)
			buf_fmt(&b, "%s: \"%s\"\n", o->path, o->or_else);
		else if (strchr(dot + 1, '.') == NULL)
			buf_fmt(&b, "%.*s: {%s: \"%s\"}\n",
			    (int)(dot - o->path), o->path, dot + 1, o->or_else);
		else
			continue;
		said = mistakes_of(buf_cstr(&b));
		if (said != NULL)
			fail_msg("%s", said);
	}
	buf_fini(&b);
}

static const struct json *
schema_at(const struct json *schema, const char *const *path)
{
	while (*path != NULL && schema != NULL)
		schema = json_get(schema, *path++);
	return schema;
}

static void
the_schema_is_made_of_the_rows(void **state)
{
	static const char *const type[] = { "properties", "providers",
		"additionalProperties", "properties", "type", "enum", NULL };
	static const char *const weight[] = { "properties", "models",
		"additionalProperties", "properties", "deployments", "items",
		"properties", "weight", "maximum", NULL };
	static const char *const later[] = { "properties", "providers",
		"additionalProperties", "properties", "route", NULL };
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct json *j;

	(void)state;
	options_schema(&b);
	assert_int_equal(json_parse(&a, buf_slice(&b), &j), FAULT_NONE);
	assert_true(slice_eq(json_get_str(j, "$schema"),
	    S("https://json-schema.org/draft/2020-12/schema")));
	assert_int_equal(schema_at(j, type)->n, 8);
	assert_true(slice_eq(schema_at(j, weight)->text, S("10000")));
	assert_null(schema_at(j, later));
	assert_false(json_get_bool(j, "additionalProperties", true));
	arena_fini(&a);
	buf_fini(&b);
}

static void
the_table_of_options_names_them_all(void **state)
{
	struct buf b = { 0 };

	(void)state;
	options_text(&b);
	assert_non_null(strstr(buf_cstr(&b),
	    "| `limits.max_body` | 32MiB | largest request body |"));
	assert_non_null(strstr(b.p, "| `version` | (required) |"));
	assert_null(strstr(b.p, "`providers.*.route`"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_option_stands_under_one_that_is_there),
		cmocka_unit_test(no_option_is_there_twice),
		cmocka_unit_test(each_default_is_allowed),
		cmocka_unit_test(the_schema_is_made_of_the_rows),
		cmocka_unit_test(the_table_of_options_names_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
