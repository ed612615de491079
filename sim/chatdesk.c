/*
 * chatdesk.c - a chat request becomes a plan: refused, spoilt or good
 */
#include "sim/brand.h"
#include "sim/desk.h"

#include "base/json.h"

/* Whose words an error is said in. */
static enum venue
voice(const struct order *o)
{
	if (o->manner->native)
		return VENUE_BEDROCK_NATIVE;
	return o->manner->anthropic ? VENUE_ANTHROPIC
				    : o->visit->credential->venue;
}

static struct plan *
refuse(const struct order *o, const char *code, const char *param,
    const char *message)
{
	struct refusal why = { 400, "invalid_request_error", code, param,
		message };

	return brand_refusal(voice(o), &why);
}

static struct plan *
check_headers(struct order *o)
{
	struct slice type = http_value(o->visit->head, S("content-type"));
	struct slice coding = http_value(o->visit->head, S("content-encoding"));
	struct slice media = type;

	(void)slice_cut(type, ';', &media, &type);
	/* AWS takes a body for JSON when nothing is said of it. */
	if (!slice_ieq(slice_trim(media), S("application/json")) &&
	    !(o->manner->native && media.len == 0))
		return refuse(o, NULL, NULL,
		    "Unsupported media type: send application/json.");
	if (coding.len > 0 && !slice_ieq(coding, S("identity")))
		return refuse(o, NULL, NULL, "Unsupported content encoding.");
	return NULL;
}

static struct plan *
read_body(struct order *o)
{
	enum fault fault;

	fault = json_parse(&o->arena, o->visit->body, &o->body);
	if (fault != FAULT_NONE && o->manner->bad_json.len > 0)
		return refuse(o, NULL, NULL, o->manner->bad_json.p);
	if (fault == FAULT_JSON_DUPLICATE)
		return refuse(o, NULL, NULL,
		    "We could not parse the JSON body of your request: an "
		    "object has the same key twice.");
	if (fault != FAULT_NONE)
		return refuse(o, NULL, NULL,
		    "We could not parse the JSON body of your request. (HINT: "
		    "This likely means you aren't using your HTTP library "
		    "correctly.)");
	return NULL;
}

static struct plan *
find_model(struct order *o)
{
	const struct credential *c = o->visit->credential;
	struct slice name = o->name;

	if (name.len == 0)
		name = json_get_str(o->body, "model");
	if (name.len == 0)
		return refuse(
		    o, NULL, NULL, "you must provide a model parameter");
	o->model = setup_model(o->visit->desk->setup, c, name);
	if (o->model != NULL)
		return NULL;
	return brand_trouble(voice(o),
	    c->venue == VENUE_AZURE ? TROUBLE_DEPLOYMENT : TROUBLE_MODEL, 0,
	    name);
}

static struct plan *
check_shape(struct order *o)
{
	enum venue v = o->visit->credential->venue;
	bool maker = v == VENUE_OPENAI || v == VENUE_AZURE;
	struct shape_rules rules = { .lenient = !maker,
		.reasoning = maker && o->model->reasoning };
	struct refusal why;

	if (!shape_check(&o->arena, o->body, &rules, &why))
		return brand_refusal(v, &why);
	return NULL;
}

static struct plan *
check_limits(struct order *o)
{
	const struct sim_model *m = o->model;

	if (o->chat.max_out > m->max_output)
		return refuse(o, "invalid_value", "max_completion_tokens",
		    arena_fmt(&o->arena,
			"max_tokens is too large: %lld. This model supports at "
			"most %lld completion tokens.",
			(long long)o->chat.max_out, (long long)m->max_output));
	if (o->chat.input > m->context)
		return refuse(o, "context_length_exceeded", "messages",
		    arena_fmt(&o->arena,
			"This model's maximum context length is %lld tokens. "
			"However, your messages resulted in %lld tokens.",
			(long long)m->context, (long long)o->chat.input));
	return NULL;
}

static struct plan *
status_plan(enum venue v, enum mishap kind)
{
	struct plan *p;

	if (kind == MISHAP_401)
		p = brand_trouble(v, TROUBLE_BAD_KEY, 401, S(""));
	else if (kind == MISHAP_404)
		p = brand_trouble(v, TROUBLE_MODEL, 404, S("it"));
	else if (kind == MISHAP_429Q)
		p = brand_trouble(v, TROUBLE_QUOTA, 429, S(""));
	else
		p = brand_trouble(
		    v, TROUBLE_STATUS, mishap_get(kind)->status, S(""));
	p->status = mishap_get(kind)->status;
	p->mishap = kind;
	return p;
}

