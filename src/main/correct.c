/*
 * correct.c - kontor ledger suspense, ledger correct: what is known better
 */
#include <stdio.h>

#include "base/json.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/config.h"
#include "main/counts.h"
#include "main/table.h"
#include "model/money.h"

enum { FILE_MAX = 64 * 1024 * 1024 };

struct wish {
	struct where where;
	const char *usage, *cost, *reason, *file;
	bool is_void, estimated, plan, json;
};

static int
usage_error(const char *what)
{
	fprintf(stderr, "kontor: %s\n", what);
	return 2;
}

static int
print_text(struct slice s)
{
	return fwrite(s.p, 1, s.len, stdout) == s.len ? 0 : 1;
}

static struct slice
text_of(const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	return v != NULL && v->type != JSON_OBJECT ? v->text : S("");
}

/* --- the list ------------------------------------------------------------- */

static void
write_list(struct buf *out, const struct json *j)
{
	static const struct column column[] = {
		{ "id", "ATTEMPT", COL_TEXT },
		{ "time", "TIME", COL_TEXT },
		{ "age", "AGE", COL_TEXT },
		{ "deployment", "DEPLOYMENT", COL_TEXT },
		{ "amount", "AMOUNT", COL_NUMBER },
		{ "why", "WHY", COL_TEXT },
	};
	int64_t n = 0;

	table_write(out, json_get(j, "rows"), column, NELEM(column));
	(void)json_get_i64(j, "count", &n);
	buf_fmt(out, "%lld in suspense, %.*s in all\n", (long long)n,
	    S_FMT(text_of(j, "total")));
}

int
command_ledger_suspense(int argc, char **argv)
{
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct asked a = { 0 };
	struct buf out = { 0 };
	const char *word = "list";
	unsigned n = 1;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), &word, &n))
		return 2;
	if (n > 0 && strcmp(word, "list") != 0)
		return usage_error("ledger suspense only knows the word list");
	if (ask_good(&w, "GET", "/api/v1/suspense", S(""), &a)) {
		if (!json)
			write_list(&out, a.json);
		status =
		    print_text(json ? buf_slice(&a.text) : buf_slice(&out));
	}
	buf_fini(&out);
	asked_fini(&a);
	return status;
}

/* --- one attempt ---------------------------------------------------------- */

/* The body, or what is wrong. */
static const char *
write_body(const struct wish *w, const struct counts *c, struct buf *b)
{
	const char *why;

	json_w_begin(b, '{');
	why = counts_body(c, b);
	if (w->estimated)
		json_w_kbool(b, "estimated", true);
	if (w->reason != NULL)
		json_w_kstr(b, "reason", slice_of(w->reason));
	if (w->plan)
		json_w_kbool(b, "plan", true);
	json_w_end(b, '}');
	return why;
}

static bool
id_formed(struct slice id)
{
	size_t i;

	for (i = 0; i < id.len; i++) {
		if (!((id.p[i] >= 'a' && id.p[i] <= 'z') ||
			(id.p[i] >= '0' && id.p[i] <= '9') || id.p[i] == '_' ||
			id.p[i] == '-'))
			return false;
	}
	return id.len > 0 && id.len < 64;
}

static void
write_corrected(struct buf *out, const struct json *j)
{
	const struct json *was = json_get(j, "was"), *now = json_get(j, "now");
	const bool planned = json_get_bool(j, "planned", false);

	buf_fmt(out, "%.*s %s: %.*s %.*s -> %.*s %.*s (%.*s)%s\n",
	    S_FMT(text_of(j, "attempt")),
	    planned ? "would be corrected" : "corrected",
	    S_FMT(text_of(was, "resolution")), S_FMT(text_of(was, "settled")),
	    S_FMT(text_of(now, "resolution")), S_FMT(text_of(now, "settled")),
	    S_FMT(text_of(j, "difference")),
	    json_get_bool(j, "overage", false) ? ", above what was held" : "");
}

