#include "main/transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "io/address.h"
#include "io/tls.h"
#include "io/tls_server.h"
#include "main/config.h"
#include "main/secret.h"
#include "main/value.h"
#include "main/yaml.h"
#include "model/proxy.h"
#include "model/snapshot.h"

enum { PEM_MAX = 1024 * 1024, AUTH_MAX = 512 };

/* --- files and secrets ------------------------------------------------- */

static const struct ynode *
scalar(const struct ynode *n, const char *rel)
{
	const struct ynode *at = ynode_find(n, rel);

	return at != NULL && at->kind == YNODE_SCALAR ? at : NULL;
}

static const char *
absolute(const struct transport *t, struct slice path)
{
	if (slice_starts(path, S("./")))
		path = (struct slice){ path.p + 2, path.len - 2 };
	if (path.len > 0 && path.p[0] == '/')
		return arena_str(t->arena, path);
	return arena_fmt(t->arena, "%s/%.*s", t->dir, S_FMT(path));
}

/* The file's text; NULL: not said, or it cannot be read, which is reported. */
static const char *
read_pem(const struct transport *t, const struct ynode *at)
{
	struct buf text = { 0 };
	const char *path, *out = NULL;

	if (at == NULL)
		return NULL;
	path = absolute(t, at->text);
	if (config_file_read(path, PEM_MAX, &text))
		out = arena_str(t->arena, buf_slice(&text));
	else
		report_add(t->report, at->at,
		    "it must be readable by the user that kontor runs as",
		    "the file %s cannot be used: %s", path, strerror(errno));
	buf_fini(&text);
	return out;
}

static const char *
read_key(const struct transport *t, const struct ynode *at)
{
	struct secret_why why;
	const char *out = NULL;

	if (at == NULL)
		return NULL;
	if (!secret_resolve_text(t->arena, t->dir, at->text, &out, &why))
		report_add(t->report, at->at, why.hint, "%s", why.text);
	return out;
}

static void
add_text(struct digest *d, const char *s)
{
	if (s != NULL)
		digest_add(d, slice_of(s));
	digest_add(d, (struct slice){ "", 1 });
}

static const char *
hex(const struct transport *t, struct digest *d, size_t len)
{
	uint8_t sum[DIGEST_LEN];
	char text[DIGEST_HEX + 1];

	digest_end(d, sum);
	digest_hex(sum, text);
	return arena_str(t->arena, (struct slice){ text, len });
}

/* --- listeners --------------------------------------------------------- */

#define CERTIFICATES "tls.certificates"

/* A list, or one that stands for a list of it. */
static const struct ynode *
first_of(const struct ynode *list)
{
	if (list == NULL)
		return NULL;
	return list->kind == YNODE_MAP ? list : list->child;
}

static const struct ynode *
next_of(const struct ynode *list, const struct ynode *n)
{
	return list->kind == YNODE_MAP ? NULL : n->next;
}

static bool
take_pairs(
    const struct transport *t, const struct ynode *list, struct door_conf *door)
{
	struct door_pair *pair = ARENA_ARRAY(t->arena, struct door_pair,
	    list->kind == YNODE_MAP ? 1 : list->n + 1);
	const struct ynode *n;
	bool good = true;

	door->pair = pair;
	for (n = first_of(list); n != NULL; n = next_of(list, n)) {
		if (n->kind != YNODE_MAP)
			continue;
		pair->chain = read_pem(t, scalar(n, "certificate"));
		pair->key = read_key(t, scalar(n, "private_key"));
		good = good && pair->chain != NULL && pair->key != NULL;
		pair++;
		door->n++;
	}
	return good && door->n > 0; /* what is missing is reported */
}

static const struct ynode *
nth(const struct ynode *list, unsigned i)
{
	const struct ynode *n = first_of(list);

	while (i-- > 0 && next_of(list, n) != NULL)
		n = next_of(list, n);
	return n;
}

