#include "journal/frame.h"

#include "base/crc.h"
#include "journal/field.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    "headers are copied as they lie");

enum { VERSION = 1 };

/* As it lies: see frame.h. */
struct head {
	uint32_t len, crc;
	uint64_t seq;
	uint32_t node, boot;
	uint16_t slot, incarnation;
	uint8_t version, kind;
	uint16_t zero;
};

_Static_assert(sizeof(struct head) == FRAME_HEAD, "header without holes");

/* --- what is where ------------------------------------------------------ */

#define ROW_(f, t, m, s, mem, oth, l) \
	{ \
		.field = FIELD_##f, .type = TYPE_##t, .must = m, \
		.at = (uint16_t)offsetof(struct s, mem), \
		.other = (uint16_t)(oth), .list = l \
	}
#define MUST(s, f, t, mem) ROW_(f, t, true, s, mem, 0, NULL)
#define MAY(s, f, t, mem) ROW_(f, t, false, s, mem, 0, NULL)
/* With another member, and with a list. */
#define WITH(s, f, t, mem, oth) \
	ROW_(f, t, false, s, mem, offsetof(struct s, oth), NULL)
#define LIST(s, f, t, mem, count, l) \
	ROW_(f, t, false, s, mem, offsetof(struct s, count), l)

static const struct field_list chain_list = {
	.size = sizeof(struct frame_need),
	.max = HOLD_CHAIN_MAX,
	.first = MUST(frame_need, CHAIN, U64, account),
	.second = MUST(frame_need, CHAIN, U64, window),
};

static const struct field_list candidate_list = {
	.size = 2 * sizeof(unsigned),
	.max = FRAME_CANDIDATES,
	.first = { .type = TYPE_UINT, .at = 0 },
	.second = { .type = TYPE_UINT, .at = sizeof(unsigned) },
};

static const struct field_list model_list = { .max = KEY_MODELS_MAX };
static const struct field_list tag_list = { .max = FRAME_TAGS };
static const struct field_list subject_list = { .max = KEY_SUBJECTS };
static const struct field_list rule_list = { .max = FRAME_RULE };
static const struct field_list number_list = { .max = FRAME_NUMBERS };

static const struct field_row intent_rows[] = {
	MUST(intent, REQ, B16, req),
	MUST(intent, ATTEMPT, UINT, attempt),
	MUST(intent, WALL_NS, I64, wall_ns),
	MAY(intent, GENERATION, U64, generation),
	MAY(intent, KEY, U64, key),
	MAY(intent, PRICE, U64, price),
	MAY(intent, DEPLOYMENT, UINT, deployment),
	MUST(intent, HOLD, I64, hold),
	LIST(intent, CHAIN, PAIRS, chain, n, &chain_list),
	MAY(intent, LIST, I64, list),
	MAY(intent, MODEL, U64, model),
	LIST(intent, TAGS, U64S, tags, ntags, &tag_list),
	MAY(intent, AGREEMENT, U64, agreement),
};

static const struct field_row outcome_rows[] = {
	MUST(outcome, REQ, B16, req),
	MUST(outcome, ATTEMPT, UINT, attempt),
	MUST(outcome, WALL_NS, I64, wall_ns),
	MAY(outcome, GENERATION, U64, generation),
	MAY(outcome, KEY, U64, key),
	MAY(outcome, PRICE, U64, price),
	MAY(outcome, DEPLOYMENT, UINT, deployment),
	MUST(outcome, HOLD, I64, hold),
	LIST(outcome, CHAIN, PAIRS, chain, n, &chain_list),
	MUST(outcome, NUMBER, UINT, number),
	MUST(outcome, RESOLUTION, UINT, resolution),
	MAY(outcome, SENT, BOOL, sent),
	MAY(outcome, STREAMED, BOOL, streamed),
	MAY(outcome, INPUT, U64, usage.input),
	MAY(outcome, CACHED, U64, usage.cached),
	MAY(outcome, CACHE_WRITE, U64, usage.cache_write),
	MAY(outcome, OUTPUT, U64, usage.output),
	MAY(outcome, REASONING, U64, usage.reasoning),
	MUST(outcome, LIST, I64, list),
	MAY(outcome, STATUS, UINT, status),
	MAY(outcome, SENT_US, U64, sent_us),
	MAY(outcome, FIRST_US, U64, first_us),
	MAY(outcome, END_US, U64, end_us),
	WITH(outcome, CONTRACTED, AS, contracted, list),
	WITH(outcome, EFFECTIVE, AS, effective, list),
	MAY(outcome, FAULT, FAULT, fault),
	MAY(outcome, BY_RECORDER, BOOL, by_recorder),
	MAY(outcome, CLIENT_GONE, BOOL, client_gone),
	MAY(outcome, PROVIDER_ID, BYTES, provider_id),
	LIST(outcome, TAGS, U64S, tags, ntags, &tag_list),
	MAY(outcome, AGREEMENT, U64, agreement),
	MAY(outcome, CACHE_WRITE_1H, U64, usage.cache_write_1h),
	MAY(outcome, AUDIO_INPUT, U64, usage.audio_input),
	MAY(outcome, IMAGE_INPUT, U64, usage.image_input),
	MAY(outcome, AUDIO_OUTPUT, U64, usage.audio_output),
	MAY(outcome, IMAGE_OUTPUT, U64, usage.image_output),
	MAY(outcome, USED_TIER, BYTES, used_tier),
	MAY(outcome, OWNER, UINT, owner),
	MAY(outcome, SEEN, U64, seen),
};

