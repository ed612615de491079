#include "io/tls_server.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "base/log.h"
#include "io/stream.h"
#include "io/tls.h"
#include "io/tls_priv.h"

enum { PIN = 32, HOST_MAX = 256 };

/* With forward secrecy and authenticated encryption; 1.3 has no others. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

struct tls_server {
	unsigned refs, n;
	SSL_CTX **ctx; /* the first is where every handshake begins */
	tls_ticket_f *ticket;
	void *user;
};

/* --- names --------------------------------------------------------------- */

static SSL_CTX *
find_exactly(const struct tls_server *t, const char *host, unsigned flags)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		if (X509_check_host(SSL_CTX_get0_certificate(t->ctx[i]), host,
			strlen(host), flags, NULL) == 1)
			return t->ctx[i];
	}
	return NULL;
}

/* A name as it is wins over a wildcard. */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls *tls = SSL_get_app_data(ssl);
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_server *t = tls->server;
	SSL_CTX *ctx;

	(void)alert, (void)arg;
	if (host == NULL || t->n == 1 || strlen(host) >= HOST_MAX)
		return SSL_TLSEXT_ERR_OK;
	ctx = find_exactly(t, host, X509_CHECK_FLAG_NO_WILDCARDS);
	if (ctx == NULL)
		ctx =
		    find_exactly(t, host, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (ctx != NULL)
		SSL_set_SSL_CTX(ssl, ctx);
	return SSL_TLSEXT_ERR_OK;
}

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
    const unsigned char *in, unsigned inlen, void *arg)
{
	static const unsigned char ours[] = "\x02h2\x08http/1.1";
	unsigned char *chosen;

	(void)ssl, (void)arg;
	if (SSL_select_next_proto(&chosen, len, ours, sizeof(ours) - 1, in,
		inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301, 3.2 */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* --- tickets ------------------------------------------------------------- */

static bool
use_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *k)
{
	char digest[] = "SHA256";
	OSSL_PARAM p[] = {
		OSSL_PARAM_construct_octet_string(
		    OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, p) == 1;
}

static int
seal_ticket(struct tls_ticket_key *k, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
		return -1;
	memcpy(name, k->name, sizeof(k->name));
	return EVP_EncryptInit_ex(
		   cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv) == 1 &&
		       use_mac(mac, k)
		   ? 1
		   : -1;
}

/* RFC 5077, 4: a key that is not known is a full handshake. */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int making)
{
	const struct tls *tls = SSL_get_app_data(ssl);
	const struct tls_server *t = tls->server;
	struct tls_ticket_key k;
	bool newest = false;
	int rc = -1;

	if (!t->ticket(t->user, making ? NULL : name, &k, &newest))
		return 0;
	if (making)
		rc = seal_ticket(&k, name, iv, cipher, mac);
	else if (EVP_DecryptInit_ex(
		     cipher, EVP_aes_256_cbc(), NULL, k.cipher, iv) == 1 &&
		 use_mac(mac, &k))
		rc = newest ? 1 : 2; /* 2: and give it a new one */
	OPENSSL_cleanse(&k, sizeof(k));
	return rc;
}

/* --- making -------------------------------------------------------------- */

static bool
fail(struct tls_server_why *why, enum tls_part part, const char *text)
{
	ERR_clear_error();
	why->part = part;
	why->text = text;
	return false;
}

static bool
use_chain(SSL_CTX *ctx, STACK_OF(X509) * certs, struct tls_server_why *why)
{
	int i;

	if (SSL_CTX_use_certificate(ctx, sk_X509_value(certs, 0)) != 1)
		return fail(why, TLS_PART_CHAIN,
		    "its first certificate cannot be used: its key is too "
		    "weak or of an unknown kind");
	for (i = 1; i < sk_X509_num(certs); i++) {
		if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(certs, i)) != 1)
			return fail(why, TLS_PART_CHAIN,
			    "an issuer's certificate in it cannot be used");
	}
	return true;
}

static bool
use_key(SSL_CTX *ctx, const char *pem, struct tls_server_why *why)
{
	EVP_PKEY *key = tls_read_key(pem);
	bool good;

	if (key == NULL)
		return fail(why, TLS_PART_KEY,
		    "it holds no private key in PEM, or one that a passphrase "
		    "protects");
	good = SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	       SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	return good || fail(why, TLS_PART_KEY,
			   "the private key is not the certificate's");
}

static bool
use_pair(SSL_CTX *ctx, const struct tls_pair *p, struct tls_server_why *why)
{
	STACK_OF(X509) *certs = tls_read_certs(p->chain);
	bool good;

	if (certs == NULL)
		return fail(why, TLS_PART_CHAIN,
		    "it holds no certificate in PEM, or one that cannot be "
		    "read");
	good = use_chain(ctx, certs, why) && use_key(ctx, p->key, why);
	sk_X509_pop_free(certs, X509_free);
	return good;
}

