/*
 * bedrock.c - the paths of Bedrock's runtime, /model/ID/...
 *
 * A model is called by its id, by a profile of some regions ("us." before
 * it), or by an ARN that ends in either.  The bodies of InvokeModel are the
 * makers': Amazon's, Anthropic's, Cohere's.
 */
#include "sim/bedrock.h"

#include "base/text.h"
#include "sim/anthropic.h"
#include "sim/awsshape.h"
#include "sim/brand.h"
#include "sim/embed.h"

static struct plan *
trouble(enum trouble t, struct slice what)
{
	return brand_trouble(VENUE_BEDROCK_NATIVE, t, 0, what);
}

static bool
contains(struct slice s, const char *what)
{
	return memmem(s.p, s.len, what, strlen(what)) != NULL;
}

bool
bedrock_is_claude(const struct sim_model *m)
{
	return contains(m->bedrock_id, "anthropic.");
}

bool
bedrock_is_nova(const struct sim_model *m)
{
	return contains(m->bedrock_id, "amazon.nova");
}

/* --- names ------------------------------------------------------------- */

static struct slice
behind_last(struct slice s, char c)
{
	size_t i = s.len;

	while (i > 0 && s.p[i - 1] != c)
		i--;
	return (struct slice){ s.p + i, s.len - i };
}

static const struct sim_model *
model_of(const struct visit *v, struct slice id)
{
	static const struct slice profile[] = { S_INIT("us."), S_INIT("eu."),
		S_INIT("apac."), S_INIT("jp."), S_INIT("au."),
		S_INIT("global.") };
	const struct sim_model *m;
	size_t i;

	if (slice_starts(id, S("arn:")))
		id = behind_last(id, '/');
	m = setup_model(v->desk->setup, v->credential, id);
	for (i = 0; i < NELEM(profile) && m == NULL; i++)
		if (slice_starts(id, profile[i]))
			m = setup_model(v->desk->setup, v->credential,
			    (struct slice){ id.p + profile[i].len,
				id.len - profile[i].len });
	return m;
}

/* --- calls ------------------------------------------------------------- */

static void
touch(struct order *o)
{
	struct directive *d = &o->chat.directive;

	if (d->cache_write < 0 && d->cached <= 0)
		d->cache_write = o->aws.cache_write;
	o->chat.n = 1;
}

static struct plan *
call(struct visit *v, const struct manner *manner, struct slice model,
    bool stream)
{
	struct order o = { .visit = v,
		.manner = manner,
		.name = model,
		.key = v->head->target,
		.stream = stream };

	return desk_call(&o);
}

static struct plan *
converse(struct visit *v, struct slice model, bool stream)
{
	static const struct manner manner = {
		.read = bedrock_read_converse,
		.touch = touch,
		.tongue = &bedrock_converse,
		.bad_json = S_INIT("The request body is not valid JSON."),
		.native = true,
	};

	return call(v, &manner, model, stream);
}

static struct plan *
invoke(struct visit *v, const struct sim_model *m, bool stream)
{
	static const struct manner nova = {
		.read = bedrock_read_nova,
		.touch = touch,
		.tongue = &bedrock_nova,
		.bad_json = S_INIT("Malformed input request, please reformat "
				   "your input and try again."),
		.native = true,
	};

	if (bedrock_is_nova(m))
		return call(v, &nova, m->bedrock_id, stream);
	if (bedrock_is_claude(m))
		return anthropic_invoke(v, m->bedrock_id, stream);
	if (m->embed > 0 && !stream)
		return embed_call(v,
		    contains(m->bedrock_id, "cohere.") ? EMBED_COHERE
						       : EMBED_TITAN,
		    m->bedrock_id);
	return trouble(TROUBLE_MODEL, m->bedrock_id);
}

/* --- CountTokens ------------------------------------------------------- */

static struct plan *
counted(int64_t n)
{
	struct plan *p = plan_plain(200);

	json_w_begin(&p->body, '{');
	json_w_ki64(&p->body, "inputTokens", n);
	json_w_end(&p->body, '}');
	return p;
}

/* The body of InvokeModel comes as base64 within. */
static const struct json *
inner(struct arena *a, const struct json *input, struct refusal *why)
{
	struct slice text =
	    json_get_str(json_get(input, "invokeModel"), "body");
	struct buf b = { 0 };
	struct json *body = NULL;

	if (!text_base64_parse(&b, text) ||
	    json_parse(a, arena_copy(a, buf_slice(&b)), &body) != FAULT_NONE)
		(void)awsshape_wrong(why, "The body is not valid JSON.");
	buf_fini(&b);
	return body;
}

static struct plan *
count(struct visit *v, const struct sim_model *m)
{
	struct arena a = { 0 };
	struct refusal why = { 0 };
	const struct json *body;
	struct json *j;
	struct plan *p;
	int64_t n = 0;

	if (json_parse(&a, v->body, &j) != FAULT_NONE)
		(void)awsshape_wrong(&why, "The request body is not JSON.");
	else
		(void)awsshape_check(
		    &a, j, AWSSHAPE_COUNT_TOKENS_REQUEST, &why);
	if (why.message == NULL) {
		j = (struct json *)(uintptr_t)json_get(j, "input");
		body = json_get(j, "converse");
		if (body != NULL)
			n = bedrock_count(&a, body);
		else if ((body = inner(&a, j, &why)) != NULL)
			n = bedrock_is_claude(m) ? anthropic_count(&a, body,
						       SHOP_INVOKE, false, &why)
						 : bedrock_count(&a, body);
	}
	p = why.message != NULL ? brand_refusal(VENUE_BEDROCK_NATIVE, &why)
				: counted(n);
	arena_fini(&a);
	return p;
}

/* --- paths ------------------------------------------------------------- */

static struct plan *
operation(struct visit *v, struct slice id, struct slice what)
{
	const struct sim_model *m = model_of(v, id);

	if (!slice_eq(v->head->method, S("POST")))
		return trouble(TROUBLE_METHOD, S(""));
	if (m == NULL)
		return trouble(TROUBLE_MODEL, id);
	if (slice_eq(what, S("converse")))
		return converse(v, m->bedrock_id, false);
	if (slice_eq(what, S("converse-stream")))
		return converse(v, m->bedrock_id, true);
	if (slice_eq(what, S("invoke")))
		return invoke(v, m, false);
	if (slice_eq(what, S("invoke-with-response-stream")))
		return invoke(v, m, true);
	if (slice_eq(what, S("count-tokens")))
		return count(v, m);
	return trouble(TROUBLE_PATH, S(""));
}

struct plan *
bedrock_route(struct visit *v)
{
	struct slice left = { v->path.p + 7, v->path.len - 7 }, id;
	struct arena a = { 0 };
	struct plan *p;

	if (!slice_cut(left, '/', &id, &left))
		return trouble(TROUBLE_PATH, S(""));
	p = operation(v, http_unescape(&a, id, false), left);
	arena_fini(&a);
	return p;
}
