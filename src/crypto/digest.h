/*
 * digest.h - SHA-256, HMAC-SHA-256, comparison without a clock, randomness
 *
 * A digest and a MAC key are plain values: copy them, keep one per key, wipe
 * them with mem_wipe() when they hold what is secret.  Nothing is shared, so
 * threads and forks need no care; nothing is allocated.
 *
 * Errors:  none; no randomness is a CHECK.
 */
#ifndef KONTOR_CRYPTO_DIGEST_H
#define KONTOR_CRYPTO_DIGEST_H

#include "base/base.h"

enum { DIGEST_LEN = 32, DIGEST_HEX = 64, DIGEST_BLOCK = 64 };

struct digest {
	uint32_t state[28]; /* digest.c knows */
};

void digest_init(struct digest *d);
void digest_add(struct digest *d, struct slice s);
void digest_end(struct digest *d, uint8_t out[DIGEST_LEN]); /* then init */
void digest_of(struct slice s, uint8_t out[DIGEST_LEN]);
/* Lower case and a NUL. */
void digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX + 1]);

/* HMAC with both pads already taken in: two blocks less per message. */
struct mac_key {
	struct digest inner, outer;
};

void mac_key_init(struct mac_key *k, struct slice key);
void mac_of(const struct mac_key *k, struct slice s, uint8_t out[DIGEST_LEN]);
/* In pieces: mac_begin(), digest_add() ..., mac_end(). */
void mac_begin(const struct mac_key *k, struct digest *d);
void mac_end(
    const struct mac_key *k, struct digest *d, uint8_t out[DIGEST_LEN]);

/* Takes the same time wherever they differ. */
bool digest_equal(const void *a, const void *b, size_t len) MUST_USE;

/* From the kernel; waits for its pool once after boot. */
void random_bytes(void *p, size_t len);

#endif
