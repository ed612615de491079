/*
 * note.h - signed notes and verifier keys (c2sp.org/signed-note), Ed25519
 *
 * A note is a text that ends in a newline, an empty line, and signature lines
 * "\u2014 NAME BASE64(key id, 4 bytes || signature, 64 bytes)".  A verifier
 * key is "NAME+HEX(key id)+BASE64(1 || public key)".  Parsers are strict: one
 * text per value; what they are given is hostile.
 */
#ifndef KONTOR_AUDIT_NOTE_H
#define KONTOR_AUDIT_NOTE_H

#include "base/base.h"
#include "base/buf.h"
#include "crypto/sign.h"

enum {
	NOTE_MAX = 8192, /* a whole note */
	NOTE_NAME_MAX = 64,
	NOTE_SIGNATURES_MAX = 16
};

struct note_key {
	char name[NOTE_NAME_MAX + 1];
	uint32_t id;
	uint8_t key[SIGN_PUBLIC];
};

/* name: of letters, digits and "/.-_"; the id follows from both. */
void note_key_make(
    struct note_key *k, const char *name, const uint8_t key[SIGN_PUBLIC]);
/* One line, with or without its newline. */
bool note_key_parse(struct slice line, struct note_key *out) MUST_USE;
void note_key_write(const struct note_key *k, struct buf *out); /* no newline */

/* "PRIVATE+KEY+NAME+HEX+BASE64(1 || seed)" */
bool note_secret_parse(
    struct slice line, struct note_key *out, struct signer **signer) MUST_USE;
void note_secret_write(
    const struct note_key *k, const uint8_t seed[SIGN_SEED], struct buf *out);

/* Appends text (which ends in a newline) and our signature. */
void note_sign(struct buf *out, struct slice text, const struct note_key *k,
    const struct signer *signer);
/* False: it is no note, or this key has not signed it.  *text is borrowed. */
bool note_open(
    struct slice note, const struct note_key *k, struct slice *text) MUST_USE;

/*
 * Notes one after the other, an empty line behind each: takes the first off
 * *rest.  False: there is no whole note; *rest stays.
 */
bool note_next(struct slice *rest, struct slice *note) MUST_USE;

#endif