/* What a correction says of the attempt as it was. */
static const struct field_row was_rows[] = {
	MAY(outcome, PRICE, U64, price),
	MUST(outcome, RESOLUTION, UINT, resolution),
	MAY(outcome, SENT, BOOL, sent),
	MAY(outcome, INPUT, U64, usage.input),
	MAY(outcome, CACHED, U64, usage.cached),
	MAY(outcome, CACHE_WRITE, U64, usage.cache_write),
	MAY(outcome, OUTPUT, U64, usage.output),
	MAY(outcome, REASONING, U64, usage.reasoning),
	MUST(outcome, LIST, I64, list),
	WITH(outcome, CONTRACTED, AS, contracted, list),
	WITH(outcome, EFFECTIVE, AS, effective, list),
	MAY(outcome, CACHE_WRITE_1H, U64, usage.cache_write_1h),
	MAY(outcome, AUDIO_INPUT, U64, usage.audio_input),
	MAY(outcome, IMAGE_INPUT, U64, usage.image_input),
	MAY(outcome, AUDIO_OUTPUT, U64, usage.audio_output),
	MAY(outcome, IMAGE_OUTPUT, U64, usage.image_output),
	MAY(outcome, USED_TIER, BYTES, used_tier),
};

/* By what usage groups attempts. */
static const struct field_row sibling_rows[] = {
	MUST(outcome, ATTEMPT, UINT, attempt),
	MAY(outcome, PRICE, U64, price),
	MAY(outcome, DEPLOYMENT, UINT, deployment),
	MUST(outcome, RESOLUTION, UINT, resolution),
	MAY(outcome, INPUT, U64, usage.input),
	MAY(outcome, AGREEMENT, U64, agreement),
	MAY(outcome, USED_TIER, BYTES, used_tier),
};

static const struct field_list was_list = {
	.size = sizeof(struct outcome),
	.max = 1,
	.rows = was_rows,
	.nrows = NELEM(was_rows),
};

static const struct field_list sibling_list = {
	.size = sizeof(struct outcome),
	.max = FRAME_SIBLINGS,
	.rows = sibling_rows,
	.nrows = NELEM(sibling_rows),
};

/* As it is written; o first, so that the rows of an outcome fit. */
struct written {
	struct outcome o; /* costs are differences */
	unsigned nwas, nsiblings;
	struct outcome *was, *sibling;
	unsigned reason;
	bool stated;
};

static const struct field_row correction_rows[] = {
	LIST(written, WAS, MAPS, was, nwas, &was_list),
	LIST(written, SIBLINGS, MAPS, sibling, nsiblings, &sibling_list),
	MUST(written, REASON, UINT, reason),
	MAY(written, STATED, BOOL, stated),
};

_Static_assert(
    offsetof(struct written, o) == 0, "the rows of an outcome are used for it");

enum { WRITTEN_ROWS = NELEM(outcome_rows) + NELEM(correction_rows) };

static void
written_rows(struct field_row rows[WRITTEN_ROWS])
{
	unsigned i, k = 0, n = 0;

	/* Keys of a map rise. */
	for (i = 0; i < NELEM(outcome_rows); i++) {
		while (k < NELEM(correction_rows) &&
		       correction_rows[k].field < outcome_rows[i].field)
			rows[n++] = correction_rows[k++];
		rows[n++] = outcome_rows[i];
	}
	while (k < NELEM(correction_rows))
		rows[n++] = correction_rows[k++];
}

