/*
 * secret.h - bytes that must not be seen: owned, wiped, never printed
 *
 * Zeroed is empty.  There is no function that prints one, and no "%s" takes a
 * struct; who needs the bytes says so by secret_reveal(), which grep finds.
 */
#ifndef KONTOR_BASE_SECRET_H
#define KONTOR_BASE_SECRET_H

#include "base/base.h"

struct secret {
	unsigned char *hidden;
	size_t n;
};

/* Copies; what was in before is wiped.  The source stays the caller's. */
void secret_set(struct secret *s, struct slice bytes);
/* Moves; *from is empty then. */
void secret_take(struct secret *s, struct secret *from);
bool secret_is_set(const struct secret *s);

/* Borrowed until the secret changes; do not copy into what is not wiped. */
struct slice secret_reveal(const struct secret *s);

void secret_fini(struct secret *s);

#endif
