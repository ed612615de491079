#include "main/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/date.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "httpio/client.h"
#include "io/address.h"
#include "io/loop.h"
#include "io/tls.h"
#include "main/config.h"
#include "main/value.h"

enum { ANSWER_MAX = 256 * 1024 * 1024, CREDENTIAL_MAX = 512 };
#define TOTAL_NS (120 * NS_PER_S)

/* --- where ----------------------------------------------------------- */

bool
where_demo(struct buf *out)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (data != NULL && data[0] == '/')
		buf_fmt(out, "%s/kontor-demo", data);
	else if (home != NULL && home[0] == '/')
		buf_fmt(out, "%s/.local/share/kontor-demo", home);
	return out->len > 0;
}

static bool
is_running(struct buf *dir)
{
	const size_t len = dir->len;
	bool there;

	buf_str(dir, "/run.json");
	there = access(buf_cstr(dir), R_OK) == 0;
	dir->len = len;
	return there;
}

bool
where_dir(const struct where *w, struct buf *out)
{
	if (w->dir != NULL) {
		buf_str(out, w->dir);
		return true;
	}
	if (w->config != NULL)
		return config_data_dir(w->config, out);
	if (access("kontor.yaml", R_OK) == 0)
		return config_data_dir("kontor.yaml", out);
	if (where_demo(out) && is_running(out))
		return true;
	fprintf(stderr, "kontor: which instance?\n"
			"  hint: give -c FILE, --dir DIR or --admin URL\n");
	return false;
}

struct target {
	struct url_parts url;
	struct buf text; /* what url borrows from, ended by a NUL */
	char host[256];
	char credential[CREDENTIAL_MAX];
	/* Of the instance beside us: its certificate need not say 127.0.0.1,
	 * its data_dir says which key is its own. */
	char pin[65];
};

static bool
complain(const char *what, const char *about)
{
	fprintf(stderr, "kontor: %s: %s\n", about, what);
	return false;
}

/* The faults of a call speak of a provider; here it is the instance. */
static bool
complain_of(enum fault why, const char *url)
{
	const struct slice them = S("the provider");
	const char *text = fault_get(why)->text;
	const bool said = slice_starts(slice_of(text), them);

	fprintf(stderr, "kontor: %s: %s%s\n", url, said ? "the instance" : "",
	    said ? text + them.len : text);
	return false;
}

static bool
take_url(struct target *t, const char *url)
{
	const char *why;

	buf_str(&t->text, url);
	why = value_url(slice_of(buf_cstr(&t->text)), &t->url);
	if (why != NULL)
		return complain(why, url);
	if (t->url.host.len >= sizeof(t->host))
		return complain("its host is too long", url);
	memcpy(t->host, t->url.host.p, t->url.host.len);
	t->host[t->url.host.len] = '\0';
	return true;
}

static void
take_credential(struct target *t, struct slice s)
{
	if (s.len >= sizeof(t->credential))
		s.len = 0;
	memcpy(t->credential, s.p, s.len);
	t->credential[s.len] = '\0';
}

static bool
take_pin(struct target *t, struct slice s)
{
	if (s.len >= sizeof(t->pin))
		s.len = 0;
	memcpy(t->pin, s.p, s.len);
	t->pin[s.len] = '\0';
	return true;
}

static bool
not_running(const char *dir)
{
	fprintf(stderr,
	    "kontor: no instance runs in %s\n"
	    "  hint: start one with kontor serve, or give --admin URL\n",
	    dir);
	return false;
}

