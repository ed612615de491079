#include "http/h1.h"

#ifdef __SSSE3__
#include <tmmintrin.h>
#endif

enum { EXTRA_MAX = 16 * 1024, CHUNK_DIGITS = 15 };

/* --- characters -------------------------------------------------------- */

enum { C_TOKEN = 1, C_TARGET = 2, C_HOST = 4 };

/*
 * RFC 9110 5.6.2 for tokens.  A target may hold what RFC 3986 allows and
 * some more that clients send unescaped; never controls, space, quotes,
 * angle brackets, backslash, '#', or bytes above ASCII.
 */
#define BOTH (C_TOKEN | C_TARGET | C_HOST)
#define HOST (C_TARGET | C_HOST)

/* clang-format off */
static const uint8_t char_class[256] = {
	['!'] = BOTH, ['#'] = C_TOKEN, ['$'] = BOTH, ['%'] = BOTH,
	['&'] = BOTH, ['\''] = BOTH, ['('] = HOST, [')'] = HOST,
	['*'] = BOTH, ['+'] = BOTH, [','] = HOST, ['-'] = BOTH,
	['.'] = BOTH, ['/'] = C_TARGET,
	['0'] = BOTH, ['1'] = BOTH, ['2'] = BOTH, ['3'] = BOTH, ['4'] = BOTH,
	['5'] = BOTH, ['6'] = BOTH, ['7'] = BOTH, ['8'] = BOTH, ['9'] = BOTH,
	[':'] = HOST, [';'] = HOST, ['='] = HOST, ['?'] = C_TARGET,
	['@'] = C_TARGET,
	['A'] = BOTH, ['B'] = BOTH, ['C'] = BOTH, ['D'] = BOTH, ['E'] = BOTH,
	['F'] = BOTH, ['G'] = BOTH, ['H'] = BOTH, ['I'] = BOTH, ['J'] = BOTH,
	['K'] = BOTH, ['L'] = BOTH, ['M'] = BOTH, ['N'] = BOTH, ['O'] = BOTH,
	['P'] = BOTH, ['Q'] = BOTH, ['R'] = BOTH, ['S'] = BOTH, ['T'] = BOTH,
	['U'] = BOTH, ['V'] = BOTH, ['W'] = BOTH, ['X'] = BOTH, ['Y'] = BOTH,
	['Z'] = BOTH,
	['['] = HOST, [']'] = HOST, ['^'] = C_TOKEN | C_TARGET,
	['_'] = BOTH, ['`'] = C_TOKEN | C_TARGET,
	['a'] = BOTH, ['b'] = BOTH, ['c'] = BOTH, ['d'] = BOTH, ['e'] = BOTH,
	['f'] = BOTH, ['g'] = BOTH, ['h'] = BOTH, ['i'] = BOTH, ['j'] = BOTH,
	['k'] = BOTH, ['l'] = BOTH, ['m'] = BOTH, ['n'] = BOTH, ['o'] = BOTH,
	['p'] = BOTH, ['q'] = BOTH, ['r'] = BOTH, ['s'] = BOTH, ['t'] = BOTH,
	['u'] = BOTH, ['v'] = BOTH, ['w'] = BOTH, ['x'] = BOTH, ['y'] = BOTH,
	['z'] = BOTH,
	['{'] = C_TARGET, ['|'] = C_TOKEN | C_TARGET, ['}'] = C_TARGET,
	['~'] = BOTH,
};
/* clang-format on */

static bool
is_class(char c, unsigned class)
{
	return (char_class[(unsigned char)c] & class) != 0;
}

static bool
all_class(struct slice s, unsigned class)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (!is_class(s.p[i], class))
			return false;
	}
	return s.len > 0;
}

#ifdef __SSSE3__
/* Bit h of byte l: the character 16 * h + l may stand in a token. */
static const uint8_t token_rows[16] = { 0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc,
	0xfc, 0xfc, 0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70 };
/* The bit of a row; bytes above ASCII have none. */
static const uint8_t token_bits[16] = { 1, 2, 4, 8, 16, 32, 64, 128 };

