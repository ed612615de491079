/*
 * anthropic_out.c - a conversation for Messages, and what comes back
 *
 * Turns alternate and the first is the user's; results stand first in the
 * turn behind their calls; signed thinking goes back as it came, to Anthropic
 * only.  What a model family takes is anthropic_models.def.
 */
#include "dialect/anthropic_codec.h"

#include "base/json.h"
#include "base/text.h"
#include "dialect/codec.h"

enum {
	MARKS_MAX = 4,     /* cache breakpoints of a request */
	BUDGET_MIN = 1024, /* of thinking */
	LIMIT_ELSE = 8192  /* max_tokens is required: where nobody knows */
};

enum thinking { THINKING_NOTHING, THINKING_BUDGET, THINKING_ADAPTIVE };

struct family {
	const char *prefix;
	enum thinking thinking;
	enum effort effort; /* the highest it knows */
	bool samples, formats;
};

struct writing {
	struct arena *arena;
	struct conversation *c;
	const struct target *target;
	const struct family *family;
	struct buf *out;
	uint64_t lost;
	struct wrong *wrong;
	enum fault fault;
	unsigned marks;
	uint64_t limit, budget; /* max_tokens; of thinking, 0: none */
	bool thinks;
};

static void
lose(struct writing *w, enum loss l)
{
	w->lost |= LOSS_BIT(l);
}

static void
refuse(struct writing *w, const char *field, const char *hint)
{
	if (w->fault != FAULT_NONE)
		return;
	w->fault = FAULT_FIELD;
	*w->wrong = (struct wrong){ slice_of(field), hint };
}

/* "eu.anthropic.claude-..." and ARNs end in what makers call it. */
static const struct family *
family_of(struct slice model)
{
	static const struct family rows[] = {
#define FAMILY(prefix, thinking, effort, samples, formats) \
	{ prefix, THINKING_##thinking, EFFORT_##effort, samples, formats },
#include "dialect/anthropic_models.def"
#undef FAMILY
	};
	const char *at = memmem(model.p, model.len, "claude-", 7);
	size_t i;

	if (at != NULL)
		model =
		    (struct slice){ at, model.len - (size_t)(at - model.p) };
	for (i = 0; i + 1 < NELEM(rows); i++) {
		if (slice_starts(model, slice_of(rows[i].prefix)))
			break;
	}
	return &rows[i];
}

static uint64_t
budget_of(enum effort e)
{
	static const uint64_t rows[] = {
#define BUDGET(effort, tokens) [EFFORT_##effort] = (tokens),
#include "dialect/anthropic_budgets.def"
#undef BUDGET
	};

	return rows[e];
}

/* --- parts --------------------------------------------------------------- */

static void
put_mark(struct writing *w, enum cache_mark mark)
{
	if (mark == CACHE_NONE)
		return;
	if (w->marks == MARKS_MAX) {
		lose(w, LOSS_CACHE_MARK);
		return;
	}
	w->marks++;
	json_w_key(w->out, "cache_control");
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("ephemeral"));
	if (mark == CACHE_1H)
		json_w_kstr(w->out, "ttl", S("1h"));
	json_w_end(w->out, '}');
}

static void
put_text(struct writing *w, const struct part *p)
{
	if (p->kind == PART_REFUSAL)
		lose(w, LOSS_REFUSAL);
	if (p->citation != NULL)
		lose(w, LOSS_CITATIONS);
	if (p->text.len == 0)
		return;
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("text"));
	json_w_kstr(w->out, "text", p->text);
	put_mark(w, p->cache);
	json_w_end(w->out, '}');
}

static bool
is_web(struct slice url)
{
	return slice_starts(url, S("https://")) ||
	       slice_starts(url, S("http://"));
}

static bool
is_picture(struct slice mime)
{
	return slice_eq(mime, S("image/png")) ||
	       slice_eq(mime, S("image/jpeg")) ||
	       slice_eq(mime, S("image/gif")) ||
	       slice_eq(mime, S("image/webp"));
}

static void
put_source(struct writing *w, const char *type, struct slice mime,
    const char *key, struct slice value)
{
	json_w_key(w->out, "source");
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", slice_of(type));
	if (mime.len > 0)
		json_w_kstr(w->out, "media_type", mime);
	json_w_kstr(w->out, key, value);
	json_w_end(w->out, '}');
}

