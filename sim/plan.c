#include "sim/plan.h"

#include <stdio.h>

#include "sim/filler.h"
#include "sim/spoil.h"
#include "sim/work.h"

enum { BIG_LINE = 10 * 1024 * 1024 };

static const char filters[] =
    "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"},"
    "\"self_harm\":{\"filtered\":false,\"severity\":\"safe\"},"
    "\"sexual\":{\"filtered\":false,\"severity\":\"safe\"},"
    "\"violence\":{\"filtered\":false,\"severity\":\"safe\"}}";

static bool
at_venue(const struct work *w, enum venue v)
{
	return w->terms->credential->venue == v;
}

static bool
plays(const struct work *w, enum mishap m)
{
	return work_plays(w, m);
}

bool
work_plays(const struct work *w, enum mishap m)
{
	return w->terms->play.kind == m;
}

/* --- usage ------------------------------------------------------------- */

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
	enum usage_lie lie = w->chat->directive.lie;
	struct tokens n = w->plan->used;
	bool q = lie == LIE_STRINGS;

	if (lie == LIE_NULL) {
		json_w_null(b);
		return;
	}
	if (lie == LIE_NEGATIVE)
		n.output = -n.output - 1;
	if (lie == LIE_OVER)
		n.cached = n.input * 2 + 1000;
	json_w_begin(b, '{');
	number(b, "prompt_tokens", n.input, q);
	number(b, "completion_tokens", n.output, q);
	number(b, "total_tokens", n.input + n.output, q);
	json_w_key(b, "prompt_tokens_details");
	json_w_begin(b, '{');
	number(b, "cached_tokens", n.cached, q);
	if (n.cache_write > 0)
		number(b, "cache_write_tokens", n.cache_write, q);
	number(b, "audio_tokens", n.audio_in, q);
	if (n.image_in > 0)
		number(b, "image_tokens", n.image_in, q);
	json_w_end(b, '}');
	json_w_key(b, "completion_tokens_details");
	json_w_begin(b, '{');
	number(b, "reasoning_tokens", n.reasoning, q);
	number(b, "audio_tokens", n.audio_out, q);
	if (n.image_out > 0)
		number(b, "image_tokens", n.image_out, q);
	number(b, "accepted_prediction_tokens", 0, q);
	number(b, "rejected_prediction_tokens", 0, q);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static bool
shows_usage(const struct work *w)
{
	return work_shows_usage(w);
}

bool
work_shows_usage(const struct work *w)
{
	return !plays(w, MISHAP_NOUSAGE) &&
	       w->chat->directive.lie != LIE_MISSING;
}

/* --- what unary and stream share --------------------------------------- */

static void
put_identity(struct work *w, struct buf *b, const char *object)
{
	json_w_kstr(b, "id", slice_of(w->id));
	json_w_kstr(b, "object", slice_of(object));
	json_w_ki64(
	    b, "created", INT64_C(1780000000) + (int64_t)(w->seed % 10000000));
	json_w_kstr(b, "model", w->terms->name);
}

static void
put_tier(const struct work *w, struct buf *b)
{
	if (at_venue(w, VENUE_COMPATIBLE))
		return;
	json_w_kstr(b, "service_tier", slice_of(service_word(w->service)));
	json_w_kstr(b, "system_fingerprint", S("fp_5171a70000"));
}

static void
put_call_id(const struct work *w, struct buf *b, size_t choice, unsigned call)
{
	char id[40];

	snprintf(id, sizeof(id), "call_%016llx%08llx",
	    (unsigned long long)filler_mix(w->seed, choice),
	    (unsigned long long)filler_mix(w->seed, 77 + call) & 0xffffffff);
	json_w_kstr(b, "id", slice_of(id));
}

