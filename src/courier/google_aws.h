/*
 * google_aws.h - private to courier/: what proves to Google who we are at AWS
 *
 * The subject token of a federation whose credential_source is AWS is a signed
 * GetCallerIdentity that Google sends on: the machine's metadata service gives
 * region and keys.
 */
#ifndef KONTOR_COURIER_GOOGLE_AWS_H
#define KONTOR_COURIER_GOOGLE_AWS_H

#include "courier/run.h"

/* a NULL: begins.  STEP_DONE: r->token is the subject token. */
enum step google_aws_step(
    struct run *r, const struct json *source, const struct run_reply *a);

#endif