static void
put_image(struct writing *w, const struct part *p)
{
	struct slice mime = p->mime;

	if (slice_eq(mime, S("image/jpg")))
		mime = S("image/jpeg");
	if (p->detail.len > 0 && !slice_eq(p->detail, S("auto")))
		lose(w, LOSS_IMAGE_DETAIL);
	if (p->data.len > 0 && !is_picture(mime)) {
		refuse(w, "messages",
		    "has an image that is not PNG, JPEG, GIF or WebP");
		return;
	}
	if (p->data.len == 0 && !is_web(p->url)) {
		refuse(w, "messages",
		    "refers to an image that was uploaded elsewhere; send its "
		    "bytes");
		return;
	}
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("image"));
	if (p->data.len > 0)
		put_source(w, "base64", mime, "data", p->data);
	else
		put_source(w, "url", S(""), "url", p->url);
	put_mark(w, p->cache);
	json_w_end(w->out, '}');
}

/* Text that came in base64 goes as the text it is. */
static struct slice
plain_text(struct writing *w, const struct part *p)
{
	struct buf b = { 0 };
	struct slice out = p->text;

	if (p->data.len > 0 && text_base64_parse(&b, p->data) &&
	    utf8_valid(buf_slice(&b)))
		out = arena_copy(w->arena, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static void
put_document(struct writing *w, const struct part *p)
{
	const bool pdf = slice_eq(p->mime, S("application/pdf")) ||
			 (p->mime.len == 0 && p->data.len > 0);
	struct slice text = S("");

	if (p->data.len > 0 ? !pdf && !slice_starts(p->mime, S("text/"))
			    : p->text.len == 0 && !is_web(p->url)) {
		refuse(w, "messages",
		    "has a document that the provider does not take; send the "
		    "bytes of a PDF or a text");
		return;
	}
	if (!pdf || p->data.len == 0)
		text = plain_text(w, p);
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("document"));
	if (pdf && p->data.len > 0)
		put_source(w, "base64", S("application/pdf"), "data", p->data);
	else if (text.len > 0)
		put_source(w, "text", S("text/plain"), "data", text);
	else
		put_source(w, "url", S(""), "url", p->url);
	if (p->filename.len > 0)
		json_w_kstr(w->out, "title", p->filename);
	put_mark(w, p->cache);
	json_w_end(w->out, '}');
}

static bool
is_ours(const struct writing *w, const struct part *p)
{
	return p->opaque.len > 0 && p->origin == VENDOR_ANTHROPIC &&
	       w->target->vendor == VENDOR_ANTHROPIC;
}

static void
put_reasoning(struct writing *w, const struct part *p)
{
	if (!is_ours(w, p)) {
		lose(w, LOSS_REASONING);
		return;
	}
	json_w_begin(w->out, '{');
	if (p->redacted) {
		json_w_kstr(w->out, "type", S("redacted_thinking"));
		json_w_kstr(w->out, "data", p->opaque);
	} else {
		json_w_kstr(w->out, "type", S("thinking"));
		json_w_kstr(w->out, "thinking", p->text);
		json_w_kstr(w->out, "signature", p->opaque);
	}
	json_w_end(w->out, '}');
}

static struct slice
id_of(struct writing *w, struct slice id)
{
	return codec_tool_id(w->arena, id, "", 256, &w->lost);
}

static void
put_call(struct writing *w, const struct part *p)
{
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("tool_use"));
	json_w_kstr(w->out, "id", id_of(w, p->id));
	json_w_kstr(
	    w->out, "name", codec_tool_name(w->arena, p->name, &w->lost));
	json_w_key(w->out, "input");
	json_w_raw(w->out, codec_args(w->arena, p));
	put_mark(w, p->cache);
	json_w_end(w->out, '}');
}

static void put_part(struct writing *w, const struct part *p);

