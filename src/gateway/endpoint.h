/*
 * endpoint.h - the paths the gateway serves, as one table
 */
#ifndef KONTOR_GATEWAY_ENDPOINT_H
#define KONTOR_GATEWAY_ENDPOINT_H

#include "base/base.h"

struct dialect;
struct http_head;
struct req;

struct endpoint {
	const char *method;
	/* "{}" stands for one path segment, handed to the request. */
	const char *path;
	const struct dialect *dialect; /* NULL: answered here */
	/* Fills req->reply: where dialect is NULL, and for what no provider
	 * of the model is asked in that dialect. */
	void (*local)(struct req *req, struct slice segment);
	bool open; /* needs no credential */
	/* What the path says of streaming: 1, 0; -1: the body says it. */
	int stream;
};

/*
 * NULL: no such path with this method; then *known says whether the path
 * exists with another one.  *segment is still percent-encoded.
 */
const struct endpoint *endpoint_find(
    struct slice method, struct slice path, struct slice *segment, bool *known);

/* In whose words a caller is answered: the path's, where it is a call (e may
 * be NULL), else those of the SDK whose headers he sends. */
const struct dialect *endpoint_dialect(
    const struct endpoint *e, const struct http_head *head);

#endif
