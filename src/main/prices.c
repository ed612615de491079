/*
 * prices.c - kontor prices: what calls cost, and what an edit would change
 *
 * All of it works on the compiled configuration, so what is told here is
 * what calls are priced by.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/date.h"
#include "base/json.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/config.h"
#include "main/pricefile.h"
#include "main/pricing.h"
#include "main/table.h"
#include "main/value.h"

enum { TIERS_MAX = 32, MOMENTS_MAX = 512 };

/* --- what they share ------------------------------------------------- */

static const char *
config_of(const char *given)
{
	return given != NULL ? given : "kontor.yaml";
}

/* False: said on stderr. */
static bool
load(const char *file, struct pricing_more *more, struct snapshot **out)
{
	struct report *r = NEW(struct report);
	struct buf said = { 0 };
	const bool good = config_load_more(file, r, more, out);

	report_write(r, &said);
	fwrite(said.p, 1, said.len, stderr);
	buf_fini(&said);
	report_fini(r);
	mem_free(r);
	return good;
}

static bool
moment_of(const char *text, int64_t *ns)
{
	*ns = clock_wall_ns();
	if (text == NULL || date_parse(slice_of(text), ns))
		return true;
	fprintf(stderr,
	    "kontor: \"%s\" is not a date; for example 2026-11-01\n", text);
	return false;
}

static void
put_day(struct buf *b, int64_t ns)
{
	const time_t t = (time_t)(ns / NS_PER_S);
	char text[32];
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		return;
	strftime(text, sizeof(text),
	    tm.tm_hour + tm.tm_min + tm.tm_sec == 0 ? "%Y-%m-%d"
						    : "%Y-%m-%dT%H:%M:%SZ",
	    &tm);
	buf_str(b, text);
}

static void
json_day(struct buf *b, const char *key, int64_t ns)
{
	struct buf text = { 0 };

	put_day(&text, ns);
	json_w_kstr(b, key, buf_slice(&text));
	buf_fini(&text);
}

/* The tiers that have rows, the deployment's own first. */
static unsigned
tiers_of(const struct deployment_conf *d, struct slice tier[TIERS_MAX])
{
	unsigned i, k, n = 0;

	tier[n++] = slice_of(d->tier);
	for (i = 0; i < d->nprice; i++) {
		for (k = 0; k < n; k++) {
			if (slice_eq(tier[k], d->price[i].tier))
				break;
		}
		if (k == n && n < TIERS_MAX)
			tier[n++] = d->price[i].tier;
	}
	return n;
}

static int
print(const struct buf *b)
{
	return fwrite(b->p, 1, b->len, stdout) == b->len ? 0 : 1;
}

/* --- list ------------------------------------------------------------ */

struct list {
	const char *config, *model, *provider, *deployment, *at;
	bool json;
	int64_t at_ns;
	struct buf rows; /* members of a JSON array */
	unsigned unknown;
};

static void
put_price(struct buf *b, const struct price *p)
{
	struct buf text = { 0 };

	buf_fmt(&text, "%016llx", (unsigned long long)p->id);
	json_w_kstr(b, "id", buf_slice(&text));
	if (p->from_ns != 0)
		json_day(b, "from", p->from_ns);
	if (p->to_ns != 0)
		json_day(b, "to", p->to_ns);
	json_w_kstr(b, "source", p->source);
	json_w_kbool(b, "own", p->operators);
	rates_write(b, &p->base);
	if (p->nsteps > 0)
		price_write_steps(b, p);
	if (p->per_request.nano != 0) {
		buf_clear(&text);
		money_write(&text, p->per_request);
		json_w_kstr(b, "per_request", buf_slice(&text));
	}
	buf_fini(&text);
}

/* For people each step is a row of its own below. */
static void
list_steps(struct list *l, const struct price *p)
{
	struct buf text = { 0 };
	unsigned i;

	for (i = 0; i < p->nsteps; i++) {
		buf_clear(&text);
		buf_fmt(&text, "  above %llu",
		    (unsigned long long)p->step[i].above);
		json_w_begin(&l->rows, '{');
		json_w_kstr(&l->rows, "tier", buf_slice(&text));
		rates_write(&l->rows, &p->step[i].rates);
		if (p->step[i].rates.has == 0)
			json_w_kstr(&l->rows, "input", S("unknown"));
		json_w_end(&l->rows, '}');
	}
	buf_fini(&text);
}

