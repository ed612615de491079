#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"
#include "provider/provider.h"

struct sent {
	struct slice target, key, auth;
};

static struct sent
dress(struct arena *a, const struct provider_conf *c, const char *name,
    bool stream, struct slice bearer)
{
	static struct http_head head;
	static const struct model_conf google = { .publisher = "google" };
	const struct deployment_conf d = {
		.id = "d", .name = name, .provider = c, .model = &google
	};
	struct parcel p = { .deployment = &d,
		.arena = a,
		.stream = stream,
		.bearer = bearer,
		.head = &head };

	head = (struct http_head){ 0 };
	assert_int_equal(provider_get(c->type)->dress(&p), FAULT_NONE);
	return (struct sent){ head.target,
		http_value(&head, S("x-goog-api-key")),
		http_value(&head, S("authorization")) };
}

static void
the_gemini_api_takes_a_key_and_the_model_in_the_path(void **state)
{
	const struct provider_conf c = {
		.type = PROVIDER_GEMINI, .base_path = "", .api_key = "k"
	};
	struct arena a = { 0 };
	struct sent s = dress(&a, &c, "gemini-3.1-pro", false, S(""));

	(void)state;
	assert_true(slice_eq(
	    s.target, S("/v1beta/models/gemini-3.1-pro:generateContent")));
	assert_true(slice_eq(s.key, S("k")));
	s = dress(&a, &c, "gemini-3.1-pro", true, S("Bearer t"));
	assert_true(slice_eq(s.target,
	    S("/v1beta/models/gemini-3.1-pro:streamGenerateContent?alt=sse")));
	assert_true(slice_eq(s.auth, S("Bearer t")));
	assert_int_equal(s.key.len, 0);
	arena_fini(&a);
}

static void
vertex_names_its_models_below_a_project(void **state)
{
	const struct provider_conf c = { .type = PROVIDER_VERTEX,
		.base_path = "",
		.project = "p",
		.region = "us-central1",
		.api_key = "t" };
	const struct provider_conf express = { .type = PROVIDER_VERTEX,
		.base_path = "",
		.region = "",
		.api_key = "k" };
	struct arena a = { 0 };
	struct sent s = dress(&a, &c, "gemini-2.5-flash", false, S(""));

	(void)state;
	assert_true(slice_eq(s.target,
	    S("/v1/projects/p/locations/us-central1/publishers/google/models/"
	      "gemini-2.5-flash:generateContent")));
	assert_true(slice_eq(s.auth, S("Bearer t")));
	s = dress(&a, &c, "projects/9/locations/eu/endpoints/7", false, S(""));
	assert_true(slice_eq(s.target,
	    S("/v1/projects/9/locations/eu/endpoints/7:generateContent")));
	s = dress(&a, &c, "publishers/x/models/y", false, S(""));
	assert_true(slice_eq(s.target,
	    S("/v1/projects/p/locations/us-central1/publishers/x/models/y:"
	      "generateContent")));
	s = dress(&a, &express, "gemini-2.5-flash", false, S(""));
	assert_true(slice_eq(
	    s.target, S("/v1/publishers/google/models/gemini-2.5-flash:"
			"generateContent")));
	assert_true(slice_eq(s.key, S("k")));
	arena_fini(&a);
}

static void
claude_on_vertex_has_its_version_in_the_body(void **state)
{
	static const struct model_conf claude = { .publisher = "anthropic" };
	const struct provider_conf c = { .type = PROVIDER_VERTEX,
		.base_path = "",
		.project = "p",
		.region = "eu",
		.api_key = "t" };
	const struct deployment_conf d = { .id = "d",
		.name = "claude-x@20250929",
		.model = &claude,
		.provider = &c };
	struct arena a = { 0 };
	struct http_head head = { 0 };
	struct edits e = { 0 };
	struct parcel p = { .deployment = &d,
		.dialect = &dialect_anthropic,
		.arena = &a,
		.stream = true,
		.head = &head };
	const struct provider *v = provider_get(c.type);

	(void)state;
	assert_ptr_equal(
	    provider_dialect(&d, &dialect_gemini), &dialect_anthropic);
	assert_ptr_equal(
	    provider_dialect(&d, &dialect_anthropic), &dialect_anthropic);
	assert_null(provider_dialect(&d, &dialect_gemini_count));
	assert_int_equal(v->dress(&p), FAULT_NONE);
	assert_true(slice_eq(head.target,
	    S("/v1/projects/p/locations/eu/publishers/anthropic/models/"
	      "claude-x@20250929:streamRawPredict")));
	v->amend(&d, p.dialect, S(""), &e);
	assert_true(e.no_model);
	assert_true(slice_eq(e.version, S("vertex-2023-10-16")));
	head = (struct http_head){ 0 };
	p.dialect = &dialect_anthropic_count;
	assert_int_equal(v->dress(&p), FAULT_NONE);
	assert_true(slice_eq(head.target,
	    S("/v1/projects/p/locations/eu/publishers/anthropic/models/"
	      "count-tokens:rawPredict")));
	e = (struct edits){ 0 };
	v->amend(&d, p.dialect, S("2026-10-21"), &e);
	assert_false(e.no_model);
	assert_true(slice_eq(e.version, S("2026-10-21")));
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_gemini_api_takes_a_key_and_the_model_in_the_path),
		cmocka_unit_test(vertex_names_its_models_below_a_project),
		cmocka_unit_test(claude_on_vertex_has_its_version_in_the_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
