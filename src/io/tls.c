#include "io/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "io/address.h"
#include "io/stream.h"
#include "io/tls_priv.h"
#include "io/tls_server.h"

enum { RECORD_MAX = 16 * 1024, PIN = 32, BUNDLE_MAX = 16 * 1024 * 1024 };

struct trust {
	struct trust *next;
	char *ca_file; /* both NULL: the system store */
	char *pem;
	unsigned users; /* peers */
	SSL_CTX *ctx;   /* NULL: not read yet, or could not be */
};

struct tls_client {
	struct trust *trusts;
	int system_fd; /* -1: not kept */
};

struct tls_peer {
	struct tls_client *client;
	char *host;
	struct trust *trust;
	bool literal;
	bool h2;              /* is offered */
	SSL_SESSION *session; /* the last one given */
	/* terms */
	char *names; /* each ends in a NUL, as the whole does; NULL: host */
	uint8_t (*pin)[PIN];
	unsigned npins;
	bool only_pins;
	STACK_OF(X509) * chain; /* ours; NULL: we show none */
	EVP_PKEY *key;
};

/* --- a BIO over the stream: MSG_NOSIGNAL, and no call that must fail ---- */

static int
bio_write(BIO *b, const char *p, int len)
{
	struct stream *s = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	if (!s->writable) {
		BIO_set_retry_write(b);
		return -1;
	}
	do
		n = send(s->io.fd, p, (size_t)len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		BIO_set_retry_write(b);
	if (n < len && (n >= 0 || errno == EAGAIN))
		s->writable = false;
	return (int)n;
}

static int
bio_read(BIO *b, char *p, int len)
{
	struct stream *s = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	if (s->tls->idle_talk > IDLE_TALK_MAX)
		return -1;
	if (!s->readable) {
		BIO_set_retry_read(b);
		return -1;
	}
	do
		n = recv(s->io.fd, p, (size_t)len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		BIO_set_retry_read(b);
	if ((n < 0 && errno == EAGAIN) || (n > 0 && n < len && !s->hup))
		s->readable = false;
	if (n == 0)
		BIO_set_flags(b, BIO_FLAGS_IN_EOF);
	return (int)n;
}

static long
bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)num, (void)ptr;
	if (cmd == BIO_CTRL_EOF)
		return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
	return cmd == BIO_CTRL_FLUSH;
}

/* A socket without SIGPIPE; one for the process, for its life. */
static const BIO_METHOD *
bio_method(void)
{
	static BIO_METHOD *m;

	if (m != NULL)
		return m;
	m = BIO_meth_new(
	    BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kontor stream");
	CHECK(m != NULL);
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
}

/*
 * New keys, or a new handshake, over and over: work that brings no byte, and
 * OpenSSL takes all of it before it gives the loop back.  Some is lawful (RFC
 * 8446, 4.6.3); what is more ends the connection, in bio_read().  A peer of
 * either side may try.
 */
static void
on_record(int writing, int version, int kind, const void *p, size_t len,
    SSL *ssl, void *arg)
{
	struct tls *t = arg;

	(void)version;
	if (writing != 0 || len == 0 || !SSL_is_init_finished(ssl) ||
	    (kind != SSL3_RT_HEADER && kind != SSL3_RT_INNER_CONTENT_TYPE))
		return;
	if (*(const unsigned char *)p == SSL3_RT_HANDSHAKE)
		t->idle_talk++;
}

struct tls *
tls_lay(struct stream *s, SSL_CTX *ctx)
{
	struct tls *t = NEW(struct tls);
	BIO *bio = BIO_new(bio_method());

	t->ssl = SSL_new(ctx);
	CHECK(t->ssl != NULL && bio != NULL);
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_msg_callback(t->ssl, on_record);
	SSL_set_msg_callback_arg(t->ssl, t);
	s->tls = t;
	return t;
}

void
tls_ctx_common(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_read_ahead(ctx, 1); /* one recv for header and record */
}

const char *
tls_reason(char *text, size_t len)
{
	const unsigned long e = ERR_peek_error();
	const char *why = e != 0 ? ERR_reason_error_string(e) : NULL;

	snprintf(text, len, "%s", why != NULL ? why : "connection lost");
	ERR_clear_error();
	return text;
}

/* --- PEM --------------------------------------------------------------- */

/* Nobody is at a terminal. */
static int
no_passphrase(char *to, int len, int writing, void *user)
{
	(void)to, (void)len, (void)writing, (void)user;
	return -1;
}

STACK_OF(X509) * tls_read_certs(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	STACK_OF(X509) *out = sk_X509_new_null();
	unsigned long e;
	X509 *x;

	CHECK(b != NULL && out != NULL);
	while (
	    (x = PEM_read_bio_X509_AUX(b, NULL, no_passphrase, NULL)) != NULL)
		CHECK(sk_X509_push(out, x) > 0);
	e = ERR_peek_last_error();
	ERR_clear_error();
	BIO_free(b);
	/* The end must be the text's. */
	if (sk_X509_num(out) > 0 && ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE)
		return out;
	sk_X509_pop_free(out, X509_free);
	return NULL;
}

EVP_PKEY *
tls_read_key(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key;

	CHECK(b != NULL);
	key = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
	BIO_free(b);
	ERR_clear_error();
	return key;
}

/* --- trust ------------------------------------------------------------- */

/* Called with the tickets of TLS 1.3 too, which come after the handshake. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_peer *p = SSL_get_app_data(ssl);

	SSL_SESSION_free(p->session);
	p->session = session;
	return 1; /* ours now */
}