static void
list_tier(struct list *l, const struct deployment_conf *d, struct slice tier)
{
	const struct price *p = deployment_price_of(d, tier, l->at_ns);

	if (p == NULL && !slice_eq(tier, slice_of(d->tier)))
		return;
	json_w_begin(&l->rows, '{');
	json_w_kstr(&l->rows, "deployment", slice_of(d->id));
	json_w_kstr(&l->rows, "provider", slice_of(d->provider->id));
	json_w_kstr(&l->rows, "model", slice_of(d->model->id));
	json_w_kstr(&l->rows, "region", slice_of(d->provider->region));
	json_w_kstr(&l->rows, "tier", tier);
	json_w_kbool(&l->rows, "known", p != NULL);
	if (p != NULL) {
		put_price(&l->rows, p);
	} else {
		/* For people; --json has "known". */
		if (!l->json)
			json_w_kstr(&l->rows, "input", S("unknown"));
		l->unknown++;
	}
	json_w_end(&l->rows, '}');
	if (p != NULL && !l->json)
		list_steps(l, p);
}

static bool
is_wanted(const char *want, const char *is)
{
	return want == NULL || strcmp(want, is) == 0;
}

static void
list_all(struct list *l, const struct snapshot *s)
{
	struct slice tier[TIERS_MAX];
	unsigned i, k, n;

	json_w_begin(&l->rows, '[');
	for (i = 0; i < s->ndeployments; i++) {
		const struct deployment_conf *d = &s->deployment[i];

		if (!is_wanted(l->model, d->model->id) ||
		    !is_wanted(l->provider, d->provider->id) ||
		    !is_wanted(l->deployment, d->id))
			continue;
		n = tiers_of(d, tier);
		for (k = 0; k < n; k++)
			list_tier(l, d, tier[k]);
	}
	json_w_end(&l->rows, ']');
}

static int
print_table(const struct list *l)
{
	static const struct column columns[] = {
		{ "deployment", "DEPLOYMENT", COL_TEXT },
		{ "tier", "TIER", COL_TEXT },
		{ "input", "INPUT", COL_NUMBER },
		{ "cached_input", "CACHED", COL_NUMBER },
		{ "cache_write", "WRITTEN", COL_NUMBER },
		{ "output", "OUTPUT", COL_NUMBER },
		{ "audio_input", "AUDIO IN", COL_NUMBER },
		{ "audio_output", "AUDIO OUT", COL_NUMBER },
		{ "per_request", "PER CALL", COL_NUMBER },
		{ "from", "SINCE", COL_TEXT },
		{ "source", "SOURCE", COL_TEXT },
		{ "id", "ID", COL_TEXT },
	};
	struct arena arena = { 0 };
	struct buf out = { 0 };
	struct json *rows;
	int status;

	CHECK(json_parse(&arena, buf_slice(&l->rows), &rows) == FAULT_NONE);
	table_write(&out, rows, columns, NELEM(columns));
	if (l->unknown > 0)
		buf_fmt(&out,
		    "%u without a known price: refused under a hard budget\n",
		    l->unknown);
	status = print(&out);
	buf_fini(&out);
	arena_fini(&arena);
	return status;
}

static int
print_list(const struct list *l)
{
	struct buf out = { 0 };
	int status;

	if (!l->json)
		return print_table(l);
	buf_str(&out, "{\"prices\":");
	buf_add(&out, buf_slice(&l->rows));
	buf_fmt(&out, ",\"unknown\":%u}\n", l->unknown);
	status = print(&out);
	buf_fini(&out);
	return status;
}

int
command_prices_list(int argc, char **argv)
{
	struct list l = { 0 };
	const struct arg arg[] = { { .name = "c", .value = &l.config },
		{ .name = "model", .value = &l.model },
		{ .name = "provider", .value = &l.provider },
		{ .name = "deployment", .value = &l.deployment },
		{ .name = "at", .value = &l.at },
		{ .name = "json", .flag = &l.json } };
	struct snapshot *s;
	unsigned none = 0;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none) ||
	    !moment_of(l.at, &l.at_ns))
		return 2;
	if (load(config_of(l.config), NULL, &s)) {
		list_all(&l, s);
		status = print_list(&l);
	}
	buf_fini(&l.rows);
	snapshot_unref(&s);
	return status;
}

/* --- diff ------------------------------------------------------------ */

struct diff {
	const struct snapshot *old, *new;
	int64_t now;
	bool json;
	struct buf out; /* lines, or members of a JSON array */
	unsigned n;
	const struct deployment_conf *d;
	struct slice tier;
	int64_t from;
};

