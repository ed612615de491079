/*
 * proof.h - what a caller signs with its own RSA key: JWTs and OCI requests
 *
 * Written from RFC 7515 to 7523 and Oracle's description of request
 * signatures, apart from what the gateway signs with.
 */
#ifndef KONTOR_SIM_PROOF_H
#define KONTOR_SIM_PROOF_H

#include "base/arena.h"
#include "base/base.h"
#include "base/json.h"
#include "http/msg.h"

struct jwt {
	const struct json *head, *claims; /* in the arena */
};

/* Parses, and verifies with the certificate or public key in PEM; alg is what
 * the head must say: "RS256" or "PS256". */
bool jwt_check(struct arena *a, struct slice text, struct slice pem,
    const char *alg, struct jwt *out);
/* The SHA-256 of the certificate's DER, base64url. */
bool jwt_thumbprint(struct arena *a, struct slice pem, struct slice *out);

/* The keyId of an Authorization header "Signature ..."; empty: none. */
struct slice proof_key_id(struct slice authorization);
/* NULL, or what is wrong with the signature. */
const char *proof_oci(struct arena *a, const struct http_head *head,
    struct slice body, struct slice pem, int64_t now_s);

#endif