static void
put_logprob(const struct work *w, struct buf *b, struct slice token, uint64_t n)
{
	size_t i;

	json_w_kstr(b, "token", token);
	json_w_key(b, "logprob");
	buf_fmt(b, "-0.%03u", (unsigned)(filler_mix(w->seed, n) % 999) + 1);
	json_w_key(b, "bytes");
	json_w_begin(b, '[');
	for (i = 0; i < token.len; i++)
		json_w_u64(b, (unsigned char)token.p[i]);
	json_w_end(b, ']');
}

static struct slice
piece_text(struct work *w, const struct piece *p)
{
	return work_piece(w, p);
}

struct slice
work_piece(struct work *w, const struct piece *p)
{
	char *s;

	if (!p->space)
		return p->text;
	s = arena_new(w->arena, p->text.len + 2);
	s[0] = ' ';
	memcpy(s + 1, p->text.p, p->text.len);
	return (struct slice){ s, p->text.len + 1 };
}

static void
put_token_logprobs(struct work *w, struct buf *b, const struct piece *p)
{
	int64_t i;

	json_w_begin(b, '{');
	put_logprob(w, b, piece_text(w, p), 0);
	json_w_key(b, "top_logprobs");
	json_w_begin(b, '[');
	for (i = 0; i < w->chat->top_logprobs; i++) {
		json_w_begin(b, '{');
		put_logprob(w, b,
		    i == 0 ? piece_text(w, p)
			   : filler_word(w->seed, (uint64_t)i),
		    (uint64_t)i);
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
	json_w_end(b, '}');
}

static void
put_logprobs(struct work *w, struct buf *b, const struct piece *p, size_t n)
{
	size_t i;

	json_w_key(b, "logprobs");
	if (!w->chat->logprobs || (n > 0 && p->kind != PIECE_TEXT)) {
		json_w_null(b);
		return;
	}
	json_w_begin(b, '{');
	json_w_key(b, "content");
	json_w_begin(b, '[');
	for (i = 0; i < n; i++)
		put_token_logprobs(w, b, &p[i]);
	json_w_end(b, ']');
	json_w_key(b, "refusal");
	json_w_null(b);
	json_w_end(b, '}');
}

static void
put_prompt_filters(struct buf *b)
{
	json_w_key(b, "prompt_filter_results");
	buf_fmt(
	    b, "[{\"prompt_index\":0,\"content_filter_results\":%s}]", filters);
}

/* --- unary ------------------------------------------------------------- */

static void
put_text(const struct draft *d, struct buf *b)
{
	struct buf text = { 0 };
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (d->piece[i].space)
			buf_char(&text, ' ');
		buf_add(&text, d->piece[i].text);
	}
	json_w_kstr(b, "content", buf_slice(&text));
	buf_fini(&text);
}

static void
put_one_call(struct work *w, size_t choice, unsigned call, struct buf *b)
{
	const struct draft *d = &w->draft[choice];
	bool custom = draft_tool_custom(w->chat->call[call]);
	struct buf text = { 0 };
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->piece[i].kind == PIECE_ARGUMENTS &&
		    d->piece[i].call == call)
			buf_add(&text, d->piece[i].text);
	json_w_begin(b, '{');
	put_call_id(w, b, choice, call);
	json_w_kstr(b, "type", custom ? S("custom") : S("function"));
	json_w_key(b, custom ? "custom" : "function");
	json_w_begin(b, '{');
	json_w_kstr(b, "name", draft_tool_name(w->chat->call[call]));
	json_w_kstr(b, custom ? "input" : "arguments", buf_slice(&text));
	json_w_end(b, '}');
	json_w_end(b, '}');
	buf_fini(&text);
}

