/*
 * keys.c - kontor key: create, list, revoke, rotate
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/date.h"
#include "base/json.h"
#include "ledger/window.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/table.h"
#include "main/value.h"
#include "model/money.h"

static void
print_raw(const struct asked *a)
{
	struct slice s = buf_slice(&a->text);

	while (s.len > 0 && s.p[s.len - 1] == '\n')
		s.len--;
	printf("%.*s\n", S_FMT(s));
}

static int
usage_error(const char *what, const char *value)
{
	fprintf(stderr, "kontor: %s \"%s\"\n", what, value);
	return 2;
}

/*
 * "90d" goes as it is, a date as the minutes until then.  False: it is
 * neither, or it is over.
 */
static bool
write_expiry(struct buf *b, const char *text)
{
	int64_t ns, minutes;

	if (value_span(slice_of(text), &ns)) {
		json_w_kstr(b, "expires", slice_of(text));
		return ns > 0;
	}
	if (!date_parse(slice_of(text), &ns))
		return false;
	minutes = (ns - clock_wall_ns()) / (60 * NS_PER_S);
	json_w_key(b, "expires");
	buf_fmt(b, "\"%lldm\"", (long long)minutes);
	return minutes > 0;
}

struct wish {
	const char *org, *team, *project, *user, *service;
	const char *budget, *budget_zone, *budget_mode, *budget_to,
	    *budget_tight, *budget_wait, *expires;
	struct arg_list models, tags, limits;
	bool admin, aws;
};

static void
write_text(struct buf *b, const char *key, const char *value)
{
	if (value != NULL)
		json_w_kstr(b, key, slice_of(value));
}

static void
write_list(struct buf *b, const char *key, const struct arg_list *list)
{
	unsigned i;

	if (list->n == 0)
		return;
	json_w_key(b, key);
	json_w_begin(b, '[');
	for (i = 0; i < list->n; i++)
		json_w_str(b, slice_of(list->value[i]));
	json_w_end(b, ']');
}

static bool
write_wish(struct buf *b, const char *name, const struct wish *w)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "name", slice_of(name));
	write_text(b, "org", w->org);
	write_text(b, "team", w->team);
	write_text(b, "project", w->project);
	write_text(b, "user", w->user);
	write_text(b, "service", w->service);
	write_list(b, "tags", &w->tags);
	write_list(b, "models", &w->models);
	write_text(b, "budget", w->budget);
	write_text(b, "budget_zone", w->budget_zone);
	write_text(b, "budget_mode", w->budget_mode);
	write_text(b, "budget_downgrade_to", w->budget_to);
	write_text(b, "budget_tight", w->budget_tight);
	write_text(b, "budget_admit_wait", w->budget_wait);
	write_list(b, "limits", &w->limits);
	if (w->expires != NULL && !write_expiry(b, w->expires))
		return false;
	if (w->admin)
		json_w_kbool(b, "admin", true);
	if (w->aws)
		json_w_kbool(b, "aws", true);
	json_w_end(b, '}');
	return true;
}

/* "25.00/month" is checked here, so that its author hears of it at once. */
static bool
budget_formed(const char *text)
{
	enum window_unit unit;
	struct money m;

	return window_limit_parse(slice_of(text), &m, &unit);
}

static int
show_key(const struct asked *a, bool json)
{
	if (json_get_str(a->json, "key").len == 0) {
		fprintf(stderr,
		    "kontor: the key %.*s was made, but its secret is lost; "
		    "rotate it\n",
		    S_FMT(json_get_str(a->json, "id")));
		return 1;
	}
	if (json) {
		print_raw(a);
		return 0;
	}
	printf("%.*s\n", S_FMT(json_get_str(a->json, "key")));
	if (json_get_str(a->json, "aws_access_key_id").len > 0)
		printf("aws_access_key_id = %.*s\n"
		       "aws_secret_access_key = %.*s\n",
		    S_FMT(json_get_str(a->json, "aws_access_key_id")),
		    S_FMT(json_get_str(a->json, "aws_secret_access_key")));
	fprintf(stderr, "id %.*s; the key is shown only now\n",
	    S_FMT(json_get_str(a->json, "id")));
	return 0;
}

