/*
 * bind.h - private to gateway/: what binds a request beside its body
 *
 * The subjects of its key and of the tags it names give its chain of budgets
 * and its limits.  Taken once, by the first ADMIT, whatever number of
 * attempts follow; given back or counted when the request ends.
 */
#ifndef KONTOR_GATEWAY_BIND_H
#define KONTOR_GATEWAY_BIND_H

#include "gateway/req.h"

enum { BIND_HEADERS = 16 };

/* FAULT_TAG, FAULT_CHAIN, FAULT_RATE, FAULT_CONCURRENCY. */
enum fault bind_take(struct req *req) MUST_USE;
/* The budget that was short was closed meanwhile and binds nobody: those that
 * bind now.  FAULT_BUDGET: it was not; FAULT_CHAIN: they are too many. */
enum fault bind_afresh(struct req *req) MUST_USE;
/* Reads the tags that the call names, once.  FAULT_TAG. */
enum fault bind_tags(struct req *req) MUST_USE;
/* The request is over. */
void bind_end(struct req *req);

/* A sentence for x-kontor-warnings; borrows text until the end. */
void bind_warn(struct req *req, struct slice text);
/* Warns of soft budgets that the open hold stands on. */
void bind_warn_soft(struct req *req);

/*
 * Headers about limits and warnings, at most BIND_HEADERS: RateLimit-Policy
 * and RateLimit (draft-ietf-httpapi-ratelimit-headers-10) and those that
 * OpenAI's SDKs and callers read.  True in *replaces: a provider's own
 * x-ratelimit headers would tell of another limit.
 */
unsigned bind_headers(
    struct req *req, struct http_hdr hdr[BIND_HEADERS], bool *replaces);

/* "600 requests per 60 s of team ml", for people. */
void bind_describe(struct req *req, uint32_t limit, struct buf *out);

#endif