static const struct field_row final_rows[] = {
	MUST(final, REQ, B16, req),
	MUST(final, WALL_NS, I64, wall_ns),
	MAY(final, GENERATION, U64, generation),
	MAY(final, KEY, U64, key),
	MAY(final, STATUS, UINT, status),
	MAY(final, FAULT, FAULT, fault),
	MAY(final, CLIENT_GONE, BOOL, client_gone),
	MAY(final, MODEL, U64, model),
	MUST(final, ATTEMPTS, UINT, attempts),
	MAY(final, TOTAL_US, U64, total_us),
	LIST(final, CANDIDATES, PAIRS, candidate, n, &candidate_list),
	LIST(final, RULE, U64S, rule, nrule, &rule_list),
	MAY(final, STRATEGY, UINT, strategy),
	MAY(final, CLASS, UINT, class),
};

static const struct field_row count_rows[] = {
	MAY(count, FAULT, FAULT, fault),
	MUST(count, WHO, U64, who),
	MAY(count, IS_NETWORK, BOOL, is_network),
	MUST(count, SECOND, I64, second),
	MUST(count, TIMES, U64, times),
};

static const struct field_row opening_rows[] = {
	MUST(opening, WALL_NS, I64, wall_ns),
	MAY(opening, GENERATION, U64, generation),
	MAY(opening, IS_RECORDER, BOOL, is_recorder),
	MAY(opening, SOFTWARE, BYTES, software),
};

static const struct field_row deployment_rows[] = {
	MUST(deployment_row, ID, BYTES, id),
	MUST(deployment_row, MODEL_ID, BYTES, model),
	MAY(deployment_row, PUBLISHER, BYTES, publisher),
	MAY(deployment_row, PROVIDER, BYTES, provider),
	MAY(deployment_row, TYPE, BYTES, type),
	MAY(deployment_row, REGION, BYTES, region),
	MAY(deployment_row, ZONE, BYTES, zone),
	MAY(deployment_row, TIER, BYTES, tier),
	MAY(deployment_row, NAME, BYTES, name),
	MUST(deployment_row, MODEL_HASH, U64, model_hash),
};

/* A lane of the base rates; of the step that rows before STEPS had: read. */
#define LANE_ROW(f, lane) \
	{ \
		.field = FIELD_##f, .type = TYPE_LANE, \
		.at = (uint16_t)offsetof(struct price_row, price.base), \
		.other = LANE_##lane \
	}
#define OLD_ROW(f, lane) \
	{ \
		.field = FIELD_##f, .type = TYPE_LANE_OLD, \
		.at = \
		    (uint16_t)offsetof(struct price_row, price.step[0].rates), \
		.other = LANE_##lane \
	}

static const struct field_row price_rows[] = {
	MUST(price_row, PRICE, U64, price.id),
	MUST(price_row, DEPLOYMENT, UINT, deployment),
	MAY(price_row, FROM_NS, I64, price.from_ns),
	MAY(price_row, OPERATORS, BOOL, price.operators),
	MAY(price_row, RATE_INPUT, I64, price.base.rate[LANE_INPUT]),
	LANE_ROW(RATE_CACHED, CACHED),
	LANE_ROW(RATE_CACHE_WRITE, CACHE_WRITE),
	MAY(price_row, RATE_OUTPUT, I64, price.base.rate[LANE_OUTPUT]),
	MAY(price_row, ABOVE, U64_OLD, price.step[0].above),
	OLD_ROW(HI_INPUT, INPUT),
	OLD_ROW(HI_CACHED, CACHED),
	OLD_ROW(HI_CACHE_WRITE, CACHE_WRITE),
	OLD_ROW(HI_OUTPUT, OUTPUT),
	MAY(price_row, PER_REQUEST, I64, price.per_request),
	LANE_ROW(RATE_CACHE_WRITE_1H, CACHE_WRITE_1H),
	LANE_ROW(RATE_REASONING, REASONING),
	LANE_ROW(RATE_AUDIO_INPUT, AUDIO_INPUT),
	LANE_ROW(RATE_IMAGE_INPUT, IMAGE_INPUT),
	LANE_ROW(RATE_AUDIO_OUTPUT, AUDIO_OUTPUT),
	LANE_ROW(RATE_IMAGE_OUTPUT, IMAGE_OUTPUT),
	MAY(price_row, PRICE_TIER, BYTES, price.tier),
	{ .field = FIELD_STEPS,
	    .type = TYPE_STEPS,
	    .at = (uint16_t)offsetof(struct price_row, price) },
	MAY(price_row, PRICE_TO_NS, I64, price.to_ns),
};

static const struct field_list deployment_list = {
	.size = sizeof(struct deployment_row),
	.max = FRAME_DEPLOYMENTS,
	.rows = deployment_rows,
	.nrows = NELEM(deployment_rows),
};

static const struct field_list price_list = {
	.size = sizeof(struct price_row),
	.max = FRAME_PRICES,
	.rows = price_rows,
	.nrows = NELEM(price_rows),
};

