/*
 * control.c - what stands under /sim: statistics, attempts, faults, reset
 */
#include "sim/desk.h"

#include "base/json.h"

enum { LIMIT = 1000, LIMIT_MAX = 100000 };

static struct plan *
problem(int status, const char *text)
{
	struct plan *p = plan_plain(status);

	json_w_begin(&p->body, '{');
	json_w_kstr(&p->body, "error", slice_of(text));
	json_w_end(&p->body, '}');
	return p;
}

static struct plan *
stats(struct visit *v)
{
	struct plan *p = plan_plain(200);

	books_stats(v->desk->books, &p->body);
	return p;
}

static uint64_t
query_number(const struct visit *v, struct slice name, uint64_t or_else)
{
	uint64_t n;

	if (slice_u64(http_query_get(http_query(v->head), name), &n))
		return n;
	return or_else;
}

static struct plan *
attempts(struct visit *v)
{
	struct plan *p = plan_plain(200);
	uint64_t limit = query_number(v, S("limit"), LIMIT);

	books_attempts(v->desk->books, query_number(v, S("from"), 0),
	    limit < LIMIT_MAX ? limit : LIMIT_MAX, &p->body);
	return p;
}

static struct plan *
faults(struct visit *v)
{
	struct plan *p = plan_plain(200);

	rules_write(&v->desk->rules, &p->body);
	return p;
}

static struct plan *
add_fault(struct visit *v)
{
	const char *bad = rules_add(
	    &v->desk->rules, v->desk->setup, v->body, loop_now(v->loop));

	return bad != NULL ? problem(400, bad) : faults(v);
}

static struct plan *
clear_faults(struct visit *v)
{
	struct slice name =
	    http_query_get(http_query(v->head), S("credential"));
	const struct credential *only = NULL;

	if (name.len > 0) {
		only = setup_credential(v->desk->setup, name);
		if (only == NULL)
			return problem(404, "no such credential");
	}
	rules_clear(&v->desk->rules, only);
	return faults(v);
}

static struct plan *
reset(struct visit *v)
{
	books_reset(v->desk->books);
	scripts_fini(&v->desk->scripts);
	rules_clear(&v->desk->rules, NULL);
	return stats(v);
}

static struct plan *
add_script(struct visit *v)
{
	const char *bad = scripts_add(&v->desk->scripts, v->body);

	return bad != NULL ? problem(400, bad) : stats(v);
}

struct plan *
desk_control(struct visit *v)
{
	static const struct {
		const char *method, *path;
		struct plan *(*run)(struct visit *);
	} row[] = {
		{ "GET", "/sim/stats", stats },
		{ "GET", "/sim/attempts", attempts },
		{ "GET", "/sim/faults", faults },
		{ "POST", "/sim/faults", add_fault },
		{ "DELETE", "/sim/faults", clear_faults },
		{ "POST", "/sim/reset", reset },
		{ "POST", "/sim/script", add_script },
		{ "GET", "/sim/sign-in", desk_sign_in_control },
		{ "POST", "/sim/sign-in", desk_sign_in_control },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++)
		if (slice_eq(v->path, slice_of(row[i].path)) &&
		    slice_eq(v->head->method, slice_of(row[i].method)))
			return row[i].run(v);
	return problem(404, "no such path");
}
