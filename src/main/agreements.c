/*
 * agreements.c - kontor agreement report
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/date.h"
#include "base/json.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"

static struct slice
text_at(const struct json *j, const char *key)
{
	const struct slice s = json_get_str(j, key);

	return s.len > 0 ? s : S("-");
}

/* Of a time its date; midnight says no more. */
static struct slice
date_at(const struct json *j, const char *key)
{
	struct slice s = text_at(j, key);

	if (s.len > 10 && slice_starts((struct slice){ s.p + 10, s.len - 10 },
			      S("T00:00:00")))
		s.len = 10;
	return s;
}

static void
write_terms(struct buf *out, const struct json *a)
{
	const struct json *d = json_get(a, "discount");
	const struct slice percent = json_get_str(d, "percent");
	const struct slice rate = json_get_str(d, "per_million");

	buf_fmt(out, "%.*s: provider %.*s, contract %.*s, %.*s to %.*s\n",
	    S_FMT(text_at(a, "name")), S_FMT(text_at(a, "provider")),
	    S_FMT(text_at(a, "contract")), S_FMT(date_at(a, "from")),
	    S_FMT(date_at(a, "to")));
	if (percent.len > 0)
		buf_fmt(out, "  discount    %.*s %%\n", S_FMT(percent));
	if (rate.len > 0)
		buf_fmt(out, "  discount    %.*s per 1,000,000 tokens\n",
		    S_FMT(rate));
	if (!json_get_bool(a, "configured", true))
		buf_str(out, "  it is no longer in the configuration\n");
}

static void
write_points(struct buf *out, const char *title, const struct json *p)
{
	static const char *const names[] = { "p10", "p50", "p90" };
	size_t i;

	if (p == NULL)
		return;
	buf_fmt(out, "    %-12s", title);
	for (i = 0; i < NELEM(names); i++)
		buf_fmt(
		    out, "  %s %.*s", names[i], S_FMT(date_at(p, names[i])));
	buf_char(out, '\n');
}

static void
write_forecast(struct buf *out, const struct json *c)
{
	const struct json *f = json_get(c, "forecast");
	int64_t days = 0, tests = 0;

	if (f == NULL || f->type != JSON_OBJECT) {
		if (!json_get_bool(c, "ended", false))
			buf_str(out, "  forecast    none: it needs 28 days of "
				     "history and something left\n");
		return;
	}
	(void)json_get_i64(f, "tested_days_ahead", &days);
	(void)json_get_i64(f, "tests", &tests);
	buf_fmt(out,
	    "  forecast    (back-tested: off by %.*s %% on average, %lld "
	    "tests of %lld days)\n",
	    S_FMT(text_at(f, "mape_percent")), (long long)tests,
	    (long long)days);
	write_points(out, "end balance", json_get(f, "end_balance"));
	write_points(out, "shortfall", json_get(f, "shortfall"));
	write_points(out, "used up on", json_get(f, "exhausted"));
}

static void
write_alert(struct buf *out, const struct json *c)
{
	const struct json *a = json_get(c, "alert");
	int64_t days = 0;

	if (a == NULL || a->type != JSON_OBJECT)
		return;
	(void)json_get_i64(a, "days_ahead", &days);
	buf_fmt(out, "  ALERT       %.*s, %.*s: on %.*s, in %lld days\n",
	    S_FMT(text_at(a, "kind")),
	    slice_eq(json_get_str(a, "certainty"), S("likely")) ? 6 : 11,
	    slice_eq(json_get_str(a, "certainty"), S("likely")) ? "likely"
								: "nearly sure",
	    S_FMT(date_at(a, "on")), (long long)days);
}

static void
write_commitment(struct buf *out, const struct json *c)
{
	const bool ended = json_get_bool(c, "ended", false);

	if (c == NULL || c->type != JSON_OBJECT)
		return;
	buf_fmt(out, "  commitment  %.*s, %.*s to %.*s\n",
	    S_FMT(text_at(c, "amount")), S_FMT(date_at(c, "from")),
	    S_FMT(date_at(c, "to")));
	buf_fmt(out, "    burned %.*s, %s %.*s\n", S_FMT(text_at(c, "burned")),
	    ended ? "ended with unused" : "left",
	    S_FMT(text_at(c, ended ? "unused" : "left")));
	buf_fmt(out, "    last 7 days %.*s, last 28 days %.*s\n",
	    S_FMT(text_at(c, "last_7_days")),
	    S_FMT(text_at(c, "last_28_days")));
	write_forecast(out, c);
	write_alert(out, c);
}

static void
write_share(struct buf *out, const struct json *s)
{
	buf_fmt(out,
	    "  share       %.*s: %.*s %% of %.*s, accrued %.*s, cap left %.*s, "
	    "%.*s to %.*s%s\n",
	    S_FMT(text_at(s, "partner")), S_FMT(text_at(s, "rate_percent")),
	    S_FMT(text_at(s, "base")), S_FMT(text_at(s, "accrued")),
	    S_FMT(text_at(s, "cap_left")), S_FMT(date_at(s, "from")),
	    S_FMT(date_at(s, "to")),
	    json_get_bool(s, "accruing", false) ? "" : " (closed)");
}

static void
write_agreement(struct buf *out, const struct json *a)
{
	const struct json *shares = json_get(a, "shares"), *s;

	write_terms(out, a);
	write_commitment(out, json_get(a, "commitment"));
	for (s = shares != NULL ? shares->child : NULL; s != NULL; s = s->next)
		write_share(out, s);
	buf_char(out, '\n');
}

static void
write_report(struct buf *out, const struct json *j)
{
	const struct json *list = json_get(j, "agreements"), *a;

	if (list == NULL || list->n == 0)
		buf_str(out, "there is no agreement in the configuration\n");
	for (a = list != NULL ? list->child : NULL; a != NULL; a = a->next)
		write_agreement(out, a);
}

static bool
add_at(struct buf *path, const char *value)
{
	char text[32];
	struct tm tm;
	int64_t ns;
	time_t t;

	if (value == NULL)
		return true;
	if (!date_parse(slice_of(value), &ns))
		return false;
	t = (time_t)(ns / NS_PER_S);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	ask_query(path, "at", slice_of(text));
	return true;
}

int
command_agreement_report(int argc, char **argv)
{
	struct where w = { 0 };
	const char *at = NULL, *name = NULL;
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "at", .value = &at },
		{ .name = "json", .flag = &json } };
	struct buf path = { 0 }, out = { 0 };
	struct asked a = { 0 };
	unsigned n = 1;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), &name, &n))
		return 2;
	buf_str(&path, "/api/v1/agreements");
	if (n == 1)
		ask_query(&path, "name", slice_of(name));
	if (!add_at(&path, at)) {
		fprintf(stderr, "kontor: --at does not take \"%s\"\n", at);
		status = 2;
	} else if (ask_good(&w, "GET", buf_cstr(&path), S(""), &a)) {
		if (json)
			buf_add(&out, buf_slice(&a.text));
		else
			write_report(&out, a.json);
		status = fwrite(out.p, 1, out.len, stdout) == out.len ? 0 : 1;
	}
	asked_fini(&a);
	buf_fini(&path);
	buf_fini(&out);
	return status;
}
