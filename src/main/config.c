#include "main/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "io/address.h"
#include "main/options.h"
#include "main/pricing.h"
#include "main/routing.h"
#include "main/secret.h"
#include "main/signin.h"
#include "main/terms.h"
#include "main/transport.h"
#include "main/value.h"
#include "main/yaml.h"
#include "model/ident.h"
#include "model/place.h"
#include "model/snapshot.h"
#include "shm/shm.h"

struct compiler {
	struct arena *arena;  /* the snapshot's */
	struct arena scratch; /* tree and names */
	struct report *report;
	struct snapshot *s;
	const struct ynode *root;
	const char *dir; /* of the file, absolute */
	struct provider_conf *provider;
	struct model_conf *model;
	struct deployment_conf *deployment;
	const struct ynode **deployment_node;
	struct slice *priced_as;
	struct pricing_more *more;
};

/* --- values, with the defaults of options.def ------------------------ */

/* A scalar's text; the default when absent; empty when there is none. */
static struct slice
text_at(const struct ynode *base, const char *prefix, const char *rel)
{
	const struct ynode *n = ynode_find(base, rel);
	char path[256];
	size_t len;

	if (n != NULL && n->kind == YNODE_SCALAR)
		return n->text;
	len = strlen(prefix);
	CHECK(len + strlen(rel) < sizeof(path));
	memcpy(path, prefix, len);
	memcpy(path + len, rel, strlen(rel) + 1);
	return slice_of(option_find(path)->or_else);
}

static int64_t
duration_at(const struct ynode *base, const char *prefix, const char *rel)
{
	int64_t ns;

	return value_duration(text_at(base, prefix, rel), &ns) ? ns : 0;
}

static uint64_t
number_at(const struct ynode *base, const char *prefix, const char *rel)
{
	uint64_t v;

	return slice_u64(text_at(base, prefix, rel), &v) ? v : 0;
}

static const char *
keep(struct compiler *c, struct slice s)
{
	return arena_str(c->arena, s);
}

static const char *
absolute(struct compiler *c, struct slice path)
{
	if (slice_eq(path, S(".")))
		return keep(c, slice_of(c->dir));
	if (slice_starts(path, S("./")))
		path = (struct slice){ path.p + 2, path.len - 2 };
	if (path.len > 0 && path.p[0] == '/')
		return keep(c, path);
	return arena_fmt(c->arena, "%s/%.*s", c->dir, S_FMT(path));
}

static struct mark
place(const struct ynode *n)
{
	return n->key.len > 0 ? n->key_at : n->at;
}

/* 0: not said; else the days and 1. */
static uint32_t
days_at(const struct ynode *n, const char *prefix)
{
	uint64_t days;

	return slice_u64(text_at(n, prefix, "retention_days"), &days)
		   ? (uint32_t)days + 1
		   : 0;
}

/* --- providers ------------------------------------------------------- */

#define P "providers.*."

static const struct {
	const char *key;
	enum provider_type type;
} only_for[] = {
	{ "endpoint", PROVIDER_AZURE_OPENAI },
	{ "api_version", PROVIDER_AZURE_OPENAI },
	{ "organization", PROVIDER_OPENAI },
	{ "auth.access_token", PROVIDER_VERTEX },
	{ "auth.access_key_id", PROVIDER_BEDROCK },
	{ "auth.secret_access_key", PROVIDER_BEDROCK },
	{ "auth.session_token", PROVIDER_BEDROCK },
	{ "compartment", PROVIDER_OCI },
	{ "service", PROVIDER_BEDROCK },
};

static void
check_only_for(
    struct compiler *c, const struct ynode *n, enum provider_type type)
{
	const struct ynode *found;
	size_t i;

	for (i = 0; i < NELEM(only_for); i++) {
		found = ynode_find(n, only_for[i].key);
		if (found != NULL && only_for[i].type != type)
			report_add(c->report, place(found),
			    arena_fmt(&c->scratch, "it is for type %s",
				provider_type_text(only_for[i].type)),
			    "\"%.*s\" does not go with type %s",
			    S_FMT(found->key), provider_type_text(type));
	}
}

/* The node and the text of the base URL that the operator gave. */
static const struct ynode *
given_url(struct compiler *c, const struct ynode *n)
{
	const struct ynode *base = ynode_find(n, "base_url");
	const struct ynode *endpoint = ynode_find(n, "endpoint");

	if (base != NULL && endpoint != NULL)
		report_add(c->report, endpoint->key_at, "keep one of the two",
		    "endpoint and base_url say the same thing");
	return base != NULL ? base : endpoint;
}