static void
put_message(struct work *w, size_t choice, struct buf *b)
{
	const struct draft *d = &w->draft[choice];
	size_t i;

	json_w_key(b, "message");
	json_w_begin(b, '{');
	json_w_kstr(b, "role", S("assistant"));
	if (d->calls) {
		json_w_key(b, "content");
		json_w_null(b);
		json_w_key(b, "tool_calls");
		json_w_begin(b, '[');
		for (i = 0; i < d->n; i++)
			if (d->piece[i].kind == PIECE_CALL)
				put_one_call(w, choice, d->piece[i].call, b);
		json_w_end(b, ']');
	} else {
		put_text(d, b);
	}
	json_w_key(b, "refusal");
	json_w_null(b);
	if (at_venue(w, VENUE_OPENAI)) {
		json_w_key(b, "annotations");
		json_w_raw(b, S("[]"));
	}
	json_w_end(b, '}');
}

static void
put_choice(struct work *w, size_t i, struct buf *b)
{
	const struct draft *d = &w->draft[i];

	json_w_begin(b, '{');
	json_w_ki64(b, "index", (int64_t)i);
	put_message(w, i, b);
	put_logprobs(w, b, d->piece, d->n);
	json_w_kstr(b, "finish_reason", slice_of(d->finish));
	if (at_venue(w, VENUE_AZURE)) {
		json_w_key(b, "content_filter_results");
		json_w_raw(b, slice_of(filters));
	}
	json_w_end(b, '}');
}

static void
render_unary(struct work *w)
{
	struct buf *b = &w->plan->body;
	size_t i;

	json_w_begin(b, '{');
	put_identity(w, b, "chat.completion");
	json_w_key(b, "choices");
	json_w_begin(b, '[');
	for (i = 0; i < w->nchoice && !plays(w, MISHAP_EMPTYCHOICES); i++)
		put_choice(w, i, b);
	json_w_end(b, ']');
	if (shows_usage(w)) {
		json_w_key(b, "usage");
		put_usage(w, b);
	}
	put_tier(w, b);
	if (at_venue(w, VENUE_AZURE))
		put_prompt_filters(b);
	json_w_end(b, '}');
}

/* --- stream ------------------------------------------------------------ */

static void
add_mark(struct work *w)
{
	struct plan *p = w->plan;

	if (p->nmark == p->cap_mark) {
		p->cap_mark = p->cap_mark > 0 ? 2 * p->cap_mark : 64;
		p->mark = mem_grow(p->mark, p->cap_mark * sizeof(*p->mark));
	}
	p->mark[p->nmark++] =
	    (struct mark){ p->body.len, w->tokens, w->deltas };
}

static void
put_chunk_size(struct buf *b, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	int shift = 60;

	while (shift > 0 && len >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		buf_char(b, hex[len >> shift & 15]);
	buf_add(b, S("\r\n"));
}

static void
put_chunk(struct work *w, struct slice data)
{
	work_chunk(w, data);
}

void
work_chunk(struct work *w, struct slice data)
{
	struct buf *b = &w->plan->body;

	put_chunk_size(b, data.len);
	buf_add(b, data);
	buf_add(b, S("\r\n"));
	add_mark(w);
}

static void
put_big_line(struct work *w)
{
	struct buf b = { 0 };

	buf_str(&b, "data: {\"padding\":\"");
	buf_reserve(&b, BIG_LINE + 8);
	memset(b.p + b.len, 'x', BIG_LINE);
	b.len += BIG_LINE;
	buf_str(&b, "\"}\n\n");
	put_chunk(w, buf_slice(&b));
	buf_fini(&b);
}

static void
put_error_event(struct work *w)
{
	const struct tongue *t = w->terms->tongue;

	put_chunk(
	    w, t != NULL && t->framed != NULL ? t->framed(w, MISHAP_ERREVENT)
	       : t != NULL                    ? t->error
			   : S("data: {\"error\":{\"message\":\"The server had "
			       "an error while "
			       "processing your request. Sorry about that!\","
			       "\"type\":\"server_error\",\"param\":null,"
			       "\"code\":null}}\n\n"));
	w->over = true;
	tariff_cut(&w->plan->used, w->tokens);
}

static void
before_delta(struct work *w, int64_t whole)
{
	work_before_delta(w, whole);
}

static void
put_bad_event(struct work *w)
{
	const struct tongue *t = w->terms->tongue;

	put_chunk(w, t != NULL && t->framed != NULL
			 ? t->framed(w, MISHAP_BADEVENT)
			 : S("data: {\"id\":\"chatcmpl-broken\",\"cho\n\n"));
}

/* Faults that stand in the stream before its K-th content delta. */
void
work_before_delta(struct work *w, int64_t whole)
{
	if (w->deltas != play_at(w->terms->play, whole))
		return;
	if (plays(w, MISHAP_BADEVENT))
		put_bad_event(w);
	else if (plays(w, MISHAP_BIGLINE))
		put_big_line(w);
	else if (plays(w, MISHAP_ERREVENT))
		put_error_event(w);
	else if (plays(w, MISHAP_BADCHUNK))
		buf_add(&w->plan->body, S("zz\r\n"));
}

static void
put_obfuscation(struct work *w)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	uint64_t r = filler_mix(w->seed, w->plan->nmark);
	size_t n = 1 + r % 12;

	if (!w->chat->obfuscate || !at_venue(w, VENUE_OPENAI))
		return;
	buf_add(&w->event, S(",\"obfuscation\":\""));
	for (; n > 0; n--, r >>= 5)
		buf_char(&w->event, letters[r % 36]);
	buf_char(&w->event, '"');
}

