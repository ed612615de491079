/*
 * responses_say.c - a draft as a Response, whole or as its ladder of events
 *
 * The items of a whole answer and those of response.completed are written by
 * the same functions: what a stream says is what it ends with.
 */
#include <stdio.h>

#include "sim/filler.h"
#include "sim/responses.h"

enum { SUMMARY = 5 };

struct say {
	struct work *work;
	const struct draft *draft;
	int64_t sequence;
	unsigned index; /* of the output item */
};

static void
put_id(const struct work *w, struct buf *b, const char *key, const char *prefix,
    uint64_t n)
{
	char id[64];

	snprintf(id, sizeof(id), "%s_%016llx%08llx", prefix,
	    (unsigned long long)filler_mix(w->seed, n),
	    (unsigned long long)filler_mix(w->seed, n + 7) & 0xffffffff);
	json_w_kstr(b, key, slice_of(id));
}

static void
number(struct buf *b, const char *key, int64_t v, bool quoted)
{
	json_w_key(b, key);
	if (quoted)
		buf_char(b, '"');
	buf_i64(b, v);
	if (quoted)
		buf_char(b, '"');
}

static void
put_usage(const struct work *w, struct buf *b)
{
	const enum usage_lie lie = w->chat->directive.lie;
	struct tokens n = w->plan->used;
	const bool q = lie == LIE_STRINGS;

	if (!work_shows_usage(w))
		return;
	json_w_key(b, "usage");
	if (lie == LIE_NULL) {
		json_w_null(b);
		return;
	}
	if (lie == LIE_NEGATIVE)
		n.output = -n.output - 1;
	if (lie == LIE_OVER)
		n.cached = n.input * 2 + 1000;
	json_w_begin(b, '{');
	number(b, "input_tokens", n.input, q);
	json_w_key(b, "input_tokens_details");
	json_w_begin(b, '{');
	number(b, "cached_tokens", n.cached, q);
	number(b, "cache_write_tokens", n.cache_write, q);
	json_w_end(b, '}');
	number(b, "output_tokens", n.output, q);
	json_w_key(b, "output_tokens_details");
	json_w_begin(b, '{');
	number(b, "reasoning_tokens", n.reasoning, q);
	json_w_end(b, '}');
	number(b, "total_tokens", n.input + n.output, q);
	json_w_end(b, '}');
}

/* --- items ------------------------------------------------------------- */

static struct slice
summary(struct work *w)
{
	struct buf b = { 0 };
	struct slice s;
	uint64_t i;

	for (i = 0; i < SUMMARY; i++) {
		if (i > 0)
			buf_char(&b, ' ');
		buf_add(&b, filler_word(w->seed + 99, i));
	}
	s = arena_copy(w->arena, buf_slice(&b));
	buf_fini(&b);
	return s;
}

static void
put_summary_part(struct buf *b, struct slice text)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("summary_text"));
	json_w_kstr(b, "text", text);
	json_w_end(b, '}');
}

static void
put_reasoning(struct work *w, struct buf *b, bool whole)
{
	json_w_begin(b, '{');
	put_id(w, b, "id", "rs", 11);
	json_w_kstr(b, "type", S("reasoning"));
	json_w_key(b, "summary");
	json_w_begin(b, '[');
	if (whole && w->chat->thoughts)
		put_summary_part(b, summary(w));
	json_w_end(b, ']');
	if (w->chat->sealed)
		json_w_kstr(
		    b, "encrypted_content", responses_seal(w->arena, w->seed));
	json_w_end(b, '}');
}

static struct slice
whole_text(struct work *w, const struct draft *d)
{
	struct buf b = { 0 };
	struct slice s;
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->piece[i].kind == PIECE_TEXT)
			buf_add(&b, work_piece(w, &d->piece[i]));
	s = arena_copy(w->arena, buf_slice(&b));
	buf_fini(&b);
	return s;
}

static void
put_text_part(struct buf *b, struct slice text)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("output_text"));
	json_w_key(b, "annotations");
	json_w_raw(b, S("[]"));
	json_w_key(b, "logprobs");
	json_w_raw(b, S("[]"));
	json_w_kstr(b, "text", text);
	json_w_end(b, '}');
}