static void
put_result(struct writing *w, const struct part *p)
{
	const struct part *k;

	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("tool_result"));
	json_w_kstr(w->out, "tool_use_id", id_of(w, p->id));
	json_w_key(w->out, "content");
	json_w_begin(w->out, '[');
	for (k = p->inner; k != NULL; k = k->next)
		put_part(w, k);
	json_w_end(w->out, ']');
	if (p->is_error)
		json_w_kbool(w->out, "is_error", true);
	put_mark(w, p->cache);
	json_w_end(w->out, '}');
}

static void
put_part(struct writing *w, const struct part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL:
		put_text(w, p);
		break;
	case PART_IMAGE:
		put_image(w, p);
		break;
	case PART_DOCUMENT:
		put_document(w, p);
		break;
	case PART_AUDIO:
	case PART_VIDEO:
		refuse(w, "messages",
		    "has sound or moving pictures, which the provider does "
		    "not take");
		break;
	case PART_REASONING:
		put_reasoning(w, p);
		break;
	case PART_TOOL_CALL:
		put_call(w, p);
		break;
	case PART_TOOL_RESULT:
		put_result(w, p);
		break;
	}
}

/* --- turns --------------------------------------------------------------- */

/* Would the part be written? */
static bool
counts(const struct writing *w, const struct part *p)
{
	if (p->kind == PART_TEXT || p->kind == PART_REFUSAL)
		return p->text.len > 0;
	return p->kind != PART_REASONING || is_ours(w, p);
}

/* Those that would come to nothing go, and turns with them. */
static void
drop_empty(struct writing *w)
{
	struct turn *t;
	struct part **at;

	for (t = w->c->first; t != NULL; t = t->next) {
		for (at = &t->first; *at != NULL;) {
			if (counts(w, *at)) {
				at = &(*at)->next;
				continue;
			}
			if ((*at)->kind == PART_REASONING)
				lose(w, LOSS_REASONING);
			*at = (*at)->next;
		}
	}
}

/* Instructions in the middle become the user's words, where they stood. */
static void
place_instructions(struct writing *w)
{
	struct turn *t = w->c->first;

	while (t != NULL && t->speaker == SPEAKER_SYSTEM)
		t = t->next;
	for (; t != NULL; t = t->next) {
		if (t->speaker == SPEAKER_SYSTEM) {
			t->speaker = SPEAKER_USER;
			lose(w, LOSS_SYSTEM_PLACE);
		}
	}
}

/* What the last turn ends with may not be blank. */
static void
trim_end(struct conversation *c)
{
	struct turn *t = c->first;
	struct part *p;
	size_t n;

	while (t != NULL && t->next != NULL)
		t = t->next;
	if (t == NULL || t->speaker != SPEAKER_ASSISTANT)
		return;
	for (p = t->first; p != NULL && p->next != NULL; p = p->next)
		;
	if (p == NULL || p->kind != PART_TEXT)
		return;
	for (n = p->text.len; n > 1 && strchr(" \t\r\n", p->text.p[n - 1]); n--)
		;
	p->text.len = n;
}

static void
put_turn(struct writing *w, const struct turn *t)
{
	const struct part *p;

	if (t->name.len > 0)
		lose(w, LOSS_NAME);
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "role",
	    t->speaker == SPEAKER_ASSISTANT ? S("assistant") : S("user"));
	json_w_key(w->out, "content");
	json_w_begin(w->out, '[');
	for (p = t->first; p != NULL; p = p->next)
		put_part(w, p);
	json_w_end(w->out, ']');
	json_w_end(w->out, '}');
}

static void
put_messages(struct writing *w)
{
	const struct turn *t = w->c->first;

	while (t != NULL && t->speaker == SPEAKER_SYSTEM)
		t = t->next;
	json_w_key(w->out, "messages");
	json_w_begin(w->out, '[');
	/* The first is the user's: else the least that one can say. */
	if (t == NULL || t->speaker != SPEAKER_USER)
		json_w_raw(w->out, S("{\"role\":\"user\",\"content\":\".\"}"));
	for (; t != NULL; t = t->next)
		put_turn(w, t);
	json_w_end(w->out, ']');
}

