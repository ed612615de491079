#include "model/snapshot.h"

#include "base/json.h"
#include "base/text.h"
#include "model/ident.h"

/*
 * Each list names the plain fields of a struct once; writing and reading are
 * made from it, so they cannot drift apart.  TEXT is never NULL, MAYBE may
 * be, SECRET may be and is left out of texts without secrets.
 */
#define SNAPSHOT_FIELDS(TEXT, NUM, FLAG) \
	TEXT(data_dir) \
	TEXT(gateway_address) \
	TEXT(admin_address) \
	TEXT(gateway_tls) \
	TEXT(admin_tls) \
	TEXT(gateway_pin) \
	TEXT(admin_pin) \
	TEXT(proxy_host) \
	TEXT(no_proxy) \
	NUM(proxy_port) \
	TEXT(currency) \
	NUM(workers) \
	FLAG(sync_always) \
	NUM(max_lag_ns) \
	NUM(admit_wait_ns) \
	NUM(drain_ns) \
	NUM(max_body) \
	NUM(max_open_requests) \
	NUM(max_open_per_key) \
	NUM(max_memory) \
	NUM(min_rate) \
	NUM(max_conns) \
	NUM(max_streams) \
	NUM(max_keys) \
	NUM(max_accounts) \
	NUM(max_subjects) \
	NUM(max_limits) \
	NUM(total_deadline_ns) \
	NUM(max_attempts) \
	TEXT(data_classes) \
	NUM(keep_normal) \
	NUM(keep_low) \
	NUM(retry_percent) \
	NUM(retry_floor)

#define PROVIDER_FIELDS(TEXT, MAYBE, SECRET, NUM, FLAG) \
	TEXT(id) \
	TEXT(base_url) \
	FLAG(tls) \
	FLAG(literal) \
	FLAG(allow_private) \
	FLAG(http1) \
	FLAG(h2c) \
	FLAG(mantle) \
	TEXT(host) \
	NUM(port) \
	TEXT(base_path) \
	TEXT(region) \
	TEXT(zone) \
	TEXT(store_zone) \
	NUM(retention) \
	TEXT(api_version) \
	MAYBE(ca_file) \
	MAYBE(tls_id) \
	MAYBE(tls_names) \
	MAYBE(tls_pins) \
	SECRET(ca_pem) \
	SECRET(client_chain) \
	SECRET(client_key) \
	MAYBE(proxy_host) \
	NUM(proxy_port) \
	FLAG(proxy_own) \
	MAYBE(organization) \
	MAYBE(project) \
	SECRET(api_key) \
	SECRET(access_key_id) \
	SECRET(secret_access_key) \
	SECRET(session_token) \
	MAYBE(key_id) \
	MAYBE(compartment) \
	SECRET(private_key) \
	NUM(connect_ns) \
	NUM(first_byte_ns) \
	NUM(idle_ns)

/* SECRET: the courier's alone. */
#define SIGNIN_FIELDS(MAYBE, SECRET, NUM) \
	NUM(method) \
	MAYBE(tenant) \
	MAYBE(client) \
	MAYBE(scope) \
	MAYBE(endpoint) \
	MAYBE(metadata) \
	MAYBE(token_file) \
	MAYBE(region) \
	MAYBE(role) \
	MAYBE(session) \
	MAYBE(external_id) \
	MAYBE(profile) \
	MAYBE(credentials_file) \
	MAYBE(config_file) \
	MAYBE(container) \
	NUM(lifetime_s) \
	MAYBE(account) \
	MAYBE(ca_file) \
	SECRET(secret) \
	SECRET(key_id) \
	SECRET(token) \
	SECRET(document)

#define DEPLOYMENT_FIELDS(TEXT, NUM) \
	TEXT(id) \
	TEXT(name) \
	TEXT(zone) \
	TEXT(tier) \
	TEXT(store_zone) \
	TEXT(geo) \
	TEXT(scope) \
	TEXT(inference_geo) \
	TEXT(answers_as) \
	TEXT(accelerator) \
	NUM(retention) \
	NUM(weight) \
	NUM(context) \
	NUM(max_output) \
	NUM(capacity) \
	NUM(api) \
	NUM(tokens_per_minute) \
	NUM(requests_per_minute) \
	NUM(burst_ns) \
	NUM(cost_per_hour)

#define MODEL_FIELDS(TEXT, NUM, FLAG) \
	TEXT(id) \
	TEXT(publisher) \
	NUM(affinity) \
	TEXT(capabilities) \
	NUM(deprecated_ns) \
	NUM(retires_ns) \
	FLAG(redirects) \
	TEXT(successor_id) \
	TEXT(larger_id) \
	TEXT(fallback_id)

