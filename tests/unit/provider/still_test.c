/*
 * still_test.c - dressing a signed or a bearer request allocates nothing
 *
 * Every allocation of the process goes through here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/dialect.h"
#include "provider/provider.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTED 0
#else
#define COUNTED 1
#endif

static unsigned long allocations;

#if COUNTED
/* glibc's own, under the names that are there to be wrapped. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);

void *
malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	allocations++;
	return __libc_realloc(p, n);
}
#endif

static const struct provider_conf azure = { .type = PROVIDER_AZURE_OPENAI,
	.base_path = "",
	.host = "a.example",
	.port = 443,
	.tls = true,
	.region = "",
	.api_version = "" };
static const struct provider_conf bedrock = { .type = PROVIDER_BEDROCK,
	.base_path = "",
	.host = "bedrock-runtime.us-east-1.amazonaws.com",
	.port = 443,
	.tls = true,
	.region = "us-east-1",
	.api_version = "" };

static const struct provider_conf classic = { .type = PROVIDER_AZURE_OPENAI,
	.base_path = "",
	.host = "a.example",
	.port = 443,
	.tls = true,
	.region = "",
	.api_version = "2024-10-21" };
static const struct provider_conf vertex = { .type = PROVIDER_VERTEX,
	.base_path = "",
	.host = "v.example",
	.port = 443,
	.tls = true,
	.region = "us-central1",
	.project = "p" };

/* What a worker gives to a call: an arena in the request's own room. */
static void
dress(const struct provider_conf *c, const struct dialect *dialect,
    int64_t wall_ns)
{
	static _Alignas(16) char room[16384];
	static char token[2000];
	static struct http_head head;
	static const struct slice part[] = { S_INIT("{\"model\":\"x\"}") };
	static const struct model_conf m = { .publisher = "google" };
	const struct deployment_conf d = {
		.id = "d", .name = "m", .provider = c, .model = &m
	};
	struct arena a;
	struct parcel p = { .deployment = &d,
		.part = part,
		.npart = 1,
		.wall_ns = wall_ns,
		.bearer = S("Bearer eyJ"),
		.aws = { S("ASIA000000000001"), S("secret"), S("") },
		.dialect = dialect,
		.arena = &a,
		.head = &head };

	memset(token, 't', sizeof(token));
	p.aws[2] = (struct slice){ token, sizeof(token) };
	arena_start(&a, room, sizeof(room));
	head.nhdr = 0;
	head.lens = 0;
	assert_int_equal(provider_get(c->type)->dress(&p), FAULT_NONE);
	assert_true(http_value(&head, S("authorization")).len > 0);
	arena_fini(&a);
}

static void
a_signed_and_a_bearer_request_allocate_nothing(void **state)
{
	const struct {
		const struct provider_conf *conf;
		const struct dialect *dialect;
	} rows[] = {
		{ &azure, &dialect_openai_chat },
		{ &classic, &dialect_openai_chat },
		{ &bedrock, &dialect_openai_chat },
		{ &bedrock, &dialect_bedrock },
		{ &vertex, &dialect_gemini },
	};
	const int64_t now = INT64_C(1795635287) * 1000000000;
	unsigned long before;
	size_t i, k;

	(void)state;
	if (!COUNTED)
		skip();
	for (i = 0; i < NELEM(rows); i++) {
		/* The scratch grows once. */
		dress(rows[i].conf, rows[i].dialect, now);
		before = allocations;
		for (k = 0; k < 100; k++)
			dress(rows[i].conf, rows[i].dialect,
			    now + (int64_t)k * 1000000000);
		assert_int_equal(allocations, before);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_signed_and_a_bearer_request_allocate_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
