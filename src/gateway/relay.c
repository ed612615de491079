/*
 * relay.c - the provider's answer, passed on and read in passing
 *
 * A whole answer is kept until it is whole: then its cost is known and can
 * stand in a header, and a bad one can still be answered by another
 * deployment.  A stream passes event by event; until the first one nothing
 * has reached the client.  The dialect's own end ([DONE]) is held back until
 * the books have the call.
 */
#include "base/inflate.h"
#include "base/clock.h"
#include "base/text.h"
#include "gateway/array.h"
#include "gateway/learn.h"
#include "gateway/send.h"
#include "gateway/carry.h"
#include "gateway/relay.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "http/eventstream.h"
#include "http/sse.h"
#include "httpio/client.h"
#include "httpio/server.h"

enum {
	ERROR_MAX = 64 * 1024,
	ANSWER_MAX = 64 * 1024 * 1024,
	EVENT_MAX = 4 * 1024 * 1024,
	HELD_MAX = 4 * 1024,
	PIECE = 4 * 1024,     /* of what comes compressed */
	ROOM_MAX = 64 * 1024, /* that is kept empty, and ends no stream */
	PASSED_MAX = 26,      /* of a reply's headers */
	ANSWER_RATE = 1024,   /* bytes a second that an answer comes at least */
};
#define GONE_READ_NS (5 * NS_PER_S)
#define ERROR_READ_NS (5 * NS_PER_S)

enum mode { MODE_ERROR, MODE_WHOLE, MODE_STREAM };

struct relay {
	enum mode mode;
	struct buf body;           /* ERROR, WHOLE: so far */
	struct inflater *inflater; /* NULL: not compressed */
	struct buf plain;          /* of one read */
	struct sse sse;            /* STREAM */
	struct buf out;   /* events of this wake that are not in one piece */
	struct slice in;  /* this wake's bytes */
	struct slice run; /* the piece of them that is still to go out */
	struct buf held;  /* comments before the first event */
	bool began;       /* an event is to pass */
	bool done;        /* the dialect's end was seen */
	enum fault bad;   /* what was wrong with the bytes */
	bool paused;
	/* Since when bytes have come that are no whole event yet, or of a
	 * whole answer; how many, and by when there must be more. */
	int64_t since_ns, due_ns;
	uint64_t since_n;
	bool moved; /* this wake's bytes ended an event, or are blank */
	bool text;  /* of a whole answer: a byte that is no blank came */
	struct carry *carry; /* NULL: bytes pass */
	bool wrapped_in;     /* they do, but for the frames of a stream */
	struct eventstream frames;
	struct buf wrapped; /* a message's payload under its name */
	size_t queued;      /* of a wake that filled the exchange */
	size_t counted;     /* of all these, in the worker's buffered */
	size_t arena_was;   /* bytes of the request's, at the head */
};

/* Headers of a provider that a caller's SDK reads. */
static const struct slice passed[] = {
	S_INIT("x-request-id"),
	S_INIT("openai-processing-ms"),
	S_INIT("openai-version"),
	S_INIT("x-ratelimit-limit-requests"),
	S_INIT("x-ratelimit-limit-tokens"),
	S_INIT("x-ratelimit-remaining-requests"),
	S_INIT("x-ratelimit-remaining-tokens"),
	S_INIT("x-ratelimit-reset-requests"),
	S_INIT("x-ratelimit-reset-tokens"),
	S_INIT("retry-after"),
	S_INIT("retry-after-ms"),
	S_INIT("apim-request-id"),
	S_INIT("x-ms-region"),
	S_INIT("x-amzn-requestid"),
	S_INIT("x-amzn-errortype"),
	S_INIT("request-id"),
	S_INIT("anthropic-organization-id"),
};

static const struct slice ids[] = {
	S_INIT("x-request-id"),
	S_INIT("x-amzn-requestid"),
	S_INIT("apim-request-id"),
	S_INIT("request-id"),
};