static const char *
status(const struct draft *d, bool whole)
{
	return !whole                                       ? "in_progress"
	       : d->finish[0] == 'l' || d->finish[0] == 'c' ? "incomplete"
							    : "completed";
}

static void
put_message(struct work *w, const struct draft *d, struct buf *b, bool whole)
{
	json_w_begin(b, '{');
	put_id(w, b, "id", "msg", 12);
	json_w_kstr(b, "type", S("message"));
	json_w_kstr(b, "status", slice_of(status(d, whole)));
	json_w_key(b, "content");
	json_w_begin(b, '[');
	if (whole)
		put_text_part(b, whole_text(w, d));
	json_w_end(b, ']');
	json_w_kstr(b, "role", S("assistant"));
	json_w_end(b, '}');
}

static struct slice
arguments(struct work *w, const struct draft *d, unsigned call)
{
	struct buf b = { 0 };
	struct slice s;
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->piece[i].kind == PIECE_ARGUMENTS &&
		    d->piece[i].call == call)
			buf_add(&b, d->piece[i].text);
	s = arena_copy(w->arena, buf_slice(&b));
	buf_fini(&b);
	return s;
}

static bool
is_custom(const struct work *w, unsigned call)
{
	return draft_tool_custom(w->chat->call[call]);
}

static void
put_call(struct work *w, const struct draft *d, struct buf *b, unsigned call,
    bool whole)
{
	const bool custom = is_custom(w, call);

	json_w_begin(b, '{');
	put_id(w, b, "id", custom ? "ctc" : "fc", 100 + call);
	json_w_kstr(
	    b, "type", custom ? S("custom_tool_call") : S("function_call"));
	json_w_kstr(b, "status", slice_of(status(d, whole)));
	json_w_kstr(b, custom ? "input" : "arguments",
	    whole ? arguments(w, d, call) : S(""));
	put_id(w, b, "call_id", "call", 200 + call);
	json_w_kstr(b, "name", draft_tool_name(w->chat->call[call]));
	json_w_end(b, '}');
}

static void
put_items(struct work *w, struct buf *b)
{
	const struct draft *d = &w->draft[0];
	size_t i;

	if (d->reasoning > 0)
		put_reasoning(w, b, true);
	for (i = 0; i < d->n && d->calls; i++)
		if (d->piece[i].kind == PIECE_CALL)
			put_call(w, d, b, d->piece[i].call, true);
	if (!d->calls && !work_plays(w, MISHAP_EMPTYCHOICES))
		put_message(w, d, b, true);
}

/* --- the response ------------------------------------------------------ */

static void
put_echo(const struct work *w, struct buf *b)
{
	json_w_key(b, "parallel_tool_calls");
	json_w_bool(b, true);
	json_w_key(b, "previous_response_id");
	json_w_null(b);
	json_w_key(b, "instructions");
	json_w_null(b);
	json_w_key(b, "metadata");
	json_w_raw(b, S("{}"));
	json_w_kstr(b, "tool_choice", S("auto"));
	json_w_key(b, "tools");
	json_w_raw(b, S("[]"));
	json_w_key(b, "temperature");
	json_w_raw(b, S("1.0"));
	json_w_key(b, "top_p");
	json_w_raw(b, S("1.0"));
	json_w_kstr(b, "truncation", S("disabled"));
	json_w_kbool(b, "store", false);
	if (w->terms->credential->venue != VENUE_COMPATIBLE)
		json_w_kstr(
		    b, "service_tier", slice_of(service_word(w->service)));
}

static void
put_response(struct work *w, struct buf *b, bool whole)
{
	const struct draft *d = &w->draft[0];
	const char *how = status(d, whole);

	json_w_begin(b, '{');
	put_id(w, b, "id", "resp", 10);
	json_w_kstr(b, "object", S("response"));
	json_w_ki64(b, "created_at",
	    INT64_C(1780000000) + (int64_t)(w->seed % 9999999));
	json_w_kstr(b, "status", slice_of(how));
	json_w_key(b, "background");
	json_w_bool(b, false);
	json_w_key(b, "error");
	json_w_null(b);
	json_w_key(b, "incomplete_details");
	if (how[0] == 'i' && whole)
		json_w_raw(b, d->finish[0] == 'l'
				  ? S("{\"reason\":\"max_output_tokens\"}")
				  : S("{\"reason\":\"content_filter\"}"));
	else
		json_w_null(b);
	json_w_kstr(b, "model", w->terms->name);
	json_w_key(b, "output");
	json_w_begin(b, '[');
	if (whole)
		put_items(w, b);
	json_w_end(b, ']');
	put_echo(w, b);
	if (whole) {
		put_usage(w, b);
	} else {
		json_w_key(b, "usage");
		json_w_null(b);
	}
	json_w_end(b, '}');
}

