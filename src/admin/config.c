/*
 * config.c - the configuration in force, and reading it again
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/peer.h"

void
config_get(struct api *a)
{
	struct buf b = { 0 };

	snapshot_write(a->c->snapshot, SNAPSHOT_BARE, &b);
	api_reply(a, 200, &b);
}

static void
then_told(struct api *a, const struct json *answer)
{
	struct slice errors = json_get_str(answer, "errors");
	struct buf b = { 0 };

	if (answer == NULL) {
		api_fail(a, FAULT_OVERLOAD, "the supervisor does not answer");
		return;
	}
	if (!json_get_bool(answer, "ok", false)) {
		api_fail(a, FAULT_CONFLICT, arena_str(&a->arena, errors));
		return;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "generation", json_get_str(answer, "generation"));
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

void
config_reload(struct api *a)
{
	api_ask(a, a->c->supervisor, S("\"op\":\"reload\""), then_told);
}

/* --- the text --------------------------------------------------------------
 */

static bool
understood(struct api *a, const struct json *answer)
{
	if (answer == NULL) {
		api_fail(a, FAULT_OVERLOAD, "the supervisor does not answer");
		return false;
	}
	if (json_get_bool(answer, "ok", false))
		return true;
	api_fail(a, FAULT_CONFLICT,
	    arena_str(&a->arena, json_get_str(answer, "errors")));
	return false;
}

static void
then_text(struct api *a, const struct json *answer)
{
	struct buf b = { 0 };

	if (!understood(a, answer))
		return;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "file", json_get_str(answer, "file"));
	json_w_kstr(&b, "version", json_get_str(answer, "version"));
	json_w_kstr(&b, "text", json_get_str(answer, "text"));
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

void
config_text(struct api *a)
{
	api_ask(a, a->c->supervisor, S("\"op\":\"config_text\""), then_text);
}

static void
copy_text(struct buf *b, const char *key, const struct json *from)
{
	const struct json *v = json_get(from, key);

	json_w_key(b, key);
	if (v != NULL && v->type == JSON_STRING && v->text.len > 0)
		json_w_str(b, v->text);
	else
		json_w_null(b);
}

static void
then_checked(struct api *a, const struct json *answer)
{
	static const char *const fields[] = { "change", "kind", "id", "field",
		"from", "to" };
	const struct json *list, *c;
	struct buf b = { 0 };
	size_t i;

	if (!understood(a, answer))
		return;
	json_w_begin(&b, '{');
	json_w_kbool(&b, "good", json_get_bool(answer, "good", false));
	json_w_kstr(&b, "report", json_get_str(answer, "report"));
	copy_text(&b, "needs_restart", answer);
	json_w_key(&b, "changes");
	json_w_begin(&b, '[');
	list = json_get(answer, "changes");
	for (c = list != NULL ? list->child : NULL; c != NULL; c = c->next) {
		json_w_begin(&b, '{');
		for (i = 0; i < NELEM(fields); i++)
			copy_text(&b, fields[i], c);
		json_w_end(&b, '}');
	}
	json_w_end(&b, ']');
	json_w_kbool(
	    &b, "more_changes", json_get_bool(answer, "more_changes", false));
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

enum { CONFIG_TEXT_MAX = 48 * 1024 };

static bool
has_text(struct api *a, struct slice *text)
{
	const struct json *v = json_get(a->body, "text");

	if (v == NULL || v->type != JSON_STRING) {
		api_fail(a, FAULT_FIELD, "'text' must be the configuration");
		return false;
	}
	*text = v->text;
	if (text->len > CONFIG_TEXT_MAX) {
		api_fail(a, FAULT_BODY_TOO_LARGE,
		    "above 48 KiB the file itself is to be changed: kontor "
		    "check, plan, reload");
		return false;
	}
	return true;
}

static void
ask(struct api *a, struct buf *b, api_then_f *then)
{
	const struct slice s = buf_slice(b);

	api_ask(
	    a, a->c->supervisor, (struct slice){ s.p + 1, s.len - 2 }, then);
	buf_fini(b);
}

void
config_check(struct api *a)
{
	struct buf b = { 0 };
	struct slice text;

	if (!has_text(a, &text))
		return;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "op", S("config_check"));
	json_w_kstr(&b, "text", text);
	json_w_end(&b, '}');
	ask(a, &b, then_checked);
}

void
config_save(struct api *a)
{
	const struct slice version = json_get_str(a->body, "version");
	struct buf b = { 0 };
	struct slice text;

	if (!has_text(a, &text))
		return;
	if (version.len == 0) {
		api_fail(a, FAULT_FIELD,
		    "'version' must be that of the text that was read");
		return;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "op", S("config_save"));
	json_w_kstr(&b, "version", version);
	json_w_kstr(&b, "text", text);
	json_w_end(&b, '}');
	ask(a, &b, then_told);
}