static struct slice
provider_id(struct req *req, const struct http_head *head)
{
	struct slice v = S("");
	size_t i;

	for (i = 0; i < NELEM(ids) && v.len == 0; i++)
		v = http_value(head, ids[i]);
	if (v.len > FRAME_PROVIDER_ID)
		v.len = FRAME_PROVIDER_ID;
	return utf8_valid(v) ? arena_copy(&req->arena, v) : S("");
}

static void
pass_headers(struct req *req, const struct http_head *head)
{
	struct reply *r = &req->reply;
	struct slice v;
	size_t i;

	r->nhdr = 0;
	for (i = 0; i < NELEM(passed); i++) {
		v = http_value(head, passed[i]);
		if (v.len > 0)
			r->hdr[r->nhdr++] = (struct http_hdr){ passed[i],
				arena_copy(&req->desk->arena, v) };
	}
}

/* Anthropic's limits have a dozen names; what is ours to add needs room. */
static void
pass_limits(struct req *req, const struct http_head *head)
{
	static const struct slice prefix = S_INIT("anthropic-ratelimit-");
	struct arena *a = &req->desk->arena;
	struct reply *r = &req->reply;
	unsigned i;

	for (i = 0; i < head->nhdr && r->nhdr < PASSED_MAX; i++) {
		const struct http_hdr *h = &head->hdr[i];

		if (h->name.len > prefix.len &&
		    slice_ieq((struct slice){ h->name.p, prefix.len }, prefix))
			r->hdr[r->nhdr++] =
			    (struct http_hdr){ arena_copy(a, h->name),
				    arena_copy(a, h->value) };
	}
}

static struct slice
stream_type(const struct dialect *d)
{
	return d->stream_type != NULL ? slice_of(d->stream_type)
				      : S("text/event-stream");
}

/* Is the content what was asked for? */
static bool
type_fits(const struct http_head *head, enum mode mode, const struct dialect *d)
{
	const struct slice type = http_value(head, S("content-type"));

	return mode == MODE_ERROR ||
	       slice_starts(type, mode == MODE_STREAM ? stream_type(d)
						      : S("application/json"));
}

/* Bedrock says what a body of Cohere's cost in a header. */
static void
count_head(struct req *req, const struct http_head *head)
{
	const struct slice n =
	    http_value(head, S("x-amzn-bedrock-input-token-count"));
	uint64_t v;

	if (head->status != 200 || !req->try.dialect->vectors ||
	    !slice_u64(n, &v))
		return;
	req->try.tally.usage = (struct usage){ .input = v };
	req->try.tally.has_usage = true;
}

void
relay_head(struct req *req, const struct http_head *head)
{
	struct relay *r;
	enum encoding how;

	relay_free(req);
	req->relay = r = ARENA_NEW(&req->arena, struct relay);
	r->arena_was = req->arena.total;
	req->try.status = head->status;
	if (head->status == 401 || head->status == 403)
		letter_refused(req);
	req->try.provider_id = provider_id(req, head);
	pass_headers(req, head);
	if (req->try.dialect == &dialect_anthropic)
		pass_limits(req, head);
	learn_head(req, head);
	count_head(req, head);
	if (head->status != 200)
		r->mode = MODE_ERROR;
	else
		r->mode = req->ask->stream ? MODE_STREAM : MODE_WHOLE;
	if (encoding_parse(slice_trim(http_value(head, S("content-encoding"))),
		&how) != FAULT_NONE)
		r->bad = FAULT_UP_GARBAGE;
	else if (how != ENCODING_IDENTITY)
		r->inflater = inflater_new(
		    how, r->mode == MODE_STREAM ? SIZE_MAX : ANSWER_MAX);
	if (!type_fits(head, r->mode, req->try.dialect))
		r->bad = FAULT_UP_GARBAGE;
	r->wrapped_in = req->try.dialect->wraps == req->dialect;
	if (r->mode != MODE_ERROR && req->try.dialect != req->dialect &&
	    !r->wrapped_in)
		r->carry = carry_new(req);
	if (r->mode == MODE_STREAM)
		r->sse.max = r->frames.max = EVENT_MAX;
}