/* A bundle is in memory afterwards; the directory that OpenSSL looks into by
 * default is read at each handshake. */
static const char *
system_bundle(void)
{
	static const char *const bundles[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/cert.pem",
	};
	const char *own = getenv("SSL_CERT_FILE");
	size_t i;

	if (own != NULL)
		return own;
	for (i = 0; i < NELEM(bundles); i++) {
		if (access(bundles[i], R_OK) == 0)
			return bundles[i];
	}
	return NULL;
}

static bool
trust_pem(SSL_CTX *ctx, const char *pem)
{
	STACK_OF(X509) *certs = tls_read_certs(pem);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	int i;

	if (certs == NULL)
		return false;
	for (i = 0; i < sk_X509_num(certs); i++)
		CHECK(X509_STORE_add_cert(store, sk_X509_value(certs, i)) == 1);
	sk_X509_pop_free(certs, X509_free);
	return true;
}

static bool
trust_fd(SSL_CTX *ctx, int fd)
{
	struct buf text = { 0 };
	ssize_t n = 0;
	bool good;

	do {
		text.len += (size_t)n;
		buf_reserve(&text, 65536);
		n = pread(fd, text.p + text.len, 65536, (off_t)text.len);
	} while (n > 0 && text.len < BUNDLE_MAX);
	good = n == 0 && trust_pem(ctx, buf_cstr(&text));
	buf_fini(&text);
	return good;
}

static bool
load_trust(SSL_CTX *ctx, const struct trust *t, int system_fd)
{
	const char *file = t->ca_file;

	if (t->pem != NULL)
		return trust_pem(ctx, t->pem);
	if (file == NULL && system_fd >= 0)
		return trust_fd(ctx, system_fd);
	if (file == NULL)
		file = system_bundle();
	return file != NULL ? SSL_CTX_load_verify_file(ctx, file) == 1
			    : SSL_CTX_set_default_verify_paths(ctx) == 1;
}

static SSL_CTX *
ctx_new(const struct trust *t, int system_fd)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	CHECK(ctx != NULL);
	tls_ctx_common(ctx);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	CHECK(SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) == 0);
	if (load_trust(ctx, t, system_fd))
		return ctx;
	log_warn("tls: cannot read trust from %s",
	    t->ca_file != NULL ? t->ca_file
	    : t->pem != NULL   ? "the configuration"
			       : "the system store");
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static char *
dup_maybe(const char *s)
{
	return s != NULL ? mem_dup(slice_of(s)) : NULL;
}

static struct trust *
trust_get(struct tls_client *c, const char *ca_file, const char *pem)
{
	struct trust *t;

	for (t = c->trusts; t != NULL; t = t->next) {
		if (same_text(t->ca_file, ca_file) && same_text(t->pem, pem))
			return t;
	}
	t = NEW(struct trust);
	t->ca_file = dup_maybe(ca_file);
	t->pem = dup_maybe(pem);
	t->next = c->trusts;
	c->trusts = t;
	return t;
}

/* Also after a failure: it may be there now. */
static SSL_CTX *
trust_ctx(const struct tls_client *c, struct trust *t)
{
	if (t->ctx == NULL)
		t->ctx = ctx_new(t, c->system_fd);
	return t->ctx;
}

static void
trust_free(struct trust *t)
{
	SSL_CTX_free(t->ctx);
	mem_free(t->ca_file);
	mem_free(t->pem);
	mem_free(t);
}

