#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/endpoint.h"

static const struct {
	const char *method, *path, *segment;
	bool found, known;
} rows[] = {
	{ "POST", "/v1/chat/completions", "", true, true },
	{ "GET", "/v1/chat/completions", "", false, true },
	{ "POST", "/openai/deployments/my-dep/chat/completions", "my-dep", true,
	    true },
	{ "POST", "/openai/deployments//chat/completions", "", false, false },
	{ "POST", "/openai/deployments/a/b/chat/completions", "", false,
	    false },
	{ "GET", "/v1/models/gpt-6", "gpt-6", true, true },
	{ "HEAD", "/v1/models", "", true, true },
	{ "GET", "/v1/models/", "", false, false },
	{ "GET", "/v1/chat/completions/x", "", false, false },
	{ "POST", "/v2/chat/completions", "", false, false },
	{ "GET", "", "", false, false },
};

static void
paths_find_their_row(void **state)
{
	struct slice segment;
	bool known;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		const struct endpoint *e =
		    endpoint_find(slice_of(rows[i].method),
			slice_of(rows[i].path), &segment, &known);

		if ((e != NULL) != rows[i].found || known != rows[i].known)
			fail_msg("%s %s", rows[i].method, rows[i].path);
		if (e != NULL)
			assert_true(
			    slice_eq(segment, slice_of(rows[i].segment)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_find_their_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
