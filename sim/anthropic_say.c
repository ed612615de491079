/*
 * anthropic_say.c - a draft as Messages says it, whole and as events
 */
#include "sim/anthropic.h"

#include "base/text.h"
#include "http/eventstream.h"
#include "sim/bedrock.h"
#include "sim/filler.h"
#include "sim/spoil.h"

enum { SUMMARY = 5 };

static struct slice
finish(const struct work *w, const struct draft *d)
{
	if (w->chat->directive.finish.len > 0)
		return S("refusal");
	switch (d->finish[0]) {
	case 'l':
		return S("max_tokens");
	case 't':
		return S("tool_use");
	default:
		return d->stop.len > 0 ? S("stop_sequence") : S("end_turn");
	}
}

static void
put_stop(struct buf *b, const struct work *w, const struct draft *d)
{
	json_w_kstr(b, "stop_reason", finish(w, d));
	json_w_key(b, "stop_sequence");
	if (d->stop.len > 0)
		json_w_str(b, d->stop);
	else
		json_w_null(b);
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

/* input_tokens is what was neither read from a cache nor written to one. */
static void
put_usage(const struct work *w, struct buf *b, int64_t output)
{
	const enum usage_lie lie = w->chat->directive.lie;
	const bool q = lie == LIE_STRINGS;
	struct tokens n = w->plan->used;
	const bool hour = slice_eq(w->chat->aws.ttl, S("1h"));

	json_w_key(b, "usage");
	if (lie == LIE_NULL) {
		json_w_null(b);
		return;
	}
	if (lie == LIE_NEGATIVE)
		output = -output - 1;
	if (lie == LIE_OVER)
		output = output * 1000 + 1000000;
	json_w_begin(b, '{');
	number(b, "input_tokens", n.input - n.cached - n.cache_write, q);
	number(b, "cache_creation_input_tokens", n.cache_write, q);
	number(b, "cache_read_input_tokens", n.cached, q);
	json_w_key(b, "cache_creation");
	json_w_begin(b, '{');
	json_w_ki64(b, "ephemeral_5m_input_tokens", hour ? 0 : n.cache_write);
	json_w_ki64(b, "ephemeral_1h_input_tokens", hour ? n.cache_write : 0);
	json_w_end(b, '}');
	number(b, "output_tokens", output, q);
	json_w_kstr(b, "service_tier", S("standard"));
	json_w_end(b, '}');
}

static struct slice
thought(struct work *w)
{
	struct buf text = { 0 };
	struct slice s;
	uint64_t i;

	if (w->chat->aws.hidden)
		return S("");
	for (i = 0; i < SUMMARY; i++) {
		if (i > 0)
			buf_char(&text, ' ');
		buf_add(&text, filler_word(w->seed + 99, i));
	}
	s = arena_copy(w->arena, buf_slice(&text));
	buf_fini(&text);
	return s;
}

static struct slice
call_id(struct work *w, unsigned call)
{
	return slice_of(arena_fmt(w->arena, "toolu_%016llx%02u",
	    (unsigned long long)filler_mix(w->seed, 77 + call), call));
}

static struct slice
pieces(
    struct work *w, const struct draft *d, enum piece_kind kind, unsigned call)
{
	struct buf b = { 0 };
	struct slice s;
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (d->piece[i].kind != kind ||
		    (kind == PIECE_ARGUMENTS && d->piece[i].call != call))
			continue;
		buf_add(&b, kind == PIECE_TEXT ? work_piece(w, &d->piece[i])
					       : d->piece[i].text);
	}
	s = arena_copy(w->arena, buf_slice(&b));
	buf_fini(&b);
	return s;
}

static void
put_head(struct work *w, struct buf *b)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "id",
	    slice_of(arena_fmt(w->arena, "msg_%016llx",
		(unsigned long long)filler_mix(w->seed, 5))));
	json_w_kstr(b, "type", S("message"));
	json_w_kstr(b, "role", S("assistant"));
	json_w_kstr(b, "model", w->terms->name);
}

/* --- whole -----------------------------------------------------------------
 */

static bool
is_redacted(const struct work *w)
{
	return w->chat->directive.redacted > 0;
}

static void
put_thought(struct work *w, struct buf *b)
{
	const struct slice text = thought(w);

	json_w_begin(b, '{');
	if (is_redacted(w)) {
		json_w_kstr(b, "type", S("redacted_thinking"));
		json_w_kstr(b, "data", S("cmVkYWN0ZWQ="));
	} else {
		json_w_kstr(b, "type", S("thinking"));
		json_w_kstr(b, "thinking", text);
		json_w_kstr(b, "signature", bedrock_signature(w->arena, text));
	}
	json_w_end(b, '}');
}