/* Makes it as the handshake will, and says where it fails. */
static void
try_door(const struct transport *t, const struct ynode *n,
    const struct door_conf *door)
{
	struct tls_pair *pair =
	    ARENA_ARRAY(t->arena, struct tls_pair, door->n + 1);
	const struct tls_server_spec spec = {
		.pair = pair,
		.npairs = door->n,
		.clients = (enum tls_clients)door->clients,
		.client_ca = door->client_ca,
	};
	const struct ynode *list = ynode_find(n, CERTIFICATES), *at = n;
	struct tls_server_why why = { 0 };
	struct tls_server *made;
	unsigned i;

	for (i = 0; i < door->n; i++)
		pair[i] =
		    (struct tls_pair){ door->pair[i].chain, door->pair[i].key };
	made = tls_server_new(&spec, &why);
	if (made != NULL) {
		tls_server_unref(&made);
		return;
	}
	if (why.part == TLS_PART_CLIENT_CA)
		at = scalar(n, "tls.client_ca_file");
	else
		at = scalar(nth(list, why.pair),
		    why.part == TLS_PART_KEY ? "private_key" : "certificate");
	report_add(t->report, at->at,
	    why.part == TLS_PART_KEY
		? "a key in PEM without a passphrase, of the certificate "
		  "beside it"
		: NULL,
	    "%s", why.text);
}

static void
take_clients(
    const struct transport *t, const struct ynode *n, struct door_conf *door)
{
	const struct ynode *how = scalar(n, "tls.client_certificates");
	const struct ynode *ca = scalar(n, "tls.client_ca_file");

	if (how != NULL && slice_eq(how->text, S("optional")))
		door->clients = TLS_CLIENTS_OPTIONAL;
	else if (how != NULL && slice_eq(how->text, S("required")))
		door->clients = TLS_CLIENTS_MUST;
	if (door->clients == TLS_CLIENTS_NONE && ca != NULL)
		report_add(t->report, ca->key_at,
		    "client_certificates: required",
		    "nobody is asked for a certificate, so nothing is "
		    "trusted by client_ca_file");
	else if (door->clients != TLS_CLIENTS_NONE && ca == NULL)
		report_add(t->report, how->key_at,
		    "client_ca_file: clients-ca.pem",
		    "client_certificates needs client_ca_file: who issues "
		    "them");
	else
		door->client_ca = read_pem(t, ca);
}

/* In words, for plan; they change when a certificate does. */
static const char *
describe(const struct transport *t, const struct door_conf *door)
{
	static const char *const clients[] = { "",
		", client certificates "
		"optional",
		", client certificates required" };
	struct digest d;
	unsigned i;

	digest_init(&d);
	for (i = 0; i < door->n; i++) {
		add_text(&d, door->pair[i].chain);
		add_text(&d, door->pair[i].key);
	}
	add_text(&d, door->client_ca);
	return arena_fmt(t->arena, "TLS %s, %u certificate%s (%s)%s",
	    door->only_13 ? "1.3" : "1.2", door->n, door->n == 1 ? "" : "s",
	    hex(t, &d, 16), clients[door->clients]);
}

/* n: of the listener; what it speaks, in words. */
static const char *
take_door(
    const struct transport *t, const struct ynode *n, struct door_conf *door)
{
	const struct ynode *tls = n != NULL ? ynode_find(n, "tls") : NULL;
	const struct ynode *list, *min;
	const unsigned before = t->report->n;

	if (tls == NULL || tls->kind != YNODE_MAP)
		return "";
	list = ynode_find(n, CERTIFICATES);
	min = scalar(n, "tls.min_version");
	door->only_13 = min != NULL && slice_eq(min->text, S("1.3"));
	take_clients(t, n, door);
	if (list == NULL || !take_pairs(t, list, door) || t->report->n > before)
		return "";
	try_door(t, n, door);
	return describe(t, door);
}

static const char *
pin_of(const struct transport *t, const struct door_conf *door)
{
	uint8_t sum[DIGEST_LEN];
	char text[DIGEST_HEX + 1];

	if (door->n == 0 || door->pair[0].chain == NULL ||
	    !tls_pin_of(door->pair[0].chain, sum))
		return "";
	digest_hex(sum, text);
	return arena_str(t->arena, (struct slice){ text, DIGEST_HEX });
}

/* --- proxies ----------------------------------------------------------- */

static void
add_base64(struct buf *b, struct slice s)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t v;
	size_t i, k, have;

	for (i = 0; i < s.len; i += 3) {
		have = s.len - i < 3 ? s.len - i : 3;
		for (v = 0, k = 0; k < 3; k++)
			v = v << 8 |
			    (k < have ? (unsigned char)s.p[i + k] : 0u);
		for (k = 0; k < 4; k++)
			buf_char(b,
			    k <= have ? digits[v >> (18 - 6 * k) & 63] : '=');
	}
}

