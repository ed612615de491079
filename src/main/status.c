/*
 * status.c - kontor status: is it well, and what of it is not
 */
#include <stdio.h>

#include "base/json.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/table.h"

static void
write_head(struct buf *b, const struct json *j)
{
	buf_fmt(b, "%s, configuration %.*s\n",
	    json_get_bool(j, "ready", false) ? "ready" : "not ready",
	    S_FMT(json_get_str(j, "generation")));
	if (json_get_bool(j, "log_broken", false))
		buf_str(b, "the log cannot be written\n");
}

static void
write_rows(struct buf *b, const struct json *j)
{
	static const struct column processes[] = { { "role", "ROLE", COL_TEXT },
		{ "pid", "PID", COL_NUMBER }, { "state", "STATE", COL_TEXT },
		{ "open_requests", "CALLS", COL_NUMBER } };
	static const struct column credentials[] = { { "provider", "PROVIDER",
							 COL_TEXT },
		{ "method", "SIGN-IN", COL_TEXT },
		{ "state", "STATE", COL_TEXT },
		{ "expires_in_s", "GOOD FOR S", COL_NUMBER },
		{ "next_in_s", "NEXT IN S", COL_NUMBER },
		{ "failed", "FAILED", COL_NUMBER },
		{ "refused", "REFUSED", COL_NUMBER },
		{ "error_text", "WHY", COL_TEXT },
		{ "error_status", "HTTP", COL_NUMBER },
		{ "error_code", "CODE", COL_TEXT } };
	const struct json *list = json_get(j, "credentials");

	buf_char(b, '\n');
	table_write(b, json_get(j, "processes"), processes, NELEM(processes));
	if (list == NULL || list->n == 0)
		return;
	buf_char(b, '\n');
	table_write(b, list, credentials, NELEM(credentials));
}

int
command_status(int argc, char **argv)
{
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { WHERE_ARGS(&w),
		{ .name = "json", .flag = &json } };
	struct buf out = { 0 };
	struct asked a;
	unsigned none = 0;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (ask_good(&w, "GET", "/api/v1/health", S(""), &a)) {
		if (json) {
			buf_add(&out, buf_slice(&a.text));
			buf_char(&out, '\n');
		} else {
			write_head(&out, a.json);
			write_rows(&out, a.json);
		}
		status = fwrite(out.p, 1, out.len, stdout) == out.len ? 0 : 1;
	}
	buf_fini(&out);
	asked_fini(&a);
	return status;
}
