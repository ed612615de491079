/*
 * rsasig.h - RSA signatures over SHA-256, and which certificate is whose
 *
 * What signs a JWT (RFC 7518: RS256, PS256) and an OCI request.  A private
 * key is read from PEM once; keys under 2048 bits and keys behind a passphrase
 * are not taken.  A signature costs about half a millisecond at 2048 bits.
 *
 * Threads:  a key may be used by one at a time.
 * Errors:   what is no such key is NULL; signing itself is a CHECK.
 */
#ifndef KONTOR_CRYPTO_RSASIG_H
#define KONTOR_CRYPTO_RSASIG_H

#include "base/base.h"
#include "crypto/digest.h"

enum { RSASIG_MAX = 1024, RSASIG_BITS_MIN = 2048 };

struct rsasig; /* a private key; rsasig.c */

enum rsasig_form {
	RSASIG_PKCS1, /* RS256, rsa-sha256 */
	RSASIG_PSS    /* PS256: salt as long as the digest */
};

/* The first private key in the text.  *why, when not NULL, says what is wrong
 * with it in words that hold nothing of it. */
struct rsasig *rsasig_new(struct slice pem, const char **why) MUST_USE;
void rsasig_free(struct rsasig **k);

/* Returns the signature's length. */
size_t rsasig_sign(const struct rsasig *k, enum rsasig_form form,
    struct slice text, uint8_t out[RSASIG_MAX]);

/* SHA-256 over the DER of the first certificate in the text, and whether it
 * is of this key; false: there is none, or it is of another one. */
bool rsasig_thumbprint(
    const struct rsasig *k, struct slice pem, uint8_t out[DIGEST_LEN]) MUST_USE;

/* With the public key of a PEM text ("BEGIN PUBLIC KEY" or a certificate). */
bool rsasig_verify(struct slice pem, enum rsasig_form form, struct slice text,
    struct slice signature) MUST_USE;

#endif