/* A location, one of the two that span a continent, or the whole. */
static struct slice
vertex_url(struct compiler *c, const struct provider_conf *p)
{
	const char *l = p->region;

	if (*l == '\0' || strcmp(l, "global") == 0)
		return S("https://aiplatform.googleapis.com");
	return slice_of(arena_fmt(c->arena,
	    strcmp(l, "us") == 0 || strcmp(l, "eu") == 0
		? "https://aiplatform.%s.rep.googleapis.com"
		: "https://%s-aiplatform.googleapis.com",
	    l));
}

static struct slice
default_url(
    struct compiler *c, const struct ynode *n, const struct provider_conf *p)
{
	switch (p->type) {
	case PROVIDER_OPENAI:
		return S("https://api.openai.com/v1");
	case PROVIDER_BEDROCK:
		return slice_of(arena_fmt(c->arena,
		    p->mantle ? "https://bedrock-mantle.%s.api.aws"
			      : "https://bedrock-runtime.%s.amazonaws.com",
		    p->region));
	case PROVIDER_OCI:
		return slice_of(arena_fmt(c->arena,
		    "https://inference.generativeai.%s.oci.oraclecloud.com",
		    p->region));
	case PROVIDER_AZURE_OPENAI:
		report_add(c->report, n->key_at,
		    "endpoint: \"https://NAME.openai.azure.com\"",
		    "\"endpoint\" is missing here");
		break;
	case PROVIDER_OPENAI_COMPATIBLE:
		report_add(c->report, n->key_at,
		    "base_url: \"http://127.0.0.1:8000/v1\"",
		    "\"base_url\" is missing here");
		break;
	case PROVIDER_ANTHROPIC:
		return S("https://api.anthropic.com");
	case PROVIDER_GEMINI:
		return S("https://generativelanguage.googleapis.com");
	case PROVIDER_VERTEX:
		return vertex_url(c, p);
	case PROVIDER_TYPES:
		break;
	}
	return (struct slice){ NULL, 0 };
}

static void
check_host(struct compiler *c, const struct ynode *at, struct provider_conf *p)
{
	struct address a;

	p->literal = address_parse(&a, p->host, p->port);
	if (p->literal && address_kind(&a) == ADDRESS_METADATA)
		report_add(c->report, at->at, NULL,
		    "%s is where a cloud keeps credentials; it is never "
		    "dialled",
		    p->host);
	if (slice_ieq(slice_of(p->host), S("localhost")))
		p->literal = true;
}

static void
take_url(struct compiler *c, const struct ynode *n, struct provider_conf *p)
{
	const struct ynode *given = given_url(c, n);
	struct url_parts parts;
	struct slice text;

	text = given != NULL ? given->text : default_url(c, n, p);
	p->base_url = p->host = p->base_path = "";
	if (text.p == NULL || value_url(text, &parts) != NULL)
		return; /* reported */
	p->base_url = keep(c, parts.url);
	p->tls = parts.tls;
	p->host = keep(c, parts.host);
	p->port = parts.port;
	p->base_path = keep(c, parts.path);
	check_host(c, given != NULL ? given : n, p);
}

/* NULL: there is none, or it could not be resolved, which is reported. */
static const char *
take_secret(struct compiler *c, const struct ynode *n, const char *rel)
{
	const struct ynode *at = ynode_find(n, rel);
	struct secret_why why;
	const char *out;

	if (at == NULL || at->kind != YNODE_SCALAR)
		return NULL;
	if (secret_resolve(c->arena, c->dir, at->text, &out, &why))
		return out;
	report_add(c->report, at->at, why.hint, "%s", why.text);
	return NULL;
}

static bool
has(const struct ynode *n, const char *rel)
{
	return ynode_find(n, rel) != NULL;
}

static void
check_region(struct compiler *c, const struct ynode *n, const char *hint)
{
	if (!has(n, "region"))
		report_add(
		    c->report, n->key_at, hint, "\"region\" is missing here");
}

static void
check_bedrock_auth(struct compiler *c, const struct ynode *n)
{
	const bool id = has(n, "auth.access_key_id");
	const bool key = has(n, "auth.secret_access_key");

	if (has(n, "auth.api_key") ? id || key : id && !key)
		report_add(c->report, ynode_find(n, "auth")->key_at,
		    "api_key, or access_key_id and secret_access_key",
		    "\"auth\" must hold one whole credential");
	else if (!has(n, "auth.api_key") && !id)
		report_add(c->report, n->key_at,
		    "auth: {access_key_id: \"${AWS_ACCESS_KEY_ID}\", "
		    "secret_access_key: \"${AWS_SECRET_ACCESS_KEY}\"}",
		    "this provider needs auth");
}