/* What the answer calls the model. */
static struct slice
answer_name(const struct order *o)
{
	enum venue v = o->visit->credential->venue;

	return (v == VENUE_BEDROCK || v == VENUE_COMPATIBLE) &&
		       o->chat.model.len > 0
		   ? o->chat.model
		   : o->model->snapshot;
}

static struct plan *
good_answer(struct order *o)
{
	const struct credential *c = o->visit->credential;
	struct plan_terms terms = { o->visit->desk->setup, c, o->model,
		answer_name(o), o->play, o->manner->tongue };

	if (terms.play.kind == MISHAP_NONE)
		terms.play = directive_play(&o->chat.directive, c->name);
	if (mishap_get(terms.play.kind)->status != 0)
		return status_plan(voice(o), terms.play.kind);
	return plan_new(&o->arena, &o->chat, &terms);
}

static struct plan *
consider(struct order *o)
{
	struct plan *no = read_body(o);

	if (no == NULL)
		no = find_model(o);
	if (no != NULL)
		return no;
	books_model(o->visit->desk->books, o->visit->entry, o->model->id,
	    o->stream || json_get_bool(o->body, "stream", false));
	no = o->manner->read(o);
	if (no != NULL)
		return no;
	chat_read(&o->chat, o->body);
	o->chat.stream |= o->stream;
	o->chat.array = o->array;
	o->chat.thoughts = o->thoughts;
	o->chat.aws = o->aws;
	o->chat.sealed = o->sealed;
	o->chat.input += o->extra_input;
	if (o->chat.directive.cached < 0)
		o->chat.directive.cached = o->extra_input;
	if (o->chat.directive.play_name.len > 0)
		scripts_play(
		    &o->visit->desk->scripts, &o->arena, &o->chat, o->body);
	if (o->manner->touch != NULL)
		o->manner->touch(o);
	no = check_limits(o);
	return no != NULL ? no : good_answer(o);
}

static struct plan *
from_cache(struct visit *v, const struct cache_key *key)
{
	const struct cached *at = cache_find(&v->desk->cache, key);

	if (at == NULL)
		return NULL;
	books_model(v->desk->books, v->entry, at->model, at->stream);
	return plan_ref(at->plan);
}

/* Closed without an answer, as if nobody were there. */
static struct plan *
down_plan(void)
{
	struct plan *p = plan_plain(0);

	p->mute = true;
	p->stop_at = 0;
	p->ending = END_FIN;
	p->mishap = MISHAP_DOWN;
	return p;
}

/* A provider with so many tokens a minute has sold them or not. */
static bool
is_sold_out(struct visit *v, int64_t tokens)
{
	const struct credential *c = v->credential;
	struct meter *m = &v->desk->meter[c->index];
	const int64_t now = loop_now(v->loop);
	const int64_t each = c->tokens_per_minute, most = c->tokens_burst;

	if (each == 0)
		return false;
	if (m->at_ns == 0) {
		m->tokens = most;
		m->at_ns = now;
	}
	/* Time that earned no whole token is kept for the next. */
	m->tokens += (now - m->at_ns) / 1000 * each / 60000000;
	if ((now - m->at_ns) / 1000 * each >= 60000000)
		m->at_ns = now;
	if (m->tokens > most)
		m->tokens = most;
	if (m->tokens < tokens)
		return true;
	m->tokens -= tokens;
	return false;
}

static struct plan *
meter(const struct order *o, struct plan *p)
{
	if (!p->billable ||
	    !is_sold_out(o->visit, p->used.input + p->used.output))
		return p;
	plan_unref(&p);
	return status_plan(voice(o), MISHAP_429);
}

struct plan *
desk_talk(struct order *o)
{
	struct visit *v = o->visit;
	struct cache_key key = { v->credential, o->key, v->body };
	struct plan *p;
	bool usual;

	o->play = rules_play(&v->desk->rules, v->credential, loop_now(v->loop));
	if (o->play.kind == MISHAP_DOWN)
		return down_plan();
	usual = o->play.kind == MISHAP_NONE && v->desk->scripts.first == NULL;
	p = check_headers(o);
	if (p == NULL && usual)
		p = from_cache(v, &key);
	if (p == NULL)
		p = consider(o);
	if (usual && o->model != NULL && (p->billable || p->mishap))
		cache_put(
		    &v->desk->cache, &key, p, o->model->id, o->chat.stream);
	arena_fini(&o->arena);
	return meter(o, p);
}

struct plan *
desk_chat(struct visit *v, struct slice deployment)
{
	static const struct manner manner = { .read = check_shape };
	struct order o = { .visit = v,
		.manner = &manner,
		.name = deployment,
		.key = deployment };

	return desk_call(&o);
}