static const char *
basic(const struct transport *t, struct slice user, struct slice password)
{
	struct buf plain = { 0 }, out = { 0 };
	const char *kept;

	buf_add(&plain, user);
	buf_char(&plain, ':');
	buf_add(&plain, password);
	buf_str(&out, "Basic ");
	add_base64(&out, buf_slice(&plain));
	kept = arena_str(t->arena, buf_slice(&out));
	mem_wipe(plain.p, plain.len);
	buf_fini(&plain);
	buf_fini(&out);
	return kept;
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %40 and the like in user:password of a URL. */
static struct slice
unescape(const struct transport *t, struct slice s)
{
	char *out = ARENA_ARRAY(t->arena, char, s.len + 1);
	size_t i, n = 0;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '%' && i + 2 < s.len && nibble(s.p[i + 1]) >= 0 &&
		    nibble(s.p[i + 2]) >= 0) {
			out[n++] = (char)(nibble(s.p[i + 1]) << 4 |
					  nibble(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return (struct slice){ out, n };
}

struct proxy {
	const char *host, *auth;
	uint16_t port;
};

/* What is wrong, in words; NULL: nothing. */
static const char *
check_proxy(const struct url_parts *u)
{
	if (u->tls)
		return "a proxy is spoken to in plain HTTP: http://";
	return u->path.len > 0 ? "a proxy's address has no path" : NULL;
}

/*
 * "http://user:password@proxy:3128", "proxy:3128": as the environment says
 * it.  NULL, or what is wrong with it.
 */
static const char *
environment_url(const struct transport *t, const char *text, struct proxy *out)
{
	struct slice s = slice_of(text), user = { NULL, 0 }, password = S("");
	struct url_parts u;
	const char *at, *bad;

	if (slice_starts(s, S("http://")))
		s = (struct slice){ s.p + 7, s.len - 7 };
	else if (memmem(s.p, s.len, "://", 3) != NULL)
		return "a proxy is spoken to in plain HTTP: http://";
	at = s.len > 0 ? memrchr(s.p, '@', s.len) : NULL;
	if (at != NULL) {
		user = (struct slice){ s.p, (size_t)(at - s.p) };
		s = (struct slice){ at + 1, s.len - user.len - 1 };
		(void)slice_cut(user, ':', &user, &password);
	}
	s = slice_of(arena_fmt(t->arena, "http://%.*s", S_FMT(s)));
	bad = value_url(s, &u);
	if (bad == NULL)
		bad = check_proxy(&u);
	if (bad != NULL)
		return bad;
	out->host = arena_str(t->arena, u.host);
	out->port = u.port;
	if (at != NULL)
		out->auth = basic(t, unescape(t, user), unescape(t, password));
	return NULL;
}

static const char *
env_of(const char *small, const char *large)
{
	const char *v = getenv(small);

	if (v == NULL)
		v = getenv(large);
	return v != NULL && v[0] != '\0' ? v : NULL;
}

static void
take_environment(const struct transport *t, struct snapshot *s)
{
	const char *url = env_of("https_proxy", "HTTPS_PROXY");
	const char *no = env_of("no_proxy", "NO_PROXY"), *bad;
	struct proxy p = { "", NULL, 0 };

	s->no_proxy = no != NULL ? arena_str(t->arena, slice_of(no)) : "";
	bad = url != NULL ? environment_url(t, url, &p) : NULL;
	if (bad != NULL)
		report_add(t->report, (struct mark){ 0, 0 },
		    "https_proxy=http://proxy.example:3128",
		    "the environment's https_proxy cannot be used: %s", bad);
	s->proxy_host = bad == NULL ? p.host : "";
	s->proxy_port = p.port;
	s->proxy_auth = p.auth;
}

static void
take_proxy_auth(
    const struct transport *t, const struct ynode *n, struct provider_conf *p)
{
	const struct ynode *user = scalar(n, "proxy.username");
	const struct ynode *secret = scalar(n, "proxy.password");
	const char *password;
	struct secret_why why;

	if (user == NULL && secret == NULL)
		return;
	if (user == NULL || secret == NULL) {
		report_add(t->report, (user != NULL ? user : secret)->key_at,
		    "proxy: {url: ..., username: ..., password: "
		    "\"${PROXY_PASSWORD}\"}",
		    "username and password go together");
		return;
	}
	if (!secret_resolve(t->arena, t->dir, secret->text, &password, &why)) {
		report_add(t->report, secret->at, why.hint, "%s", why.text);
		return;
	}
	if (memchr(user->text.p, ':', user->text.len) != NULL)
		report_add(t->report, user->at, NULL,
		    "a user name of a proxy has no colon in it");
	else if (user->text.len + strlen(password) > AUTH_MAX)
		report_add(t->report, user->at, NULL,
		    "username and password are too long for a header");
	p->proxy_auth = basic(t, user->text, slice_of(password));
}

static void
take_own_proxy(
    const struct transport *t, const struct ynode *n, struct provider_conf *p)
{
	const struct ynode *url = scalar(n, "proxy.url");
	const struct ynode *word = scalar(n, "proxy.direct");
	const bool direct = word != NULL && slice_eq(word->text, S("true"));
	struct url_parts u;
	struct address a;
	const char *bad;

	p->proxy_own = true;
	if ((url != NULL) == direct) {
		report_add(t->report, ynode_find(n, "proxy")->key_at,
		    "proxy: {url: \"http://proxy.example:3128\"}, or "
		    "{direct: true}",
		    "proxy is one of url and direct");
		return;
	}
	if (url == NULL || value_url(url->text, &u) != NULL)
		return; /* reported */
	bad = check_proxy(&u);
	if (bad != NULL)
		report_add(t->report, url->at,
		    "url: \"http://proxy.example:3128\"", "%s", bad);
	p->proxy_host = arena_str(t->arena, u.host);
	p->proxy_port = u.port;
	if (address_parse(&a, p->proxy_host, p->proxy_port) &&
	    address_kind(&a) == ADDRESS_METADATA)
		report_add(t->report, url->at, NULL,
		    "%s is where a cloud keeps credentials; it is never "
		    "dialled",
		    p->proxy_host);
	take_proxy_auth(t, n, p);
}

static void
take_proxy(const struct transport *t, const struct ynode *n,
    const struct snapshot *s, struct provider_conf *p)
{
	const struct ynode *own = ynode_find(n, "proxy");

	if (own != NULL && own->kind == YNODE_MAP) {
		take_own_proxy(t, n, p);
		return;
	}
	if (!p->tls || s->proxy_host[0] == '\0' ||
	    proxy_bypassed(s->no_proxy, slice_of(p->host), p->port))
		return;
	p->proxy_host = s->proxy_host;
	p->proxy_port = s->proxy_port;
	p->proxy_auth = s->proxy_auth;
}

/* --- towards providers ------------------------------------------------- */

static bool
is_name(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '.' ||
			c == '_'))
			return false;
	}
	return s.len > 0 && s.len < 254;
}

