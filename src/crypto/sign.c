#include "crypto/sign.h"

#include <openssl/evp.h>

/* The pointer is libcrypto's own. */
static EVP_PKEY *
pkey(const struct signer *s)
{
	return (EVP_PKEY *)(uintptr_t)s;
}

struct signer *
signer_new(const uint8_t seed[SIGN_SEED])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_ED25519, NULL, seed, SIGN_SEED);

	CHECK(k != NULL);
	return (struct signer *)(void *)k;
}

void
signer_free(struct signer **s)
{
	EVP_PKEY_free(pkey(*s));
	*s = NULL;
}

void
signer_public(const struct signer *s, uint8_t out[SIGN_PUBLIC])
{
	size_t len = SIGN_PUBLIC;

	CHECK(EVP_PKEY_get_raw_public_key(pkey(s), out, &len) == 1);
	CHECK(len == SIGN_PUBLIC);
}

void
signer_sign(const struct signer *s, struct slice text, uint8_t out[SIGN_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIGN_LEN;

	CHECK(ctx != NULL);
	CHECK(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey(s)) == 1);
	CHECK(EVP_DigestSign(ctx, out, &len, (const unsigned char *)text.p,
		  text.len) == 1);
	CHECK(len == SIGN_LEN);
	EVP_MD_CTX_free(ctx);
}

bool
sign_verify(const uint8_t key[SIGN_PUBLIC], struct slice text,
    const uint8_t signature[SIGN_LEN])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_ED25519, NULL, key, SIGN_PUBLIC);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = k != NULL && ctx != NULL;

	good = good && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k) == 1 &&
	       EVP_DigestVerify(ctx, signature, SIGN_LEN,
		   (const unsigned char *)text.p, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return good;
}
