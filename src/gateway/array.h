/*
 * array.h - a stream for who asked Google for no server-sent events: without
 * alt=sse it is one JSON array, whose elements come when they are made
 */
#ifndef KONTOR_GATEWAY_ARRAY_H
#define KONTOR_GATEWAY_ARRAY_H

#include "base/base.h"

struct req;

/*
 * What to write of these whole events; last: nothing follows.  The bytes as
 * they are for every other request.  Good until the next call.
 */
struct slice array_shape(struct req *req, struct slice events, bool last);

#endif
