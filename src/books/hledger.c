#include "books/hledger.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "books/roll.h"
#include "books/scan.h"
#include "journal/pledge.h"

struct account_sum {
	char *name;
	int128 nano;
};

/* An account of an agreement, as the log goes on. */
struct promise {
	int64_t cap;
	struct share_sum sum;
};

struct journal {
	struct scan scan;
	struct roll_names names;
	struct map sums;
	struct map64 promises;
	struct buf currency;
	struct buf text; /* the transaction that is being written */
	int64_t last_ns;
	bool begun, stop;
	export_line_f *line;
	void *arg;
};

/* --- text -------------------------------------------------------------- */

/* Bytes of the blank of any script that s begins with; 0: it is none. */
static size_t
blank(struct slice s)
{
	static const struct {
		const char *lead;
		unsigned char from, to; /* the byte after it */
	} blanks[] = {
		{ "", 0x20, 0x20 },
		{ "\xc2", 0x85, 0x85 },
		{ "\xc2", 0xa0, 0xa0 },
		{ "\xe1\x9a", 0x80, 0x80 },
		{ "\xe2\x80", 0x80, 0x8a },
		{ "\xe2\x80", 0xa8, 0xa9 },
		{ "\xe2\x80", 0xaf, 0xaf },
		{ "\xe2\x81", 0x9f, 0x9f },
		{ "\xe3\x80", 0x80, 0x80 },
	};
	size_t i, n;

	for (i = 0; i < NELEM(blanks); i++) {
		n = strlen(blanks[i].lead);
		if (s.len > n && memcmp(s.p, blanks[i].lead, n) == 0 &&
		    (unsigned char)s.p[n] >= blanks[i].from &&
		    (unsigned char)s.p[n] <= blanks[i].to)
			return n + 1;
	}
	return 0;
}

/* What would end an account's name or split it becomes '_'. */
static void
add_name(struct buf *b, struct slice s)
{
	const size_t start = b->len;
	size_t i, n;

	for (i = 0; i < s.len; i += n) {
		unsigned char c = (unsigned char)s.p[i];

		n = blank((struct slice){ s.p + i, s.len - i });
		if (n > 0)
			c = ' ';
		else
			n = 1;
		if (c < 0x20 || c == 0x7f || strchr(":;()[]=@\"", c) != NULL)
			c = '_';
		if (c == ' ' && (b->len == start || b->p[b->len - 1] == ' '))
			continue; /* two blanks end a name */
		buf_char(b, (char)c);
	}
	while (b->len > start && b->p[b->len - 1] == ' ')
		b->len--;
	if (b->len == start)
		buf_char(b, '_');
}

static void
add_part(struct buf *b, struct slice s)
{
	buf_char(b, ':');
	add_name(b, s);
}

static void
add_date(struct buf *b, int64_t wall_ns)
{
	const time_t t = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		buf_fmt(b, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		    tm.tm_mday);
}

static void
put_line(struct journal *j, struct slice s)
{
	j->stop = j->stop || !j->line(j->arg, s);
}

/* Line by line, as the caller takes them. */
static void
flush(struct journal *j)
{
	struct slice head, tail = buf_slice(&j->text);

	while (slice_cut(tail, '\n', &head, &tail))
		put_line(j, head);
	buf_clear(&j->text);
}

static struct account_sum *
sum_get(struct journal *j, struct slice name)
{
	struct account_sum *s = map_find(&j->sums, name);

	if (s == NULL) {
		s = NEW(struct account_sum);
		s->name = mem_dup(name);
		(void)map_put(&j->sums, slice_of(s->name), s);
	}
	return s;
}

static void
add_amount(struct journal *j, int128 nano)
{
	money_write_sum(&j->text, nano);
	buf_char(&j->text, ' ');
	buf_add(&j->text, buf_slice(&j->currency));
}

