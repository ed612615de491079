/*
 * catalog.c - kontor models diff: what providers list, against what is
 * configured
 *
 * Asked on demand, with the credentials of the configuration, by this process
 * alone: the running instance has no part in it.  Where a credential expires,
 * this process signs in for itself.  Every page of every list that the type
 * of provider has (its row's lists) is read.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "courier/once.h"
#include "io/tls.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/config.h"
#include "main/pricing.h"
#include "provider/provider.h"

enum { PAGES_MAX = 100 };

struct listing {
	struct arena arena;
	const struct snapshot *snapshot;
	const struct provider_conf *provider;
	const char *error; /* NULL: names were got */
	int status;
	bool of_deployments; /* they are by the names that calls go by */
	unsigned n, room;
	struct listed {
		struct slice name;
		bool alias; /* another name of the one before */
	} * row;
};

static bool
is_listed(const struct listing *l, struct slice name)
{
	unsigned i;

	for (i = 0; i < l->n; i++) {
		if (slice_eq(l->row[i].name, name))
			return true;
	}
	return false;
}

/* models/M and publishers/P/models/M are called M. */
static struct slice
short_name(struct slice name)
{
	static const struct slice folder = S_INIT("models/");
	const char *at = memmem(name.p, name.len, folder.p, folder.len);

	if (at == NULL || (at != name.p && at[-1] != '/'))
		return name;
	at += folder.len;
	return (struct slice){ at, name.len - (size_t)(at - name.p) };
}

/* It goes to a terminal: nothing that would be obeyed there. */
static bool
is_plain(struct slice name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f)
			return false;
	}
	return name.len > 0;
}

static void
take_name(struct listing *l, struct slice name, bool alias)
{
	struct listed *more;

	name = short_name(name);
	if (!is_plain(name) || is_listed(l, name))
		return;
	if (l->n == l->room) {
		l->room = l->room > 0 ? l->room * 2 : 64;
		more = ARENA_ARRAY(&l->arena, struct listed, l->room);
		if (l->n > 0)
			memcpy(more, l->row, l->n * sizeof(*more));
		l->row = more;
	}
	l->row[l->n++] = (struct listed){ arena_copy(&l->arena, name), alias };
}

/* The mark of the next page; empty: there is none. */
static struct slice
next_page(const struct provider_list *p, const struct json *j)
{
	const struct json *more = json_get(j, "has_more");

	if (p->next == NULL || (more != NULL && more->type != JSON_TRUE))
		return S("");
	return json_get_str(j, p->next);
}

static void
take_names(
    struct listing *l, const struct provider_list *p, const struct json *j)
{
	const struct json *list = json_get(j, p->rows), *row;
	unsigned i;

	if (list == NULL || list->type != JSON_ARRAY) {
		/* Google leaves out what is empty. */
		if (j == NULL || j->type != JSON_OBJECT || p->next == NULL)
			l->error = "its answer is no list of models";
		return;
	}
	for (row = list->child; row != NULL; row = row->next)
		for (i = 0; i < NELEM(p->name) && p->name[i] != NULL; i++)
			take_name(l, json_get_str(row, p->name[i]), i > 0);
}

static bool
sign_in(struct listing *l, struct run *r, struct parcel *p)
{
	const enum signin_why why = once_sign_in(l->snapshot, l->provider, r);
	unsigned i;

	l->status = r->status;
	if (why != SIGNIN_WHY_NONE) {
		l->error = signin_why_text(why);
		return false;
	}
	p->wall_ns = r->now_s * NS_PER_S;
	if (r->kind == PASS_BEARER)
		p->bearer = r->part[0];
	for (i = 0; i < NELEM(p->aws) && r->kind == PASS_AWS; i++)
		p->aws[i] = r->part[i];
	return true;
}

/* As calls of it go, by its proxy and its certificates. */
static enum fault
ask_provider(const struct provider_conf *c, const struct http_head *head,
    struct asked *a)
{
	const struct tls_terms terms = { .id = c->tls_id,
		.ca = c->ca_pem,
		.cert = c->client_chain,
		.key = c->client_key,
		.names = c->tls_names,
		.pins = c->tls_pins };
	const struct origin origin = { .host = c->host,
		.port = c->port,
		.tls = c->tls,
		.literal = c->literal,
		.allow_private = c->allow_private,
		.ca_file = c->ca_file,
		.terms = c->tls_id != NULL ? &terms : NULL,
		.proxy_host = c->proxy_host,
		.proxy_port = c->proxy_port,
		.proxy_auth = c->proxy_auth,
		.http = c->h2c ? ORIGIN_H2C : ORIGIN_H1 };