/* Which of 16 bytes are in no token. */
static inline unsigned
not_token(__m128i v)
{
	const __m128i rows =
	    _mm_loadu_si128((const __m128i *)(const void *)token_rows);
	const __m128i bits =
	    _mm_loadu_si128((const __m128i *)(const void *)token_bits);
	const __m128i low = _mm_set1_epi8(0x0f);
	const __m128i row = _mm_shuffle_epi8(rows, _mm_and_si128(v, low));
	const __m128i bit =
	    _mm_shuffle_epi8(bits, _mm_and_si128(_mm_srli_epi16(v, 4), low));

	return (unsigned)_mm_movemask_epi8(
	    _mm_cmpeq_epi8(_mm_and_si128(row, bit), _mm_setzero_si128()));
}
#endif

/* The end of the token at p. */
static const char *
token_end(const char *p, const char *end)
{
#ifdef __SSSE3__
	unsigned mask;

	for (; end - p >= 16; p += 16) {
		mask = not_token(
		    _mm_loadu_si128((const __m128i *)(const void *)p));
		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
#endif
	while (p < end && is_class(*p, C_TOKEN))
		p++;
	return p;
}

static bool
is_ctl(char c)
{
	unsigned char u = (unsigned char)c;

	return (u < 0x20 && u != '\t') || u == 0x7f;
}

/* The first control character (tab is none) in [p, end), or end. */
static const char *
find_ctl(const char *p, const char *end)
{
#ifdef __SSSE3__
	const __m128i low = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t');
	const __m128i del = _mm_set1_epi8(0x7f);
	__m128i v, hit;
	int mask;

	for (; end - p >= 16; p += 16) {
		v = _mm_loadu_si128((const __m128i *)(const void *)p);
		hit = _mm_cmpeq_epi8(_mm_min_epu8(v, low), v);
		hit = _mm_andnot_si128(_mm_cmpeq_epi8(v, tab), hit);
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, del));
		mask = _mm_movemask_epi8(hit);
		if (mask != 0)
			return p + __builtin_ctz((unsigned)mask);
	}
#endif
	while (p < end && !is_ctl(*p))
		p++;
	return p;
}

/* Eight bytes at once: none is a control character, nor a tab. */
static bool
no_ctl8(const char *p)
{
	uint64_t v, low, del;

	memcpy(&v, p, 8);
	low = (v - EACH(0x20)) & ~v;
	del = v ^ EACH(0x7f);
	del = (del - EACH(1)) & ~del;
	return ((low | del) & EACH(0x80)) == 0;
}

static bool
value_ok(struct slice v)
{
	const char *p = v.p, *end = v.p + v.len;

	for (; end - p >= 8 && no_ctl8(p); p += 8)
		;
	/* The last eight overlap. */
	if (end - p < 8 && v.len >= 8 && no_ctl8(end - 8))
		return true;
	while (p < end && !is_ctl(*p))
		p++;
	return p == end;
}

static bool
name_ok(struct slice s)
{
	const char *end = s.p + s.len;

#ifdef __SSSE3__
	/* From both ends, eight bytes each: the middle is looked at twice. */
	if (s.len >= 8 && s.len <= 16)
		return not_token(_mm_unpacklo_epi64(
			   _mm_loadl_epi64((const void *)s.p),
			   _mm_loadl_epi64((const void *)(end - 8)))) == 0;
#endif
	return s.len > 0 && token_end(s.p, end) == end;
}

bool
h1_hdr_ok(const struct http_hdr *hdr)
{
	return name_ok(hdr->name) && value_ok(hdr->value);
}

bool
h1_target_ok(struct slice method, struct slice target)
{
	if (slice_eq(target, S("*")))
		return slice_eq(method, S("OPTIONS"));
	return all_class(method, C_TOKEN) && all_class(target, C_TARGET) &&
	       target.p[0] == '/';
}

bool
h1_host_ok(struct slice host)
{
	return all_class(host, C_HOST);
}

/* --- lines ------------------------------------------------------------- */

enum line { LINE_OK, LINE_MORE, LINE_BAD };

/* A head being walked. */
struct walk {
	const char *p, *end;
	struct http_head *head;
	struct h1_meta *meta;
	bool answer, tunnel;
	bool has_len, has_coding, has_host;
	bool close, keep;
};

/* The text up to CRLF; passes both. */
static enum line
take_line(struct walk *w, struct slice *line)
{
	const char *at = find_ctl(w->p, w->end);

	if (at == w->end)
		return LINE_MORE;
	if (*at != '\r')
		return LINE_BAD;
	if (at + 1 == w->end)
		return LINE_MORE;
	if (at[1] != '\n')
		return LINE_BAD;
	*line = (struct slice){ w->p, (size_t)(at - w->p) };
	w->p = at + 2;
	return LINE_OK;
}