static int
correct_one(const struct wish *w, const char *attempt)
{
	struct counts c = { .is_void = w->is_void };
	struct buf path = { 0 }, body = { 0 }, out = { 0 };
	struct asked a = { 0 };
	const char *why;
	int status = 2;

	if (w->usage != NULL && !counts_parse(slice_of(w->usage), &c))
		return usage_error("--usage is like input=700,cached=100,"
				   "output=30");
	c.is_void = w->is_void;
	c.cost = w->cost != NULL ? slice_of(w->cost) : S("");
	if (!id_formed(slice_of(attempt)))
		return usage_error("an attempt's id is like req_...-1");
	why = write_body(w, &c, &body);
	buf_fmt(&path, "/api/v1/suspense/%s", attempt);
	if (why != NULL) {
		(void)usage_error(why);
	} else if (!ask_good(&w->where, "POST", buf_cstr(&path),
		       buf_slice(&body), &a)) {
		status = 1;
	} else {
		write_corrected(&out, a.json);
		status =
		    print_text(w->json ? buf_slice(&a.text) : buf_slice(&out));
	}
	buf_fini(&path);
	buf_fini(&body);
	buf_fini(&out);
	asked_fini(&a);
	return status;
}

/* --- a file -----------------------------------------------------------------
 */

struct tally {
	size_t corrected, unchanged, refused, differs;
	int128 difference;
	struct buf rows; /* JSON of what was refused or costs otherwise */
};

static void
note(const struct wish *w, struct tally *t, const struct counts *c,
    const char *what, struct slice text)
{
	if (!w->json)
		fprintf(stderr, "kontor: line %u: %.*s: %s%s%.*s\n", c->line,
		    S_FMT(c->attempt), what, text.len > 0 ? ": " : "",
		    S_FMT(text));
	json_w_begin(&t->rows, '{');
	json_w_ki64(&t->rows, "line", c->line);
	json_w_kstr(&t->rows, "attempt", c->attempt);
	json_w_kstr(&t->rows, "what", slice_of(what));
	json_w_kstr(&t->rows, "text", text);
	json_w_end(&t->rows, '}');
}

/* The counts are priced by our row: does the provider's cost say the same? */
static void
compare(const struct wish *w, struct tally *t, const struct counts *c,
    const struct json *answer)
{
	struct money theirs, ours;

	if (c->cost.len == 0 || c->is_void || !money_parse(c->cost, &theirs) ||
	    !money_parse(text_of(json_get(answer, "now"), "list_cost"), &ours))
		return;
	if (theirs.nano != ours.nano) {
		t->differs++;
		note(w, t, c, "its price row says another cost than the file",
		    text_of(json_get(answer, "now"), "list_cost"));
	}
}

/* False: nobody answers, and the rest need not be asked. */
static bool
correct_row(const struct wish *w, struct tally *t, const struct counts *c)
{
	struct buf path = { 0 }, body = { 0 };
	const char *why = write_body(w, c, &body);
	struct asked a = { 0 };
	struct money difference = { 0 };
	bool good = true;

	if (c->twin != 0)
		why = "another line has this attempt too: one has to say all";
	if (why == NULL && !id_formed(c->attempt))
		why = "the id of an attempt is like req_...-1";
	buf_fmt(&path, "/api/v1/suspense/%.*s", S_FMT(c->attempt));
	if (why != NULL) {
		t->refused++;
		note(w, t, c, why, S(""));
	} else if (!ask(&w->where, "POST", buf_cstr(&path), buf_slice(&body),
		       &a)) {
		good = false;
	} else if (a.status == 200) {
		t->corrected++;
		if (money_parse(text_of(a.json, "difference"), &difference))
			t->difference += difference.nano;
		compare(w, t, c, a.json);
	} else if (slice_eq(text_of(a.json, "code"), S("unchanged"))) {
		t->unchanged++;
	} else {
		t->refused++;
		note(w, t, c, "refused", text_of(a.json, "detail"));
	}
	buf_fini(&path);
	buf_fini(&body);
	asked_fini(&a);
	return good;
}

