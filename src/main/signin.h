/*
 * signin.h - the auth of a provider that is more than a key: from the
 * configuration to a struct signin_conf
 *
 * Everything that can be known before the first sign-in is checked here: that
 * one whole credential is given, that it goes with the provider's type, that
 * files can be read and are what they must be, that no secret is sent over
 * plain HTTP to a name.
 */
#ifndef KONTOR_MAIN_SIGNIN_H
#define KONTOR_MAIN_SIGNIN_H

#include "base/arena.h"
#include "main/report.h"
#include "model/snapshot.h"

struct ynode; /* main/yaml.h */

struct signin_reader {
	struct arena *arena;   /* the snapshot's */
	struct arena *scratch; /* the texts of reports */
	struct report *report;
	const char *dir; /* of the configuration, absolute */
};

/* Does the provider's node n hold one of them? */
bool signin_given(const struct ynode *n);
/*
 * Sets p->signin, or its static keys where nothing expires, or what signs for
 * OCI.  p's id, type, region and static keys are there.
 */
void signin_take(
    struct signin_reader *r, const struct ynode *n, struct provider_conf *p);

#endif
