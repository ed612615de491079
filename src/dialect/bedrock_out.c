/*
 * bedrock_out.c - a conversation for Bedrock's Converse, and what comes back
 *
 * Converse wants turns that alternate, begin with the user's and have no
 * blank text; results one for one behind their calls; tools whenever there is
 * history of tools.  What a family of models takes beside that is
 * bedrock_models.def.
 */
#include "dialect/bedrock.h"

#include "dialect/codec.h"

enum { NAME_LEN = 60, BUDGET_LEAST = 1024, BUDGET_ROOM = 4096 };

enum think {
	THINK_NEVER,
	THINK_BUDGET,   /* thinking.budget_tokens, signed */
	THINK_ADAPTIVE, /* thinking adaptive, an effort */
	THINK_NOVA,     /* reasoningConfig */
	THINK_EFFORT    /* reasoning_effort */
};

enum topk { TOPK_NONE, TOPK_FIELD, TOPK_NOVA };

static const struct family {
	const char *part;
	enum vendor vendor;
	enum think think;
	enum topk topk;
	bool caches;
} families[] = {
#define MODEL(part, vendor, think, topk, caches) \
	{ part, VENDOR_##vendor, THINK_##think, TOPK_##topk, caches },
#include "dialect/bedrock_models.def"
#undef MODEL
};

struct writing {
	struct arena *arena;
	struct conversation *c; /* our copy */
	const struct target *to;
	const struct family *family;
	uint64_t *lost;
	struct wrong *wrong;
	enum fault fault;
	struct part *documents; /* named so far */
	unsigned n_documents;
	uint64_t most;   /* output tokens; 0: not said */
	uint64_t budget; /* of thinking; 0: none */
};

static void
lose(struct writing *e, enum loss l)
{
	*e->lost |= LOSS_BIT(l);
}

static void
refuse(struct writing *e, const char *field, const char *hint)
{
	if (e->fault == FAULT_NONE)
		e->fault = codec_wrong(e->wrong, field, hint);
}

static const struct family *
family_of(struct slice model)
{
	size_t i = 0;

	/* The last row's is empty. */
	while (!slice_has(model, slice_of(families[i].part)))
		i++;
	return &families[i];
}

/* --- turns as Converse wants them ---------------------------------------- */

static bool
is_blank(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\n' &&
		    s.p[i] != '\r')
			return false;
	}
	return true;
}

/* Opaque reasoning goes home or nowhere. */
static bool
keeps_thought(struct writing *e, const struct part *p)
{
	const bool signed_ = e->family->vendor == VENDOR_ANTHROPIC;

	if (p->origin == e->family->vendor && (p->opaque.len > 0 || !signed_))
		return true;
	lose(e, LOSS_REASONING);
	return false;
}

static void
sift(struct writing *e, struct turn *t)
{
	struct part **at = &t->first, *p;
	bool drop;

	while ((p = *at) != NULL) {
		drop = (p->kind == PART_TEXT || p->kind == PART_REFUSAL) &&
		       is_blank(p->text);
		/* A mark on what goes stays with what stands before it. */
		if (p->kind == PART_REASONING)
			drop = t->speaker != SPEAKER_ASSISTANT ||
			       !keeps_thought(e, p);
		if (drop)
			*at = p->next;
		else
			at = &p->next;
	}
}

/* Instructions amid the turns become words of the user's. */
static void
place_system(struct writing *e)
{
	struct turn *t;
	bool spoken = false;

	for (t = e->c->first; t != NULL; t = t->next) {
		if (t->speaker != SPEAKER_SYSTEM) {
			spoken = true;
		} else if (spoken) {
			t->speaker = SPEAKER_USER;
			lose(e, LOSS_SYSTEM_PLACE);
		}
		if (t->name.len > 0)
			lose(e, LOSS_NAME);
	}
}

/* The first turn that is no instruction must be the user's. */
static void
begin_with_user(struct writing *e)
{
	struct turn **at = &e->c->first, *t;

	while (*at != NULL && (*at)->speaker == SPEAKER_SYSTEM)
		at = &(*at)->next;
	if (*at != NULL && (*at)->speaker == SPEAKER_USER)
		return;
	t = ARENA_NEW(e->arena, struct turn);
	t->speaker = SPEAKER_USER;
	t->next = *at;
	part_add(PARTS(&t->first), e->arena, PART_TEXT)->text = S("(go on)");
	*at = t;
}

