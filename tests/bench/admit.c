/*
 * admit.c - what admission costs: gather, rates, hold and close, per call
 *
 *	admit [calls]     prints CPU nanoseconds by slots and depth of the chain
 *
 * Every column of every account is in use, as after a day's work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/account.h"
#include "ledger/chain.h"
#include "ledger/hold.h"
#include "ledger/rate.h"
#include "shm/limit.h"
#include "shm/subject.h"

enum { OWN = 0, ACCOUNTS = 16, HOUR = 3600 };

static struct shm m;
static struct shm_key key;
static int64_t mono_ns;

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void
make_account(uint32_t subject, unsigned i)
{
	const struct window_spec w = { .id = 5,
		.start_ns = 0,
		.end_ns = INT64_MAX,
		.granted = INT64_C(1) << 50 };
	int32_t row = (int32_t)account_append(&m, i + 1, ACCOUNT_HARD);
	uint32_t s;

	CHECK(window_open(&m, (uint32_t)row, OWN, &w) == FAULT_NONE);
	for (s = 1; s < m.sizes.slots; s++)
		atomic_store(&shm_column(&m, (uint32_t)row, 1, s)->sum, 2000);
	subject_set_budgets(&m, subject, &row, 1);
}

static void
make_limit(uint32_t subject, unsigned i, enum limit_kind kind)
{
	const struct limit_spec s = { .id = i + 1,
		.kind = kind,
		.amount = INT64_C(1) << 40,
		.period_ns = kind == LIMIT_CONCURRENCY ? 0 : NS_PER_S,
		.burst = 1 << 30,
		.label = S("bench") };
	int32_t row = (int32_t)limit_set(&m, UINT32_MAX, &s);

	subject_set_limits(&m, subject, &row, 1);
}

static void
set_up(uint32_t slots, unsigned depth, unsigned limits)
{
	const struct shm_sizes z = { slots, ACCOUNTS, 16, 8, 64, 32, 16, 4096 };
	unsigned i;

	CHECK(shm_create(&z, 1, 1, &m) == FAULT_NONE);
	for (i = 0; i < slots; i++)
		CHECK(shm_slot_take(&m, i == OWN) == i);
	m.slot = 1;
	key = (struct shm_key){ .nsubjects = depth };
	for (i = 0; i < depth; i++) {
		const uint32_t s =
		    subject_set(&m, UINT32_MAX, i + 1, SUBJECT_TEAM, i + 1);

		key.subject[i] = (int32_t)s;
		make_account(s, i);
		if (i < limits)
			make_limit(s, i,
			    i % 3 == 0   ? LIMIT_REQUESTS
			    : i % 3 == 1 ? LIMIT_TOKENS
					 : LIMIT_CONCURRENCY);
	}
}

static void
call(struct ledger *l, unsigned i)
{
	const struct rate_need need = { 400, 900 };
	struct rate_taken taken;
	struct rate_short slow;
	struct hold_short why;
	struct shm_hold *h;
	struct chain c;
	struct hold_spec spec = { .attempt = 1,
		.key = 7,
		.most = { 1000 + (i & 7) },
		.wall_ns = HOUR };

	mono_ns += 10000;
	CHECK(chain_gather(&m, &key, NULL, 0, &c));
	CHECK(rate_take(&m, &c, &need, mono_ns, &taken, &slow) == FAULT_NONE);
	spec.account = c.account;
	spec.n = c.naccounts;
	CHECK(hold_open(l, &spec, &h, &why) == FAULT_NONE);
	hold_sent(h);
	hold_close(l, &h, (struct money){ 700 });
	rate_settle(&m, &taken, 100, 200, mono_ns);
}

static void
measure(uint32_t slots, unsigned depth, unsigned limits, unsigned n)
{
	struct ledger *l;
	int64_t best = INT64_MAX, t;
	unsigned i, round;
	int fd;

	set_up(slots, depth, limits);
	l = ledger_new(&m);
	for (round = 0; round < 9; round++) {
		t = cpu_ns();
		for (i = 0; i < n; i++)
			call(l, i);
		t = cpu_ns() - t;
		if (t < best)
			best = t;
	}
	printf("%2u slots, chain of %u, %u limits: %4lld ns a call\n", slots,
	    depth, limits, (long long)(best / n));
	ledger_free(&l);
	fd = m.fd;
	shm_detach(&m);
	close(fd);
}

int
main(int argc, char **argv)
{
	/* Slots of 2, 8 and 32 workers: two each and four to spare. */
	static const uint32_t slots[] = { 8, 20, 64 };
	const unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 200000;
	size_t i;

	for (i = 0; i < NELEM(slots); i++) {
		measure(slots[i], 1, 0, n);
		measure(slots[i], 5, 0, n);
		measure(slots[i], 5, 3, n);
	}
	return 0;
}
