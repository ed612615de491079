#include "gateway/array.h"

#include "base/buf.h"
#include "gateway/worker_priv.h"

/* A line without its end, which is passed; either end. */
static struct slice
take_line(struct slice *rest)
{
	const char *nl = memchr(rest->p, '\n', rest->len);
	const size_t n = nl != NULL ? (size_t)(nl - rest->p) : rest->len;
	struct slice line = { rest->p, n };

	rest->p += n + (nl != NULL);
	rest->len -= n + (nl != NULL);
	while (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

struct slice
array_shape(struct req *req, struct slice events, bool last)
{
	static struct buf b; /* kept: one process, one thread */
	struct slice line;
	bool within = false;

	if (!req->array)
		return events;
	buf_clear(&b);
	while (events.len > 0) {
		line = take_line(&events);
		if (line.len == 0)
			within = false;
		if (!slice_starts(line, S("data:")))
			continue;
		/* A line's end within an event is a blank to JSON. */
		buf_str(&b, within ? "\n" : req->array_began ? ",\r\n" : "[");
		within = req->array_began = true;
		buf_add(&b, (struct slice){ line.p + 5, line.len - 5 });
	}
	if (last)
		buf_str(&b, req->array_began ? "]" : "[]");
	return buf_slice(&b);
}
