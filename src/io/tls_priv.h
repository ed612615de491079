/*
 * tls_priv.h - private to io/tls*.c: a stream's TLS, of either side
 */
#ifndef KONTOR_IO_TLS_PRIV_H
#define KONTOR_IO_TLS_PRIV_H

#include <openssl/ssl.h>

#include "base/base.h"

enum { IDLE_TALK_MAX = 64 };

struct stream;
struct tls_peer;
struct tls_server;

struct tls {
	SSL *ssl;
	struct tls_peer *peer;     /* NULL: we are the server */
	struct tls_server *server; /* a reference; NULL: we are the client */
	unsigned idle_talk; /* records of handshakes after the handshake */
};

/* Lays an SSL over the stream; no handshake yet. */
struct tls *tls_lay(struct stream *s, SSL_CTX *ctx) MUST_USE;
/* What both sides want of a context. */
void tls_ctx_common(SSL_CTX *ctx);
/* Why the last call to OpenSSL failed, in its words; clears its queue. */
const char *tls_reason(char *text, size_t len);
/* The server's end of a failed handshake. */
void tls_server_failed(struct stream *s);

/*
 * Every certificate of a PEM text, in its order; NULL: there is none, or one
 * cannot be read.
 */
STACK_OF(X509) * tls_read_certs(const char *pem) MUST_USE;
/* One that a passphrase protects cannot be read: NULL. */
EVP_PKEY *tls_read_key(const char *pem) MUST_USE;

#endif
