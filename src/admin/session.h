/*
 * session.h - private to admin/: who is signed in to the console
 *
 * A session is a cookie (HttpOnly, SameSite=Strict) that stands for the
 * credential it was opened with; it ends when that key does, after
 * SESSION_IDLE_S without a call, or with this process.  What changes something
 * must also carry the header x-kontor-console, which no other origin can send.
 * A link signs in once, within LINK_S.
 */
#ifndef KONTOR_ADMIN_SESSION_H
#define KONTOR_ADMIN_SESSION_H

#include "admin/api.h"
#include "http/msg.h"

enum { SESSION_IDLE_S = 12 * 3600, LINK_S = 600, SESSIONS_MAX = 256 };

struct sessions; /* opaque; session.c */

struct sessions *sessions_new(void) MUST_USE;
void sessions_free(struct sessions **s);

/* The session's token in the cookie; empty: there is none. */
struct slice session_token(const struct http_head *h);
/* FAULT_KEY: no such session; FAULT_FORBIDDEN: it lacks the header. */
enum fault session_role(const struct control *c, const struct http_head *h,
    enum role *role) MUST_USE;

#endif