static bool
take_version(struct slice v, struct h1_meta *meta)
{
	if (v.len != 8 || memcmp(v.p, "HTTP/1.", 7) != 0 || v.p[7] < '0' ||
	    v.p[7] > '9')
		return false;
	meta->http10 = v.p[7] == '0';
	return true;
}

/* "http://host/path" becomes "/path" (RFC 9112, 3.2.2). */
static bool
take_absolute(struct slice *target)
{
	static const struct slice schemes[] = { S_INIT("http://"),
		S_INIT("https://") };
	struct slice rest, start;
	size_t i, len;

	for (i = 0; i < NELEM(schemes); i++) {
		len = schemes[i].len;
		start = (struct slice){ target->p, len };
		if (target->len <= len || !slice_ieq(start, schemes[i]))
			continue;
		rest = (struct slice){ target->p + len, target->len - len };
		for (len = 0;
		     len < rest.len && rest.p[len] != '/' && rest.p[len] != '?';
		     len++)
			;
		rest = (struct slice){ rest.p + len, rest.len - len };
		if (len == 0 || (rest.len > 0 && rest.p[0] == '?'))
			return false;
		*target = rest.len > 0 ? rest : S("/");
		return true;
	}
	return false;
}

static bool
take_request_line(struct walk *w, struct slice line)
{
	struct http_head *h = w->head;
	struct slice rest, version;

	if (!slice_cut(line, ' ', &h->method, &rest) ||
	    !slice_cut(rest, ' ', &h->target, &version))
		return false;
	if (!all_class(h->method, C_TOKEN) || !all_class(h->target, C_TARGET) ||
	    !take_version(version, w->meta))
		return false;
	if (h->target.p[0] == '/')
		return true;
	if (slice_eq(h->target, S("*")))
		return slice_eq(h->method, S("OPTIONS"));
	return take_absolute(&h->target);
}

/* The space after the status is left out by some; it costs nothing. */
static bool
take_status_line(struct walk *w, struct slice line)
{
	const char *p = line.p;
	int i, status = 0;

	if (line.len < 12 || p[8] != ' ' ||
	    !take_version((struct slice){ p, 8 }, w->meta))
		return false;
	for (i = 9; i < 12; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		status = status * 10 + (p[i] - '0');
	}
	if (status < 100 || (line.len > 12 && p[12] != ' '))
		return false;
	w->head->status = status;
	return true;
}

/* --- headers ----------------------------------------------------------- */

/* There, what is said of a body is passed over (RFC 9110, 9.3.6). */
static bool
opens_tunnel(const struct walk *w)
{
	return w->tunnel && w->head->status / 100 == 2;
}

static bool
on_length(struct walk *w, struct slice value)
{
	if (opens_tunnel(w))
		return true;
	if (w->has_len || value.len > 18 ||
	    !slice_u64(value, &w->meta->body_len))
		return false;
	w->has_len = true;
	return true;
}

static bool
on_coding(struct walk *w, struct slice value)
{
	if (opens_tunnel(w))
		return true;
	if (w->has_coding || !slice_ieq(value, S("chunked")))
		return false;
	w->has_coding = true;
	return true;
}

static bool
on_host(struct walk *w, struct slice value)
{
	if (w->answer)
		return true;
	if (w->has_host || (value.len > 0 && !all_class(value, C_HOST)))
		return false;
	w->has_host = true;
	return true;
}

static bool
on_connection(struct walk *w, struct slice value)
{
	struct slice one, rest;

	while (value.len > 0) {
		if (!slice_cut(value, ',', &one, &rest)) {
			one = value;
			rest = (struct slice){ NULL, 0 };
		}
		one = slice_trim(one);
		w->close |= slice_ieq(one, S("close"));
		w->keep |= slice_ieq(one, S("keep-alive"));
		value = rest;
	}
	return true;
}

static bool
on_expect(struct walk *w, struct slice value)
{
	w->meta->expect_continue |= slice_ieq(value, S("100-continue"));
	return true;
}

