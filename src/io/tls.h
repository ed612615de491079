/*
 * tls.h - TLS towards a peer that must prove its name (OpenSSL 3)
 *
 * TLS 1.2 or newer, chain and host name verified, always.  Trust is read into
 * memory when first asked for and kept.  Who will be in a sandbox when that
 * is calls tls_keep_system() before, and gives other trust as text.  The last
 * session of a peer is offered again.
 *
 * Ownership: the owner of a struct tls_client outlives its peers, a peer its
 *            streams.
 * Errors:    a trust file that cannot be read, a handshake or verification
 *            that fails: FAULT_UP_TLS, with the reason in the log.
 */
#ifndef KONTOR_IO_TLS_H
#define KONTOR_IO_TLS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/base.h"
#include "base/fault.h"

struct stream; /* io/stream.h */
struct tls;
struct tls_client; /* trust, by file */
struct tls_peer;   /* a host under that trust, and its last session */

/*
 * What is asked of a peer beyond the usual, and what is shown to it.  Each
 * text may be NULL; id tells one such set from another.
 */
struct tls_terms {
	const char *id;
	const char *ca;         /* PEM: trusted instead of the system's */
	const char *cert, *key; /* PEM: our certificate and its key */
	/* Words with commas.  names: what the certificate must say instead of
	 * the host, the first is asked for by SNI; pins: SHA-256, in hex, of
	 * public keys, one of which must be in the verified chain. */
	const char *names, *pins;
	bool only_pins; /* chain and name are not looked at, the leaf is */
};

struct tls_client *tls_client_new(void) MUST_USE;
void tls_client_free(struct tls_client **c);
/* From now on no file needs to be opened for the system's trust. */
void tls_keep_system(struct tls_client *c);
/* ca_file NULL: the system store; terms may be NULL. */
enum fault tls_preload(
    struct tls_client *c, const char *ca_file, const struct tls_terms *terms);

/* host: a name or a literal address, as the certificate must say.  Nothing
 * of terms is kept. */
struct tls_peer *tls_peer_new(struct tls_client *c, const char *host,
    const char *ca_file, const struct tls_terms *terms) MUST_USE;
void tls_peer_free(struct tls_peer **p);
/* What is wrong with them; NULL: nothing.  For who reads a configuration. */
const char *tls_terms_check(const struct tls_terms *terms);
/* Offers HTTP/2 before HTTP/1.1 from now on; see tls_is_h2(). */
void tls_peer_offer_h2(struct tls_peer *p);

/* Lays TLS over a connected stream. */
enum fault tls_start(struct stream *s, struct tls_peer *p) MUST_USE;
/* 1 done, or STREAM_AGAIN, or STREAM_ERROR. */
int tls_handshake(struct stream *s) MUST_USE;
/* ALPN chose HTTP/2: known when the handshake is done, on either side. */
bool tls_is_h2(const struct stream *s);
/* Bytes have been read from the socket that tls_read() has not given yet. */
bool tls_pending(const struct stream *s);

/* For stream.c. */
ssize_t tls_read(struct stream *s, void *p, size_t len);
ssize_t tls_writev(struct stream *s, const struct iovec *iov, int n);
void tls_shut(struct stream *s);
void tls_close(struct stream *s);

#endif