#define MATCH_FIELDS(TEXT) \
	TEXT(org) \
	TEXT(team) \
	TEXT(project) \
	TEXT(user) \
	TEXT(service) \
	TEXT(tag) \
	TEXT(key) \
	TEXT(model) \
	TEXT(data_class)

#define RESIDENCY_FIELDS(TEXT, NUM) \
	TEXT(name) \
	TEXT(zones) \
	TEXT(store_zones) \
	NUM(retention)

static const char *const type_texts[] = {
#define PROVIDER_TYPE(NAME, text) text,
#include "model/provider_types.def"
#undef PROVIDER_TYPE
};

static const char *const strategies[] = {
#define STRATEGY(NAME, function, text, why, help) text,
#include "model/strategies.def"
#undef STRATEGY
};

static const char *const capacity_kinds[] = { "on_demand", "provisioned",
	"dedicated" };
static const char *const call_classes[] = { "high", "normal", "low" };

static bool
find_word(struct slice text, const char *const *words, size_t n, unsigned *out)
{
	for (*out = 0; *out < n; (*out)++) {
		if (slice_eq(text, slice_of(words[*out])))
			return true;
	}
	return false;
}

const char *
strategy_text(enum strategy s)
{
	CHECK(s < STRATEGIES);
	return strategies[s];
}

bool
strategy_find(struct slice text, enum strategy *out)
{
	unsigned i;
	const bool found = find_word(text, strategies, NELEM(strategies), &i);

	*out = found ? (enum strategy)i : STRATEGY_PRIORITY;
	return found;
}

const char *
owner_text(enum owner o)
{
	static const char *const texts[] = {
#define OWNER(NAME, text, moves) text,
#include "model/owners.def"
#undef OWNER
	};

	return (size_t)o < NELEM(texts) ? texts[o] : "?";
}

const char *
capacity_kind_text(enum capacity_kind k)
{
	return (size_t)k < NELEM(capacity_kinds) ? capacity_kinds[k] : "?";
}

const char *
class_conf_text(enum call_class c)
{
	return (size_t)c < NELEM(call_classes) ? call_classes[c] : "?";
}

bool
class_conf_find(struct slice text, enum call_class *out)
{
	unsigned i;
	const bool found =
	    find_word(text, call_classes, NELEM(call_classes), &i);

	*out = found ? (enum call_class)i : CLASS_NORMAL;
	return found;
}

const char *
provider_type_text(enum provider_type t)
{
	CHECK(t < PROVIDER_TYPES);
	return type_texts[t];
}

bool
provider_type_find(struct slice text, enum provider_type *out)
{
	unsigned i;

	for (i = 0; i < PROVIDER_TYPES; i++) {
		if (slice_eq(text, slice_of(type_texts[i]))) {
			*out = (enum provider_type)i;
			return true;
		}
	}
	return false;
}

/* --- writing --------------------------------------------------------- */

static void
write_maybe(struct buf *b, const char *key, const char *value)
{
	if (value != NULL)
		json_w_kstr(b, key, slice_of(value));
}

static void
write_hex(struct buf *b, const char *key, uint64_t v)
{
	json_w_key(b, key);
	buf_fmt(b, "\"%016llx\"", (unsigned long long)v);
}

static void
write_price(struct buf *b, const struct price *p)
{
	json_w_begin(b, '{');
	write_hex(b, "id", p->id);
	json_w_ki64(b, "from_ns", p->from_ns);
	json_w_ki64(b, "to_ns", p->to_ns);
	json_w_kbool(b, "operators", p->operators);
	json_w_kstr(b, "source", p->source);
	json_w_kstr(b, "tier", p->tier);
	rates_write(b, &p->base);
	if (p->nsteps != 0)
		price_write_steps(b, p);
	json_w_key(b, "per_request");
	buf_char(b, '"');
	money_write(b, p->per_request);
	buf_char(b, '"');
	json_w_end(b, '}');
}

