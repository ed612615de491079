#include "sim/setup.h"

#include "base/json.h"

const char setup_defaults[] =
#include "sim/defaults.def"
    ;

static const char *const venues[VENUE_MAX] = {
	[VENUE_OPENAI] = "openai",
	[VENUE_AZURE] = "azure_openai",
	[VENUE_BEDROCK] = "bedrock",
	[VENUE_COMPATIBLE] = "openai_compatible",
	[VENUE_GEMINI] = "gemini",
	[VENUE_VERTEX] = "vertex",
	[VENUE_OCI] = "oci",
	[VENUE_ANTHROPIC] = "anthropic",
};

static const char *
read_deployments(struct credential *c, const struct json *j)
{
	const struct json *k;

	for (k = j ? j->child : NULL; k != NULL; k = k->next) {
		if (c->ndeployment == SETUP_DEPLOYMENTS)
			return "too many deployments";
		c->deployment[c->ndeployment].name = k->key;
		c->deployment[c->ndeployment++].model = k->text;
	}
	return NULL;
}

static const char *
read_credential(struct setup *s, const struct json *j)
{
	struct credential *c = &s->credential[s->ncredential];
	struct slice type = json_get_str(j, "type");
	unsigned v;

	if (s->ncredential == SETUP_CREDENTIALS)
		return "too many credentials";
	c->index = s->ncredential++;
	c->name = json_get_str(j, "name");
	if (c->name.len == 0)
		return "a credential needs a name";
	for (v = 0; v < VENUE_MAX; v++)
		if (slice_eq(type, slice_of(venues[v])))
			break;
	if (v == VENUE_MAX)
		return arena_fmt(&s->arena,
		    "credential %.*s: the type is one of openai, "
		    "azure_openai, bedrock, openai_compatible, gemini, "
		    "vertex, oci",
		    S_FMT(c->name));
	c->venue = (enum venue)v;
	c->key = json_get_str(j, v == VENUE_BEDROCK ? "api_key" : "key");
	c->region = json_get_str(j, "region");
	(void)json_get_i64(j, "tokens_per_minute", &c->tokens_per_minute);
	c->tokens_burst = c->tokens_per_minute;
	(void)json_get_i64(j, "tokens_burst", &c->tokens_burst);
	c->project = json_get_str(j, "project");
	c->access_key_id = json_get_str(j, "access_key_id");
	c->secret = json_get_str(j, "secret_access_key");
	c->session_token = json_get_str(j, "session_token");
	c->mantle = json_get_bool(j, "mantle", false);
	c->signs_in = json_get_bool(j, "signs_in", false);
	c->no_names = json_get_bool(j, "no_deployment_list", false);
	c->key_id = json_get_str(j, "key_id");
	c->public_key = json_get_str(j, "public_key");
	c->organization = json_get_str(j, "organization");
	if (c->key.len == 0 && c->access_key_id.len == 0 && !c->signs_in &&
	    c->key_id.len == 0)
		return arena_fmt(
		    &s->arena, "credential %.*s has no key", S_FMT(c->name));
	return read_deployments(c, json_get(j, "deployments"));
}

/* A rate that is not given is that of the whole it is part of. */
static bool
read_rates(struct rates *r, const struct json *j)
{
	const struct {
		const char *key;
		int64_t *at, or_else;
	} * p, part[] = {
		{ "cached_input", &r->cached, 0 },
		{ "cache_write", &r->cache_write, 0 },
		{ "audio_input", &r->audio_in, 0 },
		{ "image_input", &r->image_in, 0 },
		{ "reasoning", &r->reasoning, 1 },
		{ "audio_output", &r->audio_out, 1 },
		{ "image_output", &r->image_out, 1 },
	};
	struct slice text;

	if (!tariff_rate(json_get_str(j, "input"), &r->input) ||
	    !tariff_rate(json_get_str(j, "output"), &r->output))
		return false;
	for (p = part; p < part + NELEM(part); p++) {
		text = json_get_str(j, p->key);
		*p->at = p->or_else != 0 ? r->output : r->input;
		if (text.len > 0 && !tariff_rate(text, p->at))
			return false;
	}
	return true;
}

/* "above" is one step or a list of them. */
static bool
read_steps(struct tariff *t, const struct json *above)
{
	const struct json *j = above;

	if (above != NULL && above->type == JSON_ARRAY)
		j = above->child;
	for (; j != NULL; j = j != above ? j->next : NULL) {
		if (t->nstep == TARIFF_STEPS ||
		    !json_get_i64(j, "tokens", &t->step[t->nstep].above) ||
		    !read_rates(&t->step[t->nstep].rates, j))
			return false;
		t->nstep++;
	}
	return true;
}

static bool
read_tariff(struct tariff *t, const struct json *j)
{
	struct slice fee = json_get_str(j, "per_request");

	t->sold = true;
	if (fee.len > 0 && !tariff_rate(fee, &t->per_call))
		return false;
	return read_rates(&t->base, j) && read_steps(t, json_get(j, "above"));
}

