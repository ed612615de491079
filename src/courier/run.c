#include "courier/run.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/rsasig.h"

static run_f *const methods[SIGNIN_METHODS] = {
	[SIGNIN_ENTRA_SECRET] = run_entra,
	[SIGNIN_ENTRA_CERTIFICATE] = run_entra,
	[SIGNIN_ENTRA_FEDERATED] = run_entra,
	[SIGNIN_ENTRA_MANAGED] = run_entra_managed,
	[SIGNIN_AWS_KEYS] = run_aws,
	[SIGNIN_AWS_PROFILE] = run_aws,
	[SIGNIN_AWS_WEB_IDENTITY] = run_aws,
	[SIGNIN_AWS_CONTAINER] = run_aws,
	[SIGNIN_AWS_INSTANCE] = run_aws,
	[SIGNIN_GOOGLE_CREDENTIALS] = run_google,
	[SIGNIN_GOOGLE_METADATA] = run_google_metadata,
};

enum step
run_begin(struct run *r, const struct signin_conf *conf, int64_t now_s)
{
	*r = (struct run){ .conf = conf, .now_s = now_s };
	return methods[conf->method](r, NULL);
}

enum step
run_answer(struct run *r, const struct run_reply *a)
{
	return methods[r->conf->method](r, a);
}

void
run_end(struct run *r)
{
	arena_wipe(&r->arena);
	mem_wipe(r, sizeof(*r));
}

enum step
run_fail(struct run *r, enum signin_why why)
{
	if (r->why == SIGNIN_WHY_NONE)
		r->why = why;
	return STEP_FAIL;
}

void
run_ask(struct run *r, struct slice method, const char *url)
{
	r->errand = (struct errand){ .method = method, .url = slice_of(url) };
}

void
run_header(struct run *r, struct slice name, struct slice value)
{
	CHECK(r->errand.nhdr < ERRAND_HDRS);
	r->errand.hdr[r->errand.nhdr++] = (struct http_hdr){ name, value };
}

/* --- answers ---------------------------------------------------------- */

/* An endpoint that echoes what it was sent must not speak through us. */
static bool
holds(struct slice s, struct slice code)
{
	return s.len >= code.len &&
	       memmem(s.p, s.len, code.p, code.len) != NULL;
}

static bool
echoes(const struct run *r, struct slice code)
{
	unsigned i;

	for (i = 0; i < r->errand.nhdr; i++) {
		if (holds(r->errand.hdr[i].value, code))
			return true;
	}
	return holds(r->errand.body, code) || holds(r->errand.url, code);
}

bool
run_plain(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '+' ||
			c == '=' || c == ',' || c == '.' || c == '@' ||
			c == '-'))
			return false;
	}
	return s.len > 0;
}

void
run_code(struct run *r, struct slice code)
{
	size_t i;

	if (code.len == 0 || code.len >= RUN_CODE || echoes(r, code))
		return;
	for (i = 0; i < code.len; i++) {
		const char c = code.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '.'))
			return;
	}
	memcpy(r->code, code.p, code.len);
	r->code[code.len] = '\0';
}

/* OAuth's "error", Entra's number beside it, Google's object. */
static void
read_code(struct run *r, struct slice body)
{
	const struct json *codes, *error;
	struct json *j;
	struct buf b = { 0 };

	if (json_parse(&r->arena, body, &j) != FAULT_NONE)
		return;
	error = json_get(j, "error");
	codes = json_get(j, "error_codes");
	if (codes != NULL && codes->child != NULL &&
	    codes->child->type == JSON_NUMBER && codes->child->text.len < 12) {
		buf_str(&b, "AADSTS");
		buf_add(&b, codes->child->text);
		run_code(r, buf_slice(&b));
	} else if (error != NULL && error->type == JSON_OBJECT) {
		run_code(r, json_get_str(error, "status"));
	} else {
		run_code(r, json_get_str(j, "error"));
	}
	buf_fini(&b);
}

bool
run_good(struct run *r, const struct run_reply *a)
{
	enum signin_why why = SIGNIN_WHY_NONE;

	r->status = a->status;
	if (a->status >= 300 && a->status < 400)
		why = SIGNIN_WHY_REDIRECT;
	else if (a->status == 429)
		why = SIGNIN_WHY_THROTTLED;
	else if (a->status >= 500)
		why = SIGNIN_WHY_STATUS;
	else if (a->html)
		why = SIGNIN_WHY_HTML;
	else if (a->status != 200)
		why = SIGNIN_WHY_REFUSED;
	if (why == SIGNIN_WHY_NONE)
		return true;
	if (!a->html)
		read_code(r, a->body);
	(void)run_fail(r, why);
	return false;
}

