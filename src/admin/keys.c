/*
 * keys.c - keys: created, listed, revoked, rotated
 *
 * The secret is made here, answered once and forgotten; the recorder gets
 * its SHA-256.  Revocation goes into shared memory first, so that it holds
 * even when the recorder cannot write.
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/peer.h"
#include "base/clock.h"
#include "crypto/awspair.h"
#include "crypto/digest.h"
#include "ledger/window.h"
#include "model/ident.h"
#include "shm/key.h"
#include "store/store.h"

enum { NAME_MAX_LEN = 200, IDEM_MAX = 200 };

/* What is answered when the recorder has agreed. */
struct made {
	char id[KEY_ID_TEXT + 1];
	char text[KEY_TEXT + 1];
	char sha256[DIGEST_HEX + 1];
	bool aws; /* shows the pair of AWS's kind, too */
	char aws_id[AWSPAIR_ID + 1];
	char aws_secret[AWSPAIR_SECRET + 1];
};

static uint64_t
random_id(void)
{
	uint64_t id;

	do {
		random_bytes(&id, sizeof(id));
	} while (id == 0);
	return id;
}

static void
make(const struct api *a, struct made *m, bool aws)
{
	uint8_t secret[32], sum[DIGEST_LEN];
	struct slice text;
	uint64_t id = random_id();

	random_bytes(secret, sizeof(secret));
	key_write(id, secret, m->text);
	key_id_write(id, m->id);
	CHECK(key_parse(slice_of(m->text), &id, &text));
	digest_of(text, sum);
	digest_hex(sum, m->sha256);
	m->aws = aws;
	awspair_id(id, m->aws_id);
	awspair_secret(a->c->shm.head->aws_root, id, m->aws_secret);
	mem_wipe(secret, sizeof(secret));
}

static void
then_shown(struct api *a, const struct json *answer)
{
	struct made *m = a->state;
	struct slice id = json_get_str(answer, "id");
	struct buf b = { 0 };

	if (!api_agreed(answer)) {
		mem_wipe(m, sizeof(*m));
		api_fail_as_told(a, answer);
		return;
	}
	json_w_begin(&b, '{');
	if (id.len > 0 && !slice_eq(id, slice_of(m->id))) {
		/* Asked before with this idempotency key. */
		json_w_kstr(&b, "id", id);
		json_w_key(&b, "key");
		json_w_null(&b);
	} else {
		json_w_kstr(&b, "id", slice_of(m->id));
		json_w_kstr(&b, "key", slice_of(m->text));
		if (m->aws) {
			json_w_kstr(
			    &b, "aws_access_key_id", slice_of(m->aws_id));
			json_w_kstr(&b, "aws_secret_access_key",
			    slice_of(m->aws_secret));
		}
	}
	json_w_end(&b, '}');
	mem_wipe(m, sizeof(*m));
	api_reply(a, 201, &b);
}

/* --- create --------------------------------------------------------------- */

/* "90d", "12h", "30m", "45s", "2w", "1y" in nanoseconds; 0 on nonsense. */
static int64_t
span(struct slice text)
{
	static const struct {
		char unit;
		int64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 604800 }, { 'y', 31536000 } };
	uint64_t n;
	size_t i;

	if (text.len < 2 ||
	    !slice_u64((struct slice){ text.p, text.len - 1 }, &n) || n == 0 ||
	    n > 1000000)
		return 0;
	for (i = 0; i < NELEM(units); i++) {
		if (units[i].unit == text.p[text.len - 1])
			return n > INT64_MAX / NS_PER_S / 10 /
					   (uint64_t)units[i].s
				   ? 0
				   : (int64_t)n * units[i].s * NS_PER_S;
	}
	return 0;
}

static const char *
write_expiry(struct api *a, struct buf *b)
{
	struct slice text = json_get_str(a->body, "expires");
	int64_t in;

	if (json_get(a->body, "expires") == NULL)
		return NULL;
	in = span(text);
	if (in == 0)
		return "'expires' must be like 90d, 12h, 30m or 45s";
	json_w_ki64(b, "expires_ns", clock_wall_ns() + in);
	return NULL;
}