/* Starts a chunk up to and with "choices":[ */
static struct buf *
event_open(struct work *w)
{
	buf_clear(&w->event);
	buf_add(&w->event, buf_slice(&w->open));
	return &w->event;
}

static void
event_close(struct work *w, bool with_usage)
{
	struct buf *b = &w->event;

	buf_char(b, ']');
	if (with_usage) {
		buf_add(b, S(",\"usage\":"));
		put_usage(w, b);
	} else if (w->chat->include_usage && !at_venue(w, VENUE_COMPATIBLE)) {
		buf_add(b, S(",\"usage\":null"));
	}
	put_obfuscation(w);
	buf_add(b, S("}\n\n"));
	put_chunk(w, buf_slice(b));
}

static void
choice_open(struct work *w, struct buf *b, size_t choice)
{
	if (plays(w, MISHAP_EMPTYCHOICES))
		return;
	buf_add(b, S("{\"index\":"));
	buf_u64(b, choice);
	buf_add(b, S(",\"delta\":{"));
}

static void
choice_close(
    struct work *w, struct buf *b, const struct piece *p, const char *finish)
{
	buf_char(b, '}');
	if (w->chat->logprobs)
		put_logprobs(w, b, p, p != NULL);
	else
		buf_add(b, S(",\"logprobs\":null"));
	buf_add(b, S(",\"finish_reason\":"));
	if (finish == NULL)
		buf_add(b, S("null"));
	else
		buf_fmt(b, "\"%s\"", finish);
	if (at_venue(w, VENUE_AZURE)) {
		buf_add(b, S(",\"content_filter_results\":"));
		buf_str(b, p != NULL && p->kind == PIECE_TEXT ? filters : "{}");
	}
	buf_char(b, '}');
}

static void
role_event(struct work *w, size_t choice)
{
	struct buf *b = event_open(w);

	choice_open(w, b, choice);
	buf_add(b, S("\"role\":\"assistant\",\"content\":"));
	buf_add(b, w->draft[choice].calls ? S("null") : S("\"\""));
	buf_add(b, S(",\"refusal\":null"));
	choice_close(w, b, NULL, NULL);
	event_close(w, false);
}

static void
call_delta(struct work *w, struct buf *b, size_t choice, const struct piece *p)
{
	bool custom = draft_tool_custom(w->chat->call[p->call]);
	const char *text = custom ? "input" : "arguments";

	buf_fmt(b, "\"tool_calls\":[{\"index\":%u", (unsigned)p->call);
	if (p->kind == PIECE_CALL) {
		put_call_id(w, b, choice, p->call);
		json_w_kstr(b, "type", custom ? S("custom") : S("function"));
	}
	json_w_key(b, custom ? "custom" : "function");
	json_w_begin(b, '{');
	if (p->kind == PIECE_CALL)
		json_w_kstr(b, "name", p->text);
	json_w_kstr(b, text, p->kind == PIECE_CALL ? S("") : p->text);
	buf_add(b, S("}}]"));
}

