#include "dialect/codec.h"

#include "model/ident.h"

/* --- reading ---------------------------------------------------------------
 */

struct slice
codec_raw(struct arena *a, const struct json *j)
{
	struct buf b = { 0 };
	struct slice out;

	if (j == NULL || j->type == JSON_NULL)
		return S("");
	json_w_tree(&b, j);
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
codec_number(const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	return v != NULL && v->type == JSON_NUMBER ? v->text : S("");
}

bool
codec_u64(const struct json *j, const char *key, uint64_t *out)
{
	const struct json *v = json_get(j, key);
	int64_t n;

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_NUMBER || !json_i64(v->text, &n) || n < 0)
		return false;
	*out = (uint64_t)n;
	return true;
}

enum fault
codec_wrong(struct wrong *w, const char *field, const char *hint)
{
	w->field = slice_of(field);
	w->hint = hint;
	return FAULT_FIELD;
}

struct slice
codec_text(struct arena *a, const struct json *j)
{
	const struct json *c;
	struct buf b = { 0 };
	struct slice out;

	if (j == NULL)
		return S("");
	if (j->type == JSON_STRING)
		return j->text;
	for (c = j->type == JSON_ARRAY ? j->child : NULL; c != NULL;
	     c = c->next) {
		const struct slice s =
		    c->type == JSON_STRING ? c->text : json_get_str(c, "text");

		if (b.len > 0 && s.len > 0)
			buf_char(&b, '\n');
		buf_add(&b, s);
	}
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

void
codec_add_text(struct part **list, struct arena *a, struct slice text)
{
	if (text.len > 0)
		part_add(list, a, PART_TEXT)->text = text;
}

/* --- writing ---------------------------------------------------------------
 */

struct slice
codec_join(struct arena *a, const struct part *p)
{
	struct buf b = { 0 };
	struct slice out;

	for (; p != NULL; p = p->next) {
		if ((p->kind != PART_TEXT && p->kind != PART_REFUSAL) ||
		    p->text.len == 0)
			continue;
		if (b.len > 0)
			buf_char(&b, '\n');
		buf_add(&b, p->text);
	}
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
codec_take_system(struct conversation *c, struct arena *a)
{
	struct turn **at = &c->first, *t;
	struct buf b = { 0 };
	bool spoken = false;
	struct slice out;

	while ((t = *at) != NULL) {
		if (t->speaker != SPEAKER_SYSTEM) {
			spoken = true;
			at = &t->next;
			continue;
		}
		if (spoken)
			c->lost |= LOSS_BIT(LOSS_SYSTEM_PLACE);
		out = codec_join(a, t->first);
		if (b.len > 0 && out.len > 0)
			buf_str(&b, "\n\n");
		buf_add(&b, out);
		*at = t->next;
	}
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool
fits(struct slice s, const char *more, size_t max)
{
	size_t i;

	if (s.len == 0 || s.len > max)
		return false;
	for (i = 0; i < s.len; i++) {
		if (!is_letter(s.p[i]) && strchr(more, s.p[i]) == NULL)
			return false;
	}
	return true;
}

/* What is legal of it, and a hash of all of it: the same each time. */
static struct slice
shorten(struct arena *a, struct slice s, size_t max)
{
	struct buf b = { 0 };
	struct slice out;
	size_t i;

	for (i = 0; i < s.len && b.len + 13 < max; i++)
		buf_char(&b, is_letter(s.p[i]) ? s.p[i] : '_');
	if (b.len == 0)
		buf_char(&b, 't');
	buf_fmt(&b, "_%012llx",
	    (unsigned long long)(hash64(s) & UINT64_C(0xffffffffffff)));
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
codec_tool_name(struct arena *a, struct slice name, uint64_t *lost)
{
	if (fits(name, "", 64))
		return name;
	if (lost != NULL)
		*lost |= LOSS_BIT(LOSS_TOOL_NAME);
	return shorten(a, name, 64);
}

const struct tool *
codec_tool_restore(
    const struct conversation *c, struct arena *a, struct slice name)
{
	const struct tool *t = conversation_tool(c, name);

	if (t != NULL)
		return t;
	for (t = c->tool; t != NULL; t = t->next) {
		if (!fits(t->name, "", 64) &&
		    slice_eq(codec_tool_name(a, t->name, NULL), name))
			return t;
	}
	return NULL;
}

struct slice
codec_tool_id(struct arena *a, struct slice id, const char *more, size_t max,
    uint64_t *lost)
{
	if (fits(id, more, max))
		return id;
	*lost |= LOSS_BIT(LOSS_TOOL_ID);
	return shorten(a, id, max);
}

struct slice
codec_args(struct arena *a, const struct part *call)
{
	struct json *j;
	struct buf b = { 0 };
	struct slice out;

	if (call->custom) {
		json_w_begin(&b, '{');
		json_w_kstr(&b, "input", call->args);
		json_w_end(&b, '}');
		out = arena_copy(a, buf_slice(&b));
		buf_fini(&b);
		return out;
	}
	/* A model may have written what is no object. */
	if (json_parse(a, call->args, &j) == FAULT_NONE &&
	    j->type == JSON_OBJECT)
		return call->args;
	if (slice_trim(call->args).len == 0)
		return S("{}");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "input", call->args);
	json_w_end(&b, '}');
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
codec_schema(struct arena *a, const struct tool *t, uint64_t *lost)
{
	(void)a;
	if (t->custom) {
		*lost |= LOSS_BIT(LOSS_CUSTOM_TOOL);
		return S("{\"type\":\"object\",\"properties\":{\"input\":"
			 "{\"type\":\"string\"}},\"required\":[\"input\"]}");
	}
	return t->schema.len > 0 ? t->schema
				 : S("{\"type\":\"object\",\"properties\":{}}");
}

bool
codec_allows(const struct conversation *c, const struct tool *t)
{
	unsigned i;

	for (i = 0; i < c->nallowed; i++) {
		if (slice_eq(c->allowed[i], t->name))
			return true;
	}
	return c->nallowed == 0;
}

uint64_t
codec_limit(const struct conversation *c, const struct target *t)
{
	uint64_t n = c->max_output;

	if (n == 0 || (t->max_output > 0 && n > t->max_output))
		n = t->max_output > 0 ? t->max_output : n;
	if (t->clamp > 0 && (n == 0 || n > t->clamp))
		n = t->clamp;
	return n;
}

struct slice
codec_id(struct arena *a, const char *prefix, struct slice request)
{
	if (slice_starts(request, S("req_")))
		request = (struct slice){ request.p + 4, request.len - 4 };
	return slice_of(arena_fmt(a, "%s%.*s", prefix, S_FMT(request)));
}

void
codec_sse(struct buf *out, struct slice name, struct slice data)
{
	if (name.len > 0)
		buf_fmt(out, "event: %.*s\n", S_FMT(name));
	buf_str(out, "data: ");
	buf_add(out, data);
	buf_str(out, "\n\n");
}

/* --- a stream being read ---------------------------------------------------
 */

void
decoding_step(struct decoding *d, const struct stream_step *s)
{
	if (d->ended)
		return;
	switch (s->kind) {
	case STEP_START:
		d->started = true;
		break;
	case STEP_OPEN:
		d->tool |= s->block.kind == PART_TOOL_CALL;
		break;
	case STEP_STOP:
		d->stopped = true;
		break;
	case STEP_ERROR:
	case STEP_END:
		d->ended = true;
		break;
	case STEP_TEXT:
	case STEP_ARGS:
	case STEP_OPAQUE:
	case STEP_CITATION:
	case STEP_CLOSE:
	case STEP_USAGE:
		break;
	}
	d->step(d->arg, s);
}

void
decoding_stop(struct decoding *d, enum stop_reason why, struct slice sequence)
{
	if (d->stopped)
		return;
	if (d->tool && (why == STOP_END || why == STOP_NONE))
		why = STOP_TOOL;
	decoding_step(
	    d, &(struct stream_step){
		   .kind = STEP_STOP, .stop = why, .stop_sequence = sequence });
}

/* --- homeward --------------------------------------------------------------
 */

static void
open_block(struct homeward *h, const struct stream_step *s)
{
	struct stream_step named = *s;
	const struct tool *t;

	h->custom = false;
	if (s->block.kind == PART_TOOL_CALL && !s->block.custom) {
		t = codec_tool_restore(h->asked, h->arena, s->block.name);
		if (t != NULL) {
			named.block.name = t->name;
			named.block.custom = h->custom = t->custom;
		}
	}
	h->step(h->arg, &named);
}

/* Args were {"input": "..."}; what is not stays as it is. */
static void
give_input(struct homeward *h)
{
	struct slice text = arena_copy(h->arena, buf_slice(&h->args));
	const struct json *input;
	struct json *j;

	if (json_parse(h->arena, text, &j) == FAULT_NONE) {
		input = json_get(j, "input");
		if (input != NULL && input->type == JSON_STRING)
			text = input->text;
	}
	h->step(
	    h->arg, &(struct stream_step){ .kind = STEP_ARGS, .text = text });
	buf_fini(&h->args);
	h->custom = false;
}

void
homeward_step(void *homeward, const struct stream_step *s)
{
	struct homeward *h = homeward;

	if (s->kind == STEP_OPEN) {
		open_block(h, s);
	} else if (s->kind == STEP_ARGS && h->custom) {
		buf_add(&h->args, s->text);
	} else {
		if (s->kind == STEP_CLOSE && h->custom)
			give_input(h);
		h->step(h->arg, s);
	}
}
