#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>

#include "base/json.h"
#include "base/shared.h"
#include "crypto/sigv4.h"

enum { HEADERS_MAX = 64 };

#define SECRET S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

/* A request as the suites write it: text with bare line feeds. */
struct wire {
	struct sigv4_request req;
	struct sigv4_header headers[HEADERS_MAX];
	struct slice body;
	char payload[DIGEST_HEX + 1];
};

static void
hash_body(struct wire *w)
{
	uint8_t sum[DIGEST_LEN];

	digest_of(w->body, sum);
	digest_hex(sum, w->payload);
	w->req.payload = slice_of(w->payload);
}

static void
read_target(struct wire *w, struct slice target)
{
	w->req.path = target;
	w->req.query = S("");
	slice_cut(target, '?', &w->req.path, &w->req.query);
}

/* A line that starts with a blank goes on with the value before it. */
static void
read_header(struct wire *w, struct slice line)
{
	struct sigv4_header *h;

	if (line.p[0] == ' ') {
		assert_true(w->req.n_headers > 0);
		h = &w->headers[w->req.n_headers - 1];
		h->value.len = (size_t)(line.p + line.len - h->value.p);
		return;
	}
	assert_true(w->req.n_headers < HEADERS_MAX);
	h = &w->headers[w->req.n_headers++];
	assert_true(slice_cut(line, ':', &h->name, &h->value));
}

static void
read_wire(struct wire *w, struct slice text)
{
	struct slice line, rest = text;
	const struct slice tail = S(" HTTP/1.1");

	*w = (struct wire){ 0 };
	assert_true(slice_cut(text, '\n', &line, &rest));
	assert_true(slice_cut(line, ' ', &w->req.method, &line));
	assert_true(line.len > tail.len);
	line.len -= tail.len;
	assert_true(
	    slice_eq((struct slice){ line.p + line.len, tail.len }, tail));
	read_target(w, line);
	w->req.headers = w->headers;
	while (rest.len > 0) {
		if (!slice_cut(rest, '\n', &line, &rest)) {
			line = rest;
			rest.len = 0;
		}
		if (line.len == 0)
			break;
		read_header(w, line);
	}
	w->body = rest;
	hash_body(w);
}

static struct slice
must_read(struct arena *a, const char *path)
{
	struct slice s = shared_read(path), copy;

	if (s.p == NULL)
		fail_msg("no %s", path);
	copy = arena_copy(a, s);
	free((char *)s.p);
	while (copy.len > 0 && copy.p[copy.len - 1] == '\n')
		copy.len--;
	return copy;
}

static void
same(const char *what, struct slice got, struct slice want)
{
	if (!slice_eq(got, want))
		fail_msg(
		    "%s:\n%.*s\nnot:\n%.*s", what, S_FMT(got), S_FMT(want));
}

/* The three texts of a request against those that are wanted. */
static void
check_texts(const char *what, const struct sigv4_request *req,
    enum sigv4_path path, const struct sigv4_scope *scope,
    struct slice canonical, struct slice to_sign, struct slice signature)
{
	struct sigv4_day day = { 0 };
	struct buf b = { 0 }, sts = { 0 };
	char hex[DIGEST_HEX + 1];

	sigv4_canonical(&b, req, path);
	same(what, buf_slice(&b), canonical);
	sigv4_string_to_sign(&sts, scope, buf_slice(&b));
	same(what, buf_slice(&sts), to_sign);
	sigv4_signature(&day, SECRET, scope, buf_slice(&sts), hex);
	same(what, slice_of(hex), signature);
	buf_fini(&sts);
	buf_fini(&b);
}

/* --- the suite of botocore ------------------------------------------- */

static const char *
file_in(struct arena *a, const char *dir, const char *end)
{
	return arena_fmt(a, "%s/%s.%s", dir, strrchr(dir, '/') + 1, end);
}