static const char *
key_hint(enum provider_type type)
{
	switch ((int)type) {
	case PROVIDER_OPENAI:
		return "auth: {api_key: \"${OPENAI_API_KEY}\"}";
	case PROVIDER_ANTHROPIC:
		return "auth: {api_key: \"${ANTHROPIC_API_KEY}\"}";
	case PROVIDER_GEMINI:
		return "auth: {api_key: \"${GEMINI_API_KEY}\"}";
	default:
		return "auth: {api_key: \"${AZURE_OPENAI_API_KEY}\"}";
	}
}

/* A token for a project, or an API key of the express mode. */
static void
check_vertex_auth(struct compiler *c, const struct ynode *n)
{
	const bool token = has(n, "auth.access_token") || has(n, "auth.google");

	if (token == has(n, "auth.api_key"))
		report_add(c->report, n->key_at,
		    "auth: {google: {metadata_server: true}}, or "
		    "access_token, or api_key",
		    "this provider needs auth");
	else if (token && !has(n, "project"))
		report_add(c->report, n->key_at, "project: my-project",
		    "\"project\" is missing here");
	else if (token)
		check_region(c, n, "region: us-central1");
}

static void
check_auth(struct compiler *c, const struct ynode *n, enum provider_type type)
{
	if (type == PROVIDER_BEDROCK)
		check_region(c, n, "region: us-east-1");
	if (type == PROVIDER_VERTEX)
		check_vertex_auth(c, n);
	if (type == PROVIDER_OCI)
		check_region(c, n, "region: us-chicago-1");
	if (signin_given(n))
		return;
	if (type == PROVIDER_BEDROCK)
		check_bedrock_auth(c, n);
	else if (type == PROVIDER_OCI && !has(n, "auth.api_key"))
		report_add(c->report, n->key_at,
		    "auth: {oci: {tenancy: ..., user: ..., fingerprint: ..., "
		    "private_key: \"file:key.pem\"}}, or auth.api_key",
		    "this provider needs auth");
	else if (type != PROVIDER_OPENAI_COMPATIBLE &&
		 type != PROVIDER_VERTEX && !has(n, "auth.api_key"))
		report_add(c->report, n->key_at, key_hint(type),
		    "this provider needs auth.api_key");
}

static const char *
maybe_text(struct compiler *c, const struct ynode *n, const char *key)
{
	const struct slice s = text_at(n, P, key);

	return s.len > 0 ? keep(c, s) : NULL;
}

static void
take_auth(struct compiler *c, const struct ynode *n, struct provider_conf *p)
{
	p->api_key = take_secret(c, n,
	    has(n, "auth.access_token") ? "auth.access_token" : "auth.api_key");
	p->access_key_id = take_secret(c, n, "auth.access_key_id");
	p->secret_access_key = take_secret(c, n, "auth.secret_access_key");
	p->session_token = take_secret(c, n, "auth.session_token");
}

/* By ALPN, unless said otherwise; HTTP/2 on a plain connection is never
 * guessed. */
static void
take_http(struct compiler *c, const struct ynode *n, struct provider_conf *p)
{
	const struct ynode *at = ynode_find(n, "http");

	p->http1 = slice_eq(text_at(n, P, "http"), S("1.1"));
	p->h2c = slice_eq(text_at(n, P, "http"), S("h2c"));
	if (p->h2c && p->tls)
		report_add(c->report, at->at,
		    "leave http out: over TLS both sides agree on it",
		    "h2c is HTTP/2 without TLS, and this provider is "
		    "reached over https");
}

static void
take_provider(
    struct compiler *c, const struct ynode *n, struct provider_conf *p)
{
	p->id = keep(c, n->key);
	p->hash = hash64(n->key);
	p->region = keep(c, text_at(n, P, "region"));
	p->zone = keep(c, text_at(n, P, "zone"));
	p->store_zone = keep(c, text_at(n, P, "stores_in"));
	p->retention = days_at(n, P);
	p->api_version = keep(c, text_at(n, P, "api_version"));
	p->organization = maybe_text(c, n, "organization");
	p->project = maybe_text(c, n, "project");
	p->compartment = maybe_text(c, n, "compartment");
	p->mantle = slice_eq(text_at(n, P, "service"), S("bedrock-mantle"));
	p->allow_private = slice_eq(text_at(n, P, "allow_private"), S("true"));
	p->connect_ns = duration_at(n, P, "timeouts.connect");
	p->first_byte_ns = duration_at(n, P, "timeouts.first_byte");
	p->idle_ns = duration_at(n, P, "timeouts.idle");
	p->base_url = p->host = p->base_path = "";
	take_auth(c, n, p);
	if (!provider_type_find(text_at(n, P, "type"), &p->type))
		return; /* reported */
	check_only_for(c, n, p->type);
	check_auth(c, n, p->type);
	if (signin_given(n)) {
		struct signin_reader r = { c->arena, &c->scratch, c->report,
			c->dir };

		signin_take(&r, n, p);
	}
	take_url(c, n, p);
	take_http(c, n, p);
	transport_provider(
	    &(struct transport){ c->arena, c->report, c->dir }, n, c->s, p);
}