void
relay_free(struct req *req)
{
	struct relay *r = req->relay;

	if (r == NULL)
		return;
	req->w->buffered -= r->counted;
	buf_fini(&r->body);
	buf_fini(&r->plain);
	buf_fini(&r->out);
	buf_fini(&r->held);
	inflater_free(r->inflater);
	sse_fini(&r->sse);
	eventstream_fini(&r->frames);
	buf_fini(&r->wrapped);
	carry_free(&r->carry);
	req->relay = NULL;
}

/* --- bytes ---------------------------------------------------------------- */

static enum fault
plain(struct relay *r, struct slice *data, bool last)
{
	if (r->inflater == NULL)
		return FAULT_NONE;
	buf_clear(&r->plain);
	if (inflater_feed(r->inflater, *data, &r->plain) != FAULT_NONE ||
	    (last && inflater_end(r->inflater) != FAULT_NONE))
		return FAULT_UP_GARBAGE;
	*data = buf_slice(&r->plain);
	return FAULT_NONE;
}

static size_t
size_of(const struct relay *r)
{
	return r->body.cap + r->plain.cap + r->out.cap + r->held.cap +
	       r->wrapped.cap + r->sse.tail.cap + r->sse.joined.cap +
	       r->frames.tail.cap + r->queued + carry_size(r->carry);
}

/* What of its events lies in the request's arena. */
static size_t
grown(const struct req *req)
{
	return req->arena.total - req->relay->arena_was;
}

/* What it keeps of its provider's is in the worker's budget. */
static void
count(struct req *req)
{
	struct relay *r = req->relay;
	const size_t size = size_of(r);

	req->w->buffered += size - r->counted;
	r->counted = size;
}

/* What nobody reads any more, and has become large, is given back. */
static void
slim(struct buf *b)
{
	if (b->cap > ROOM_MAX)
		buf_fini(b);
}

/* Keeps bytes of an answer that is not whole, within bounds. */
static enum fault
keep(struct req *req, struct slice data, size_t max)
{
	struct relay *r = req->relay;

	if (r->body.len + data.len > max)
		return FAULT_UP_GARBAGE;
	if (r->counted + data.len > req->w->buffered_max)
		return FAULT_LARGE_ANSWER;
	if (!worker_has_room(req->w, data.len))
		return FAULT_OVERLOAD;
	buf_add(&r->body, data);
	count(req);
	return FAULT_NONE;
}

static enum next
attempt_over(struct req *req, enum fault why)
{
	if (why != FAULT_NONE)
		return req_fail(req, why, STAGE_SETTLE);
	req->try.complete = true;
	return req_goto(req, STAGE_SETTLE);
}

/* --- a bad status ------------------------------------------------------- */

static enum fault
fault_of_status(int status)
{
	if (status == 401 || status == 403)
		return FAULT_UP_CREDENTIAL;
	if (status == 408 || status == 504)
		return FAULT_UP_TIMEOUT;
	return status < 400 ? FAULT_UP_GARBAGE : FAULT_UP_STATUS;
}

/* The status is what counts: what came of its body will do. */
static enum next
error_over(struct req *req, bool whole)
{
	struct relay *r = req->relay;
	struct attempt *t = &req->try;

	t->error = arena_copy(&req->arena, buf_slice(&r->body));
	t->error_whole = whole;
	t->error_shape =
	    t->dialect->is_error(t->error, &req->arena, &t->message) &&
	    t->dialect == req->dialect;
	/* It may say what it cost all the same. */
	(void)t->dialect->answer(t->error, &t->tally);
	return attempt_over(req, fault_of_status(t->status));
}

