/*
 * awsfile.h - AWS shared files: which credential a profile means
 *
 * ~/.aws/credentials and ~/.aws/config as the SDKs read them: keys, roles over
 * a source profile, web identities, the machine's own credential.  What would
 * run a program or ask a person is refused by name.
 */
#ifndef KONTOR_COURIER_AWSFILE_H
#define KONTOR_COURIER_AWSFILE_H

#include "base/arena.h"
#include "base/base.h"
#include "courier/run.h"

enum aws_base {
	AWS_BASE_KEYS,
	AWS_BASE_WEB,
	AWS_BASE_CONTAINER,
	AWS_BASE_INSTANCE
};

/* Where it begins, and which roles are assumed from there, in order. */
struct aws_plan {
	enum aws_base base;
	struct slice key_id, secret, token; /* AWS_BASE_KEYS */
	struct aws_role web;                /* AWS_BASE_WEB */
	const char *token_file;
	struct aws_role role[RUN_ROLES];
	unsigned nroles;
};

/*
 * NULL, or what is wrong, in words that hold no secret; in the arena.  The
 * plan's slices borrow from the texts.
 */
const char *awsfile_plan(struct arena *a, struct slice credentials,
    struct slice config, struct slice profile, struct aws_plan *out);

#endif