const struct json *
run_json(struct run *r, const struct run_reply *a)
{
	struct json *j;

	if (!run_good(r, a))
		return NULL;
	if (json_parse(&r->arena, a->body, &j) == FAULT_NONE &&
	    j->type == JSON_OBJECT)
		return j;
	(void)run_fail(r, SIGNIN_WHY_GARBAGE);
	return NULL;
}

int64_t
run_seconds(const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);
	uint64_t n;

	if (v == NULL || (v->type != JSON_NUMBER && v->type != JSON_STRING) ||
	    !slice_u64(v->text, &n) || n > INT64_C(400) * 86400)
		return 0;
	return (int64_t)n;
}

/* RFC 6750 2.1: what may follow "Bearer ". */
static bool
token_formed(struct slice t)
{
	size_t i;

	for (i = 0; i < t.len; i++) {
		if (t.p[i] <= 0x20 || t.p[i] >= 0x7f)
			return false;
	}
	return t.len > 0;
}

enum step
run_bearer(struct run *r, struct slice token, int64_t lifetime_s)
{
	const struct slice part[] = { S_INIT("Bearer "), token };

	if (!token_formed(token))
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	if (token.len + 16 > WALLET_ROOM)
		return run_fail(r, SIGNIN_WHY_SIZE);
	if (lifetime_s <= 0)
		return run_fail(r, SIGNIN_WHY_STALE);
	r->kind = PASS_BEARER;
	r->part[0] = arena_join(&r->arena, part, NELEM(part));
	r->lifetime_s = lifetime_s;
	return STEP_DONE;
}

/* --- making requests ---------------------------------------------------- */

struct slice
run_read(struct arena *a, const char *path)
{
	struct slice out = S("");
	ssize_t n = -1;
	char *room;
	int fd;

	if (path == NULL)
		return out;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return out;
	room = arena_new(a, RUN_FILE_MAX + 1);
	n = read(fd, room, RUN_FILE_MAX + 1);
	close(fd);
	if (n > 0 && n <= RUN_FILE_MAX)
		out = (struct slice){ room, (size_t)n };
	while (out.len > 0 &&
	       (out.p[out.len - 1] == '\n' || out.p[out.len - 1] == '\r' ||
		   out.p[out.len - 1] == ' '))
		out.len--;
	return out;
}

struct slice
run_file(struct run *r, const char *path)
{
	return run_read(&r->arena, path);
}

void
run_quote(struct buf *b, struct slice s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] != '\0' && strchr(plain, s.p[i]) != NULL)
			buf_char(b, s.p[i]);
		else
			buf_fmt(b, "%%%02X", (unsigned)(unsigned char)s.p[i]);
	}
}

void
run_form(struct buf *b, const char *name, struct slice value)
{
	if (b->len > 0 && b->p[b->len - 1] != '?')
		buf_char(b, '&');
	buf_str(b, name);
	buf_char(b, '=');
	run_quote(b, value);
}

struct slice
run_take(struct run *r, struct buf *b)
{
	const struct slice out = arena_copy(&r->arena, buf_slice(b));

	if (b->p != NULL)
		mem_wipe(b->p, b->cap);
	buf_fini(b);
	return out;
}

struct slice
run_jwt(struct run *r, struct slice head, struct slice claims, struct slice pem,
    bool pss)
{
	struct rsasig *k = rsasig_new(pem, NULL);
	uint8_t raw[RSASIG_MAX];
	struct buf b = { 0 };
	size_t len;

	if (k == NULL) {
		(void)run_fail(r, SIGNIN_WHY_SETUP);
		return S("");
	}
	text_base64url_write(&b, head);
	buf_char(&b, '.');
	text_base64url_write(&b, claims);
	len =
	    rsasig_sign(k, pss ? RSASIG_PSS : RSASIG_PKCS1, buf_slice(&b), raw);
	rsasig_free(&k);
	buf_char(&b, '.');
	text_base64url_write(&b, (struct slice){ (char *)raw, len });
	return run_take(r, &b);
}
