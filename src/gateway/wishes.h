/*
 * wishes.h - private to gateway/: what a caller says in headers about where
 * its call may run, and whose call it is for the rules
 *
 *   x-kontor-data-class: pii      a word of data_classes
 *   x-kontor-priority: low        lowers what priorities says, never raises
 *   x-kontor-session: ID          stays where it is (route.affinity: session)
 *   x-kontor-timeout: 20s         the whole call, all attempts; 500ms, 20
 */
#ifndef KONTOR_GATEWAY_WISHES_H
#define KONTOR_GATEWAY_WISHES_H

#include "gateway/req.h"

/* FAULT_FIELD; FAULT_TAG when rules need tags. */
enum fault wishes_read(struct req *req) MUST_USE;
/* The class and the warm key, which go by the model. */
void wishes_take_model(struct req *req);
struct rule_who wishes_who(const struct req *req);

/* Sentences that stay, whatever attempts follow. */
void wishes_warn_moved(
    struct req *req, const struct model_conf *to, const char *why);
void wishes_warn_deprecated(struct req *req, const struct model_conf *m);

#endif
