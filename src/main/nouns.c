/*
 * nouns.c - kontor org, team, project, user, service, tag, budget, limit
 *
 * The instance judges what is said; here it is only put into words.
 */
#include <stdio.h>

#include "base/json.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/table.h"

static int
print(struct slice s)
{
	return fwrite(s.p, 1, s.len, stdout) == s.len ? 0 : 1;
}

/* Lists: as JSON, or as a table of the member's rows. */
static int
show(const struct where *w, struct buf *path, bool json, const char *member,
    const struct column *column, size_t n)
{
	struct buf out = { 0 };
	struct asked a = { 0 };
	int status = 1;

	if (ask_good(w, "GET", buf_cstr(path), S(""), &a)) {
		if (json || json_get(a.json, member) == NULL)
			buf_add(&out, buf_slice(&a.text));
		else
			table_write(&out, json_get(a.json, member), column, n);
		status = print(buf_slice(&out));
	}
	asked_fini(&a);
	buf_fini(&out);
	buf_fini(path);
	return status;
}

/* What was done, in a line. */
static int
told(const struct asked *a, const char *what, bool json)
{
	const struct slice did = json_get_str(a->json, "did");
	const struct slice note = json_get_str(a->json, "note");

	if (json)
		return print(buf_slice(&a->text));
	printf("%s %.*s %.*s\n", what, S_FMT(json_get_str(a->json, "id")),
	    S_FMT(did.len > 0 ? did : S("created")));
	if (note.len > 0)
		fprintf(stderr, "%s %.*s was replaced: %.*s\n", what,
		    S_FMT(json_get_str(a->json, "replaced")), S_FMT(note));
	return 0;
}

static int
wish(const struct where *w, const char *method, const char *path,
    struct buf *body, const char *what, bool json)
{
	struct asked a = { 0 };
	int status = 1;

	if (ask_good(w, method, path, buf_slice(body), &a))
		status = told(&a, what, json);
	asked_fini(&a);
	buf_fini(body);
	return status;
}

static void
say(struct buf *b, const char *key, const char *value)
{
	if (value != NULL)
		json_w_kstr(b, key, slice_of(value));
}

static int
close_one(int argc, char **argv, const char *what, const char *list)
{
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 }, body = { 0 };
	const char *id;
	unsigned n = 1;
	uint64_t number;
	int status;

	if (!args_take(argc, argv, arg, NELEM(arg), &id, &n) || n != 1)
		return 2;
	if (!slice_u64(slice_of(id), &number)) {
		fprintf(stderr, "kontor: %s %s is no id: see kontor %s list\n",
		    what, id, what);
		return 2;
	}
	buf_fmt(&path, "/api/v1/%s/%s", list, id);
	status = wish(&w, "DELETE", buf_cstr(&path), &body, what, json);
	buf_fini(&path);
	return status;
}

/* --- subjects ------------------------------------------------------------- */

static int
create(int argc, char **argv, const char *kind)
{
	struct where w = { 0 };
	const char *org = NULL, *team = NULL, *name;
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "org", .value = &org },
		{ .name = "team", .value = &team },
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 }, body = { 0 };
	unsigned n = 1;
	int status;

	if (!args_take(argc, argv, arg, NELEM(arg), &name, &n) || n != 1)
		return 2;
	json_w_begin(&body, '{');
	say(&body, "name", name);
	say(&body, "org", org);
	say(&body, "team", team);
	json_w_end(&body, '}');
	buf_fmt(&path, "/api/v1/%ss", kind);
	status = wish(&w, "POST", buf_cstr(&path), &body, kind, json);
	buf_fini(&path);
	return status;
}

static int
list(int argc, char **argv, const char *kind)
{
	static const struct column columns[] = { { "id", "ID", COL_NUMBER },
		{ "name", "NAME", COL_TEXT }, { "org", "ORG", COL_TEXT },
		{ "team", "TEAM", COL_TEXT },
		{ "created", "CREATED", COL_TIME } };
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 }, member = { 0 };
	unsigned none = 0;
	int status;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	buf_fmt(&path, "/api/v1/%ss", kind);
	buf_fmt(&member, "%ss", kind);
	status =
	    show(&w, &path, json, buf_cstr(&member), columns, NELEM(columns));
	buf_fini(&member);
	return status;
}

#define NOUN(kind) \
	int command_##kind##_create(int argc, char **argv) \
	{ \
		return create(argc, argv, #kind); \
	} \
	int command_##kind##_list(int argc, char **argv) \
	{ \
		return list(argc, argv, #kind); \
	}

NOUN(org)
NOUN(team)
NOUN(project)
NOUN(user)
NOUN(service)
NOUN(tag)

/* --- budgets -------------------------------------------------------------- */

int
command_budget_set(int argc, char **argv)
{
	struct where w = { 0 };
	const char *zone = NULL, *mode = NULL, *to = NULL, *tight = NULL,
		   *wait = NULL, *word[2];
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "zone", .value = &zone },
		{ .name = "mode", .value = &mode },
		{ .name = "downgrade-to", .value = &to },
		{ .name = "tight", .value = &tight },
		{ .name = "admit-wait", .value = &wait },
		{ .name = "json", .flag = &json } };
	struct buf body = { 0 };
	unsigned n = 2;

	if (!args_take(argc, argv, arg, NELEM(arg), word, &n) || n != 2)
		return 2;
	json_w_begin(&body, '{');
	say(&body, "scope", word[0]);
	say(&body, "budget", word[1]);
	say(&body, "zone", zone);
	say(&body, "mode", mode);
	say(&body, "downgrade_to", to);
	say(&body, "tight", tight);
	say(&body, "admit_wait", wait);
	json_w_end(&body, '}');
	return wish(&w, "POST", "/api/v1/budgets", &body, "budget", json);
}

