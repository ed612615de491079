/*
 * value.h - the small languages of a configuration's values
 *
 * Each parser takes the whole text or says no; none of them allocates.
 */
#ifndef KONTOR_MAIN_VALUE_H
#define KONTOR_MAIN_VALUE_H

#include "base/base.h"

/* "500ms", "2s", "10m", "1h", "0s" */
bool value_duration(struct slice s, int64_t *ns) MUST_USE;
/* "4096", "64KiB", "32MiB", "1GiB" */
bool value_size(struct slice s, uint64_t *bytes) MUST_USE;
/* "30d", "12h", "2w" and value_duration's forms: spans of wall time. */
bool value_span(struct slice s, int64_t *ns) MUST_USE;

struct host_port {
	struct slice host; /* without brackets */
	uint16_t port;
};

/* "127.0.0.1:8080", "[::1]:0"; the host must be a literal address. */
bool value_address(struct slice s, struct host_port *out) MUST_USE;

struct url_parts {
	bool tls;
	struct slice host; /* without brackets */
	uint16_t port;
	struct slice path; /* "" or "/..." without a slash at the end */
	/* The whole, without a slash at the end. */
	struct slice url;
};

/* NULL, or what is wrong with it as a base URL. */
const char *value_url(struct slice s, struct url_parts *out) MUST_USE;

/* A name of a thing: letters, digits and ._:/@+- , at most 128. */
bool value_name(struct slice s);

/* A code of ISO 4217: "USD". */
bool value_currency(struct slice s) MUST_USE;

#endif