#define W_TEXT(f) json_w_kstr(b, #f, slice_of(o->f));
#define W_MAYBE(f) write_maybe(b, #f, o->f);
#define W_SECRET(f) \
	if (secrets) \
		write_maybe(b, #f, o->f);
#define W_NUM(f) json_w_ki64(b, #f, (int64_t)o->f);
#define W_FLAG(f) json_w_kbool(b, #f, o->f);

static void
write_signin(struct buf *b, const struct signin_conf *o, bool secrets)
{
	json_w_key(b, "signin");
	json_w_begin(b, '{');
	write_hex(b, "pass", o->id);
	SIGNIN_FIELDS(W_MAYBE, W_SECRET, W_NUM)
	json_w_end(b, '}');
}

static void
write_provider(
    struct buf *b, const struct provider_conf *o, enum snapshot_for whom)
{
	const bool secrets = whom == SNAPSHOT_WORKER;

	json_w_begin(b, '{');
	json_w_kstr(b, "type", slice_of(provider_type_text(o->type)));
	PROVIDER_FIELDS(W_TEXT, W_MAYBE, W_SECRET, W_NUM, W_FLAG)
	if (secrets || whom == SNAPSHOT_COURIER)
		write_maybe(b, "proxy_auth", o->proxy_auth);
	if (o->signin != NULL)
		write_signin(b, o->signin, whom == SNAPSHOT_COURIER);
	json_w_end(b, '}');
}

static void
write_deployment(struct buf *b, const struct deployment_conf *o)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_kstr(b, "provider", slice_of(o->provider->id));
	DEPLOYMENT_FIELDS(W_TEXT, W_NUM)
	json_w_key(b, "prices");
	json_w_begin(b, '[');
	for (i = 0; i < o->nprice; i++)
		write_price(b, &o->price[i]);
	json_w_end(b, ']');
	json_w_end(b, '}');
}

static void
write_model(struct buf *b, const struct model_conf *o)
{
	unsigned i;

	json_w_begin(b, '{');
	MODEL_FIELDS(W_TEXT, W_NUM, W_FLAG)
	json_w_kstr(b, "strategy", slice_of(strategies[o->strategy]));
	json_w_key(b, "deployments");
	json_w_begin(b, '[');
	for (i = 0; i < o->n; i++)
		write_deployment(b, o->deployment[i]);
	json_w_end(b, ']');
	json_w_end(b, '}');
}

static void
write_amount(struct buf *b, const char *key, struct money m)
{
	json_w_key(b, key);
	buf_char(b, '"');
	money_write(b, m);
	buf_char(b, '"');
}

static void
write_percent(struct buf *b, const char *key, int64_t percent)
{
	json_w_key(b, key);
	buf_char(b, '"');
	agreement_percent_write(b, percent);
	buf_char(b, '"');
}

static void
write_share(struct buf *b, const struct share_conf *s)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "partner", slice_of(s->partner));
	write_percent(b, "percent", s->terms.percent);
	json_w_kbool(b, "of_list", s->terms.of_list);
	write_amount(b, "cap", s->terms.cap);
	json_w_ki64(b, "from_ns", s->terms.in.from_ns);
	json_w_ki64(b, "to_ns", s->terms.in.to_ns);
	json_w_end(b, '}');
}

static void
write_agreement(struct buf *b, const struct agreement_conf *a)
{
	const struct agreement *t = &a->terms;
	unsigned i;

	json_w_begin(b, '{');
	json_w_kstr(b, "name", slice_of(a->name));
	json_w_kstr(b, "provider", slice_of(a->provider->id));
	json_w_kstr(b, "contract", slice_of(a->contract));
	json_w_kstr(b, "notes", slice_of(a->notes));
	json_w_ki64(b, "from_ns", t->in_force.from_ns);
	json_w_ki64(b, "to_ns", t->in_force.to_ns);
	write_percent(b, "percent", t->percent);
	json_w_key(b, "per_million");
	buf_char(b, '"');
	rate_write_per_million(b, t->per_token);
	buf_char(b, '"');
	write_amount(b, "commitment", t->commitment);
	json_w_ki64(b, "commitment_from_ns", t->commitment_in.from_ns);
	json_w_ki64(b, "commitment_to_ns", t->commitment_in.to_ns);
	json_w_key(b, "shares");
	json_w_begin(b, '[');
	for (i = 0; i < a->nshares; i++)
		write_share(b, &a->share[i]);
	json_w_end(b, ']');
	json_w_end(b, '}');
}

static void
write_match(struct buf *b, const struct match_conf *o)
{
	json_w_key(b, "match");
	json_w_begin(b, '{');
	MATCH_FIELDS(W_TEXT)
	json_w_end(b, '}');
}

static void
write_residency(struct buf *b, const struct residency_conf *o)
{
	json_w_begin(b, '{');
	RESIDENCY_FIELDS(W_TEXT, W_NUM)
	write_match(b, &o->match);
	json_w_end(b, '}');
}

static void
write_class(struct buf *b, const struct class_conf *o)
{
	json_w_begin(b, '{');
	W_NUM(class)
	write_match(b, &o->match);
	json_w_end(b, '}');
}

static void
write_rules(struct buf *b, const struct snapshot *s)
{
	unsigned i;

	json_w_key(b, "residency");
	json_w_begin(b, '[');
	for (i = 0; i < s->nresidency; i++)
		write_residency(b, &s->residency[i]);
	json_w_end(b, ']');
	json_w_key(b, "priorities");
	json_w_begin(b, '[');
	for (i = 0; i < s->nclasses; i++)
		write_class(b, &s->class[i]);
	json_w_end(b, ']');
}

