#include "crypto/rsasig.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* The pointer is libcrypto's own. */
static EVP_PKEY *
pkey(const struct rsasig *k)
{
	return (EVP_PKEY *)(uintptr_t)k;
}

static BIO *
bio_of(struct slice text)
{
	BIO *b;

	if (text.len == 0 || text.len > 1024 * 1024)
		return NULL;
	b = BIO_new_mem_buf(text.p, (int)text.len);
	CHECK(b != NULL);
	return b;
}

/* Nobody is there to be asked. */
static int
no_passphrase(char *to, int len, int rwflag, void *arg)
{
	(void)to;
	(void)len;
	(void)rwflag;
	*(bool *)arg = true;
	return -1;
}

static const char *
unfit(const EVP_PKEY *k)
{
	if (EVP_PKEY_get_base_id(k) != EVP_PKEY_RSA)
		return "it is not an RSA key";
	if (EVP_PKEY_get_bits(k) < RSASIG_BITS_MIN)
		return "the key is shorter than 2048 bits";
	if (EVP_PKEY_get_size(k) > RSASIG_MAX)
		return "the key is longer than 8192 bits";
	return NULL;
}

struct rsasig *
rsasig_new(struct slice pem, const char **why)
{
	BIO *b = bio_of(pem);
	bool locked = false;
	EVP_PKEY *k = NULL;
	const char *bad;

	if (b != NULL)
		k = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, &locked);
	BIO_free(b);
	ERR_clear_error();
	if (k != NULL)
		bad = unfit(k);
	else
		bad = locked ? "the key is locked by a passphrase"
			     : "there is no private key in PEM form in it";
	if (bad != NULL) {
		EVP_PKEY_free(k);
		k = NULL;
	}
	if (why != NULL)
		*why = bad;
	return (struct rsasig *)(void *)k;
}

void
rsasig_free(struct rsasig **k)
{
	EVP_PKEY_free(pkey(*k));
	*k = NULL;
}

static bool
set_form(EVP_PKEY_CTX *ctx, enum rsasig_form form)
{
	if (form == RSASIG_PKCS1)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) ==
		   1;
}

size_t
rsasig_sign(const struct rsasig *k, enum rsasig_form form, struct slice text,
    uint8_t out[RSASIG_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	size_t len = RSASIG_MAX;

	CHECK(ctx != NULL);
	CHECK(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, pkey(k)) == 1);
	CHECK(set_form(pctx, form));
	CHECK(EVP_DigestSign(ctx, out, &len, (const unsigned char *)text.p,
		  text.len) == 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

static X509 *
certificate_of(struct slice pem)
{
	BIO *b = bio_of(pem);
	X509 *x = b != NULL ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;

	BIO_free(b);
	ERR_clear_error();
	return x;
}

bool
rsasig_thumbprint(
    const struct rsasig *k, struct slice pem, uint8_t out[DIGEST_LEN])
{
	X509 *x = certificate_of(pem);
	unsigned len = DIGEST_LEN;
	bool good;

	good = x != NULL && X509_check_private_key(x, pkey(k)) == 1 &&
	       X509_digest(x, EVP_sha256(), out, &len) == 1 &&
	       len == DIGEST_LEN;
	X509_free(x);
	ERR_clear_error();
	return good;
}

static EVP_PKEY *
public_of(struct slice pem)
{
	X509 *x = certificate_of(pem);
	EVP_PKEY *k = NULL;
	BIO *b;

	if (x != NULL) {
		k = X509_get_pubkey(x);
	} else if ((b = bio_of(pem)) != NULL) {
		k = PEM_read_bio_PUBKEY(b, NULL, NULL, NULL);
		BIO_free(b);
	}
	X509_free(x);
	ERR_clear_error();
	return k;
}

bool
rsasig_verify(struct slice pem, enum rsasig_form form, struct slice text,
    struct slice signature)
{
	EVP_PKEY *k = public_of(pem);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	bool good;

	CHECK(ctx != NULL);
	good = k != NULL && EVP_PKEY_get_base_id(k) == EVP_PKEY_RSA &&
	       EVP_DigestVerifyInit(ctx, &pctx, EVP_sha256(), NULL, k) == 1 &&
	       set_form(pctx, form) &&
	       EVP_DigestVerify(ctx, (const unsigned char *)signature.p,
		   signature.len, (const unsigned char *)text.p, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	ERR_clear_error();
	return good;
}
