/*
 * reports.c - kontor usage, explain, ledger: what the books say
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "books/hledger.h"
#include "books/verify.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/table.h"
#include "main/value.h"

static int
wrong_value(const char *option, const char *value)
{
	fprintf(stderr, "kontor: %s does not take \"%s\"\n", option, value);
	return 2;
}

static int
print_text(struct slice s)
{
	return fwrite(s.p, 1, s.len, stdout) == s.len ? 0 : 1;
}

/* --- usage ----------------------------------------------------------- */

/* "table|csv|json" */
static bool
format_known(const char *format, const char *formats)
{
	struct slice head, tail = slice_of(formats);

	while (slice_cut(tail, '|', &head, &tail)) {
		if (slice_eq(head, slice_of(format)))
			return true;
	}
	return slice_eq(tail, slice_of(format));
}

static int
show_usage(const struct where *w, struct buf *path)
{
	struct asked a = { 0 };
	int status = 1;

	if (ask_good(w, "GET", buf_cstr(path), S(""), &a))
		status = print_text(buf_slice(&a.text));
	asked_fini(&a);
	return status;
}

struct usage_args {
	struct where w;
	const char *from, *to, *by, *month, *granularity, *format;
	bool json;
};

static int
ask_usage(const struct usage_args *u, const char *where, const char *formats)
{
	struct buf path = { 0 };
	int status;

	if (!format_known(u->format, formats))
		return wrong_value("--format", u->format);
	buf_str(&path, where);
	ask_query(&path, "format", slice_of(u->format));
	if (u->by != NULL)
		ask_query(&path, "by", slice_of(u->by));
	if (u->month != NULL)
		ask_query(&path, "month", slice_of(u->month));
	if (u->granularity != NULL)
		ask_query(&path, "granularity", slice_of(u->granularity));
	if (!ask_time(&path, "from", u->from) || !ask_time(&path, "to", u->to))
		status = 2;
	else
		status = show_usage(&u->w, &path);
	buf_fini(&path);
	return status;
}

int
command_usage(int argc, char **argv)
{
	struct usage_args u = { .format = "table" };
	const struct arg arg[] = { WHERE_ARGS(&u.w),
		{ .name = "from", .value = &u.from },
		{ .name = "to", .value = &u.to },
		{ .name = "by", .value = &u.by },
		{ .name = "granularity", .value = &u.granularity },
		{ .name = "format", .value = &u.format },
		{ .name = "json", .flag = &u.json } };
	unsigned none = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (u.json)
		u.format =
		    strcmp(u.format, "focus") == 0 ? "focus-json" : "json";
	return ask_usage(
	    &u, "/api/v1/usage", "table|csv|json|focus|focus-json");
}

int
command_chargeback(int argc, char **argv)
{
	struct usage_args u = { .format = "table" };
	const struct arg arg[] = { WHERE_ARGS(&u.w),
		{ .name = "from", .value = &u.from },
		{ .name = "to", .value = &u.to },
		{ .name = "month", .value = &u.month },
		{ .name = "format", .value = &u.format },
		{ .name = "json", .flag = &u.json } };
	unsigned none = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (u.json)
		u.format = "json";
	return ask_usage(&u, "/api/v1/chargeback", "table|csv|json");
}

/* --- explain --------------------------------------------------------- */

static void
add_line(struct buf *out, const char *title, const struct json *v)
{
	if (v != NULL && v->type != JSON_NULL && v->text.len > 0)
		buf_fmt(out, "%-10s %.*s\n", title, S_FMT(v->text));
}

static void
add_table(struct buf *out, const char *title, const struct json *rows,
    const struct column *column, size_t n)
{
	if (rows == NULL || rows->n == 0)
		return;
	buf_fmt(out, "\n%s\n", title);
	table_write(out, rows, column, n);
}

/* What each counted attempt was made of. */
static void
add_costs(struct buf *out, const struct json *attempts)
{
	static const struct column lines[] = {
		{ "lane", "LANE", COL_TEXT },
		{ "tokens", "TOKENS", COL_NUMBER },
		{ "rate", "PER MILLION", COL_NUMBER },
		{ "cost", "COST", COL_NUMBER },
	};
	const struct json *a = attempts != NULL ? attempts->child : NULL, *p;

	for (; a != NULL; a = a->next) {
		if (json_get_bool(a, "price_unknown", false))
			buf_fmt(out, "\nattempt %.*s: the price is unknown\n",
			    S_FMT(json_get(a, "attempt")->text));
		p = json_get(a, "price");
		if (json_get(a, "lines") == NULL || p == NULL)
			continue;
		buf_fmt(out, "\nattempt %.*s by price %.*s, %.*s\n",
		    S_FMT(json_get(a, "attempt")->text),
		    S_FMT(json_get_str(p, "id")),
		    S_FMT(json_get_str(p, "tier")));
		table_write(out, json_get(a, "lines"), lines, NELEM(lines));
	}
}