static void
write_door(struct buf *b, const char *key, const struct door_conf *o)
{
	unsigned i;

	json_w_key(b, key);
	json_w_begin(b, '{');
	W_NUM(clients)
	W_MAYBE(client_ca)
	W_FLAG(only_13)
	json_w_key(b, "pairs");
	json_w_begin(b, '[');
	for (i = 0; i < o->n; i++) {
		json_w_begin(b, '{');
		json_w_kstr(b, "chain", slice_of(o->pair[i].chain));
		json_w_kstr(b, "key", slice_of(o->pair[i].key));
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
	json_w_end(b, '}');
}

void
snapshot_write(const struct snapshot *o, enum snapshot_for whom, struct buf *b)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_ki64(b, "snapshot", 1);
	write_hex(b, "generation", o->generation);
	SNAPSHOT_FIELDS(W_TEXT, W_NUM, W_FLAG)
	if (whom == SNAPSHOT_WORKER && o->gateway_door.n > 0)
		write_door(b, "gateway_door", &o->gateway_door);
	if (whom == SNAPSHOT_CONTROL && o->admin_door.n > 0)
		write_door(b, "admin_door", &o->admin_door);
	if (whom == SNAPSHOT_COURIER)
		write_maybe(b, "proxy_auth", o->proxy_auth);
	json_w_key(b, "providers");
	json_w_begin(b, '[');
	for (i = 0; i < o->nproviders; i++)
		write_provider(b, &o->provider[i], whom);
	json_w_end(b, ']');
	json_w_key(b, "models");
	json_w_begin(b, '[');
	for (i = 0; i < o->nmodels; i++)
		write_model(b, &o->model[i]);
	json_w_end(b, ']');
	json_w_key(b, "aliases");
	json_w_begin(b, '[');
	for (i = 0; i < o->naliases; i++) {
		json_w_begin(b, '{');
		json_w_kstr(b, "name", slice_of(o->alias[i].name));
		json_w_kstr(b, "model", slice_of(o->alias[i].model->id));
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
	json_w_key(b, "agreements");
	json_w_begin(b, '[');
	for (i = 0; i < o->nagreements; i++)
		write_agreement(b, &o->agreement[i]);
	json_w_end(b, ']');
	write_rules(b, o);
	json_w_end(b, '}');
}

/* --- reading --------------------------------------------------------- */

struct reader {
	struct arena *arena; /* the snapshot's */
	bool bad;            /* something was missing or of another kind */
};

static const struct json *
get_array(struct reader *r, const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	if (v != NULL && v->type == JSON_ARRAY)
		return v;
	r->bad = true;
	return NULL;
}

static const char *
get_maybe(struct reader *r, const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	if (v == NULL)
		return NULL;
	if (v->type != JSON_STRING)
		r->bad = true;
	return arena_str(r->arena, v->text);
}

static const char *
get_text(struct reader *r, const struct json *j, const char *key)
{
	const char *text = get_maybe(r, j, key);

	if (text == NULL) {
		r->bad = true;
		return "";
	}
	return text;
}

static int64_t
get_num(struct reader *r, const struct json *j, const char *key)
{
	int64_t v = 0;

	if (!json_get_i64(j, key, &v))
		r->bad = true;
	return v;
}

static bool
get_flag(struct reader *r, const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	if (v == NULL || (v->type != JSON_TRUE && v->type != JSON_FALSE))
		r->bad = true;
	return v != NULL && v->type == JSON_TRUE;
}

static uint64_t
get_hex(struct reader *r, const struct json *j, const char *key)
{
	uint8_t raw[8];
	uint64_t v = 0;
	size_t i;

	if (!text_hex_parse(json_get_str(j, key), raw, sizeof(raw))) {
		r->bad = true;
		return 0;
	}
	for (i = 0; i < sizeof(raw); i++)
		v = v << 8 | raw[i];
	return v;
}

/* Input and output it must have; a step may have none: not known there. */
static void
read_rates(
    struct reader *r, const struct json *j, bool is_base, struct rates *out)
{
	const struct json *v;
	struct rate rate;
	unsigned i;

	for (i = 0; i < LANES; i++) {
		v = json_get(j, lane_text((enum lane)i));
		if (v == NULL)
			continue;
		if (v->type == JSON_STRING &&
		    rate_parse_per_million(v->text, &rate))
			rates_set(out, (enum lane)i, rate);
		else
			r->bad = true;
	}
	if (is_base && ((out->has & LANE_BIT(LANE_INPUT)) == 0 ||
			   (out->has & LANE_BIT(LANE_OUTPUT)) == 0))
		r->bad = true;
}

/* Rising, as price_rates() takes them. */
static void
read_steps(struct reader *r, const struct json *list, struct price *p)
{
	struct price_step *s;
	const struct json *j;
	uint64_t last = 0;

	if (list->type != JSON_ARRAY || list->n > PRICE_STEPS) {
		r->bad = true;
		return;
	}
	for (j = list->child; j != NULL; j = j->next) {
		s = &p->step[p->nsteps++];
		s->above = (uint64_t)get_num(r, j, "tokens");
		read_rates(r, j, false, &s->rates);
		if (s->above <= last)
			r->bad = true;
		last = s->above;
	}
}

static void
read_price(struct reader *r, const struct json *j, struct price *p)
{
	const struct json *steps = json_get(j, "above");

	p->id = get_hex(r, j, "id");
	p->from_ns = get_num(r, j, "from_ns");
	p->to_ns = get_num(r, j, "to_ns");
	p->operators = get_flag(r, j, "operators");
	p->source = slice_of(get_text(r, j, "source"));
	p->tier = slice_of(get_text(r, j, "tier"));
	read_rates(r, j, true, &p->base);
	if (!money_parse(json_get_str(j, "per_request"), &p->per_request))
		r->bad = true;
	if (steps != NULL)
		read_steps(r, steps, p);
}

#define R_TEXT(f) o->f = get_text(r, j, #f);
#define R_MAYBE(f) o->f = get_maybe(r, j, #f);
#define R_NUM(f) \
	{ \
		const int64_t v_ = get_num(r, j, #f); \
		o->f = (__typeof__(o->f))v_; \
		if (v_ < 0 || (int64_t)o->f != v_) \
			r->bad = true; \
	}
#define R_FLAG(f) o->f = get_flag(r, j, #f);

static const struct signin_conf *
read_signin(struct reader *r, const struct json *j)
{
	struct signin_conf *o = ARENA_NEW(r->arena, struct signin_conf);

	SIGNIN_FIELDS(R_MAYBE, R_MAYBE, R_NUM)
	o->id = get_hex(r, j, "pass");
	if (o->method >= SIGNIN_METHODS || o->id == 0)
		r->bad = true;
	return o;
}

static void
read_provider(struct reader *r, const struct json *j, struct provider_conf *o)
{
	const struct json *signin = json_get(j, "signin");

	if (!provider_type_find(json_get_str(j, "type"), &o->type))
		r->bad = true;
	PROVIDER_FIELDS(R_TEXT, R_MAYBE, R_MAYBE, R_NUM, R_FLAG)
	o->proxy_auth = get_maybe(r, j, "proxy_auth");
	o->hash = hash64(slice_of(o->id));
	if (signin != NULL)
		o->signin = read_signin(r, signin);
}

static const struct provider_conf *
find_provider(const struct snapshot *s, struct slice id)
{
	unsigned i;

	for (i = 0; i < s->nproviders; i++) {
		if (slice_eq(slice_of(s->provider[i].id), id))
			return &s->provider[i];
	}
	return NULL;
}

static void
read_deployment(struct reader *r, const struct snapshot *s,
    const struct json *j, struct deployment_conf *o)
{
	const struct json *prices = get_array(r, j, "prices"), *p;
	struct price *to;

	o->provider = find_provider(s, json_get_str(j, "provider"));
	if (o->provider == NULL)
		r->bad = true;
	DEPLOYMENT_FIELDS(R_TEXT, R_NUM)
	o->hash = hash64(slice_of(o->id));
	if (prices == NULL || prices->n == 0)
		return;
	to = ARENA_ARRAY(r->arena, struct price, prices->n);
	o->price = to;
	for (p = prices->child; p != NULL; p = p->next)
		read_price(r, p, &to[o->nprice++]);
}

static void
read_model(struct reader *r, struct snapshot *s, const struct json *j,
    struct model_conf *o, struct deployment_conf *room)
{
	const struct json *list = get_array(r, j, "deployments"), *d;
	struct model_conf *m = o;

	MODEL_FIELDS(R_TEXT, R_NUM, R_FLAG)
	m->hash = hash64(slice_of(m->id));
	m->index = s->nmodels - 1;
	if (!strategy_find(json_get_str(j, "strategy"), &m->strategy) ||
	    m->affinity > AFFINITY_PROMPT_CACHE)
		r->bad = true;
	for (d = list != NULL ? list->child : NULL; d != NULL; d = d->next) {
		if (m->n == NELEM(m->deployment)) {
			r->bad = true;
			return;
		}
		room->index = s->ndeployments++;
		room->model = m;
		read_deployment(r, s, d, room);
		m->deployment[m->n++] = room++;
	}
}

static const struct model_conf *
link_to(struct reader *r, const struct snapshot *s, const char *id)
{
	unsigned i;

	if (id[0] == '\0')
		return NULL;
	for (i = 0; i < s->nmodels; i++) {
		if (strcmp(s->model[i].id, id) == 0)
			return &s->model[i];
	}
	r->bad = true;
	return NULL;
}

static void
link_models(
    struct reader *r, const struct snapshot *s, struct model_conf *model)
{
	unsigned i;

	for (i = 0; i < s->nmodels && !r->bad; i++) {
		model[i].successor = link_to(r, s, model[i].successor_id);
		model[i].larger = link_to(r, s, model[i].larger_id);
		model[i].fallback = link_to(r, s, model[i].fallback_id);
	}
}

static void
read_models(struct reader *r, struct snapshot *s, const struct json *list)
{
	struct deployment_conf *room;
	struct model_conf *model;
	const struct json *m, *d;
	size_t n = 0;

	for (m = list->child; m != NULL; m = m->next) {
		d = json_get(m, "deployments");
		n += d != NULL ? d->n : 0;
	}
	model = ARENA_ARRAY(r->arena, struct model_conf, list->n + 1);
	room = ARENA_ARRAY(r->arena, struct deployment_conf, n + 1);
	s->model = model;
	s->deployment = room;
	for (m = list->child; m != NULL && !r->bad; m = m->next) {
		s->nmodels++;
		read_model(
		    r, s, m, &model[s->nmodels - 1], &room[s->ndeployments]);
	}
	link_models(r, s, model);
}

static void
read_match(struct reader *r, const struct json *from, struct match_conf *o)
{
	const struct json *j = json_get(from, "match");

	if (j == NULL || j->type != JSON_OBJECT) {
		r->bad = true;
		return;
	}
	MATCH_FIELDS(R_TEXT)
}

static uint64_t
allowed_bits(const struct residency_conf *r, const struct model_conf *m)
{
	uint64_t bits = 0;
	unsigned i;

	for (i = 0; i < m->n; i++) {
		if (residency_conf_allows(r, m->deployment[i]))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

static void
read_residency(struct reader *r, struct snapshot *s, const struct json *list)
{
	struct residency_conf *o =
	    ARENA_ARRAY(r->arena, struct residency_conf, list->n + 1);
	const struct json *j;
	uint64_t *allow;
	unsigned i;

	s->residency = o;
	for (j = list->child; j != NULL && !r->bad; j = j->next, o++) {
		RESIDENCY_FIELDS(R_TEXT, R_NUM)
		read_match(r, j, &o->match);
		allow = ARENA_ARRAY(r->arena, uint64_t, s->nmodels + 1);
		for (i = 0; i < s->nmodels; i++)
			allow[i] = allowed_bits(o, &s->model[i]);
		o->allow = allow;
		s->nresidency++;
	}
}

static void
read_classes(struct reader *r, struct snapshot *s, const struct json *list)
{
	struct class_conf *o =
	    ARENA_ARRAY(r->arena, struct class_conf, list->n + 1);
	const struct json *j;

	s->class = o;
	for (j = list->child; j != NULL && !r->bad; j = j->next, o++) {
		R_NUM(class)
		if (o->class >= CALL_CLASSES)
			r->bad = true;
		read_match(r, j, &o->match);
		s->nclasses++;
	}
}

static void
read_aliases(struct reader *r, struct snapshot *s, const struct json *list)
{
	struct alias_conf *a =
	    ARENA_ARRAY(r->arena, struct alias_conf, list->n + 1);
	const struct json *j;

	s->alias = a;
	for (j = list->child; j != NULL; j = j->next, a++) {
		a->name = get_text(r, j, "name");
		a->model = snapshot_model(s, json_get_str(j, "model"));
		if (a->model == NULL)
			r->bad = true;
		else
			s->naliases++;
		if (r->bad)
			return;
	}
}

static void
read_providers(struct reader *r, struct snapshot *s, const struct json *list)
{
	struct provider_conf *p =
	    ARENA_ARRAY(r->arena, struct provider_conf, list->n + 1);
	const struct json *j;

	s->provider = p;
	for (j = list->child; j != NULL; j = j->next)
		read_provider(r, j, &p[s->nproviders++]);
}

static int64_t
get_percent(struct reader *r, const struct json *j, const char *key)
{
	int64_t v = 0;

	if (!agreement_percent_parse(json_get_str(j, key), &v))
		r->bad = true;
	return v;
}

static struct money
get_amount(struct reader *r, const struct json *j, const char *key)
{
	struct money m = { 0 };

	if (!money_parse(json_get_str(j, key), &m))
		r->bad = true;
	return m;
}

static void
read_share(struct reader *r, const struct json *j,
    const struct agreement_conf *a, struct share_conf *o)
{
	o->partner = get_text(r, j, "partner");
	o->account = agreement_account(
	    slice_of(a->name), PLEDGE_SHARE, slice_of(o->partner));
	o->terms = (struct share){
		.agreement = a->terms.id,
		.percent = get_percent(r, j, "percent"),
		.of_list = get_flag(r, j, "of_list"),
		.cap = get_amount(r, j, "cap"),
		.in = { get_num(r, j, "from_ns"), get_num(r, j, "to_ns") },
	};
	if (!share_sane(&o->terms))
		r->bad = true;
}

static void
read_shares(struct reader *r, const struct json *list, struct agreement_conf *o)
{
	struct share_conf *s =
	    ARENA_ARRAY(r->arena, struct share_conf, list->n + 1);
	const struct json *j;

	o->share = s;
	for (j = list->child; j != NULL; j = j->next)
		read_share(r, j, o, &s[o->nshares++]);
}

static void
read_terms(struct reader *r, const struct json *j, struct agreement_conf *o)
{
	struct agreement *t = &o->terms;

	*t = (struct agreement){
		.id = hash64(slice_of(o->name)),
		.provider = o->provider != NULL ? o->provider->hash : 0,
		.in_force = { get_num(r, j, "from_ns"),
		    get_num(r, j, "to_ns") },
		.percent = get_percent(r, j, "percent"),
		.commitment = get_amount(r, j, "commitment"),
		.commitment_in = { get_num(r, j, "commitment_from_ns"),
		    get_num(r, j, "commitment_to_ns") },
	};
	if (!rate_parse_per_million(
		json_get_str(j, "per_million"), &t->per_token) ||
	    !agreement_sane(t))
		r->bad = true;
	if (t->commitment.nano > 0)
		o->account = agreement_account(
		    slice_of(o->name), PLEDGE_COMMITMENT, S(""));
}

static void
read_agreement(struct reader *r, const struct snapshot *s, const struct json *j,
    struct agreement_conf *o)
{
	const struct json *shares = get_array(r, j, "shares");

	o->name = get_text(r, j, "name");
	o->contract = get_text(r, j, "contract");
	o->notes = get_text(r, j, "notes");
	o->provider = find_provider(s, json_get_str(j, "provider"));
	if (o->provider == NULL)
		r->bad = true;
	read_terms(r, j, o);
	if (shares != NULL)
		read_shares(r, shares, o);
}

static void
read_agreements(struct reader *r, struct snapshot *s, const struct json *list)
{
	struct agreement_conf *a =
	    ARENA_ARRAY(r->arena, struct agreement_conf, list->n + 1);
	const struct json *j;

	s->agreement = a;
	for (j = list->child; j != NULL && !r->bad; j = j->next)
		read_agreement(r, s, j, &a[s->nagreements++]);
}

static void
read_door(struct reader *r, const struct json *j, struct door_conf *o)
{
	const struct json *list = get_array(r, j, "pairs"), *p;
	struct door_pair *pair;

	R_NUM(clients)
	R_MAYBE(client_ca)
	R_FLAG(only_13)
	if (r->bad)
		return;
	pair = ARENA_ARRAY(r->arena, struct door_pair, list->n + 1);
	o->pair = pair;
	for (p = list->child; p != NULL; p = p->next, pair++) {
		pair->chain = get_text(r, p, "chain");
		pair->key = get_text(r, p, "key");
		o->n++;
	}
}

static void
read_doors(struct reader *r, const struct json *j, struct snapshot *o)
{
	const struct json *gateway = json_get(j, "gateway_door");
	const struct json *admin = json_get(j, "admin_door");

	if (gateway != NULL)
		read_door(r, gateway, &o->gateway_door);
	if (admin != NULL)
		read_door(r, admin, &o->admin_door);
	o->proxy_auth = get_maybe(r, j, "proxy_auth");
}

static void
read_top(struct reader *r, struct snapshot *o, const struct json *j)
{
	const struct json *providers = get_array(r, j, "providers");
	const struct json *models = get_array(r, j, "models");
	const struct json *aliases = get_array(r, j, "aliases");
	const struct json *agreements = get_array(r, j, "agreements");
	const struct json *residency = get_array(r, j, "residency");
	const struct json *priorities = get_array(r, j, "priorities");

	if (get_num(r, j, "snapshot") != 1)
		r->bad = true;
	o->generation = get_hex(r, j, "generation");
	SNAPSHOT_FIELDS(R_TEXT, R_NUM, R_FLAG)
	read_doors(r, j, o);
	if (!r->bad)
		read_providers(r, o, providers);
	if (!r->bad)
		read_models(r, o, models);
	if (!r->bad)
		read_aliases(r, o, aliases);
	if (!r->bad)
		read_agreements(r, o, agreements);
	if (!r->bad)
		read_residency(r, o, residency);
	if (!r->bad)
		read_classes(r, o, priorities);
}

enum fault
snapshot_read(struct slice text, struct snapshot **out)
{
	struct snapshot *s = NEW(struct snapshot);
	struct reader r = { &s->arena, false };
	struct arena scratch = { 0 };
	struct json *j;

	s->refs = 1;
	*out = NULL;
	if (json_parse(&scratch, text, &j) != FAULT_NONE)
		r.bad = true;
	else
		read_top(&r, s, j);
	arena_wipe(&scratch);
	if (r.bad) {
		snapshot_unref(&s);
		return FAULT_CONFIG;
	}
	*out = s;
	return FAULT_NONE;
}

/* --- holding and asking ---------------------------------------------- */

struct snapshot *
snapshot_ref(struct snapshot *s)
{
	s->refs++;
	return s;
}

static void
wipe(const char *secret)
{
	if (secret != NULL)
		mem_wipe((char *)(uintptr_t)secret, strlen(secret));
}

static void
wipe_provider(const struct provider_conf *p)
{
	wipe(p->api_key);
	wipe(p->secret_access_key);
	wipe(p->session_token);
	wipe(p->private_key);
	wipe(p->client_key);
	wipe(p->proxy_auth);
	if (p->signin == NULL)
		return;
	wipe(p->signin->secret);
	wipe(p->signin->token);
	wipe(p->signin->document);
}

static void
wipe_door(const struct door_conf *d)
{
	unsigned i;

	for (i = 0; i < d->n; i++)
		wipe(d->pair[i].key);
}

void
snapshot_unref(struct snapshot **ps)
{
	struct snapshot *s = *ps;
	unsigned i;

	*ps = NULL;
	if (s == NULL || --s->refs > 0)
		return;
	for (i = 0; i < s->nproviders; i++)
		wipe_provider(&s->provider[i]);
	wipe_door(&s->gateway_door);
	wipe_door(&s->admin_door);
	wipe(s->proxy_auth);
	arena_fini(&s->arena);
	mem_free(s);
}

const struct model_conf *
snapshot_model(const struct snapshot *s, struct slice name)
{
	const uint64_t hash = hash64(name);
	unsigned i;

	for (i = 0; i < s->nmodels; i++) {
		if (s->model[i].hash == hash &&
		    slice_eq(slice_of(s->model[i].id), name))
			return &s->model[i];
	}
	for (i = 0; i < s->naliases; i++) {
		if (slice_eq(slice_of(s->alias[i].name), name))
			return s->alias[i].model;
	}
	return NULL;
}

const struct price *
deployment_price_of(
    const struct deployment_conf *d, struct slice tier, int64_t wall_ns)
{
	const struct price *best = NULL;
	unsigned i;

	for (i = 0; i < d->nprice; i++)
		best = price_better(best, &d->price[i], tier, wall_ns);
	return best;
}

const struct price *
deployment_price(const struct deployment_conf *d, int64_t wall_ns)
{
	return deployment_price_of(d, slice_of(d->tier), wall_ns);
}

const struct agreement_conf *
snapshot_agreement(const struct snapshot *s,
    const struct provider_conf *provider, int64_t wall_ns)
{
	unsigned i;

	for (i = 0; i < s->nagreements; i++) {
		if (s->agreement[i].provider == provider &&
		    period_has(&s->agreement[i].terms.in_force, wall_ns))
			return &s->agreement[i];
	}
	return NULL;
}

bool
snapshot_words_have(const char *words, struct slice word)
{
	struct slice rest = slice_of(words), head;

	while (rest.len > 0) {
		if (!slice_cut(rest, ',', &head, &rest)) {
			head = rest;
			rest.len = 0;
		}
		if (slice_eq(head, word))
			return true;
	}
	return false;
}

/* What is not known is not allowed. */
bool
residency_conf_allows(
    const struct residency_conf *r, const struct deployment_conf *d)
{
	const char *store =
	    r->store_zones[0] != '\0' ? r->store_zones : r->zones;

	if (r->zones[0] != '\0' &&
	    !snapshot_words_have(r->zones, slice_of(d->zone)))
		return false;
	if (store[0] != '\0' && d->retention != 1 &&
	    !snapshot_words_have(store, slice_of(d->store_zone)))
		return false;
	return r->retention == 0 ||
	       (d->retention != 0 && d->retention <= r->retention);
}

bool
model_retired(const struct model_conf *m, int64_t wall_ns)
{
	return m->retires_ns != 0 && wall_ns >= m->retires_ns;
}

const struct model_conf *
model_living(const struct model_conf *m, int64_t wall_ns)
{
	unsigned hops = 0;

	while (model_retired(m, wall_ns) && m->redirects &&
	       ++hops <= MODEL_HOPS_MAX)
		m = m->successor;
	return m;
}