/* What has no field of its own is asked for in words. */
static struct slice
format_words(struct writing *w)
{
	const struct conversation *c = w->c;

	if (c->format == FORMAT_TEXT ||
	    (c->format == FORMAT_SCHEMA && w->family->formats))
		return S("");
	lose(w, LOSS_FORMAT);
	if (c->format == FORMAT_JSON)
		return S("Answer with one JSON object and nothing else: no "
			 "words around it, no code fence.");
	return slice_of(arena_fmt(w->arena,
	    "Answer with JSON of this schema and nothing else: no words "
	    "around it, no code fence.\n%.*s",
	    S_FMT(c->schema)));
}

static void
put_system(struct writing *w)
{
	const struct turn *t = w->c->first;
	const struct part *p;
	const struct part words = { .kind = PART_TEXT,
		.text = format_words(w) };

	if ((t == NULL || t->speaker != SPEAKER_SYSTEM) && words.text.len == 0)
		return;
	json_w_key(w->out, "system");
	json_w_begin(w->out, '[');
	for (; t != NULL && t->speaker == SPEAKER_SYSTEM; t = t->next) {
		for (p = t->first; p != NULL; p = p->next) {
			if (p->kind == PART_TEXT)
				put_text(w, p);
			else
				lose(w, LOSS_EXTRA);
		}
	}
	put_text(w, &words);
	json_w_end(w->out, ']');
}

/* --- tools --------------------------------------------------------------- */

static void
put_tool(struct writing *w, const struct tool *t)
{
	json_w_begin(w->out, '{');
	json_w_kstr(
	    w->out, "name", codec_tool_name(w->arena, t->name, &w->lost));
	if (t->description.len > 0)
		json_w_kstr(w->out, "description", t->description);
	json_w_key(w->out, "input_schema");
	json_w_raw(w->out, codec_schema(w->arena, t, &w->lost));
	if (t->strict == 1 && w->family->formats && !t->custom)
		json_w_kbool(w->out, "strict", true);
	else if (t->strict == 1)
		lose(w, LOSS_STRICT);
	put_mark(w, t->cache);
	json_w_end(w->out, '}');
}

static const char *
choice_of(const struct conversation *c)
{
	switch (c->choice) {
	case CHOICE_NONE:
		return "none";
	case CHOICE_REQUIRED:
		return "any";
	case CHOICE_NAMED:
		return "tool";
	case CHOICE_AUTO:
		break;
	}
	return "auto";
}

static void
put_choice(struct writing *w)
{
	const struct conversation *c = w->c;
	const char *type = c->choice_said ? choice_of(c) : "auto";

	if (!c->choice_said && c->parallel != 0)
		return;
	json_w_key(w->out, "tool_choice");
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", slice_of(type));
	if (c->choice_said && c->choice == CHOICE_NAMED)
		json_w_kstr(w->out, "name",
		    codec_tool_name(w->arena, c->choice_name, &w->lost));
	if (c->parallel == 0 && !(c->choice_said && c->choice == CHOICE_NONE))
		json_w_kbool(w->out, "disable_parallel_tool_use", true);
	json_w_end(w->out, '}');
}

static void
put_tools(struct writing *w)
{
	struct conversation *c = w->c;
	const struct tool *t;

	if (c->tool == NULL && conversation_has_tool_parts(c)) {
		/* Tools that only the history knows. */
		c->tool = conversation_called(c, w->arena);
		c->choice_said = false;
	}
	if (c->tool == NULL)
		return;
	if (c->nallowed > 0)
		lose(w, LOSS_ALLOWED_TOOLS);
	json_w_key(w->out, "tools");
	json_w_begin(w->out, '[');
	for (t = c->tool; t != NULL; t = t->next) {
		if (codec_allows(c, t))
			put_tool(w, t);
	}
	json_w_end(w->out, ']');
	put_choice(w);
}

/* --- thinking ------------------------------------------------------------ */

/* A running tool's loop must begin with signed thinking, where budgets are. */
static bool
loop_is_unsigned(const struct writing *w)
{
	const struct turn *t, *last = NULL;
	const struct part *p;

	for (t = w->c->first; t != NULL; t = t->next) {
		if (t->speaker == SPEAKER_ASSISTANT)
			last = t;
	}
	if (last == NULL)
		return false;
	for (p = last->first; p != NULL && p->kind != PART_TOOL_CALL;
	     p = p->next) {
		if (p->kind == PART_REASONING && is_ours(w, p))
			return false;
	}
	return p != NULL;
}

