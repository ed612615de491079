/*
 * learn.h - private to gateway/: what an attempt teaches about its deployment
 *
 * Each fault moves what its owner answers for: the breaker, the headroom, the
 * credential's health; what went well moves the pace, the expected output and
 * the place of a cache.
 */
#ifndef KONTOR_GATEWAY_LEARN_H
#define KONTOR_GATEWAY_LEARN_H

#include "gateway/req.h"

/* The provider's head: rate limits, and where it says it is. */
void learn_head(struct req *req, const struct http_head *head);
/* A whole answer, or an event of a stream: is it of the model that it should
 * be (answers_as)?  What names none is. */
bool learn_model(const struct req *req, struct slice json);
/*
 * Was it the caller's deadline that ended the attempt before anybody could say
 * that the provider is slow?  Then it is not the provider's fault.
 */
bool learn_hurried(const struct req *req);
/* The attempt is over; used: what it is booked with, nothing is known of it
 * when not. */
void learn_end(struct req *req, const struct usage *used, bool known);

#endif
