/*
 * authn_aws.h - a caller who signs his request as AWS's SDKs do
 *
 * The pair is from `kontor key create --aws`.  Signature Version 4 in the
 * header; host (or :authority) and x-amz-date must be signed, the date within
 * five minutes, the body the one that was signed, and no signature is taken
 * twice (but for like calls of one moment that name themselves, as boto3's).
 * Presigned URLs and unsigned or chunk-signed bodies are refused.
 */
#ifndef KONTOR_GATEWAY_AUTHN_AWS_H
#define KONTOR_GATEWAY_AUTHN_AWS_H

#include "base/base.h"
#include "base/fault.h"
#include "http/msg.h"

struct shm_key;
struct worker;

/* Does the request carry a signature, good or bad? */
bool authn_aws_is(const struct http_head *head);
/* By the head alone: is it worth reading the body? */
enum fault authn_aws_head(const struct worker *w, const struct http_head *head,
    const struct shm_key **key);
/* The whole: body as it came. */
enum fault authn_aws(struct worker *w, const struct http_head *head,
    struct slice body, const struct shm_key **key);

#endif