/* "?scope=...&all=true" */
static void
add_choice(struct buf *path, const char *scope, bool all)
{
	if (scope != NULL)
		ask_query(path, "scope", slice_of(scope));
	if (all)
		ask_query(path, "all", S("true"));
}

int
command_budget_list(int argc, char **argv)
{
	static const struct column columns[] = { { "id", "ID", COL_NUMBER },
		{ "scope", "SCOPE", COL_TEXT }, { "name", "NAME", COL_TEXT },
		{ "limit", "LIMIT", COL_NUMBER },
		{ "period", "PERIOD", COL_TEXT }, { "zone", "ZONE", COL_TEXT },
		{ "mode", "MODE", COL_TEXT },
		{ "downgrade_to", "DOWNGRADE TO", COL_TEXT },
		{ "spent", "SPENT", COL_NUMBER },
		{ "pending", "PENDING", COL_NUMBER },
		{ "available", "AVAILABLE", COL_NUMBER },
		{ "alerts", "PASSED %", COL_TEXT },
		{ "resets", "RESETS", COL_TIME },
		{ "closed", "CLOSED", COL_TEXT } };
	struct where w = { 0 };
	const char *scope = NULL;
	bool json = false, all = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "scope", .value = &scope },
		{ .name = "all", .flag = &all },
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 };
	unsigned none = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	buf_str(&path, "/api/v1/budgets");
	add_choice(&path, scope, all);
	return show(&w, &path, json, "budgets", columns,
	    NELEM(columns) - (all ? 0 : 1));
}

int
command_budget_alerts(int argc, char **argv)
{
	static const struct column columns[] = { { "at", "AT", COL_TIME },
		{ "budget", "BUDGET", COL_NUMBER },
		{ "scope", "SCOPE", COL_TEXT }, { "name", "NAME", COL_TEXT },
		{ "threshold", "PASSED %", COL_NUMBER },
		{ "spent", "SPENT", COL_NUMBER },
		{ "limit", "LIMIT", COL_NUMBER } };
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 };
	unsigned none = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	buf_str(&path, "/api/v1/alerts");
	return show(&w, &path, json, "alerts", columns, NELEM(columns));
}

int
command_incidents(int argc, char **argv)
{
	static const struct column columns[] = { { "at", "AT", COL_TIME },
		{ "id", "ID", COL_TEXT }, { "name", "NAME", COL_TEXT },
		{ "key", "KEY", COL_TEXT },
		{ "refused_until", "REFUSED UNTIL", COL_TIME },
		{ "text", "TEXT", COL_TEXT } };
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 };
	unsigned none = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	buf_str(&path, "/api/v1/incidents");
	return show(&w, &path, json, "incidents", columns, NELEM(columns));
}

int
command_budget_close(int argc, char **argv)
{
	return close_one(argc, argv, "budget", "budgets");
}

/* --- limits --------------------------------------------------------------- */

int
command_limit_set(int argc, char **argv)
{
	struct where w = { 0 };
	const char *burst = NULL, *word[2];
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "burst", .value = &burst },
		{ .name = "json", .flag = &json } };
	struct buf body = { 0 };
	unsigned n = 2;
	uint64_t units;

	if (!args_take(argc, argv, arg, NELEM(arg), word, &n) || n != 2)
		return 2;
	json_w_begin(&body, '{');
	say(&body, "scope", word[0]);
	say(&body, "limit", word[1]);
	if (burst != NULL) {
		if (!slice_u64(slice_of(burst), &units)) {
			fprintf(stderr, "kontor: --burst takes a number\n");
			buf_fini(&body);
			return 2;
		}
		json_w_ku64(&body, "burst", units);
	}
	json_w_end(&body, '}');
	return wish(&w, "POST", "/api/v1/limits", &body, "limit", json);
}

int
command_limit_list(int argc, char **argv)
{
	static const struct column columns[] = { { "id", "ID", COL_NUMBER },
		{ "scope", "SCOPE", COL_TEXT }, { "name", "NAME", COL_TEXT },
		{ "limit", "LIMIT", COL_TEXT },
		{ "burst_in_force", "BURST", COL_NUMBER },
		{ "left", "LEFT", COL_NUMBER },
		{ "reset_ms", "FULL IN MS", COL_NUMBER },
		{ "closed", "CLOSED", COL_TEXT } };
	struct where w = { 0 };
	const char *scope = NULL;
	bool json = false, all = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "scope", .value = &scope },
		{ .name = "all", .flag = &all },
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 };
	unsigned none = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	buf_str(&path, "/api/v1/limits");
	add_choice(&path, scope, all);
	return show(
	    &w, &path, json, "limits", columns, NELEM(columns) - (all ? 0 : 1));
}

int
command_limit_close(int argc, char **argv)
{
	return close_one(argc, argv, "limit", "limits");
}
