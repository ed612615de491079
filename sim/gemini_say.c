/*
 * gemini_say.c - a draft as GenerateContentResponse, whole or in pieces
 *
 * A stream's chunk is the same object as a whole answer with what is new in
 * its parts; a function call is never cut; usage is in every chunk and grows.
 */
#include <stdio.h>

#include "sim/filler.h"
#include "sim/gemini.h"

enum { SUMMARY = 5 }; /* words of a thought that is shown */

static const char *
finish(const struct draft *d)
{
	switch (d->finish[0]) {
	case 'l':
		return "MAX_TOKENS";
	case 'c':
		return "SAFETY";
	default:
		return "STOP";
	}
}

static bool
at_vertex(const struct work *w)
{
	return w->terms->credential->venue == VENUE_VERTEX;
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
modality(struct buf *b, const char *name, int64_t n)
{
	if (n <= 0)
		return;
	json_w_begin(b, '{');
	json_w_kstr(b, "modality", slice_of(name));
	json_w_ki64(b, "tokenCount", n);
	json_w_end(b, '}');
}

static void
modalities(
    struct buf *b, const char *key, int64_t text, int64_t audio, int64_t image)
{
	json_w_key(b, key);
	json_w_begin(b, '[');
	modality(b, "TEXT", text);
	modality(b, "AUDIO", audio);
	modality(b, "IMAGE", image);
	json_w_end(b, ']');
}

static const char *
traffic(const struct work *w)
{
	return w->service == SERVICE_FLEX       ? "ON_DEMAND_FLEX"
	       : w->service == SERVICE_PRIORITY ? "ON_DEMAND_PRIORITY"
						: "ON_DEMAND";
}

/* output: so far, thoughts too. */
static void
put_usage(const struct work *w, struct buf *b, int64_t output)
{
	const enum usage_lie lie = w->chat->directive.lie;
	struct tokens n = w->plan->used;
	const bool q = lie == LIE_STRINGS;
	int64_t said;

	if (!work_shows_usage(w))
		return;
	json_w_key(b, "usageMetadata");
	if (lie == LIE_NULL) {
		json_w_null(b);
		return;
	}
	tariff_cut(&n, output);
	said = n.output - n.reasoning;
	if (lie == LIE_NEGATIVE)
		said = -said - 1;
	if (lie == LIE_OVER)
		n.cached = n.input * 2 + 1000;
	json_w_begin(b, '{');
	number(b, "promptTokenCount", n.input, q);
	if (said != 0)
		number(b, "candidatesTokenCount", said, q);
	number(b, "totalTokenCount", n.input + said + n.reasoning, q);
	if (n.cached > 0)
		number(b, "cachedContentTokenCount", n.cached, q);
	if (n.reasoning > 0)
		number(b, "thoughtsTokenCount", n.reasoning, q);
	modalities(b, "promptTokensDetails", n.input - n.audio_in - n.image_in,
	    n.audio_in, n.image_in);
	if (n.cached > 0)
		modalities(b, "cacheTokensDetails", n.cached, 0, 0);
	if (n.audio_out + n.image_out > 0)
		modalities(b, "candidatesTokensDetails",
		    said - n.audio_out - n.image_out, n.audio_out, n.image_out);
	if (at_vertex(w))
		json_w_kstr(b, "trafficType", slice_of(traffic(w)));
	json_w_end(b, '}');
}

static void
put_tail(struct work *w, struct buf *b, int64_t output)
{
	put_usage(w, b, output);
	json_w_kstr(b, "modelVersion", w->terms->name);
	if (at_vertex(w))
		json_w_kstr(b, "createTime", S("2026-11-01T00:00:00.000000Z"));
	json_w_kstr(b, "responseId", slice_of(w->id + 9));
	json_w_end(b, '}');
}

static void
put_text(struct buf *b, struct slice text, bool thought, struct slice sig)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "text", text);
	if (thought)
		json_w_kbool(b, "thought", true);
	if (sig.len > 0)
		json_w_kstr(b, "thoughtSignature", sig);
	json_w_end(b, '}');
}

static void
put_thought(struct work *w, struct buf *b)
{
	struct buf text = { 0 };
	uint64_t i;

	for (i = 0; i < SUMMARY; i++) {
		if (i > 0)
			buf_char(&text, ' ');
		buf_add(&text, filler_word(w->seed + 99, i));
	}
	put_text(b, buf_slice(&text), true, S(""));
	buf_fini(&text);
}