static uint64_t
wanted_budget(const struct conversation *c)
{
	return c->thinking_budget > 0 ? c->thinking_budget
				      : budget_of(c->effort);
}

/* How much it shall think, if at all; before anything is written. */
static void
settle_thinking(struct writing *w)
{
	const struct conversation *c = w->c;
	const bool forced =
	    c->choice_said && c->tool != NULL &&
	    (c->choice == CHOICE_REQUIRED || c->choice == CHOICE_NAMED);
	const bool wants =
	    !c->thinking_off && c->effort != EFFORT_NONE &&
	    (c->thinking_budget > 0 || c->effort != EFFORT_NOT_SAID ||
		c->wants_reasoning);

	if (!wants)
		return;
	if (w->family->thinking == THINKING_NOTHING || forced) {
		lose(w, LOSS_THINKING);
		return;
	}
	if (w->family->thinking == THINKING_ADAPTIVE) {
		w->thinks = true;
		return;
	}
	w->budget = wanted_budget(c);
	if (w->budget == 0)
		w->budget = budget_of(EFFORT_MEDIUM);
	if (w->budget < BUDGET_MIN)
		w->budget = BUDGET_MIN;
	if (w->budget >= w->limit)
		w->budget = w->limit / 2;
	w->thinks = w->budget >= BUDGET_MIN && !loop_is_unsigned(w);
	if (!w->thinks)
		lose(w, LOSS_THINKING);
}

static void
put_thinking(struct writing *w)
{
	const struct conversation *c = w->c;

	if (!w->thinks) {
		if (w->family->thinking != THINKING_NOTHING &&
		    (c->thinking_off || c->effort == EFFORT_NONE)) {
			json_w_key(w->out, "thinking");
			json_w_raw(w->out, S("{\"type\":\"disabled\"}"));
		}
		return;
	}
	json_w_key(w->out, "thinking");
	json_w_begin(w->out, '{');
	if (w->family->thinking == THINKING_BUDGET) {
		json_w_kstr(w->out, "type", S("enabled"));
		json_w_ku64(w->out, "budget_tokens", w->budget);
	} else {
		json_w_kstr(w->out, "type", S("adaptive"));
		if (c->wants_reasoning)
			json_w_kstr(w->out, "display", S("summarized"));
	}
	json_w_end(w->out, '}');
}

static void
put_effort(struct writing *w)
{
	enum effort e = w->c->effort;

	if (e == EFFORT_NOT_SAID || e == EFFORT_NONE || w->c->thinking_off ||
	    w->family->effort == EFFORT_NOT_SAID)
		return;
	if (e == EFFORT_MINIMAL || e > w->family->effort) {
		lose(w, LOSS_EFFORT);
		e = e == EFFORT_MINIMAL ? EFFORT_LOW : w->family->effort;
	}
	json_w_kstr(w->out, "effort", slice_of(effort_text(e)));
}

static void
put_output(struct writing *w)
{
	const struct conversation *c = w->c;
	struct buf *all = w->out, b = { 0 };

	w->out = &b;
	json_w_begin(&b, '{');
	put_effort(w);
	if (c->format == FORMAT_SCHEMA && w->family->formats) {
		if (c->schema_name.len > 0)
			lose(w, LOSS_SCHEMA_NAME);
		json_w_key(&b, "format");
		json_w_begin(&b, '{');
		json_w_kstr(&b, "type", S("json_schema"));
		json_w_key(&b, "schema");
		json_w_raw(&b, codec_closed(w->arena, c->schema));
		json_w_end(&b, '}');
	}
	json_w_end(&b, '}');
	w->out = all;
	if (b.len > 2) {
		json_w_key(all, "output_config");
		json_w_raw(all, buf_slice(&b));
	}
	buf_fini(&b);
}

/* --- the rest ------------------------------------------------------------ */