/* Those of the configuration before are kept for a while beside them. */
static void
check_signins(struct compiler *c, const struct ynode *map)
{
	enum { MOST = SIGNINS_MAX / 2 };
	unsigned i, n = 0;

	for (i = 0; i < c->s->nproviders; i++)
		n += c->provider[i].signin != NULL;
	if (n > MOST)
		report_add(c->report, place(map), NULL,
		    "%u providers are signed in to; at most %d can be", n,
		    MOST);
}

static void
take_providers(struct compiler *c)
{
	const struct ynode *map = ynode_find(c->root, "providers"), *n;

	if (map == NULL || map->kind != YNODE_MAP)
		return;
	c->provider = ARENA_ARRAY(c->arena, struct provider_conf, map->n + 1);
	c->s->provider = c->provider;
	for (n = map->child; n != NULL; n = n->next) {
		if (n->kind == YNODE_MAP)
			take_provider(c, n, &c->provider[c->s->nproviders++]);
	}
	check_signins(c, map);
}

#undef P

/* --- names of things ------------------------------------------------- */

/* Did you mean ..., or what there is. */
static const char *
hint_of(
    struct compiler *c, struct slice typed, const char *const *names, size_t n)
{
	const char *near = report_nearest(typed, names, n);
	struct buf b = { 0 };
	const char *hint;
	size_t i;

	if (n == 0)
		return NULL;
	if (near != NULL) {
		buf_fmt(&b, "did you mean \"%s\"?", near);
	} else {
		buf_str(&b, "there are: ");
		for (i = 0; i < n && i < 10; i++)
			buf_fmt(&b, "%s%s", i > 0 ? ", " : "", names[i]);
	}
	hint = arena_str(&c->scratch, buf_slice(&b));
	buf_fini(&b);
	return hint;
}

#define NAMES(c, from, n, field, out) \
	const char **out = ARENA_ARRAY(&(c)->scratch, const char *, (n) + 1); \
	for (size_t i_ = 0; i_ < (n); i_++) \
		out[i_] = (from)[i_].field;

static const struct provider_conf *
need_provider(struct compiler *c, const struct ynode *at)
{
	const unsigned n = c->s->nproviders;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (slice_eq(slice_of(c->provider[i].id), at->text))
			return &c->provider[i];
	}
	NAMES(c, c->provider, n, id, names)
	report_add(c->report, at->at, hint_of(c, at->text, names, n),
	    "there is no provider \"%.*s\"", S_FMT(at->text));
	return NULL;
}

static const struct model_conf *
find_model(struct compiler *c, struct slice name)
{
	unsigned i;

	for (i = 0; i < c->s->nmodels; i++) {
		if (slice_eq(slice_of(c->model[i].id), name))
			return &c->model[i];
	}
	return NULL;
}

/* --- models ---------------------------------------------------------- */

#define D "models.*.deployments[]."

static void
check_twin_deployment(
    struct compiler *c, const struct ynode *n, const struct deployment_conf *d)
{
	const struct ynode *id = ynode_find(n, "id");
	unsigned i;

	for (i = 0; i < d->index; i++) {
		if (strcmp(c->deployment[i].id, d->id) == 0) {
			report_add(c->report, id != NULL ? id->at : n->at,
			    "each deployment needs an id of its own",
			    "the deployment \"%s\" is here twice; the first "
			    "is in line %u",
			    d->id, c->deployment_node[i]->at.line);
			return;
		}
	}
}

static struct slice
or_else(struct slice s, const char *other)
{
	return s.len > 0 ? s : slice_of(other);
}

static void
take_capacity(
    struct compiler *c, const struct ynode *n, struct deployment_conf *d)
{
	const struct slice kind = text_at(n, D, "capacity.kind");
	struct money cost = { 0 };

	d->capacity = slice_eq(kind, S("provisioned")) ? CAPACITY_PROVISIONED
		      : slice_eq(kind, S("dedicated")) ? CAPACITY_DEDICATED
						       : CAPACITY_ON_DEMAND;
	d->tokens_per_minute = number_at(n, D, "capacity.tokens_per_minute");
	d->requests_per_minute =
	    number_at(n, D, "capacity.requests_per_minute");
	d->burst_ns = duration_at(n, D, "capacity.burst");
	d->accelerator = keep(c, text_at(n, D, "capacity.accelerator"));
	if (money_parse(text_at(n, D, "capacity.cost_per_hour"), &cost))
		d->cost_per_hour = cost.nano;
}

