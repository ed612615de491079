#include "gateway/carry.h"

#include "base/clock.h"
#include "dialect/codec.h"
#include "gateway/bind.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "httpio/server.h"
#include "provider/provider.h"

/* --- out -------------------------------------------------------------------
 */

static enum fault
refuse(struct req *req, enum fault f, const struct wrong *w)
{
	if (f == FAULT_FIELD) {
		req->ask->param = w->field;
		req->ask->hint = w->hint;
	}
	return f;
}

/* All that a list says, which may come in several lines. */
static struct slice
header_betas(const struct req *req, struct arena *a)
{
	static const struct slice name = S_INIT("anthropic-beta");
	const struct http_head *head = req->x->head;
	struct slice part[] = { S(""), S(","), S("") };
	unsigned i;

	for (i = 0; i < head->nhdr; i++) {
		if (!slice_ieq(head->hdr[i].name, name))
			continue;
		part[2] = head->hdr[i].value;
		part[0] = part[0].len == 0 ? part[2]
					   : arena_join(a, part, NELEM(part));
	}
	return part[0];
}

struct slice
carry_betas(struct req *req)
{
	return req->said != NULL ? req->said->betas
				 : header_betas(req, &req->arena);
}

static enum fault
decode(struct req *req)
{
	struct conversation *c = ARENA_NEW(&req->arena, struct conversation);
	struct wrong w = { 0 };
	enum fault f;

	c->n = 1;
	c->parallel = c->schema_strict = -1;
	f = req->dialect->codec->decode(&req->arena, req->ask->body, c, &w);
	if (f == FAULT_NONE)
		f = codec_check_media(&req->arena, c, &w);
	if (f != FAULT_NONE)
		return refuse(req, f, &w);
	/* A path may say both. */
	c->model = req->ask->model;
	c->stream = req->ask->stream;
	if (c->betas.len == 0)
		c->betas = header_betas(req, &req->arena);
	req->said = c;
	return FAULT_NONE;
}

static void
warn(struct req *req, uint64_t lost)
{
	struct buf b = { 0 };
	unsigned i;

	for (i = 0; i < LOSSES; i++) {
		if ((lost & LOSS_BIT(i)) == 0)
			continue;
		if (b.len > 0)
			buf_str(&b, "; ");
		buf_str(&b, conversation_loss_text((enum loss)i));
	}
	if (b.len > 0)
		bind_warn(req, arena_copy(&req->arena, buf_slice(&b)));
	buf_fini(&b);
}

static struct target
target_of(const struct req *req)
{
	const struct deployment_conf *d = req->try.deployment;

	return (struct target){ .model = slice_of(d->name),
		.max_output = d->max_output,
		.clamp = req->try.clamp,
		.vendor = provider_vendor(d),
		.old_limit = d->provider->type == PROVIDER_OPENAI_COMPATIBLE };
}

/* What another vendor sealed, on whatever it stood, no encoder gives on. */
static uint64_t
astray(const struct conversation *c, enum vendor vendor)
{
	const struct turn *t;
	const struct part *p;

	for (t = c->first; t != NULL; t = t->next) {
		for (p = t->first; p != NULL; p = p->next) {
			if (p->opaque.len > 0 && p->origin != vendor)
				return LOSS_BIT(LOSS_REASONING);
		}
	}
	return 0;
}

/* OpenAI and Google do not say which stop sequence ended an answer, nor that
 * one did; Anthropic's and AWS's callers are used to be told. */
static uint64_t
untold(const struct req *req)
{
	const bool told = req->dialect == &dialect_anthropic ||
			  req->dialect == &dialect_invoke_claude ||
			  req->dialect == &dialect_bedrock;
	const bool tells = req->try.dialect != &dialect_openai_chat &&
			   req->try.dialect != &dialect_gemini;

	return told && !tells && req->said->nstop > 0
		   ? LOSS_BIT(LOSS_STOP_SEQUENCE)
		   : 0;
}

enum { TREE_FREE = 1024 * 1024 };

/* What a body becomes is many times as large as it, and there until the end:
 * with what others keep it has a budget.  What alone is above it never fits. */
static enum fault
weigh(struct req *req)
{
	req_weigh(req);
	if (req->arena.total <= TREE_FREE || worker_has_room(req->w, 0))
		return FAULT_NONE;
	return req->arena.total > req->w->buffered_max ? FAULT_BODY_TOO_LARGE
						       : FAULT_OVERLOAD;
}