static void
botocore_case(const char *dir)
{
	const struct sigv4_scope scope = { S("20150830T123600Z"),
		S("us-east-1"), S("service") };
	struct arena a = { 0 };
	struct slice text, authz;
	struct sigv4_auth auth;
	struct buf names = { 0 };
	struct wire sent, w;

	/* As sent: one case has its token there and not in the .req. */
	text = must_read(&a, file_in(&a, dir, "sreq"));
	read_wire(&sent, text);
	authz = must_read(&a, file_in(&a, dir, "authz"));
	assert_true(sigv4_auth_parse(authz, &auth));
	w = sent;
	w.req.headers = w.headers;
	w.req.payload = slice_of(w.payload);
	assert_true(sigv4_pick(auth.names, sent.headers, sent.req.n_headers,
	    w.headers, &w.req.n_headers));
	sigv4_names(&names, &w.req);
	same(dir, buf_slice(&names), auth.names);
	check_texts(dir, &w.req, SIGV4_NORMALIZE, &scope,
	    must_read(&a, file_in(&a, dir, "creq")),
	    must_read(&a, file_in(&a, dir, "sts")), auth.signature);
	buf_fini(&names);
	arena_fini(&a);
}

/* Cases lie one or two folders deep. */
static int
botocore_folder(struct arena *a, const char *dir, int depth)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	const char *sub;
	FILE *f;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || e->d_type == DT_REG)
			continue;
		sub = arena_fmt(a, "%s/%s", dir, e->d_name);
		f = fopen(file_in(a, sub, "req"), "rb");
		if (f != NULL) {
			fclose(f);
			botocore_case(sub);
			n++;
		} else if (depth < 1) {
			n += botocore_folder(a, sub, depth + 1);
		}
	}
	closedir(d);
	return n;
}

static void
every_case_of_botocore_matches(void **state)
{
	struct arena a = { 0 };
	const char *dir = shared_path(&a, "specs/aws/sigv4/aws4_testsuite");

	(void)state;
	if (dir == NULL)
		skip();
	assert_int_equal(botocore_folder(&a, dir, 0), 34);
	arena_fini(&a);
}

/* --- the suite of aws-c-auth ----------------------------------------- */

struct c_case {
	struct arena a;
	const char *dir;
	struct wire w;
	struct sigv4_signer signer;
};

static struct slice
case_file(struct c_case *c, const char *name)
{
	return must_read(&c->a, arena_fmt(&c->a, "%s/%s.txt", c->dir, name));
}

static void
c_case_init(struct c_case *c, const char *dir)
{
	const struct json *cred;
	struct json *j;

	*c = (struct c_case){ .dir = dir };
	assert_int_equal(
	    json_parse(&c->a,
		must_read(&c->a, arena_fmt(&c->a, "%s/context.json", dir)), &j),
	    FAULT_NONE);
	read_wire(&c->w, case_file(c, "request"));
	cred = json_get(j, "credentials");
	c->signer.id = json_get_str(cred, "access_key_id");
	c->signer.secret = json_get_str(cred, "secret_access_key");
	c->signer.token = json_get_str(cred, "token");
	c->signer.region = json_get_str(j, "region");
	c->signer.service = json_get_str(j, "service");
	c->signer.path = json_get_bool(j, "normalize", true) ? SIGV4_NORMALIZE
							     : SIGV4_ENCODE;
	c->signer.omit_token = json_get_bool(j, "omit_session_token", false);
	c->signer.body_header = json_get_bool(j, "sign_body", false);
	same(dir, json_get_str(j, "timestamp"), S("2015-08-30T12:36:00Z"));
	same(dir, c->signer.secret, SECRET);
}

static struct sigv4_scope
c_scope(const struct c_case *c)
{
	return (struct sigv4_scope){ S("20150830T123600Z"), c->signer.region,
		c->signer.service };
}