/* What the recorder leaves to us: the rest it judges itself. */
static const char *
check_create(const struct api *a)
{
	const struct json *name = json_get(a->body, "name");

	if (name == NULL || name->type != JSON_STRING || name->text.len == 0 ||
	    name->text.len > NAME_MAX_LEN)
		return "'name' must be a text of 1 to 200 bytes";
	return NULL;
}

void
keys_create(struct api *a)
{
	static const char *const known[] = { "name", "org", "team", "project",
		"user", "service", "tags", "models", "budget", "zone",
		"budget_zone", "budget_mode", "budget_downgrade_to",
		"budget_tight", "budget_admit_wait", "limits", "expires",
		"admin", "aws", NULL };
	struct made *m = ARENA_NEW(&a->arena, struct made);
	struct buf b = { 0 };
	const char *wrong = api_wish_begin(a, "key_create", known, &b);

	a->state = m;
	if (wrong == NULL)
		wrong = check_create(a);
	if (wrong == NULL)
		wrong = write_expiry(a, &b);
	if (wrong != NULL) {
		buf_fini(&b);
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	make(a, m, json_get_bool(a->body, "aws", false));
	json_w_kstr(&b, "id", slice_of(m->id));
	json_w_kstr(&b, "sha256", slice_of(m->sha256));
	api_wish(a, &b, then_shown);
}

/* --- revoke, rotate ---------------------------------------------------------
 */

static void
then_done(struct api *a, const struct json *answer)
{
	struct buf b = { 0 };

	if (!api_agreed(answer)) {
		api_fail_as_told(a, answer);
		return;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "id", a->segment);
	json_w_kbool(&b, "revoked", true);
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

void
keys_revoke(struct api *a)
{
	struct buf b = { 0 };
	uint64_t id;

	if (!key_id_parse(a->segment, &id) || !key_revoke(&a->c->shm, id)) {
		api_fail(a, FAULT_NOT_FOUND, "no key has this id");
		return;
	}
	a->segment = arena_copy(&a->arena, a->segment);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "op", S("key_revoke"));
	json_w_kstr(&b, "id", a->segment);
	api_wish(a, &b, then_done);
}

/* How long the old secret stays good: 0 not at all, negative on nonsense. */
static int64_t
keep_ns(const struct api *a)
{
	const struct json *keep = json_get(a->body, "keep");
	int64_t ns;

	if (a->body == NULL)
		return 0;
	if (a->body->type != JSON_OBJECT || a->body->n != (keep != NULL))
		return -1;
	if (keep == NULL)
		return 0;
	ns = keep->type == JSON_STRING ? span(keep->text) : 0;
	return ns > 0 ? ns : -1;
}

/*
 * Whether the key is still live is the recorder's to say: asked again with
 * the same idempotency key, the old one is revoked by the first time.
 */
void
keys_rotate(struct api *a)
{
	struct made *m = ARENA_NEW(&a->arena, struct made);
	const int64_t keep = keep_ns(a);
	struct buf b = { 0 };
	uint64_t id;

	if (!key_id_parse(a->segment, &id) ||
	    key_find(&a->c->shm, id) == NULL) {
		api_fail(a, FAULT_NOT_FOUND, "no key has this id");
		return;
	}
	if (keep < 0 || a->idempotency.len > IDEM_MAX) {
		api_fail(a, FAULT_FIELD,
		    keep < 0
			? "the body may only be {\"keep\": \"1h\"}, a time "
			  "like 90d, 12h, 30m or 45s"
			: "the idempotency key is too long");
		return;
	}
	a->state = m;
	make(a, m, key_find(&a->c->shm, id)->has_aws != 0);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "op", S("key_rotate"));
	json_w_kstr(&b, "id", a->segment);
	json_w_kstr(&b, "new", slice_of(m->id));
	json_w_kstr(&b, "sha256", slice_of(m->sha256));
	json_w_ki64(&b, "keep_ns", keep);
	api_wish(a, &b, then_shown);
}