static const char *
take_names(const struct transport *t, const struct ynode *list)
{
	struct buf b = { 0 };
	const struct ynode *n;
	const char *out;

	if (list == NULL || list->kind != YNODE_LIST)
		return NULL;
	for (n = list->child; n != NULL; n = n->next) {
		if (n->kind == YNODE_SCALAR && !is_name(n->text))
			report_add(t->report, n->at, "api.example.com",
			    "\"%.*s\" is no name of a host", S_FMT(n->text));
		buf_fmt(&b, "%s%.*s", b.len > 0 ? "," : "", S_FMT(n->text));
	}
	out = arena_str(t->arena, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static int
digit64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* "sha256/BASE64" of 32 bytes, as curl and browsers write it. */
static bool
parse_pin(struct slice s, uint8_t out[DIGEST_LEN])
{
	uint32_t v = 0;
	size_t i, n = 0;
	int d;

	if (!slice_starts(s, S("sha256/")) || s.len != 7 + 44 ||
	    s.p[s.len - 1] != '=')
		return false;
	for (i = 7; i < s.len - 1; i++) {
		d = digit64(s.p[i]);
		if (d < 0)
			return false;
		v = v << 6 | (uint32_t)d;
		if ((i - 7) % 4 == 0)
			continue;
		out[n++] = (uint8_t)(v >> (6 - 2 * ((i - 7) % 4)));
	}
	return n == DIGEST_LEN;
}

static const char *
take_pins(const struct transport *t, const struct ynode *list)
{
	struct buf b = { 0 };
	uint8_t pin[DIGEST_LEN];
	const struct ynode *n;
	const char *out;

	if (list == NULL || list->kind != YNODE_LIST)
		return NULL;
	for (n = list->child; n != NULL; n = n->next) {
		if (n->kind != YNODE_SCALAR)
			continue;
		if (!parse_pin(n->text, pin)) {
			report_add(t->report, n->at,
			    "openssl x509 -pubkey -noout -in cert.pem | "
			    "openssl "
			    "pkey -pubin -outform der | openssl dgst -sha256 "
			    "-binary | base64",
			    "a pin is \"sha256/\" and the SHA-256 of a public "
			    "key in base64");
			continue;
		}
		if (b.len > 0)
			buf_char(&b, ',');
		buf_hex(&b, pin, sizeof(pin));
	}
	out = arena_str(t->arena, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static void
take_client_pair(
    const struct transport *t, const struct ynode *n, struct provider_conf *p)
{
	const struct ynode *cert = scalar(n, "tls.certificate");
	const struct ynode *key = scalar(n, "tls.private_key");
	const struct tls_terms terms = { .cert = NULL };
	struct tls_terms ours = terms;
	const char *bad;

	if (cert == NULL && key == NULL)
		return;
	if (cert == NULL || key == NULL) {
		report_add(t->report, (cert != NULL ? cert : key)->key_at,
		    "tls: {certificate: client.pem, private_key: "
		    "\"file:client.key\"}",
		    "certificate and private_key go together");
		return;
	}
	p->client_chain = ours.cert = read_pem(t, cert);
	p->client_key = ours.key = read_key(t, key);
	if (ours.cert == NULL || ours.key == NULL)
		return; /* reported */
	bad = tls_terms_check(&ours);
	if (bad != NULL)
		report_add(t->report, cert->at, NULL, "%s", bad);
}

static void
take_ca(
    const struct transport *t, const struct ynode *n, struct provider_conf *p)
{
	const struct ynode *at = scalar(n, "ca_file");
	struct tls_terms terms = { .cert = NULL };
	const char *bad;

	if (at == NULL)
		return;
	p->ca_file = absolute(t, at->text);
	p->ca_pem = terms.ca = read_pem(t, at);
	bad = terms.ca != NULL ? tls_terms_check(&terms) : NULL;
	if (bad != NULL)
		report_add(t->report, at->at, NULL, "%s", bad);
}

static void
check_plain(const struct transport *t, const struct ynode *n,
    const struct provider_conf *p)
{
	const struct ynode *tls = ynode_find(n, "tls");

	if (tls != NULL && !p->tls && p->host[0] != '\0')
		report_add(t->report, tls->key_at, "base_url: \"https://...\"",
		    "tls says something about TLS, and this provider is "
		    "reached over plain http");
}

void
transport_provider(const struct transport *t, const struct ynode *n,
    const struct snapshot *s, struct provider_conf *p)
{
	struct digest d;

	take_ca(t, n, p);
	take_client_pair(t, n, p);
	p->tls_names = take_names(t, ynode_find(n, "tls.names"));
	p->tls_pins = take_pins(t, ynode_find(n, "tls.pins"));
	check_plain(t, n, p);
	take_proxy(t, n, s, p);
	if (p->ca_pem == NULL && p->client_chain == NULL &&
	    p->tls_names == NULL && p->tls_pins == NULL)
		return;
	digest_init(&d);
	add_text(&d, p->ca_pem);
	add_text(&d, p->client_chain);
	add_text(&d, p->client_key);
	add_text(&d, p->tls_names);
	add_text(&d, p->tls_pins);
	p->tls_id = hex(t, &d, 32);
}

void
transport_take(
    const struct transport *t, const struct ynode *root, struct snapshot *s)
{
	s->gateway_tls =
	    take_door(t, ynode_find(root, "listen.gateway"), &s->gateway_door);
	s->admin_tls =
	    take_door(t, ynode_find(root, "listen.admin"), &s->admin_door);
	s->gateway_pin = pin_of(t, &s->gateway_door);
	s->admin_pin = pin_of(t, &s->admin_door);
	take_environment(t, s);
}
