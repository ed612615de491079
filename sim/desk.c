#include "sim/desk.h"

#include "base/clock.h"
#include "base/json.h"
#include "sim/anthropic.h"
#include "sim/brand.h"
#include "sim/bedrock.h"
#include "sim/catalog.h"
#include "sim/embed.h"
#include "sim/gemini.h"
#include "sim/responses.h"

/* The gateway's own keys must never reach a provider. */
static bool
leaks(const struct http_head *h)
{
	unsigned i;

	for (i = 0; i < h->nhdr; i++)
		if (memmem(h->hdr[i].value.p, h->hdr[i].value.len, "ktk_", 4))
			return true;
	return false;
}

static bool
is_post(const struct visit *v)
{
	return slice_eq(v->head->method, S("POST"));
}

static bool
is_get(const struct visit *v)
{
	return slice_eq(v->head->method, S("GET"));
}

static struct plan *
trouble(const struct visit *v, enum trouble t)
{
	return brand_trouble(v->credential->venue, t, 0, S(""));
}

/* --- models ------------------------------------------------------------ */

static void
put_model(struct buf *b, struct slice name)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "id", name);
	json_w_kstr(b, "object", S("model"));
	json_w_ki64(b, "created", 1772668800);
	json_w_kstr(b, "owned_by", S("openai"));
	json_w_end(b, '}');
}

static struct plan *
list_models(const struct visit *v)
{
	const struct setup *s = v->desk->setup;
	struct plan *p = plan_plain(200);
	struct slice name;
	unsigned i;

	json_w_begin(&p->body, '{');
	json_w_kstr(&p->body, "object", S("list"));
	json_w_key(&p->body, "data");
	json_w_begin(&p->body, '[');
	for (i = 0; i < s->nmodel; i++) {
		name = setup_name(v->credential, &s->model[i]);
		if (name.len > 0)
			put_model(&p->body, name);
	}
	json_w_end(&p->body, ']');
	json_w_end(&p->body, '}');
	return p;
}

static struct plan *
one_model(const struct visit *v, struct slice id)
{
	struct plan *p;

	if (setup_model(v->desk->setup, v->credential, id) == NULL)
		return brand_trouble(
		    v->credential->venue, TROUBLE_MODEL, 0, id);
	p = plan_plain(200);
	put_model(&p->body, id);
	return p;
}

/* --- paths ------------------------------------------------------------- */

struct plan *
desk_call(struct order *o)
{
	struct visit *v = o->visit;
	struct arrival a = { v->credential,
		http_value(v->head, S("x-client-request-id")),
		http_value(v->head, S("accept-encoding")), true };
	struct plan *p;

	if (!is_post(v))
		return trouble(v, TROUBLE_METHOD);
	v->entry = books_open(v->desk->books, &a);
	p = desk_talk(o);
	if (p->mishap != MISHAP_NONE)
		books_mishap(v->desk->books, v->entry, p->mishap);
	if (p->mishap == MISHAP_DOWN)
		books_uncount(v->desk->books, v->entry);
	return p;
}

static struct plan *
embeddings(struct visit *v, struct slice deployment)
{
	return is_post(v) ? embed_call(v, EMBED_OPENAI, deployment)
			  : trouble(v, TROUBLE_METHOD);
}

static struct plan *
responses(struct visit *v)
{
	return is_post(v) ? responses_call(v) : trouble(v, TROUBLE_METHOD);
}

static struct plan *
under(struct visit *v, struct slice base)
{
	struct slice left = { v->path.p + base.len, v->path.len - base.len };

	if (slice_eq(left, S("/chat/completions")))
		return desk_chat(v, S(""));
	if (slice_eq(left, S("/responses")))
		return responses(v);
	if (slice_eq(left, S("/embeddings")))
		return embeddings(v, S(""));
	if (slice_eq(left, S("/models")) && is_get(v))
		return list_models(v);
	if (slice_starts(left, S("/models/")) && is_get(v))
		return one_model(v, (struct slice){ left.p + 8, left.len - 8 });
	return trouble(v, TROUBLE_PATH);
}

/* 2026-03-05, 2026-03-05-preview, and listed when there is a list. */
static bool
version_good(const struct visit *v, struct slice version)
{
	static const char form[] = "dddd-dd-dd";
	struct slice known = v->desk->setup->api_versions;
	struct buf b = { 0 };
	bool listed;
	size_t i;

	if (version.len != 10 &&
	    !(version.len == 18 && memcmp(version.p + 10, "-preview", 8) == 0))
		return false;
	for (i = 0; i < 10; i++)
		if (form[i] == 'd' ? version.p[i] < '0' || version.p[i] > '9'
				   : version.p[i] != '-')
			return false;
	buf_char(&b, ' ');
	buf_add(&b, version);
	buf_char(&b, ' ');
	listed =
	    known.len == 0 || memmem(known.p, known.len, b.p, b.len) != NULL;
	buf_fini(&b);
	return listed;
}

static struct plan *
azure_classic(struct visit *v)
{
	struct slice base = S("/openai/deployments/"), name, left;
	struct slice version =
	    http_query_get(http_query(v->head), S("api-version"));

	left = (struct slice){ v->path.p + base.len, v->path.len - base.len };
	if (!version_good(v, version) || !slice_cut(left, '/', &name, &left) ||
	    (!slice_eq(left, S("chat/completions")) &&
		!slice_eq(left, S("embeddings"))))
		return trouble(v, TROUBLE_PATH);
	if (setup_model(v->desk->setup, v->credential, name) == NULL)
		return trouble(v, TROUBLE_DEPLOYMENT);
	return slice_eq(left, S("embeddings")) ? embeddings(v, name)
					       : desk_chat(v, name);
}