static void
c_case_headers(struct c_case *c)
{
	const struct sigv4_scope scope = c_scope(c);
	struct slice sent = case_file(c, "header-signed-request");
	struct sigv4_added added;
	struct wire w, signed_wire;
	struct sigv4_auth auth;
	struct slice value;
	size_t i;

	read_wire(&signed_wire, sent);
	sigv4_sign(&c->signer, &c->w.req, scope.time, &c->a, &added);
	value = added.header[added.n - 1].value;
	/* What is sent is the request and what was added. */
	assert_int_equal(
	    c->w.req.n_headers + added.n, signed_wire.req.n_headers);
	for (i = 0; i < signed_wire.req.n_headers; i++) {
		if (slice_ieq(signed_wire.headers[i].name, S("authorization")))
			same(c->dir, value, signed_wire.headers[i].value);
	}
	assert_true(sigv4_auth_parse(value, &auth));
	same(c->dir, auth.signature, case_file(c, "header-signature"));
	/* The other end sees the same. */
	w = signed_wire;
	w.req.headers = w.headers;
	assert_true(sigv4_pick(auth.names, signed_wire.headers,
	    signed_wire.req.n_headers, w.headers, &w.req.n_headers));
	check_texts(c->dir, &w.req, c->signer.path, &scope,
	    case_file(c, "header-canonical-request"),
	    case_file(c, "header-string-to-sign"),
	    case_file(c, "header-signature"));
}

static void
every_case_of_aws_c_auth_matches(void **state)
{
	struct arena a = { 0 };
	const char *dir = shared_path(&a, "specs/aws/sigv4-aws-c-auth/v4");
	DIR *d = dir != NULL ? opendir(dir) : NULL;
	struct dirent *e;
	struct c_case c;
	int n = 0;

	(void)state;
	if (d == NULL)
		skip();
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		c_case_init(&c, arena_fmt(&a, "%s/%s", dir, e->d_name));
		c_case_headers(&c);
		sigv4_signer_fini(&c.signer);
		arena_fini(&c.a);
		n++;
	}
	closedir(d);
	assert_int_equal(n, 38);
	arena_fini(&a);
}

/* --- requests that real clients signed ------------------------------- */

static const struct json *
find_seq(const struct json *list, int64_t seq)
{
	const struct json *j;
	int64_t v;

	for (j = list->child; j != NULL; j = j->next) {
		if (json_get_i64(j, "seq", &v) && v == seq)
			return j;
	}
	fail_msg("no request %d", (int)seq);
	return NULL;
}

static size_t
read_headers(const struct json *list, struct sigv4_header *out)
{
	const struct json *j;
	size_t n = 0;

	for (j = list->child; j != NULL; j = j->next) {
		assert_true(n < HEADERS_MAX && j->n == 2);
		out[n++] = (struct sigv4_header){ j->child->text,
			j->child->next->text };
	}
	return n;
}

static struct slice
header(const struct sigv4_header *v, size_t n, struct slice name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (slice_ieq(v[i].name, name))
			return v[i].value;
	}
	return S("");
}

static void
capture_case(struct arena *a, const char *dir, const struct json *want)
{
	const char *name = arena_str(a, json_get_str(want, "case"));
	const char *path = arena_fmt(a, "%s/%s.json", dir, name);
	struct sigv4_header all[HEADERS_MAX], some[HEADERS_MAX];
	struct sigv4_request req = { 0 };
	const struct json *got;
	struct sigv4_auth auth;
	struct sigv4_scope scope;
	struct json *file;
	int64_t seq;
	size_t n;

	assert_int_equal(json_parse(a, must_read(a, path), &file), FAULT_NONE);
	assert_true(json_get_i64(want, "seq", &seq));
	got = find_seq(json_get(file, "requests"), seq);
	n = read_headers(json_get(got, "headers"), all);
	assert_true(
	    sigv4_auth_parse(header(all, n, S("authorization")), &auth));
	req.method = json_get_str(got, "method");
	req.path = json_get_str(got, "target");
	slice_cut(req.path, '?', &req.path, &req.query);
	req.payload = json_get_str(got, "bodySha256");
	if (req.payload.len == 0)
		req.payload = S("e3b0c44298fc1c149afbf4c8996fb924"
				"27ae41e4649b934ca495991b7852b855");
	req.headers = some;
	assert_true(sigv4_pick(auth.names, all, n, some, &req.n_headers));
	scope.time = header(all, n, S("x-amz-date"));
	scope.region = auth.region;
	scope.service = auth.service;
	same(name, auth.signature, json_get_str(want, "signature"));
	check_texts(name, &req, SIGV4_ENCODE, &scope,
	    json_get_str(want, "canonical_request"),
	    json_get_str(want, "string_to_sign"), auth.signature);
}