/* Of two that are both a nucleus, newer models take one; ranges differ. */
static void
put_sampling(struct writing *w)
{
	const struct conversation *c = w->c;
	struct slice temperature = c->temperature;
	int64_t whole;

	if (!w->family->samples || w->thinks) {
		if (temperature.len + c->top_p.len + c->top_k.len > 0)
			lose(w, LOSS_SAMPLING);
		return;
	}
	/* Theirs ends at 1: what is above begins with another digit. */
	if (temperature.len > 0 && temperature.p[0] >= '1' &&
	    (!json_i64(temperature, &whole) || whole != 1)) {
		lose(w, LOSS_TEMPERATURE);
		temperature = S("1");
	}
	if (temperature.len > 0) {
		json_w_key(w->out, "temperature");
		json_w_raw(w->out, temperature);
	}
	if (c->top_p.len > 0 && temperature.len > 0) {
		lose(w, LOSS_SAMPLING);
	} else if (c->top_p.len > 0) {
		json_w_key(w->out, "top_p");
		json_w_raw(w->out, c->top_p);
	}
	if (c->top_k.len > 0) {
		json_w_key(w->out, "top_k");
		json_w_raw(w->out, c->top_k);
	}
}

static void
put_stops(struct writing *w)
{
	const struct conversation *c = w->c;
	unsigned i, n = 0;

	for (i = 0; i < c->nstop; i++) {
		/* Blank ones are refused there. */
		if (slice_trim(c->stop[i]).len == 0) {
			lose(w, LOSS_STOP);
			continue;
		}
		if (n++ == 0) {
			json_w_key(w->out, "stop_sequences");
			json_w_begin(w->out, '[');
		}
		json_w_str(w->out, c->stop[i]);
	}
	if (n > 0)
		json_w_end(w->out, ']');
}

static void
put_rest(struct writing *w)
{
	const struct conversation *c = w->c;

	if (c->user.len > 0) {
		json_w_key(w->out, "metadata");
		json_w_begin(w->out, '{');
		json_w_kstr(w->out, "user_id", c->user);
		json_w_end(w->out, '}');
	}
	if (slice_eq(c->tier, S("standard")))
		json_w_kstr(w->out, "service_tier", S("standard_only"));
	else if (slice_eq(c->tier, S("priority")))
		json_w_kstr(w->out, "service_tier", S("auto"));
	else if (c->tier.len > 0)
		lose(w, LOSS_TIER);
	if (c->stream)
		json_w_kbool(w->out, "stream", true);
}

static void
count_losses(struct writing *w)
{
	const struct conversation *c = w->c;
	const struct {
		bool said;
		enum loss loss;
	} row[] = {
		{ c->n > 1, LOSS_N },
		{ c->seed.len > 0, LOSS_SEED },
		{ c->presence_penalty.len + c->frequency_penalty.len > 0,
		    LOSS_PENALTIES },
		{ c->verbosity.len > 0, LOSS_VERBOSITY },
		{ c->metadata.len > 0, LOSS_METADATA },
		{ c->cache_key.len > 0, LOSS_CACHE_KEY },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (row[i].said)
			lose(w, row[i].loss);
	}
}

enum fault
anthropic_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w)
{
	struct writing x = { .arena = a,
		.c = conversation_copy(a, in),
		.target = t,
		.family = family_of(t->model),
		.out = out,
		.wrong = w };

	x.limit = codec_limit(x.c, t);
	if (x.limit == 0)
		x.limit = LIMIT_ELSE;
	place_instructions(&x);
	drop_empty(&x);
	conversation_merge(x.c);
	conversation_pair(x.c, a);
	trim_end(x.c);
	x.lost |= x.c->lost & ~in->lost;
	settle_thinking(&x);
	json_w_begin(out, '{');
	json_w_kstr(out, "model", t->model);
	json_w_ku64(out, "max_tokens", x.limit);
	put_tools(&x);
	put_system(&x);
	put_messages(&x);
	put_thinking(&x);
	put_output(&x);
	put_sampling(&x);
	put_stops(&x);
	put_rest(&x);
	json_w_end(out, '}');
	count_losses(&x);
	*lost |= x.lost;
	return x.fault;
}

/* --- answers ------------------------------------------------------------- */