static bool
trust_clients(SSL_CTX *ctx, const char *pem, struct tls_server_why *why)
{
	STACK_OF(X509) *certs = tls_read_certs(pem);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	int i;

	if (certs == NULL)
		return fail(why, TLS_PART_CLIENT_CA,
		    "it holds no certificate in PEM, or one that cannot be "
		    "read");
	for (i = 0; i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);

		CHECK(X509_STORE_add_cert(store, x) == 1);
		CHECK(SSL_CTX_add_client_CA(ctx, x) == 1);
	}
	sk_X509_pop_free(certs, X509_free);
	return true;
}

/*
 * A session is resumed only where its client would have been asked the same:
 * what is trusted is part of its name.
 */
static void
name_sessions(SSL_CTX *ctx, const struct tls_server_spec *spec)
{
	unsigned char sum[PIN] = { (unsigned char)spec->clients };

	if (spec->clients != TLS_CLIENTS_NONE)
		CHECK(EVP_Q_digest(NULL, "SHA256", NULL, spec->client_ca,
			  strlen(spec->client_ca), sum, NULL) == 1);
	sum[0] ^= (unsigned char)spec->clients;
	CHECK(SSL_CTX_set_session_id_context(ctx, sum, sizeof(sum)) == 1);
}

static void
set_tickets(SSL_CTX *ctx, const struct tls_server_spec *spec)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (spec->ticket == NULL) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ctx, 0);
		return;
	}
	/* One is enough: it may be used more than once. */
	SSL_CTX_set_num_tickets(ctx, 1);
	CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1);
}

static SSL_CTX *
ctx_new(const struct tls_server_spec *spec, const struct tls_pair *pair,
    struct tls_server_why *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int verify = SSL_VERIFY_NONE;

	CHECK(ctx != NULL);
	tls_ctx_common(ctx);
	if (spec->only_13)
		SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	CHECK(SSL_CTX_set_cipher_list(ctx, ciphers) == 1);
	/* Of the same kinds a client may choose: small devices like ChaCha. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	CHECK(SSL_CTX_set_tlsext_servername_callback(ctx, on_name) == 1);
	name_sessions(ctx, spec);
	set_tickets(ctx, spec);
	if (spec->clients != TLS_CLIENTS_NONE)
		verify = SSL_VERIFY_PEER;
	if (spec->clients == TLS_CLIENTS_MUST)
		verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, verify, NULL);
	if (use_pair(ctx, pair, why) &&
	    (verify == SSL_VERIFY_NONE ||
		trust_clients(ctx, spec->client_ca, why)))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

struct tls_server *
tls_server_new(const struct tls_server_spec *spec, struct tls_server_why *why)
{
	struct tls_server *t = NEW(struct tls_server);

	CHECK(spec->npairs > 0);
	t->refs = 1;
	t->ticket = spec->ticket;
	t->user = spec->user;
	t->ctx = mem_grow(NULL, spec->npairs * sizeof(SSL_CTX *));
	for (why->pair = 0; why->pair < spec->npairs; why->pair++) {
		t->ctx[t->n] = ctx_new(spec, &spec->pair[why->pair], why);
		if (t->ctx[t->n] == NULL) {
			tls_server_unref(&t);
			return NULL;
		}
		t->n++;
	}
	return t;
}

struct tls_server *
tls_server_ref(struct tls_server *t)
{
	t->refs++;
	return t;
}

void
tls_server_unref(struct tls_server **tp)
{
	struct tls_server *t = *tp;
	unsigned i;

	*tp = NULL;
	if (t == NULL || --t->refs > 0)
		return;
	for (i = 0; i < t->n; i++)
		SSL_CTX_free(t->ctx[i]);
	mem_free(t->ctx);
	mem_free(t);
}

/* --- connections --------------------------------------------------------- */

void
tls_accept(struct stream *s, struct tls_server *t)
{
	struct tls *tls = tls_lay(s, t->ctx[0]);

	tls->server = tls_server_ref(t);
	SSL_set_app_data(tls->ssl, tls);
	SSL_set_accept_state(tls->ssl);
}

/* Who speaks plain HTTP here has mistaken the scheme: say so. */
void
tls_server_failed(struct stream *s)
{
	static const char sorry[] =
	    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
	    "Content-Length: 33\r\nConnection: close\r\n\r\n"
	    "this port speaks TLS: use https\r\n";
	char text[160];
	const unsigned long e = ERR_peek_error();

	if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    ERR_GET_REASON(e) == SSL_R_HTTP_REQUEST)
		(void)send(s->io.fd, sorry, sizeof(sorry) - 1, MSG_NOSIGNAL);
	log_debug("tls: a client's handshake failed: %s",
	    tls_reason(text, sizeof(text)));
}

bool
tls_pin_of(const char *pem, uint8_t out[PIN])
{
	STACK_OF(X509) *certs = tls_read_certs(pem);
	unsigned char *der = NULL;
	bool good = false;
	int len;

	if (certs == NULL)
		return false;
	len = i2d_X509_PUBKEY(
	    X509_get_X509_PUBKEY(sk_X509_value(certs, 0)), &der);
	if (len > 0)
		good = EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)len, out,
			   NULL) == 1;
	OPENSSL_free(der);
	sk_X509_pop_free(certs, X509_free);
	return good;
}