/* run.json says where, admin.token lets in. */
static bool
from_dir(struct target *t, const struct where *w, const char *dir)
{
	struct buf path = { 0 }, text = { 0 };
	struct arena a = { 0 };
	struct json *j;
	bool good;

	buf_fmt(&path, "%s/run.json", dir);
	good = config_file_read(buf_cstr(&path), 65536, &text) &&
	       json_parse(&a, buf_slice(&text), &j) == FAULT_NONE;
	good = good ? take_url(t, arena_str(&a, json_get_str(j, "admin"))) &&
			  take_pin(t, json_get_str(j, "admin_pin"))
		    : not_running(dir);
	buf_clear(&path);
	buf_clear(&text);
	buf_fmt(&path, "%s/admin.token", dir);
	if (good && w->key == NULL) {
		good =
		    config_file_read(buf_cstr(&path), CREDENTIAL_MAX, &text) ||
		    complain(strerror(errno), path.p);
		if (good)
			take_credential(t, buf_slice(&text));
	}
	arena_fini(&a);
	buf_fini(&path);
	buf_fini(&text);
	return good;
}

static bool
find_target(const struct where *w, struct target *t)
{
	const char *url = w->admin, *key = w->key;
	struct buf dir = { 0 };
	bool good;

	if (url == NULL && w->config == NULL && w->dir == NULL)
		url = getenv("KONTOR_ADMIN");
	if (url != NULL && key == NULL)
		key = getenv("KONTOR_ADMIN_KEY");
	if (key != NULL)
		take_credential(t, slice_of(key));
	if (url != NULL)
		return take_url(t, url);
	good = where_dir(w, &dir) && from_dir(t, w, buf_cstr(&dir));
	buf_fini(&dir);
	return good;
}

/* --- one call -------------------------------------------------------- */

struct talk {
	struct asked *answer;
	enum fault fault;
	bool over, too_large;
};

static void
on_send(struct call *c)
{
	(void)c;
}

static void
on_head(struct call *c, const struct http_head *head)
{
	struct talk *t = call_user(c);

	t->answer->status = head->status;
}

static void
on_body(struct call *c, struct slice data, bool last)
{
	struct talk *t = call_user(c);

	if (t->answer->text.len + data.len > ANSWER_MAX)
		t->too_large = true;
	else
		buf_add(&t->answer->text, data);
	t->over = last;
}

static void
on_fail(struct call *c, enum fault why)
{
	struct talk *t = call_user(c);

	t->fault = why;
	t->over = true;
}

static const struct call_ops ops = {
	.on_send = on_send,
	.on_head = on_head,
	.on_body = on_body,
	.on_fail = on_fail,
};

static void
fill_head(struct http_head *h, const struct target *t, const char *method,
    struct slice target, struct buf *bearer, struct buf *once)
{
	uint8_t raw[16];

	h->method = slice_of(method);
	h->target = target;
	http_add(h, S("accept"), S("application/json"));
	if (t->credential[0] != '\0') {
		buf_fmt(bearer, "Bearer %s", t->credential);
		http_add(h, S("authorization"), buf_slice(bearer));
	}
	if (method[0] != 'G') {
		random_bytes(raw, sizeof(raw));
		buf_hex(once, raw, sizeof(raw));
		http_add(h, S("content-type"), S("application/json"));
		http_add(h, S("idempotency-key"), buf_slice(once));
	}
}

/* Until the answer is whole, too large, or not to be had. */
static void
run_spec(struct talk *talk, struct call_spec *spec)
{
	struct loop *loop = loop_new();
	struct client *client = client_new(loop, &client_limits_default);
	struct call *call;

	spec->connect_ns = 5 * NS_PER_S;
	spec->first_byte_ns = 60 * NS_PER_S;
	spec->idle_ns = 30 * NS_PER_S;
	spec->total_at_ns = clock_mono_ns() + TOTAL_NS;
	spec->user = talk;
	call = call_open(client, spec, &ops);
	while (!talk->over && !talk->too_large)
		loop_turn(loop, -1);
	if (!talk->over)
		call_cancel(&call);
	client_free(&client);
	loop_free(&loop);
}

