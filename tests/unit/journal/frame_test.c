#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/cbor.h"
#include "journal/frame.h"

static const struct journal_name name = { 0x01020304, 5, 6, 7 };

/* Static, here and below: no garbage between members, so memory compares. */
static struct outcome
some_outcome(void)
{
	static struct outcome o = {
		.attempt = 2,
		.wall_ns = INT64_C(1790000000123456789),
		.resolution = RESOLUTION_BOOKED,
		.sent = true,
		.streamed = true,
		.generation = 3,
		.key = UINT64_C(0x123456789abcdef),
		.price = UINT64_C(0xfedcba9876543210),
		.deployment = 1,
		.hold = 5000000,
		.usage = { .input = 1200,
		    .cached = 1000,
		    .cache_write = 100,
		    .output = 300,
		    .reasoning = 50 },
		.list = 42000,
		.contracted = 42000,
		.effective = 40000,
		.status = 200,
		.sent_us = 180,
		.first_us = 250000,
		.end_us = 2200000,
		.provider_id = S_INIT("req-abc"),
		.n = 1,
		.chain = { { 77, 20000 } },
	};

	memset(o.req.b, 0xab, sizeof(o.req.b));
	return o;
}

static struct slice
read_whole(const char *p, size_t len, struct frame *f)
{
	assert_int_equal(frame_read((struct slice){ p, len }, f), FAULT_NONE);
	return f->payload;
}

static void
an_outcome_comes_back_as_it_was(void **state)
{
	static struct outcome in, out;
	char buf[FRAME_MAX_RING];
	struct frame f;
	size_t len;

	(void)state;
	in = some_outcome();
	in.agreement = UINT64_C(0x8123456789abcdef);
	in.ntags = 2;
	in.tags[0] = 17;
	in.tags[1] = 3;
	len = frame_outcome(&name, 9, &in, buf, sizeof(buf));
	assert_true(len > 0 && len % 8 == 0);
	read_whole(buf, len, &f);
	assert_int_equal(f.seq, 9);
	assert_int_equal(f.kind, FRAME_OUTCOME);
	assert_int_equal(f.size, len);
	assert_memory_equal(&f.name, &name, sizeof(name));
	assert_int_equal(frame_get_outcome(&f, &out), FAULT_NONE);
	assert_true(slice_eq(out.provider_id, in.provider_id));
	out.provider_id = in.provider_id;
	assert_memory_equal(&out, &in, sizeof(in));
}

/* Number 2: a void one that was booked, beside two others. */
static struct correction
some_correction(void)
{
	static struct outcome sibling[2];
	struct correction c = { .reason = REASON_RECONCILED, .stated = true };

	c.was = some_outcome();
	c.was.provider_id = (struct slice){ 0 };
	c.was.number = 1;
	c.now = c.was;
	c.now.number = 2;
	c.now.resolution = RESOLUTION_VOID;
	c.now.usage = (struct usage){ 0 };
	c.now.list = c.now.contracted = c.now.effective = 0;
	sibling[0] = sibling[1] = some_outcome();
	sibling[0].attempt = 1;
	sibling[1].attempt = 3;
	sibling[1].resolution = RESOLUTION_UNKNOWN;
	sibling[1].usage = (struct usage){ 0 };
	c.sibling = sibling;
	c.nsiblings = 2;
	return c;
}

static void
same_outcome(const struct outcome *a, const struct outcome *b)
{
	assert_memory_equal(&a->req, &b->req, sizeof(a->req));
	assert_int_equal(a->attempt, b->attempt);
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->resolution, b->resolution);
	assert_int_equal(a->sent, b->sent);
	assert_true(a->price == b->price && a->generation == b->generation &&
		    a->key == b->key && a->deployment == b->deployment);
	assert_memory_equal(&a->usage, &b->usage, sizeof(a->usage));
	assert_int_equal(a->hold, b->hold);
	assert_int_equal(a->list, b->list);
	assert_int_equal(a->contracted, b->contracted);
	assert_int_equal(a->effective, b->effective);
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->chain, b->chain, a->n * sizeof(a->chain[0]));
}

static void
a_correction_comes_back_whole(void **state)
{
	const struct correction in = some_correction();
	struct arena arena = { 0 };
	struct correction out;
	struct outcome plain;
	char buf[2048];
	struct frame f;
	size_t len = frame_correction(&name, 9, &in, buf, sizeof(buf));

	(void)state;
	read_whole(buf, len, &f);
	assert_int_equal(f.kind, FRAME_OUTCOME);
	assert_int_equal(frame_get_correction(&f, &arena, &out), FAULT_NONE);
	same_outcome(&out.now, &in.now);
	same_outcome(&out.was, &in.was);
	assert_int_equal(out.reason, REASON_RECONCILED);
	assert_true(out.stated);
	assert_int_equal(out.nsiblings, 2);
	assert_int_equal(out.sibling[0].attempt, 1);
	assert_int_equal(out.sibling[1].attempt, 3);
	assert_int_equal(out.sibling[0].usage.input, 1200);
	assert_int_equal(out.sibling[1].resolution, RESOLUTION_UNKNOWN);
	assert_true(out.sibling[1].sent);
	assert_true(out.sibling[0].key == in.now.key);
	/* To who only adds, it is an outcome with differences. */
	assert_int_equal(frame_get_outcome(&f, &plain), FAULT_NONE);
	assert_int_equal(plain.number, 2);
	assert_int_equal(plain.list, -42000);
	assert_int_equal(plain.effective, -40000);
	arena_fini(&arena);
}

