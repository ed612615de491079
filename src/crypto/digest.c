/*
 * digest.c - SHA-256 by libcrypto's low-level functions
 *
 * They are marked deprecated, not removed: for messages of one or two blocks,
 * which is what keys, chains and signatures are, they take two thirds of the
 * time of a reused EVP context and need neither fetch nor allocation.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/digest.h"

#include <errno.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

_Static_assert(sizeof(struct digest) == sizeof(SHA256_CTX) &&
		   _Alignof(struct digest) == _Alignof(SHA256_CTX),
    "struct digest must be able to hold libcrypto's");

static SHA256_CTX *
ctx(struct digest *d)
{
	return (SHA256_CTX *)(void *)d;
}

void
digest_init(struct digest *d)
{
	CHECK(SHA256_Init(ctx(d)) == 1);
}

void
digest_add(struct digest *d, struct slice s)
{
	if (s.len > 0)
		CHECK(SHA256_Update(ctx(d), s.p, s.len) == 1);
}

void
digest_end(struct digest *d, uint8_t out[DIGEST_LEN])
{
	CHECK(SHA256_Final(out, ctx(d)) == 1);
}

void
digest_of(struct slice s, uint8_t out[DIGEST_LEN])
{
	struct digest d;

	digest_init(&d);
	digest_add(&d, s);
	digest_end(&d, out);
}

void
digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < DIGEST_LEN; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[DIGEST_HEX] = '\0';
}

static void
pad(struct digest *d, const uint8_t key[DIGEST_BLOCK], uint8_t with)
{
	uint8_t block[DIGEST_BLOCK];
	size_t i;

	for (i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ with;
	digest_init(d);
	digest_add(d, (struct slice){ (char *)block, sizeof(block) });
	mem_wipe(block, sizeof(block));
}

/* RFC 2104: a key longer than a block is hashed first. */
void
mac_key_init(struct mac_key *k, struct slice key)
{
	uint8_t block[DIGEST_BLOCK] = { 0 };

	if (key.len > sizeof(block))
		digest_of(key, block);
	else if (key.len > 0)
		memcpy(block, key.p, key.len);
	pad(&k->inner, block, 0x36);
	pad(&k->outer, block, 0x5c);
	mem_wipe(block, sizeof(block));
}

void
mac_begin(const struct mac_key *k, struct digest *d)
{
	*d = k->inner;
}

void
mac_end(const struct mac_key *k, struct digest *d, uint8_t out[DIGEST_LEN])
{
	uint8_t inner[DIGEST_LEN];

	digest_end(d, inner);
	*d = k->outer;
	digest_add(d, (struct slice){ (char *)inner, sizeof(inner) });
	digest_end(d, out);
}

void
mac_of(const struct mac_key *k, struct slice s, uint8_t out[DIGEST_LEN])
{
	struct digest d;

	mac_begin(k, &d);
	digest_add(&d, s);
	mac_end(k, &d, out);
}

bool
digest_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
random_bytes(void *p, size_t len)
{
	char *at = p;
	ssize_t n;

	while (len > 0) {
		n = getrandom(at, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		CHECK(n > 0);
		at += n;
		len -= (size_t)n;
	}
}