static enum next
error_bytes(struct req *req, struct slice data)
{
	struct relay *r = req->relay;
	size_t room = ERROR_MAX - r->body.len;
	const bool whole = req->up.last && data.len <= room;

	if (data.len > room)
		data.len = room;
	if (keep(req, data, ERROR_MAX) != FAULT_NONE)
		return error_over(req, false);
	/* One that says more than is read has said enough. */
	if (!req->up.last && data.len < room)
		return NEXT_WAIT;
	return error_over(req, whole);
}

/* --- a whole answer ----------------------------------------------------- */

static enum next
whole_bytes(struct req *req, struct slice data)
{
	struct relay *r = req->relay;
	enum fault f;

	if (!req->up.last || r->body.len > 0) {
		f = keep(req, data, ANSWER_MAX);
		if (f != FAULT_NONE)
			return attempt_over(req, f);
		data = buf_slice(&r->body);
	}
	if (!req->up.last)
		return NEXT_WAIT;
	if (req->try.dialect->answer(data, &req->try.tally) != FAULT_NONE)
		return attempt_over(req, FAULT_UP_GARBAGE);
	if (!learn_model(req, data))
		return attempt_over(req, FAULT_UP_MODEL);
	if (r->carry != NULL &&
	    carry_answer(r->carry, data, &r->out) != FAULT_NONE)
		return attempt_over(req, FAULT_UP_GARBAGE);
	req->reply.status = 200;
	req->reply.type = S("application/json");
	req->reply.body = r->carry != NULL ? buf_slice(&r->out) : data;
	return attempt_over(req, FAULT_NONE);
}

/* --- a stream ------------------------------------------------------------- */

/* Of this wake's own bytes? */
static bool
is_in(const struct relay *r, struct slice bytes)
{
	return bytes.p >= r->in.p && bytes.p < r->in.p + r->in.len;
}

/*
 * Adds to what this wake will write.  Bytes of the provider's read stay in
 * place as long as they are one run; the splitter's own are copied.
 */
static void
on_pass(void *arg, struct slice bytes)
{
	struct relay *r = ((struct req *)arg)->relay;
	const bool in_place = is_in(r, bytes);

	buf_add(&r->out, buf_slice(&r->held));
	buf_fini(&r->held);
	if (in_place && r->run.len > 0 && r->run.p + r->run.len == bytes.p) {
		r->run.len += bytes.len;
		return;
	}
	buf_add(&r->out, r->run);
	r->run = in_place ? bytes : S("");
	if (!in_place)
		buf_add(&r->out, bytes);
}

/*
 * A comment is no first byte of an answer: it waits for the first event, so
 * that until then another deployment may take over.
 */
static bool
say_nothing_yet(struct req *req, struct slice raw)
{
	struct relay *r = req->relay;

	if (r->began)
		return true;
	if (r->held.len + raw.len <= HELD_MAX)
		buf_add(&r->held, raw);
	return false;
}

/* Its first content, however the dialect words it. */
static void
note_token(struct req *req)
{
	struct attempt *t = &req->try;

	if (t->token_ns == 0 && t->tally.deltas > 0)
		t->token_ns = loop_now(req->w->loop);
}

/* What an event says went wrong outlives the event. */
static void
keep_message(struct req *req, const struct dialect *d, struct slice data)
{
	struct attempt *t = &req->try;

	(void)d->is_error(data, &req->arena, &t->message);
	t->message = arena_copy(&req->arena, t->message);
}

static enum event_kind
read_event(struct req *req, struct slice data)
{
	struct tally *t = &req->try.tally;
	const enum event_kind kind = req->try.dialect->event(data, t);

	if (!is_in(req->relay, data))
		t->mold->data.len = 0;
	return kind;
}

/* What is translated may have to be kept to its end. */
static bool
outgrown(struct req *req)
{
	struct relay *r = req->relay;

	if (grown(req) + carry_size(r->carry) <= ANSWER_MAX)
		return false;
	r->bad = FAULT_UP_GARBAGE;
	return true;
}

