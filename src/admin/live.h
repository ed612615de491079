/*
 * live.h - private to admin/: calls as they end, to whoever watches
 *
 * Server-sent events: "call" has one row (books/calls.h), "missed" {"calls":N}
 * says that there were more than a page can show, a comment every few seconds
 * keeps the connection open.  Nothing is read while nobody watches.
 */
#ifndef KONTOR_ADMIN_LIVE_H
#define KONTOR_ADMIN_LIVE_H

struct control;
struct live; /* opaque; live.c */

/* Ends all streams. */
void live_free(struct live **l);

#endif