static void
put_call(struct work *w, const struct draft *d, unsigned call, struct buf *b)
{
	struct slice text = pieces(w, d, PIECE_ARGUMENTS, call);
	struct json *tree;

	if (json_parse(w->arena, text, &tree) != FAULT_NONE)
		return; /* the limit cut it */
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("tool_use"));
	json_w_kstr(b, "id", call_id(w, call));
	json_w_kstr(b, "name", draft_tool_name(w->chat->call[call]));
	json_w_key(b, "input");
	json_w_raw(b, text);
	json_w_end(b, '}');
}

static void
put_text(struct work *w, const struct draft *d, struct buf *b)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("text"));
	json_w_kstr(b, "text", pieces(w, d, PIECE_TEXT, 0));
	if (w->chat->aws.cites) {
		json_w_key(b, "citations");
		json_w_raw(b,
		    S("[{\"type\":\"char_location\",\"cited_text\":\"source\","
		      "\"document_index\":0,\"document_title\":\"doc\","
		      "\"start_char_index\":0,\"end_char_index\":6,"
		      "\"file_id\":null}]"));
	}
	json_w_end(b, '}');
}

static void
unary(struct work *w)
{
	const struct draft *d = &w->draft[0];
	struct buf *b = &w->plan->body;
	size_t i;

	put_head(w, b);
	json_w_key(b, "content");
	json_w_begin(b, '[');
	if (d->reasoning > 0)
		put_thought(w, b);
	if (!d->calls && d->n > 0)
		put_text(w, d, b);
	for (i = 0; i < d->n; i++) {
		if (d->piece[i].kind == PIECE_CALL)
			put_call(w, d, d->piece[i].call, b);
	}
	json_w_end(b, ']');
	put_stop(b, w, d);
	if (work_shows_usage(w))
		put_usage(w, b, w->plan->used.output);
	json_w_end(b, '}');
	w->tokens = w->plan->used.output;
}

/* --- events ----------------------------------------------------------------
 */

/* One of AWS's messages, its payload the event as base64. */
static void
put_message(struct buf *b, struct slice json)
{
	struct buf text = { 0 }, payload = { 0 };

	text_base64_write(&text, json);
	json_w_begin(&payload, '{');
	json_w_kstr(&payload, "bytes", buf_slice(&text));
	json_w_kstr(&payload, "p", S("abcdefgh"));
	json_w_end(&payload, '}');
	eventstream_event(b, S("chunk"), buf_slice(&payload));
	buf_fini(&text);
	buf_fini(&payload);
}

static bool
in_chunks(const struct work *w)
{
	return w->terms->tongue == &anthropic_chunks;
}

static void
say(struct work *w, const char *event, struct buf *json)
{
	struct buf b = { 0 };

	if (in_chunks(w)) {
		/* Bedrock sends no pings. */
		if (strcmp(event, "ping") != 0) {
			put_message(&b, buf_slice(json));
			work_chunk(w, buf_slice(&b));
		}
		buf_fini(&b);
		buf_fini(json);
		return;
	}
	buf_fmt(&b, "event: %s\ndata: ", event);
	buf_add(&b, buf_slice(json));
	buf_str(&b, "\n\n");
	work_chunk(w, buf_slice(&b));
	buf_fini(&b);
	buf_fini(json);
}

static void
open_event(struct buf *b, const char *type, int index)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", slice_of(type));
	if (index >= 0)
		json_w_ki64(b, "index", index);
}

static void
start(struct work *w)
{
	struct buf b = { 0 };

	open_event(&b, "message_start", -1);
	json_w_key(&b, "message");
	put_head(w, &b);
	json_w_key(&b, "content");
	json_w_raw(&b, S("[]"));
	json_w_key(&b, "stop_reason");
	json_w_null(&b);
	json_w_key(&b, "stop_sequence");
	json_w_null(&b);
	if (work_shows_usage(w))
		put_usage(w, &b, 1);
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	say(w, "message_start", &b);
}

static void
block_start(struct work *w, int index, struct slice block)
{
	struct buf b = { 0 };

	open_event(&b, "content_block_start", index);
	json_w_key(&b, "content_block");
	json_w_raw(&b, block);
	json_w_end(&b, '}');
	say(w, "content_block_start", &b);
}

static void
block_stop(struct work *w, int index)
{
	struct buf b = { 0 };

	open_event(&b, "content_block_stop", index);
	json_w_end(&b, '}');
	say(w, "content_block_stop", &b);
}

static void
delta(struct work *w, int index, const char *type, const char *key,
    struct slice text)
{
	struct buf b = { 0 };

	open_event(&b, "content_block_delta", index);
	json_w_key(&b, "delta");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", slice_of(type));
	json_w_kstr(&b, key, text);
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	say(w, "content_block_delta", &b);
}

