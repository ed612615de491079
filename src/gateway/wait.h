/*
 * wait.h - private to gateway/: the queues a request may stand in
 *
 * Oldest first.  Only the head of each account's waiters asks for money
 * again; when it succeeds or gives up the next one is asked.
 */
#ifndef KONTOR_GATEWAY_WAIT_H
#define KONTOR_GATEWAY_WAIT_H

#include "gateway/req.h"

void wait_for_money(struct req *req);
void wait_for_sync(struct req *req);
void wait_leave(struct req *req); /* harmless when it stands in none */

#endif