static const struct field_row agreement_rows[] = {
	MUST(agreement_row, AGREEMENT, U64, terms.id),
	MUST(agreement_row, PROVIDER, BYTES, provider),
	MUST(agreement_row, AGREEMENT_NAME, BYTES, name),
	MAY(agreement_row, CONTRACT, BYTES, contract),
	MAY(agreement_row, START_NS, I64, terms.in_force.from_ns),
	MAY(agreement_row, END_NS, I64, terms.in_force.to_ns),
	MAY(agreement_row, PERCENT, I64, terms.percent),
	MAY(agreement_row, PER_TOKEN, I64, terms.per_token),
	MAY(agreement_row, COMMITTED, I64, terms.commitment),
	MAY(agreement_row, COMMITTED_START_NS, I64,
	    terms.commitment_in.from_ns),
	MAY(agreement_row, COMMITTED_END_NS, I64, terms.commitment_in.to_ns),
};

static const struct field_row share_rows[] = {
	MUST(share_row, AGREEMENT, U64, terms.agreement),
	MUST(share_row, ACCOUNT, U64, account),
	MAY(share_row, START_NS, I64, terms.in.from_ns),
	MAY(share_row, END_NS, I64, terms.in.to_ns),
	MAY(share_row, PERCENT, I64, terms.percent),
	MUST(share_row, PARTNER, BYTES, partner),
	MAY(share_row, OF_LIST, BOOL, terms.of_list),
	MAY(share_row, CAP, I64, terms.cap),
};

static const struct field_list agreement_list = {
	.size = sizeof(struct agreement_row),
	.max = FRAME_AGREEMENTS,
	.rows = agreement_rows,
	.nrows = NELEM(agreement_rows),
};

static const struct field_list share_list = {
	.size = sizeof(struct share_row),
	.max = FRAME_SHARES,
	.rows = share_rows,
	.nrows = NELEM(share_rows),
};

static const struct field_row generation_rows[] = {
	MUST(generation, WALL_NS, I64, wall_ns),
	MUST(generation, GENERATION, U64, generation),
	LIST(generation, DEPLOYMENTS, MAPS, deployments, ndeployments,
	    &deployment_list),
	LIST(generation, PRICES, MAPS, prices, nprices, &price_list),
	LIST(generation, AGREEMENTS, MAPS, agreements, nagreements,
	    &agreement_list),
	LIST(generation, SHARES, MAPS, shares, nshares, &share_list),
	MAY(generation, CURRENCY, BYTES, currency),
};

static const struct field_row account_rows[] = {
	MUST(account_change, WALL_NS, I64, wall_ns),
	MAY(account_change, KEY, U64, key),
	MAY(account_change, AGREEMENT, U64, agreement),
	MUST(account_change, ACCOUNT, U64, account),
	MUST(account_change, OP, UINT, op),
	MUST(account_change, LIMIT, I64, limit),
	MUST(account_change, UNIT, UINT, unit),
	MAY(account_change, ZONE_NAME, BYTES, zone),
	MAY(account_change, HARD, BOOL, hard),
	MAY(account_change, AGREEMENT_NAME, BYTES, name),
	MAY(account_change, START_NS, I64, in.from_ns),
	MAY(account_change, END_NS, I64, in.to_ns),
	MAY(account_change, PARTNER, BYTES, partner),
	MAY(account_change, PLEDGE, UINT, pledge),
	MAY(account_change, SUBJECT, U64, subject),
	MAY(account_change, MODE, UINT, mode),
	MAY(account_change, DOWNGRADE, U64, downgrade),
	MAY(account_change, CLAMP, BOOL, clamp),
	WITH(account_change, ADMIT_WAIT_NS, OPT, admit_wait_ns, has_wait),
};

static const struct field_row subject_rows[] = {
	MUST(subject_change, WALL_NS, I64, wall_ns),
	MUST(subject_change, OP, UINT, op),
	MUST(subject_change, COMMITMENT, B32, commitment),
	MUST(subject_change, SUBJECT, U64, subject),
	MUST(subject_change, SUBJECT_KIND, UINT, kind),
	MAY(subject_change, PARENT, U64, parent),
};

static const struct field_row limit_rows[] = {
	MUST(limit_change, WALL_NS, I64, wall_ns),
	MAY(limit_change, KEY, U64, key),
	MUST(limit_change, OP, UINT, op),
	MAY(limit_change, SUBJECT, U64, subject),
	MUST(limit_change, LIMIT_ID, U64, limit),
	MUST(limit_change, LIMIT_KIND, UINT, kind),
	MUST(limit_change, AMOUNT, I64, amount),
	MAY(limit_change, PERIOD_NS, I64, period_ns),
	MAY(limit_change, BURST, I64, burst),
};