static void
value_of(struct buf *b, bool known, struct rate r)
{
	if (known)
		rate_write_per_million(b, r);
	else
		buf_str(b, "unknown");
}

/* One difference; texts are empty for what is not there. */
static void
differs(struct diff *x, const char *what, struct slice old, struct slice new)
{
	struct buf *b = &x->out;

	x->n++;
	if (!x->json) {
		buf_fmt(b, "%s %.*s: %s %.*s -> %.*s from ", x->d->id,
		    S_FMT(x->tier), what, S_FMT(old), S_FMT(new));
		if (x->from == x->now)
			buf_str(b, "now on");
		else
			put_day(b, x->from);
		buf_char(b, '\n');
		return;
	}
	json_w_begin(b, '{');
	json_w_kstr(b, "deployment", slice_of(x->d->id));
	json_w_kstr(b, "tier", x->tier);
	json_w_kstr(b, "what", slice_of(what));
	json_w_kstr(b, "old", old);
	json_w_kstr(b, "new", new);
	if (x->from != x->now)
		json_day(b, "from", x->from);
	json_w_end(b, '}');
}

/* A lane that neither names goes with the one that stands in for it. */
static bool
is_named(const struct rates *old, const struct rates *new, unsigned lane)
{
	return ((old != NULL ? old->has : 0) | (new != NULL ? new->has : 0)) &
	       LANE_BIT(lane);
}

/* Of lanes with what stands in for them: what a token there would cost. */
static void
compare_rates(struct diff *x, const char *prefix, const struct rates *old,
    const struct rates *new)
{
	struct buf a = { 0 }, b = { 0 }, what = { 0 };
	struct rate r, s;
	unsigned i;

	for (i = 0; i < LANES; i++) {
		const bool was = old != NULL && rates_get(old, i, &r);
		const bool is = new != NULL &&rates_get(new, i, &s);

		if (!is_named(old, new, i) ||
		    (was == is && (!was || r.pico == s.pico)))
			continue;
		buf_clear(&a);
		buf_clear(&b);
		buf_clear(&what);
		buf_fmt(&what, "%s%s", prefix, lane_text((enum lane)i));
		value_of(&a, was, r);
		value_of(&b, is, s);
		differs(x, buf_cstr(&what), buf_slice(&a), buf_slice(&b));
	}
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&what);
}

static const struct rates *
rates_above(const struct price *p, uint64_t tokens)
{
	unsigned step;

	return p != NULL ? price_rates(p, tokens, &step) : NULL;
}

static void
compare_step(struct diff *x, const struct price *old, const struct price *new,
    uint64_t above)
{
	char prefix[48];

	snprintf(
	    prefix, sizeof(prefix), "above %llu ", (unsigned long long)above);
	compare_rates(x, prefix, rates_above(old, above + 1),
	    rates_above(new, above + 1));
}

static bool
has_step(const struct price *p, uint64_t above)
{
	unsigned i;

	for (i = 0; p != NULL && i < p->nsteps; i++) {
		if (p->step[i].above == above)
			return true;
	}
	return false;
}

static void
compare_rows(struct diff *x, const struct price *old, const struct price *new)
{
	const int64_t was = old != NULL ? old->per_request.nano : 0;
	const int64_t is = new != NULL ? new->per_request.nano : 0;
	struct buf a = { 0 }, b = { 0 };
	unsigned i;

	compare_rates(x, "", old != NULL ? &old->base : NULL,
	    new != NULL ? &new->base : NULL);
	for (i = 0; old != NULL && i < old->nsteps; i++)
		compare_step(x, old, new, old->step[i].above);
	for (i = 0; new != NULL &&i < new->nsteps; i++) {
		if (!has_step(old, new->step[i].above))
			compare_step(x, old, new, new->step[i].above);
	}
	if (was != is) {
		money_write(&a, (struct money){ was });
		money_write(&b, (struct money){ is });
		differs(x, "per_request", buf_slice(&a), buf_slice(&b));
	}
	buf_fini(&a);
	buf_fini(&b);
}

/* --- when: now, and whenever a row of either begins or ends ----------- */

