/*
 * agreements.c - what was agreed with providers, and where it stands
 */
#include <time.h>

#include "admin/api.h"
#include "admin/control_priv.h"
#include "base/clock.h"
#include "books/agreement.h"

/* A date, or a time of it, UTC. */
static bool
read_at(struct slice text, int64_t *ns)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };
	char copy[32];
	const char *end;
	struct tm tm;
	size_t i;

	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	for (i = 0; i < NELEM(forms); i++) {
		tm = (struct tm){ 0 };
		end = strptime(copy, forms[i], &tm);
		if (end != NULL && *end == '\0') {
			*ns = (int64_t)timegm(&tm) * NS_PER_S;
			return *ns > 0;
		}
	}
	return false;
}

void
agreements_list(struct api *a)
{
	const struct slice at = api_query(a, "at");
	int64_t at_ns = 0;
	struct buf b = { 0 };
	struct store *s;
	enum fault f;

	if (at.len > 0 && !read_at(at, &at_ns)) {
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
