/*
 * parse.c - what is asked, as far as HTTP says it
 */
#include "gateway/endpoint.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "httpio/server.h"

/* "application/json", with or without parameters; absent is taken for it. */
static bool
is_json(struct slice type)
{
	struct slice head, tail;

	if (type.len == 0)
		return true;
	if (slice_cut(type, ';', &head, &tail))
		type = head;
	return slice_ieq(slice_trim(type), S("application/json"));
}

enum next
stage_parse(struct req *req, enum wake wake)
{
	const struct http_head *head = req->x->head;
	struct slice segment;
	bool known;

	if (wake == WAKE_GONE)
		return req_fail(req, FAULT_GONE, STAGE_REFUSE);
	req->endpoint =
	    endpoint_find(head->method, http_path(head), &segment, &known);
	req->dialect = endpoint_dialect(req->endpoint, head);
	if (req->endpoint == NULL)
		return req_fail(
		    req, known ? FAULT_METHOD : FAULT_PATH, STAGE_REFUSE);
	if (req->endpoint->open)
		return req_goto(req, STAGE_LOCAL);
	if (segment.len > 0)
		req->path_model = http_unescape(&req->arena, segment, false);
	if (req->endpoint->dialect != NULL &&
	    !is_json(http_value(head, S("content-type"))))
		return req_fail(req, FAULT_MEDIA_TYPE, STAGE_REFUSE);
	return req_goto(req, STAGE_AUTHN);
}