static const struct field_row key_rows[] = {
	MUST(key_change, WALL_NS, I64, wall_ns),
	MUST(key_change, KEY, U64, key),
	MAY(key_change, ACCOUNT, U64, account),
	MUST(key_change, OP, UINT, op),
	MUST(key_change, SECRET_SHA256, B32, secret_sha256),
	MAY(key_change, EXPIRES_NS, I64, expires_ns),
	LIST(key_change, MODELS, U64S, models, nmodels, &model_list),
	MAY(key_change, IS_ADMIN, BOOL, is_admin),
	MAY(key_change, PRINCIPAL, U64, principal),
	MAY(key_change, TEAM, U64, team),
	MUST(key_change, COMMITMENT, B32, commitment),
	LIST(key_change, SUBJECTS, U64S, subjects, nsubjects, &subject_list),
	MAY(key_change, HAS_AWS, BOOL, has_aws),
};

static const struct field_row incident_rows[] = {
	MUST(incident, WALL_NS, I64, wall_ns),
	MUST(incident, CODE, UINT, code),
	LIST(incident, NUMBERS, U64S, numbers, n, &number_list),
};

_Static_assert(sizeof(enum resolution) == sizeof(unsigned) &&
		   sizeof(enum frame_op) == sizeof(unsigned) &&
		   sizeof(enum pledge_kind) == sizeof(unsigned) &&
		   sizeof(enum fault) == sizeof(unsigned),
    "enums are written as unsigned");

/* --- writing ------------------------------------------------------------ */

static size_t
padded(size_t len)
{
	return (FRAME_HEAD + len + 7) / 8 * 8;
}

/* What makes a frame of one journal no frame of another. */
static uint32_t
seed(const char *frame)
{
	return crc32c(0, frame + offsetof(struct head, node), 12);
}

static uint32_t
checksum(const char *frame, size_t len)
{
	return crc32c(seed(frame), frame + 8, FRAME_HEAD - 8 + len);
}

size_t
frame_seal(const struct journal_name *j, uint64_t seq, enum frame_kind kind,
    size_t payload, char *out, size_t cap)
{
	const size_t size = padded(payload);
	struct head h = {
		.len = (uint32_t)payload,
		.seq = seq,
		.node = j->node,
		.boot = j->boot,
		.slot = j->slot,
		.incarnation = j->incarnation,
		.version = VERSION,
		.kind = (uint8_t)kind,
	};

	if (payload > FRAME_MAX - FRAME_HEAD || size > cap)
		return 0;
	memcpy(out, &h, sizeof(h));
	h.crc = checksum(out, payload);
	memcpy(out + offsetof(struct head, crc), &h.crc, sizeof(h.crc));
	memset(out + FRAME_HEAD + payload, 0, size - FRAME_HEAD - payload);
	return size;
}

/* here: in a straight line, for the three frames of every call. */
static inline __attribute__((always_inline)) size_t
write_rows(const struct journal_name *j, uint64_t seq, enum frame_kind kind,
    const void *v, const struct field_row *rows, size_t n, char *out,
    size_t cap, bool here)
{
	struct cbor_w w;
	struct slice payload;

	if (cap < FRAME_HEAD)
		return 0;
	cbor_w_init(&w, out + FRAME_HEAD, cap - FRAME_HEAD);
	if (here)
		field_write_here(&w, v, rows, n);
	else
		field_write(&w, v, rows, n);
	payload = cbor_w_slice(&w);
	return payload.len == 0
		   ? 0
		   : frame_seal(j, seq, kind, payload.len, out, cap);
}

static size_t
write_frame(const struct journal_name *j, uint64_t seq, enum frame_kind kind,
    const void *v, const struct field_row *rows, size_t n, char *out,
    size_t cap)
{
	return write_rows(j, seq, kind, v, rows, n, out, cap, false);
}

#define WRITE(kind, rows) \
	write_frame(j, seq, kind, v, rows, NELEM(rows), out, cap)
#define WRITE_HERE(kind, rows) \
	write_rows(j, seq, kind, v, rows, NELEM(rows), out, cap, true)

size_t
frame_intent(const struct journal_name *j, uint64_t seq, const struct intent *v,
    char *out, size_t cap)
{
	return WRITE_HERE(FRAME_INTENT, intent_rows);
}

