/*
 * page.c - what stands at / as long as this build has no console
 */
#include "admin/api.h"

void
page_index(struct api *a)
{
	api_text(a, 200, S("text/html; charset=utf-8"),
	    S("<!doctype html>\n<html lang=\"en\">\n<head>"
	      "<meta charset=\"utf-8\"><title>kontor</title></head>\n<body>\n"
	      "<h1>kontor</h1>\n"
	      "<p>This instance is running. This build has no web console; "
	      "the admin API is at <code>/api/v1</code>, described by "
	      "<code>/api/v1/openapi.json</code> (an admin key is needed)."
	      "</p>\n<p><a href=\"/readyz\">ready?</a></p>\n"
	      "</body>\n</html>\n"));
}