static void
post(struct journal *j, const struct buf *account, int64_t nano)
{
	sum_get(j, buf_slice(account))->nano += nano;
	buf_str(&j->text, "    ");
	buf_add(&j->text, buf_slice(account));
	buf_str(&j->text, "  ");
	add_amount(j, nano);
	buf_char(&j->text, '\n');
}

/* --- accounts ---------------------------------------------------------- */

static void
expense(struct journal *j, uint64_t key, struct buf *out)
{
	static const enum roll_place places[] = { ROLL_ORG, ROLL_TEAM,
		ROLL_PROJECT };
	const struct roll_key *k = roll_key(&j->names, key);
	char id[KEY_ID_TEXT + 1];
	size_t i;

	buf_clear(out);
	buf_str(out, "expenses");
	for (i = 0; i < NELEM(places); i++) {
		if (k->text[places[i]][0] != '\0')
			add_part(out, slice_of(k->text[places[i]]));
		else
			add_part(out, S("unassigned"));
	}
	key_id_write(key, id);
	add_part(out, slice_of(id)); /* names of keys are not unique */
}

static void
provider_account(
    const char *root, const struct deployment_row *d, struct buf *out)
{
	buf_clear(out);
	buf_str(out, root);
	add_part(out, d != NULL ? d->provider : S("unknown"));
}

/* --- transactions ------------------------------------------------------ */

static void
begin(struct journal *j)
{
	if (j->begun)
		return;
	j->begun = true;
	if (j->currency.len == 0)
		buf_str(&j->currency, "USD");
	buf_str(&j->text, "; kontor: what calls cost, from the log\n");
	buf_fmt(&j->text, "commodity %s\n", buf_cstr(&j->currency));
	buf_fmt(&j->text, "    format 1000.000000000 %s\n\n",
	    buf_cstr(&j->currency));
}

static void
write_head(struct journal *j, const struct outcome *o,
    const struct deployment_row *d, const char *what)
{
	char id[ATTEMPT_TEXT + 1], key[KEY_ID_TEXT + 1];
	struct buf *b = &j->text;

	begin(j);
	(void)attempt_write(&o->req, o->attempt, id);
	key_id_write(o->key, key);
	add_date(b, o->wall_ns);
	if (o->wall_ns > j->last_ns)
		j->last_ns = o->wall_ns;
	buf_fmt(b, " * %s %s\n    ; key: %s, key name: ", id, what, key);
	add_name(b, slice_of(roll_key(&j->names, o->key)->text[ROLL_KEY_NAME]));
	buf_str(b, "\n    ; model: ");
	add_name(b, d != NULL ? d->model : S("?"));
	buf_str(b, ", deployment: ");
	add_name(b, d != NULL ? d->id : S("?"));
	buf_char(b, '\n');
}

static struct promise *
promise_get(struct journal *j, uint64_t account, int64_t cap)
{
	struct promise *p = map64_find(&j->promises, account);

	if (p == NULL) {
		p = NEW(struct promise);
		p->cap = cap;
		(void)map64_put(&j->promises, account, p);
	}
	return p;
}

static struct slice
partner_of(const struct generation *g, uint64_t account)
{
	unsigned i;

	for (i = 0; i < g->nshares; i++) {
		if (g->shares[i].account == account)
			return g->shares[i].partner;
	}
	return S("?");
}

/* Two sides of an agreement's account: what moves it is no expense. */
static void
post_promise(struct journal *j, const struct generation *g,
    const struct agreement_row *a, const struct pledge_posting *p,
    int64_t amount)
{
	static const char *const sides[2][2] = { { "burned", "open" },
		{ "accrued", "owed" } };
	const bool share = p->kind == PLEDGE_SHARE;
	struct buf name = { 0 };
	int side;

	for (side = 0; side < 2 && amount != 0; side++) {
		buf_clear(&name);
		buf_str(&name, "agreements");
		add_part(&name, a->name);
		add_part(&name, share ? S("share") : S("commitment"));
		if (share)
			add_part(&name, partner_of(g, p->account));
		add_part(&name, slice_of(sides[share][side]));
		post(j, &name, side == 0 ? amount : -amount);
	}
	buf_fini(&name);
}

