/*
 * awscheck.h - does this request carry a good AWS signature, version 4?
 *
 * Written from the specification, apart from what the gateway signs with:
 * the two must agree by being right.  The canonical path is the path on the
 * wire, percent-encoded once more, never normalised.
 */
#ifndef KONTOR_SIM_AWSCHECK_H
#define KONTOR_SIM_AWSCHECK_H

#include "base/base.h"
#include "base/buf.h"
#include "http/msg.h"

struct aws_account {
	struct slice access_key_id, secret, session_token, region, service;
};

enum aws_verdict {
	AWS_OK,
	AWS_INCOMPLETE, /* a part of the header or a header is missing */
	AWS_SCOPE,      /* signed for another region, service or day */
	AWS_EXPIRED,    /* more than five minutes away */
	AWS_TOKEN,      /* session token missing, wrong or not signed */
	AWS_BODY,       /* x-amz-content-sha256 is of another body */
	AWS_MISMATCH    /* the signature is another one */
};

/* The access key id that an Authorization header names; empty: none. */
struct slice aws_key_of(struct slice authorization);

/* now_s: seconds since 1970. */
enum aws_verdict aws_check(const struct http_head *head, struct slice body,
    const struct aws_account *account, int64_t now_s);

/* The canonical request for a list of signed headers; for tests too. */
void aws_canonical(struct buf *out, const struct http_head *head,
    struct slice signed_headers, struct slice body);

#endif