static int
earlier(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static size_t
add_moments(const struct diff *x, const struct deployment_conf *d,
    int64_t *moment, size_t n)
{
	unsigned i;

	for (i = 0; d != NULL && i < d->nprice && n + 2 < MOMENTS_MAX; i++) {
		if (d->price[i].from_ns > x->now)
			moment[n++] = d->price[i].from_ns;
		if (d->price[i].to_ns > x->now)
			moment[n++] = d->price[i].to_ns;
	}
	return n;
}

static const struct price *
row_at(const struct deployment_conf *d, struct slice tier, int64_t ns)
{
	return d != NULL ? deployment_price_of(d, tier, ns) : NULL;
}

/*
 * What was admitted before now keeps its row, so nothing before it changes.
 * A pair of rows is told once, from the first moment that they differ.
 */
static void
compare_tier(struct diff *x, const struct deployment_conf *old,
    const struct deployment_conf *new)
{
	const struct price *was, *is, *told_old = NULL, *told_new = NULL;
	int64_t moment[MOMENTS_MAX];
	size_t i, n = 0;

	moment[n++] = x->now;
	n = add_moments(x, old, moment, n);
	n = add_moments(x, new, moment, n);
	qsort(moment, n, sizeof(*moment), earlier);
	for (i = 0; i < n; i++) {
		was = row_at(old, x->tier, moment[i]);
		is = row_at(new, x->tier, moment[i]);
		if (i > 0 && was == told_old && is == told_new)
			continue;
		x->from = moment[i];
		compare_rows(x, was, is);
		told_old = was;
		told_new = is;
	}
}

static const struct deployment_conf *
twin_of(const struct snapshot *s, const struct deployment_conf *d)
{
	unsigned i;

	for (i = 0; i < s->ndeployments; i++) {
		if (strcmp(s->deployment[i].id, d->id) == 0)
			return &s->deployment[i];
	}
	return NULL;
}

static void
compare_deployment(struct diff *x, const struct deployment_conf *old,
    const struct deployment_conf *new)
{
	struct slice tier[TIERS_MAX], other[TIERS_MAX];
	unsigned i, k, n, m;

	x->d = new != NULL ? new : old;
	n = tiers_of(x->d, tier);
	m = old != NULL && new != NULL ? tiers_of(old, other) : 0;
	for (k = 0; k < m; k++) {
		for (i = 0; i < n && !slice_eq(tier[i], other[k]); i++)
			;
		if (i == n && n < TIERS_MAX)
			tier[n++] = other[k];
	}
	for (i = 0; i < n; i++) {
		x->tier = tier[i];
		compare_tier(x, old, new);
	}
}

static void
compare_all(struct diff *x)
{
	unsigned i;

	for (i = 0; i < x->new->ndeployments; i++)
		compare_deployment(x, twin_of(x->old, &x->new->deployment[i]),
		    &x->new->deployment[i]);
	for (i = 0; i < x->old->ndeployments; i++) {
		if (twin_of(x->new, &x->old->deployment[i]) == NULL)
			compare_deployment(x, &x->old->deployment[i], NULL);
	}
}

/* As the running instance has it. */
static bool
load_running(const struct where *w, struct snapshot **out)
{
	struct asked a = { 0 };
	bool good = false;

	*out = NULL;
	if (ask_good(w, "GET", "/api/v1/config", S(""), &a)) {
		good = snapshot_read(buf_slice(&a.text), out) == FAULT_NONE;
		if (!good)
			fprintf(stderr,
			    "kontor: the instance runs another version\n");
	}
	asked_fini(&a);
	return good;
}

static int
print_diff(struct diff *x)
{
	struct buf out = { 0 };
	int status;

	compare_all(x);
	if (x->json)
		buf_fmt(
		    &out, "{\"changes\":[%.*s]}\n", S_FMT(buf_slice(&x->out)));
	else if (x->n == 0)
		buf_str(&out, "no price would change\n");
	else
		buf_add(&out, buf_slice(&x->out));
	status = print(&out);
	buf_fini(&out);
	buf_fini(&x->out);
	return status;
}

int
command_prices_diff(int argc, char **argv)
{
	struct where w = { 0 };
	const char *against = NULL;
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "against", .value = &against },
		{ .name = "json", .flag = &json } };
	struct snapshot *old = NULL, *new = NULL;
	struct diff x = { .now = clock_wall_ns() };
	unsigned none = 0;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	x.json = json;
	if (load(config_of(w.config), NULL, &new) &&
	    (against == NULL || strcmp(against, "running") == 0
		    ? load_running(&w, &old)
		    : load(against, NULL, &old))) {
		x.old = old;
		x.new = new;
		status = print_diff(&x);
	}
	snapshot_unref(&old);
	snapshot_unref(&new);
	return status;
}

/* --- import ---------------------------------------------------------- */