/* An event of another dialect: what it comes to is written, itself not. */
static bool
carried(struct req *req, struct slice name, struct slice data)
{
	struct relay *r = req->relay;
	struct tally *t = &req->try.tally;

	if (data.len == 0)
		return false;
	if (read_event(req, data) == EVENT_BAD ||
	    carry_event(r->carry, name, data, &r->out) != FAULT_NONE) {
		r->bad = FAULT_UP_GARBAGE;
		return false;
	}
	if (!r->began && !learn_model(req, data)) {
		r->bad = FAULT_UP_MODEL;
		return false;
	}
	if (outgrown(req))
		return false;
	r->began = req->try.answered = true;
	note_token(req);
	r->done = carry_is_over(r->carry);
	if (t->failed)
		keep_message(req, req->try.dialect, data);
	return false;
}

/* May this event pass? */
static bool
on_event(void *arg, const struct sse_event *e)
{
	struct req *req = arg;
	struct relay *r = req->relay;

	r->moved = true;
	if (r->done || r->bad != FAULT_NONE)
		return false;
	if (r->carry != NULL)
		return carried(req, e->type, e->data);
	if (!e->has_data)
		return say_nothing_yet(req, e->raw);
	switch (read_event(req, e->data)) {
	case EVENT_PASS:
		if (!r->began && !learn_model(req, e->data)) {
			r->bad = FAULT_UP_MODEL;
			return false;
		}
		r->began = req->try.answered = true;
		note_token(req);
		if (req->try.tally.failed)
			keep_message(req, req->dialect, e->data);
		return true;
	case EVENT_USAGE:
		req->try.answered = true;
		return req->ask->wants_usage;
	case EVENT_DONE:
		r->done = r->began = req->try.answered = true;
		return true;
	case EVENT_BAD:
		r->bad = FAULT_UP_GARBAGE;
		return false;
	}
	return false;
}

/* What the wake has to write, in one piece. */
static struct slice
gathered(struct relay *r)
{
	if (r->out.len == 0)
		return r->run;
	buf_add(&r->out, r->run);
	r->run = S("");
	return buf_slice(&r->out);
}

/*
 * What comes behind the dialect's end is not read: when its CR is here and
 * the LF is still on its way, it is written without it.
 */
static struct slice
ending(struct req *req)
{
	struct relay *r = req->relay;
	const struct slice s = gathered(r);

	if (req->up.last || !r->sse.skip_lf || s.len < 2 ||
	    memcmp(s.p + s.len - 2, "\n\r", 2) != 0)
		return s;
	if (r->out.len == 0)
		buf_add(&r->out, s);
	buf_char(&r->out, '\n');
	return buf_slice(&r->out);
}

static void
begin_stream(struct req *req)
{
	if (req->streaming)
		return;
	req->streaming = true;
	req->reply.status = 200;
	req->reply.type = req->array ? S("application/json; charset=UTF-8")
			  : req->dialect->stream_type != NULL
			      ? slice_of(req->dialect->stream_type)
			      : S("text/event-stream; charset=utf-8");
	reply_head(req, -1);
	req_free_desk(req);
	/* Who translates looks at what was asked until the end. */
	if (req->relay->carry == NULL) {
		if (req->x != NULL)
			exchange_forget(req->x);
		req_free_plain(req);
	}
	worker_count(req->w, COUNTER_STREAMS, 1);
}

static void
write_events(struct req *req)
{
	struct relay *r = req->relay;
	struct slice bytes = gathered(r);

	bytes = array_shape(req, bytes, false);
	if (bytes.len > 0 && req->x != NULL) {
		begin_stream(req);
		if (req->x != NULL)
			exchange_write(req->x, bytes, false);
	}
	r->run = S("");
	buf_clear(&r->out);
	if (req->x == NULL || !exchange_full(req->x))
		return;
	r->queued += bytes.len;
	if (!r->paused && req->try.leg != NULL && req->try.leg->call != NULL) {
		r->paused = true;
		call_pause(req->try.leg->call);
	}
}