static void
piece_event(struct work *w, size_t choice, const struct piece *p)
{
	struct buf *b = event_open(w);

	choice_open(w, b, choice);
	if (p->kind != PIECE_TEXT) {
		call_delta(w, b, choice, p);
	} else {
		buf_add(b, S("\"content\":"));
		json_w_str(b, piece_text(w, p));
	}
	choice_close(w, b, p, NULL);
	w->tokens++;
	w->deltas++;
	event_close(w, false);
}

static void
finish_event(struct work *w, size_t choice)
{
	struct buf *b = event_open(w);
	bool last = choice + 1 == w->nchoice;

	choice_open(w, b, choice);
	choice_close(w, b, NULL, w->draft[choice].finish);
	event_close(w, last && plays(w, MISHAP_LATEUSAGE) && shows_usage(w));
}

static void
plain_event(struct work *w, bool usage)
{
	(void)event_open(w);
	event_close(w, usage);
}

/* Azure says first what its filters found in the prompt. */
static void
filter_event(struct work *w)
{
	struct buf *b = &w->event;

	buf_clear(b);
	buf_str(b, "data: {\"choices\":[],\"created\":0,\"id\":\"\","
		   "\"model\":\"\",\"object\":\"\"");
	put_prompt_filters(b);
	buf_str(b, "}\n\n");
	put_chunk(w, buf_slice(b));
}

static void
content_events(struct work *w)
{
	int64_t whole = w->plan->used.output - w->plan->used.reasoning;
	size_t i, c;
	bool more = true;

	for (i = 0; more && !w->over; i++)
		for (more = false, c = 0; c < w->nchoice && !w->over; c++) {
			if (i >= w->draft[c].n)
				continue;
			more = true;
			before_delta(w, whole);
			if (w->over || plays(w, MISHAP_EMPTYCHOICES))
				w->tokens += !w->over;
			else
				piece_event(w, c, &w->draft[c].piece[i]);
		}
}

static void
prepare_stream(struct work *w)
{
	struct buf *b = &w->open;

	buf_add(b, S("data: "));
	buf_char(b, '{');
	put_identity(w, b, "chat.completion.chunk");
	put_tier(w, b);
	json_w_key(b, "choices");
	buf_char(b, '[');
}

static void
render_stream(struct work *w)
{
	size_t c;

	prepare_stream(w);
	if (at_venue(w, VENUE_AZURE))
		filter_event(w);
	for (c = 0; c < w->nchoice; c++)
		w->tokens += w->draft[c].reasoning;
	if (plays(w, MISHAP_EMPTYCHOICES))
		plain_event(w, false);
	for (c = 0; c < w->nchoice && !plays(w, MISHAP_EMPTYCHOICES); c++)
		role_event(w, c);
	content_events(w);
	for (c = 0; c < w->nchoice && !w->over; c++)
		if (!plays(w, MISHAP_EMPTYCHOICES))
			finish_event(w, c);
	if (w->chat->include_usage && shows_usage(w) && !w->over &&
	    !plays(w, MISHAP_LATEUSAGE))
		plain_event(w, true);
	if (!w->over)
		put_chunk(w, S("data: [DONE]\n\n"));
	buf_add(&w->plan->body, S("0\r\n\r\n"));
	w->plan->stream = true;
	w->plan->type = "text/event-stream; charset=utf-8";
}

/* --- making ------------------------------------------------------------ */

static int64_t
clipped(int64_t want, int64_t most)
{
	return want < 0 ? 0 : want < most ? want : most;
}