static bool
on_header(struct walk *w, struct slice name, struct slice value)
{
	switch (name.len) {
	case 4:
		if (slice_ieq(name, S("host")))
			return on_host(w, value);
		break;
	case 6:
		if (slice_ieq(name, S("expect")))
			return on_expect(w, value);
		break;
	case 10:
		if (slice_ieq(name, S("connection")))
			return on_connection(w, value);
		break;
	case 14:
		if (slice_ieq(name, S("content-length")))
			return on_length(w, value);
		break;
	case 17:
		if (slice_ieq(name, S("transfer-encoding")))
			return on_coding(w, value);
		break;
	default:
		break;
	}
	return true;
}

/* Once the line is known to be whole and clean. */
static bool
take_header(struct walk *w, struct slice line)
{
	const char *p, *end = line.p + line.len;
	struct slice name, value;

	/* What follows the line is looked at too, so that most names are one
	 * step; CR ends every token. */
	p = token_end(line.p, w->end);
	if (p == line.p || p == end || *p != ':')
		return false;
	name = (struct slice){ line.p, (size_t)(p - line.p) };
	p++;
	value = slice_trim((struct slice){ p, (size_t)(end - p) });
	return on_header(w, name, value) && http_add(w->head, name, value);
}

static enum line
walk_headers(struct walk *w)
{
	struct slice line;
	enum line got;

	while ((got = take_line(w, &line)) == LINE_OK) {
		if (line.len == 0)
			return LINE_OK;
		if (!take_header(w, line))
			return LINE_BAD;
	}
	return got;
}

static enum line
walk_head(struct walk *w)
{
	struct slice line = { NULL, 0 };
	enum line got = take_line(w, &line);

	if (got != LINE_OK)
		return got;
	if (w->answer ? !take_status_line(w, line)
		      : !take_request_line(w, line))
		return LINE_BAD;
	return walk_headers(w);
}

/* --- whole heads ------------------------------------------------------- */

/*
 * Looks for the empty line from where the last look ended, so that a head
 * that drips in costs no more than one that comes at once.
 */
static bool
is_whole(struct h1_seen *seen, struct slice in)
{
	size_t at = seen->scanned > 3 ? seen->scanned - 3 : 0;
	const char *p = in.p + at, *end = in.p + in.len;

	seen->scanned = in.len;
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		/* A bare LF is for the walk to refuse, now. */
		if (p == in.p || p[-1] != '\r')
			return true;
		if (p - in.p >= 3 && p[-2] == '\n')
			return true;
		p++;
	}
	return false;
}

static enum fault
settle_request(const struct walk *w)
{
	struct h1_meta *m = w->meta;

	if (w->has_len && w->has_coding)
		return FAULT_HTTP;
	if (m->http10 ? w->has_coding : !w->has_host)
		return FAULT_HTTP;
	m->framing = w->has_coding     ? H1_CHUNKED
		     : m->body_len > 0 ? H1_SIZED
				       : H1_EMPTY;
	m->keep_alive = !m->http10 && !w->close;
	m->expect_continue &= !m->http10 && m->framing != H1_EMPTY;
	return FAULT_NONE;
}

static enum fault
settle_answer(const struct walk *w, bool to_head)
{
	struct h1_meta *m = w->meta;
	int status = w->head->status;

	if (w->has_len && w->has_coding)
		return FAULT_UP_GARBAGE;
	if (m->http10 && w->has_coding)
		return FAULT_UP_GARBAGE;
	if (to_head || status < 200 || status == 204 || status == 304)
		m->framing = H1_EMPTY;
	else if (w->has_coding)
		m->framing = H1_CHUNKED;
	else if (w->has_len)
		m->framing = m->body_len > 0 ? H1_SIZED : H1_EMPTY;
	else
		m->framing = H1_TO_CLOSE;
	m->keep_alive =
	    m->framing != H1_TO_CLOSE && !w->close && (!m->http10 || w->keep);
	return FAULT_NONE;
}

static enum line
walk_all(struct walk *w, struct h1_seen *seen, struct slice in)
{
	enum line got;

	/* The first look reads on the chance that all is there. */
	if (seen->scanned > 0 && !is_whole(seen, in))
		return LINE_MORE;
	got = walk_head(w);
	if (got == LINE_MORE)
		seen->scanned = in.len;
	return got;
}

static void
begin(struct walk *w, struct slice in)
{
	w->p = in.p;
	w->end = in.p + in.len;
	w->head->nhdr = 0;
	w->head->lens = 0;
	w->head->status = 0;
	w->head->method = w->head->target = (struct slice){ "", 0 };
	*w->meta = (struct h1_meta){ 0 };
}

