#include "main/routing.h"

#include "base/date.h"
#include "model/ident.h"

struct taker {
	struct arena *scratch;
	struct report *report;
	struct snapshot *s;
	struct model_conf *model;
	const struct ynode *const *node;
};

/* --- values ---------------------------------------------------------- */

static const struct ynode *
scalar(const struct ynode *n, const char *rel)
{
	const struct ynode *at = ynode_find(n, rel);

	return at != NULL && at->kind == YNODE_SCALAR ? at : NULL;
}

static const char *
text_of(struct taker *k, const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);

	return at != NULL ? arena_str(&k->s->arena, at->text) : "";
}

static int64_t
date_of(const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);
	int64_t ns;

	return at != NULL && date_parse(at->text, &ns) ? ns : 0;
}

/* A list of words as one text with commas. */
static const char *
words_of(struct taker *k, const struct ynode *n, const char *rel)
{
	const struct ynode *list = ynode_find(n, rel), *at;
	struct buf b = { 0 };
	const char *out;

	if (list == NULL || list->kind != YNODE_LIST)
		return "";
	for (at = list->child; at != NULL; at = at->next) {
		if (at->kind != YNODE_SCALAR)
			continue;
		if (b.len > 0)
			buf_char(&b, ',');
		buf_add(&b, at->text);
	}
	out = arena_str(&k->s->arena, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static struct mark
place(const struct ynode *n)
{
	return n->key.len > 0 ? n->key_at : n->at;
}

/* --- models ---------------------------------------------------------- */

static const char *
model_hint(struct taker *k, struct slice typed)
{
	const unsigned n = k->s->nmodels;
	const char **names = ARENA_ARRAY(k->scratch, const char *, n + 1);
	const char *near;
	unsigned i;

	for (i = 0; i < n; i++)
		names[i] = k->model[i].id;
	near = report_nearest(typed, names, n);
	return near != NULL
		   ? arena_fmt(k->scratch, "did you mean \"%s\"?", near)
		   : "the id of a model, not an alias";
}

static const struct model_conf *
model_of(struct taker *k, const struct ynode *at)
{
	unsigned i;

	for (i = 0; i < k->s->nmodels; i++) {
		if (slice_eq(slice_of(k->model[i].id), at->text))
			return &k->model[i];
	}
	report_add(k->report, at->at, model_hint(k, at->text),
	    "there is no model \"%.*s\"", S_FMT(at->text));
	return NULL;
}

static const struct model_conf *
link_of(
    struct taker *k, const struct ynode *n, const char *rel, const char **id)
{
	const struct ynode *at = scalar(n, rel);
	const struct model_conf *m = at != NULL ? model_of(k, at) : NULL;

	*id = m != NULL ? m->id : "";
	return m;
}

static void
take_lifecycle(struct taker *k, const struct ynode *n, struct model_conf *m)
{
	const struct ynode *life = ynode_find(n, "lifecycle");
	const struct ynode *then = scalar(n, "lifecycle.then");

	m->deprecated_ns = date_of(n, "lifecycle.deprecated");
	m->retires_ns = date_of(n, "lifecycle.retires");
	m->successor = link_of(k, n, "lifecycle.successor", &m->successor_id);
	m->redirects = then != NULL && slice_eq(then->text, S("redirect"));
	if (m->redirects && scalar(n, "lifecycle.successor") == NULL)
		report_add(k->report, then->at, "successor: MODEL",
		    "redirect needs a successor");
	if (m->redirects && m->retires_ns == 0)
		report_add(k->report, then->at, "retires: 2027-01-31",
		    "redirect needs the date from which it holds");
	if (m->retires_ns != 0 && m->deprecated_ns > m->retires_ns)
		report_add(k->report, place(life), NULL,
		    "it retires before it is deprecated");
}

static void
take_model(struct taker *k, const struct ynode *n, struct model_conf *m)
{
	const struct ynode *affinity = scalar(n, "route.affinity");

	m->capabilities = words_of(k, n, "capabilities");
	take_lifecycle(k, n, m);
	m->larger = link_of(k, n, "route.larger", &m->larger_id);
	m->fallback = link_of(k, n, "route.fallback", &m->fallback_id);
	if (affinity != NULL && slice_eq(affinity->text, S("session")))
		m->affinity = AFFINITY_SESSION;
	if (affinity != NULL && slice_eq(affinity->text, S("prompt_cache")))
		m->affinity = AFFINITY_PROMPT_CACHE;
}

enum link { LINK_SUCCESSOR, LINK_LARGER, LINK_FALLBACK, LINKS };

static const char *const link_names[LINKS] = { "lifecycle.successor",
	"route.larger", "route.fallback" };

static const struct model_conf *
link_at(const struct model_conf *m, enum link l)
{
	switch (l) {
	case LINK_SUCCESSOR:
		return m->successor;
	case LINK_LARGER:
		return m->larger;
	case LINK_FALLBACK:
		return m->fallback;
	case LINKS:
		break;
	}
	return NULL;
}

/*
 * Depth first over all three kinds of links: a call may go on by one and then
 * by another.  path[] are the models on the way, state[] 1 on it, 2 done.
 */
struct walk {
	struct taker *k;
	const struct ynode **node; /* of each model */
	uint8_t *state;
	struct {
		unsigned model;
		unsigned link;
	} * path;
	unsigned n;
};

static void
tell_cycle(struct walk *w, unsigned at, enum link l)
{
	const struct model_conf *model = w->k->model;
	const unsigned from = w->path[w->n - 1].model;
	const struct ynode *where = ynode_find(w->node[from], link_names[l]);
	struct buf b = { 0 };
	unsigned i = 0;

	while (w->path[i].model != at)
		i++;
	for (; i < w->n; i++)
		buf_fmt(&b, "%s > ", model[w->path[i].model].id);
	buf_str(&b, model[at].id);
	report_add(w->k->report, where->at, "a call must come to an end",
	    "the models go round in a circle: %s", buf_cstr(&b));
	buf_fini(&b);
}

static void
step(struct walk *w)
{
	const unsigned at = w->path[w->n - 1].model;
	const enum link l = (enum link)w->path[w->n - 1].link++;
	const struct model_conf *to;

	if (l == LINKS) {
		w->state[at] = 2;
		w->n--;
		return;
	}
	to = link_at(&w->k->model[at], l);
	if (to == NULL || w->state[to->index] == 2)
		return;
	if (w->state[to->index] == 1) {
		tell_cycle(w, to->index, l);
		return;
	}
	w->state[to->index] = 1;
	w->path[w->n].model = to->index;
	w->path[w->n++].link = 0;
}

static void
check_cycles(struct taker *k, const struct ynode **node)
{
	const unsigned n = k->s->nmodels;
	struct walk w = { .k = k, .node = node };
	unsigned i;

	w.state = ARENA_ARRAY(k->scratch, uint8_t, n + 1);
	w.path = arena_new(k->scratch, (n + 1) * sizeof(*w.path));
	for (i = 0; i < n; i++) {
		if (w.state[i] != 0)
			continue;
		w.state[i] = 1;
		w.path[0].model = i;
		w.path[0].link = 0;
		w.n = 1;
		while (w.n > 0)
			step(&w);
	}
}

static void
take_models(struct taker *k, const struct ynode *root)
{
	const struct ynode *map = ynode_find(root, "models"), *n;
	const struct ynode **node =
	    ARENA_ARRAY(k->scratch, const struct ynode *, k->s->nmodels + 1);
	unsigned i = 0;

	if (map == NULL || map->kind != YNODE_MAP)
		return;
	for (n = map->child; n != NULL; n = n->next) {
		if (n->kind != YNODE_MAP)
			continue;
		node[i] = n;
		take_model(k, n, &k->model[i++]);
	}
	check_cycles(k, node);
}

/* --- who a rule is for ----------------------------------------------- */

/* k=v: a rule by what cannot be a tag would never hold. */
static bool
is_tag(struct slice name)
{
	struct slice key, value;

	return slice_cut(name, '=', &key, &value) && key.len > 0 &&
	       value.len > 0 && memchr(name.p, ',', name.len) == NULL &&
	       memchr(name.p, ' ', name.len) == NULL;
}

static void
take_match(struct taker *k, const struct ynode *n, struct match_conf *m)
{
	const struct ynode *at;
	uint64_t id;

	m->org = text_of(k, n, "match.org");
	m->team = text_of(k, n, "match.team");
	m->project = text_of(k, n, "match.project");
	m->user = text_of(k, n, "match.user");
	m->service = text_of(k, n, "match.service");
	m->tag = text_of(k, n, "match.tag");
	m->key = text_of(k, n, "match.key");
	m->model = text_of(k, n, "match.model");
	m->data_class = text_of(k, n, "match.data_class");
	at = scalar(n, "match.model");
	if (at != NULL)
		(void)model_of(k, at);
	at = scalar(n, "match.key");
	if (at != NULL && !key_id_parse(at->text, &id))
		report_add(k->report, at->at,
		    "the 12 characters behind ktk_, as in kontor key list",
		    "\"%.*s\" is not the id of a key", S_FMT(at->text));
	at = scalar(n, "match.tag");
	if (at != NULL && !is_tag(at->text))
		report_add(k->report, at->at, "for example data=pii",
		    "\"%.*s\" is no tag: no call can have it", S_FMT(at->text));
	at = scalar(n, "match.data_class");
	if (at != NULL && k->s->data_classes[0] != '\0' &&
	    !snapshot_words_have(k->s->data_classes, at->text))
		report_add(k->report, at->at, k->s->data_classes,
		    "\"%.*s\" is not one of data_classes", S_FMT(at->text));
}

/* --- residency ------------------------------------------------------- */

static bool
zone_exists(const struct taker *k, struct slice zone, bool store)
{
	unsigned i;

	for (i = 0; i < k->s->ndeployments; i++) {
		const struct deployment_conf *d = &k->s->deployment[i];

		if (slice_eq(slice_of(store ? d->store_zone : d->zone), zone))
			return true;
	}
	return false;
}

static const char *
zone_hint(struct taker *k, struct slice typed)
{
	const unsigned n = k->s->ndeployments;
	const char **names = ARENA_ARRAY(k->scratch, const char *, n + 1);
	const char *near;
	unsigned i;

	for (i = 0; i < n; i++)
		names[i] = k->s->deployment[i].zone;
	near = report_nearest(typed, names, n);
	return near != NULL && near[0] != '\0'
		   ? arena_fmt(k->scratch, "did you mean \"%s\"?", near)
		   : "zone: of a deployment or a provider says where it is";
}

static void
check_zones(struct taker *k, const struct ynode *n, const char *rel, bool store)
{
	const struct ynode *list = ynode_find(n, rel), *at;

	if (list == NULL || list->kind != YNODE_LIST)
		return;
	for (at = list->child; at != NULL; at = at->next) {
		if (at->kind == YNODE_SCALAR &&
		    !zone_exists(k, at->text, store))
			report_add(k->report, at->at, zone_hint(k, at->text),
			    "no deployment is in zone \"%.*s\"",
			    S_FMT(at->text));
	}
}

/* Nobody guesses where a deployment is that a rule may be asked about. */
static void
check_zoned(struct taker *k, const struct residency_conf *r)
{
	unsigned i;

	for (i = 0; i < k->s->ndeployments; i++) {
		const struct deployment_conf *d = &k->s->deployment[i];

		if (d->zone[0] != '\0' ||
		    (r->match.model[0] != '\0' &&
			strcmp(r->match.model, d->model->id) != 0))
			continue;
		report_add(k->report, place(k->node[i]),
		    "zone: NAME, here or at its provider",
		    "the deployment \"%s\" has no zone, and the residency "
		    "rule \"%s\" may apply to it",
		    d->id, r->name);
	}
}

static void
take_residency(struct taker *k, const struct ynode *n, struct residency_conf *r)
{
	const struct ynode *days = scalar(n, "max_retention_days");
	uint64_t most;

	r->name = text_of(k, n, "name");
	if (r->name[0] == '\0')
		r->name =
		    arena_fmt(&k->s->arena, "residency[%u]", k->s->nresidency);
	take_match(k, n, &r->match);
	r->zones = words_of(k, n, "allow_zones");
	r->store_zones = words_of(k, n, "allow_stores");
	if (days != NULL && slice_u64(days->text, &most))
		r->retention = (uint32_t)most + 1;
	check_zones(k, n, "allow_zones", false);
	check_zones(k, n, "allow_stores", true);
	check_zoned(k, r);
}

static void
check_twin_rule(struct taker *k, const struct ynode *n,
    const struct residency_conf *r, unsigned nbefore)
{
	const struct ynode *at = scalar(n, "name");
	unsigned i;

	for (i = 0; i < nbefore; i++) {
		if (strcmp(k->s->residency[i].name, r->name) == 0)
			report_add(k->report, at != NULL ? at->at : place(n),
			    "each rule needs a name of its own",
			    "the rule \"%s\" is here twice", r->name);
	}
}

static void
take_rules(struct taker *k, const struct ynode *root)
{
	const struct ynode *list = ynode_find(root, "residency"), *n;
	struct residency_conf *r;

	if (list == NULL || list->kind != YNODE_LIST)
		return;
	r = ARENA_ARRAY(&k->s->arena, struct residency_conf, list->n + 1);
	k->s->residency = r;
	for (n = list->child; n != NULL; n = n->next) {
		if (n->kind != YNODE_MAP)
			continue;
		take_residency(k, n, &r[k->s->nresidency]);
		check_twin_rule(k, n, &r[k->s->nresidency], k->s->nresidency);
		k->s->nresidency++;
	}
}

/* --- priorities ------------------------------------------------------ */

static void
take_classes(struct taker *k, const struct ynode *root)
{
	const struct ynode *list = ynode_find(root, "priorities"), *n, *at;
	struct class_conf *o;
	enum call_class class;

	if (list == NULL || list->kind != YNODE_LIST)
		return;
	o = ARENA_ARRAY(&k->s->arena, struct class_conf, list->n + 1);
	k->s->class = o;
	for (n = list->child; n != NULL; n = n->next) {
		at = scalar(n, "class");
		if (n->kind != YNODE_MAP || at == NULL)
			continue;
		(void)class_conf_find(at->text, &class);
		o->class = (unsigned)class;
		take_match(k, n, &o->match);
		o++;
		k->s->nclasses++;
	}
}

void
routing_take(struct arena *scratch, const struct ynode *root, struct report *r,
    struct snapshot *s, struct model_conf *model,
    const struct ynode *const *node)
{
	struct taker k = { scratch, r, s, model, node };

	s->data_classes = words_of(&k, root, "data_classes");
	take_models(&k, root);
	take_rules(&k, root);
	take_classes(&k, root);
}