static void
unary(struct work *w)
{
	put_response(w, &w->plan->body, true);
}

/* --- stream ------------------------------------------------------------ */

static struct buf *
event_open(struct say *s, const char *type)
{
	struct buf *b = &s->work->event;

	buf_clear(b);
	buf_fmt(b, "event: %s\ndata: ", type);
	buf_char(b, '{');
	json_w_kstr(b, "type", slice_of(type));
	json_w_ki64(b, "sequence_number", s->sequence++);
	return b;
}

static void
event_close(struct say *s)
{
	struct buf *b = &s->work->event;

	json_w_end(b, '}');
	buf_str(b, "\n\n");
	work_chunk(s->work, buf_slice(b));
}

static void
response_event(struct say *s, const char *type, bool whole)
{
	struct buf *b = event_open(s, type);

	json_w_key(b, "response");
	put_response(s->work, b, whole);
	event_close(s);
}

static void
at_item(const struct say *s, struct buf *b, const char *prefix, uint64_t id)
{
	put_id(s->work, b, "item_id", prefix, id);
	json_w_ki64(b, "output_index", s->index);
}

static void
obfuscate(const struct say *s, struct buf *b)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	const struct work *w = s->work;
	uint64_t r = filler_mix(w->seed, (uint64_t)s->sequence);
	size_t n = 1 + r % 12;

	if (!w->chat->obfuscate || w->terms->credential->venue != VENUE_OPENAI)
		return;
	json_w_key(b, "obfuscation");
	buf_char(b, '"');
	for (; n > 0; n--, r >>= 5)
		buf_char(b, letters[r % 36]);
	buf_char(b, '"');
}

/* kind 0: reasoning, 1: message, 2 and on: the call kind - 2. */
static void
item_event(struct say *s, const char *type, unsigned kind, bool whole)
{
	struct buf *b = event_open(s, type);

	json_w_ki64(b, "output_index", s->index);
	json_w_key(b, "item");
	if (kind == 0)
		put_reasoning(s->work, b, whole);
	else if (kind == 1)
		put_message(s->work, s->draft, b, whole);
	else
		put_call(s->work, s->draft, b, kind - 2, whole);
	event_close(s);
}

static void
reasoning_part(struct say *s, const char *type, struct slice text)
{
	struct buf *b = event_open(s, type);

	at_item(s, b, "rs", 11);
	json_w_ki64(b, "summary_index", 0);
	json_w_key(b, "part");
	put_summary_part(b, text);
	event_close(s);
}

static void
reasoning_text(
    struct say *s, const char *type, const char *key, struct slice text)
{
	struct buf *b = event_open(s, type);

	at_item(s, b, "rs", 11);
	json_w_ki64(b, "summary_index", 0);
	json_w_kstr(b, key, text);
	event_close(s);
}

static void
reasoning_events(struct say *s)
{
	const struct slice text = summary(s->work);

	item_event(s, "response.output_item.added", 0, false);
	if (s->work->chat->thoughts) {
		reasoning_part(
		    s, "response.reasoning_summary_part.added", S(""));
		reasoning_text(
		    s, "response.reasoning_summary_text.delta", "delta", text);
		reasoning_text(
		    s, "response.reasoning_summary_text.done", "text", text);
		reasoning_part(s, "response.reasoning_summary_part.done", text);
	}
	item_event(s, "response.output_item.done", 0, true);
	s->index++;
}

static void
part_event(struct say *s, const char *type, struct slice text)
{
	struct buf *b = event_open(s, type);

	at_item(s, b, "msg", 12);
	json_w_ki64(b, "content_index", 0);
	json_w_key(b, "part");
	put_text_part(b, text);
	event_close(s);
}

