/*
 * check.c - kontor check: what is wrong with a configuration
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "courier/once.h"
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

/* --- online ---------------------------------------------------------- */

static void
write_try(struct buf *b, const struct provider_conf *p, const struct run *r,
    enum signin_why why, bool json)
{
	const char *method = signin_method_text(p->signin->method);

	if (json) {
		json_w_begin(b, '{');
		json_w_kstr(b, "provider", slice_of(p->id));
		json_w_kstr(b, "method", slice_of(method));
		json_w_kbool(b, "ok", why == SIGNIN_WHY_NONE);
		if (why != SIGNIN_WHY_NONE) {
			json_w_kstr(b, "error", slice_of(signin_why_code(why)));
			json_w_ki64(b, "status", r->status);
			json_w_kstr(b, "code", slice_of(r->code));
		}
		json_w_end(b, '}');
		return;
	}
	buf_fmt(b, "  sign-in of %s (%s): ", p->id, method);
	if (why == SIGNIN_WHY_NONE && r->lifetime_s > 0)
		buf_fmt(b, "good for %lld s", (long long)r->lifetime_s);
	else if (why == SIGNIN_WHY_NONE)
		buf_str(b, "good");
	else
		buf_str(b, signin_why_text(why));
	if (why != SIGNIN_WHY_NONE && r->status != 0)
		buf_fmt(b, " (HTTP %d%s%s)", r->status,
		    r->code[0] != '\0' ? ", " : "", r->code);
	buf_char(b, '\n');
}

/* Signs in to each provider, once, as the courier would. */
static bool
try_all(const struct snapshot *s, bool json, struct buf *out)
{
	enum signin_why why;
	bool good = true;
	struct run r;
	unsigned i;

	for (i = 0; i < s->nproviders; i++) {
		const struct provider_conf *p = &s->provider[i];

		if (p->signin == NULL)
			continue;
		r = (struct run){ 0 };
		why = once_sign_in(s, p, &r);
		write_try(out, p, &r, why, json);
		run_end(&r);
		good = good && why == SIGNIN_WHY_NONE;
	}
	return good;
}

/* --- the report ------------------------------------------------------ */

static void
write_json(
    struct report *r, const struct snapshot *s, bool *online, struct buf *out)
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
	if (s != NULL && *online) {
		json_w_key(out, "sign_ins");
		json_w_begin(out, '[');
		*online = try_all(s, true, out);
		json_w_end(out, ']');
	}
	json_w_end(out, '}');
	buf_char(out, '\n');
}

static void
write_text(
    struct report *r, const struct snapshot *s, bool *online, struct buf *out)
{
	if (s == NULL) {
		report_write(r, out);
		return;
	}
	buf_fmt(out, "%s: ok: %u providers, %u models, %u deployments\n",
	    r->file, s->nproviders, s->nmodels, s->ndeployments);
	add_notes(s, out, false);
	if (*online)
		*online = try_all(s, false, out);
}

static int
check_file(const char *file, bool json, bool online, struct buf *out)
{
	struct report *r = NEW(struct report);
	struct snapshot *s;
	bool tried = online, good = config_load(file, r, &s);

	if (json)
		write_json(r, s, &tried, out);
	else
		write_text(r, s, &tried, out);
	fwrite(out->p, 1, out->len, good || json ? stdout : stderr);
	out->len = 0;
	snapshot_unref(&s);
	report_fini(r);
	mem_free(r);
	return good && tried == online ? 0 : 1;
}

int
command_check(int argc, char **argv)
{
	const char *file = "kontor.yaml";
	bool json = false, schema = false, table = false, online = false;
	const struct arg arg[] = { { .name = "c", .value = &file },
		{ .name = "json", .flag = &json },
		{ .name = "schema", .flag = &schema },
		{ .name = "options", .flag = &table },
		{ .name = "online", .flag = &online } };
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
		status = check_file(file, json, online, &out);
	}
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	return status;
}