static void
note_progress(struct req *req)
{
	hold_progress(req->try.hold, ask_input_estimate(req->ask),
	    tally_output(&req->try.tally));
}

/*
 * The stream is over for the client: by the dialect's end, or by the end of
 * the body.  Its last events wait in reply.body for RECORD to send them.
 */
static enum next
stream_over(struct req *req)
{
	struct relay *r = req->relay;
	const struct tally *t = &req->try.tally;

	if (r->carry != NULL && !r->done &&
	    carry_end(r->carry, &r->out) != FAULT_NONE)
		return attempt_over(req, FAULT_UP_RESET);
	if (r->carry == NULL && !r->done && !t->finished)
		return attempt_over(req, FAULT_UP_RESET);
	begin_stream(req);
	req->reply.body = ending(req);
	return attempt_over(req, FAULT_NONE);
}

/*
 * The provider sent an error as an event.  After the first byte the client
 * gets it as it is; before, another deployment may do better.
 */
static enum next
stream_failed(struct req *req)
{
	if (req->streaming)
		write_events(req);
	return attempt_over(req, FAULT_UP_STATUS);
}

/*
 * The payload as dialects read it, with its event's name as the one member:
 * {"contentBlockDelta":{...}}, as AWS's models name their unions.
 */
static struct slice
message_text(struct req *req, const struct eventstream_message *m)
{
	struct relay *r = req->relay;

	buf_clear(&r->wrapped);
	buf_str(&r->wrapped, "{\"");
	buf_add(&r->wrapped, m->event);
	buf_str(&r->wrapped, "\":");
	buf_add(&r->wrapped, m->payload.len > 0 ? m->payload : S("null"));
	buf_char(&r->wrapped, '}');
	return buf_slice(&r->wrapped);
}

/* What a message holds passes, in the caller's frames. */
static bool
unwrapped(struct req *req, struct slice data)
{
	struct relay *r = req->relay;
	struct tally *t = &req->try.tally;
	const enum event_kind kind = read_event(req, data);

	if (kind == EVENT_BAD) {
		r->bad = FAULT_UP_GARBAGE;
		return false;
	}
	req->try.dialect->unwrap(data, &req->arena, &r->out);
	if (outgrown(req))
		return false;
	r->began = req->try.answered = true;
	note_token(req);
	r->done = kind == EVENT_DONE;
	if (t->failed)
		keep_message(req, req->try.dialect, data);
	return false;
}

/* May this message pass? */
static bool
on_message(void *arg, const struct eventstream_message *m)
{
	struct req *req = arg;
	struct relay *r = req->relay;
	const struct slice data = message_text(req, m);

	r->moved = true;
	if (r->done || r->bad != FAULT_NONE)
		return false;
	if (r->carry != NULL)
		return carried(req, m->event, data);
	if (r->wrapped_in)
		return unwrapped(req, data);
	switch (read_event(req, data)) {
	case EVENT_PASS:
	case EVENT_USAGE:
		r->began = req->try.answered = true;
		note_token(req);
		if (req->try.tally.failed)
			keep_message(req, req->dialect, data);
		return true;
	case EVENT_DONE:
		r->done = r->began = req->try.answered = true;
		return true;
	case EVENT_BAD:
		r->bad = FAULT_UP_GARBAGE;
		return false;
	}
	return false;
}

static enum fault
split(struct req *req, struct slice data)
{
	struct relay *r = req->relay;
	enum fault f;

	if (req->try.dialect->framing == FRAMING_EVENTSTREAM) {
		f = eventstream_feed(
		    &r->frames, data, on_message, on_pass, req);
		if (f == FAULT_NONE && req->up.last && !r->done)
			f = eventstream_end(&r->frames);
		return f;
	}
	f = sse_feed(&r->sse, data, on_event, on_pass, req);
	if (req->up.last && !r->done)
		sse_end(&r->sse, on_event, on_pass, req);
	return f;
}