static void
stream_thought(struct work *w, int index)
{
	const struct slice text = thought(w);

	if (is_redacted(w)) {
		block_start(w, index,
		    S("{\"type\":\"redacted_thinking\",\"data\":"
		      "\"cmVkYWN0ZWQ=\"}"));
		block_stop(w, index);
		return;
	}
	block_start(w, index,
	    S("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"));
	if (text.len > 0)
		delta(w, index, "thinking_delta", "thinking", text);
	delta(w, index, "signature_delta", "signature",
	    bedrock_signature(w->arena, text));
	block_stop(w, index);
}

static void
stream_text(struct work *w, const struct draft *d, int index)
{
	size_t i;

	block_start(w, index, S("{\"type\":\"text\",\"text\":\"\"}"));
	{
		struct buf ping = { 0 };

		open_event(&ping, "ping", -1);
		json_w_end(&ping, '}');
		say(w, "ping", &ping);
	}
	for (i = 0; i < d->n && !w->over; i++) {
		work_before_delta(w, (int64_t)d->n);
		if (w->over)
			return;
		w->tokens++;
		w->deltas++;
		delta(w, index, "text_delta", "text",
		    work_piece(w, &d->piece[i]));
	}
	if (!w->over)
		block_stop(w, index);
}

static void
stream_call(struct work *w, const struct draft *d, int index, unsigned call)
{
	struct buf b = { 0 };
	size_t i;

	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("tool_use"));
	json_w_kstr(&b, "id", call_id(w, call));
	json_w_kstr(&b, "name", draft_tool_name(w->chat->call[call]));
	json_w_key(&b, "input");
	json_w_raw(&b, S("{}"));
	json_w_end(&b, '}');
	block_start(w, index, arena_copy(w->arena, buf_slice(&b)));
	buf_fini(&b);
	for (i = 0; i < d->n && !w->over; i++) {
		if (d->piece[i].call != call || d->piece[i].kind == PIECE_TEXT)
			continue;
		work_before_delta(w, (int64_t)d->n);
		if (w->over)
			return;
		w->tokens++;
		w->deltas++;
		delta(w, index, "input_json_delta", "partial_json",
		    d->piece[i].kind == PIECE_CALL ? S("") : d->piece[i].text);
	}
	if (!w->over)
		block_stop(w, index);
}

static void
stream_end(struct work *w, const struct draft *d)
{
	struct buf b = { 0 };

	open_event(&b, "message_delta", -1);
	json_w_key(&b, "delta");
	json_w_begin(&b, '{');
	put_stop(&b, w, d);
	json_w_end(&b, '}');
	if (work_shows_usage(w))
		put_usage(w, &b, w->plan->used.output);
	json_w_end(&b, '}');
	say(w, "message_delta", &b);
	b = (struct buf){ 0 };
	open_event(&b, "message_stop", -1);
	if (in_chunks(w)) {
		json_w_key(&b, "amazon-bedrock-invocationMetrics");
		json_w_begin(&b, '{');
		json_w_ki64(&b, "inputTokenCount",
		    w->plan->used.input - w->plan->used.cached -
			w->plan->used.cache_write);
		json_w_ki64(&b, "outputTokenCount", w->plan->used.output);
		json_w_ki64(&b, "invocationLatency", 100);
		json_w_ki64(&b, "firstByteLatency", 10);
		json_w_end(&b, '}');
	}
	json_w_end(&b, '}');
	say(w, "message_stop", &b);
}

static void
stream(struct work *w)
{
	const struct draft *d = &w->draft[0];
	unsigned call;
	int index = 0;

	start(w);
	w->tokens += d->reasoning;
	if (d->reasoning > 0)
		stream_thought(w, index++);
	if (!d->calls)
		stream_text(w, d, index);
	for (call = 0; d->calls && call < w->chat->ncall && !w->over; call++)
		stream_call(w, d, index++, call);
	if (!w->over)
		stream_end(w, d);
	buf_add(&w->plan->body, S("0\r\n\r\n"));
	w->plan->stream = true;
	w->plan->type = in_chunks(w) ? "application/vnd.amazon.eventstream"
				     : "text/event-stream; charset=utf-8";
}

static struct slice
framed(struct work *w, enum mishap m)
{
	struct buf b = { 0 };

	put_message(&b, S("{}"));
	return spoil_frame(w->arena, m, &b);
}

const struct tongue anthropic_tongue = {
	.unary = unary,
	.stream = stream,
	.error = S_INIT("event: error\ndata: {\"type\":\"error\",\"error\":{"
			"\"type\":\"overloaded_error\",\"message\":"
			"\"Overloaded\"}}\n\n"),
};

const struct tongue anthropic_chunks = {
	.unary = unary,
	.stream = stream,
	.framed = framed,
};