/* Beside the default there may be "flex" and "priority", whole. */
static bool
read_tariffs(struct tariff t[SERVICES], const struct json *j)
{
	const struct json *k = json_get(j, "tiers");
	enum service s;

	if (!read_tariff(&t[SERVICE_DEFAULT], j))
		return false;
	for (k = k ? k->child : NULL; k != NULL; k = k->next)
		if (!service_find(k->key, &s) || s == SERVICE_DEFAULT ||
		    !read_tariff(&t[s], k))
			return false;
	return true;
}

static const char *
read_model(struct setup *s, const struct json *j)
{
	struct sim_model *m = &s->model[s->nmodel];
	const struct json *prices = json_get(j, "prices"), *p;
	unsigned v;

	if (s->nmodel++ == SETUP_MODELS)
		return "too many models";
	m->id = json_get_str(j, "id");
	if (m->id.len == 0)
		return "a model needs an id";
	m->bedrock_id = json_get_str(j, "bedrock_id");
	m->snapshot = json_get_str(j, "snapshot");
	if (m->snapshot.len == 0)
		m->snapshot = m->id;
	m->reasoning = json_get_bool(j, "reasoning", false);
	m->context = 128000;
	m->max_output = 16384;
	(void)json_get_i64(j, "context", &m->context);
	(void)json_get_i64(j, "max_output", &m->max_output);
	(void)json_get_i64(j, "embed", &m->embed);
	for (v = 0; v < VENUE_MAX; v++) {
		p = json_get(prices, venues[v]);
		m->sold[v] = p != NULL;
		if (p != NULL && !read_tariffs(m->tariff[v], p))
			return arena_fmt(&s->arena,
			    "model %.*s at %s: prices are decimal strings, "
			    "USD per 1M tokens; input and output are needed",
			    S_FMT(m->id), venues[v]);
	}
	return NULL;
}

static void
read_versions(struct setup *s, const struct json *j)
{
	struct buf b = { 0 };

	for (j = j ? j->child : NULL; j != NULL; j = j->next) {
		buf_char(&b, ' ');
		buf_add(&b, j->text);
		buf_char(&b, ' ');
	}
	s->api_versions = arena_copy(&s->arena, buf_slice(&b));
	buf_fini(&b);
}

const char *
setup_read(struct setup *s, struct slice text)
{
	struct json *root;
	const struct json *k;
	const char *bad = NULL;

	memset(s, 0, sizeof(*s));
	text = arena_copy(&s->arena, text);
	if (json_parse(&s->arena, text, &root) != FAULT_NONE)
		return "not valid JSON";
	k = json_get(root, "credentials");
	for (k = k ? k->child : NULL; k != NULL && bad == NULL; k = k->next)
		bad = read_credential(s, k);
	k = json_get(root, "models");
	for (k = k ? k->child : NULL; k != NULL && bad == NULL; k = k->next)
		bad = read_model(s, k);
	if (bad == NULL && (s->ncredential == 0 || s->nmodel == 0))
		bad = "credentials and models are needed";
	(void)json_get_i64(root, "pace_ms", &s->pace_ms);
	(void)json_get_i64(root, "ttft_ms", &s->ttft_ms);
	s->identities = json_get(root, "identities");
	read_versions(s, json_get(root, "api_versions"));
	return bad;
}

void
setup_fini(struct setup *s)
{
	arena_fini(&s->arena);
}

const struct credential *
setup_credential(const struct setup *s, struct slice name)
{
	unsigned i;

	for (i = 0; i < s->ncredential; i++)
		if (slice_eq(s->credential[i].name, name))
			return &s->credential[i];
	return NULL;
}

struct slice
setup_name(const struct credential *c, const struct sim_model *m)
{
	unsigned i;

	if (!m->sold[c->venue])
		return S("");
	if (c->venue == VENUE_BEDROCK)
		return m->bedrock_id;
	if (c->venue != VENUE_AZURE)
		return m->id;
	for (i = 0; i < c->ndeployment; i++)
		if (slice_eq(c->deployment[i].model, m->id))
			return c->deployment[i].name;
	return S("");
}

static bool
called(const struct credential *c, const struct sim_model *m, struct slice name)
{
	unsigned i;

	for (i = 0; c->venue == VENUE_AZURE && i < c->ndeployment; i++)
		if (slice_eq(c->deployment[i].name, name))
			return slice_eq(c->deployment[i].model, m->id);
	if (c->venue == VENUE_AZURE)
		return false;
	if (c->venue == VENUE_OPENAI && slice_eq(m->snapshot, name))
		return true;
	return slice_eq(setup_name(c, m), name);
}

const struct sim_model *
setup_model(
    const struct setup *s, const struct credential *c, struct slice name)
{
	unsigned i;

	for (i = 0; i < s->nmodel; i++)
		if (s->model[i].sold[c->venue] && name.len > 0 &&
		    called(c, &s->model[i], name))
			return &s->model[i];
	return NULL;
}
