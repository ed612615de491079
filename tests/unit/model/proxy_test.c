#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/proxy.h"

static const struct {
	const char *no_proxy, *host;
	uint16_t port;
	bool bypassed;
} rows[] = {
	{ "", "api.openai.com", 443, false },
	{ "", "localhost", 443, true },
	{ "", "127.8.9.1", 443, true },
	{ "", "::1", 443, true },
	{ "*", "api.openai.com", 443, true },
	{ "openai.com", "api.openai.com", 443, true },
	{ ".openai.com", "api.openai.com", 443, true },
	{ ".openai.com", "openai.com", 443, true },
	{ "openai.com", "OpenAI.com", 443, true },
	{ "openai.com", "notopenai.com", 443, false },
	{ "api.openai.com", "openai.com", 443, false },
	{ "a, openai.com ,b", "openai.com", 443, true },
	{ "openai.com:443", "openai.com", 443, true },
	{ "openai.com:8443", "openai.com", 443, false },
	{ "openai.com:", "openai.com", 443, false },
	{ "10.0.0.0/8", "10.200.1.1", 443, true },
	{ "10.0.0.0/8", "11.0.0.1", 443, false },
	{ "0.0.0.0/0", "11.0.0.1", 443, true },
	{ "10.0.0.0/33", "10.0.0.1", 443, false },
	{ "10.0.0.7/32", "10.0.0.7", 443, true },
	{ "10.0.0.0/8", "ten.example", 443, false },
	{ "10.0.0.7", "10.0.0.7", 443, true },
	{ "fd00::7", "fd00::7", 443, true },
	{ "[fd00::7]:443", "fd00::7", 443, true },
	{ "[fd00::7]:80", "fd00::7", 443, false },
	{ "[fd00::7", "fd00::7", 443, false },
	{ ",,", "a", 443, false },
	{ ".", "a.", 443, false },
};

static void
hosts_that_are_named_are_reached_without(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		if (proxy_bypassed(rows[i].no_proxy, slice_of(rows[i].host),
			rows[i].port) != rows[i].bypassed)
			fail_msg("row %zu: %s for %s", i, rows[i].no_proxy,
			    rows[i].host);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_that_are_named_are_reached_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