enum fault
h1_request(struct h1_seen *seen, struct slice in, size_t max_head,
    struct http_head *head, struct h1_meta *meta, size_t *used)
{
	struct walk w = { .head = head, .meta = meta };
	enum line got;

	*used = 0;
	begin(&w, in);
	/* An empty line before a request is passed over (RFC 9112, 2.2). */
	if (in.len >= 2 && in.p[0] == '\r' && in.p[1] == '\n')
		w.p += 2;
	got = w.p == w.end ? LINE_MORE : walk_all(&w, seen, in);
	if ((size_t)(w.p - in.p) > max_head ||
	    (got == LINE_MORE && in.len > max_head) ||
	    (got == LINE_BAD && head->nhdr == HTTP_HDR_MAX))
		return FAULT_HEAD_TOO_LARGE;
	if (got == LINE_MORE)
		return FAULT_NONE;
	if (got == LINE_BAD)
		return FAULT_HTTP;
	*used = (size_t)(w.p - in.p);
	return settle_request(&w);
}

static enum fault
take_answer(struct walk *w, struct h1_seen *seen, struct slice in,
    size_t max_head, bool to_head, size_t *used)
{
	enum line got;

	*used = 0;
	begin(w, in);
	got = walk_all(w, seen, in);
	if ((size_t)(w->p - in.p) > max_head ||
	    (got == LINE_MORE && in.len > max_head) || got == LINE_BAD)
		return FAULT_UP_GARBAGE;
	if (got == LINE_MORE)
		return FAULT_NONE;
	*used = (size_t)(w->p - in.p);
	return settle_answer(w, to_head);
}

enum fault
h1_answer(struct h1_seen *seen, struct slice in, size_t max_head, bool to_head,
    struct http_head *head, struct h1_meta *meta, size_t *used)
{
	struct walk w = { .head = head, .meta = meta, .answer = true };

	return take_answer(&w, seen, in, max_head, to_head, used);
}

enum fault
h1_tunnel(struct h1_seen *seen, struct slice in, size_t max_head,
    struct http_head *head, size_t *used)
{
	struct h1_meta meta;
	struct walk w = {
		.head = head, .meta = &meta, .answer = true, .tunnel = true
	};

	return take_answer(&w, seen, in, max_head, true, used);
}

/* --- bodies ------------------------------------------------------------ */

enum {
	AT_SIZE,
	AT_EXT,
	AT_SIZE_LF,
	AT_DATA,
	AT_DATA_CR,
	AT_DATA_LF,
	AT_TRAILER,
	AT_TRAILER_LF,
	AT_END
};

