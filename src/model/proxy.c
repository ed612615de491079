#include "model/proxy.h"

#include <arpa/inet.h>

/* The network's order turned: 10.0.0.1 is 0x0a000001. */
static bool
parse_v4(struct slice s, uint32_t *out)
{
	struct in_addr a;
	char text[INET_ADDRSTRLEN];

	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

static bool
in_block(struct slice word, struct slice host)
{
	struct slice base, bits;
	uint32_t a, b;
	uint64_t n;

	if (!slice_cut(word, '/', &base, &bits) || !slice_u64(bits, &n) ||
	    n > 32 || !parse_v4(base, &a) || !parse_v4(host, &b))
		return false;
	return n == 0 || (a ^ b) >> (32 - n) == 0;
}

/* "[::1]:443", "host:443", "::1": a port only where it can be one. */
static bool
cut_port(struct slice *word, uint16_t port)
{
	const char *colon;
	struct slice tail;
	uint64_t n;

	if (word->len > 0 && word->p[0] == '[') {
		colon = memchr(word->p, ']', word->len);
		if (colon == NULL)
			return false;
		tail = (struct slice){ colon + 1,
			word->len - (size_t)(colon + 1 - word->p) };
		*word = (struct slice){ word->p + 1,
			(size_t)(colon - word->p) - 1 };
		if (tail.len == 0)
			return true;
		tail.p++;
		tail.len--;
	} else {
		colon = memchr(word->p, ':', word->len);
		if (colon == NULL || memrchr(word->p, ':', word->len) != colon)
			return true;
		tail = (struct slice){ colon + 1,
			word->len - (size_t)(colon + 1 - word->p) };
		word->len = (size_t)(colon - word->p);
	}
	return slice_u64(tail, &n) && n == port;
}

static bool
is_below(struct slice host, struct slice domain)
{
	const size_t off = host.len - domain.len;

	return host.len > domain.len && host.p[off - 1] == '.' &&
	       slice_ieq((struct slice){ host.p + off, domain.len }, domain);
}

static bool
matches(struct slice word, struct slice host, uint16_t port)
{
	word = slice_trim(word);
	if (slice_eq(word, S("*")))
		return true;
	if (in_block(word, host))
		return true;
	if (!cut_port(&word, port))
		return false;
	if (word.len > 0 && word.p[0] == '.')
		word = (struct slice){ word.p + 1, word.len - 1 };
	if (word.len == 0)
		return false;
	return slice_ieq(word, host) || is_below(host, word);
}

static bool
is_loopback(struct slice host)
{
	uint32_t a;

	return slice_ieq(host, S("localhost")) || slice_eq(host, S("::1")) ||
	       (parse_v4(host, &a) && a >> 24 == 127);
}

bool
proxy_bypassed(const char *no_proxy, struct slice host, uint16_t port)
{
	struct slice rest = slice_of(no_proxy), word;

	if (is_loopback(host))
		return true;
	while (rest.len > 0) {
		if (!slice_cut(rest, ',', &word, &rest)) {
			word = rest;
			rest.len = 0;
		}
		if (matches(word, host, port))
			return true;
	}
	return false;
}