/* Is there a signature with what the draft says? */
static struct slice
signed_for(struct work *w, struct slice name)
{
	if (!w->terms->model->reasoning)
		return S("");
	return gemini_signature(w->arena, name);
}

static void
put_call(struct work *w, struct buf *b, size_t choice, unsigned call)
{
	const struct draft *d = &w->draft[choice];
	struct slice name = draft_tool_name(w->chat->call[call]);
	struct buf args = { 0 };
	size_t i;
	char id[24];

	for (i = 0; i < d->n; i++)
		if (d->piece[i].kind == PIECE_ARGUMENTS &&
		    d->piece[i].call == call)
			buf_add(&args, d->piece[i].text);
	json_w_begin(b, '{');
	json_w_key(b, "functionCall");
	json_w_begin(b, '{');
	/* The Gemini API names calls since its third generation. */
	snprintf(id, sizeof(id), "%08llx",
	    (unsigned long long)filler_mix(w->seed, 300 + call) & 0xffffffff);
	if (w->terms->model->reasoning && !at_vertex(w))
		json_w_kstr(b, "id", slice_of(id));
	json_w_kstr(b, "name", name);
	json_w_key(b, "args");
	json_w_raw(b, buf_slice(&args));
	json_w_end(b, '}');
	if (call == 0 && w->terms->model->reasoning)
		json_w_kstr(b, "thoughtSignature", signed_for(w, name));
	json_w_end(b, '}');
	buf_fini(&args);
}

/* Arguments that the limit cut are no JSON: Google gives no call then. */
static bool
is_whole(const struct draft *d)
{
	return d->finish[0] != 'l';
}

static void
put_parts(struct work *w, struct buf *b, size_t choice)
{
	const struct draft *d = &w->draft[choice];
	struct buf text = { 0 };
	size_t i;

	if (w->chat->thoughts && d->reasoning > 0)
		put_thought(w, b);
	for (i = 0; i < d->n; i++) {
		if (d->piece[i].kind == PIECE_CALL && is_whole(d))
			put_call(w, b, choice, d->piece[i].call);
		else if (d->piece[i].kind == PIECE_TEXT)
			buf_add(&text, work_piece(w, &d->piece[i]));
	}
	if (!d->calls)
		put_text(b, buf_slice(&text), false,
		    d->reasoning > 0 ? signed_for(w, S("")) : S(""));
	buf_fini(&text);
}

static void
ratings(const struct work *w, struct buf *b)
{
	if (!at_vertex(w))
		return;
	json_w_key(b, "safetyRatings");
	json_w_raw(
	    b, S("[{\"category\":\"HARM_CATEGORY_HARASSMENT\",\"probability\":"
		 "\"NEGLIGIBLE\",\"probabilityScore\":0.02,\"severity\":"
		 "\"HARM_SEVERITY_NEGLIGIBLE\",\"severityScore\":0.01}]"));
}

static void
candidate_open(struct buf *b)
{
	json_w_begin(b, '{');
	json_w_key(b, "content");
	json_w_begin(b, '{');
	json_w_key(b, "parts");
	json_w_begin(b, '[');
}

static void
candidate_close(
    const struct work *w, struct buf *b, size_t choice, const char *reason)
{
	json_w_end(b, ']');
	json_w_kstr(b, "role", S("model"));
	json_w_end(b, '}');
	if (reason != NULL) {
		json_w_kstr(b, "finishReason", slice_of(reason));
		ratings(w, b);
	}
	json_w_ki64(b, "index", (int64_t)choice);
	json_w_end(b, '}');
}

static bool
blocked(const struct work *w)
{
	return slice_eq(w->chat->directive.finish, S("blocked"));
}

static void
put_blocked(struct work *w, struct buf *b)
{
	json_w_key(b, "promptFeedback");
	json_w_raw(b, S("{\"blockReason\":\"PROHIBITED_CONTENT\"}"));
	w->plan->used.output = w->plan->used.reasoning = 0;
}

static void
unary(struct work *w)
{
	struct buf *b = &w->plan->body;
	size_t i;

	json_w_begin(b, '{');
	if (blocked(w)) {
		put_blocked(w, b);
		put_tail(w, b, 0);
		return;
	}
	json_w_key(b, "candidates");
	json_w_begin(b, '[');
	for (i = 0; i < w->nchoice && !work_plays(w, MISHAP_EMPTYCHOICES);
	     i++) {
		candidate_open(b);
		put_parts(w, b, i);
		candidate_close(w, b, i, finish(&w->draft[i]));
	}
	json_w_end(b, ']');
	put_tail(w, b, w->plan->used.output);
}

