#include "admin/session.h"

#include "admin/control_priv.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "httpio/server.h"
#include "model/ident.h"
#include "shm/key.h"

#define COOKIE "kontor_session"

enum { TOKEN_BYTES = 24, TOKEN_TEXT = 2 * TOKEN_BYTES };

struct session {
	struct session *next;
	char token[TOKEN_TEXT + 1];
	uint64_t key; /* 0: the local token */
	enum role role;
	bool is_link;
	int64_t until_ns; /* monotonic */
};

struct sessions {
	struct session *first;
	unsigned n;
};

struct sessions *
sessions_new(void)
{
	return NEW(struct sessions);
}

static void
drop(struct sessions *all, struct session **at)
{
	struct session *s = *at;

	*at = s->next;
	all->n--;
	mem_wipe(s->token, sizeof(s->token));
	mem_free(s);
}

void
sessions_free(struct sessions **sp)
{
	while ((*sp)->first != NULL)
		drop(*sp, &(*sp)->first);
	mem_free(*sp);
	*sp = NULL;
}

/* Those that are over, and the oldest when there are too many. */
static void
expire(struct sessions *all)
{
	const int64_t now = clock_mono_ns();
	struct session **at = &all->first;

	while (*at != NULL) {
		if ((*at)->until_ns <= now)
			drop(all, at);
		else
			at = &(*at)->next;
	}
	for (at = &all->first; all->n >= SESSIONS_MAX; at = &all->first) {
		while ((*at)->next != NULL)
			at = &(*at)->next;
		drop(all, at);
	}
}

static struct session *
add(struct sessions *all, uint64_t key, enum role role, bool is_link)
{
	struct session *s = NEW(struct session);
	uint8_t bytes[TOKEN_BYTES];
	struct buf text = { 0 };

	expire(all);
	random_bytes(bytes, sizeof(bytes));
	buf_hex(&text, bytes, sizeof(bytes));
	memcpy(s->token, text.p, TOKEN_TEXT);
	mem_wipe(text.p, text.len);
	buf_fini(&text);
	s->key = key;
	s->role = role;
	s->is_link = is_link;
	s->until_ns =
	    clock_mono_ns() + (is_link ? LINK_S : SESSION_IDLE_S) * NS_PER_S;
	s->next = all->first;
	all->first = s;
	all->n++;
	return s;
}

static struct session **
find(struct sessions *all, struct slice token, bool is_link)
{
	struct session **at;

	for (at = &all->first; *at != NULL; at = &(*at)->next) {
		if ((*at)->is_link == is_link && token.len == TOKEN_TEXT &&
		    digest_equal(token.p, (*at)->token, TOKEN_TEXT))
			return (*at)->until_ns > clock_mono_ns() ? at : NULL;
	}
	return NULL;
}

/* --- who asks ------------------------------------------------------------- */

struct slice
session_token(const struct http_head *h)
{
	struct slice rest = http_value(h, S("cookie")), one, name, value;

	while (rest.len > 0) {
		if (!slice_cut(rest, ';', &one, &rest)) {
			one = rest;
			rest.len = 0;
		}
		if (slice_cut(slice_trim(one), '=', &name, &value) &&
		    slice_eq(name, S(COOKIE)))
			return value;
	}
	return S("");
}

static bool
is_safe(const struct http_head *h)
{
	return slice_eq(h->method, S("GET")) || slice_eq(h->method, S("HEAD"));
}

/* The key it was opened with may have been revoked, or have expired. */
static bool
still_good(const struct control *c, const struct session *s)
{
	const struct shm_key *k;

	if (s->key == 0)
		return true;
	k = key_find(&c->shm, s->key);
	return k != NULL && key_live(k, clock_wall_ns()) && k->is_admin;
}

enum fault
session_role(
    const struct control *c, const struct http_head *h, enum role *role)
{
	struct session **at = find(c->sessions, session_token(h), false);

	if (at == NULL)
		return FAULT_KEY;
	if (!still_good(c, *at)) {
		drop(c->sessions, at);
		return FAULT_KEY;
	}
	if (!is_safe(h) && http_find(h, S("x-kontor-console")) == NULL)
		return FAULT_FORBIDDEN;
	(*at)->until_ns = clock_mono_ns() + SESSION_IDLE_S * NS_PER_S;
	*role = (*at)->role;
	return FAULT_NONE;
}

/* --- routes --------------------------------------------------------------- */

static void
set_cookie(struct api *a, const char *token, int64_t seconds)
{
	a->cookie = slice_of(arena_fmt(&a->arena,
	    COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
	    token, (long long)seconds,
	    a->c->snapshot->admin_tls[0] != '\0' ? "; Secure" : ""));
}

static void
answer(struct api *a, const struct session *s)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "role", S("admin"));
	json_w_key(&b, "key");
	if (s == NULL || s->key == 0) {
		json_w_null(&b);
	} else {
		char text[KEY_ID_TEXT + 1];

		key_id_write(s->key, text);
		json_w_str(&b, slice_of(text));
	}
	json_w_ki64(&b, "idle_seconds", SESSION_IDLE_S);
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

/* Of a credential that was found good; 0: the local token. */
static uint64_t
key_of(struct slice credential)
{
	struct slice secret;
	uint64_t id;

	return key_parse(credential, &id, &secret) ? id : 0;
}

static void
begin(struct api *a, uint64_t key, enum role role)
{
	struct session *s = add(a->c->sessions, key, role, false);

	set_cookie(a, s->token, SESSION_IDLE_S);
	answer(a, s);
}

static void
begin_by_link(struct api *a, struct slice link)
{
	struct session **at = find(a->c->sessions, link, true);
	uint64_t key;
	enum role role;

	if (at == NULL) {
		api_fail(a, FAULT_KEY,
		    "this link was used, or is too old: sign in with an admin "
		    "key");
		return;
	}
	key = (*at)->key;
	role = (*at)->role;
	drop(a->c->sessions, at);
	begin(a, key, role);
}

/* {key} or {link}. */
void
session_begin(struct api *a)
{
	const struct slice link = json_get_str(a->body, "link");
	const struct slice text = json_get_str(a->body, "key");
	enum role role;
	enum fault f;

	if (link.len > 0) {
		begin_by_link(a, link);
		return;
	}
	f = control_role(a->c, text, &role);
	if (f == FAULT_NONE && role < ROLE_ADMIN)
		f = FAULT_FORBIDDEN;
	if (f != FAULT_NONE) {
		api_fail(a, f,
		    f == FAULT_FORBIDDEN
			? "this key may call models; the console takes an "
			  "admin key"
			: NULL);
		return;
	}
	begin(a, key_of(text), role);
}

static struct session **
own(struct api *a)
{
	return find(a->c->sessions, session_token(a->x->head), false);
}

void
session_get(struct api *a)
{
	struct session **at = own(a);

	answer(a, at != NULL ? *at : NULL);
}

void
session_end(struct api *a)
{
	struct session **at = own(a);
	struct buf b = { 0 };

	if (at != NULL)
		drop(a->c->sessions, at);
	set_cookie(a, "", 0);
	json_w_begin(&b, '{');
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

/* For whoever may sign in anyway: a browser that is about to be opened. */
void
session_link(struct api *a)
{
	const struct session *s = add(a->c->sessions,
	    key_of(control_credential(a->x->head)), ROLE_ADMIN, true);
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "link", slice_of(s->token));
	json_w_ki64(&b, "seconds", LINK_S);
	json_w_end(&b, '}');
	api_reply(a, 201, &b);
}
