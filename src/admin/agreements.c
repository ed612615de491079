/*
 * agreements.c - what was agreed with providers, and where it stands
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "base/date.h"
#include "books/agreement.h"

void
agreements_list(struct api *a)
{
	const struct slice at = api_query(a, "at");
	int64_t at_ns = 0;
	struct buf b = { 0 };
	struct store *s;
	enum fault f;

	if (at.len > 0 && (!date_parse(at, &at_ns) || at_ns == 0)) {
		api_fail(a, FAULT_FIELD,
		    "'at' takes 2026-11-23 or 2026-11-23T08:00:00Z");
		return;
	}
	s = api_store(a);
	if (s == NULL)
		return;
	f = agreement_report(s, api_query(a, "name"), at_ns, &b);
	if (f == FAULT_NONE) {
		api_reply(a, 200, &b);
	} else {
		buf_fini(&b);
		api_fail(a, f,
		    f == FAULT_NOT_FOUND ? "there is no such agreement"
					 : store_error(s));
	}
	store_close(&s);
}
