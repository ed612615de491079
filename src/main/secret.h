/*
 * secret.h - secrets by reference: ${ENV}, ${ENV:-default}, file:, systemd
 *
 * A secret never stands in the configuration itself.
 */
#ifndef KONTOR_MAIN_SECRET_H
#define KONTOR_MAIN_SECRET_H

#include "base/arena.h"
#include "base/base.h"

enum { SECRET_MAX = 16 * 1024 };

/* What went wrong, both borrowed from the arena or constant. */
struct secret_why {
	const char *text, *hint;
};

/*
 * ref: "${NAME}", "${NAME:-default}", "file:PATH" (relative to dir) or
 * "systemd-creds:NAME".  One newline at a file's end is not part of it.
 */
bool secret_resolve(struct arena *a, const char *dir, struct slice ref,
    const char **out, struct secret_why *why) MUST_USE;

/* The same for what has lines: a key in PEM, a JSON document. */
bool secret_resolve_text(struct arena *a, const char *dir, struct slice ref,
    const char **out, struct secret_why *why) MUST_USE;

/* Replaces every ${NAME} and ${NAME:-default} in a value that is no secret. */
bool secret_expand(struct arena *a, struct slice text, struct slice *out,
    struct secret_why *why) MUST_USE;

#endif