static void
write_tally(const struct wish *w, const struct tally *t, struct buf *out)
{
	struct buf sum = { 0 };

	money_write_sum(&sum, t->difference);
	if (w->json) {
		json_w_begin(out, '{');
		json_w_kbool(out, "planned", w->plan);
		json_w_ku64(out, "corrected", t->corrected);
		json_w_ku64(out, "unchanged", t->unchanged);
		json_w_ku64(out, "refused", t->refused);
		json_w_ku64(out, "differs", t->differs);
		json_w_kstr(out, "difference", buf_slice(&sum));
		json_w_key(out, "rows");
		json_w_begin(out, '[');
		buf_add(out, buf_slice(&t->rows));
		json_w_end(out, ']');
		json_w_end(out, '}');
		buf_char(out, '\n');
	} else {
		buf_fmt(out,
		    "%zu %s, %zu as booked already, %zu refused; difference "
		    "%s\n",
		    t->corrected, w->plan ? "would be corrected" : "corrected",
		    t->unchanged, t->refused, buf_cstr(&sum));
	}
	buf_fini(&sum);
}

static int
correct_rows(const struct wish *w, const struct counts *rows, size_t n)
{
	struct tally t = { 0 };
	struct buf out = { 0 };
	bool good = true;
	size_t i;

	for (i = 0; i < n && good; i++)
		good = correct_row(w, &t, &rows[i]);
	write_tally(w, &t, &out);
	good = print_text(buf_slice(&out)) == 0 && good && t.refused == 0;
	buf_fini(&out);
	buf_fini(&t.rows);
	return good ? 0 : 1;
}

static int
correct_file(const struct wish *w)
{
	struct counts *rows = NULL;
	struct arena a = { 0 };
	struct buf text = { 0 };
	const char *why;
	size_t n = 0;
	unsigned line = 0;
	int status = 1;

	if (!config_file_read(w->file, FILE_MAX, &text)) {
		fprintf(stderr, "kontor: %s cannot be read\n", w->file);
	} else {
		why = counts_read(&a, buf_slice(&text), &rows, &n, &line);
		if (why != NULL)
			fprintf(
			    stderr, "kontor: %s:%u: %s\n", w->file, line, why);
		else
			status = correct_rows(w, rows, n);
	}
	buf_fini(&text);
	arena_fini(&a);
	return status;
}

int
command_ledger_correct(int argc, char **argv)
{
	struct wish w = { .usage = NULL };
	const struct arg arg[] = { WHERE_ARGS(&w.where),
		{ .name = "usage", .value = &w.usage },
		{ .name = "cost", .value = &w.cost },
		{ .name = "void", .flag = &w.is_void },
		{ .name = "estimated", .flag = &w.estimated },
		{ .name = "reason", .value = &w.reason },
		{ .name = "file", .value = &w.file },
		{ .name = "plan", .flag = &w.plan },
		{ .name = "json", .flag = &w.json } };
	const bool *is_void = &w.is_void;
	const char *attempt = NULL;
	unsigned n = 1;
	int said;

	if (!args_take(argc, argv, arg, NELEM(arg), &attempt, &n))
		return 2;
	said = (w.usage != NULL) + (w.cost != NULL) + (*is_void ? 1 : 0);
	if (w.file != NULL) {
		if (n > 0 || said > 0)
			return usage_error("with --file, the file says what");
		if (w.reason == NULL)
			w.reason = "reconciled";
		return correct_file(&w);
	}
	if (n != 1)
		return usage_error("which attempt? or --file");
	if (said != 1)
		return usage_error("say one of --usage, --cost and --void");
	return correct_one(&w, attempt);
}
