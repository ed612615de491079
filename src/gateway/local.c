#include "gateway/local.h"

#include "base/json.h"
#include "dialect/dialect.h"
#include "gateway/bind.h"
#include "gateway/endpoint.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "httpio/server.h"
#include "shm/key.h"

static void
reply_json(struct req *req, struct buf *b)
{
	req->reply.status = 200;
	req->reply.type = S("application/json");
	req->reply.body = arena_copy(&req->arena, buf_slice(b));
	buf_fini(b);
}

typedef void model_f(struct buf *b, const char *id, const struct model_conf *m);

/* The shape of OpenAI's GET /v1/models. */
static void
write_openai(struct buf *b, const char *id, const struct model_conf *m)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "id", slice_of(id));
	json_w_kstr(b, "object", S("model"));
	json_w_ki64(b, "created", 0);
	json_w_kstr(b, "owned_by", slice_of(m->publisher));
	json_w_end(b, '}');
}

static void
write_anthropic(struct buf *b, const char *id, const struct model_conf *m)
{
	(void)m;
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("model"));
	json_w_kstr(b, "id", slice_of(id));
	json_w_kstr(b, "display_name", slice_of(id));
	json_w_kstr(b, "created_at", S("1970-01-01T00:00:00Z"));
	json_w_end(b, '}');
}

/* Google's shape of one. */
static void
write_google(struct buf *b, const char *id, const struct model_conf *m)
{
	struct buf name = { 0 };

	(void)m;
	buf_str(&name, "models/");
	buf_str(&name, id);
	json_w_begin(b, '{');
	json_w_kstr(b, "name", buf_slice(&name));
	json_w_kstr(b, "displayName", slice_of(id));
	json_w_key(b, "supportedGenerationMethods");
	json_w_raw(b, S("[\"generateContent\",\"countTokens\"]"));
	json_w_end(b, '}');
	buf_fini(&name);
}

static void
write_models(struct req *req, struct buf *b, const char *key, model_f *write)
{
	const struct snapshot *s = req->snap;
	unsigned i;

	json_w_key(b, key);
	json_w_begin(b, '[');
	for (i = 0; i < s->nmodels; i++) {
		if (key_may_use(req->key, s->model[i].hash))
			write(b, s->model[i].id, &s->model[i]);
	}
	for (i = 0; i < s->naliases; i++) {
		if (key_may_use(req->key, s->alias[i].model->hash))
			write(b, s->alias[i].name, s->alias[i].model);
	}
	json_w_end(b, ']');
}

void
local_models_google(struct req *req, struct slice segment)
{
	struct buf b = { 0 };

	(void)segment;
	json_w_begin(&b, '{');
	write_models(req, &b, "models", write_google);
	json_w_end(&b, '}');
	reply_json(req, &b);
}

/* One path for three vendors' SDKs: their headers tell. */
void
local_models(struct req *req, struct slice segment)
{
	struct buf b = { 0 };

	if (req->dialect == &dialect_gemini) {
		local_models_google(req, segment);
		return;
	}
	json_w_begin(&b, '{');
	if (req->dialect == &dialect_anthropic) {
		write_models(req, &b, "data", write_anthropic);
		json_w_kbool(&b, "has_more", false);
		/* Where a next page would begin: there is none. */
		json_w_key(&b, "first_id");
		json_w_raw(&b, S("null"));
		json_w_key(&b, "last_id");
		json_w_raw(&b, S("null"));
	} else {
		json_w_kstr(&b, "object", S("list"));
		write_models(req, &b, "data", write_openai);
	}
	json_w_end(&b, '}');
	reply_json(req, &b);
}

static void
one_model(struct req *req, struct slice segment, model_f *write)
{
	const struct model_conf *m = snapshot_model(req->snap, segment);
	struct buf b = { 0 };

	if (m == NULL || !key_may_use(req->key, m->hash)) {
		req->fault = FAULT_MODEL_UNKNOWN;
		return;
	}
	write(&b, arena_str(&req->arena, segment), m);
	reply_json(req, &b);
}

void
local_model_google(struct req *req, struct slice segment)
{
	one_model(req, segment, write_google);
}

void
local_model(struct req *req, struct slice segment)
{
	one_model(req, segment,
	    req->dialect == &dialect_gemini      ? write_google
	    : req->dialect == &dialect_anthropic ? write_anthropic
						 : write_openai);
}

/* By its length: who could count it is not among the model's providers. */
static void
count_as(struct req *req, const char *key)
{
	struct buf b = { 0 };

	bind_warn(req, S("the count is an estimate by length: no provider of "
			 "this model counts"));
	json_w_begin(&b, '{');
	json_w_ku64(&b, key, ask_input_estimate(req->ask));
	json_w_end(&b, '}');
	reply_json(req, &b);
}

void
local_count(struct req *req, struct slice segment)
{
	(void)segment;
	count_as(req, "input_tokens");
}

void
local_count_google(struct req *req, struct slice segment)
{
	(void)segment;
	count_as(req, "totalTokens");
}

void
local_count_aws(struct req *req, struct slice segment)
{
	(void)segment;
	count_as(req, "inputTokens");
}

static void
reply_text(struct req *req, int status, struct slice text)
{
	req->reply.status = status;
	req->reply.type = S("text/plain");
	req->reply.body = text;
}

void
local_upgrade(struct req *req, struct slice segment)
{
	static const struct problem p = { .status = 426,
		.fault = FAULT_METHOD,
		.code = S_INIT("upgrade_required"),
		.message = S_INIT("kontor serves no WebSocket; POST to this "
				  "path instead, with stream: true") };
	struct buf b = { 0 };

	(void)segment;
	dialect_openai_responses.error(&b, &p);
	reply_json(req, &b);
	req->reply.status = 426;
}

void
local_healthz(struct req *req, struct slice segment)
{
	(void)segment;
	reply_text(req, 200, S("ok\n"));
}

void
local_readyz(struct req *req, struct slice segment)
{
	const struct shm_head *h = req->w->shm.head;
	bool ready = atomic_load(&h->recorder_ready) != 0 &&
		     atomic_load(&h->log_broken) == 0 && !req->w->draining;

	(void)segment;
	reply_text(
	    req, ready ? 200 : 503, ready ? S("ready\n") : S("not ready\n"));
}

enum next
stage_local(struct req *req, enum wake wake)
{
	struct slice segment;
	bool known;

	if (wake == WAKE_GONE)
		return NEXT_WAIT;
	endpoint_find(
	    req->x->head->method, http_path(req->x->head), &segment, &known);
	req->endpoint->local(req, http_unescape(&req->arena, segment, false));
	if (req->fault != FAULT_NONE)
		return req_fail(req, req->fault, STAGE_REFUSE);
	return req_goto(req, STAGE_RECORD);
}
