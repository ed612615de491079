#include "main/value.h"

#include <arpa/inet.h>

#include "base/clock.h"

struct unit {
	const char *name;
	int64_t factor;
};

static bool
number_with_unit(
    struct slice s, const struct unit *unit, size_t n, int64_t *out)
{
	struct slice digits = s, name;
	uint64_t v;
	size_t i;

	while (digits.len > 0 && (digits.p[digits.len - 1] < '0' ||
				     digits.p[digits.len - 1] > '9'))
		digits.len--;
	name = (struct slice){ s.p + digits.len, s.len - digits.len };
	if (!slice_u64(digits, &v) || v > INT64_MAX)
		return false;
	for (i = 0; i < n; i++) {
		if (slice_eq(name, slice_of(unit[i].name)))
			return !__builtin_mul_overflow(
			    (int64_t)v, unit[i].factor, out);
	}
	return false;
}

bool
value_duration(struct slice s, int64_t *ns)
{
	static const struct unit units[] = { { "ms", NS_PER_MS },
		{ "s", NS_PER_S }, { "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S } };

	return number_with_unit(s, units, NELEM(units), ns);
}

bool
value_span(struct slice s, int64_t *ns)
{
	static const struct unit units[] = { { "d", 86400 * NS_PER_S },
		{ "w", 7 * 86400 * NS_PER_S } };

	return number_with_unit(s, units, NELEM(units), ns) ||
	       value_duration(s, ns);
}

bool
value_size(struct slice s, uint64_t *bytes)
{
	static const struct unit units[] = { { "", 1 }, { "KiB", 1024 },
		{ "MiB", 1024 * 1024 }, { "GiB", 1024 * 1024 * 1024 } };
	int64_t v;

	if (!number_with_unit(s, units, NELEM(units), &v))
		return false;
	*bytes = (uint64_t)v;
	return true;
}

/* "host:port" or "[v6]:port"; *port stays as it was when there is none. */
static bool
split_port(struct slice s, struct slice *host, uint16_t *port)
{
	struct slice rest;
	const char *at;
	uint64_t v;

	if (s.len > 0 && s.p[0] == '[') {
		at = memchr(s.p, ']', s.len);
		if (at == NULL)
			return false;
		*host = (struct slice){ s.p + 1, (size_t)(at - s.p) - 1 };
		rest = (struct slice){ at + 1, (size_t)(s.p + s.len - at) - 1 };
	} else {
		at = s.len > 0 ? memchr(s.p, ':', s.len) : NULL;
		host->p = s.p;
		host->len = at != NULL ? (size_t)(at - s.p) : s.len;
		rest = (struct slice){ s.p + host->len, s.len - host->len };
	}
	if (host->len == 0)
		return false;
	if (rest.len == 0)
		return true;
	if (rest.p[0] != ':' ||
	    !slice_u64((struct slice){ rest.p + 1, rest.len - 1 }, &v) ||
	    v > 65535)
		return false;
	*port = (uint16_t)v;
	return true;
}

bool
value_address(struct slice s, struct host_port *out)
{
	char host[64];
	unsigned char raw[16];
	const bool six = s.len > 0 && s.p[0] == '[';

	/* A port must be there: tell by what stands last. */
	if (s.len == 0 || s.p[s.len - 1] < '0' || s.p[s.len - 1] > '9' ||
	    memchr(s.p, ':', s.len) == NULL)
		return false;
	if (!split_port(s, &out->host, &out->port) ||
	    out->host.len >= sizeof(host))
		return false;
	memcpy(host, out->host.p, out->host.len);
	host[out->host.len] = '\0';
	return inet_pton(six ? AF_INET6 : AF_INET, host, raw) == 1;
}

static bool
plain_bytes(struct slice s, const char *except)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] <= 0x20 || s.p[i] == 0x7f ||
		    strchr(except, s.p[i]) != NULL)
			return false;
	}
	return true;
}

static bool
host_formed(struct slice s)
{
	size_t i;

	if (s.len > 253)
		return false;
	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '.' ||
			c == '_' || c == ':'))
			return false;
	}
	return s.p[0] != '.' && s.p[0] != '-';
}

const char *
value_url(struct slice s, struct url_parts *out)
{
	struct slice rest, authority;

	while (s.len > 0 && s.p[s.len - 1] == '/')
		s.len--;
	out->url = s;
	if (slice_starts(s, S("https://"))) {
		out->tls = true;
		out->port = 443;
		rest = (struct slice){ s.p + 8, s.len - 8 };
	} else if (slice_starts(s, S("http://"))) {
		out->tls = false;
		out->port = 80;
		rest = (struct slice){ s.p + 7, s.len - 7 };
	} else {
		return "it must begin with https:// or http://";
	}
	if (!plain_bytes(s, "\"\\<>^`{|}"))
		return "it has characters that a URL may not have";
	if (memchr(s.p, '?', s.len) != NULL || memchr(s.p, '#', s.len) != NULL)
		return "it may not have a query or a fragment";
	out->path = (struct slice){ "", 0 };
	authority = rest;
	if (slice_cut(rest, '/', &authority, &out->path)) {
		out->path.p--;
		out->path.len++;
	}
	if (memchr(authority.p, '@', authority.len) != NULL)
		return "it may not carry a user name or password";
	if (!split_port(authority, &out->host, &out->port) ||
	    !host_formed(out->host) || out->port == 0)
		return "its host or port is not valid";
	return NULL;
}

bool
value_name(struct slice s)
{
	size_t i;

	if (s.len == 0 || s.len > 128)
		return false;
	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') ||
			(c != '\0' && strchr("._:/@+-", c) != NULL)))
			return false;
	}
	return true;
}

bool
value_currency(struct slice s)
{
	/* ISO 4217, those in circulation. */
	static const char codes[] =
	    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD "
	    "BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY "
	    "COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP "
	    "GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR "
	    "IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT "
	    "LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR "
	    "MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK "
	    "PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD "
	    "SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY "
	    "TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG "
	    "XOF XPF YER ZAR ZMW ZWG ";
	const char *at = codes;

	if (s.len != 3)
		return false;
	for (; *at != '\0'; at += 4) {
		if (memcmp(at, s.p, 3) == 0)
			return true;
	}
	return false;
}