static void
what_is_no_correction_is_refused(void **state)
{
	struct outcome o = some_outcome();
	struct correction c = some_correction(), out;
	struct arena arena = { 0 };
	char buf[4096];
	struct frame f;

	(void)state;
	read_whole(buf, frame_outcome(&name, 1, &o, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_correction(&f, &arena, &out), FAULT_DATA);
	o.number = 1;
	read_whole(buf, frame_outcome(&name, 1, &o, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_correction(&f, &arena, &out), FAULT_DATA);
	c.sibling[0].attempt = c.now.attempt;
	read_whole(buf, frame_correction(&name, 1, &c, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_correction(&f, &arena, &out), FAULT_DATA);
	c.sibling[0].attempt = 4; /* not in order */
	read_whole(buf, frame_correction(&name, 1, &c, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_correction(&f, &arena, &out), FAULT_DATA);
	c = some_correction();
	c.reason = (enum correction_reason)4;
	read_whole(buf, frame_correction(&name, 1, &c, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_correction(&f, &arena, &out), FAULT_DATA);
	c = some_correction();
	c.now.number = FRAME_NUMBER_MAX + 1;
	read_whole(buf, frame_correction(&name, 1, &c, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_correction(&f, &arena, &out), FAULT_DATA);
	arena_fini(&arena);
}

/* The most that one can say fits into what the recorder has for it. */
static void
the_longest_correction_fits(void **state)
{
	static struct outcome sibling[FRAME_SIBLINGS];
	struct correction c = some_correction(), out;
	struct arena arena = { 0 };
	static char buf[32 * 1024];
	struct frame f;
	unsigned i;

	(void)state;
	for (i = 0; i < FRAME_SIBLINGS; i++) {
		sibling[i] = some_outcome();
		sibling[i].attempt = i + 100;
		sibling[i].price = UINT64_MAX;
		sibling[i].deployment = UINT32_MAX;
		sibling[i].usage.input = UINT64_MAX;
		sibling[i].used_tier = S("a tier with as many bytes");
	}
	c.sibling = sibling;
	c.nsiblings = FRAME_SIBLINGS;
	c.now.n = HOLD_CHAIN_MAX;
	for (i = 0; i < HOLD_CHAIN_MAX; i++)
		c.now.chain[i] = (struct frame_need){ UINT64_MAX, UINT64_MAX };
	read_whole(buf, frame_correction(&name, 1, &c, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_correction(&f, &arena, &out), FAULT_NONE);
	assert_int_equal(out.nsiblings, FRAME_SIBLINGS);
	arena_fini(&arena);
}

static void
a_correction_is_written_as_in_every_log(void **state)
{
	const struct correction c = some_correction();
	static const char want[] =
#include "frozen_correction.h"
	    ;
	char buf[2048];
	struct buf hex = { 0 };

	(void)state;
	buf_hex(&hex, buf, frame_correction(&name, 9, &c, buf, sizeof(buf)));
	assert_string_equal(buf_cstr(&hex), want);
	buf_fini(&hex);
}

static void
an_intent_comes_back_as_it_was(void **state)
{
	static struct intent in = { .attempt = 1,
		.wall_ns = -5,
		.generation = 1,
		.key = 2,
		.price = 3,
		.model = UINT64_MAX,
		.deployment = 4,
		.hold = INT64_MAX,
		.agreement = 9,
		.ntags = FRAME_TAGS,
		.tags = { 8, 7, 6, 5, 4, 3, 2, 1 },
		.n = 2,
		.chain = { { 1, 2 }, { UINT64_MAX, 4 } } };
	struct intent out;
	char buf[FRAME_MAX_RING];
	struct frame f;
	size_t len = frame_intent(&name, 1, &in, buf, sizeof(buf));

	(void)state;
	read_whole(buf, len, &f);
	assert_int_equal(frame_get_intent(&f, &out), FAULT_NONE);
	assert_memory_equal(&out, &in, sizeof(in));
}

static void
a_final_and_a_count_come_back_as_they_were(void **state)
{
	static struct final in = { .wall_ns = 1,
		.key = 2,
		.generation = 3,
		.model = 4,
		.status = 429,
		.fault = FAULT_BUDGET,
		.attempts = 1,
		.total_us = 6,
		.client_gone = true,
		.n = 2,
		.candidate = { { 0, 1 }, { 7, 3 } } };
	struct count cin = { 5, true, FAULT_KEY, 1790000000, 12 };
	struct final out;
	struct count cout;
	char buf[FRAME_MAX_RING];
	struct frame f;

	(void)state;
	read_whole(buf, frame_final(&name, 1, &in, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_final(&f, &out), FAULT_NONE);
	assert_memory_equal(&out, &in, sizeof(in));
	read_whole(buf, frame_count(&name, 1, &cin, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_count(&f, &cout), FAULT_NONE);
	assert_int_equal(cout.who, 5);
	assert_true(cout.is_network);
	assert_int_equal(cout.fault, FAULT_KEY);
	assert_int_equal(cout.second, 1790000000);
	assert_int_equal(cout.times, 12);
	assert_int_equal(frame_get_final(&f, &out), FAULT_DATA);
}

static void
accounts_keys_openings_and_incidents_come_back(void **state)
{
	static struct account_change ain = { .wall_ns = 1,
		.account = 2,
		.key = 3,
		.op = OP_CHANGE,
		.limit = 25000000000,
		.unit = 4,
		.zone = S_INIT("Europe/Berlin"),
		.hard = true,
		.pledge = PLEDGE_SHARE,
		.agreement = UINT64_MAX,
		.name = S_INIT("macc"),
		.partner = S_INIT("openai"),
		.in = { 5, 6 } };
	static struct key_change kin = { .wall_ns = 1,
		.key = 2,
		.account = 3,
		.principal = 4,
		.team = 5,
		.op = OP_CREATE,
		.expires_ns = 6,
		.is_admin = true,
		.nmodels = 2,
		.models = { 8, 9 } };
	static struct opening oin = { 7, 8, true, S_INIT("1.2.3") };
	static struct incident iin = { 5, 3, 2, { 10, UINT64_MAX } };
	struct account_change aout;
	struct key_change kout;
	struct opening oout;
	struct incident iout;
	char buf[1024];
	struct frame f;

	(void)state;
	memset(kin.secret_sha256, 0x5a, 32);
	memset(kin.commitment, 0xa5, 32);
	read_whole(buf, frame_account(&name, 1, &ain, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_account(&f, &aout), FAULT_NONE);
	assert_true(slice_eq(aout.zone, S("Europe/Berlin")));
	assert_true(slice_eq(aout.name, S("macc")));
	assert_true(slice_eq(aout.partner, S("openai")));
	aout.zone = ain.zone;
	aout.name = ain.name;
	aout.partner = ain.partner;
	assert_memory_equal(&aout, &ain, sizeof(ain));
	read_whole(buf, frame_key(&name, 1, &kin, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_key(&f, &kout), FAULT_NONE);
	assert_memory_equal(&kout, &kin, sizeof(kin));
	read_whole(buf, frame_opening(&name, 1, &oin, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_opening(&f, &oout), FAULT_NONE);
	assert_int_equal(oout.generation, 8);
	assert_true(oout.is_recorder && slice_eq(oout.software, S("1.2.3")));
	read_whole(buf, frame_incident(&name, 1, &iin, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_incident(&f, &iout), FAULT_NONE);
	assert_memory_equal(&iout, &iin, sizeof(iin));
}

enum {
	BOTH = LANE_BIT(LANE_INPUT) | LANE_BIT(LANE_OUTPUT),
	EVERY = (1 << LANES) - 1
};

static void
subjects_limits_and_budgets_come_back(void **state)
{
	static struct subject_change sin = { 1, OP_CREATE, 12, 3, 2, { 0x77 } };
	static struct limit_change lin = { 2, 5, 0, 12, OP_CHANGE, 4, 600000,
		60000000000, 6000 };
	static struct account_change ain = { .wall_ns = 1,
		.account = 4,
		.op = OP_CREATE,
		.limit = 25000000000,
		.unit = 4,
		.hard = true,
		.subject = 12,
		.mode = BUDGET_DOWNGRADE,
		.downgrade = UINT64_MAX,
		.clamp = true,
		.has_wait = true };
	static struct key_change kin = { .key = 2,
		.op = OP_CREATE,
		.nsubjects = KEY_SUBJECTS - 1,
		.subjects = { 8, 9, UINT64_MAX } };
	struct subject_change sout;
	struct limit_change lout;
	struct account_change aout;
	struct key_change kout;
	char buf[1024];
	struct frame f;

	(void)state;
	read_whole(buf, frame_subject(&name, 1, &sin, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_subject(&f, &sout), FAULT_NONE);
	assert_memory_equal(&sout, &sin, sizeof(sin));
	assert_int_equal(frame_get_limit(&f, &lout), FAULT_DATA);
	read_whole(buf, frame_limit(&name, 1, &lin, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_limit(&f, &lout), FAULT_NONE);
	assert_int_equal(lout.subject, 12);
	assert_int_equal(lout.period_ns, 60000000000);
	assert_int_equal(lout.burst, 6000);
	assert_int_equal(frame_get_subject(&f, &sout), FAULT_DATA);
	read_whole(buf, frame_account(&name, 1, &ain, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_account(&f, &aout), FAULT_NONE);
	assert_int_equal(aout.subject, 12);
	assert_int_equal(aout.mode, BUDGET_DOWNGRADE);
	assert_true(aout.downgrade == UINT64_MAX && aout.clamp);
	/* A wait of 0 is said; none is not. */
	assert_true(aout.has_wait && aout.admit_wait_ns == 0);
	read_whole(buf, frame_key(&name, 1, &kin, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_key(&f, &kout), FAULT_NONE);
	assert_memory_equal(kout.subjects, kin.subjects, sizeof(kin.subjects));
	assert_int_equal(kout.nsubjects, KEY_SUBJECTS - 1);
}

/* As it was written before there were subjects, bytes from that time. */
static void
an_account_without_a_subject_reads_as_before(void **state)
{
	static const char old[] = "\xa7\x03\x01\x05\x02\x18\x50\x03\x18\x51\x01"
				  "\x18\x52\x1a\x00\x0f\x42\x40\x18\x53\x04"
				  "\x18\x55\xf5";
	struct account_change v;
	char buf[128];
	struct frame f;

	(void)state;
	memcpy(buf + FRAME_HEAD, old, sizeof(old) - 1);
	read_whole(buf,
	    frame_seal(
		&name, 1, FRAME_ACCOUNT, sizeof(old) - 1, buf, sizeof(buf)),
	    &f);
	assert_int_equal(frame_get_account(&f, &v), FAULT_NONE);
	assert_int_equal(v.key, 2);
	assert_int_equal(v.limit, 1000000);
	assert_true(v.hard && v.subject == 0 && v.mode == 0 && !v.has_wait);
}

static void
a_generation_of_any_size_comes_back(void **state)
{
	static struct deployment_row d[300];
	static struct price_row p[2000];
	struct generation in = { .generation = 12,
		.wall_ns = 99,
		.ndeployments = NELEM(d),
		.nprices = NELEM(p),
		.deployments = d,
		.prices = p },
			  out;
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct frame f;
	unsigned i;

	(void)state;
	for (i = 0; i < NELEM(d); i++)
		d[i] = (struct deployment_row){ S("id"), S("gpt-6"),
			S("openai"), S("azure-eu"), S("azure_openai"), S(""),
			S("eu"), S(""), S("gpt6-prod"), i + 1 };
	for (i = 0; i < NELEM(p); i++)
		p[i] = (struct price_row){
			.price = { .id = i + 1,
			    .from_ns = i,
			    .operators = i % 2,
			    .tier = i % 4 ? S("") : S("priority"),
			    .base = { i % 3 ? BOTH : EVERY,
				{ [LANE_INPUT] = { 1250000 },
				    [LANE_OUTPUT] = { i % 7 } } },
			    .nsteps = i % 5,
			    .step = { { 128000, { BOTH, { { i } } } },
				{ 200000, { EVERY, { { 7 }, { 8 } } } },
				{ 400000, { BOTH, { { 9 } } } },
				{ 500000, { BOTH, { { 9 } } } } },
			    .per_request = { i } },
			.deployment = i % 300,
		};
	for (i = 0; i < NELEM(p); i++)
		memset(&p[i].price.step[p[i].price.nsteps], 0,
		    (PRICE_STEPS - p[i].price.nsteps) *
			sizeof(struct price_step));
	buf_str(&b, "before");
	in.currency = S("EUR");
	assert_true(frame_generation(&name, 4, &in, &b));
	read_whole(b.p + 6, b.len - 6, &f);
	assert_int_equal(frame_get_generation(&f, &a, &out), FAULT_NONE);
	assert_int_equal(out.generation, 12);
	assert_true(slice_eq(out.currency, S("EUR")));
	assert_int_equal(out.ndeployments, NELEM(d));
	assert_int_equal(out.nprices, NELEM(p));
	for (i = 0; i < NELEM(p); i++) {
		assert_true(
		    slice_eq(out.prices[i].price.tier, p[i].price.tier));
		p[i].price.tier = out.prices[i].price.tier;
	}
	assert_memory_equal(out.prices, p, sizeof(p));
	assert_true(slice_eq(out.deployments[299].name, S("gpt6-prod")));
	assert_int_equal(out.deployments[299].model_hash, 300);
	in.nprices = FRAME_PRICES + 1;
	assert_false(frame_generation(&name, 4, &in, &b));
	arena_fini(&a);
	buf_fini(&b);
}

static void
agreements_and_shares_come_back(void **state)
{
	static struct agreement_row a[] = {
		{ { 7, 0, { 10, 20 }, 12500000, { 0 }, { 1000 }, { 11, 19 } },
		    S_INIT("macc"), S_INIT("EA 1"), S_INIT("azure-eu"), 0 },
		{ { 8, 0, { 0, 0 }, 0, { 250000 }, { 0 }, { 0, 0 } },
		    S_INIT("flat"), S_INIT(""), S_INIT("b"), 0 },
	};
	static struct share_row s[] = {
		{ { 7, 20000000, true, { 99 }, { 12, 18 } }, UINT64_MAX,
		    S_INIT("openai") }
	};
	struct generation in = { .generation = 1,
		.wall_ns = 2,
		.nagreements = 2,
		.agreements = a,
		.nshares = 1,
		.shares = s },
			  out;
	struct arena arena = { 0 };
	struct buf b = { 0 };
	struct frame f;

	(void)state;
	assert_true(frame_generation(&name, 4, &in, &b));
	read_whole(b.p, b.len, &f);
	assert_int_equal(frame_get_generation(&f, &arena, &out), FAULT_NONE);
	assert_int_equal(out.nagreements, 2);
	a[0].terms.provider = hash64(S("azure-eu"));
	a[1].terms.provider = hash64(S("b"));
	assert_memory_equal(
	    &out.agreements[0].terms, &a[0].terms, sizeof(a[0].terms));
	assert_memory_equal(
	    &out.agreements[1].terms, &a[1].terms, sizeof(a[1].terms));
	assert_true(slice_eq(out.agreements[0].contract, S("EA 1")));
	assert_int_equal(out.nshares, 1);
	assert_memory_equal(
	    &out.shares[0].terms, &s[0].terms, sizeof(s[0].terms));
	assert_true(out.shares[0].account == UINT64_MAX);
	assert_true(out.agreements[1].account ==
		    agreement_account(S("flat"), PLEDGE_COMMITMENT, S("")));
	assert_true(slice_eq(out.shares[0].partner, S("openai")));
	buf_clear(&b);
	a[0].terms.percent = PERCENT_ALL + 1;
	assert_true(frame_generation(&name, 4, &in, &b));
	read_whole(b.p, b.len, &f);
	assert_int_equal(frame_get_generation(&f, &arena, &out), FAULT_DATA);
	buf_clear(&b);
	a[0].terms.percent = 0;
	s[0].terms.cap.nano = -1;
	assert_true(frame_generation(&name, 4, &in, &b));
	read_whole(b.p, b.len, &f);
	assert_int_equal(frame_get_generation(&f, &arena, &out), FAULT_DATA);
	in.nshares = FRAME_SHARES + 1;
	assert_false(frame_generation(&name, 4, &in, &b));
	arena_fini(&arena);
	buf_fini(&b);
}

static void
put_int(struct cbor_w *w, unsigned field, int64_t v)
{
	cbor_w_key(w, (uint8_t)field);
	cbor_w_i64(w, v);
}

/* As the first version wrote it: one step, in fields of its own. */
static void
a_price_row_of_the_first_version_is_read(void **state)
{
	char buf[512];
	struct generation g;
	struct arena a = { 0 };
	struct price *p;
	struct cbor_w w;
	struct frame f = { .kind = FRAME_CONFIG };

	(void)state;
	cbor_w_init(&w, buf, sizeof(buf));
	cbor_w_map(&w);
	put_int(&w, 3, 1);
	put_int(&w, 4, 2);
	cbor_w_key(&w, 49);
	cbor_w_array(&w, 2);
	cbor_w_map(&w);
	put_int(&w, 6, 77);
	put_int(&w, 7, 3);
	put_int(&w, 62, 1250000);
	put_int(&w, 63, 125000);
	put_int(&w, 65, 10000000);
	put_int(&w, 66, 200000);
	put_int(&w, 67, 2500000);
	put_int(&w, 69, 5);
	put_int(&w, 70, 15000000);
	put_int(&w, 71, 9);
	cbor_w_map_end(&w);
	cbor_w_map(&w);
	put_int(&w, 6, 78);
	put_int(&w, 7, 3);
	put_int(&w, 69, 5); /* without 66 it means nothing */
	cbor_w_map_end(&w);
	cbor_w_map_end(&w);
	f.payload = cbor_w_slice(&w);
	assert_int_equal(frame_get_generation(&f, &a, &g), FAULT_NONE);
	assert_int_equal(g.nprices, 2);
	p = &g.prices[0].price;
	assert_int_equal(p->id, 77);
	assert_int_equal(p->base.has, BOTH | LANE_BIT(LANE_CACHED));
	assert_int_equal(p->base.rate[LANE_CACHED].pico, 125000);
	assert_int_equal(p->nsteps, 1);
	assert_int_equal(p->step[0].above, 200000);
	assert_int_equal(
	    p->step[0].rates.has, BOTH | LANE_BIT(LANE_CACHE_WRITE));
	assert_int_equal(p->step[0].rates.rate[LANE_OUTPUT].pico, 15000000);
	assert_int_equal(p->per_request.nano, 9);
	assert_int_equal(g.prices[1].price.nsteps, 0);
	assert_int_equal(g.prices[1].price.base.has, BOTH);
	arena_fini(&a);
}

/* Its own row, or the one in force for the tier that was used. */
static void
an_outcome_is_priced_by_a_row_of_its_admission(void **state)
{
	static struct price_row rows[] = {
		{ .price = { .id = 1, .from_ns = 100 } },
		{ .price = { .id = 2,
		      .from_ns = 100,
		      .tier = S_INIT("flex") } },
		{ .price = { .id = 3,
		      .from_ns = 200,
		      .tier = S_INIT("flex") } },
		{ .price = { .id = 4,
		      .from_ns = 50,
		      .operators = true,
		      .tier = S_INIT("priority") } },
		{ .price = { .id = 5,
		      .from_ns = 100,
		      .tier = S_INIT("priority") } },
		{ .price = { .id = 6, .from_ns = 100, .tier = S_INIT("batch") },
		    .deployment = 1 },
	};
	const struct generation g = { .nprices = NELEM(rows), .prices = rows };
	struct intent i = { .wall_ns = 150, .price = 1 };

	(void)state;
	assert_true(generation_uses(&g, &i, 1));
	assert_true(generation_uses(&g, &i, 2));
	assert_false(generation_uses(&g, &i, 3)); /* later */
	i.wall_ns = 200;
	assert_false(generation_uses(&g, &i, 2)); /* no more */
	assert_true(generation_uses(&g, &i, 3));
	assert_true(generation_uses(&g, &i, 4));
	assert_false(generation_uses(&g, &i, 5)); /* the operator's is */
	assert_false(generation_uses(&g, &i, 6)); /* another deployment's */
	assert_false(generation_uses(&g, &i, 7));
	assert_false(generation_uses(&g, &i, 0));
	i.price = 0;
	assert_true(generation_uses(&g, &i, 0));
}

/* Each array that is no list of steps. */
static void
steps_that_are_none_are_refused(void **state)
{
	static const struct {
		uint64_t n, v[12];
	} bad[] = {
		{ 1, { 5 } },
		{ 2, { 5, 1 } },
		{ 3, { 5, 3, 1 } },
		{ 4, { 5, 1, 9, 6 } },
		{ 6, { 5, 1, 9, 5, 1, 9 } },
		{ 10, { 5, 0, 6, 0, 7, 0, 8, 0, 9, 0 } },
	};
	struct generation g;
	struct arena a = { 0 };
	struct cbor_w w;
	char buf[512];
	size_t i, k;
	struct frame f = { .kind = FRAME_CONFIG };

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		cbor_w_init(&w, buf, sizeof(buf));
		cbor_w_map(&w);
		put_int(&w, 3, 1);
		put_int(&w, 4, 2);
		cbor_w_key(&w, 49);
		cbor_w_array(&w, 1);
		cbor_w_map(&w);
		put_int(&w, 6, 77);
		put_int(&w, 7, 3);
		cbor_w_key(&w, 79);
		cbor_w_array(&w, bad[i].n);
		for (k = 0; k < bad[i].n; k++)
			cbor_w_u64(&w, bad[i].v[k]);
		cbor_w_map_end(&w);
		cbor_w_map_end(&w);
		f.payload = cbor_w_slice(&w);
		assert_int_equal(frame_get_generation(&f, &a, &g), FAULT_DATA);
	}
	arena_fini(&a);
}

/* Whatever numbers there are, an attempt's frames fit without provider_id. */
static void
the_longest_frames_fit_into_the_ring(void **state)
{
	struct outcome o;
	struct intent i;
	struct final f;
	struct count c;
	char buf[FRAME_MAX_RING];
	unsigned k;

	(void)state;
	memset(&o, 0xff, sizeof(o));
	o.wall_ns = o.hold = o.list = INT64_MIN;
	o.resolution = RESOLUTION_UNKNOWN;
	o.sent = o.by_recorder = o.streamed = o.client_gone = true;
	o.contracted = o.effective = INT64_MAX;
	o.status = 999;
	o.fault = FAULT_MODEL_FORBIDDEN;
	o.provider_id = S("");
	o.used_tier = S("sixteen letters.");
	o.n = i.n = HOLD_CHAIN_MAX;
	o.ntags = FRAME_TAGS;
	for (k = 0; k < HOLD_CHAIN_MAX; k++)
		o.chain[k] = (struct frame_need){ UINT64_MAX, UINT32_MAX };
	assert_true(frame_outcome(&name, 1, &o, buf, sizeof(buf)) > 0);
	memset(&i, 0xff, sizeof(i));
	i.n = HOLD_CHAIN_MAX;
	i.ntags = FRAME_TAGS;
	assert_true(frame_intent(&name, 1, &i, buf, sizeof(buf)) > 0);
	memset(&f, 0xff, sizeof(f));
	f.fault = FAULT_MODEL_FORBIDDEN;
	f.client_gone = true;
	f.n = FRAME_CANDIDATES;
	f.nrule = FRAME_RULE;
	assert_true(frame_final(&name, 1, &f, buf, sizeof(buf)) > 0);
	memset(&c, 0xff, sizeof(c));
	c.fault = FAULT_MODEL_FORBIDDEN;
	c.is_network = true;
	assert_true(frame_count(&name, 1, &c, buf, sizeof(buf)) > 0);
}

static void
what_does_not_fit_is_not_written(void **state)
{
	const struct outcome o = some_outcome();
	char whole[FRAME_MAX_RING], buf[FRAME_MAX_RING];
	size_t len = frame_outcome(&name, 1, &o, whole, sizeof(whole)), cap;

	(void)state;
	for (cap = 0; cap < len; cap++) {
		memset(buf, 0x77, sizeof(buf));
		assert_int_equal(frame_outcome(&name, 1, &o, buf, cap), 0);
		assert_int_equal(buf[cap], 0x77);
	}
	assert_int_equal(frame_outcome(&name, 1, &o, buf, len), len);
	assert_memory_equal(buf, whole, len);
}

static void
a_long_provider_id_is_cut(void **state)
{
	static char id[200];
	struct outcome o = some_outcome(), out;
	char buf[FRAME_MAX_RING];
	struct frame f;

	(void)state;
	memset(id, 'x', sizeof(id));
	o.provider_id = (struct slice){ id, sizeof(id) };
	read_whole(buf, frame_outcome(&name, 1, &o, buf, sizeof(buf)), &f);
	assert_int_equal(frame_get_outcome(&f, &out), FAULT_NONE);
	assert_int_equal(out.provider_id.len, FRAME_PROVIDER_ID);
}

/* The bytes of version 1: a change here breaks every log there is. */
static void
the_bytes_are_frozen(void **state)
{
	const struct outcome o = some_outcome();
	static const char want[] =
#include "frozen_outcome.h"
	    ;
	char buf[FRAME_MAX_RING];
	struct buf hex = { 0 };

	(void)state;
	buf_hex(&hex, buf, frame_outcome(&name, 9, &o, buf, sizeof(buf)));
	assert_string_equal(buf_cstr(&hex), want);
	buf_fini(&hex);
}

/* --- hostile bytes ------------------------------------------------------ */

static void
every_flipped_bit_is_found(void **state)
{
	const struct outcome o = some_outcome();
	char buf[FRAME_MAX_RING];
	size_t len = frame_outcome(&name, 9, &o, buf, sizeof(buf)), i;
	struct frame f;

	(void)state;
	for (i = 0; i < len * 8; i++) {
		buf[i / 8] ^= (char)(1 << i % 8);
		/* A larger length asks for bytes that are not there. */
		assert_int_not_equal(
		    frame_read((struct slice){ buf, len }, &f), FAULT_NONE);
		buf[i / 8] ^= (char)(1 << i % 8);
	}
	read_whole(buf, len, &f);
}

static void
a_torn_frame_is_pending_and_zeros_are_damage(void **state)
{
	const struct outcome o = some_outcome();
	char buf[FRAME_MAX_RING], zeros[64] = { 0 };
	size_t len = frame_outcome(&name, 9, &o, buf, sizeof(buf)), i;
	struct frame f;

	(void)state;
	for (i = 0; i < len; i++)
		assert_int_equal(
		    frame_read((struct slice){ buf, i }, &f), FAULT_PENDING);
	assert_int_equal(
	    frame_read((struct slice){ zeros, sizeof(zeros) }, &f), FAULT_DATA);
}

static void
a_frame_of_another_journal_does_not_pass(void **state)
{
	const struct journal_name other = { 1, 5, 6, 7 };
	const struct outcome o = some_outcome();
	char a[FRAME_MAX_RING], b[FRAME_MAX_RING];
	size_t len = frame_outcome(&name, 9, &o, a, sizeof(a));
	struct frame f;

	(void)state;
	assert_int_equal(frame_outcome(&other, 9, &o, b, sizeof(b)), len);
	memcpy(a + 16, b + 16, 12); /* its name, but not its checksum */
	assert_int_equal(frame_read((struct slice){ a, len }, &f), FAULT_DATA);
}

static enum fault
outcome_of(const char *hex, struct outcome *out)
{
	char buf[FRAME_MAX_RING];
	struct frame f;
	const size_t n = strlen(hex) / 2;

	assert_true(text_hex_parse(slice_of(hex), buf + FRAME_HEAD, n));
	assert_true(
	    frame_seal(&name, 1, FRAME_OUTCOME, n, buf, sizeof(buf)) > 0);
	assert_int_equal(
	    frame_read((struct slice){ buf, sizeof(buf) }, &f), FAULT_NONE);
	return frame_get_outcome(&f, out);
}

#define REQ "0150000102030405060708090a0b0c0d0e0f"
#define BASE \
	REQ "0201" \
	    "0301" \
	    "0800" \
	    "0a00" \
	    "0b00"

static void
payloads_are_read_strictly(void **state)
{
	static const struct {
		const char *hex;
		enum fault fault;
	} cases[] = {
		{ "a7" BASE "1300", FAULT_NONE },
		/* unknown keys of any shape are passed over */
		{ "a8" BASE "1300"
		  "183f"
		  "01",
		    FAULT_NONE },
		{ "a8" BASE "1300"
		  "183f"
		  "82a1010263616263",
		    FAULT_NONE },
		{ "a8" BASE "0df5"
		  "1300",
		    FAULT_NONE },
		/* a mandatory one is missing */
		{ "a6" BASE, FAULT_DATA },
		{ "a6"
		  "0201"
		  "0301"
		  "0800"
		  "0a00"
		  "0b00"
		  "1300",
		    FAULT_DATA },
		/* not a map, trailing bytes, too few */
		{ "80", FAULT_DATA },
		{ "", FAULT_DATA },
		{ "a7" BASE "130000", FAULT_DATA },
		{ "a8" BASE "1300", FAULT_DATA },
		/* keys out of order, twice, not numbers */
		{ "a7"
		  "0201" REQ "0301"
		  "0800"
		  "0a00"
		  "0b00"
		  "1300",
		    FAULT_DATA },
		{ "a8" BASE "1300"
		  "1300",
		    FAULT_DATA },
		{ "a8" BASE "1300"
		  "616101",
		    FAULT_DATA },
		/* longer heads than needed, indefinite lengths */
		{ "a7" BASE "131800", FAULT_DATA },
		{ "a7" BASE "13190001", FAULT_DATA },
		{ "a7" BASE "131a0000ffff", FAULT_DATA },
		{ "a7" BASE "131b00000000ffffffff", FAULT_DATA },
		{ "bf" BASE "1300ff", FAULT_DATA },
		{ "a8" BASE "1300"
		  "183f"
		  "9fff",
		    FAULT_DATA },
		/* wrong types, out of range */
		{ "a7" BASE "1340", FAULT_DATA },
		{ "a7" BASE "131bffffffffffffffff", FAULT_DATA },
		{ "a8" BASE "0c01"
		  "1300",
		    FAULT_DATA },
		{ "a7" REQ "0201"
		  "0301"
		  "0800"
		  "0a00"
		  "0b05"
		  "1300",
		    FAULT_DATA },
		{ "a7" REQ "0201"
		  "0301"
		  "0820"
		  "0a00"
		  "0b00"
		  "1300",
		    FAULT_DATA },
		{ "a7" REQ "021b0000000100000000"
		  "0301"
		  "0800"
		  "0a00"
		  "0b00"
		  "1300",
		    FAULT_DATA },
		{ "a7"
		  "014f"
		  "000102030405060708090a0b0c0d0e"
		  "0201"
		  "0301"
		  "0800"
		  "0a00"
		  "0b00"
		  "1300",
		    FAULT_DATA },
		/* strings and arrays longer than the payload */
		{ "a8" BASE "1300"
		  "183f"
		  "5affffffff",
		    FAULT_DATA },
		{ "a8" BASE "1300"
		  "183f"
		  "9bffffffffffffffff",
		    FAULT_DATA },
		{ "a8" BASE "1300"
		  "183f"
		  "bb8000000000000000",
		    FAULT_DATA },
		/* an odd chain, one that is too long */
		{ "a8" REQ "0201"
		  "0301"
		  "0800"
		  "098101"
		  "0a00"
		  "0b00"
		  "1300",
		    FAULT_DATA },
		{ "a8" REQ "0201"
		  "0301"
		  "0800"
		  "099822"
		  "0a00"
		  "0b00"
		  "1300",
		    FAULT_DATA },
	};
	struct outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		if (outcome_of(cases[i].hex, &o) != cases[i].fault)
			fail_msg("case %zu", i);
	}
}

static void
amounts_that_are_left_out_equal_the_list_price(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(outcome_of("a7" BASE "131903e8", &o), FAULT_NONE);
	assert_int_equal(o.list, 1000);
	assert_int_equal(o.contracted, 1000);
	assert_int_equal(o.effective, 1000);
}

static void
a_fault_of_a_later_version_is_an_internal_one(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(outcome_of("a8" BASE "1300"
				    "181a"
				    "63584158",
			     &o),
	    FAULT_NONE);
	assert_int_equal(o.fault, FAULT_INTERNAL);
}

/* Random payloads behind a good checksum: any answer but a crash. */
static void
random_payloads_do_no_harm(void **state)
{
	char buf[FRAME_MAX_RING];
	struct arena a = { 0 };
	unsigned seed = 1, i, j;

	(void)state;
	for (i = 0; i < 50000; i++) {
		const size_t n = i % 200;
		struct generation g;
		struct outcome o;
		struct frame f;

		for (j = 0; j < n; j++)
			buf[FRAME_HEAD + j] = (char)rand_r(&seed);
		if (n > 0)
			buf[FRAME_HEAD] = (char)(0xa0 + n % 24);
		(void)!frame_seal(&name, 1,
		    i & 1 ? FRAME_CONFIG : FRAME_OUTCOME, n, buf, sizeof(buf));
		assert_int_equal(
		    frame_read((struct slice){ buf, sizeof(buf) }, &f),
		    FAULT_NONE);
		(void)!frame_get_outcome(&f, &o);
		(void)!frame_get_generation(&f, &a, &g);
	}
	arena_fini(&a);
}

/* Good frames with one byte of the payload changed, sealed again. */
static void
mutated_payloads_do_no_harm(void **state)
{
	const struct outcome o = some_outcome();
	char buf[FRAME_MAX_RING];
	struct outcome out;
	struct frame f;
	size_t i;
	int v;

	(void)state;
	(void)!frame_outcome(&name, 9, &o, buf, sizeof(buf));
	read_whole(buf, sizeof(buf), &f);
	for (i = 0; i < f.payload.len; i++) {
		for (v = 0; v < 256; v++) {
			char *p = buf + FRAME_HEAD + i, was = *p;
			struct frame g;

			*p = (char)v;
			(void)!frame_seal(&name, 9, FRAME_OUTCOME,
			    f.payload.len, buf, sizeof(buf));
			read_whole(buf, sizeof(buf), &g);
			(void)!frame_get_outcome(&g, &out);
			*p = was;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outcome_comes_back_as_it_was),
		cmocka_unit_test(an_intent_comes_back_as_it_was),
		cmocka_unit_test(a_final_and_a_count_come_back_as_they_were),
		cmocka_unit_test(
		    accounts_keys_openings_and_incidents_come_back),
		cmocka_unit_test(subjects_limits_and_budgets_come_back),
		cmocka_unit_test(an_account_without_a_subject_reads_as_before),
		cmocka_unit_test(a_generation_of_any_size_comes_back),
		cmocka_unit_test(agreements_and_shares_come_back),
		cmocka_unit_test(a_price_row_of_the_first_version_is_read),
		cmocka_unit_test(steps_that_are_none_are_refused),
		cmocka_unit_test(
		    an_outcome_is_priced_by_a_row_of_its_admission),
		cmocka_unit_test(the_longest_frames_fit_into_the_ring),
		cmocka_unit_test(what_does_not_fit_is_not_written),
		cmocka_unit_test(a_long_provider_id_is_cut),
		cmocka_unit_test(the_bytes_are_frozen),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(a_torn_frame_is_pending_and_zeros_are_damage),
		cmocka_unit_test(a_frame_of_another_journal_does_not_pass),
		cmocka_unit_test(a_correction_comes_back_whole),
		cmocka_unit_test(what_is_no_correction_is_refused),
		cmocka_unit_test(the_longest_correction_fits),
		cmocka_unit_test(a_correction_is_written_as_in_every_log),
		cmocka_unit_test(payloads_are_read_strictly),
		cmocka_unit_test(
		    amounts_that_are_left_out_equal_the_list_price),
		cmocka_unit_test(a_fault_of_a_later_version_is_an_internal_one),
		cmocka_unit_test(random_payloads_do_no_harm),
		cmocka_unit_test(mutated_payloads_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
