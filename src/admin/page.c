/*
 * page.c - the console: its files, and one page for all its paths
 */
#include "admin/api.h"
#include "admin/asset.h"
#include "base/inflate.h"
#include "http/msg.h"
#include "httpio/server.h"

/* Scripts, styles and calls of this origin only; no text becomes markup. */
#define POLICY \
	"default-src 'none'; script-src 'self'; style-src 'self'; " \
	"img-src 'self'; connect-src 'self'; base-uri 'none'; " \
	"form-action 'none'; frame-ancestors 'none'; " \
	"require-trusted-types-for 'script'; trusted-types 'none'"

enum { ASSET_MAX = 8 * 1024 * 1024 };

static const char no_console[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>"
    "<meta charset=\"utf-8\"><title>kontor</title></head>\n<body>\n"
    "<h1>kontor</h1>\n"
    "<p>This instance is running. This build has no web console (it was "
    "built without node 20.19 or later); the admin API is at "
    "<code>/api/v1</code>, described by <code>/api/v1/openapi.json</code> "
    "(an admin key is needed).</p>\n<p><a href=\"/readyz\">ready?</a></p>\n"
    "</body>\n</html>\n";

static const struct asset *
find(const char *path, size_t len)
{
	const struct asset *f;

	for (f = assets; f->path != NULL; f++) {
		if (strlen(f->path) == len && memcmp(f->path, path, len) == 0)
			return f;
	}
	return NULL;
}

static bool
takes_gzip(const struct api *a)
{
	const struct slice v = http_value(a->x->head, S("accept-encoding"));
	size_t i;

	for (i = 0; i + 4 <= v.len; i++) {
		if (slice_ieq((struct slice){ v.p + i, 4 }, S("gzip")))
			return true;
	}
	return false;
}

/* For the few that do not take it compressed. */
static bool
inflate_asset(const struct asset *f, struct buf *out)
{
	struct inflater *z = inflater_new(ENCODING_GZIP, ASSET_MAX);
	const bool good =
	    inflater_feed(z, (struct slice){ (const char *)f->gzip, f->len },
		out) == FAULT_NONE &&
	    inflater_end(z) == FAULT_NONE;

	inflater_free(z);
	return good;
}

static void
answer(struct api *a, const struct asset *f, bool forever)
{
	struct buf plain = { 0 };
	struct slice body = { (const char *)f->gzip, f->len };
	const bool gzip = takes_gzip(a);
	const struct http_hdr hdr[] = {
		{ S("content-type"), slice_of(f->type) },
		{ S("cache-control"),
		    forever ? S("public, max-age=31536000, immutable")
			    : S("no-cache") },
		{ S("content-security-policy"), S(POLICY) },
		{ S("x-content-type-options"), S("nosniff") },
		{ S("referrer-policy"), S("no-referrer") },
		{ S("vary"), S("accept-encoding") },
		{ S("content-encoding"), S("gzip") },
	};

	if (!gzip && inflate_asset(f, &plain))
		body = buf_slice(&plain);
	api_answer(a, 200, hdr, (unsigned)NELEM(hdr) - !gzip, body);
	buf_fini(&plain);
}

/* Whatever the path: the page looks at it itself. */
void
page_index(struct api *a)
{
	const struct asset *f = find("/index.html", 11);

	if (f != NULL)
		answer(a, f, false);
	else
		api_text(a, 200, S("text/html; charset=utf-8"),
		    slice_of(no_console));
}

void
page_asset(struct api *a)
{
	const struct slice path = http_path(a->x->head);
	const struct asset *f = find(path.p, path.len);

	if (f != NULL)
		answer(a, f, path.len > 8);
	else
		api_fail(a, FAULT_PATH, NULL);
}
