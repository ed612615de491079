/*
 * relay.h - private to gateway/: an answer on its way through
 */
#ifndef KONTOR_GATEWAY_RELAY_H
#define KONTOR_GATEWAY_RELAY_H

struct http_head;
struct req;

/* Reads the provider's head, which is borrowed for the call. */
void relay_head(struct req *req, const struct http_head *head);
/* Memory of RELAY, which outlives the stage until RECORD has sent it. */
void relay_free(struct req *req);

#endif
