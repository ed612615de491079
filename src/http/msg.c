#include "http/msg.h"

#include "base/text.h"

const struct http_hdr *
http_find(const struct http_head *h, struct slice name)
{
	unsigned i;

	if ((h->lens >> (name.len & 63) & 1) == 0)
		return NULL;
	for (i = 0; i < h->nhdr; i++) {
		if (h->hdr[i].name.len == name.len &&
		    slice_ieq(h->hdr[i].name, name))
			return &h->hdr[i];
	}
	return NULL;
}

struct slice
http_value(const struct http_head *h, struct slice name)
{
	const struct http_hdr *hdr = http_find(h, name);

	return hdr != NULL ? hdr->value : (struct slice){ NULL, 0 };
}

bool
http_add(struct http_head *h, struct slice name, struct slice value)
{
	if (h->nhdr == HTTP_HDR_MAX)
		return false;
	h->lens |= UINT64_C(1) << (name.len & 63);
	h->hdr[h->nhdr++] = (struct http_hdr){ name, value };
	return true;
}

struct slice
http_path(const struct http_head *h)
{
	struct slice path, query;

	return slice_cut(h->target, '?', &path, &query) ? path : h->target;
}

struct slice
http_query(const struct http_head *h)
{
	struct slice path, query;

	if (slice_cut(h->target, '?', &path, &query))
		return query;
	return (struct slice){ NULL, 0 };
}

struct slice
http_query_get(struct slice query, struct slice name)
{
	struct slice pair, rest, key, value;

	while (query.len > 0) {
		if (!slice_cut(query, '&', &pair, &rest)) {
			pair = query;
			rest = (struct slice){ NULL, 0 };
		}
		if (!slice_cut(pair, '=', &key, &value)) {
			key = pair;
			value = (struct slice){ "", 0 };
		}
		if (slice_eq(key, name))
			return value;
		query = rest;
	}
	return (struct slice){ NULL, 0 };
}

/*
 * Behind "{}" a pattern may go on with ":verb", as Google's paths do: the
 * segment must end so, and what is handed out is what stands before.
 */
static bool
cut_verb(struct slice *segment, const char **pattern)
{
	const char *verb = *pattern + 1;
	const size_t n = strcspn(verb, "/");

	if (segment->len <= n ||
	    memcmp(segment->p + segment->len - n, verb, n) != 0)
		return false;
	segment->len -= n;
	*pattern += n;
	return true;
}

bool
http_fits(const char *pattern, struct slice path, struct slice *segment)
{
	size_t i = 0;

	for (; *pattern != '\0'; pattern++) {
		if (*pattern != '{') {
			if (i >= path.len || path.p[i++] != *pattern)
				return false;
		} else if (pattern[1] == '*') {
			*segment = (struct slice){ path.p + i, path.len - i };
			return segment->len > 0;
		} else {
			segment->p = path.p + i;
			while (i < path.len && path.p[i] != '/')
				i++;
			segment->len = (size_t)(path.p + i - segment->p);
			pattern++;
			if (pattern[1] == ':' && !cut_verb(segment, &pattern))
				return false;
			if (segment->len == 0)
				return false;
		}
	}
	return i == path.len;
}

struct slice
http_unescape(struct arena *a, struct slice s, bool plus)
{
	char *out = arena_str(a, s);
	size_t i, n = 0;
	int hi, lo;

	for (i = 0; i < s.len; i++) {
		hi = lo = -1;
		if (s.p[i] == '%' && i + 2 < s.len) {
			hi = text_hex_digit(s.p[i + 1]);
			lo = text_hex_digit(s.p[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			out[n++] = (char)(hi << 4 | lo);
			i += 2;
		} else {
			out[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	return (struct slice){ out, n };
}

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 100, "Continue" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 424, "Failed Dependency" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 499, "Client Closed Request" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 529, "Overloaded" },
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		if (rows[i].status == status)
			return rows[i].reason;
	}
	return "Status";
}

void
http_write_host(struct buf *b, const char *host, unsigned port, bool tls)
{
	const bool v6 = strchr(host, ':') != NULL;

	if (v6)
		buf_char(b, '[');
	buf_str(b, host);
	if (v6)
		buf_char(b, ']');
	if (port != (tls ? 443 : 80)) {
		buf_char(b, ':');
		buf_u64(b, port);
	}
}