static void
arrange(struct writing *e)
{
	struct turn *t;

	place_system(e);
	for (t = e->c->first; t != NULL; t = t->next)
		sift(e, t);
	conversation_merge(e->c);
	conversation_pair(e->c, e->arena);
	conversation_merge(e->c);
	begin_with_user(e);
	*e->lost |= e->c->lost;
}

/* --- parts -----------------------------------------------------------------
 */

static void
put_mark(struct writing *e, struct buf *b, enum cache_mark mark)
{
	if (mark == CACHE_NONE)
		return;
	if (!e->family->caches) {
		lose(e, LOSS_CACHE_MARK);
		return;
	}
	json_w_raw(b, mark == CACHE_1H ? S("{\"cachePoint\":{\"type\":"
					   "\"default\",\"ttl\":\"1h\"}}")
				       : S("{\"cachePoint\":{\"type\":"
					   "\"default\"}}"));
}

static void
put_text(struct buf *b, struct slice text)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "text", text);
	json_w_end(b, '}');
}

static void
put_source(struct writing *e, struct buf *b, const struct part *p)
{
	json_w_key(b, "source");
	json_w_begin(b, '{');
	if (p->data.len > 0) {
		json_w_kstr(b, "bytes", p->data);
	} else if (p->kind == PART_DOCUMENT && p->text.len > 0) {
		json_w_kstr(b, "text", p->text);
	} else if (slice_starts(p->url, S("s3://"))) {
		json_w_key(b, "s3Location");
		json_w_begin(b, '{');
		json_w_kstr(b, "uri", p->url);
		json_w_end(b, '}');
	} else {
		refuse(e, "messages",
		    "has media by URL or file id, which cannot be sent to "
		    "this provider: send their bytes");
	}
	json_w_end(b, '}');
}

enum { DOCUMENTS_MAX = 64 }; /* that are looked at; AWS takes five */

static bool
is_taken(const struct writing *e, struct slice name)
{
	const struct part *p = e->documents;

	while (p != NULL && !slice_eq(p->name, name))
		p = p->next;
	return p != NULL;
}

/* Letters, digits and single blanks, and no two of them alike. */
static struct slice
document_name(struct writing *e, struct slice name)
{
	struct buf b = { 0 };
	struct slice out;
	size_t i, len;
	unsigned n;
	char c;

	for (i = 0; i < name.len && b.len < NAME_LEN; i++) {
		c = name.p[i];
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    !(c >= '0' && c <= '9') && c != '-')
			c = ' ';
		if (c != ' ' || (b.len > 0 && b.p[b.len - 1] != ' '))
			buf_char(&b, c);
	}
	while (b.len > 0 && b.p[b.len - 1] == ' ')
		b.len--;
	if (b.len == 0)
		buf_str(&b, "document");
	for (n = 2, len = b.len; is_taken(e, buf_slice(&b)); n++) {
		b.len = len;
		buf_fmt(&b, " %u", n);
	}
	out = arena_copy(e->arena, buf_slice(&b));
	if (e->n_documents++ < DOCUMENTS_MAX)
		part_add(PARTS(&e->documents), e->arena, PART_DOCUMENT)->name =
		    out;
	buf_fini(&b);
	return out;
}

static const char *
media_word(enum part_kind kind)
{
	return kind == PART_IMAGE   ? "image"
	       : kind == PART_AUDIO ? "audio"
	       : kind == PART_VIDEO ? "video"
				    : "document";
}

