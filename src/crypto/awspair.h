/*
 * awspair.h - an access key id and its secret, for callers who sign as AWS
 * does
 *
 * The id is the key's number in AWS's letters ("AKTK" and 16 more, a checksum
 * among them).  The secret is derived from a secret of the node's and the
 * number, so nothing is stored of a pair but that it was given out: neither
 * the log nor the store could sign for anybody.
 */
#ifndef KONTOR_CRYPTO_AWSPAIR_H
#define KONTOR_CRYPTO_AWSPAIR_H

#include "base/base.h"

enum { AWSPAIR_ID = 20, AWSPAIR_SECRET = 40, AWSPAIR_ROOT = 32 };

/* These write a NUL too. */
void awspair_id(uint64_t key, char out[AWSPAIR_ID + 1]);
void awspair_secret(const uint8_t root[AWSPAIR_ROOT], uint64_t key,
    char out[AWSPAIR_SECRET + 1]);
/* False: it is none of ours. */
bool awspair_parse(struct slice id, uint64_t *key) MUST_USE;

#endif
