/*
 * bedrock_say.c - a draft as Bedrock says it: Converse and its stream, and
 * the same words as the bodies of Amazon's own models
 *
 * A block of a stream that is text or a thought has no start; usage comes
 * behind messageStop.  What is in InvokeModel's chunks is in Nova's case the
 * same events, each as an object of one member.
 */
#include "sim/bedrock.h"

#include <stdio.h>

#include "base/text.h"
#include "http/eventstream.h"
#include "sim/filler.h"
#include "sim/spoil.h"

enum { SUMMARY = 5, LATENCY_MS = 420 };

/* --- stop, usage ------------------------------------------------------- */

static struct slice
finish(const struct work *w, const struct draft *d)
{
	struct slice asked = w->chat->directive.finish;

	if (asked.len > 0)
		return slice_eq(asked, S("guardrail"))
			   ? S("guardrail_intervened")
			   : S("content_filtered");
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
put_details(const struct work *w, struct buf *b, int64_t written)
{
	struct slice ttl = w->chat->aws.ttl;

	if (written == 0)
		return;
	json_w_key(b, "cacheDetails");
	json_w_begin(b, '[');
	json_w_begin(b, '{');
	json_w_kstr(b, "ttl", ttl.len > 0 ? ttl : S("5m"));
	json_w_ki64(b, "inputTokens", written);
	json_w_end(b, '}');
	json_w_end(b, ']');
}

/* Input is what was neither read from a cache nor written to one. */
static void
put_usage(const struct work *w, struct buf *b)
{
	const enum usage_lie lie = w->chat->directive.lie;
	const bool nova = w->terms->tongue == &bedrock_nova;
	struct tokens n = w->plan->used;
	const bool q = lie == LIE_STRINGS;
	int64_t fresh = n.input - n.cached - n.cache_write;

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
	number(b, "inputTokens", fresh, q);
	number(b, "outputTokens", n.output, q);
	number(
	    b, "totalTokens", fresh + n.cached + n.cache_write + n.output, q);
	number(b, nova ? "cacheReadInputTokenCount" : "cacheReadInputTokens",
	    n.cached, q);
	number(b, nova ? "cacheWriteInputTokenCount" : "cacheWriteInputTokens",
	    n.cache_write, q);
	if (!nova)
		put_details(w, b, n.cache_write);
	json_w_end(b, '}');
}

static void
put_metrics(struct buf *b)
{
	json_w_key(b, "metrics");
	json_w_raw(b, S("{\"latencyMs\":420}"));
}

static void
put_echoes(const struct work *w, struct buf *b)
{
	const struct aws_notes *n = &w->chat->aws;

	if (n->trace) {
		json_w_key(b, "trace");
		json_w_raw(b, S("{\"guardrail\":{\"inputAssessment\":{\"gr1\":{"
				"\"invocationMetrics\":{"
				"\"guardrailProcessingLatency\":12}}}}}"));
	}
	if (n->latency.len > 0) {
		json_w_key(b, "performanceConfig");
		json_w_begin(b, '{');
		json_w_kstr(b, "latency", n->latency);
		json_w_end(b, '}');
	}
	if (n->tier.len == 0)
		return;
	json_w_key(b, "serviceTier");
	json_w_begin(b, '{');
	json_w_kstr(b, "type", slice_of(service_word(w->service)));
	json_w_end(b, '}');
}

static void
put_more(const struct work *w, const struct draft *d, struct buf *b)
{
	if (!w->chat->aws.shows_stop)
		return;
	json_w_key(b, "additionalModelResponseFields");
	json_w_begin(b, '{');
	json_w_key(b, "stop_sequence");
	if (d->stop.len > 0)
		json_w_str(b, d->stop);
	else
		json_w_null(b);
	json_w_end(b, '}');
}

/* --- what it thinks and calls ------------------------------------------ */

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

/* A thought that is not to be read by anybody, as base64. */
static struct slice
redacted(struct work *w)
{
	struct buf plain = { 0 }, b = { 0 };
	struct slice s;

	buf_fmt(&plain, "redacted-%016llx", (unsigned long long)w->seed);
	text_base64_write(&b, buf_slice(&plain));
	s = arena_copy(w->arena, buf_slice(&b));
	buf_fini(&plain);
	buf_fini(&b);
	return s;
}

static bool
is_redacted(const struct work *w)
{
	return w->chat->aws.signs && w->chat->directive.redacted > 0;
}

static struct slice
call_id(struct work *w, unsigned call)
{
	return slice_of(arena_fmt(w->arena, "tooluse_%016llx%02u",
	    (unsigned long long)filler_mix(w->seed, 77 + call), call));
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

static struct slice
all_text(struct work *w, const struct draft *d)
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
put_citation(struct buf *b)
{
	json_w_raw(b, S("{\"title\":\"doc\",\"sourceContent\":[{\"text\":"
			"\"source\"}],\"location\":{\"documentChar\":{"
			"\"documentIndex\":0,\"start\":0,\"end\":6}}}"));
}

/* --- whole ------------------------------------------------------------- */

static void
put_thought(struct work *w, struct buf *b)
{
	struct slice text = thought(w);

	json_w_begin(b, '{');
	json_w_key(b, "reasoningContent");
	json_w_begin(b, '{');
	if (is_redacted(w)) {
		json_w_kstr(b, "redactedContent", redacted(w));
	} else {
		json_w_key(b, "reasoningText");
		json_w_begin(b, '{');
		json_w_kstr(b, "text", text);
		if (w->chat->aws.signs)
			json_w_kstr(
			    b, "signature", bedrock_signature(w->arena, text));
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_text(struct work *w, const struct draft *d, struct buf *b)
{
	json_w_begin(b, '{');
	if (!w->chat->aws.cites) {
		json_w_kstr(b, "text", all_text(w, d));
	} else {
		json_w_key(b, "citationsContent");
		json_w_begin(b, '{');
		json_w_key(b, "content");
		json_w_begin(b, '[');
		json_w_begin(b, '{');
		json_w_kstr(b, "text", all_text(w, d));
		json_w_end(b, '}');
		json_w_end(b, ']');
		json_w_key(b, "citations");
		json_w_begin(b, '[');
		put_citation(b);
		json_w_end(b, ']');
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
}

/* Arguments that the limit cut are no JSON: such a call is not made. */
static void
put_call(struct work *w, const struct draft *d, unsigned call, struct buf *b)
{
	struct slice text = arguments(w, d, call);
	struct json *tree;

	if (json_parse(w->arena, text, &tree) != FAULT_NONE)
		return;
	json_w_begin(b, '{');
	json_w_key(b, "toolUse");
	json_w_begin(b, '{');
	json_w_kstr(b, "toolUseId", call_id(w, call));
	json_w_kstr(b, "name", draft_tool_name(w->chat->call[call]));
	json_w_key(b, "input");
	json_w_raw(b, text);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_content(struct work *w, const struct draft *d, struct buf *b)
{
	size_t i;

	json_w_key(b, "content");
	json_w_begin(b, '[');
	if (d->reasoning > 0)
		put_thought(w, b);
	if (!d->calls && d->n > 0)
		put_text(w, d, b);
	for (i = 0; i < d->n; i++)
		if (d->piece[i].kind == PIECE_CALL)
			put_call(w, d, d->piece[i].call, b);
	json_w_end(b, ']');
}

static void
unary(struct work *w)
{
	const struct draft *d = &w->draft[0];
	struct buf *b = &w->plan->body;

	json_w_begin(b, '{');
	json_w_key(b, "output");
	json_w_begin(b, '{');
	json_w_key(b, "message");
	json_w_begin(b, '{');
	json_w_kstr(b, "role", S("assistant"));
	put_content(w, d, b);
	json_w_end(b, '}');
	json_w_end(b, '}');
	json_w_kstr(b, "stopReason", finish(w, d));
	if (work_shows_usage(w))
		put_usage(w, b);
	if (w->terms->tongue == &bedrock_converse) {
		put_metrics(b);
		put_more(w, d, b);
		put_echoes(w, b);
	} else {
		w->plan->aws_input = w->plan->used.input;
		w->plan->aws_output = w->plan->used.output;
	}
	json_w_end(b, '}');
}

/* --- stream ------------------------------------------------------------ */

/* What the model said, as a chunk of InvokeModel's stream. */
static void
frame_chunk(struct work *w, struct buf *out, struct slice json)
{
	struct buf text = { 0 }, b = { 0 };

	text_base64_write(&text, json);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "bytes", buf_slice(&text));
	json_w_kstr(&b, "p", S("abcdefg"));
	json_w_end(&b, '}');
	eventstream_event(out, S("chunk"), buf_slice(&b));
	buf_fini(&text);
	buf_fini(&b);
	(void)w;
}

static void
put_padding(const struct work *w, struct buf *b)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	const size_t n = filler_mix(w->seed, w->plan->nmark) % 26 + 1;

	json_w_kstr(b, "p", (struct slice){ letters, n });
}

/* json: an object; its last bracket is closed here. */
static void
say(struct work *w, const char *event, struct buf *json)
{
	struct buf out = { 0 }, b = { 0 };

	if (w->terms->tongue == &bedrock_nova) {
		json_w_end(json, '}');
		json_w_begin(&b, '{');
		json_w_key(&b, event);
		json_w_raw(&b, buf_slice(json));
		json_w_end(&b, '}');
		frame_chunk(w, &out, buf_slice(&b));
	} else {
		put_padding(w, json);
		json_w_end(json, '}');
		eventstream_event(&out, slice_of(event), buf_slice(json));
	}
	work_chunk(w, buf_slice(&out));
	buf_fini(&out);
	buf_fini(&b);
	buf_fini(json);
}

static void
delta_open(struct buf *b)
{
	json_w_begin(b, '{');
	json_w_key(b, "delta");
	json_w_begin(b, '{');
}

static void
delta_close(struct work *w, unsigned block, struct buf *b)
{
	json_w_end(b, '}');
	json_w_ki64(b, "contentBlockIndex", block);
	say(w, "contentBlockDelta", b);
}

static void
block_stop(struct work *w, unsigned block)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_ki64(&b, "contentBlockIndex", block);
	say(w, "contentBlockStop", &b);
}

static void
thought_delta(struct work *w, unsigned block, const char *key, struct slice s)
{
	struct buf b = { 0 };

	delta_open(&b);
	json_w_key(&b, "reasoningContent");
	json_w_begin(&b, '{');
	json_w_kstr(&b, key, s);
	json_w_end(&b, '}');
	delta_close(w, block, &b);
}

static void
stream_thought(struct work *w, unsigned block)
{
	struct slice text = thought(w);
	const size_t half = text.len / 2;

	if (is_redacted(w)) {
		thought_delta(w, block, "redactedContent", redacted(w));
		block_stop(w, block);
		return;
	}
	if (text.len > 0) {
		thought_delta(w, block, "text", (struct slice){ text.p, half });
		thought_delta(w, block, "text",
		    (struct slice){ text.p + half, text.len - half });
	}
	if (w->chat->aws.signs)
		thought_delta(
		    w, block, "signature", bedrock_signature(w->arena, text));
	block_stop(w, block);
}

static void
stream_text(struct work *w, const struct draft *d, unsigned block)
{
	const int64_t whole = w->plan->used.output - w->plan->used.reasoning;
	struct buf b = { 0 };
	size_t i;

	for (i = 0; i < d->n && !w->over; i++) {
		work_before_delta(w, whole);
		if (w->over)
			return;
		delta_open(&b);
		json_w_kstr(&b, "text", work_piece(w, &d->piece[i]));
		w->tokens++;
		w->deltas++;
		delta_close(w, block, &b);
	}
	if (w->chat->aws.cites) {
		delta_open(&b);
		json_w_key(&b, "citation");
		put_citation(&b);
		delta_close(w, block, &b);
	}
	block_stop(w, block);
}

static void
call_start(struct work *w, unsigned block, unsigned call)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_key(&b, "start");
	json_w_begin(&b, '{');
	json_w_key(&b, "toolUse");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "toolUseId", call_id(w, call));
	json_w_kstr(&b, "name", draft_tool_name(w->chat->call[call]));
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	json_w_ki64(&b, "contentBlockIndex", block);
	say(w, "contentBlockStart", &b);
}

/* Blocks never take turns here, whatever the draft's order. */
static void
stream_call(
    struct work *w, const struct draft *d, unsigned block, unsigned call)
{
	const int64_t whole = w->plan->used.output - w->plan->used.reasoning;
	struct buf b = { 0 };
	size_t i;

	for (i = 0; i < d->n && !w->over; i++) {
		if (d->piece[i].call != call)
			continue;
		work_before_delta(w, whole);
		if (w->over)
			return;
		w->tokens++;
		w->deltas++;
		if (d->piece[i].kind == PIECE_CALL) {
			call_start(w, block, call);
			continue;
		}
		delta_open(&b);
		json_w_key(&b, "toolUse");
		json_w_begin(&b, '{');
		json_w_kstr(&b, "input", d->piece[i].text);
		json_w_end(&b, '}');
		delta_close(w, block, &b);
	}
	if (!w->over)
		block_stop(w, block);
}

static void
stream_blocks(struct work *w, const struct draft *d)
{
	unsigned block = 0, call;

	w->tokens += d->reasoning;
	if (d->reasoning > 0)
		stream_thought(w, block++);
	if (!d->calls) {
		stream_text(w, d, block);
		return;
	}
	for (call = 0; call < w->chat->ncall && !w->over; call++)
		if (arguments(w, d, call).len > 0)
			stream_call(w, d, block++, call);
}

static void
stream_end(struct work *w, const struct draft *d)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "stopReason", finish(w, d));
	if (w->terms->tongue == &bedrock_converse)
		put_more(w, d, &b);
	say(w, "messageStop", &b);
	json_w_begin(&b, '{');
	if (work_shows_usage(w))
		put_usage(w, &b);
	put_metrics(&b);
	if (w->terms->tongue == &bedrock_converse)
		put_echoes(w, &b);
	say(w, "metadata", &b);
}

static void
stream(struct work *w)
{
	const struct draft *d = &w->draft[0];
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "role", S("assistant"));
	say(w, "messageStart", &b);
	stream_blocks(w, d);
	if (!w->over)
		stream_end(w, d);
	buf_add(&w->plan->body, S("0\r\n\r\n"));
	w->plan->stream = true;
	w->plan->type = "application/vnd.amazon.eventstream";
}

/* --- faults, framed ---------------------------------------------------- */

static struct slice
framed(struct work *w, enum mishap m)
{
	struct buf b = { 0 };

	eventstream_event(&b, S("contentBlockDelta"), S("{\"delta\":{}}"));
	return spoil_frame(w->arena, m, &b);
}

const struct tongue bedrock_converse = {
	.unary = unary,
	.stream = stream,
	.framed = framed,
};

const struct tongue bedrock_nova = {
	.unary = unary,
	.stream = stream,
	.framed = framed,
};