int
command_key_create(int argc, char **argv)
{
	struct where w = { 0 };
	struct wish wish = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "org", .value = &wish.org },
		{ .name = "team", .value = &wish.team },
		{ .name = "project", .value = &wish.project },
		{ .name = "user", .value = &wish.user },
		{ .name = "service", .value = &wish.service },
		{ .name = "tag", .list = &wish.tags },
		{ .name = "model", .list = &wish.models },
		{ .name = "budget", .value = &wish.budget },
		{ .name = "budget-zone", .value = &wish.budget_zone },
		{ .name = "budget-mode", .value = &wish.budget_mode },
		{ .name = "budget-downgrade-to", .value = &wish.budget_to },
		{ .name = "budget-tight", .value = &wish.budget_tight },
		{ .name = "budget-admit-wait", .value = &wish.budget_wait },
		{ .name = "limit", .list = &wish.limits },
		{ .name = "expires", .value = &wish.expires },
		{ .name = "admin-key", .flag = &wish.admin },
		{ .name = "aws", .flag = &wish.aws },
		{ .name = "json", .flag = &json } };
	struct buf body = { 0 };
	struct asked a = { 0 };
	const char *name;
	unsigned n = 1;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), &name, &n) || n != 1)
		return 2;
	if (wish.budget != NULL && !budget_formed(wish.budget))
		return usage_error(
		    "a budget is AMOUNT/PERIOD, not", wish.budget);
	if (!write_wish(&body, name, &wish))
		status = usage_error(
		    "--expires takes 90d, 12h or a date, not", wish.expires);
	else if (ask_good(&w, "POST", "/api/v1/keys", buf_slice(&body), &a))
		status = show_key(&a, json);
	buf_fini(&body);
	asked_fini(&a);
	return status;
}

static int
show_list(const struct asked *a, bool json)
{
	static const struct column columns[] = { { "id", "ID", COL_TEXT },
		{ "name", "NAME", COL_TEXT }, { "org", "ORG", COL_TEXT },
		{ "team", "TEAM", COL_TEXT },
		{ "project", "PROJECT", COL_TEXT },
		{ "user", "USER", COL_TEXT },
		{ "service", "SERVICE", COL_TEXT },
		{ "tags", "TAGS", COL_TEXT }, { "admin", "ADMIN", COL_TEXT },
		{ "revoked", "REVOKED", COL_TEXT },
		{ "models", "MODELS", COL_TEXT },
		{ "budget", "BUDGET", COL_TEXT },
		{ "expires", "EXPIRES", COL_TIME } };
	const struct json *rows = json_get(a->json, "keys");
	struct buf out = { 0 };

	if (json || rows == NULL) {
		print_raw(a);
		return 0;
	}
	table_write(&out, rows, columns, NELEM(columns));
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	return 0;
}

int
command_key_list(int argc, char **argv)
{
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct asked a = { 0 };
	unsigned none = 0;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (ask_good(&w, "GET", "/api/v1/keys", S(""), &a))
		status = show_list(&a, json);
	asked_fini(&a);
	return status;
}

static void
key_path(struct buf *path, const char *id, const char *more)
{
	buf_str(path, "/api/v1/keys/");
	for (; *id != '\0'; id++) {
		if ((*id >= '0' && *id <= '9') || (*id >= 'A' && *id <= 'Z') ||
		    (*id >= 'a' && *id <= 'z') || *id == '_')
			buf_char(path, *id);
		else
			buf_fmt(path, "%%%02X", (unsigned char)*id);
	}
	buf_str(path, more);
}

int
command_key_revoke(int argc, char **argv)
{
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct asked a = { 0 };
	struct buf path = { 0 };
	const char *id;
	unsigned n = 1;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), &id, &n) || n != 1)
		return 2;
	key_path(&path, id, "");
	if (ask_good(&w, "DELETE", buf_cstr(&path), S(""), &a)) {
		if (json && a.text.len > 0)
			print_raw(&a);
		else if (json)
			printf("{\"id\":\"%s\",\"state\":\"revoked\"}\n", id);
		else
			printf("%s is revoked\n", id);
		status = 0;
	}
	buf_fini(&path);
	asked_fini(&a);
	return status;
}

int
command_key_rotate(int argc, char **argv)
{
	struct where w = { 0 };
	const char *keep = NULL, *id;
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "keep", .value = &keep },
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 }, body = { 0 };
	struct asked a = { 0 };
	int64_t ns;
	unsigned n = 1;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), &id, &n) || n != 1)
		return 2;
	if (keep != NULL && !value_span(slice_of(keep), &ns))
		return usage_error("--keep takes 1h or 7d, not", keep);
	key_path(&path, id, "/rotate");
	json_w_begin(&body, '{');
	if (keep != NULL)
		json_w_kstr(&body, "keep", slice_of(keep));
	json_w_end(&body, '}');
	if (ask_good(&w, "POST", buf_cstr(&path), buf_slice(&body), &a))
		status = show_key(&a, json);
	buf_fini(&path);
	buf_fini(&body);
	asked_fini(&a);
	return status;
}