static void
every_request_of_real_clients_verifies(void **state)
{
	struct arena a = { 0 };
	const char *path, *dir;
	const struct json *j;
	struct json *root;
	int n = 0;

	(void)state;
	path = shared_path(&a, "specs/aws/sigv4-bedrock-captures.json");
	dir = shared_path(&a, "captures");
	if (path == NULL || dir == NULL)
		skip();
	assert_int_equal(
	    json_parse(&a, must_read(&a, path), &root), FAULT_NONE);
	for (j = json_get(root, "requests")->child; j != NULL; j = j->next) {
		capture_case(&a, dir, j);
		n++;
	}
	assert_int_equal(n, 35);
	arena_fini(&a);
}

/* --- without the suites ---------------------------------------------- */

static void
sign_vanilla(struct sigv4_signer *s, struct slice time, const char *want)
{
	static const struct sigv4_header host = { S_INIT("Host"),
		S_INIT("example.amazonaws.com") };
	const struct sigv4_request req = { S("GET"), S("/"), S(""), &host, 1,
		S("e3b0c44298fc1c149afbf4c8996fb924"
		  "27ae41e4649b934ca495991b7852b855") };
	struct sigv4_added added;
	struct arena a = { 0 };
	struct sigv4_auth auth;

	sigv4_sign(s, &req, time, &a, &added);
	assert_true(sigv4_auth_parse(added.header[added.n - 1].value, &auth));
	assert_true(slice_eq(auth.signature, slice_of(want)) ==
		    slice_eq(time, S("20150830T123600Z")));
	arena_fini(&a);
}

static void
the_key_of_a_day_follows_its_day_and_secret(void **state)
{
	static const char want[] = "5fa00fa31553b73ebf1942676e86291e"
				   "8372ff2a2260956d9b8aae1d763fbf31";
	struct sigv4_signer s = { .id = S("AKIDEXAMPLE"),
		.secret = SECRET,
		.region = S("us-east-1"),
		.service = S("service") };
	struct sigv4_day before;

	(void)state;
	sign_vanilla(&s, S("20150830T123600Z"), want);
	before = s.day;
	sign_vanilla(&s, S("20150830T123600Z"), want);
	assert_memory_equal(&before, &s.day, sizeof(before));
	sign_vanilla(&s, S("20150831T123600Z"), want);
	assert_memory_not_equal(&before, &s.day, sizeof(before));
	s.secret = S("other");
	sign_vanilla(&s, S("20150831T123600Z"), want);
	s.secret = SECRET;
	sign_vanilla(&s, S("20150830T123600Z"), want);
	sigv4_signer_fini(&s);
}