static void
add_corrections(struct buf *out, const struct json *attempts)
{
	static const struct column column[] = {
		{ "number", "NUMBER", COL_NUMBER },
		{ "time", "TIME", COL_TEXT },
		{ "reason", "REASON", COL_TEXT },
		{ "resolution", "RESOLUTION", COL_TEXT },
		{ "difference", "DIFFERENCE", COL_NUMBER },
	};
	const struct json *a, *list;
	struct buf title = { 0 };

	for (a = attempts != NULL ? attempts->child : NULL; a != NULL;
	     a = a->next) {
		const struct json *n = json_get(a, "attempt");

		list = json_get(a, "corrections");
		buf_clear(&title);
		if (n != NULL)
			buf_fmt(&title, "corrections of attempt %.*s",
			    S_FMT(n->text));
		add_table(out, buf_cstr(&title), list, column, NELEM(column));
	}
	buf_fini(&title);
}

static void
write_explanation(struct buf *out, const struct json *j)
{
	static const struct column candidates[] = {
		{ "deployment", "DEPLOYMENT", COL_TEXT },
		{ "kept", "KEPT", COL_TEXT },
		{ "why", "WHY", COL_TEXT },
	};
	static const struct column attempts[] = {
		{ "deployment", "DEPLOYMENT", COL_TEXT },
		{ "provider", "PROVIDER", COL_TEXT },
		{ "agreement", "AGREEMENT", COL_TEXT },
		{ "hold", "HOLD", COL_NUMBER },
		{ "list_cost", "LIST", COL_NUMBER },
		{ "settled", "SETTLED", COL_NUMBER },
		{ "resolution", "RESOLUTION", COL_TEXT },
		{ "status", "STATUS", COL_NUMBER },
		{ "fault", "FAULT", COL_TEXT },
		{ "owner", "OWNER", COL_TEXT },
		{ "first_us", "FIRST_US", COL_NUMBER },
		{ "end_us", "END_US", COL_NUMBER },
	};
	static const char *const lines[] = { "id", "time", "key", "model",
		"status", "fault", "strategy", "class", "rule", "hold",
		"settled" };
	size_t i;

	for (i = 0; i < NELEM(lines); i++)
		add_line(out, lines[i], json_get(j, lines[i]));
	add_table(out, "candidates", json_get(j, "candidates"), candidates,
	    NELEM(candidates));
	add_table(out, "attempts", json_get(j, "attempts"), attempts,
	    NELEM(attempts));
	add_corrections(out, json_get(j, "attempts"));
	add_costs(out, json_get(j, "attempts"));
}

static bool
id_formed(const char *id)
{
	size_t i;

	for (i = 0; id[i] != '\0'; i++) {
		if (!((id[i] >= 'a' && id[i] <= 'z') ||
			(id[i] >= '0' && id[i] <= '9') || id[i] == '_'))
			return false;
	}
	return i > 0 && i < 64;
}

int
command_explain(int argc, char **argv)
{
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 }, out = { 0 };
	struct asked a = { 0 };
	const char *id;
	unsigned n = 1;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), &id, &n) || n != 1)
		return 2;
	if (!id_formed(id))
		return wrong_value("explain", id);
	buf_fmt(&path, "/api/v1/requests/%s", id);
	if (ask_good(&w, "GET", buf_cstr(&path), S(""), &a)) {
		if (!json)
			write_explanation(&out, a.json);
		status =
		    print_text(json ? buf_slice(&a.text) : buf_slice(&out));
	}
	buf_fini(&path);
	buf_fini(&out);
	asked_fini(&a);
	return status;
}

/* --- ledger ---------------------------------------------------------- */

static int
no_log(enum fault f, const char *dir)
{
	fprintf(stderr, "kontor: %s: %s\n", dir,
	    f == FAULT_NOT_FOUND ? "there is no log here" : fault_get(f)->text);
	return 1;
}

int
command_ledger_verify(int argc, char **argv)
{
	struct where w = { 0 };
	bool json = false, good = false;
	const struct arg arg[] = { { .name = "c", .value = &w.config },
		{ .name = "dir", .value = &w.dir },
		{ .name = "json", .flag = &json } };
	struct buf dir = { 0 }, out = { 0 };
	unsigned none = 0;
	enum fault f;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (where_dir(&w, &dir)) {
		f = ledger_verify(buf_cstr(&dir), json, &out, &good);
		if (f != FAULT_NONE)
			status = no_log(f, dir.p);
		else if (print_text(buf_slice(&out)) == 0 && good)
			status = 0;
	}
	buf_fini(&dir);
	buf_fini(&out);
	return status;
}

static bool
on_line(void *arg, struct slice line)
{
	(void)arg;
	return print_text(line) == 0 && fputc('\n', stdout) != EOF;
}

int
command_ledger_export(int argc, char **argv)
{
	struct where w = { 0 };
	const char *format = "json";
	const struct arg arg[] = { { .name = "c", .value = &w.config },
		{ .name = "dir", .value = &w.dir },
		{ .name = "format", .value = &format } };
	struct buf dir = { 0 };
	unsigned none = 0;
	enum fault f;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (!format_known(format, "json|hledger"))
		return wrong_value("--format", format);
	if (where_dir(&w, &dir)) {
		f = strcmp(format, "json") == 0
			? ledger_export(buf_cstr(&dir), on_line, NULL)
			: hledger_export(buf_cstr(&dir), on_line, NULL);
		status = f == FAULT_NONE ? 0 : no_log(f, dir.p);
	}
	buf_fini(&dir);
	return status;
}