enum fault
carry_request(struct req *req, struct slice *body)
{
	const struct target t = target_of(req);
	struct wrong w = { 0 };
	struct buf b = { 0 };
	uint64_t lost;
	enum fault f = FAULT_NONE;

	if (req->said == NULL)
		f = decode(req);
	if (f == FAULT_NONE)
		f = weigh(req);
	if (f != FAULT_NONE)
		return f;
	lost = req->said->lost;
	f = req->try.dialect->codec->encode(
	    &req->arena, req->said, &t, &b, &lost, &w);
	lost |= untold(req) | astray(req->said, t.vendor);
	if (req->said->betas.len > 0 &&
	    req->try.dialect != &dialect_anthropic &&
	    req->try.dialect->wraps != &dialect_anthropic)
		lost |= LOSS_BIT(LOSS_BETA);
	if (f == FAULT_NONE) {
		*body = arena_copy(&req->desk->arena, buf_slice(&b));
		warn(req, lost);
	}
	buf_fini(&b);
	req_weigh(req);
	return refuse(req, f, &w);
}

/* --- back ------------------------------------------------------------------
 */

struct carry {
	struct req *req;
	const struct codec *from, *to;
	struct arena scratch;
	struct decoding in;
	struct homeward home;
	struct encoding_out out;
	struct buf *to_buf; /* while something is read */
	bool over;
};

static void
on_step(void *arg, const struct stream_step *s)
{
	struct carry *c = arg;

	c->to->write_step(s, &c->out, c->to_buf);
	c->over |= s->kind == STEP_END;
}

struct carry *
carry_new(struct req *req)
{
	struct carry *c = NEW(struct carry);

	c->req = req;
	c->from = req->try.dialect->codec;
	c->to = req->dialect->codec;
	c->home = (struct homeward){ .arena = &req->arena,
		.asked = req->said,
		.step = on_step,
		.arg = c };
	c->in = (struct decoding){ .arena = &req->arena,
		.scratch = &c->scratch,
		.step = homeward_step,
		.arg = &c->home };
	c->out = (struct encoding_out){ .arena = &req->arena,
		.asked = req->said,
		.id = slice_of(req->id_text),
		.model = req->ask->model,
		.created = req->wall_ns / NS_PER_S,
		.input = ask_input_estimate(req->ask) };
	return c;
}

void
carry_free(struct carry **cp)
{
	struct carry *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	buf_fini(&c->home.args);
	arena_fini(&c->scratch);
	mem_free(c);
}

/* Names as the caller gave them. */
static void
restore(struct carry *c, struct completion *done)
{
	struct gather *g = gather_new(&c->scratch);
	struct homeward h = c->home;

	h.arena = &c->scratch;
	h.step = gather_step;
	h.arg = g;
	completion_steps(done, homeward_step, &h);
	done->first = (struct part *)(uintptr_t)gather_completion(g)->first;
	buf_fini(&h.args);
}

/* What of an answer the caller's dialect has no place for. */
static uint64_t
answer_lost(const struct dialect *to, const struct part *p)
{
	const bool google = to == &dialect_gemini;
	const bool openai =
	    to == &dialect_openai_chat || to == &dialect_openai_responses;
	uint64_t lost = 0;

	for (; p != NULL; p = p->next) {
		if (p->citation != NULL && google)
			lost |= LOSS_BIT(LOSS_CITATIONS);
		if (p->kind == PART_REFUSAL && !openai)
			lost |= LOSS_BIT(LOSS_REFUSAL);
		if ((p->kind == PART_IMAGE && to != &dialect_openai_chat &&
			to != &dialect_bedrock && !google) ||
		    ((p->kind == PART_AUDIO || p->kind == PART_VIDEO) &&
			!google))
			lost |= LOSS_BIT(LOSS_MEDIA);
	}
	return lost;
}

enum fault
carry_answer(struct carry *c, struct slice body, struct buf *out)
{
	struct completion done = { 0 };
	const enum fault f = c->from->read_answer(&c->scratch, body, &done);

	if (f != FAULT_NONE)
		return f;
	/* What is booked is what is told. */
	if (c->req->try.tally.has_usage) {
		done.usage = c->req->try.tally.usage;
		done.has_usage = true;
	}
	restore(c, &done);
	warn(c->req, answer_lost(c->req->dialect, done.first));
	c->to->write_answer(&done, &c->out, out);
	arena_fini(&c->scratch);
	return FAULT_NONE;
}

enum fault
carry_event(
    struct carry *c, struct slice name, struct slice data, struct buf *out)
{
	enum fault f;

	c->to_buf = out;
	f = c->from->read_event(&c->in, name, data);
	arena_fini(&c->scratch);
	c->scratch = (struct arena){ 0 };
	return f;
}

enum fault
carry_end(struct carry *c, struct buf *out)
{
	c->to_buf = out;
	return c->from->read_end(&c->in);
}

size_t
carry_size(const struct carry *c)
{
	return c == NULL ? 0 : c->home.args.cap + c->scratch.total;
}

bool
carry_is_over(const struct carry *c)
{
	return c->over;
}