/* --- stream ------------------------------------------------------------ */

static struct buf *
event_open(struct work *w)
{
	struct buf *b = &w->event;

	buf_clear(b);
	if (w->chat->array)
		buf_str(b, w->plan->body.len == 0 ? "[" : ",\r\n");
	else
		buf_str(b, "data: ");
	buf_char(b, '{');
	return b;
}

static void
event_close(struct work *w)
{
	struct buf *b = &w->event;

	put_tail(w, b, w->tokens);
	if (!w->chat->array)
		buf_str(b, "\r\n\r\n");
	work_chunk(w, buf_slice(b));
}

static struct buf *
chunk_open(struct work *w)
{
	struct buf *b = event_open(w);

	json_w_key(b, "candidates");
	json_w_begin(b, '[');
	candidate_open(b);
	return b;
}

static void
chunk_close(struct work *w, size_t choice, const char *reason)
{
	candidate_close(w, &w->event, choice, reason);
	json_w_end(&w->event, ']');
	event_close(w);
}

/* A call goes out whole, at its head; its fragments only count. */
static void
piece_event(struct work *w, size_t choice, const struct piece *p)
{
	const struct draft *d = &w->draft[choice];
	struct buf *b;
	size_t i;

	w->tokens++;
	w->deltas++;
	if (p->kind == PIECE_ARGUMENTS)
		return;
	if (p->kind == PIECE_CALL) {
		if (!is_whole(d))
			return;
		for (i = 0; i < d->n; i++)
			w->tokens += d->piece[i].kind == PIECE_ARGUMENTS &&
				     d->piece[i].call == p->call;
	}
	b = chunk_open(w);
	if (p->kind == PIECE_CALL)
		put_call(w, b, choice, p->call);
	else
		put_text(b, work_piece(w, p), false, S(""));
	chunk_close(w, choice, NULL);
	if (p->kind == PIECE_CALL)
		for (i = 0; i < d->n; i++)
			w->tokens -= d->piece[i].kind == PIECE_ARGUMENTS &&
				     d->piece[i].call == p->call;
}

static void
finish_event(struct work *w, size_t choice)
{
	const struct draft *d = &w->draft[choice];
	struct buf *b = chunk_open(w);

	put_text(b, S(""), false,
	    !d->calls && d->reasoning > 0 ? signed_for(w, S("")) : S(""));
	chunk_close(w, choice, finish(d));
}

static void
choice_events(struct work *w, size_t choice)
{
	const int64_t whole = w->plan->used.output - w->plan->used.reasoning;
	const struct draft *d = &w->draft[choice];
	size_t i;

	w->tokens += d->reasoning;
	if (w->chat->thoughts && d->reasoning > 0) {
		put_thought(w, chunk_open(w));
		chunk_close(w, choice, NULL);
	}
	for (i = 0; i < d->n && !w->over; i++) {
		work_before_delta(w, whole);
		if (!w->over && !work_plays(w, MISHAP_EMPTYCHOICES))
			piece_event(w, choice, &d->piece[i]);
		else
			w->tokens += !w->over;
	}
	if (!w->over && !work_plays(w, MISHAP_EMPTYCHOICES))
		finish_event(w, choice);
}

static void
empty_event(struct work *w)
{
	struct buf *b = event_open(w);

	if (blocked(w))
		put_blocked(w, b);
	event_close(w);
}

static void
stream(struct work *w)
{
	size_t i;

	if (blocked(w) || work_plays(w, MISHAP_EMPTYCHOICES))
		empty_event(w);
	for (i = 0; i < w->nchoice && !blocked(w) && !w->over; i++)
		choice_events(w, i);
	if (w->chat->array && !w->over)
		work_chunk(w, S("]"));
	buf_add(&w->plan->body, S("0\r\n\r\n"));
	w->plan->stream = true;
	w->plan->type = w->chat->array ? "application/json; charset=UTF-8"
				       : "text/event-stream";
}

const struct tongue gemini_tongue = {
	.unary = unary,
	.stream = stream,
	.error = S_INIT("data: {\"error\":{\"code\":503,\"message\":\"The "
			"model is overloaded. Please try again later.\","
			"\"status\":\"UNAVAILABLE\"}}\r\n\r\n"),
};
