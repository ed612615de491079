/*
 * tls_server.h - TLS towards clients (OpenSSL 3): certificates by name, tickets
 *
 * Immutable and shared by reference count: a connection keeps the one it
 * began with, so a listener gets new certificates and no connection ends.
 * TLS 1.2 or newer, forward secrecy and AEAD only.  Sessions are resumed by
 * tickets, nothing is kept here; their keys are the owner's, who shares them
 * among processes.  "h2" is preferred to "http/1.1" by ALPN; tls_is_h2() says
 * what was chosen.
 *
 * Threads: one.
 * Errors:  what is wrong with a certificate or a key comes in words, once,
 *          from tls_server_new(); a handshake that fails is the client's end.
 */
#ifndef KONTOR_IO_TLS_SERVER_H
#define KONTOR_IO_TLS_SERVER_H

#include "base/base.h"

struct stream;
struct tls_server;

/* PEM: the certificate, then those that issued it; its private key. */
struct tls_pair {
	const char *chain, *key;
};

enum tls_clients { TLS_CLIENTS_NONE, TLS_CLIENTS_OPTIONAL, TLS_CLIENTS_MUST };

enum { TLS_TICKET_NAME = 16, TLS_TICKET_SECRET = 32 };

struct tls_ticket_key {
	uint8_t name[TLS_TICKET_NAME];
	uint8_t cipher[TLS_TICKET_SECRET], mac[TLS_TICKET_SECRET];
};

/*
 * name NULL: the key for new tickets; else the one of that name, *newest
 * whether new tickets get it too.  False: no such key (any more).
 */
typedef bool tls_ticket_f(
    void *user, const uint8_t *name, struct tls_ticket_key *out, bool *newest);

struct tls_server_spec {
	/* The first is for clients that name no host, or one unknown. */
	const struct tls_pair *pair;
	unsigned npairs;
	enum tls_clients clients;
	const char *client_ca; /* PEM; for clients != NONE */
	bool only_13;          /* TLS 1.3 or newer */
	tls_ticket_f *ticket;  /* NULL: no tickets */
	void *user;            /* ticket's; outlives all connections */
};

enum tls_part { TLS_PART_CHAIN, TLS_PART_KEY, TLS_PART_CLIENT_CA };

struct tls_server_why {
	const char *text; /* constant */
	enum tls_part part;
	unsigned pair; /* which, for CHAIN and KEY */
};

/* NULL: why says what is wrong.  The spec's texts are not kept. */
struct tls_server *tls_server_new(
    const struct tls_server_spec *spec, struct tls_server_why *why) MUST_USE;
struct tls_server *tls_server_ref(struct tls_server *t);
void tls_server_unref(struct tls_server **t);

/* Lays TLS over an accepted stream; tls_handshake() (io/tls.h) goes on. */
void tls_accept(struct stream *s, struct tls_server *t);

/* SHA-256 of the public key of the first certificate in a PEM text. */
bool tls_pin_of(const char *pem, uint8_t out[32]) MUST_USE;

#endif