static enum next
stream_bytes(struct req *req, struct slice data)
{
	struct relay *r = req->relay;
	struct mold mold = { 0 };

	r->run = S("");
	r->in = data;
	buf_clear(&r->out);
	req->try.tally.mold = &mold;
	if (split(req, data) != FAULT_NONE)
		r->bad = FAULT_UP_GARBAGE;
	req->try.tally.mold = NULL;
	if (req->try.tally.failed)
		return stream_failed(req);
	if (r->done)
		return stream_over(req);
	if (r->bad != FAULT_NONE) {
		write_events(req);
		return attempt_over(req, r->bad);
	}
	if (req->up.last)
		return stream_over(req);
	write_events(req);
	note_progress(req);
	return NEXT_WAIT;
}

/* --- the stage ------------------------------------------------------------ */

static void
on_time(struct timer *t)
{
	req_wake(CONTAINER_OF(t, struct req, timer), WAKE_ENTER);
}

static bool
is_blank(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (memchr(" \t\r\n", s.p[i], 4) == NULL)
			return false;
	}
	return true;
}

/*
 * Bytes that trickle are no progress: the connection sees them come and would
 * wait for ever.  A stream must have a whole event, were it a comment, within
 * the idle time; an answer in one piece, once it has begun, must come at
 * ANSWER_RATE.  Blanks before it are how some say that they are at work.
 */
static enum next
watch(struct req *req, struct slice data)
{
	struct relay *r = req->relay;
	const int64_t now = loop_now(req->w->loop);

	if (r->mode == MODE_WHOLE && !r->text) {
		r->moved = is_blank(data);
		r->text = !r->moved;
	}
	if (r->since_ns == 0 || r->moved) {
		r->since_ns = now;
		r->since_n = 0;
	}
	r->moved = false;
	r->since_n += data.len;
	r->due_ns = r->since_ns + leg_idle_ns(req) +
		    (int64_t)(r->since_n * (NS_PER_S / ANSWER_RATE));
	if (req->timer.at_ns == 0 && !req->gone)
		timer_set(req->w->loop, &req->timer, r->due_ns, on_time);
	return NEXT_WAIT;
}

/* Who does not read keeps it waiting himself; he has limits of his own. */
static enum next
too_slow(struct req *req)
{
	struct relay *r = req->relay;
	const int64_t now = loop_now(req->w->loop);

	if (r->due_ns == 0)
		return NEXT_WAIT;
	if (r->paused)
		r->due_ns = now + leg_idle_ns(req);
	if (r->due_ns <= now)
		return attempt_over(req, FAULT_UP_TIMEOUT);
	timer_set(req->w->loop, &req->timer, r->due_ns, on_time);
	return NEXT_WAIT;
}

static enum next
read_on(struct req *req, struct slice data)
{
	struct relay *r = req->relay;
	enum next next = NEXT_WAIT;

	switch (r->mode) {
	case MODE_ERROR:
		return error_bytes(req, data);
	case MODE_WHOLE:
		next = whole_bytes(req, data);
		break;
	case MODE_STREAM:
		next = stream_bytes(req, data);
		break;
	}
	return next == NEXT_WAIT ? watch(req, data) : next;
}

/* Above what all may keep, a stream that keeps more than a little is ended. */
static bool
keeps_too_much(struct req *req)
{
	const struct relay *r = req->relay;

	count(req);
	req_weigh(req);
	return r->mode == MODE_STREAM && r->counted + grown(req) > ROOM_MAX &&
	       !worker_has_room(req->w, 0);
}

/* Between two wakes nothing of a wake is kept but what is no event yet. */
static enum next
rest(struct req *req)
{
	struct relay *r = req->relay;

	slim(&r->plain);
	if (r->out.len == 0)
		slim(&r->out);
	slim(&r->wrapped);
	slim(&r->sse.joined);
	return keeps_too_much(req) ? attempt_over(req, FAULT_OVERLOAD)
				   : NEXT_WAIT;
}