static void
check_place(struct compiler *c, const struct ynode *n, enum provider_type type)
{
	static const struct {
		const char *key;
		enum provider_type type;
	} rows[] = { { "scope", PROVIDER_AZURE_OPENAI },
		{ "inference_geo", PROVIDER_ANTHROPIC } };
	const struct ynode *at;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		at = ynode_find(n, rows[i].key);
		if (at != NULL && rows[i].type != type)
			report_add(c->report, place(at),
			    arena_fmt(&c->scratch, "it is for type %s",
				provider_type_text(rows[i].type)),
			    "\"%.*s\" does not go with type %s", S_FMT(at->key),
			    provider_type_text(type));
	}
}

static const unsigned apis[PROVIDER_TYPES] = {
	[PROVIDER_BEDROCK] =
	    API_CONVERSE | API_INVOKE | API_MESSAGES | API_CHAT,
	[PROVIDER_OPENAI] = API_CHAT | API_RESPONSES,
	[PROVIDER_AZURE_OPENAI] = API_CHAT | API_RESPONSES,
	[PROVIDER_OPENAI_COMPATIBLE] = API_CHAT | API_RESPONSES,
};

static enum call_api
take_api(
    struct compiler *c, const struct ynode *n, const struct provider_conf *p)
{
	static const struct {
		const char *word;
		enum call_api api;
	} rows[] = { { "converse", API_CONVERSE }, { "invoke", API_INVOKE },
		{ "messages", API_MESSAGES }, { "chat", API_CHAT },
		{ "responses", API_RESPONSES } };
	const struct ynode *at = ynode_find(n, "api");
	const struct slice word = text_at(n, D, "api");
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		if (!slice_eq(word, slice_of(rows[i].word)))
			continue;
		if (p == NULL || (rows[i].api & apis[p->type]) != 0)
			return rows[i].api;
		report_add(c->report, place(at), NULL,
		    "\"%.*s\" is no api of type %s", S_FMT(word),
		    provider_type_text(p->type));
	}
	return API_ANY;
}

/* Where it is, by what its address says and by what the operator says. */
static void
take_place(struct compiler *c, const struct ynode *n, struct deployment_conf *d)
{
	const struct provider_conf *p = d->provider;
	const struct ynode *zone = ynode_find(n, "zone");
	struct place_facts facts = { 0 };
	struct slice store = text_at(n, D, "stores_in");

	d->api = take_api(c, n, p);
	d->scope = keep(c, text_at(n, D, "scope"));
	d->inference_geo = keep(c, text_at(n, D, "inference_geo"));
	d->retention = days_at(n, D);
	d->zone = d->store_zone = d->geo = "";
	if (p == NULL)
		return;
	facts = (struct place_facts){
		.type = slice_of(provider_type_text(p->type)),
		.host = slice_of(p->host),
		.region = slice_of(p->region),
		.name = slice_of(d->name),
		.scope = slice_of(d->scope),
		.inference_geo = slice_of(d->inference_geo),
	};
	check_place(c, n, p->type);
	d->geo = keep(c, place_of(&facts));
	d->zone = keep(c, or_else(text_at(n, D, "zone"), p->zone));
	if (d->zone[0] == '\0' && place_settled(&facts))
		d->zone = d->geo;
	if (place_contradicts(slice_of(d->zone), slice_of(d->geo)))
		report_add(c->report, zone != NULL ? zone->at : place(n),
		    "a profile, scope, region and host say where it is "
		    "processed",
		    "the deployment \"%s\" cannot be in zone \"%s\": its "
		    "address says \"%s\"",
		    d->id, d->zone, d->geo);
	if (store.len == 0)
		store = slice_of(p->store_zone);
	d->store_zone = keep(c, or_else(store, d->zone));
	if (d->retention == 0)
		d->retention = p->retention;
}

static void
take_deployment(struct compiler *c, const struct ynode *n, struct model_conf *m)
{
	struct deployment_conf *d = &c->deployment[c->s->ndeployments];
	const struct ynode *provider = ynode_find(n, "provider");
	struct slice id;

	if (provider != NULL && provider->kind == YNODE_SCALAR)
		d->provider = need_provider(c, provider);
	id = text_at(n, D, "id");
	d->id = id.len > 0 ? keep(c, id)
			   : arena_fmt(c->arena, "%s@%.*s", m->id,
				 provider != NULL ? (int)provider->text.len : 0,
				 provider != NULL ? provider->text.p : "");
	d->hash = hash64(slice_of(d->id));
	d->index = c->s->ndeployments;
	d->model = m;
	d->name = keep(c, or_else(text_at(n, D, "name"), m->id));
	d->answers_as = keep(c, text_at(n, D, "answers_as"));
	take_place(c, n, d);
	take_capacity(c, n, d);
	d->tier = keep(c, text_at(n, D, "tier"));
	d->weight = (unsigned)number_at(n, D, "weight");
	d->context = number_at(n, D, "context");
	d->max_output = number_at(n, D, "max_output");
	c->deployment_node[d->index] = n;
	c->priced_as[d->index] = text_at(n, D, "priced_as");
	check_twin_deployment(c, n, d);
	c->s->ndeployments++;
	m->deployment[m->n++] = d;
}

