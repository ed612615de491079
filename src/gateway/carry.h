/*
 * carry.h - private to gateway/: from the caller's dialect to the provider's
 * and back
 *
 * The body becomes a conversation once, and the conversation a body for each
 * attempt that needs one.  What comes back becomes steps, and these what the
 * caller reads.
 */
#ifndef KONTOR_GATEWAY_CARRY_H
#define KONTOR_GATEWAY_CARRY_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"

struct req;
struct carry; /* opaque; carry.c */

/* The body for req->try, in the request's arena; what is lost becomes
 * warnings.  FAULT_FIELD: req->ask says which and why. */
enum fault carry_request(struct req *req, struct slice *body) MUST_USE;

/* Betas of Anthropic's that the caller wishes for, as a header lists them. */
struct slice carry_betas(struct req *req) MUST_USE;

struct carry *carry_new(struct req *req) MUST_USE;
void carry_free(struct carry **c);
/* A whole answer, appended to out.  FAULT_UP_GARBAGE. */
enum fault carry_answer(
    struct carry *c, struct slice body, struct buf *out) MUST_USE;
/* One event of a stream: what it comes to is appended to out. */
enum fault carry_event(struct carry *c, struct slice name, struct slice data,
    struct buf *out) MUST_USE;
/* The body is over: FAULT_UP_RESET, it was not the end. */
enum fault carry_end(struct carry *c, struct buf *out) MUST_USE;
size_t carry_size(const struct carry *c);  /* bytes; NULL: none */
bool carry_is_over(const struct carry *c); /* END was written */

#endif
