/*
 * plan.c - kontor plan and reload: what would change, and do it
 *
 * Both sides are the compiled configuration without secrets, so what is
 * compared is what the processes hold.
 */
#include <stdio.h>

#include "base/json.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/config.h"
#include "main/plan.h"
#include "main/report.h"
#include "model/snapshot.h"

struct plan {
	struct buf out;
	bool json;
	unsigned n;
	/* What the line is about: "deployment", its id. */
	const char *kind;
	struct slice id;
};

static void
begin_line(struct plan *p, const char *change, char sign)
{
	p->n++;
	if (!p->json) {
		buf_fmt(&p->out, "%c %s %.*s", sign, p->kind, S_FMT(p->id));
		return;
	}
	json_w_begin(&p->out, '{');
	json_w_kstr(&p->out, "change", slice_of(change));
	json_w_kstr(&p->out, "kind", slice_of(p->kind));
	json_w_kstr(&p->out, "id", p->id);
}

static void
end_line(struct plan *p)
{
	if (p->json)
		json_w_end(&p->out, '}');
	else
		buf_char(&p->out, '\n');
}

static void
whole(struct plan *p, bool added)
{
	begin_line(p, added ? "added" : "removed", added ? '+' : '-');
	end_line(p);
}

static void
value_text(struct buf *out, const struct json *v)
{
	if (v == NULL)
		buf_str(out, "none");
	else if (v->type == JSON_TRUE || v->type == JSON_FALSE)
		buf_str(out, v->type == JSON_TRUE ? "true" : "false");
	else
		buf_add(out, v->text);
}

static void
json_value(struct buf *out, const char *key, const struct json *v)
{
	struct buf text = { 0 };

	value_text(&text, v);
	json_w_kstr(out, key, buf_slice(&text));
	buf_fini(&text);
}

static void
changed(struct plan *p, struct slice field, const struct json *old,
    const struct json *new)
{
	begin_line(p, "changed", '~');
	if (p->json) {
		json_w_kstr(&p->out, "field", field);
		json_value(&p->out, "from", old);
		json_value(&p->out, "to", new);
	} else {
		buf_fmt(&p->out, ": %.*s ", S_FMT(field));
		value_text(&p->out, old);
		buf_str(&p->out, " -> ");
		value_text(&p->out, new);
	}
	end_line(p);
}

static bool
is_plain(const struct json *v)
{
	return v->type != JSON_ARRAY && v->type != JSON_OBJECT;
}

static bool
same(const struct json *a, const struct json *b)
{
	return a != NULL && b != NULL && a->type == b->type &&
	       slice_eq(a->text, b->text);
}

static const struct json *
member(const struct json *object, struct slice key)
{
	const struct json *c;

	for (c = object->child; c != NULL; c = c->next) {
		if (slice_eq(c->key, key))
			return c;
	}
	return NULL;
}

/* The plain members of two objects. */
static void
compare_fields(struct plan *p, const struct json *old, const struct json *new)
{
	const struct json *c;

	for (c = new->child; c != NULL; c = c->next) {
		if (is_plain(c) && !same(member(old, c->key), c) &&
		    !slice_eq(c->key, S("generation")))
			changed(p, c->key, member(old, c->key), c);
	}
	for (c = old->child; c != NULL; c = c->next) {
		if (is_plain(c) && member(new, c->key) == NULL)
			changed(p, c->key, c, NULL);
	}
}

static const struct json *
by_name(const struct json *list, const char *name, struct slice id)
{
	const struct json *c = list != NULL ? list->child : NULL;

	while (c != NULL && !slice_eq(json_get_str(c, name), id))
		c = c->next;
	return c;
}

typedef void compare_f(
    struct plan *p, const struct json *old, const struct json *new);

static void
compare_lists(struct plan *p, const char *kind, const char *name,
    const struct json *old, const struct json *new, compare_f *inside)
{
	const struct json *c, *twin;

	for (c = new != NULL ? new->child : NULL; c != NULL; c = c->next) {
		p->kind = kind;
		p->id = json_get_str(c, name);
		twin = by_name(old, name, p->id);
		if (twin == NULL)
			whole(p, true);
		else
			inside(p, twin, c);
	}
	for (c = old != NULL ? old->child : NULL; c != NULL; c = c->next) {
		p->kind = kind;
		p->id = json_get_str(c, name);
		if (by_name(new, name, p->id) == NULL)
			whole(p, false);
	}
}

/* A price never changes: its id is what it says. */
static void
compare_prices(struct plan *p, const struct json *old, const struct json *new)
{
	const struct json *before = json_get(old, "prices"),
			  *after = json_get(new, "prices"), *c;
	const struct slice id = p->id;

	p->kind = "price of";
	for (c = after != NULL ? after->child : NULL; c != NULL; c = c->next) {
		if (by_name(before, "id", json_get_str(c, "id")) == NULL)
			whole(p, true);
	}
	for (c = before != NULL ? before->child : NULL; c != NULL;
	     c = c->next) {
		if (by_name(after, "id", json_get_str(c, "id")) == NULL)
			whole(p, false);
	}
	p->id = id;
}