	return ask_place(&origin, head, a);
}

/* One page; the mark of the next. */
static struct slice
fetch_page(struct listing *l, struct parcel *p, const struct provider_conf *c)
{
	static struct http_head head; /* large */
	struct slice next = S("");
	struct asked a = { 0 };
	enum fault f;

	head = (struct http_head){ 0 };
	p->head = &head;
	(void)http_add(&head, S("content-type"), S("application/json"));
	(void)http_add(&head, S("accept-encoding"), S("identity"));
	f = provider_get(c->type)->dress(p);
	if (f == FAULT_NONE)
		f = ask_provider(c, &head, &a);
	l->status = a.status;
	if (f != FAULT_NONE) {
		l->error = fault_get(f)->text;
	} else if (a.status == 200) {
		take_names(l, p->list, a.json);
		next = arena_copy(&l->arena, next_page(p->list, a.json));
		if (l->error == NULL && !p->list->of_models)
			l->of_deployments = true;
	} else if (!p->list->optional) {
		l->error = "it did not give its list";
	}
	asked_fini(&a);
	return next;
}

static void
fetch_list(
    struct listing *l, struct parcel *p, const struct provider_list *list)
{
	struct provider_conf c = *l->provider;
	const struct deployment_conf any = { .provider = &c, .name = "" };
	unsigned i;

	if (list->control)
		c.host = provider_control(&l->arena, &c);
	p->deployment = &any;
	p->list = list;
	p->cursor = S("");
	for (i = 0; i < PAGES_MAX && l->error == NULL; i++) {
		p->cursor = fetch_page(l, p, &c);
		if (p->cursor.len == 0)
			return;
	}
	if (l->error == NULL)
		l->error = "its list does not end";
}

static void
fetch(struct listing *l)
{
	const struct provider_conf *c = l->provider;
	const struct provider_list *list = provider_get(c->type)->lists;
	struct parcel p = { .wall_ns = clock_wall_ns(), .arena = &l->arena };
	struct run r = { 0 };

	if (c->signin == NULL || sign_in(l, &r, &p)) {
		for (; list->tail != NULL && l->error == NULL; list++) {
			if (list->of == NULL || list->of(c))
				fetch_list(l, &p, list);
		}
	}
	run_end(&r);
}

/* --- the comparison -------------------------------------------------- */

enum found { FOUND_THERE, FOUND_NOT, FOUND_UNSAID };

/*
 * By the name there; Claude's versions go behind an '@'.  UNSAID: the lists
 * name models, and nothing says which one this is.
 */
static enum found
find(const struct listing *l, const struct deployment_conf *d)
{
	const struct slice name = short_name(slice_of(d->name));
	struct slice bare = name, version;

	(void)slice_cut(name, '@', &bare, &version);
	if (is_listed(l, name) || is_listed(l, bare))
		return FOUND_THERE;
	if (strstr(d->name, "/endpoints/") != NULL)
		return FOUND_UNSAID;
	if (l->of_deployments)
		return FOUND_NOT;
	return is_listed(l, slice_of(d->model->id)) ? FOUND_THERE
						    : FOUND_UNSAID;
}

static bool
is_new(const struct listing *l, const struct listed *row)
{
	const struct snapshot *s = l->snapshot;
	struct slice bare, version;
	unsigned i;

	for (i = 0; i < s->ndeployments && !row->alias; i++) {
		const struct deployment_conf *d = &s->deployment[i];

		if (d->provider != l->provider)
			continue;
		bare = short_name(slice_of(d->name));
		if (slice_eq(row->name, bare) ||
		    (slice_cut(bare, '@', &bare, &version) &&
			slice_eq(row->name, bare)) ||
		    (!l->of_deployments &&
			slice_eq(row->name, slice_of(d->model->id))))
			return false;
	}
	return !row->alias;
}

static unsigned
count(const struct listing *l)
{
	unsigned n = 0, i;

	for (i = 0; i < l->n; i++)
		n += !l->row[i].alias;
	return n;
}