static bool
ends_with(const char *text, const char *end)
{
	const size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static bool
say_errno(const char *path, const char *what)
{
	fprintf(stderr, "kontor: %s: %s: %s\n", path, what, strerror(errno));
	return false;
}

static bool
write_whole(int fd, struct slice s)
{
	ssize_t n;

	while (s.len > 0) {
		n = write(fd, s.p, s.len);
		if (n < 0)
			return false;
		s.p += n;
		s.len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

/* In one step: a reader sees the old file or the new one. */
static bool
replace_file(const char *path, struct slice text)
{
	struct buf tmp = { 0 };
	bool good = false;
	int fd;

	buf_fmt(&tmp, "%s.XXXXXX", path);
	buf_char(&tmp, '\0');
	fd = mkstemp(tmp.p);
	if (fd >= 0) {
		good = write_whole(fd, text) && fchmod(fd, 0644) == 0;
		close(fd);
		good = good && rename(tmp.p, path) == 0;
		if (!good)
			unlink(tmp.p);
	}
	if (!good)
		(void)say_errno(path, "cannot be written");
	buf_fini(&tmp);
	return good;
}

/* As the next command will load it: then nothing of the import is new. */
static bool
would_load(const char *config, const struct pricing_more *m, struct slice whole)
{
	struct pricing_more again = {
		.file = m->file, .text = m->text, .csv = m->csv, .whole = whole
	};
	struct snapshot *s = NULL;
	const bool good = load(config, &again, &s) && again.added == 0;

	snapshot_unref(&s);
	buf_fini(&again.rows);
	mem_free(again.prices_file);
	return good;
}

/* The new rows behind the list that ends the file; the rest as it was. */
static bool
append_rows(const struct pricing_more *m, const char *config, const char *to)
{
	const bool of_config =
	    m->prices_file != NULL && strcmp(to, m->prices_file) == 0;
	struct buf was = { 0 }, is = { 0 };
	bool good = false;

	if (access(to, F_OK) == 0 &&
	    !config_file_read(to, YTREE_BYTES_MAX, &was))
		(void)say_errno(to, "cannot be read");
	else if (pricefile_add(buf_slice(&was), buf_slice(&m->rows), &is) &&
		 (!of_config || would_load(config, m, buf_slice(&is))))
		good = replace_file(to, buf_slice(&is));
	else
		fprintf(stderr,
		    "kontor: %s would not load with the new prices at its "
		    "end: it stays as it was\n  hint: its list must end the "
		    "file and be of lines, \"  - {...}\"; \"-o -\" prints "
		    "the prices\n",
		    to);
	buf_fini(&was);
	buf_fini(&is);
	return good;
}

static int
finish_import(const struct pricing_more *m, const char *config, const char *out)
{
	const struct slice rows = buf_slice(&m->rows);
	const char *to = out != NULL ? out : m->prices_file;

	if (to != NULL && strcmp(to, "-") != 0 && m->added > 0 &&
	    !append_rows(m, config, to))
		return 1;
	if (to == NULL || strcmp(to, "-") == 0) {
		printf("prices:\n%.*s", S_FMT(rows));
		if (to == NULL)
			fprintf(stderr,
			    "kontor: with \"prices_file: prices.yaml\" in the "
			    "configuration they would be written there\n");
		return 0;
	}
	printf("%u prices added to %s, %u were there already\n", m->added, to,
	    m->same);
	return 0;
}

static int
import(struct pricing_more *m, const char *config, const char *out)
{
	struct buf text = { 0 };
	struct snapshot *s = NULL;
	int status = 1;

	if (!config_file_read(m->file, YTREE_BYTES_MAX, &text)) {
		(void)say_errno(m->file, "cannot be read");
	} else {
		m->text = buf_slice(&text);
		if (load(config, m, &s))
			status = finish_import(m, config, out);
	}
	snapshot_unref(&s);
	buf_fini(&text);
	buf_fini(&m->rows);
	mem_free(m->prices_file);
	return status;
}

int
command_prices_import(int argc, char **argv)
{
	const char *config = NULL, *out = NULL, *file = NULL;
	const struct arg arg[] = { { .name = "c", .value = &config },
		{ .name = "o", .value = &out } };
	struct pricing_more m = { 0 };
	unsigned n = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), &file, &n))
		return 2;
	if (n != 1) {
		fprintf(stderr, "kontor: which file of prices?\n");
		return 2;
	}
	m.file = file;
	m.csv = ends_with(file, ".csv");
	return import(&m, config_of(config), out);
}