static void
text_event(struct say *s, const char *type, const char *key, struct slice text)
{
	struct buf *b = event_open(s, type);

	at_item(s, b, "msg", 12);
	json_w_ki64(b, "content_index", 0);
	json_w_kstr(b, key, text);
	json_w_key(b, "logprobs");
	json_w_raw(b, S("[]"));
	if (key[0] == 'd')
		obfuscate(s, b);
	event_close(s);
}

static bool
next_delta(struct say *s)
{
	struct work *w = s->work;

	work_before_delta(w, w->plan->used.output - w->plan->used.reasoning);
	if (w->over)
		return false;
	w->tokens++;
	w->deltas++;
	return true;
}

static void
message_events(struct say *s)
{
	const struct draft *d = s->draft;
	const struct slice text = whole_text(s->work, d);
	size_t i;

	item_event(s, "response.output_item.added", 1, false);
	part_event(s, "response.content_part.added", S(""));
	for (i = 0; i < d->n; i++) {
		if (!next_delta(s))
			return;
		text_event(s, "response.output_text.delta", "delta",
		    work_piece(s->work, &d->piece[i]));
	}
	text_event(s, "response.output_text.done", "text", text);
	part_event(s, "response.content_part.done", text);
	item_event(s, "response.output_item.done", 1, true);
}

static void
call_text(struct say *s, unsigned call, const char *tail, const char *key,
    struct slice text)
{
	const bool custom = is_custom(s->work, call);
	char type[64];
	struct buf *b;

	snprintf(type, sizeof(type), "response.%s.%s",
	    custom ? "custom_tool_call_input" : "function_call_arguments",
	    tail);
	b = event_open(s, type);
	at_item(s, b, custom ? "ctc" : "fc", 100 + call);
	if (!custom && key[0] == 'a')
		json_w_kstr(
		    b, "name", draft_tool_name(s->work->chat->call[call]));
	json_w_kstr(b, key, text);
	if (key[0] == 'd')
		obfuscate(s, b);
	event_close(s);
}

static bool
call_events(struct say *s, unsigned call)
{
	const struct draft *d = s->draft;
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (d->piece[i].call != call || d->piece[i].kind == PIECE_TEXT)
			continue;
		if (!next_delta(s))
			return false;
		if (d->piece[i].kind == PIECE_CALL)
			item_event(
			    s, "response.output_item.added", 2 + call, false);
		else
			call_text(s, call, "delta", "delta", d->piece[i].text);
	}
	call_text(s, call, "done",
	    is_custom(s->work, call) ? "input" : "arguments",
	    arguments(s->work, d, call));
	item_event(s, "response.output_item.done", 2 + call, true);
	s->index++;
	return true;
}

static void
output_events(struct say *s)
{
	const struct draft *d = s->draft;
	size_t i;

	s->work->tokens += d->reasoning;
	if (d->reasoning > 0)
		reasoning_events(s);
	if (!d->calls && !work_plays(s->work, MISHAP_EMPTYCHOICES))
		message_events(s);
	for (i = 0; i < d->n && d->calls; i++)
		if (d->piece[i].kind == PIECE_CALL &&
		    !call_events(s, d->piece[i].call))
			return;
}

static void
stream(struct work *w)
{
	struct say s = { .work = w, .draft = &w->draft[0] };
	const char *how = status(s.draft, true);

	response_event(&s, "response.created", false);
	response_event(&s, "response.in_progress", false);
	output_events(&s);
	if (!w->over)
		response_event(&s,
		    how[0] == 'i' ? "response.incomplete"
				  : "response.completed",
		    true);
	buf_add(&w->plan->body, S("0\r\n\r\n"));
	w->plan->stream = true;
	w->plan->type = "text/event-stream; charset=utf-8";
}

const struct tongue responses_tongue = {
	.unary = unary,
	.stream = stream,
	.error = S_INIT("event: error\ndata: {\"type\":\"error\",\"code\":"
			"\"server_error\",\"message\":\"The server had an "
			"error while processing your request. Sorry about "
			"that!\",\"param\":null,\"sequence_number\":1000000}"
			"\n\n"),
};
