/*
 * routes.c - kontor route: where a call would go, and where calls went
 */
#include <stdio.h>

#include "base/json.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/table.h"

static int
show(const struct where *w, struct buf *path, bool json,
    void (*write)(struct buf *out, const struct json *j))
{
	struct asked a = { 0 };
	struct buf out = { 0 };
	int status = 1;

	if (ask_good(w, "GET", buf_cstr(path), S(""), &a)) {
		if (json)
			buf_add(&out, buf_slice(&a.text));
		else
			write(&out, a.json);
		status = fwrite(out.p, 1, out.len, stdout) == out.len ? 0 : 1;
	}
	buf_fini(&out);
	asked_fini(&a);
	return status;
}

static void
add_line(struct buf *out, const char *key, const struct json *j)
{
	const struct json *v = json_get(j, key);

	if (v != NULL && v->type != JSON_NULL)
		buf_fmt(out, "%-14s %.*s\n", key, S_FMT(v->text));
}

static void
add_table(struct buf *out, const struct json *j, const char *key,
    const struct column *column, size_t n)
{
	const struct json *rows = json_get(j, key);

	if (rows == NULL || rows->n == 0)
		return;
	buf_fmt(out, "\n%s\n", key);
	table_write(out, rows, column, n);
}

/* --- test ------------------------------------------------------------ */

static void
write_test(struct buf *out, const struct json *j)
{
	static const char *const lines[] = { "model", "asked", "strategy",
		"class", "status", "fault", "rule", "first" };
	static const struct column columns[] = {
		{ "deployment", "DEPLOYMENT", COL_TEXT },
		{ "provider", "PROVIDER", COL_TEXT },
		{ "zone", "ZONE", COL_TEXT },
		{ "capacity", "CAPACITY", COL_TEXT },
		{ "headroom_tokens", "HEADROOM", COL_NUMBER },
		{ "breaker", "BREAKER", COL_TEXT },
		{ "kept", "KEPT", COL_TEXT },
		{ "why", "WHY", COL_TEXT },
	};
	size_t i;

	for (i = 0; i < NELEM(lines); i++)
		add_line(out, lines[i], j);
	add_table(out, j, "candidates", columns, NELEM(columns));
}

static void
add_query(struct buf *path, const char *name, const char *value)
{
	if (value != NULL)
		ask_query(path, name, slice_of(value));
}

int
command_route_test(int argc, char **argv)
{
	const char *model = NULL, *as = NULL, *class = NULL, *session = NULL,
		   *priority = NULL, *input = NULL, *tags = NULL;
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "model", .value = &model },
		{ .name = "as", .value = &as },
		{ .name = "data-class", .value = &class },
		{ .name = "session", .value = &session },
		{ .name = "priority", .value = &priority },
		{ .name = "tags", .value = &tags },
		{ .name = "input-tokens", .value = &input },
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 };
	unsigned none = 0;
	int status;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (model == NULL) {
		fprintf(stderr, "kontor: --model is missing\n");
		return 2;
	}
	buf_str(&path, "/api/v1/route/test");
	add_query(&path, "model", model);
	add_query(&path, "key", as);
	add_query(&path, "data_class", class);
	add_query(&path, "session", session);
	add_query(&path, "priority", priority);
	add_query(&path, "tags", tags);
	add_query(&path, "input_tokens", input);
	status = show(&w, &path, json, write_test);
	buf_fini(&path);
	return status;
}

/* --- report ---------------------------------------------------------- */

static void
write_report(struct buf *out, const struct json *j)
{
	static const struct column shares[] = {
		{ "name", "NAME", COL_TEXT },
		{ "share", "SHARE", COL_NUMBER },
		{ "cost", "COST", COL_NUMBER },
		{ "calls", "CALLS", COL_NUMBER },
		{ "tokens", "TOKENS", COL_NUMBER },
	};
	static const struct column deployments[] = {
		{ "deployment", "DEPLOYMENT", COL_TEXT },
		{ "provider", "PROVIDER", COL_TEXT },
		{ "zone", "ZONE", COL_TEXT },
		{ "share", "SHARE", COL_NUMBER },
		{ "availability", "AVAILABLE", COL_NUMBER },
		{ "attempts", "ATTEMPTS", COL_NUMBER },
		{ "first_p50_ms", "FIRST_P50", COL_NUMBER },
		{ "first_p95_ms", "FIRST_P95", COL_NUMBER },
		{ "utilisation", "UTILISED", COL_NUMBER },
		{ "used", "USED", COL_NUMBER },
		{ "idle", "IDLE", COL_NUMBER },
	};
	static const struct column models[] = {
		{ "model", "MODEL", COL_TEXT },
		{ "publisher", "PUBLISHER", COL_TEXT },
		{ "share", "SHARE", COL_NUMBER },
		{ "providers", "PROVIDERS", COL_TEXT },
		{ "within_every_rule", "WITHIN_EVERY_RULE", COL_TEXT },
		{ "fallback", "FALLBACK", COL_TEXT },
		{ "movable", "MOVABLE", COL_TEXT },
	};
	static const struct column workloads[] = {
		{ "team", "TEAM", COL_TEXT },
		{ "project", "PROJECT", COL_TEXT },
		{ "model", "MODEL", COL_TEXT },
		{ "share", "SHARE", COL_NUMBER },
		{ "providers", "PROVIDERS", COL_TEXT },
		{ "could_move_to", "COULD_MOVE_TO", COL_TEXT },
		{ "rules", "RULES", COL_TEXT },
	};
	static const char *const lines[] = { "shares_by", "cost", "tokens",
		"hhi", "hhi_publishers", "movable_share" };
	size_t i;

	for (i = 0; i < NELEM(lines); i++)
		add_line(out, lines[i], j);
	add_table(out, j, "providers", shares, NELEM(shares));
	add_table(out, j, "publishers", shares, NELEM(shares));
	add_table(out, j, "accelerators", shares, NELEM(shares));
	add_table(out, j, "deployments", deployments, NELEM(deployments));
	add_table(out, j, "portability", models, NELEM(models));
	add_table(out, j, "workloads", workloads, NELEM(workloads));
}

int
command_route_report(int argc, char **argv)
{
	const char *from = NULL, *to = NULL;
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "from", .value = &from },
		{ .name = "to", .value = &to },
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 };
	unsigned none = 0;
	int status = 2;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	buf_str(&path, "/api/v1/route/report");
	if (ask_time(&path, "from", from) && ask_time(&path, "to", to))
		status = show(&w, &path, json, write_report);
	buf_fini(&path);
	return status;
}
