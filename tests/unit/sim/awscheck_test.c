#include "sim/awscheck.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"

static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static bool
load(struct buf *b, const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	buf_clear(b);
	if (fd < 0)
		return false;
	do {
		buf_reserve(b, 65536);
		n = read(fd, b->p + b->len, 65536);
		b->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	close(fd);
	return true;
}

static const char *
shared(const char *path)
{
	static char at[512];
	const char *root = getenv("KONTOR_SHARED");

	snprintf(at, sizeof(at), "%s/%s", root != NULL ? root : "", path);
	return at;
}

/* A request as the vectors write it: folded lines, LF or CRLF. */
static struct slice
read_request(struct http_head *h, struct slice text)
{
	struct slice line, left = text, version, name, value;
	struct http_hdr *last = NULL;
	bool more = slice_cut(text, '\n', &line, &left);

	memset(h, 0, sizeof(*h));
	if (!more)
		line = text;
	(void)slice_cut(line, ' ', &h->method, &h->target);
	for (version = h->target; version.len > 0; version.len--)
		if (version.p[version.len - 1] == ' ')
			break;
	if (version.len > 0)
		h->target.len = version.len - 1;
	while (more) {
		text = left;
		more = slice_cut(text, '\n', &line, &left);
		if (!more)
			line = text;
		if (line.len == 0)
			return more ? left : S("");
		if (last != NULL && (line.p[0] == ' ' || line.p[0] == '\t')) {
			last->value.len =
			    (size_t)(line.p + line.len - last->value.p);
			continue;
		}
		(void)slice_cut(line, ':', &name, &value);
		assert_true(http_add(h, name, value));
		last = &h->hdr[h->nhdr - 1];
	}
	return S("");
}

static struct slice
trimmed(const struct buf *b)
{
	struct slice s = buf_slice(b);

	while (s.len > 0 && (s.p[s.len - 1] == '\n'))
		s.len--;
	return s;
}

/* Paths that AWS normalises first: Bedrock does not. */
static bool
normalises(const char *name)
{
	return strcmp(name, "normalize-path") == 0 ||
	       strcmp(name, "post-sts-token") == 0;
}

static void
one_vector(const char *dir, const char *name, unsigned *checked)
{
	struct buf file = { 0 }, want = { 0 }, got = { 0 }, auth = { 0 };
	char path[2048];
	struct http_head h;
	struct slice body;
	struct claim c;

	snprintf(path, sizeof(path), "%s/%s/%s.sreq", dir, name, name);
	if (!load(&file, path))
		snprintf(path, sizeof(path), "%s/%s/%s.req", dir, name, name);
	if (load(&file, path)) {
		body = read_request(&h, buf_slice(&file));
		snprintf(path, sizeof(path), "%s/%s/%s.authz", dir, name, name);
		assert_true(load(&auth, path));
		assert_true(read_claim(trimmed(&auth), &c));
		aws_canonical(&got, &h, c.signed_headers, body);
		snprintf(path, sizeof(path), "%s/%s/%s.creq", dir, name, name);
		assert_true(load(&want, path));
		if (!slice_eq(buf_slice(&got), trimmed(&want)) &&
		    strstr(name, "session-token") == NULL)
			fail_msg("%s: canonical\n%s", name, buf_cstr(&got));
		buf_clear(&got);
		expected(&h, body, &c, slice_of(secret), &got);
		if (strstr(name, "session-token") == NULL) {
			if (!slice_eq(buf_slice(&got), c.signature))
				fail_msg(
				    "%s: signature %s", name, buf_cstr(&got));
			++*checked;
		}
	}
	buf_fini(&file);
	buf_fini(&want);
	buf_fini(&got);
	buf_fini(&auth);
}

static void
the_suite_of_aws_agrees(void **state)
{
	char dir[512];
	struct dirent *e;
	unsigned checked = 0;
	DIR *d;

	(void)state;
	snprintf(
	    dir, sizeof(dir), "%s", shared("specs/aws/sigv4/aws4_testsuite"));
	d = opendir(dir);
	if (d == NULL) {
		print_message("no vectors at %s\n", dir);
		skip();
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && !normalises(e->d_name))
			one_vector(dir, e->d_name, &checked);
	closedir(d);
	assert_true(checked >= 20);
}

/* --- the captures of real SDKs ----------------------------------------- */

static void
json_to_text(struct buf *b, const struct json *j)
{
	const struct json *k;
	bool object = j->type == JSON_OBJECT;

	if (j->type == JSON_STRING) {
		json_w_str(b, j->text);
		return;
	}
	if (j->type == JSON_TRUE || j->type == JSON_FALSE) {
		json_w_bool(b, j->type == JSON_TRUE);
		return;
	}
	json_w_begin(b, object ? '{' : '[');
	for (k = j->child; k != NULL; k = k->next) {
		if (object) {
			json_w_str(b, k->key);
			buf_char(b, ':');
		}
		json_to_text(b, k);
	}
	json_w_end(b, object ? '}' : ']');
}

static void
capture(struct http_head *h, struct buf *body, const struct json *req)
{
	const struct json *k;

	memset(h, 0, sizeof(*h));
	h->method = json_get_str(req, "method");
	h->target = json_get_str(req, "target");
	for (k = json_get(req, "headers")->child; k != NULL; k = k->next)
		assert_true(http_add(h, k->child->text, k->child->next->text));
	buf_clear(body);
	json_to_text(body, json_get(req, "body"));
}

struct fixture {
	struct arena arena;
	struct buf file, body;
	struct http_head head;
	struct aws_account account;
	int64_t now;
};

static bool
bedrock_call(struct fixture *f)
{
	struct json *j;

	if (!load(
		&f->file, shared("captures/openai-bedrock-runtime-sigv4.json")))
		return false;
	assert_int_equal(
	    json_parse(&f->arena, buf_slice(&f->file), &j), FAULT_NONE);
	capture(&f->head, &f->body, json_get(j, "requests")->child);
	f->account = (struct aws_account){ S("AKIDEXAMPLE"), slice_of(secret),
		S(""), S("us-west-2"), S("bedrock") };
	f->now = moment(S("20261123T043047Z"));
	return true;
}

static void
fixture_fini(struct fixture *f)
{
	arena_fini(&f->arena);
	buf_fini(&f->file);
	buf_fini(&f->body);
}

#define OPEN_CAPTURE(f) \
	do { \
		if (!bedrock_call(f)) { \
			print_message("no captures\n"); \
			skip(); \
		} \
	} while (0)

static enum aws_verdict
verdict(struct fixture *f)
{
	return aws_check(&f->head, buf_slice(&f->body), &f->account, f->now);
}

static void
a_call_signed_by_the_real_sdk_is_good(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	OPEN_CAPTURE(&f);
	assert_int_equal(verdict(&f), AWS_OK);
	f.now += 300;
	assert_int_equal(verdict(&f), AWS_OK);
	fixture_fini(&f);
}

static void
anything_changed_is_noticed(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	OPEN_CAPTURE(&f);
	f.account.secret = S("another");
	assert_int_equal(verdict(&f), AWS_MISMATCH);
	f.account.secret = slice_of(secret);
	f.account.region = S("us-east-1");
	assert_int_equal(verdict(&f), AWS_SCOPE);
	f.account.region = S("us-west-2");
	f.account.session_token = S("token");
	assert_int_equal(verdict(&f), AWS_TOKEN);
	f.account.session_token = S("");
	f.now += 301;
	assert_int_equal(verdict(&f), AWS_EXPIRED);
	f.now -= 602;
	assert_int_equal(verdict(&f), AWS_EXPIRED);
	f.now += 301;
	f.body.p[f.body.len - 2] ^= 1;
	assert_int_equal(verdict(&f), AWS_BODY);
	f.body.p[f.body.len - 2] ^= 1;
	f.head.method = S("PUT");
	assert_int_equal(verdict(&f), AWS_MISMATCH);
	f.head.method = S("POST");
	f.head.target = S("/openai/v1/chat/completions?x=1");
	assert_int_equal(verdict(&f), AWS_MISMATCH);
	fixture_fini(&f);
}

static void
every_amz_header_and_the_host_must_be_signed(void **state)
{
	struct fixture f = { 0 };
	unsigned i;

	(void)state;
	OPEN_CAPTURE(&f);
	assert_true(http_add(&f.head, S("X-Amz-Extra"), S("1")));
	assert_int_equal(verdict(&f), AWS_INCOMPLETE);
	f.head.nhdr--;
	for (i = 0; i < f.head.nhdr; i++)
		if (slice_ieq(f.head.hdr[i].name, S("host")))
			f.head.hdr[i].name = S("hosts");
	assert_int_equal(verdict(&f), AWS_INCOMPLETE);
	fixture_fini(&f);
}

static void
a_broken_authorization_is_not_a_signature(void **state)
{
	(void)state;
	assert_int_equal(aws_key_of(S("AWS4-HMAC-SHA256 x")).len, 0);
	assert_int_equal(aws_key_of(S("Bearer x")).len, 0);
	assert_int_equal(aws_key_of(S("")).len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_suite_of_aws_agrees),
		cmocka_unit_test(a_call_signed_by_the_real_sdk_is_good),
		cmocka_unit_test(anything_changed_is_noticed),
		cmocka_unit_test(every_amz_header_and_the_host_must_be_signed),
		cmocka_unit_test(a_broken_authorization_is_not_a_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