/* --- list -------------------------------------------------------------------
 */

static void
write_time(struct buf *b, const char *key, int64_t ns)
{
	json_w_key(b, key);
	if (ns == 0)
		json_w_null(b);
	else
		json_w_i64(b, ns / NS_PER_S);
}

static void
write_limit(struct buf *b, struct stmt *q)
{
	struct buf m = { 0 };

	json_w_key(b, "budget");
	if (stmt_get_u64(q, 5) == 0) {
		json_w_null(b);
		return;
	}
	money_write(&m, (struct money){ stmt_get_i64(q, 6) });
	buf_fmt(
	    &m, "/%s", window_unit_name((enum window_unit)stmt_get_i64(q, 7)));
	json_w_str(b, buf_slice(&m));
	buf_fini(&m);
}

static void
write_place(struct buf *b, struct stmt *q)
{
	const struct slice who = stmt_get(q, 14);

	json_w_kstr(b, "org", stmt_get(q, 11));
	json_w_kstr(b, "team", stmt_get(q, 2));
	json_w_kstr(b, "project", stmt_get(q, 12));
	json_w_kstr(
	    b, "user", slice_eq(who, S("user")) ? stmt_get(q, 13) : S(""));
	json_w_kstr(b, "service",
	    slice_eq(who, S("service")) ? stmt_get(q, 13) : S(""));
	json_w_key(b, "tags");
	json_w_raw(b, stmt_get(q, 15).len > 0 ? stmt_get(q, 15) : S("[]"));
}

/* The word that refuses it is there before the books have it. */
static void
write_key(const struct api *a, struct buf *b, struct stmt *q)
{
	const bool revoked = stmt_get_i64(q, 9) != 0 ||
			     key_revoked(&a->c->shm, stmt_get_u64(q, 0));
	char id[KEY_ID_TEXT + 1];

	key_id_write(stmt_get_u64(q, 0), id);
	json_w_begin(b, '{');
	json_w_kstr(b, "id", slice_of(id));
	json_w_kstr(b, "name", stmt_get(q, 1));
	write_place(b, q);
	json_w_key(b, "models");
	json_w_raw(b, stmt_get(q, 3).len > 0 ? stmt_get(q, 3) : S("[]"));
	write_time(b, "expires", stmt_get_i64(q, 4));
	write_limit(b, q);
	json_w_kbool(b, "admin", stmt_get_i64(q, 8) != 0);
	json_w_kbool(b, "revoked", revoked);
	write_time(b, "created", stmt_get_i64(q, 10));
	json_w_end(b, '}');
}

/*
 * budget: the first of its own; budgets_list has all.  What this lists is in
 * the store before whoever asked for it is answered, so it waits for nobody:
 * a key can be found, to be revoked, while the log cannot be written.
 */
void
keys_list(struct api *a)
{
	struct api_list l;
	struct stmt *q;

	if (!api_list_begin(a, &l, "keys"))
		return;
	q = store_sql(l.store,
	    "SELECT k.id, k.name, k.team, k.models, k.expires_ns,"
	    " coalesce(a.id, 0), a.granted, a.unit, k.is_admin, k.revoked,"
	    " k.created_ns, k.org, k.project, k.principal_name,"
	    " k.principal_kind, k.tags"
	    " FROM keys k LEFT JOIN accounts a ON a.id = (SELECT b.id"
	    "  FROM accounts b WHERE b.of_key = k.principal AND b.closed = 0"
	    "  AND k.principal <> 0 ORDER BY b.id LIMIT 1)"
	    " WHERE ?1 = ?2 OR (k.created_ns, k.id) >"
	    "  (SELECT created_ns, id FROM keys WHERE id = ?2)"
	    " ORDER BY k.created_ns, k.id");
	stmt_i64(q, 1, INT64_MIN);
	stmt_i64(q, 2, l.page.after);
	while (stmt_step(q) && api_page_take(&l.page, stmt_get_i64(q, 0)))
		write_key(a, &l.out, q);
	api_list_end(a, &l);
}