static enum stop_reason
stop_of(struct slice reason)
{
	static const struct {
		const char *word;
		enum stop_reason stop;
	} row[] = {
		{ "end_turn", STOP_END },
		{ "max_tokens", STOP_LENGTH },
		{ "stop_sequence", STOP_SEQUENCE },
		{ "tool_use", STOP_TOOL },
		{ "pause_turn", STOP_PAUSE },
		{ "refusal", STOP_REFUSAL },
		{ "model_context_window_exceeded", STOP_CONTEXT },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (slice_eq(reason, slice_of(row[i].word)))
			return row[i].stop;
	}
	return STOP_END;
}

/* What hangs on a stream between two events. */
struct hearing {
	struct braid braid;
	struct tally tally;
};

static struct hearing *
hearing(struct decoding *d)
{
	if (d->mind == NULL)
		d->mind = ARENA_NEW(d->arena, struct hearing);
	return d->mind;
}

static void
give(struct decoding *d, int64_t index, enum step_kind kind, struct slice text)
{
	if (text.len > 0)
		braid_step(d, &hearing(d)->braid, index,
		    &(struct stream_step){ .kind = kind,
			.text = text,
			.origin = VENDOR_ANTHROPIC });
}

static bool
kind_of(struct slice type, enum part_kind *kind)
{
	static const struct {
		const char *type;
		enum part_kind kind;
	} rows[] = {
		{ "text", PART_TEXT },
		{ "thinking", PART_REASONING },
		{ "redacted_thinking", PART_REASONING },
		{ "tool_use", PART_TOOL_CALL },
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		if (slice_eq(type, slice_of(rows[i].type))) {
			*kind = rows[i].kind;
			return true;
		}
	}
	return false;
}

static void
hear_citation(struct decoding *d, int64_t index, const struct json *j)
{
	struct citation c = { .url = json_get_str(j, "url"),
		.title = json_get_str(j, "title"),
		.cited = json_get_str(j, "cited_text") };

	if (c.url.len == 0)
		c.url = json_get_str(j, "source");
	if (c.title.len == 0)
		c.title = json_get_str(j, "document_title");
	braid_step(d, &hearing(d)->braid, index,
	    &(struct stream_step){ .kind = STEP_CITATION, .citation = &c });
}

/* Whatever of a block stands in its start: all of it, in a whole answer. */
static enum fault
hear_block(struct decoding *d, int64_t index, const struct json *b)
{
	const struct json *input = json_get(b, "input"), *c;
	const struct slice type = json_get_str(b, "type");
	struct part block = { .id = json_get_str(b, "id"),
		.name = json_get_str(b, "name"),
		.redacted = slice_eq(type, S("redacted_thinking")) };
	enum fault f;

	if (!kind_of(type, &block.kind))
		return FAULT_NONE;
	if (block.kind == PART_REASONING)
		block.origin = VENDOR_ANTHROPIC;
	f = braid_open(d, &hearing(d)->braid, index, &block);
	give(d, index, STEP_TEXT, json_get_str(b, "text"));
	give(d, index, STEP_TEXT, json_get_str(b, "thinking"));
	give(d, index, STEP_OPAQUE, json_get_str(b, "signature"));
	give(d, index, STEP_OPAQUE, json_get_str(b, "data"));
	if (block.kind == PART_TOOL_CALL && input != NULL && input->n > 0)
		give(d, index, STEP_ARGS, codec_raw(d->arena, input));
	c = json_get(b, "citations");
	for (c = c != NULL && c->type == JSON_ARRAY ? c->child : NULL;
	     c != NULL; c = c->next)
		hear_citation(d, index, c);
	return f;
}

static void
hear_delta(struct decoding *d, int64_t index, const struct json *j)
{
	const struct slice type = json_get_str(j, "type");

	if (slice_eq(type, S("text_delta")))
		give(d, index, STEP_TEXT, json_get_str(j, "text"));
	else if (slice_eq(type, S("thinking_delta")))
		give(d, index, STEP_TEXT, json_get_str(j, "thinking"));
	else if (slice_eq(type, S("signature_delta")))
		give(d, index, STEP_OPAQUE, json_get_str(j, "signature"));
	else if (slice_eq(type, S("input_json_delta")))
		give(d, index, STEP_ARGS, json_get_str(j, "partial_json"));
	else if (slice_eq(type, S("citations_delta")))
		hear_citation(d, index, json_get(j, "citation"));
}

