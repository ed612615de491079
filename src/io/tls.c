#include "io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/address.h"
#include "io/stream.h"

enum { RECORD_MAX = 16 * 1024 };

struct trust {
	struct trust *next;
	char *ca_file; /* NULL: the system store */
	SSL_CTX *ctx;  /* NULL: could not be read */
};

struct tls_client {
	struct trust *trusts;
	BIO_METHOD *bio; /* a socket without SIGPIPE */
};

struct tls_peer {
	struct tls_client *client;
	char *host;
	char *ca_file;
	bool literal;
	bool h2;              /* is offered */
	SSL_SESSION *session; /* the last one given */
};

struct tls {
	SSL *ssl;
	struct tls_peer *peer;
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

static BIO_METHOD *
bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(
	    BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kontor stream");

	CHECK(m != NULL);
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
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

static bool
load_trust(SSL_CTX *ctx, const char *ca_file)
{
	static const char *const bundles[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/cert.pem",
	};
	size_t i;

	if (ca_file != NULL)
		return SSL_CTX_load_verify_file(ctx, ca_file) == 1;
	/* A bundle is in memory afterwards; the directory that OpenSSL looks
	 * into by default is read at each handshake, sealed or not. */
	if (getenv("SSL_CERT_FILE") != NULL)
		return SSL_CTX_set_default_verify_paths(ctx) == 1;
	for (i = 0; i < NELEM(bundles); i++) {
		if (access(bundles[i], R_OK) == 0)
			return SSL_CTX_load_verify_file(ctx, bundles[i]) == 1;
	}
	return SSL_CTX_set_default_verify_paths(ctx) == 1;
}

static SSL_CTX *
ctx_new(const char *ca_file)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	CHECK(ctx != NULL);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_read_ahead(ctx, 1); /* one recv for header and record */
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	CHECK(SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) == 0);
	if (load_trust(ctx, ca_file))
		return ctx;
	log_warn("tls: cannot read trust from %s",
	    ca_file != NULL ? ca_file : "the system store");
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

static bool
same_file(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static SSL_CTX *
ctx_get(struct tls_client *c, const char *ca_file)
{
	struct trust *t;

	for (t = c->trusts; t != NULL; t = t->next) {
		if (same_file(t->ca_file, ca_file))
			break;
	}
	if (t == NULL) {
		t = NEW(struct trust);
		t->ca_file =
		    ca_file != NULL ? mem_dup(slice_of(ca_file)) : NULL;
		t->next = c->trusts;
		c->trusts = t;
	}
	if (t->ctx == NULL) /* also after a failure: it may be there now */
		t->ctx = ctx_new(ca_file);
	return t->ctx;
}

struct tls_client *
tls_client_new(void)
{
	struct tls_client *c = NEW(struct tls_client);

	c->bio = bio_method();
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
		SSL_CTX_free(t->ctx);
		mem_free(t->ca_file);
		mem_free(t);
	}
	BIO_meth_free(c->bio);
	mem_free(c);
}

enum fault
tls_preload(struct tls_client *c, const char *ca_file)
{
	return ctx_get(c, ca_file) != NULL ? FAULT_NONE : FAULT_UP_TLS;
}

/* --- peers ------------------------------------------------------------- */

struct tls_peer *
tls_peer_new(struct tls_client *c, const char *host, const char *ca_file)
{
	struct tls_peer *p = NEW(struct tls_peer);
	struct address a;

	p->client = c;
	p->host = mem_dup(slice_of(host));
	p->ca_file = ca_file != NULL ? mem_dup(slice_of(ca_file)) : NULL;
	p->literal = address_parse(&a, host, 0);
	return p;
}

void
tls_peer_free(struct tls_peer **pp)
{
	struct tls_peer *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	SSL_SESSION_free(p->session);
	mem_free(p->host);
	mem_free(p->ca_file);
	mem_free(p);
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
	if (p->literal)
		return X509_VERIFY_PARAM_set1_ip_asc(
			   SSL_get0_param(ssl), p->host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, p->host) == 1 &&
	       SSL_set_tlsext_host_name(ssl, p->host) == 1;
}

enum fault
tls_start(struct stream *s, struct tls_peer *p)
{
	SSL_CTX *ctx = ctx_get(p->client, p->ca_file);
	struct tls *t;
	BIO *bio;

	if (ctx == NULL)
		return FAULT_UP_TLS;
	t = NEW(struct tls);
	t->peer = p;
	t->ssl = SSL_new(ctx);
	bio = BIO_new(p->client->bio);
	CHECK(t->ssl != NULL && bio != NULL);
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, p);
	SSL_set_connect_state(t->ssl);
	if (p->h2)
		offer_h2(t->ssl);
	s->tls = t;
	if (!expect_host(t->ssl, p))
		return FAULT_UP_TLS;
	if (p->session != NULL && SSL_SESSION_is_resumable(p->session))
		(void)SSL_set_session(t->ssl, p->session);
	return FAULT_NONE;
}

static void
log_failure(const struct tls *t)
{
	long v = SSL_get_verify_result(t->ssl);
	unsigned long e = ERR_peek_error();
	char text[160] = "connection lost";

	if (e != 0)
		ERR_error_string_n(e, text, sizeof(text));
	log_info("tls: handshake with %s failed: %s", t->peer->host,
	    v != X509_V_OK ? X509_verify_cert_error_string(v) : text);
}

int
tls_handshake(struct stream *s)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(s->tls->ssl);
	if (rc == 1)
		return 1;
	rc = SSL_get_error(s->tls->ssl, rc);
	if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE)
		return STREAM_AGAIN;
	log_failure(s->tls);
	/* A session that a peer chokes on is not offered again. */
	SSL_SESSION_free(s->tls->peer->session);
	s->tls->peer->session = NULL;
	return STREAM_ERROR;
}

bool
tls_resumed(const struct stream *s)
{
	return s->tls != NULL && SSL_session_reused(s->tls->ssl) == 1;
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
	mem_free(s->tls);
	s->tls = NULL;
}