static void
put_media(struct writing *e, struct buf *b, const struct part *p)
{
	struct slice format = bedrock_format(p->kind, p->mime);

	if (p->kind == PART_DOCUMENT && format.len == 0 && p->data.len == 0)
		format = S("txt");
	if (format.len == 0)
		refuse(e, "messages",
		    "has media of a type that this provider does not take");
	if (p->detail.len > 0)
		lose(e, LOSS_IMAGE_DETAIL);
	json_w_begin(b, '{');
	json_w_key(b, media_word(p->kind));
	json_w_begin(b, '{');
	json_w_kstr(b, "format", format);
	if (p->kind == PART_DOCUMENT)
		json_w_kstr(b, "name", document_name(e, p->filename));
	put_source(e, b, p);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_thought(struct buf *b, const struct part *p)
{
	json_w_begin(b, '{');
	json_w_key(b, "reasoningContent");
	json_w_begin(b, '{');
	if (p->redacted) {
		json_w_kstr(b, "redactedContent", p->opaque);
	} else {
		json_w_key(b, "reasoningText");
		json_w_begin(b, '{');
		json_w_kstr(b, "text", p->text);
		if (p->opaque.len > 0)
			json_w_kstr(b, "signature", p->opaque);
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static struct slice
id_of(struct writing *e, struct slice id)
{
	return codec_tool_id(e->arena, id, ".:", 64, e->lost);
}

static void
put_call(struct writing *e, struct buf *b, const struct part *p)
{
	json_w_begin(b, '{');
	json_w_key(b, "toolUse");
	json_w_begin(b, '{');
	json_w_kstr(b, "toolUseId", id_of(e, p->id));
	json_w_kstr(b, "name", codec_tool_name(e->arena, p->name, e->lost));
	json_w_key(b, "input");
	json_w_raw(b, codec_args(e->arena, p));
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_result(struct writing *e, struct buf *b, const struct part *p)
{
	const struct part *k;

	json_w_begin(b, '{');
	json_w_key(b, "toolResult");
	json_w_begin(b, '{');
	json_w_kstr(b, "toolUseId", id_of(e, p->id));
	json_w_key(b, "content");
	json_w_begin(b, '[');
	for (k = p->inner; k != NULL; k = k->next) {
		if (k->kind == PART_TEXT && !is_blank(k->text))
			put_text(b, k->text);
		else if (k->kind == PART_IMAGE || k->kind == PART_DOCUMENT ||
			 k->kind == PART_VIDEO)
			put_media(e, b, k);
		else if (k->kind != PART_TEXT)
			lose(e, LOSS_TOOL_MEDIA);
	}
	if (b->p[b->len - 1] == '[')
		put_text(b, S("(nothing)"));
	json_w_end(b, ']');
	if (p->is_error)
		json_w_kstr(b, "status", S("error"));
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_part(struct writing *e, struct buf *b, const struct part *p)
{
	switch (p->kind) {
	case PART_REFUSAL:
		lose(e, LOSS_REFUSAL);
		put_text(b, p->text);
		break;
	case PART_TEXT:
		if (p->citation != NULL)
			lose(e, LOSS_CITATIONS);
		put_text(b, p->text);
		break;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_DOCUMENT:
		put_media(e, b, p);
		break;
	case PART_REASONING:
		put_thought(b, p);
		break;
	case PART_TOOL_CALL:
		put_call(e, b, p);
		break;
	case PART_TOOL_RESULT:
		put_result(e, b, p);
		break;
	}
	put_mark(e, b, p->cache);
}

/* --- system, messages -------------------------------------------------------
 */

static void
put_system(struct writing *e, struct buf *b)
{
	const struct turn *t = e->c->first;
	const struct part *p;
	const size_t from = b->len;

	json_w_key(b, "system");
	json_w_begin(b, '[');
	for (; t != NULL && t->speaker == SPEAKER_SYSTEM; t = t->next) {
		for (p = t->first; p != NULL; p = p->next) {
			if (p->kind != PART_TEXT)
				continue;
			put_text(b, p->text);
			put_mark(e, b, p->cache);
		}
	}
	if (e->c->format == FORMAT_JSON) {
		lose(e, LOSS_FORMAT);
		put_text(b, S("Answer with one JSON object and nothing else."));
	}
	if (b->p[b->len - 1] == '[')
		b->len = from;
	else
		json_w_end(b, ']');
}

static bool
has_kind(const struct turn *t, enum part_kind kind)
{
	const struct part *p = t->first;

	while (p != NULL && p->kind != kind)
		p = p->next;
	return p != NULL;
}

static void
put_turn(struct writing *e, struct buf *b, const struct turn *t)
{
	const struct part *p;

	json_w_begin(b, '{');
	json_w_kstr(b, "role",
	    t->speaker == SPEAKER_ASSISTANT ? S("assistant") : S("user"));
	json_w_key(b, "content");
	json_w_begin(b, '[');
	for (p = t->first; p != NULL; p = p->next)
		put_part(e, b, p);
	if (has_kind(t, PART_DOCUMENT) && !has_kind(t, PART_TEXT))
		put_text(b, S("(see the document)"));
	json_w_end(b, ']');
	json_w_end(b, '}');
}

static void
put_messages(struct writing *e, struct buf *b)
{
	const struct turn *t;

	json_w_key(b, "messages");
	json_w_begin(b, '[');
	for (t = e->c->first; t != NULL; t = t->next) {
		if (t->speaker != SPEAKER_SYSTEM)
			put_turn(e, b, t);
	}
	json_w_end(b, ']');
}

/* --- thinking ---------------------------------------------------------------
 */

static const struct {
	uint64_t budget;
	struct slice claude, three; /* the nearest of five, of three */
} efforts[] = {
	[EFFORT_NOT_SAID] = { 0, { "", 0 }, { "", 0 } },
	[EFFORT_NONE] = { 0, { "", 0 }, { "", 0 } },
	[EFFORT_MINIMAL] = { 1024, S_INIT("low"), S_INIT("low") },
	[EFFORT_LOW] = { 2048, S_INIT("low"), S_INIT("low") },
	[EFFORT_MEDIUM] = { 8192, S_INIT("medium"), S_INIT("medium") },
	[EFFORT_HIGH] = { 16384, S_INIT("high"), S_INIT("high") },
	[EFFORT_XHIGH] = { 32768, S_INIT("xhigh"), S_INIT("high") },
	[EFFORT_MAX] = { 65536, S_INIT("max"), S_INIT("high") },
};

/* With a budget on, a turn of calls must begin with a signed thought. */
static bool
history_allows(const struct conversation *c)
{
	const struct turn *t;

	for (t = c->first; t != NULL; t = t->next) {
		if (t->speaker == SPEAKER_ASSISTANT &&
		    has_kind(t, PART_TOOL_CALL) &&
		    t->first->kind != PART_REASONING)
			return false;
	}
	return true;
}

static bool
forced(const struct conversation *c)
{
	return c->choice_said &&
	       (c->choice == CHOICE_REQUIRED || c->choice == CHOICE_NAMED);
}

/* Sets most and budget: what is thought is output too. */
static void
plan_budget(struct writing *e)
{
	const struct conversation *c = e->c;
	uint64_t n = c->thinking_budget;

	e->most = codec_limit(c, e->to);
	if (n == 0)
		n = efforts[c->effort].budget;
	if (n == 0 || c->thinking_off || e->family->think != THINK_BUDGET)
		return;
	if (n < BUDGET_LEAST)
		n = BUDGET_LEAST;
	if (e->most == 0)
		e->most = n + BUDGET_ROOM;
	if (n >= e->most)
		n = e->most - 1;
	if (n < BUDGET_LEAST || forced(c) || !history_allows(c)) {
		lose(e, LOSS_THINKING);
		return;
	}
	e->budget = n;
}

static enum effort
wanted_effort(const struct conversation *c)
{
	const uint64_t n = c->thinking_budget;

	if (c->thinking_off || n == 0 || c->effort != EFFORT_NOT_SAID)
		return c->thinking_off ? EFFORT_NONE : c->effort;
	return n <= 2048 ? EFFORT_LOW : n <= 8192 ? EFFORT_MEDIUM : EFFORT_HIGH;
}

static void
put_thinking(struct writing *e, struct buf *b)
{
	const enum effort effort = wanted_effort(e->c);
	const struct slice three = efforts[effort].three;

	if (e->family->think == THINK_BUDGET) {
		if (e->budget == 0)
			return;
		json_w_key(b, "thinking");
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("enabled"));
		json_w_ku64(b, "budget_tokens", e->budget);
		json_w_end(b, '}');
		return;
	}
	if (three.len == 0)
		return;
	if (e->family->think == THINK_NEVER || forced(e->c)) {
		lose(e, LOSS_THINKING);
		return;
	}
	if (!slice_eq(three, slice_of(effort_text(effort))) &&
	    e->family->think != THINK_ADAPTIVE)
		lose(e, LOSS_EFFORT);
	if (e->family->think == THINK_ADAPTIVE) {
		json_w_key(b, "thinking");
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("adaptive"));
		if (e->c->wants_reasoning)
			json_w_kstr(b, "display", S("summarized"));
		json_w_end(b, '}');
	} else if (e->family->think == THINK_NOVA) {
		json_w_key(b, "reasoningConfig");
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("enabled"));
		json_w_kstr(b, "maxReasoningEffort", three);
		json_w_end(b, '}');
	} else {
		json_w_kstr(b, "reasoning_effort", three);
	}
}

static void
put_more(struct writing *e, struct buf *b)
{
	const struct conversation *c = e->c;
	const size_t from = b->len;

	json_w_key(b, "additionalModelRequestFields");
	json_w_begin(b, '{');
	put_thinking(e, b);
	if (c->top_k.len > 0 && e->family->topk == TOPK_FIELD &&
	    e->budget == 0) {
		json_w_key(b, "top_k");
		json_w_raw(b, c->top_k);
	} else if (c->top_k.len > 0 && e->family->topk == TOPK_NOVA) {
		json_w_key(b, "inferenceConfig");
		json_w_begin(b, '{');
		json_w_key(b, "topK");
		json_w_raw(b, c->top_k);
		json_w_end(b, '}');
	} else if (c->top_k.len > 0) {
		lose(e, LOSS_TOP_K);
	}
	if (c->parallel == 0 && c->tool != NULL) {
		if (e->family->vendor == VENDOR_ANTHROPIC && !forced(c) &&
		    (!c->choice_said || c->choice == CHOICE_AUTO)) {
			json_w_key(b, "tool_choice");
			json_w_raw(b, S("{\"type\":\"auto\",\"disable_parallel_"
					"tool_use\":true}"));
		} else {
			lose(e, LOSS_PARALLEL);
		}
	}
	if (b->p[b->len - 1] == '{')
		b->len = from;
	else
		json_w_end(b, '}');
}

/* --- configuration ----------------------------------------------------------
 */

/* A JSON number of 0 and above: is it more than 1? */
static bool
above_one(struct slice n)
{
	struct slice whole = n, rest = S("");
	const bool has_point = slice_cut(n, '.', &whole, &rest);
	uint64_t v;
	size_t i;

	if (memchr(n.p, 'e', n.len) != NULL || memchr(n.p, 'E', n.len) != NULL)
		return memchr(n.p, '-', n.len) == NULL;
	if (!slice_u64(whole, &v))
		return false;
	if (v != 1 || !has_point)
		return v > 1;
	for (i = 0; i < rest.len && rest.p[i] == '0'; i++)
		;
	return i < rest.len;
}

static void
put_heat(struct writing *e, struct buf *b)
{
	const struct conversation *c = e->c;
	const bool claude = e->family->vendor == VENDOR_ANTHROPIC;

	if ((e->budget > 0 || e->family->think == THINK_ADAPTIVE) &&
	    c->temperature.len + c->top_p.len > 0) {
		lose(e, LOSS_TEMPERATURE);
		return;
	}
	if (c->temperature.len > 0) {
		json_w_key(b, "temperature");
		if (above_one(c->temperature)) {
			lose(e, LOSS_TEMPERATURE);
			json_w_raw(b, S("1"));
		} else {
			json_w_raw(b, c->temperature);
		}
		/* Claude takes one of the two. */
		if (claude && c->top_p.len > 0) {
			lose(e, LOSS_TEMPERATURE);
			return;
		}
	}
	if (c->top_p.len > 0) {
		json_w_key(b, "topP");
		json_w_raw(b, c->top_p);
	}
}

static void
put_inference(struct writing *e, struct buf *b)
{
	const struct conversation *c = e->c;
	const size_t from = b->len;
	unsigned i;

	json_w_key(b, "inferenceConfig");
	json_w_begin(b, '{');
	if (e->most > 0)
		json_w_ku64(b, "maxTokens", e->most);
	put_heat(e, b);
	if (c->nstop > 0) {
		json_w_key(b, "stopSequences");
		json_w_begin(b, '[');
		for (i = 0; i < c->nstop; i++)
			json_w_str(b, c->stop[i]);
		json_w_end(b, ']');
	}
	if (b->p[b->len - 1] == '{')
		b->len = from;
	else
		json_w_end(b, '}');
}

static void
put_output(struct writing *e, struct buf *b)
{
	const struct conversation *c = e->c;
	const struct slice effort = efforts[wanted_effort(c)].claude;
	const size_t from = b->len;

	json_w_key(b, "outputConfig");
	json_w_begin(b, '{');
	if (c->format == FORMAT_SCHEMA) {
		json_w_key(b, "textFormat");
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("json_schema"));
		json_w_key(b, "structure");
		json_w_begin(b, '{');
		json_w_key(b, "jsonSchema");
		json_w_begin(b, '{');
		json_w_kstr(b, "schema", codec_closed(e->arena, c->schema));
		if (c->schema_name.len > 0)
			json_w_kstr(b, "name", c->schema_name);
		json_w_end(b, '}');
		json_w_end(b, '}');
		json_w_end(b, '}');
	}
	if (e->family->think == THINK_ADAPTIVE && effort.len > 0 && !forced(c))
		json_w_kstr(b, "effort", effort);
	if (b->p[b->len - 1] == '{')
		b->len = from;
	else
		json_w_end(b, '}');
}

/* --- tools ------------------------------------------------------------------
 */

static void
put_tool(struct writing *e, struct buf *b, const struct tool *t)
{
	json_w_begin(b, '{');
	json_w_key(b, "toolSpec");
	json_w_begin(b, '{');
	json_w_kstr(b, "name", codec_tool_name(e->arena, t->name, e->lost));
	if (t->description.len > 0)
		json_w_kstr(b, "description", t->description);
	json_w_key(b, "inputSchema");
	json_w_begin(b, '{');
	json_w_key(b, "json");
	json_w_raw(b, codec_schema(e->arena, t, e->lost));
	json_w_end(b, '}');
	if (t->strict == 1 && e->family->vendor == VENDOR_ANTHROPIC)
		json_w_kbool(b, "strict", true);
	else if (t->strict == 1)
		lose(e, LOSS_STRICT);
	json_w_end(b, '}');
	json_w_end(b, '}');
	put_mark(e, b, t->cache);
}

static void
put_choice(struct writing *e, struct buf *b)
{
	const struct conversation *c = e->c;

	if (!c->choice_said || c->choice == CHOICE_AUTO)
		return;
	if (c->choice == CHOICE_NONE) {
		lose(e, LOSS_TOOL_CHOICE);
		return;
	}
	json_w_key(b, "toolChoice");
	json_w_begin(b, '{');
	json_w_key(b, c->choice == CHOICE_NAMED ? "tool" : "any");
	json_w_begin(b, '{');
	if (c->choice == CHOICE_NAMED)
		json_w_kstr(b, "name",
		    codec_tool_name(e->arena, c->choice_name, e->lost));
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_tools(struct writing *e, struct buf *b)
{
	struct conversation *c = e->c;
	const bool history = conversation_has_tool_parts(c);
	const struct tool *t = c->tool;

	/* Tools that the history calls and the request no longer has. */
	if (t == NULL && history)
		t = c->tool = conversation_called(c, e->arena);
	if (t == NULL ||
	    (c->choice_said && c->choice == CHOICE_NONE && !history))
		return;
	json_w_key(b, "toolConfig");
	json_w_begin(b, '{');
	json_w_key(b, "tools");
	json_w_begin(b, '[');
	for (; t != NULL; t = t->next) {
		if (codec_allows(c, t))
			put_tool(e, b, t);
		else
			lose(e, LOSS_ALLOWED_TOOLS);
	}
	json_w_end(b, ']');
	put_choice(e, b);
	json_w_end(b, '}');
}

/* --- the rest ---------------------------------------------------------------
 */

static void
put_tier(struct writing *e, struct buf *b)
{
	struct slice tier = e->c->tier;

	if (tier.len == 0)
		return;
	if (slice_eq(tier, S("standard")))
		tier = S("default");
	if (!slice_eq(tier, S("default")) && !slice_eq(tier, S("flex")) &&
	    !slice_eq(tier, S("priority")) && !slice_eq(tier, S("reserved"))) {
		lose(e, LOSS_TIER);
		return;
	}
	json_w_key(b, "serviceTier");
	json_w_begin(b, '{');
	json_w_kstr(b, "type", tier);
	json_w_end(b, '}');
}

static void
note_losses(struct writing *e)
{
	const struct conversation *c = e->c;

	if (c->n > 1)
		lose(e, LOSS_N);
	if (c->seed.len > 0)
		lose(e, LOSS_SEED);
	if (c->presence_penalty.len + c->frequency_penalty.len > 0)
		lose(e, LOSS_PENALTIES);
	if (c->verbosity.len > 0)
		lose(e, LOSS_VERBOSITY);
	if (c->user.len > 0)
		lose(e, LOSS_USER);
	if (c->metadata.len > 0)
		lose(e, LOSS_METADATA);
	if (c->cache_key.len > 0)
		lose(e, LOSS_CACHE_KEY);
}

enum fault
bedrock_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w)
{
	struct writing e = { .arena = a,
		.c = conversation_copy(a, in),
		.to = t,
		.family = family_of(t->model),
		.lost = lost,
		.wrong = w,
		.fault = FAULT_NONE };
	struct buf b = { 0 };

	buf_reserve(&b, CODEC_ROOM);
	e.c->lost = 0;
	arrange(&e);
	plan_budget(&e);
	note_losses(&e);
	json_w_begin(&b, '{');
	put_system(&e, &b);
	put_messages(&e, &b);
	put_inference(&e, &b);
	put_tools(&e, &b);
	put_output(&e, &b);
	put_more(&e, &b);
	put_tier(&e, &b);
	json_w_end(&b, '}');
	buf_add(out, buf_slice(&b));
	buf_fini(&b);
	return e.fault;
}

/* --- what comes back --------------------------------------------------------
 */

enum fault
bedrock_read_answer(struct arena *a, struct slice body, struct completion *out)
{
	const struct json *message, *usage;
	struct parts to = { .end = &out->first };
	const char *hint;
	struct json *top;

	memset(out, 0, sizeof(*out));
	if (json_parse(a, body, &top) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	message = json_get(json_get(top, "output"), "message");
	if (message == NULL ||
	    !bedrock_read_blocks(a, json_get(message, "content"), &to, &hint))
		return FAULT_UP_GARBAGE;
	out->stop = bedrock_stop_parse(json_get_str(top, "stopReason"));
	out->stop_sequence = json_get_str(
	    json_get(top, "additionalModelResponseFields"), "stop_sequence");
	out->tier = json_get_str(json_get(top, "serviceTier"), "type");
	usage = json_get(top, "usage");
	bedrock_read_usage(usage, &out->usage, &out->has_usage);
	return FAULT_NONE;
}

/* A block of text or thought has no start of its own. */
static struct braid *
braid_of(struct decoding *d)
{
	if (d->mind == NULL)
		d->mind = ARENA_NEW(d->arena, struct braid);
	return d->mind;
}

static void
begin(struct decoding *d)
{
	if (!d->started)
		decoding_step(d, &(struct stream_step){ .kind = STEP_START });
}

static enum fault
block_start(struct decoding *d, const struct json *j)
{
	const struct json *use = json_get(json_get(j, "start"), "toolUse");
	struct part block = { .kind = PART_TOOL_CALL,
		.id = json_get_str(use, "toolUseId"),
		.name = json_get_str(use, "name") };
	int64_t index = 0;

	(void)json_get_i64(j, "contentBlockIndex", &index);
	/* Pictures and results of AWS's own tools have no word elsewhere. */
	if (use == NULL)
		return FAULT_NONE;
	begin(d);
	return braid_open(d, braid_of(d), index, &block);
}

/* Opens what is not open as that. */
static enum fault
ensure(struct decoding *d, int64_t index, const struct part *block)
{
	const struct part *open = braid_block(braid_of(d), index);

	if (open != NULL && open->kind == block->kind)
		return FAULT_NONE;
	return braid_open(d, braid_of(d), index, block);
}

static enum fault
thought_delta(struct decoding *d, int64_t index, const struct json *delta)
{
	const struct json *hidden = json_get(delta, "redactedContent");
	const struct json *sig = json_get(delta, "signature");
	const struct part block = { .kind = PART_REASONING,
		.redacted = hidden != NULL };
	const enum fault f = ensure(d, index, &block);

	if (hidden != NULL || sig != NULL)
		braid_step(d, braid_of(d), index,
		    &(struct stream_step){ .kind = STEP_OPAQUE,
			.text = json_get_str(delta,
			    hidden != NULL ? "redactedContent" : "signature"),
			.origin = VENDOR_ANTHROPIC });
	else
		braid_step(d, braid_of(d), index,
		    &(struct stream_step){ .kind = STEP_TEXT,
			.text = json_get_str(delta, "text") });
	return f;
}

static void
citation_delta(struct decoding *d, int64_t index, const struct json *j)
{
	struct citation c = { .title = json_get_str(j, "title") };
	const struct json *list = json_get(j, "sourceContent");

	c.url = json_get_str(json_get(json_get(j, "location"), "web"), "url");
	if (list != NULL && list->child != NULL)
		c.cited = json_get_str(list->child, "text");
	braid_step(d, braid_of(d), index,
	    &(struct stream_step){ .kind = STEP_CITATION, .citation = &c });
}

static enum fault
block_delta(struct decoding *d, const struct json *j)
{
	const struct json *delta = json_get(j, "delta"), *k;
	const struct part text = { .kind = PART_TEXT };
	enum fault f = FAULT_NONE;
	int64_t index = 0;

	if (delta == NULL || !json_get_i64(j, "contentBlockIndex", &index))
		return FAULT_UP_GARBAGE;
	begin(d);
	if ((k = json_get(delta, "text")) != NULL) {
		f = ensure(d, index, &text);
		braid_step(d, braid_of(d), index,
		    &(struct stream_step){ .kind = STEP_TEXT,
			.text = json_get_str(delta, "text") });
	} else if ((k = json_get(delta, "toolUse")) != NULL) {
		/* Of which tool, only a start says. */
		if (braid_block(braid_of(d), index) == NULL)
			return FAULT_UP_GARBAGE;
		braid_step(d, braid_of(d), index,
		    &(struct stream_step){
			.kind = STEP_ARGS, .text = json_get_str(k, "input") });
	} else if ((k = json_get(delta, "reasoningContent")) != NULL) {
		f = thought_delta(d, index, k);
	} else if ((k = json_get(delta, "citation")) != NULL) {
		citation_delta(d, index, k);
	}
	return f;
}

static enum fault
block_stop(struct decoding *d, const struct json *j)
{
	int64_t index = 0;

	(void)json_get_i64(j, "contentBlockIndex", &index);
	braid_close(d, braid_of(d), index);
	return FAULT_NONE;
}

static enum fault
stream_error(struct decoding *d, struct slice name, const struct json *j)
{
	struct slice message = json_get_str(j, "message");

	decoding_step(d, &(struct stream_step){ .kind = STEP_ERROR,
			     .message = message.len > 0 ? message : name,
			     .fault = FAULT_UP_STATUS });
	return FAULT_NONE;
}

static enum fault
metadata(struct decoding *d, const struct json *j)
{
	struct stream_step s = { .kind = STEP_USAGE };

	bedrock_read_usage(json_get(j, "usage"), &s.usage, &s.has_usage);
	if (s.has_usage)
		decoding_step(d, &s);
	if (d->stopped)
		decoding_step(d, &(struct stream_step){ .kind = STEP_END });
	return FAULT_NONE;
}

static bool
is_exception(struct slice name)
{
	static const struct slice end = S_INIT("Exception");

	return name.len > end.len &&
	       memcmp(name.p + name.len - end.len, end.p, end.len) == 0;
}

enum fault
bedrock_read_event(struct decoding *d, struct slice name, struct slice data)
{
	struct json *top;
	const struct json *j;

	if (json_parse(d->scratch, data, &top) != FAULT_NONE ||
	    top->type != JSON_OBJECT || top->child == NULL)
		return FAULT_UP_GARBAGE;
	j = top->child;
	if (is_exception(name) || j->type == JSON_NULL)
		return stream_error(d, name, j);
	if (j->type != JSON_OBJECT)
		return FAULT_UP_GARBAGE;
	if (slice_eq(name, S("messageStart"))) {
		begin(d);
	} else if (slice_eq(name, S("contentBlockStart"))) {
		return block_start(d, j);
	} else if (slice_eq(name, S("contentBlockDelta"))) {
		return block_delta(d, j);
	} else if (slice_eq(name, S("contentBlockStop"))) {
		return block_stop(d, j);
	} else if (slice_eq(name, S("messageStop"))) {
		begin(d);
		braid_end(d, braid_of(d));
		decoding_stop(d,
		    bedrock_stop_parse(json_get_str(j, "stopReason")),
		    json_get_str(json_get(j, "additionalModelResponseFields"),
			"stop_sequence"));
	} else if (slice_eq(name, S("metadata"))) {
		return metadata(d, j);
	}
	/* What is new passes unheard. */
	return FAULT_NONE;
}

enum fault
bedrock_read_end(struct decoding *d)
{
	const bool whole = d->stopped;

	if (d->ended)
		return FAULT_NONE;
	if (!whole)
		return FAULT_UP_RESET;
	decoding_step(d, &(struct stream_step){ .kind = STEP_END });
	return FAULT_NONE;
}