static void
count_tokens(struct work *w)
{
	const struct directive *say = &w->chat->directive;
	struct tokens *n = &w->plan->used;
	size_t i;

	n->input = w->chat->input;
	n->cached = clipped(say->cached, n->input);
	n->cache_write = clipped(say->cache_write, n->input - n->cached);
	n->audio_in =
	    clipped(say->audio_in, n->input - n->cached - n->cache_write);
	n->image_in = clipped(
	    say->image_in, n->input - n->cached - n->cache_write - n->audio_in);
	for (i = 0; i < w->nchoice; i++) {
		n->reasoning += w->draft[i].reasoning;
		n->output += w->draft[i].reasoning + (int64_t)w->draft[i].n;
	}
	n->audio_out = clipped(say->audio_out, n->output - n->reasoning);
	n->image_out =
	    clipped(say->image_out, n->output - n->reasoning - n->audio_out);
}

/*
 * The tier that is served: as a directive says, else as asked; where it is
 * not sold, the default, as providers do.
 */
static void
find_service(struct work *w)
{
	const struct tariff *t =
	    w->terms->model->tariff[w->terms->credential->venue];
	struct slice word = w->chat->directive.tier;

	if (word.len == 0)
		word = w->chat->tier;
	if (!service_find(word, &w->service) || !t[w->service].sold)
		w->service = SERVICE_DEFAULT;
	w->plan->tariff = &t[w->service];
}

struct plan *
plan_plain(int status)
{
	struct plan *p = NEW(struct plan);

	p->refs = 1;
	p->status = status;
	p->type = "application/json";
	p->stop_at = SIZE_MAX;
	return p;
}

static void
render(struct work *w)
{
	const struct tongue *t = w->terms->tongue;

	if (t != NULL && w->chat->stream)
		t->stream(w);
	else if (t != NULL)
		t->unary(w);
	else if (w->chat->stream)
		render_stream(w);
	else
		render_unary(w);
}

struct plan *
plan_new(struct arena *a, const struct chat *c, const struct plan_terms *terms)
{
	struct work *w = ARENA_NEW(a, struct work);
	size_t i;

	w->plan = plan_plain(200);
	w->plan->billable = true;
	w->plan->pace_ms = c->directive.pace_ms >= 0 ? c->directive.pace_ms
						     : terms->setup->pace_ms;
	w->plan->ttft_ms = c->directive.ttft_ms >= 0 ? c->directive.ttft_ms
						     : terms->setup->ttft_ms;
	w->arena = a;
	w->chat = c;
	w->terms = terms;
	w->seed = filler_mix(c->seed, 4242 + terms->credential->index);
	snprintf(w->id, sizeof(w->id), "chatcmpl-%016llx%08llx",
	    (unsigned long long)w->seed,
	    (unsigned long long)filler_mix(w->seed, 5) & 0xffffffff);
	w->nchoice = (size_t)c->n < CHOICES ? (size_t)c->n : CHOICES;
	for (i = 0; i < w->nchoice; i++)
		draft_make(
		    &w->draft[i], a, c, (int64_t)i, terms->model->max_output);
	count_tokens(w);
	find_service(w);
	render(w);
	w->plan->spoilt = c->directive.lie != LIE_NONE;
	spoil_plan(w->plan, terms->play);
	buf_fini(&w->open);
	buf_fini(&w->event);
	return w->plan;
}

struct plan *
plan_ref(struct plan *p)
{
	p->refs++;
	return p;
}

void
plan_unref(struct plan **pp)
{
	struct plan *p = *pp;

	*pp = NULL;
	if (p == NULL || --p->refs > 0)
		return;
	buf_fini(&p->body);
	mem_free(p->mark);
	mem_free(p);
}

int64_t
plan_tokens_at(const struct plan *p, size_t at)
{
	size_t lo = 0, hi = p->nmark, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p->mark[mid].end <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == 0 ? 0 : p->mark[lo - 1].tokens;
}
