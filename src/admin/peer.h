/*
 * peer.h - private to admin/: questions to another process of this node
 *
 * One JSON object a message over SOCK_SEQPACKET (model/ipc.h), answered in
 * any order, each within 5 s.  The queue is bounded; a full one answers with
 * NULL at once.
 */
#ifndef KONTOR_ADMIN_PEER_H
#define KONTOR_ADMIN_PEER_H

#include "base/base.h"
#include "base/json.h"

struct loop;
struct peer;

typedef void peer_answer_f(void *arg, const struct json *answer);
/* What comes unasked: {"op":...}; fd is -1 or the callee's to close. */
typedef void peer_message_f(void *arg, const struct json *message, int fd);

struct peer *peer_new(
    struct loop *l, int fd, peer_message_f *on_message, void *arg) MUST_USE;
void peer_free(struct peer **p);

/* fields: "\"op\":\"barrier\""; on_answer may be called before it returns. */
void peer_ask(
    struct peer *p, struct slice fields, peer_answer_f *on_answer, void *arg);
void peer_send(struct peer *p, struct slice text);

#endif