static enum fault
hear_start(struct decoding *d, const struct json *m)
{
	struct hearing *h = hearing(d);
	const struct json *b = json_get(m, "content");
	enum fault f = FAULT_NONE;

	if (d->started)
		return FAULT_NONE;
	if (codec_is_crowd(b))
		return FAULT_UP_GARBAGE;
	decoding_step(d, &(struct stream_step){ .kind = STEP_START,
			     .id = json_get_str(m, "id"),
			     .model = json_get_str(m, "model"),
			     .usage = h->tally.usage,
			     .has_usage = h->tally.has_usage });
	for (b = b != NULL && b->type == JSON_ARRAY ? b->child : NULL;
	     b != NULL && f == FAULT_NONE; b = b->next) {
		f = hear_block(d, 0, b);
		braid_close(d, &h->braid, 0);
	}
	return f;
}

static void
hear_stop(struct decoding *d, const struct json *j)
{
	const struct slice reason = json_get_str(j, "stop_reason");

	if (reason.len == 0)
		return;
	braid_end(d, &hearing(d)->braid);
	decoding_stop(d, stop_of(reason), json_get_str(j, "stop_sequence"));
}

static void
finish(struct decoding *d)
{
	const struct tally *t = &hearing(d)->tally;

	braid_end(d, &hearing(d)->braid);
	decoding_stop(d, STOP_END, S(""));
	if (t->has_usage)
		decoding_step(d, &(struct stream_step){ .kind = STEP_USAGE,
				     .usage = t->usage,
				     .has_usage = true });
	decoding_step(d, &(struct stream_step){ .kind = STEP_END });
}

static void
hear_error(struct decoding *d, const struct json *top)
{
	decoding_step(
	    d, &(struct stream_step){ .kind = STEP_ERROR,
		   .message = json_get_str(json_get(top, "error"), "message"),
		   .fault = FAULT_UP_STATUS });
}

enum fault
anthropic_read_event(struct decoding *d, struct slice name, struct slice data)
{
	struct arena *a = d->scratch != NULL ? d->scratch : d->arena;
	struct json *top;
	struct slice type;
	int64_t index = 0;

	(void)name;
	if (d->ended)
		return FAULT_NONE;
	if (json_parse(a, data, &top) != FAULT_NONE || top->type != JSON_OBJECT)
		return FAULT_UP_GARBAGE;
	if (dialect_anthropic.event(data, &hearing(d)->tally) == EVENT_BAD)
		return FAULT_UP_GARBAGE;
	type = json_get_str(top, "type");
	(void)json_get_i64(top, "index", &index);
	if (slice_eq(type, S("error"))) {
		hear_error(d, top);
	} else if (slice_eq(type, S("message_start"))) {
		return hear_start(d, json_get(top, "message"));
	} else if (!d->started) {
		return FAULT_NONE; /* a ping may come before */
	} else if (slice_eq(type, S("content_block_start"))) {
		return hear_block(d, index, json_get(top, "content_block"));
	} else if (slice_eq(type, S("content_block_delta"))) {
		hear_delta(d, index, json_get(top, "delta"));
	} else if (slice_eq(type, S("content_block_stop"))) {
		braid_close(d, &hearing(d)->braid, index);
	} else if (slice_eq(type, S("message_delta"))) {
		hear_stop(d, json_get(top, "delta"));
	} else if (slice_eq(type, S("message_stop"))) {
		finish(d);
	}
	return FAULT_NONE;
}

enum fault
anthropic_read_end(struct decoding *d)
{
	if (d->ended)
		return FAULT_NONE;
	if (!d->started || !d->stopped)
		return FAULT_UP_RESET;
	finish(d);
	return FAULT_NONE;
}

/* A whole answer is a stream whose start has everything. */
enum fault
anthropic_read_answer(
    struct arena *a, struct slice body, struct completion *out)
{
	struct gather *g = gather_new(a);
	struct decoding d = { .arena = a, .step = gather_step, .arg = g };
	struct json *top;

	if (json_parse(a, body, &top) != FAULT_NONE ||
	    dialect_anthropic.answer(body, &hearing(&d)->tally) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	if (hear_start(&d, top) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	hear_stop(&d, top);
	finish(&d);
	*out = *gather_completion(g);
	return FAULT_NONE;
}