static void
post_promises(
    struct journal *j, const struct outcome *o, const struct outcome *was)
{
	const struct generation *g = scan_generation(&j->scan, o->generation);
	struct pledge_posting posting[PLEDGE_POSTINGS];
	const struct agreement_row *a;
	struct promise *m;
	unsigned i, n;

	if (g == NULL || o->deployment >= g->ndeployments)
		return;
	a = pledge_agreement(g, o->deployment, &o->req);
	n = pledge_postings(g, o, was, posting);
	for (i = 0; i < n; i++) {
		m = promise_get(j, posting[i].account, posting[i].cap.nano);
		const int64_t had = m->sum.accrued.nano;

		m->sum =
		    pledge_post(&posting[i], (struct money){ m->cap }, m->sum);
		post_promise(j, g, a, &posting[i], m->sum.accrued.nano - had);
	}
}

/* --- frames ------------------------------------------------------------ */

static void
take_outcome(struct journal *j, const struct outcome *o)
{
	const struct deployment_row *d =
	    scan_deployment(&j->scan, o->generation, o->deployment);
	const bool unknown = o->resolution == RESOLUTION_UNKNOWN;
	struct buf name = { 0 };

	if (o->resolution == RESOLUTION_VOID)
		return;
	write_head(j, o, d, resolution_name(o->resolution));
	expense(j, o->key, &name);
	post(j, &name, o->effective);
	provider_account(unknown ? "suspense" : "liabilities", d, &name);
	post(j, &name, -o->effective);
	post_promises(j, o, NULL);
	buf_char(&j->text, '\n');
	flush(j);
	buf_fini(&name);
}

/* What was in suspense leaves it; what is known is owed. */
static void
take_correction(struct journal *j, const struct correction *c)
{
	const struct outcome *now = &c->now, *was = &c->was;
	const struct deployment_row *d =
	    scan_deployment(&j->scan, now->generation, now->deployment);
	const bool pending = was->resolution == RESOLUTION_UNKNOWN;
	struct buf name = { 0 };

	write_head(j, now, d, "corrected");
	expense(j, now->key, &name);
	post(j, &name, now->effective - was->effective);
	if (pending) {
		provider_account("suspense", d, &name);
		post(j, &name, was->effective);
	}
	provider_account("liabilities", d, &name);
	post(j, &name,
	    pending ? -now->effective : was->effective - now->effective);
	post_promises(j, now, was);
	buf_char(&j->text, '\n');
	flush(j);
	buf_fini(&name);
}

static enum fault
take_cost(struct journal *j, const struct frame *f)
{
	struct arena a = { 0 };
	struct outcome o = { 0 };
	struct correction c;
	enum fault fault = frame_get_outcome(f, &o);

	if (fault == FAULT_NONE && o.number == 0) {
		take_outcome(j, &o);
		return FAULT_NONE;
	}
	fault = frame_get_correction(f, &a, &c);
	if (fault == FAULT_NONE)
		take_correction(j, &c);
	arena_fini(&a);
	return fault;
}

/* The first that says so: the ledger has one. */
static void
take_generation(struct journal *j, const struct frame *f)
{
	struct arena a = { 0 };
	struct generation g;

	(void)scan_learn(&j->scan, f->payload);
	if (j->currency.len == 0 &&
	    frame_get_generation(f, &a, &g) == FAULT_NONE)
		add_name(
		    &j->currency, g.currency.len > 0 ? g.currency : S("USD"));
	arena_fini(&a);
}