/* What a configuration brought goes with it; files are for always. */
static void
trust_left(struct tls_client *c, struct trust *t)
{
	struct trust **at = &c->trusts;

	if (--t->users > 0 || t->pem == NULL)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	trust_free(t);
}

struct tls_client *
tls_client_new(void)
{
	struct tls_client *c = NEW(struct tls_client);

	c->system_fd = -1;
	/* Its configuration file is read now or, in a sandbox, never. */
	CHECK(OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS |
				   OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		  NULL) == 1);
	return c;
}

void
tls_client_free(struct tls_client **cp)
{
	struct tls_client *c = *cp;
	struct trust *t;

	if (c == NULL)
		return;
	*cp = NULL;
	while ((t = c->trusts) != NULL) {
		c->trusts = t->next;
		trust_free(t);
	}
	if (c->system_fd >= 0)
		close(c->system_fd);
	mem_free(c);
}

void
tls_keep_system(struct tls_client *c)
{
	const char *bundle = system_bundle();

	if (c->system_fd < 0 && bundle != NULL)
		c->system_fd = open(bundle, O_RDONLY | O_CLOEXEC);
	if (c->system_fd < 0)
		log_warn("tls: the system has no certificates to trust");
}

enum fault
tls_preload(
    struct tls_client *c, const char *ca_file, const struct tls_terms *terms)
{
	const char *pem = terms != NULL ? terms->ca : NULL;

	return trust_ctx(c, trust_get(c, ca_file, pem)) != NULL ? FAULT_NONE
								: FAULT_UP_TLS;
}

/* --- peers ------------------------------------------------------------- */

/* Cuts the first of words with commas off. */
static bool
next_word(struct slice *rest, struct slice *word)
{
	if (rest->len == 0)
		return false;
	if (slice_cut(*rest, ',', word, rest))
		return true;
	*word = *rest;
	rest->len = 0;
	return true;
}

static bool
take_pins(struct tls_peer *p, const char *pins)
{
	struct slice rest = slice_of(pins), word;

	while (next_word(&rest, &word)) {
		p->pin = mem_grow(p->pin, (p->npins + 1) * sizeof(*p->pin));
		if (!text_hex_parse(word, p->pin[p->npins], PIN))
			return false;
		p->npins++;
	}
	return true;
}

static char *
cut_names(const char *names)
{
	const size_t len = strlen(names);
	char *out = mem_grow(NULL, len + 2), *at;

	memcpy(out, names, len + 1);
	out[len + 1] = '\0';
	for (at = out; *at != '\0'; at++) {
		if (*at == ',')
			*at = '\0';
	}
	return out;
}

/* NULL, or what is wrong. */
static const char *
take_terms(struct tls_peer *p, const struct tls_terms *t)
{
	if (t->pins != NULL && !take_pins(p, t->pins))
		return "a pin is the SHA-256 of a public key";
	p->only_pins = t->only_pins && p->npins > 0;
	if (t->names != NULL && t->names[0] != '\0')
		p->names = cut_names(t->names);
	if (t->cert == NULL)
		return NULL;
	p->chain = tls_read_certs(t->cert);
	if (p->chain == NULL)
		return "it holds no certificate in PEM, or one that cannot be "
		       "read";
	p->key = t->key != NULL ? tls_read_key(t->key) : NULL;
	if (p->key == NULL)
		return "it holds no private key in PEM, or one that a "
		       "passphrase protects";
	if (X509_check_private_key(sk_X509_value(p->chain, 0), p->key) == 1)
		return NULL;
	ERR_clear_error();
	return "the private key is not the certificate's";
}

struct tls_peer *
tls_peer_new(struct tls_client *c, const char *host, const char *ca_file,
    const struct tls_terms *terms)
{
	struct tls_peer *p = NEW(struct tls_peer);
	struct address a;
	const char *bad;

	p->client = c;
	p->host = mem_dup(slice_of(host));
	p->literal = address_parse(&a, host, 0);
	p->trust = trust_get(c, ca_file, terms != NULL ? terms->ca : NULL);
	p->trust->users++;
	bad = terms != NULL ? take_terms(p, terms) : NULL;
	if (bad != NULL)
		log_warn("tls: %s: %s", host, bad); /* it will be refused */
	return p;
}

void
tls_peer_free(struct tls_peer **pp)
{
	struct tls_peer *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	trust_left(p->client, p->trust);
	SSL_SESSION_free(p->session);
	sk_X509_pop_free(p->chain, X509_free);
	EVP_PKEY_free(p->key);
	mem_free(p->names);
	mem_free(p->pin);
	mem_free(p->host);
	mem_free(p);
}

