/*
 * sign.h - Ed25519 (RFC 8032)
 *
 * Errors:  a signature that does not verify is false; everything else that
 *          could fail is a CHECK.
 */
#ifndef KONTOR_CRYPTO_SIGN_H
#define KONTOR_CRYPTO_SIGN_H

#include "base/base.h"

enum { SIGN_SEED = 32, SIGN_PUBLIC = 32, SIGN_LEN = 64 };

struct signer; /* holds a private key; sign.c */

struct signer *signer_new(const uint8_t seed[SIGN_SEED]) MUST_USE;
void signer_free(struct signer **s);
void signer_public(const struct signer *s, uint8_t out[SIGN_PUBLIC]);
void signer_sign(
    const struct signer *s, struct slice text, uint8_t out[SIGN_LEN]);

bool sign_verify(const uint8_t key[SIGN_PUBLIC], struct slice text,
    const uint8_t signature[SIGN_LEN]) MUST_USE;

#endif