static void
run_call(struct talk *talk, const struct target *t, const char *method,
    const char *path, struct slice body)
{
	const struct tls_terms terms = {
		.id = "own", .pins = t->pin, .only_pins = true
	};
	const struct origin origin = {
		.host = t->host,
		.port = t->url.port,
		.tls = t->url.tls,
		.literal = true, /* the operator named this very place */
		.allow_private = true,
		.terms = t->pin[0] != '\0' ? &terms : NULL,
	};
	struct http_head head = { 0 };
	struct call_spec spec = {
		.origin = &origin,
		.head = &head,
		.body = &body,
		.nbody = body.len > 0,
	};
	struct buf bearer = { 0 }, target = { 0 }, once = { 0 };

	buf_add(&target, t->url.path);
	buf_str(&target, path);
	fill_head(&head, t, method, buf_slice(&target), &bearer, &once);
	run_spec(talk, &spec);
	buf_fini(&bearer);
	buf_fini(&target);
	buf_fini(&once);
}

static void
parse_answer(struct asked *a)
{
	struct json *j;

	if (json_parse(&a->arena, buf_slice(&a->text), &j) == FAULT_NONE)
		a->json = j;
}

bool
ask(const struct where *w, const char *method, const char *path,
    struct slice body, struct asked *out)
{
	struct talk talk = { .answer = out };
	struct target t = { 0 };
	bool good;

	*out = (struct asked){ 0 };
	good = find_target(w, &t);
	if (good) {
		run_call(&talk, &t, method, path, body);
		if (talk.fault != FAULT_NONE)
			good = complain_of(talk.fault, t.text.p);
		else if (talk.too_large)
			good = complain("the answer is too large", t.text.p);
		else
			parse_answer(out);
	}
	mem_wipe(t.credential, sizeof(t.credential));
	buf_fini(&t.text);
	return good;
}

enum fault
ask_place(const struct origin *origin, const struct http_head *head,
    struct asked *out)
{
	struct talk talk = { .answer = out };
	struct call_spec spec = { .origin = origin, .head = head };

	*out = (struct asked){ 0 };
	run_spec(&talk, &spec);
	if (talk.fault == FAULT_NONE && talk.too_large)
		return FAULT_UP_GARBAGE;
	if (talk.fault == FAULT_NONE)
		parse_answer(out);
	return talk.fault;
}

bool
ask_good(const struct where *w, const char *method, const char *path,
    struct slice body, struct asked *out)
{
	struct slice title, detail;

	if (!ask(w, method, path, body, out))
		return false;
	if (out->status >= 200 && out->status < 300)
		return true;
	title = json_get_str(out->json, "title");
	detail = json_get_str(out->json, "detail");
	if (title.len > 0)
		fprintf(stderr, "kontor: %.*s%s%.*s\n", S_FMT(title),
		    detail.len > 0 ? ": " : "", S_FMT(detail));
	else
		fprintf(stderr, "kontor: the instance answers with %d\n",
		    out->status);
	return false;
}

void
asked_fini(struct asked *a)
{
	if (a->text.p != NULL)
		mem_wipe(a->text.p, a->text.len);
	buf_fini(&a->text);
	arena_fini(&a->arena);
}

void
ask_query(struct buf *path, const char *name, struct slice value)
{
	const bool more = memchr(path->p, '?', path->len) != NULL;

	buf_char(path, more ? '&' : '?');
	buf_str(path, name);
	buf_char(path, '=');
	text_percent_write(path, value, ',');
}

bool
ask_time(struct buf *path, const char *name, const char *value)
{
	char text[32];
	struct tm tm;
	int64_t ns;
	time_t t;

	if (value == NULL)
		return true;
	if (value_span(slice_of(value), &ns))
		ns = ns < clock_wall_ns() ? clock_wall_ns() - ns : 0;
	else if (!date_parse(slice_of(value), &ns)) {
		fprintf(
		    stderr, "kontor: --%s does not take \"%s\"\n", name, value);
		return false;
	}
	t = (time_t)(ns / NS_PER_S);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	ask_query(path, name, slice_of(text));
	return true;
}
