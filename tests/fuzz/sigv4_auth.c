/*
 * sigv4_auth.c - an Authorization header and the request it came with
 *
 * First line the header, second path and query, the rest headers.
 */
#include "crypto/sigv4.h"

enum { HEADERS_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_auth(const struct sigv4_auth *auth)
{
	CHECK(auth->id.len > 0 && auth->date.len == 8);
	CHECK(auth->region.len > 0 && auth->service.len > 0);
	CHECK(auth->names.len > 0 && auth->signature.len == DIGEST_HEX);
}

static size_t
read_headers(struct slice rest, struct sigv4_header *out)
{
	struct slice line;
	size_t n = 0;

	while (n < HEADERS_MAX && slice_cut(rest, '\n', &line, &rest)) {
		if (slice_cut(line, ':', &out[n].name, &out[n].value))
			n++;
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice s = { (const char *)data, len }, line, target;
	struct sigv4_header all[HEADERS_MAX], some[HEADERS_MAX];
	struct sigv4_request req = { .method = S("POST"), .headers = some };
	struct sigv4_auth auth;
	struct buf b = { 0 };
	size_t n;

	if (!slice_cut(s, '\n', &line, &s) || !slice_cut(s, '\n', &target, &s))
		return 0;
	if (sigv4_auth_parse(line, &auth))
		check_auth(&auth);
	else
		auth.names = line;
	n = read_headers(s, all);
	req.path = target;
	slice_cut(target, '?', &req.path, &req.query);
	if (sigv4_pick(auth.names, all, n, some, &req.n_headers)) {
		CHECK(req.n_headers <= n);
		sigv4_names(&b, &req);
		CHECK(slice_ieq(buf_slice(&b), auth.names));
	}
	sigv4_canonical(&b, &req, (enum sigv4_path)(len % 3));
	buf_fini(&b);
	return 0;
}
