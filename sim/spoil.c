#include "sim/spoil.h"

#include <stdio.h>

#include "http/eventstream.h"
#include "sim/plan.h"
#include "sim/squeeze.h"

enum { BIG_LINE = 10 * 1024 * 1024 };

static void
replace_body(struct plan *p, int status, const char *type, const char *text)
{
	buf_clear(&p->body);
	buf_str(&p->body, text);
	p->nmark = 0;
	p->stream = false;
	p->status = status;
	p->type = type;
}

static const char page[] =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>"
    "\r\n</body>\r\n</html>\r\n";

static void
stop(struct plan *p, size_t at, enum ending ending)
{
	p->stop_at = at < p->body.len ? at : p->body.len;
	p->ending = ending;
}

/* The offset behind the K-th content delta; of a unary answer, half. */
static size_t
behind_delta(const struct plan *p, struct play play)
{
	int64_t whole = p->nmark > 0 ? p->mark[p->nmark - 1].deltas : 0;
	int64_t k;
	size_t i;

	if (!p->stream)
		return p->body.len / 2;
	k = play_at(play, whole);
	for (i = 0; i + 1 < p->nmark; i++)
		if (k > 0 ? p->mark[i].deltas >= k : p->mark[i + 1].deltas > 0)
			break;
	return p->mark[i].end;
}

/* In the middle of the event after the K-th delta. */
static size_t
inside_event(const struct plan *p, struct play play)
{
	size_t at = behind_delta(p, play), i;

	for (i = 0; i < p->nmark; i++)
		if (p->mark[i].end > at)
			return at + (p->mark[i].end - at) / 2;
	return at;
}

static void
unary_bad_chunk(struct plan *p)
{
	struct buf b = { 0 };

	buf_str(&b, "zz\r\n");
	buf_add(&b, buf_slice(&p->body));
	buf_str(&b, "\r\n0\r\n\r\n");
	buf_fini(&p->body);
	p->body = b;
	p->stream = true;
}

static void
unary_big(struct plan *p)
{
	struct buf b = { 0 };

	buf_reserve(&b, BIG_LINE + p->body.len);
	memset(b.p, ' ', BIG_LINE);
	b.len = BIG_LINE;
	buf_add(&b, buf_slice(&p->body));
	buf_fini(&p->body);
	p->body = b;
}

/* The whole call ran, and then something broke. */
static void
failed_late(struct plan *p)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
	    "{\"error\":{\"message\":\"The server had an error after the "
	    "answer.\",\"type\":\"server_error\",\"param\":null,\"code\":"
	    "null},\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":"
	    "%lld,\"total_tokens\":%lld}}",
	    (long long)p->used.input, (long long)p->used.output,
	    (long long)(p->used.input + p->used.output));
	replace_body(p, 500, "application/json", text);
}

static void
spoil_body(struct plan *p, enum mishap kind)
{
	bool stream = p->stream;

	if (kind == MISHAP_GARBAGE)
		replace_body(p, 200,
		    stream ? "text/event-stream" : "application/json",
		    "\x01\x02 not json at all \xff\xfe <<<>>> {{{");
	else if (kind == MISHAP_HTML)
		replace_body(p, 200, "text/html", page);
	else if (kind == MISHAP_HTML502)
		replace_body(p, 502, "text/html", page);
	else if (kind == MISHAP_500U)
		failed_late(p);
	else if (kind == MISHAP_WRONGTYPE)
		p->type = "text/plain; charset=utf-8";
	else if (kind == MISHAP_BADCHUNK && !stream)
		unary_bad_chunk(p);
	else if (kind == MISHAP_BIGLINE && !stream)
		unary_big(p);
	else if (kind == MISHAP_DUPCL)
		p->two_lengths = true;
	else if (kind == MISHAP_GZIP)
		squeeze_plan(p);
	else if (kind == MISHAP_GZIPBOMB)
		squeeze_bomb(p);
}

static void
spoil_playing(struct plan *p, struct play play)
{
	enum mishap kind = play.kind;
	int64_t k = play.arg;

	if (kind == MISHAP_HANG || kind == MISHAP_DOWN ||
	    (kind == MISHAP_RESET && k < 0)) {
		p->mute = true;
		stop(p, 0,
		    kind == MISHAP_HANG   ? END_HANG
		    : kind == MISHAP_DOWN ? END_FIN
					  : END_RST);
	} else if (kind == MISHAP_RESET) {
		stop(p, (size_t)k, END_RST);
	} else if (kind == MISHAP_RESETEND) {
		stop(p, p->nmark > 1 ? p->mark[p->nmark - 2].end : p->body.len,
		    END_RST);
	} else if (kind == MISHAP_HANGMID) {
		stop(p, behind_delta(p, play), END_HANG);
	} else if (kind == MISHAP_CUT) {
		stop(p, behind_delta(p, play), END_FIN);
	} else if (kind == MISHAP_HALFEVENT) {
		stop(p, inside_event(p, play), END_FIN);
	} else if (kind == MISHAP_MIDLENGTH) {
		p->claim = p->stream ? 0 : 1000;
		stop(p, p->body.len - (p->stream ? 5 : 0), END_FIN);
	} else if (kind == MISHAP_SLOW) {
		p->slow = true;
	}
}

void
spoil_plan(struct plan *p, struct play play)
{
	p->mishap = play.kind;
	p->spoilt |= mishap_get(play.kind)->spoils;
	if (play.kind == MISHAP_DOWN)
		p->billable = false;
	spoil_body(p, play.kind);
	spoil_playing(p, play);
}

struct slice
spoil_frame(struct arena *a, enum mishap m, struct buf *good)
{
	struct slice s;

	if (m == MISHAP_ERREVENT) {
		buf_clear(good);
		eventstream_exception(good, S("modelStreamErrorException"),
		    S("{\"message\":\"The model had an error while streaming "
		      "its answer.\",\"originalStatusCode\":500,"
		      "\"originalMessage\":\"boom\"}"));
	} else {
		good->p[good->len - 1] = (char)(good->p[good->len - 1] ^ 1);
	}
	s = arena_copy(a, buf_slice(good));
	buf_fini(good);
	return s;
}