#undef D

static void
take_model(struct compiler *c, const struct ynode *n, struct model_conf *m)
{
	const struct ynode *list = ynode_find(n, "deployments"), *d;

	m->id = keep(c, n->key);
	m->hash = hash64(n->key);
	m->publisher = keep(c, text_at(n, "models.*.", "publisher"));
	m->index = c->s->nmodels - 1;
	/* What it is not is reported. */
	(void)strategy_find(
	    text_at(n, "models.*.", "route.strategy"), &m->strategy);
	if (list == NULL || list->kind != YNODE_LIST)
		return;
	for (d = list->child; d != NULL; d = d->next) {
		if (d->kind == YNODE_MAP && m->n < NELEM(m->deployment))
			take_deployment(c, d, m);
	}
}

static size_t
count_deployments(const struct ynode *models)
{
	const struct ynode *n, *list;
	size_t sum = 0;

	for (n = models->child; n != NULL; n = n->next) {
		list = ynode_find(n, "deployments");
		sum += list != NULL ? list->n : 0;
	}
	return sum;
}

static void
take_models(struct compiler *c)
{
	const struct ynode *map = ynode_find(c->root, "models"), *n;
	size_t nd;

	if (map == NULL || map->kind != YNODE_MAP)
		return;
	nd = count_deployments(map) + 1;
	c->model = ARENA_ARRAY(c->arena, struct model_conf, map->n + 1);
	c->deployment = ARENA_ARRAY(c->arena, struct deployment_conf, nd);
	c->deployment_node = ARENA_ARRAY(&c->scratch, const struct ynode *, nd);
	c->priced_as = ARENA_ARRAY(&c->scratch, struct slice, nd);
	c->s->model = c->model;
	c->s->deployment = c->deployment;
	for (n = map->child; n != NULL; n = n->next) {
		if (n->kind == YNODE_MAP)
			take_model(c, n, &c->model[c->s->nmodels++]);
	}
}

static void
take_alias(struct compiler *c, const struct ynode *n, struct alias_conf *a)
{
	const unsigned nmodels = c->s->nmodels;

	if (find_model(c, n->key) != NULL)
		report_add(c->report, n->key_at, "choose another name",
		    "\"%.*s\" is a model already", S_FMT(n->key));
	a->name = keep(c, n->key);
	a->model = find_model(c, n->text);
	if (a->model != NULL) {
		c->s->naliases++;
		return;
	}
	NAMES(c, c->model, nmodels, id, names)
	report_add(c->report, n->at, hint_of(c, n->text, names, nmodels),
	    "there is no model \"%.*s\"", S_FMT(n->text));
}

static void
take_aliases(struct compiler *c)
{
	const struct ynode *map = ynode_find(c->root, "aliases"), *n;
	struct alias_conf *alias;

	if (map == NULL || map->kind != YNODE_MAP)
		return;
	alias = ARENA_ARRAY(c->arena, struct alias_conf, map->n + 1);
	c->s->alias = alias;
	for (n = map->child; n != NULL; n = n->next) {
		if (n->kind == YNODE_SCALAR)
			take_alias(c, n, &alias[c->s->naliases]);
	}
}

/* --- the whole ------------------------------------------------------- */

static unsigned
resolve_workers(const struct ynode *root)
{
	const struct slice text = text_at(root, "", "workers");
	cpu_set_t cpus;
	uint64_t n;

	if (slice_u64(text, &n))
		return (unsigned)n;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return 1;
	n = (uint64_t)CPU_COUNT(&cpus);
	return n < 1 ? 1 : n > 24 ? 24 : (unsigned)n;
}