static bool
has_certs(const char *pem)
{
	STACK_OF(X509) *certs = tls_read_certs(pem);

	sk_X509_pop_free(certs, X509_free);
	return certs != NULL;
}

const char *
tls_terms_check(const struct tls_terms *terms)
{
	struct tls_client *c = tls_client_new();
	struct tls_peer *p = tls_peer_new(c, "check", NULL, NULL);
	const char *bad = take_terms(p, terms);

	if (bad == NULL && terms->ca != NULL && !has_certs(terms->ca))
		bad = "it holds no certificate in PEM, or one that cannot be "
		      "read";
	tls_peer_free(&p);
	tls_client_free(&c);
	return bad;
}

void
tls_peer_offer_h2(struct tls_peer *p)
{
	p->h2 = true;
}

static void
offer_h2(SSL *ssl)
{
	static const unsigned char alpn[] = "\x02h2\x08http/1.1";

	CHECK(SSL_set_alpn_protos(ssl, alpn, sizeof(alpn) - 1) == 0);
}

/* SNI carries names only (RFC 6066, 3). */
static bool
expect_host(SSL *ssl, const struct tls_peer *p)
{
	const char *name = p->names != NULL ? p->names : p->host;

	if (p->literal && p->names == NULL)
		return X509_VERIFY_PARAM_set1_ip_asc(
			   SSL_get0_param(ssl), p->host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set1_host(ssl, name) != 1 ||
	    SSL_set_tlsext_host_name(ssl, name) != 1)
		return false;
	if (p->names == NULL)
		return true;
	while (*(name += strlen(name) + 1) != '\0') {
		if (SSL_add1_host(ssl, name) != 1)
			return false;
	}
	return true;
}

static bool
show_ourselves(SSL *ssl, const struct tls_peer *p)
{
	STACK_OF(X509) * more;
	bool good;

	if (p->key == NULL)
		return true;
	more = sk_X509_dup(p->chain);
	CHECK(more != NULL);
	(void)sk_X509_shift(more);
	good = SSL_use_cert_and_key(
		   ssl, sk_X509_value(p->chain, 0), p->key, more, 1) == 1;
	sk_X509_free(more);
	return good;
}

enum fault
tls_start(struct stream *s, struct tls_peer *p)
{
	SSL_CTX *ctx = trust_ctx(p->client, p->trust);
	struct tls *t;

	if (ctx == NULL)
		return FAULT_UP_TLS;
	t = tls_lay(s, ctx);
	t->peer = p;
	SSL_set_app_data(t->ssl, p);
	SSL_set_connect_state(t->ssl);
	if (p->h2)
		offer_h2(t->ssl);
	if (p->only_pins)
		SSL_set_verify(t->ssl, SSL_VERIFY_NONE, NULL);
	if (!expect_host(t->ssl, p) || !show_ourselves(t->ssl, p)) {
		ERR_clear_error();
		return FAULT_UP_TLS;
	}
	if (p->session != NULL && SSL_SESSION_is_resumable(p->session))
		(void)SSL_set_session(t->ssl, p->session);
	return FAULT_NONE;
}

static bool
is_pinned(const struct tls_peer *p, const X509 *x)
{
	unsigned char *der = NULL;
	uint8_t sum[PIN];
	unsigned i;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (len <= 0)
		return false;
	CHECK(EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)len, sum, NULL) ==
	      1);
	OPENSSL_free(der);
	for (i = 0; i < p->npins; i++) {
		if (memcmp(p->pin[i], sum, PIN) == 0)
			return true;
	}
	return false;
}

/* A session that is resumed was begun by a handshake that this let pass. */
static bool
pins_hold(const struct tls *t)
{
	const struct tls_peer *p = t->peer;
	STACK_OF(X509) * chain;
	int i;

	if (p->npins == 0 || SSL_session_reused(t->ssl) == 1)
		return true;
	if (p->only_pins) {
		const X509 *leaf = SSL_get0_peer_certificate(t->ssl);

		return leaf != NULL && is_pinned(p, leaf);
	}
	chain = SSL_get0_verified_chain(t->ssl);
	for (i = 0; i < sk_X509_num(chain); i++) {
		if (is_pinned(p, sk_X509_value(chain, i)))
			return true;
	}
	return false;
}