static void
write_found(
    struct buf *b, const struct listing *l, const char *key, enum found what)
{
	const struct snapshot *s = l->snapshot;
	unsigned i;

	json_w_key(b, key);
	json_w_begin(b, '[');
	for (i = 0; l->error == NULL && i < s->ndeployments; i++) {
		if (s->deployment[i].provider == l->provider &&
		    find(l, &s->deployment[i]) == what)
			json_w_str(b, slice_of(s->deployment[i].id));
	}
	json_w_end(b, ']');
}

static void
write_json(struct buf *b, const struct listing *l)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_kstr(b, "provider", slice_of(l->provider->id));
	json_w_kbool(b, "asked", l->error == NULL);
	if (l->error != NULL)
		json_w_kstr(b, "error", slice_of(l->error));
	json_w_ki64(b, "status", l->status);
	json_w_ki64(b, "listed", count(l));
	write_found(b, l, "missing", FOUND_NOT);
	write_found(b, l, "unsaid", FOUND_UNSAID);
	json_w_key(b, "new");
	json_w_begin(b, '[');
	for (i = 0; l->error == NULL && i < l->n; i++) {
		if (is_new(l, &l->row[i]))
			json_w_str(b, l->row[i].name);
	}
	json_w_end(b, ']');
	json_w_end(b, '}');
}

static void
write_deployments(struct buf *b, const struct snapshot *s,
    const struct listing *l, enum found what, const char *word)
{
	unsigned i;

	for (i = 0; i < s->ndeployments; i++) {
		if (s->deployment[i].provider == l->provider &&
		    find(l, &s->deployment[i]) == what)
			buf_fmt(b, "  %s  %s (deployment %s)\n", word,
			    s->deployment[i].name, s->deployment[i].id);
	}
}

static void
write_lines(struct buf *b, const struct snapshot *s, const struct listing *l)
{
	unsigned i;

	if (l->error != NULL) {
		buf_fmt(b, "%s: %s", l->provider->id, l->error);
		if (l->status != 0)
			buf_fmt(b, " (%d)", l->status);
		buf_char(b, '\n');
		return;
	}
	buf_fmt(b, "%s: %u models\n", l->provider->id, count(l));
	write_deployments(b, s, l, FOUND_NOT, "missing");
	write_deployments(b, s, l, FOUND_UNSAID, "unsaid ");
	for (i = 0; i < l->n; i++) {
		if (is_new(l, &l->row[i]))
			buf_fmt(b, "  new      %.*s\n", S_FMT(l->row[i].name));
	}
}

static bool
compare(const struct snapshot *s, const struct provider_conf *c, bool json,
    struct buf *out)
{
	struct listing l = { .snapshot = s, .provider = c };
	bool good;

	fetch(&l);
	good = l.error == NULL;
	if (json)
		write_json(out, &l);
	else
		write_lines(out, s, &l);
	arena_fini(&l.arena);
	return good;
}

static bool
load(const char *file, struct snapshot **out)
{
	struct report *r = NEW(struct report);
	struct buf said = { 0 };
	const bool good = config_load(file, r, out);

	report_write(r, &said);
	fwrite(said.p, 1, said.len, stderr);
	buf_fini(&said);
	report_fini(r);
	mem_free(r);
	return good;
}

int
command_models_diff(int argc, char **argv)
{
	const char *file = "kontor.yaml", *only = NULL;
	bool json = false, good = true, any = false;
	const struct arg arg[] = { { .name = "c", .value = &file },
		{ .name = "provider", .value = &only },
		{ .name = "json", .flag = &json } };
	struct snapshot *s;
	struct buf out = { 0 };
	unsigned none = 0, i;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (!load(file, &s))
		return 1;
	if (json)
		buf_str(&out, "{\"providers\":[");
	for (i = 0; i < s->nproviders; i++) {
		if (only != NULL && strcmp(only, s->provider[i].id) != 0)
			continue;
		any = true;
		good = compare(s, &s->provider[i], json, &out) && good;
	}
	if (json)
		buf_str(&out, "]}\n");
	if (!any)
		fprintf(stderr, "kontor: there is no such provider\n");
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	snapshot_unref(&s);
	return good && any ? 0 : 1;
}
