/*
 * ident.h - identifiers: of requests, attempts and keys
 *
 * A request id is 16 bytes: milliseconds since 1970 (48 bits, big endian),
 * node (32), process incarnation on that node (16), sequence (32).  It sorts
 * by time and never repeats.  As text: "req_" and 26 characters of Crockford
 * base32, lower case.  An attempt id is the request id and a number from 1,
 * as text "req_...-1".
 *
 * A key as text: "ktk_" + 12 characters of id + "_" + 43 of secret (256 bits)
 * + 6 of checksum (CRC-32 of all before it), in base62.  The id is a number
 * below 62^12, random, and looked up; the secret is kept only as SHA-256.
 */
#ifndef KONTOR_MODEL_IDENT_H
#define KONTOR_MODEL_IDENT_H

#include "base/base.h"

enum {
	REQID_LEN = 16,
	REQID_TEXT = 30,   /* without NUL */
	ATTEMPT_TEXT = 33, /* REQID_TEXT, '-', up to two digits */
	KEY_ID_TEXT = 12,
	KEY_SECRET_TEXT = 43,
	KEY_TEXT = 4 + 12 + 1 + 43 + 6
};

struct reqid {
	uint8_t b[REQID_LEN];
};

struct reqid reqid_make(
    int64_t wall_ns, uint32_t node, uint16_t incarnation, uint32_t seq);
int64_t reqid_wall_ms(const struct reqid *id);
/* Writes REQID_TEXT characters and a NUL. */
void reqid_write(const struct reqid *id, char out[REQID_TEXT + 1]);
bool reqid_parse(struct slice text, struct reqid *out) MUST_USE;
/* Writes "req_...-N" and a NUL; returns the length. */
size_t attempt_write(
    const struct reqid *id, unsigned n, char out[ATTEMPT_TEXT + 1]);
bool attempt_parse(struct slice text, struct reqid *id, unsigned *n) MUST_USE;

/* Checks form and checksum only; the secret is the 43 characters. */
bool key_parse(struct slice text, uint64_t *id, struct slice *secret) MUST_USE;
/* secret: 32 random bytes. */
void key_write(uint64_t id, const uint8_t secret[32], char out[KEY_TEXT + 1]);
void key_id_write(uint64_t id, char out[KEY_ID_TEXT + 1]);
bool key_id_parse(struct slice text, uint64_t *id) MUST_USE;

/* FNV-1a 64 finished by a mixer: for tables and filters, never for trust. */
uint64_t hash64(struct slice s);

#endif