/* The mantle endpoint has neither Converse nor InvokeModel, and each model of
 * OpenAI's shape below one base only. */
static struct plan *
mantle(struct visit *v)
{
	struct slice base = S("/v1"), other = S("/openai/v1"), model;
	struct arena a = { 0 };
	struct json *body;
	bool fits = true;

	if (slice_starts(v->path, other))
		base = other;
	else if (!slice_starts(v->path, base))
		return trouble(v, TROUBLE_PATH);
	if (is_post(v) && json_parse(&a, v->body, &body) == FAULT_NONE) {
		model = json_get_str(body, "model");
		fits = (slice_starts(model, S("openai.")) &&
			   !slice_starts(model, S("openai.gpt-oss"))) ==
		       (base.len == other.len);
	}
	arena_fini(&a);
	return fits ? under(v, base) : trouble(v, TROUBLE_MODEL);
}

static struct plan *
route(struct visit *v)
{
	enum venue venue = v->credential->venue;
	bool cloud = venue == VENUE_AZURE || venue == VENUE_BEDROCK ||
		     venue == VENUE_OCI;
	struct plan *p;

	p = catalog_route(v);
	if (p != NULL)
		return p;
	if (venue == VENUE_GEMINI || venue == VENUE_VERTEX)
		return gemini_route(v);
	if (venue == VENUE_ANTHROPIC)
		return anthropic_route(v, v->path);
	if ((venue == VENUE_AZURE || venue == VENUE_BEDROCK) &&
	    slice_starts(v->path, S("/anthropic/")))
		return anthropic_route(
		    v, (struct slice){ v->path.p + 10, v->path.len - 10 });
	if (venue == VENUE_AZURE &&
	    slice_starts(v->path, S("/openai/deployments/")))
		return azure_classic(v);
	if (venue == VENUE_AZURE && slice_eq(v->path, S("/openai/responses")))
		return version_good(v, http_query_get(http_query(v->head),
					   S("api-version")))
			   ? responses(v)
			   : trouble(v, TROUBLE_PATH);
	if (v->credential->mantle)
		return mantle(v);
	if (venue == VENUE_BEDROCK && slice_starts(v->path, S("/model/")))
		return bedrock_route(v);
	if (cloud && slice_starts(v->path, S("/openai/v1/")))
		return under(v, S("/openai/v1"));
	if (!cloud && slice_starts(v->path, S("/v1/")))
		return under(v, S("/v1"));
	return trouble(v, TROUBLE_PATH);
}

static struct plan *
provider(struct visit *v)
{
	struct plan *no = desk_identify(v, issuer_now_s(v->desk->issuer));

	if (no != NULL) {
		books_rejected(v->desk->books);
		return no;
	}
	if (leaks(v->head)) {
		books_leak(v->desk->books, v->credential);
		return trouble(v, TROUBLE_LEAK);
	}
	return route(v);
}

/* --- exchanges --------------------------------------------------------- */

static struct session *
session_of(struct wire_conn *c)
{
	struct session *s = c->user;

	if (s == NULL) {
		s = NEW(struct session);
		s->desk = wire_user(c);
		s->leg.conn = c;
		s->leg.books = s->desk->books;
		c->user = s;
	}
	return s;
}

static struct allowance
allowance(const struct visit *v)
{
	const struct credential *c = v->credential;
	const struct meter *m;

	if (c == NULL || c->tokens_per_minute == 0)
		return (struct allowance){ 0 };
	m = &v->desk->meter[c->index];
	return (struct allowance){ (uint64_t)c->tokens_per_minute,
		(uint64_t)(m->at_ns != 0 ? m->tokens : c->tokens_burst) };
}

static void
on_request(struct wire_conn *c, const struct http_head *head, struct slice body)
{
	struct session *s = session_of(c);
	struct visit v = { .desk = s->desk,
		.head = head,
		.body = body,
		.path = http_path(head),
		.loop = wire_loop(c) };
	struct leg *leg = &s->leg;
	struct allowance left;
	struct plan *p;

	leg->keep = c->keep;
	if (slice_starts(v.path, S("/sim/"))) {
		p = desk_control(&v);
		brand_plain_head(&leg->head, p, leg->keep);
	} else if ((p = desk_sign_in(&v)) != NULL) {
		brand_plain_head(&leg->head, p, leg->keep);
	} else {
		p = provider(&v);
		if (c->old && p->stream) {
			plan_unref(&p);
			p = plan_plain(505);
		}
		left = allowance(&v);
		brand_head(&leg->head, v.credential, p, ++s->desk->n, &left,
		    leg->keep);
	}
	leg->entry = v.entry;
	leg_start(leg, &p);
}

static void
on_writable(struct wire_conn *c)
{
	leg_writable(&session_of(c)->leg);
}

static void
on_gone(struct wire_conn *c)
{
	leg_gone(&session_of(c)->leg);
}

static void
on_close(struct wire_conn *c)
{
	struct session *s = c->user;

	if (s == NULL)
		return;
	leg_gone(&s->leg);
	leg_fini(&s->leg);
	mem_free(s);
	c->user = NULL;
}

const struct wire_ops desk_ops = {
	.on_request = on_request,
	.on_writable = on_writable,
	.on_gone = on_gone,
	.on_close = on_close,
};