size_t
frame_outcome(const struct journal_name *j, uint64_t seq,
    const struct outcome *v, char *out, size_t cap)
{
	struct outcome cut;

	if (v->provider_id.len > FRAME_PROVIDER_ID ||
	    v->used_tier.len > FRAME_TIER) {
		cut = *v;
		if (cut.provider_id.len > FRAME_PROVIDER_ID)
			cut.provider_id.len = FRAME_PROVIDER_ID;
		if (cut.used_tier.len > FRAME_TIER)
			cut.used_tier.len = FRAME_TIER;
		v = &cut;
	}
	return WRITE_HERE(FRAME_OUTCOME, outcome_rows);
}

size_t
frame_correction(const struct journal_name *j, uint64_t seq,
    const struct correction *c, char *out, size_t cap)
{
	struct field_row rows[WRITTEN_ROWS];
	struct outcome was = c->was;
	struct written v = { .o = c->now,
		.nwas = 1,
		.was = &was,
		.nsiblings = c->nsiblings,
		.sibling = c->sibling,
		.reason = (unsigned)c->reason,
		.stated = c->stated };

	CHECK(c->now.number > 0 && c->nsiblings <= FRAME_SIBLINGS);
	v.o.provider_id = (struct slice){ 0 };
	v.o.list -= was.list;
	v.o.contracted -= was.contracted;
	v.o.effective -= was.effective;
	written_rows(rows);
	return write_frame(
	    j, seq, FRAME_OUTCOME, &v, rows, WRITTEN_ROWS, out, cap);
}

size_t
frame_final(const struct journal_name *j, uint64_t seq, const struct final *v,
    char *out, size_t cap)
{
	return WRITE_HERE(FRAME_FINAL, final_rows);
}

size_t
frame_count(const struct journal_name *j, uint64_t seq, const struct count *v,
    char *out, size_t cap)
{
	return WRITE(FRAME_COUNT, count_rows);
}

size_t
frame_opening(const struct journal_name *j, uint64_t seq,
    const struct opening *v, char *out, size_t cap)
{
	return WRITE(FRAME_OPEN, opening_rows);
}

size_t
frame_account(const struct journal_name *j, uint64_t seq,
    const struct account_change *v, char *out, size_t cap)
{
	return WRITE(FRAME_ACCOUNT, account_rows);
}

size_t
frame_key(const struct journal_name *j, uint64_t seq,
    const struct key_change *v, char *out, size_t cap)
{
	return WRITE(FRAME_KEY, key_rows);
}

size_t
frame_incident(const struct journal_name *j, uint64_t seq,
    const struct incident *v, char *out, size_t cap)
{
	return WRITE(FRAME_INCIDENT, incident_rows);
}

size_t
frame_subject(const struct journal_name *j, uint64_t seq,
    const struct subject_change *v, char *out, size_t cap)
{
	return WRITE(FRAME_SUBJECT, subject_rows);
}

size_t
frame_limit(const struct journal_name *j, uint64_t seq,
    const struct limit_change *v, char *out, size_t cap)
{
	return WRITE(FRAME_LIMIT, limit_rows);
}

bool
frame_generation(const struct journal_name *j, uint64_t seq,
    const struct generation *v, struct buf *b)
{
	size_t cap, size;

	if (v->ndeployments > FRAME_DEPLOYMENTS || v->nprices > FRAME_PRICES ||
	    v->nagreements > FRAME_AGREEMENTS || v->nshares > FRAME_SHARES)
		return false;
	for (cap = 16 * 1024; cap <= FRAME_MAX; cap *= 2) {
		char *out;

		buf_reserve(b, cap);
		out = b->p + b->len;
		size = WRITE(FRAME_CONFIG, generation_rows);
		if (size > 0) {
			b->len += size;
			return true;
		}
	}
	return false;
}

/* --- reading ------------------------------------------------------------ */

static bool
head_sane(const struct head *h)
{
	return h->version == VERSION && h->kind != 0 && h->zero == 0 &&
	       h->seq != 0 && h->len <= FRAME_MAX - FRAME_HEAD;
}

static bool
all_zero(const char *p, size_t len)
{
	while (len > 0 && *p == 0) {
		p++;
		len--;
	}
	return len == 0;
}

size_t
frame_len(struct slice bytes)
{
	uint32_t len;

	if (bytes.len < FRAME_HEAD)
		return 0;
	memcpy(&len, bytes.p, sizeof(len));
	return padded(len);
}

enum fault
frame_read(struct slice bytes, struct frame *out)
{
	struct head h;
	size_t size;

	if (bytes.len < FRAME_HEAD)
		return FAULT_PENDING;
	memcpy(&h, bytes.p, sizeof(h));
	if (!head_sane(&h))
		return FAULT_DATA;
	size = padded(h.len);
	if (bytes.len < size)
		return FAULT_PENDING;
	if (checksum(bytes.p, h.len) != h.crc ||
	    !all_zero(bytes.p + FRAME_HEAD + h.len, size - FRAME_HEAD - h.len))
		return FAULT_DATA;
	*out = (struct frame){
		.name = { h.node, h.boot, h.slot, h.incarnation },
		.seq = h.seq,
		.kind = (enum frame_kind)h.kind,
		.payload = { bytes.p + FRAME_HEAD, h.len },
		.size = size,
	};
	return FAULT_NONE;
}

