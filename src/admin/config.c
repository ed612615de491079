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

	snapshot_write(a->c->snapshot, false, &b);
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