static void
compare_deployment(
    struct plan *p, const struct json *old, const struct json *new)
{
	compare_fields(p, old, new);
	compare_prices(p, old, new);
}

/* How a provider is signed in to counts as the provider's own. */
static void
compare_provider(struct plan *p, const struct json *old, const struct json *new)
{
	static const struct json none = { .type = JSON_OBJECT };
	const struct json *before = json_get(old, "signin"),
			  *after = json_get(new, "signin");

	compare_fields(p, old, new);
	compare_fields(
	    p, before != NULL ? before : &none, after != NULL ? after : &none);
}

/* Their order is what the priority strategy goes by. */
static bool
same_order(const struct json *old, const struct json *new)
{
	const struct json *a = old->child, *b = new->child;

	while (a != NULL && b != NULL &&
	       slice_eq(json_get_str(a, "id"), json_get_str(b, "id"))) {
		a = a->next;
		b = b->next;
	}
	return a == NULL && b == NULL;
}

static void
compare_model(struct plan *p, const struct json *old, const struct json *new)
{
	const struct json *before = json_get(old, "deployments"),
			  *after = json_get(new, "deployments");

	compare_fields(p, old, new);
	if (before != NULL && after != NULL && before->n == after->n &&
	    !same_order(before, after))
		changed(p, S("order of deployments"), NULL, NULL);
	compare_lists(p, "deployment", "id", before, after, compare_deployment);
}

static void
compare_agreement(
    struct plan *p, const struct json *old, const struct json *new)
{
	compare_fields(p, old, new);
	compare_lists(p, "revenue share", "partner", json_get(old, "shares"),
	    json_get(new, "shares"), compare_fields);
}

static void
compare_all(struct plan *p, const struct json *old, const struct json *new)
{
	p->kind = "option";
	p->id = S("");
	compare_fields(p, old, new);
	compare_lists(p, "provider", "id", json_get(old, "providers"),
	    json_get(new, "providers"), compare_provider);
	compare_lists(p, "model", "id", json_get(old, "models"),
	    json_get(new, "models"), compare_model);
	compare_lists(p, "alias", "name", json_get(old, "aliases"),
	    json_get(new, "aliases"), compare_fields);
	compare_lists(p, "agreement", "name", json_get(old, "agreements"),
	    json_get(new, "agreements"), compare_agreement);
}

void
plan_changes(struct slice old, struct slice new, struct buf *out)
{
	struct plan p = { .json = true };
	struct arena a = { 0 };
	struct json *before, *after;

	CHECK(json_parse(&a, old, &before) == FAULT_NONE);
	CHECK(json_parse(&a, new, &after) == FAULT_NONE);
	compare_all(&p, before, after);
	buf_add(out, buf_slice(&p.out));
	buf_fini(&p.out);
	arena_fini(&a);
}

/* The file as the processes would hold it; false: said on stderr. */
static bool
compile_file(const char *file, struct buf *out)
{
	struct report *r = NEW(struct report);
	struct buf said = { 0 };
	struct snapshot *s;
	const bool good = config_load(file, r, &s);

	if (good)
		snapshot_write(s, SNAPSHOT_BARE, out);
	report_write(r, &said);
	if (said.len > 0)
		fwrite(said.p, 1, said.len, stderr);
	buf_fini(&said);
	snapshot_unref(&s);
	report_fini(r);
	mem_free(r);
	return good;
}

static int
print_plan(struct plan *p)
{
	if (p->json)
		printf("{\"changes\":[%.*s]}\n", S_FMT(buf_slice(&p->out)));
	else if (p->n == 0)
		printf("nothing would change (secrets are not compared)\n");
	else
		printf("%.*s", S_FMT(buf_slice(&p->out)));
	return 0;
}

static int
make_plan(const struct where *w, struct slice text, bool json)
{
	struct plan p = { .json = json };
	struct arena arena = { 0 };
	struct asked a = { 0 };
	struct json *new;
	int status = 1;

	CHECK(json_parse(&arena, text, &new) == FAULT_NONE);
	if (ask_good(w, "GET", "/api/v1/config", S(""), &a) && a.json != NULL &&
	    a.json->type == JSON_OBJECT) {
		compare_all(&p, a.json, new);
		status = print_plan(&p);
	}
	buf_fini(&p.out);
	asked_fini(&a);
	arena_fini(&arena);
	return status;
}

int
command_plan(int argc, char **argv)
{
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	const char *file;
	struct buf text = { 0 };
	unsigned none = 0;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	file = w.config != NULL ? w.config : "kontor.yaml";
	if (compile_file(file, &text))
		status = make_plan(&w, buf_slice(&text), json);
	buf_fini(&text);
	return status;
}

int
command_reload(int argc, char **argv)
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
	if (ask_good(&w, "POST", "/api/v1/config/reload", S(""), &a)) {
		if (json)
			printf("%.*s", S_FMT(buf_slice(&a.text)));
		else
			printf("configuration %.*s is in force\n",
			    S_FMT(json_get_str(a.json, "generation")));
		status = 0;
	}
	asked_fini(&a);
	return status;
}