static void
take_limits(struct compiler *c)
{
	const struct ynode *root = c->root;
	struct snapshot *s = c->s;

	if (!value_size(text_at(root, "", "limits.max_body"), &s->max_body))
		s->max_body = 0; /* reported */
	s->max_open_requests = number_at(root, "", "limits.max_open_requests");
	s->max_open_per_key =
	    number_at(root, "", "limits.max_open_requests_per_key");
	if (s->max_open_per_key == 0)
		s->max_open_per_key = (s->max_open_requests + 1) / 2;
	if (!value_size(text_at(root, "", "limits.min_rate"), &s->min_rate))
		s->min_rate = 0; /* reported */
	if (!value_size(text_at(root, "", "limits.max_memory"), &s->max_memory))
		s->max_memory = 0; /* not given, or reported */
	s->max_conns = (uint32_t)number_at(root, "", "limits.max_connections");
	s->max_streams = (unsigned)number_at(root, "", "limits.max_streams");
	s->max_keys = (uint32_t)number_at(root, "", "limits.max_keys");
	s->max_accounts = (uint32_t)number_at(root, "", "limits.max_budgets");
	if (s->max_accounts == 0)
		s->max_accounts = s->max_keys;
	/* A key is a subject too, also when it was revoked. */
	s->max_subjects = (uint32_t)number_at(root, "", "limits.max_subjects") +
			  s->max_keys + s->max_keys / 4;
	s->max_limits = (uint32_t)number_at(root, "", "limits.max_limits");
	s->max_attempts = (unsigned)number_at(root, "", "limits.attempts");
	s->total_deadline_ns = duration_at(root, "", "limits.request_deadline");
	s->retry_percent =
	    (unsigned)number_at(root, "", "limits.retry_percent");
	s->retry_floor = (unsigned)number_at(root, "", "limits.retry_floor");
	s->keep_normal = (unsigned)number_at(root, "", "headroom.normal");
	s->keep_low = (unsigned)number_at(root, "", "headroom.low");
}

static void
take_top(struct compiler *c)
{
	const struct ynode *root = c->root;
	struct snapshot *s = c->s;

	s->data_dir = absolute(c, text_at(root, "", "data_dir"));
	s->currency = keep(c, text_at(root, "", "currency"));
	s->gateway_address =
	    keep(c, text_at(root, "", "listen.gateway.address"));
	s->admin_address = keep(c, text_at(root, "", "listen.admin.address"));
	s->workers = resolve_workers(root);
	s->sync_always =
	    slice_eq(text_at(root, "", "journal.sync"), S("always"));
	s->max_lag_ns = duration_at(root, "", "journal.max_lag");
	s->admit_wait_ns = duration_at(root, "", "budgets.admit_wait");
	s->drain_ns = duration_at(root, "", "drain");
	take_limits(c);
	transport_take(
	    &(struct transport){ c->arena, c->report, c->dir }, root, s);
}

static void
check_addresses(struct compiler *c)
{
	const struct ynode *admin = ynode_find(c->root, "listen.admin.address");
	struct host_port port;

	if (admin == NULL || admin->kind != YNODE_SCALAR ||
	    strcmp(c->s->gateway_address, c->s->admin_address) != 0)
		return;
	if (value_address(slice_of(c->s->admin_address), &port) &&
	    port.port != 0)
		report_add(c->report, admin->at, "give it another port",
		    "both listeners have the address %s", c->s->admin_address);
}

static void
name_generation(struct snapshot *s)
{
	struct buf text = { 0 };
	uint8_t sum[DIGEST_LEN];
	size_t i;

	s->generation = 0;
	snapshot_write(s, SNAPSHOT_BARE, &text);
	digest_of(buf_slice(&text), sum);
	for (i = 0; i < 8; i++)
		s->generation = s->generation << 8 | sum[i];
	if (s->generation == 0)
		s->generation = 1;
	buf_fini(&text);
}

static void
take_prices(struct compiler *c)
{
	const struct ynode *file = ynode_find(c->root, "prices_file");
	const struct pricing p = {
		.scratch = &c->scratch,
		.report = c->report,
		.s = c->s,
		.root = c->root,
		.deployment = c->deployment,
		.priced_as = c->priced_as,
		.more = c->more,
		.prices_file = file != NULL && file->kind == YNODE_SCALAR
				   ? absolute(c, file->text)
				   : NULL,
	};

	pricing_take(&p);
}

static void
compile_tree(struct compiler *c)
{
	take_top(c);
	check_addresses(c);
	take_providers(c);
	take_models(c);
	take_aliases(c);
	take_prices(c);
	terms_take(&c->scratch, c->root, c->report, c->s);
	routing_take(&c->scratch, c->root, c->report, c->s, c->model,
	    c->deployment_node);
}

static const char *
dir_of(struct arena *a, const char *file)
{
	const char *slash = strrchr(file, '/');
	char here[PATH_MAX];

	if (slash == file)
		return "/";
	if (file[0] == '/')
		return arena_str(
		    a, (struct slice){ file, (size_t)(slash - file) });
	if (getcwd(here, sizeof(here)) == NULL)
		here[0] = '\0';
	if (slash == NULL)
		return arena_str(a, slice_of(here));
	return arena_fmt(a, "%s/%.*s", here, (int)(slash - file), file);
}