static enum fault
take(struct journal *j, const struct frame *f)
{
	struct account_change v = { 0 };

	if (f->kind == FRAME_OUTCOME)
		return take_cost(j, f);
	if (f->kind == FRAME_CONFIG)
		take_generation(j, f);
	if (f->kind == FRAME_ACCOUNT &&
	    frame_get_account(f, &v) == FAULT_NONE && v.pledge != 0)
		promise_get(j, v.account, 0)->cap = v.limit;
	return FAULT_NONE;
}

static enum fault
read_log(struct journal *j, const char *dir)
{
	struct log_reader *r;
	struct frame f;
	enum fault fault = log_reader_open(dir, 0, &r);
	uint64_t at;

	while (fault == FAULT_NONE && !j->stop) {
		fault = log_next(r, &f, &at);
		if (fault == FAULT_NONE)
			fault = take(j, &f);
	}
	if (fault != FAULT_NOT_FOUND)
		log_reader_close(&r);
	return fault == FAULT_PENDING ? FAULT_NONE : fault;
}

/* --- the end ----------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	const struct account_sum *x = *(struct account_sum *const *)a,
				 *y = *(struct account_sum *const *)b;

	return strcmp(x->name, y->name);
}

/* In order of their names; n of them. */
static struct account_sum **
sorted(const struct journal *j)
{
	struct account_sum **all = mem_new((j->sums.n + 1) * sizeof(*all));
	const struct map_slot *e;
	size_t at = 0, n = 0;

	while ((e = map_next(&j->sums, &at)) != NULL)
		all[n++] = e->value;
	qsort(all, n, sizeof(*all), by_name);
	return all;
}

static void
write_end(struct journal *j)
{
	struct account_sum **all = sorted(j);
	size_t i;

	begin(j);
	for (i = 0; i < j->sums.n; i++)
		buf_fmt(&j->text, "account %s\n", all[i]->name);
	if (j->sums.n > 0) {
		buf_char(&j->text, '\n');
		add_date(&j->text, j->last_ns);
		buf_str(&j->text, " * what it adds up to\n");
	}
	for (i = 0; i < j->sums.n; i++) {
		buf_fmt(&j->text, "    %s  ", all[i]->name);
		add_amount(j, 0);
		buf_str(&j->text, " = ");
		add_amount(j, all[i]->nano);
		buf_char(&j->text, '\n');
	}
	flush(j);
	mem_free(all);
}

static void
load_names(struct journal *j, const char *data_dir)
{
	struct buf path = { 0 };
	struct store *s;
	int i;

	scan_path(&path, data_dir, "store.db");
	if (store_open_read(buf_cstr(&path), &s) == FAULT_NONE) {
		store_begin(s);
		roll_names_load(&j->names, s);
		(void)!store_commit(s);
		store_close(&s);
	} else {
		for (i = 0; i < ROLL_PLACES; i++)
			j->names.nobody.text[i] = mem_dup(S(""));
	}
	buf_fini(&path);
}

static void
fini(struct journal *j)
{
	const struct map_slot *e;
	const struct map64_slot *p;
	size_t at = 0;

	while ((e = map_next(&j->sums, &at)) != NULL) {
		mem_free(((struct account_sum *)e->value)->name);
		mem_free(e->value);
	}
	at = 0;
	while ((p = map64_next(&j->promises, &at)) != NULL)
		mem_free(p->value);
	map_fini(&j->sums);
	map64_fini(&j->promises);
	roll_names_fini(&j->names);
	scan_fini(&j->scan);
	buf_fini(&j->currency);
	buf_fini(&j->text);
}

enum fault
hledger_export(const char *data_dir, export_line_f *line, void *arg)
{
	struct journal j = { .line = line, .arg = arg };
	struct buf dir = { 0 };
	enum fault fault;

	load_names(&j, data_dir);
	scan_path(&dir, data_dir, "log");
	fault = read_log(&j, buf_cstr(&dir));
	if (fault == FAULT_NONE)
		write_end(&j);
	buf_fini(&dir);
	fini(&j);
	return fault;
}