static enum next
piece(struct req *req, struct slice data)
{
	struct relay *r = req->relay;
	enum next next;

	if (r->bad == FAULT_NONE)
		r->bad = plain(r, &data, req->up.last);
	/* It would only be queued. */
	if (r->bad == FAULT_NONE && r->plain.len > ROOM_MAX &&
	    keeps_too_much(req))
		r->bad = FAULT_OVERLOAD;
	if (r->bad != FAULT_NONE && r->mode != MODE_ERROR)
		return attempt_over(req, r->bad);
	next = read_on(req, data);
	return next == NEXT_WAIT ? rest(req) : next;
}

/* What a read holds a hundredfold is decoded by and by, within the budget. */
static enum next
pieces(struct req *req)
{
	const struct slice in = req->up.data;
	const bool last = req->up.last;
	enum next next;
	size_t at = 0, n;

	do {
		n = in.len - at < PIECE ? in.len - at : PIECE;
		req->up.last = last && at + n == in.len;
		next = piece(req, (struct slice){ in.p + at, n });
		at += n;
	} while (next == NEXT_WAIT && at < in.len);
	return next;
}

static enum next
bytes(struct req *req)
{
	return req->relay->inflater != NULL ? pieces(req)
					    : piece(req, req->up.data);
}

/*
 * The client left.  A stream ends here.  A whole answer that was sent for is
 * read on a little, for its usage (money-protocol 4).
 */
static enum next
gone(struct req *req)
{
	const struct relay *r = req->relay;

	/* Until there is a head, what stands here is the last attempt's. */
	if (req->try.sent_ns == 0 ||
	    (req->try.status == 0 ? req->ask->stream : r->mode == MODE_STREAM))
		return attempt_over(req, FAULT_GONE);
	timer_set(req->w->loop, &req->timer,
	    loop_now(req->w->loop) + GONE_READ_NS, on_time);
	return NEXT_WAIT;
}

/* An error that drips must not keep the next deployment waiting. */
static enum next
began(struct req *req)
{
	const struct relay *r = req->relay;

	if (r->mode != MODE_ERROR)
		return r->bad != FAULT_NONE ? attempt_over(req, r->bad)
					    : NEXT_WAIT;
	if (!req->gone)
		timer_set(req->w->loop, &req->timer,
		    loop_now(req->w->loop) + ERROR_READ_NS, on_time);
	return NEXT_WAIT;
}

/* The timer fired; or SEND has entered, and there is no status yet. */
static enum next
time_up(struct req *req)
{
	if (req->gone)
		return req->try.sent_ns != 0 ? attempt_over(req, FAULT_GONE)
					     : NEXT_WAIT;
	/* Until there is a head, what stands here is the last attempt's. */
	if (req->try.status == 0)
		return NEXT_WAIT;
	return req->relay->mode == MODE_ERROR ? error_over(req, false)
					      : too_slow(req);
}

/* The client took what was queued. */
static void
drained(struct req *req)
{
	struct relay *r = req->relay;

	r->queued = 0;
	count(req);
	if (r->paused && req->try.leg != NULL && req->try.leg->call != NULL) {
		r->paused = false;
		call_resume(req->try.leg->call);
	}
}

enum next
stage_relay(struct req *req, enum wake wake)
{
	const struct relay *r = req->relay;

	switch (wake) {
	case WAKE_GONE:
		return gone(req);
	case WAKE_HEAD:
		return began(req);
	case WAKE_BODY:
		return bytes(req);
	case WAKE_FAIL:
		return attempt_over(req, req->up.why);
	case WAKE_DRAIN:
		if (r != NULL)
			drained(req);
		return NEXT_WAIT;
	case WAKE_ENTER:
		return time_up(req);
	}
	return NEXT_WAIT;
}