static bool
compile(struct slice text, const char *file, struct report *r,
    struct pricing_more *more, struct snapshot **out)
{
	struct compiler c = { .report = r, .more = more };
	struct ynode *root;

	r->file = file;
	*out = NULL;
	c.s = NEW(struct snapshot);
	c.s->refs = 1;
	c.arena = &c.s->arena;
	root = ynode_parse(&c.scratch, text, r);
	if (root != NULL) {
		options_check(&c.scratch, root, r);
		c.root = root;
		c.dir = dir_of(&c.scratch, file);
		if (root->kind == YNODE_MAP)
			compile_tree(&c);
	}
	if (r->n == 0) {
		name_generation(c.s);
		*out = c.s;
	} else {
		snapshot_unref(&c.s);
	}
	arena_fini(&c.scratch);
	return *out != NULL;
}

bool
config_compile(struct slice text, const char *file, struct report *r,
    struct snapshot **out)
{
	return compile(text, file, r, NULL, out);
}

bool
config_file_read(const char *path, size_t max, struct buf *out)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	int saved;

	if (fd < 0)
		return false;
	do {
		buf_reserve(out, 16384);
		n = read(fd, out->p + out->len, 16384);
		if (n > 0)
			out->len += (size_t)n;
	} while (n > 0 && out->len <= max);
	saved = n < 0 ? errno : EFBIG;
	close(fd);
	errno = saved;
	return n == 0;
}

static bool
write_synced(int fd, struct slice text)
{
	ssize_t n;

	while (text.len > 0) {
		n = write(fd, text.p, text.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text.p += n;
		text.len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

bool
config_file_write(const char *path, struct slice text)
{
	struct buf temp = { 0 };
	struct stat st;
	bool good = false;
	int fd;

	if (stat(path, &st) != 0)
		return false;
	buf_fmt(&temp, "%s.new", path);
	fd = open(buf_cstr(&temp), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    st.st_mode & 0777);
	if (fd >= 0) {
		good =
		    fchmod(fd, st.st_mode & 0777) == 0 &&
		    (fchown(fd, st.st_uid, st.st_gid) == 0 || errno == EPERM) &&
		    write_synced(fd, text);
		close(fd);
		good = good && rename(temp.p, path) == 0;
		if (!good)
			(void)unlink(temp.p);
	}
	buf_fini(&temp);
	return good;
}

bool
config_load(const char *file, struct report *r, struct snapshot **out)
{
	return config_load_more(file, r, NULL, out);
}

bool
config_load_more(const char *file, struct report *r, struct pricing_more *more,
    struct snapshot **out)
{
	struct buf text = { 0 };
	bool good = false;

	*out = NULL;
	r->file = file;
	if (config_file_read(file, YTREE_BYTES_MAX + 1, &text))
		good = compile(buf_slice(&text), file, r, more, out);
	else
		report_add(r, (struct mark){ 0, 0 },
		    "give the configuration with -c FILE", "cannot be read: %s",
		    strerror(errno));
	buf_fini(&text);
	return good;
}

static bool
find_data_dir(struct compiler *c, struct slice text, struct buf *out)
{
	struct ynode *root = ynode_parse(&c->scratch, text, c->report);
	const struct ynode *at;
	struct secret_why why;
	struct slice dir;

	if (root == NULL)
		return false;
	at = ynode_find(root, "data_dir");
	dir = text_at(root, "", "data_dir");
	if (!secret_expand(&c->scratch, dir, &dir, &why)) {
		report_add(c->report, at->at, why.hint, "%s", why.text);
		return false;
	}
	buf_str(out, absolute(c, dir));
	return true;
}

bool
config_data_dir(const char *file, struct buf *out)
{
	struct report *r = NEW(struct report);
	struct compiler c = { .report = r };
	struct buf text = { 0 }, said = { 0 };
	bool good = false;

	r->file = file;
	c.arena = &c.scratch;
	c.dir = dir_of(&c.scratch, file);
	if (config_file_read(file, YTREE_BYTES_MAX + 1, &text))
		good = find_data_dir(&c, buf_slice(&text), out);
	else
		report_add(r, (struct mark){ 0, 0 }, NULL, "cannot be read: %s",
		    strerror(errno));
	report_write(r, &said);
	if (said.len > 0)
		fwrite(said.p, 1, said.len, stderr);
	buf_fini(&said);
	buf_fini(&text);
	arena_fini(&c.scratch);
	report_fini(r);
	mem_free(r);
	return good;
}