static void
time_is_written_in_utc(void **state)
{
	char text[SIGV4_TIME + 1];

	(void)state;
	sigv4_time(1440938160, text);
	assert_string_equal(text, "20150830T123600Z");
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
only_a_whole_authorization_parses(void **state)
{
	static const struct slice bad[] = {
		S_INIT(""),
		S_INIT("AWS4-HMAC-SHA256"),
		S_INIT("Bearer x"),
		S_INIT("AWS4-HMAC-SHA256 Credential=A/20150830/r/s/"
		       "aws4_request, SignedHeaders=host"),
		S_INIT("AWS4-HMAC-SHA256 Credential=A/2015083/r/s/"
		       "aws4_request, SignedHeaders=host, Signature=" HEX64),
		S_INIT("AWS4-HMAC-SHA256 Credential=/20150830/r/s/"
		       "aws4_request, SignedHeaders=host, Signature=" HEX64),
		S_INIT("AWS4-HMAC-SHA256 Credential=A/20150830//s/"
		       "aws4_request, SignedHeaders=host, Signature=" HEX64),
		S_INIT("AWS4-HMAC-SHA256 Credential=20150830/r/s/"
		       "aws4_request, SignedHeaders=host, Signature=" HEX64),
		S_INIT("AWS4-HMAC-SHA256 Credential=A/20150830/r/s/"
		       "aws5_request, SignedHeaders=host, Signature=" HEX64),
		S_INIT("AWS4-HMAC-SHA256 Credential=A/20150830/r/s/"
		       "aws4_request, SignedHeaders=, Signature=" HEX64),
		S_INIT("AWS4-HMAC-SHA256 Credential=A/20150830/r/s/"
		       "aws4_request, SignedHeaders=host, Signature=0" HEX64),
		S_INIT("AWS4-HMAC-SHA256 Credential=A/20150830/r/s/"
		       "aws4_request, SignedHeaders=host, SignedHeaders=host,"
		       " Signature=" HEX64),
		S_INIT("AWS4-HMAC-SHA256 Credential=A/20150830/r/s/"
		       "aws4_request, SignedHeaders=host, Signature=" HEX64
		       ", Other=1"),
		S_INIT(
		    "AWS4-HMAC-SHA256 Credential=A/20150830/r/s/"
		    "aws4_request, SignedHeaders=host, Signature=" HEX64 ","),
	};
	struct sigv4_auth auth;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		if (sigv4_auth_parse(bad[i], &auth))
			fail_msg("%.*s", S_FMT(bad[i]));
	}
	assert_true(sigv4_auth_parse(
	    S("AWS4-HMAC-SHA256 SignedHeaders=a;b,Signature=" HEX64
	      ",Credential=A/B/20150830/r/s/aws4_request"),
	    &auth));
	same("id", auth.id, S("A/B"));
	same("date", auth.date, S("20150830"));
	same("region", auth.region, S("r"));
	same("service", auth.service, S("s"));
	same("names", auth.names, S("a;b"));
	same("signature", auth.signature, S(HEX64));
}

static void
signed_headers_must_be_there_and_in_order(void **state)
{
	static const struct sigv4_header all[] = {
		{ S_INIT("X-B"), S_INIT("1") },
		{ S_INIT("Host"), S_INIT("h") },
		{ S_INIT("x-b"), S_INIT("2") },
	};
	struct sigv4_header out[3];
	size_t n;

	(void)state;
	assert_true(sigv4_pick(S("host;x-b"), all, 3, out, &n) && n == 3);
	assert_true(sigv4_pick(S("host"), all, 3, out, &n) && n == 1);
	assert_false(sigv4_pick(S("x-b;host"), all, 3, out, &n));
	assert_false(sigv4_pick(S("host;host"), all, 3, out, &n));
	assert_false(sigv4_pick(S("Host;host"), all, 3, out, &n));
	assert_false(sigv4_pick(S("host;x-c"), all, 3, out, &n));
	assert_false(sigv4_pick(S("host;"), all, 3, out, &n));
	assert_false(sigv4_pick(S(""), all, 3, out, &n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_of_botocore_matches),
		cmocka_unit_test(every_case_of_aws_c_auth_matches),
		cmocka_unit_test(every_request_of_real_clients_verifies),
		cmocka_unit_test(the_key_of_a_day_follows_its_day_and_secret),
		cmocka_unit_test(time_is_written_in_utc),
		cmocka_unit_test(only_a_whole_authorization_parses),
		cmocka_unit_test(signed_headers_must_be_there_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