static void
log_failure(const struct tls *t)
{
	long v = SSL_get_verify_result(t->ssl);
	char text[160];

	log_info("tls: handshake with %s failed: %s", t->peer->host,
	    v != X509_V_OK && !t->peer->only_pins
		? X509_verify_cert_error_string(v)
		: tls_reason(text, sizeof(text)));
}

/* A session that a peer chokes on is not offered again. */
static int
peer_failed(const struct tls *t)
{
	SSL_SESSION_free(t->peer->session);
	t->peer->session = NULL;
	return STREAM_ERROR;
}

int
tls_handshake(struct stream *s)
{
	struct tls *t = s->tls;
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(t->ssl);
	if (rc == 1 && t->peer != NULL && !pins_hold(t)) {
		log_info("tls: %s: none of its keys is pinned", t->peer->host);
		return peer_failed(t);
	}
	if (rc == 1)
		return 1;
	rc = SSL_get_error(t->ssl, rc);
	if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE)
		return STREAM_AGAIN;
	if (t->peer == NULL) {
		tls_server_failed(s);
		return STREAM_ERROR;
	}
	log_failure(t);
	return peer_failed(t);
}

bool
tls_is_h2(const struct stream *s)
{
	const unsigned char *name;
	unsigned len;

	if (s->tls == NULL)
		return false;
	SSL_get0_alpn_selected(s->tls->ssl, &name, &len);
	return len == 2 && memcmp(name, "h2", 2) == 0;
}

bool
tls_pending(const struct stream *s)
{
	return SSL_has_pending(s->tls->ssl) == 1;
}

/* --- bytes ------------------------------------------------------------- */

static ssize_t
failed(struct tls *t, int rc)
{
	int e = SSL_get_error(t->ssl, rc);

	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return STREAM_AGAIN;
	ERR_clear_error();
	return e == SSL_ERROR_ZERO_RETURN ? STREAM_EOF : STREAM_ERROR;
}

ssize_t
tls_read(struct stream *s, void *p, size_t len)
{
	size_t n = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(s->tls->ssl, p, len, &n);
	return rc == 1 ? (ssize_t)n : failed(s->tls, rc);
}

/* One record for all the pieces: a record costs more than a copy. */
static size_t
gather(char *to, size_t cap, const struct iovec *iov, int n)
{
	size_t len = 0, take;
	int i;

	for (i = 0; i < n && len < cap; i++) {
		take = iov[i].iov_len < cap - len ? iov[i].iov_len : cap - len;
		if (take > 0)
			memcpy(to + len, iov[i].iov_base, take);
		len += take;
	}
	return len;
}

static ssize_t
write_record(struct tls *t, const struct iovec *iov, int n)
{
	static _Thread_local char record[RECORD_MAX];
	size_t len, put = 0;
	int rc;

	len = gather(record, sizeof(record), iov, n);
	if (len == 0)
		return 0;
	ERR_clear_error();
	rc = SSL_write_ex(t->ssl, record, len, &put);
	if (rc == 1)
		return (ssize_t)put;
	return failed(t, rc) == STREAM_AGAIN ? STREAM_AGAIN : STREAM_ERROR;
}

/* Takes len bytes off the front of the vector. */
static void
advance(struct iovec *iov, int *at, int n, size_t len)
{
	while (*at < n && len >= iov[*at].iov_len)
		len -= iov[(*at)++].iov_len;
	if (*at < n) {
		iov[*at].iov_base = (char *)iov[*at].iov_base + len;
		iov[*at].iov_len -= len;
	}
}

ssize_t
tls_writev(struct stream *s, const struct iovec *iov, int n)
{
	struct iovec rest[8];
	ssize_t put, total = 0;
	int at = 0;

	n = n < (int)NELEM(rest) ? n : (int)NELEM(rest);
	memcpy(rest, iov, (size_t)n * sizeof(*iov));
	while (at < n) {
		put = write_record(s->tls, rest + at, n - at);
		if (put < 0)
			return total > 0 && put == STREAM_AGAIN ? total : put;
		total += put;
		advance(rest, &at, n, (size_t)put);
	}
	return total;
}

void
tls_shut(struct stream *s)
{
	ERR_clear_error();
	(void)SSL_shutdown(s->tls->ssl);
	ERR_clear_error();
}

void
tls_close(struct stream *s)
{
	if (s->tls == NULL)
		return;
	/* Else SSL_free() drops the session as if it had failed. */
	SSL_set_shutdown(
	    s->tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->tls->ssl);
	tls_server_unref(&s->tls->server);
	mem_free(s->tls);
	s->tls = NULL;
}
