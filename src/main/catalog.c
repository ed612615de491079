/*
 * catalog.c - kontor models diff: what providers list, against what is
 * configured
 *
 * Asked on demand, with the credentials of the configuration, by this process
 * alone: the running instance has no part in it.  Where a credential expires,
 * this process signs in for itself.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "courier/once.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/config.h"
#include "main/pricing.h"
#include "provider/provider.h"

struct listing {
	struct arena arena;
	const struct snapshot *snapshot;
	const struct provider_conf *provider;
	const char *error; /* NULL: names were got */
	int status;
	unsigned n, room;
	struct slice *name;
};

static void
take_name(struct listing *l, struct slice name)
{
	static const struct slice prefix = S_INIT("models/");

	if (slice_starts(name, prefix))
		name = (struct slice){ name.p + prefix.len,
			name.len - prefix.len };
	if (name.len > 0 && l->n < l->room)
		l->name[l->n++] = arena_copy(&l->arena, name);
}

/* {"data":[{"id"}]} of OpenAI and who follows it, {"models":[{"name"}]}. */
static void
take_names(struct listing *l, const struct json *j)
{
	const struct json *list = json_get(j, "data"), *row;
	const char *key = "id";

	if (list == NULL) {
		list = json_get(j, "models");
		key = "name";
	}
	if (list == NULL || list->type != JSON_ARRAY) {
		l->error = "its answer is no list of models";
		return;
	}
	l->room = (unsigned)list->n;
	l->name = ARENA_ARRAY(&l->arena, struct slice, list->n + 1);
	for (row = list->child; row != NULL; row = row->next)
		take_name(l, json_get_str(row, key));
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

static void
fetch(struct listing *l)
{
	const struct provider_conf *c = l->provider;
	const struct deployment_conf any = { .provider = c, .name = "" };
	const struct origin origin = { .host = c->host,
		.port = c->port,
		.tls = c->tls,
		.literal = c->literal,
		.allow_private = c->allow_private,
		.ca_file = c->ca_file };
	struct http_head head = { 0 };
	struct parcel p = { .deployment = &any,
		.list = true,
		.wall_ns = clock_wall_ns(),
		.arena = &l->arena,
		.head = &head };
	struct asked a = { 0 };
	struct run r = { 0 };
	enum fault f;

	if (c->signin != NULL && !sign_in(l, &r, &p)) {
		run_end(&r);
		return;
	}
	(void)http_add(&head, S("content-type"), S("application/json"));
	(void)http_add(&head, S("accept-encoding"), S("identity"));
	f = provider_get(c->type)->dress(&p);
	if (f == FAULT_NONE)
		f = ask_place(&origin, &head, &a);
	l->status = a.status;
	if (f != FAULT_NONE)
		l->error = fault_get(f)->text;
	else if (a.status != 200)
		l->error = "it did not give its list";
	else
		take_names(l, a.json);
	asked_fini(&a);
	run_end(&r);
}

static void
look_at(struct listing *l)
{
	if (!provider_get(l->provider->type)->lists)
		l->error = "its type has no list of models";
	else
		fetch(l);
}

/* --- the comparison -------------------------------------------------- */

static bool
is_listed(const struct listing *l, const char *name)
{
	unsigned i;

	for (i = 0; i < l->n; i++) {
		if (slice_eq(l->name[i], slice_of(name)))
			return true;
	}
	return false;
}

/* By the name there; Azure lists models, not what deployments are called. */
static bool
is_there(const struct listing *l, const struct deployment_conf *d)
{
	return is_listed(l, d->name) || is_listed(l, d->model->id);
}

static bool
is_configured(const struct snapshot *s, const struct listing *l, unsigned at)
{
	unsigned i;

	for (i = 0; i < s->ndeployments; i++) {
		const struct deployment_conf *d = &s->deployment[i];

		if (d->provider == l->provider &&
		    (slice_eq(l->name[at], slice_of(d->name)) ||
			slice_eq(l->name[at], slice_of(d->model->id))))
			return true;
	}
	return false;
}

static void
write_json(struct buf *b, const struct snapshot *s, const struct listing *l)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_kstr(b, "provider", slice_of(l->provider->id));
	json_w_kbool(b, "asked", l->error == NULL);
	if (l->error != NULL)
		json_w_kstr(b, "error", slice_of(l->error));
	json_w_ki64(b, "status", l->status);
	json_w_ki64(b, "listed", l->n);
	json_w_key(b, "missing");
	json_w_begin(b, '[');
	for (i = 0; l->error == NULL && i < s->ndeployments; i++) {
		if (s->deployment[i].provider == l->provider &&
		    !is_there(l, &s->deployment[i]))
			json_w_str(b, slice_of(s->deployment[i].id));
	}
	json_w_end(b, ']');
	json_w_key(b, "new");
	json_w_begin(b, '[');
	for (i = 0; i < l->n; i++) {
		if (!is_configured(s, l, i))
			json_w_str(b, l->name[i]);
	}
	json_w_end(b, ']');
	json_w_end(b, '}');
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
	buf_fmt(b, "%s: %u models\n", l->provider->id, l->n);
	for (i = 0; i < s->ndeployments; i++) {
		if (s->deployment[i].provider == l->provider &&
		    !is_there(l, &s->deployment[i]))
			buf_fmt(b, "  missing  %s (deployment %s)\n",
			    s->deployment[i].name, s->deployment[i].id);
	}
	for (i = 0; i < l->n; i++) {
		if (!is_configured(s, l, i))
			buf_fmt(b, "  new      %.*s\n", S_FMT(l->name[i]));
	}
}

static bool
compare(const struct snapshot *s, const struct provider_conf *c, bool json,
    struct buf *out)
{
	struct listing l = { .snapshot = s, .provider = c };
	bool good;

	look_at(&l);
	good = l.error == NULL;
	if (json)
		write_json(out, s, &l);
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