#define READ(frame_kind, rows, arena) \
	(memset(out, 0, sizeof(*out)), \
	    f->kind != (frame_kind) \
		? FAULT_DATA \
		: field_read(f->payload, out, rows, NELEM(rows), arena))
#define READ_HERE(frame_kind, rows) \
	(memset(out, 0, sizeof(*out)), \
	    f->kind != (frame_kind) \
		? FAULT_DATA \
		: field_read_here(f->payload, out, rows, NELEM(rows)))

enum fault
frame_get_intent(const struct frame *f, struct intent *out)
{
	const enum fault fault = READ_HERE(FRAME_INTENT, intent_rows);

	return fault == FAULT_NONE && (out->hold < 0 || out->list < 0)
		   ? FAULT_DATA
		   : fault;
}

enum fault
frame_get_outcome(const struct frame *f, struct outcome *out)
{
	const enum fault fault = READ_HERE(FRAME_OUTCOME, outcome_rows);

	if (fault != FAULT_NONE)
		return fault;
	if ((unsigned)out->resolution > RESOLUTION_UNKNOWN || out->hold < 0 ||
	    out->provider_id.len > FRAME_PROVIDER_ID ||
	    out->used_tier.len > FRAME_TIER || out->status < 0)
		return FAULT_DATA;
	return FAULT_NONE;
}

/* What attempts of one request have in common. */
static void
share(const struct outcome *from, struct outcome *to)
{
	to->req = from->req;
	to->generation = from->generation;
	to->key = from->key;
	to->ntags = from->ntags;
	memcpy(to->tags, from->tags, sizeof(to->tags));
	to->sent = true;
}

static bool
whole(const struct written *w, struct correction *out)
{
	const struct outcome *was = &w->was[0];
	unsigned i;

	out->now = out->was = w->o;
	out->was.number = w->o.number - 1;
	out->was.price = was->price;
	out->was.resolution = was->resolution;
	out->was.sent = was->sent;
	out->was.usage = was->usage;
	out->was.used_tier = was->used_tier;
	out->was.list = was->list;
	out->was.contracted = was->contracted;
	out->was.effective = was->effective;
	out->reason = (enum correction_reason)w->reason;
	out->stated = w->stated;
	out->nsiblings = w->nsiblings;
	out->sibling = w->sibling;
	for (i = 0; i < w->nsiblings; i++) {
		share(&w->o, &w->sibling[i]);
		if (w->sibling[i].attempt == w->o.attempt ||
		    (i > 0 &&
			w->sibling[i].attempt <= w->sibling[i - 1].attempt) ||
		    w->sibling[i].resolution > RESOLUTION_UNKNOWN)
			return false;
	}
	return !__builtin_add_overflow(was->list, w->o.list, &out->now.list) &&
	       !__builtin_add_overflow(
		   was->contracted, w->o.contracted, &out->now.contracted) &&
	       !__builtin_add_overflow(
		   was->effective, w->o.effective, &out->now.effective);
}

enum fault
frame_get_correction(
    const struct frame *f, struct arena *a, struct correction *out)
{
	struct field_row rows[WRITTEN_ROWS];
	struct written w = { .nwas = 0 };

	memset(out, 0, sizeof(*out));
	written_rows(rows);
	if (f->kind != FRAME_OUTCOME ||
	    field_read(f->payload, &w, rows, WRITTEN_ROWS, a) != FAULT_NONE)
		return FAULT_DATA;
	if (w.o.number < 1 || w.o.number > FRAME_NUMBER_MAX || w.nwas != 1 ||
	    w.o.hold < 0 || w.o.status < 0 || w.o.used_tier.len > FRAME_TIER ||
	    w.was[0].used_tier.len > FRAME_TIER ||
	    (unsigned)w.o.resolution > RESOLUTION_UNKNOWN ||
	    (unsigned)w.was[0].resolution > RESOLUTION_UNKNOWN ||
	    w.reason < REASON_OPERATOR || w.reason > REASON_LATE)
		return FAULT_DATA;
	return whole(&w, out) ? FAULT_NONE : FAULT_DATA;
}

enum fault
frame_get_final(const struct frame *f, struct final *out)
{
	const enum fault fault = READ_HERE(FRAME_FINAL, final_rows);

	return fault == FAULT_NONE && out->status < 0 ? FAULT_DATA : fault;
}