void
h1_body_init(struct h1_body *b, const struct h1_meta *meta, enum fault bad)
{
	*b = (struct h1_body){ .framing = meta->framing,
		.bad = bad,
		.left = meta->framing == H1_SIZED ? meta->body_len : 0,
		.line_empty = true };
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
feed_size(struct h1_body *b, char c)
{
	int v = hex(c);

	if (v >= 0) {
		b->left = b->left << 4 | (unsigned)v;
		return ++b->digits <= CHUNK_DIGITS;
	}
	if (b->digits == 0 || (c != ';' && c != '\r'))
		return false;
	b->state = c == ';' ? AT_EXT : AT_SIZE_LF;
	return true;
}

static bool
feed_skipped(struct h1_body *b, char c, uint8_t then)
{
	if (c == '\r')
		b->state = then;
	else if (is_ctl(c))
		return false;
	else
		b->line_empty = false;
	return ++b->extra <= EXTRA_MAX;
}

static bool
feed_size_lf(struct h1_body *b, char c)
{
	b->state = b->left > 0 ? AT_DATA : AT_TRAILER;
	b->digits = 0;
	b->line_empty = true;
	return c == '\n';
}

static bool
feed_trailer_lf(struct h1_body *b, char c)
{
	b->state = b->line_empty ? AT_END : AT_TRAILER;
	b->line_empty = true;
	return c == '\n';
}

/* A name as in a head, then anything; both are thrown away. */
static bool
feed_trailer(struct h1_body *b, char c)
{
	if (b->line_empty)
		b->in_name = c != '\r';
	if (b->in_name && c == ':')
		b->in_name = false;
	else if (b->in_name && !is_class(c, C_TOKEN))
		return false;
	return feed_skipped(b, c, AT_TRAILER_LF);
}

/* One byte that is framing. */
static bool
feed_framing(struct h1_body *b, char c)
{
	switch (b->state) {
	case AT_SIZE:
		return feed_size(b, c);
	case AT_EXT:
		return feed_skipped(b, c, AT_SIZE_LF);
	case AT_SIZE_LF:
		return feed_size_lf(b, c);
	case AT_DATA_CR:
		b->state = AT_DATA_LF;
		return c == '\r';
	case AT_DATA_LF:
		b->state = AT_SIZE;
		return c == '\n';
	case AT_TRAILER:
		return feed_trailer(b, c);
	case AT_TRAILER_LF:
		return feed_trailer_lf(b, c);
	default:
		return false;
	}
}

/* Moves content together; returns how much of it there is at from. */
static size_t
keep(struct h1_body *b, char *to, const char *from, size_t len)
{
	if (len > b->left)
		len = (size_t)b->left;
	if (to != from)
		memmove(to, from, len);
	b->left -= len;
	if (b->left == 0)
		b->state = AT_DATA_CR;
	return len;
}

static enum fault
feed_chunked(
    struct h1_body *b, char *p, size_t len, size_t *used, struct slice *data)
{
	char *out = p;
	bool any = false;
	size_t at = 0, n;

	while (at < len && b->state != AT_END) {
		if (b->state != AT_DATA) {
			if (!feed_framing(b, p[at++]))
				return b->bad;
			continue;
		}
		/* The first content stays where it is. */
		if (!any)
			data->p = out = p + at;
		any = true;
		n = keep(b, out, p + at, len - at);
		out += n;
		at += n;
	}
	if (any)
		data->len = (size_t)(out - data->p);
	*used = at;
	return FAULT_NONE;
}

enum fault
h1_body_feed(struct h1_body *b, char *p, size_t len, size_t *used,
    struct slice *data, bool *last)
{
	enum fault f = FAULT_NONE;

	*data = (struct slice){ p, 0 };
	*used = 0;
	switch (b->framing) {
	case H1_EMPTY:
		break;
	case H1_SIZED:
		*used = data->len = len < b->left ? len : (size_t)b->left;
		b->left -= *used;
		break;
	case H1_CHUNKED:
		f = feed_chunked(b, p, len, used, data);
		break;
	case H1_TO_CLOSE:
		*used = data->len = len;
		break;
	}
	*last = b->framing == H1_EMPTY ||
		(b->framing == H1_SIZED && b->left == 0) ||
		(b->framing == H1_CHUNKED && b->state == AT_END);
	return f;
}

bool
h1_body_eof(const struct h1_body *b)
{
	return b->framing == H1_TO_CLOSE;
}

/* --- writing ----------------------------------------------------------- */

void
h1_write_hdr(struct buf *b, struct slice name, struct slice value)
{
	char *p;

	buf_reserve(b, name.len + value.len + 4);
	p = b->p + b->len;
	memcpy(p, name.p, name.len);
	p += name.len;
	memcpy(p, ": ", 2);
	p += 2;
	if (value.len > 0)
		memcpy(p, value.p, value.len);
	p += value.len;
	memcpy(p, "\r\n", 2);
	b->len = (size_t)(p + 2 - b->p);
}

void
h1_write_status(struct buf *b, int status)
{
	char code[5] = { (char)('0' + status / 100 % 10),
		(char)('0' + status / 10 % 10), (char)('0' + status % 10),
		' ' };

	if (status == 200) {
		buf_add(b, S("HTTP/1.1 200 OK\r\n"));
		return;
	}
	buf_add(b, S("HTTP/1.1 "));
	buf_add(b, (struct slice){ code, 4 });
	buf_str(b, http_reason(status));
	buf_add(b, S("\r\n"));
}

size_t
h1_write_chunk(char to[H1_CHUNK_MAX], size_t len)
{
	static const char digits[] = "0123456789abcdef";
	unsigned nibbles =
	    len > 0 ? (67u - (unsigned)__builtin_clzll(len)) / 4 : 1;
	unsigned i;

	for (i = nibbles; i-- > 0; len >>= 4)
		to[i] = digits[len & 15];
	to[nibbles] = '\r';
	to[nibbles + 1] = '\n';
	return nibbles + 2;
}
