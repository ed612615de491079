/*
 * check.c - kontor check: what is wrong with a configuration
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "main/args.h"
#include "main/commands.h"
#include "main/config.h"
#include "main/options.h"
#include "main/report.h"
#include "model/snapshot.h"

/* What is allowed and may yet surprise. */
static void
add_notes(const struct snapshot *s, struct buf *out, bool json)
{
	const struct deployment_conf *d;
	char text[300];
	unsigned i;

	for (i = 0; i < s->ndeployments; i++) {
		d = &s->deployment[i];
		if (deployment_price(d, clock_wall_ns()) != NULL)
			continue;
		snprintf(text, sizeof(text),
		    "deployment \"%s\" has no known price; keys with a budget "
		    "cannot use it",
		    d->id);
		if (json)
			json_w_str(out, slice_of(text));
		else
			buf_fmt(out, "  note: %s\n", text);
	}
}

static void
write_json(struct report *r, const struct snapshot *s, struct buf *out)
{
	json_w_begin(out, '{');
	json_w_kbool(out, "ok", s != NULL);
	json_w_key(out, "errors");
	report_write_json(r, out);
	json_w_key(out, "notes");
	json_w_begin(out, '[');
	if (s != NULL)
		add_notes(s, out, true);
	json_w_end(out, ']');
	json_w_end(out, '}');
	buf_char(out, '\n');
}

static void
write_text(struct report *r, const struct snapshot *s, struct buf *out)
{
	if (s == NULL) {
		report_write(r, out);
		return;
	}
	buf_fmt(out, "%s: ok: %u providers, %u models, %u deployments\n",
	    r->file, s->nproviders, s->nmodels, s->ndeployments);
	add_notes(s, out, false);
}

static int
check_file(const char *file, bool json, struct buf *out)
{
	struct report *r = NEW(struct report);
	struct snapshot *s;
	const bool good = config_load(file, r, &s);

	if (json)
		write_json(r, s, out);
	else
		write_text(r, s, out);
	fwrite(out->p, 1, out->len, good || json ? stdout : stderr);
	out->len = 0;
	snapshot_unref(&s);
	report_fini(r);
	mem_free(r);
	return good ? 0 : 1;
}

int
command_check(int argc, char **argv)
{
	const char *file = "kontor.yaml";
	bool json = false, schema = false, table = false;
	const struct arg arg[] = { { .name = "c", .value = &file },
		{ .name = "json", .flag = &json },
		{ .name = "schema", .flag = &schema },
		{ .name = "options", .flag = &table } };
	struct buf out = { 0 };
	unsigned none = 0;
	int status = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (schema) {
		options_schema(&out);
		buf_char(&out, '\n');
	} else if (table) {
		options_text(&out);
	} else {
		status = check_file(file, json, &out);
	}
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	return status;
}