enum fault
frame_get_count(const struct frame *f, struct count *out)
{
	return READ(FRAME_COUNT, count_rows, NULL);
}

enum fault
frame_get_opening(const struct frame *f, struct opening *out)
{
	return READ(FRAME_OPEN, opening_rows, NULL);
}

static bool
op_known(enum frame_op op)
{
	return op == OP_CREATE || op == OP_CHANGE || op == OP_END;
}

enum fault
frame_get_account(const struct frame *f, struct account_change *out)
{
	const enum fault fault = READ(FRAME_ACCOUNT, account_rows, NULL);

	if (fault != FAULT_NONE)
		return fault;
	return op_known(out->op) && (unsigned)out->pledge <= PLEDGE_SHARE
		   ? FAULT_NONE
		   : FAULT_DATA;
}

enum fault
frame_get_key(const struct frame *f, struct key_change *out)
{
	const enum fault fault = READ(FRAME_KEY, key_rows, NULL);

	return fault == FAULT_NONE && !op_known(out->op) ? FAULT_DATA : fault;
}

enum fault
frame_get_incident(const struct frame *f, struct incident *out)
{
	return READ(FRAME_INCIDENT, incident_rows, NULL);
}

/* Input and output rates are always known, so 0 is left out as any 0 is;
 * rows before STEPS had one step at most. */
static bool
price_row_mend(struct price_row *row)
{
	const uint32_t both = LANE_BIT(LANE_INPUT) | LANE_BIT(LANE_OUTPUT);
	struct price *p = &row->price;
	unsigned i;

	p->base.has |= both;
	if (p->nsteps == 0 && p->step[0].above != 0) {
		p->nsteps = 1;
		p->step[0].rates.has |= both;
	} else if (p->nsteps == 0) {
		p->step[0] = (struct price_step){ 0 };
	}
	for (i = 1; i < p->nsteps; i++) {
		if (p->step[i].above <= p->step[i - 1].above)
			return false;
	}
	return true;
}

static bool
agreements_sane(const struct generation *g)
{
	unsigned i;

	for (i = 0; i < g->nagreements; i++) {
		struct agreement_row *row = &g->agreements[i];

		row->terms.provider = hash64(row->provider);
		row->account =
		    agreement_account(row->name, PLEDGE_COMMITMENT, S(""));
		if (!agreement_sane(&row->terms))
			return false;
	}
	for (i = 0; i < g->nshares; i++) {
		if (!share_sane(&g->shares[i].terms) ||
		    g->shares[i].account >> 63 == 0)
			return false; /* that would be a budget's */
	}
	return true;
}

enum fault
frame_get_subject(const struct frame *f, struct subject_change *out)
{
	return READ(FRAME_SUBJECT, subject_rows, NULL);
}

enum fault
frame_get_limit(const struct frame *f, struct limit_change *out)
{
	return READ(FRAME_LIMIT, limit_rows, NULL);
}

enum fault
frame_get_generation(
    const struct frame *f, struct arena *a, struct generation *out)
{
	const enum fault fault = READ(FRAME_CONFIG, generation_rows, a);
	unsigned i;

	if (fault != FAULT_NONE)
		return fault;
	for (i = 0; i < out->nprices; i++) {
		if (!price_row_mend(&out->prices[i]))
			return FAULT_DATA;
	}
	return agreements_sane(out) ? FAULT_NONE : FAULT_DATA;
}

const struct price *
generation_price(
    const struct generation *g, unsigned deployment, uint64_t price)
{
	unsigned i;

	for (i = 0; i < g->nprices; i++) {
		if (g->prices[i].deployment == deployment &&
		    g->prices[i].price.id == price)
			return &g->prices[i].price;
	}
	return NULL;
}

bool
generation_uses(
    const struct generation *g, const struct intent *in, uint64_t price)
{
	const struct price *p, *best = NULL;
	unsigned i;

	if (price == in->price)
		return true;
	p = generation_price(g, in->deployment, price);
	for (i = 0; p != NULL && i < g->nprices; i++) {
		if (g->prices[i].deployment == in->deployment)
			best = price_better(
			    best, &g->prices[i].price, p->tier, in->wall_ns);
	}
	return p != NULL && best == p;
}

uint64_t
frame_pack(struct slice s)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < s.len && i < sizeof(v); i++)
		v |= (uint64_t)(unsigned char)s.p[i] << 8 * i;
	return v;
}

void
frame_unpack(uint64_t v, char out[9])
{
	unsigned i;

	for (i = 0; i < 8; i++, v >>= 8)
		out[i] = (char)(v & 0xff);
	out[8] = '\0';
}
