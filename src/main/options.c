#include "main/options.h"

#include <stdio.h>

#include "base/date.h"
#include "base/json.h"
#include "main/secret.h"
#include "main/value.h"
#include "main/yaml.h"
#include "model/agreement.h"
#include "model/money.h"

const struct option options[] = {
#define OPTION(path, kind, need, or_else, allowed, text) \
	{ path, OPT_##kind, NEED_##need, or_else, allowed, text },
#include "main/options.def"
#undef OPTION
};

const size_t options_n = NELEM(options);

enum { PATH_LEN_MAX = 512, WORDS_MAX = 64 };

const struct option *
option_find(const char *path)
{
	size_t i;

	for (i = 0; i < options_n; i++) {
		if (strcmp(options[i].path, path) == 0)
			return &options[i];
	}
	return NULL;
}

/* The last step of a path ("drain", "*", "[]") when path is its parent. */
static const char *
step_under(const struct option *o, const char *path)
{
	const size_t len = strlen(path);
	const char *rest = o->path + len;

	if (strncmp(o->path, path, len) != 0 || rest[0] == '\0')
		return NULL;
	if (strcmp(rest, "[]") == 0)
		return rest;
	if (len > 0) {
		if (rest[0] != '.')
			return NULL;
		rest++;
	}
	return strpbrk(rest, ".[") == NULL ? rest : NULL;
}

/* --- what is allowed ------------------------------------------------- */

/* One of "a|b|(c)"; *later: it stood in parentheses. */
static bool
choice_has(const char *allowed, struct slice word, bool *later)
{
	struct slice rest = slice_of(allowed), head;

	while (rest.len > 0) {
		if (!slice_cut(rest, '|', &head, &rest)) {
			head = rest;
			rest.len = 0;
		}
		*later = head.p[0] == '(';
		if (*later) {
			head.p++;
			head.len -= 2;
		}
		if (slice_eq(head, word))
			return true;
	}
	return false;
}

static size_t
choice_words(struct arena *a, const char *allowed, const char **words)
{
	struct slice rest = slice_of(allowed), head;
	size_t n = 0;

	while (rest.len > 0 && n < WORDS_MAX) {
		if (!slice_cut(rest, '|', &head, &rest)) {
			head = rest;
			rest.len = 0;
		}
		if (head.p[0] != '(')
			words[n++] = arena_str(a, head);
	}
	return n;
}

typedef bool number_f(struct slice s, int64_t *out);

static bool
parse_number(struct slice s, int64_t *out)
{
	uint64_t v;

	if (!slice_u64(s, &v) || v > INT64_MAX)
		return false;
	*out = (int64_t)v;
	return true;
}

static bool
parse_size(struct slice s, int64_t *out)
{
	uint64_t v;

	if (!value_size(s, &v))
		return false;
	*out = (int64_t)v;
	return true;
}

static bool
in_range(const char *allowed, number_f *parse, int64_t v)
{
	const char *dots = strstr(allowed, "..");
	int64_t least, most;

	CHECK(dots != NULL);
	CHECK(
	    parse((struct slice){ allowed, (size_t)(dots - allowed) }, &least));
	CHECK(parse(slice_of(dots + 2), &most));
	return v >= least && v <= most;
}

/* --- checking -------------------------------------------------------- */

struct checker {
	struct arena *arena;
	struct report *report;
};

static void
wrong(struct checker *k, const struct ynode *n, const char *hint,
    const char *want)
{
	report_add(
	    k->report, n->at, hint, "\"%.*s\" is not %s", S_FMT(n->text), want);
}

static const char *
range_hint(struct checker *k, const struct option *o)
{
	const char *dots = strstr(o->allowed, "..");

	return arena_fmt(k->arena, "from %.*s to %s", (int)(dots - o->allowed),
	    o->allowed, dots + 2);
}

static void
check_range(struct checker *k, const struct option *o, const struct ynode *n,
    number_f *parse, const char *want)
{
	int64_t v;

	if (!parse(n->text, &v))
		wrong(k, n, range_hint(k, o), want);
	else if (!in_range(o->allowed, parse, v))
		report_add(k->report, n->at, range_hint(k, o),
		    "\"%.*s\" is out of range", S_FMT(n->text));
}

static void
check_choice(struct checker *k, const struct option *o, const struct ynode *n)
{
	const char *words[WORDS_MAX], *near;
	bool later = false;
	struct buf b = { 0 };
	size_t i, nwords;

	if (choice_has(o->allowed, n->text, &later)) {
		if (later)
			report_add(k->report, n->at, NULL,
			    "\"%.*s\" is not supported by this version",
			    S_FMT(n->text));
		return;
	}
	nwords = choice_words(k->arena, o->allowed, words);
	near = report_nearest(n->text, words, nwords);
	if (near != NULL) {
		buf_fmt(&b, "did you mean \"%s\"?", near);
	} else {
		buf_str(&b, "one of: ");
		for (i = 0; i < nwords; i++)
			buf_fmt(&b, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	report_add(k->report, n->at, buf_cstr(&b),
	    "\"%.*s\" is not a value of \"%.*s\"", S_FMT(n->text),
	    S_FMT(n->key));
	buf_fini(&b);
}

enum { PER_MILLION_DECIMALS = RATE_DECIMALS - 6 };

/* More for a million tokens, or for one call, is a slip of the pen. */
static const uint64_t rate_absurd = 1000000;
static const uint64_t money_absurd = UINT64_C(9000000000);

static bool
is_digits(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return s.len > 0;
}

/* Why a text is no amount that we hold; NULL: we know no better. */
static const char *
amount_trouble(struct slice s, unsigned decimals, uint64_t most)
{
	struct slice whole = s, part = S("0");
	uint64_t v;

	if (s.len > 1 && s.p[0] == '-' &&
	    is_digits((struct slice){ s.p + 1, 1 }))
		return "is negative";
	(void)slice_cut(s, '.', &whole, &part);
	if (!is_digits(whole) || !is_digits(part))
		return "is not a decimal number";
	if (!slice_u64(whole, &v) || v > most)
		return "is absurdly much";
	return part.len > decimals
		   ? "has more decimals than can be held exactly"
		   : NULL;
}

static void
check_amount(struct checker *k, const struct ynode *n, bool parses,
    unsigned decimals, uint64_t most, const char *hint, const char *want)
{
	const char *why = amount_trouble(n->text, decimals, most);

	if (why != NULL)
		report_add(k->report, n->at, hint, "\"%.*s\" is not %s: it %s",
		    S_FMT(n->text), want, why);
	else if (!parses)
		wrong(k, n, hint, want);
}

static void
check_money(struct checker *k, const struct option *o, const struct ynode *n)
{
	const uint64_t most =
	    o->allowed[0] != '\0' ? rate_absurd : money_absurd;
	struct money m;
	const bool parses = money_parse(n->text, &m) && m.nano >= 0;

	check_amount(k, n, parses, MONEY_DECIMALS, most,
	    "for example \"0.002\"; at most 9 decimals", "an amount of money");
}

static void
check_rate(struct checker *k, const struct ynode *n)
{
	struct rate r;
	const bool parses = rate_parse_per_million(n->text, &r);

	check_amount(k, n, parses, PER_MILLION_DECIMALS, rate_absurd,
	    "per 1,000,000 tokens, for example \"1.25\"; at most 6 decimals",
	    "a price");
}

static void
check_percent(struct checker *k, const struct ynode *n)
{
	int64_t percent;

	if (!agreement_percent_parse(n->text, &percent))
		wrong(k, n,
		    "percent, from 0 to 100, for example \"12.5\"; at most 6 "
		    "decimals",
		    "a percentage");
}

static void
check_workers(struct checker *k, const struct option *o, const struct ynode *n)
{
	if (!slice_eq(n->text, S("auto")))
		check_range(k, o, n, parse_number, "a number or auto");
}

static void
check_text(struct checker *k, const struct ynode *n)
{
	size_t i;

	for (i = 0; i < n->text.len; i++) {
		if ((unsigned char)n->text.p[i] < 0x20 ||
		    n->text.p[i] == 0x7f) {
			report_add(k->report, n->at, NULL,
			    "\"%.*s\" has a control character", S_FMT(n->key));
			return;
		}
	}
	if (n->text.len == 0 || n->text.len > 1024)
		report_add(k->report, n->at, NULL,
		    "\"%.*s\" is empty or too long", S_FMT(n->key));
}

static void
check_url(struct checker *k, const struct ynode *n)
{
	struct url_parts parts;
	const char *why = value_url(n->text, &parts);

	if (why != NULL)
		report_add(k->report, n->at,
		    "for example \"https://api.example.com/v1\"",
		    "\"%.*s\" is not a base URL: %s", S_FMT(n->text), why);
}

static bool
is_bool(const struct ynode *n)
{
	return !n->quoted &&
	       (slice_eq(n->text, S("true")) || slice_eq(n->text, S("false")));
}

static void
check_scalar(struct checker *k, const struct option *o, struct ynode *n)
{
	struct host_port address;
	int64_t when;

	switch (o->kind) {
	case OPT_TEXT:
	case OPT_PATH:
		check_text(k, n);
		break;
	case OPT_NAME:
		if (!value_name(n->text))
			wrong(k, n,
			    "letters, digits and . _ : / @ + -, at most 128",
			    "a name");
		break;
	case OPT_CHOICE:
		check_choice(k, o, n);
		break;
	case OPT_NUMBER:
		check_range(k, o, n, parse_number, "a number");
		break;
	case OPT_WORKERS:
		check_workers(k, o, n);
		break;
	case OPT_SIZE:
		check_range(k, o, n, parse_size, "a size");
		break;
	case OPT_DURATION:
		check_range(k, o, n, value_duration, "a duration");
		break;
	case OPT_BOOL:
		if (!is_bool(n))
			wrong(k, n, NULL, "true or false");
		break;
	case OPT_CURRENCY:
		if (!value_currency(n->text))
			wrong(k, n, "a code of ISO 4217, for example USD",
			    "a currency");
		break;
	case OPT_ADDRESS:
		if (!value_address(n->text, &address))
			wrong(k, n,
			    "an IP address and a port, for example "
			    "\"127.0.0.1:8080\" or \"[::]:8080\"",
			    "an address to listen on");
		break;
	case OPT_URL:
		check_url(k, n);
		break;
	case OPT_RATE:
		check_rate(k, n);
		break;
	case OPT_MONEY:
		check_money(k, o, n);
		break;
	case OPT_PERCENT:
		check_percent(k, n);
		break;
	case OPT_DATE:
		if (!date_parse(n->text, &when))
			wrong(k, n, "for example 2026-11-01", "a date");
		break;
	case OPT_SECRET: /* config.c resolves it */
	case OPT_OBJECT:
	case OPT_MAP:
	case OPT_LIST:
	case OPT_ONES:
		break;
	}
}

static enum ykind
kind_wanted(enum option_kind kind)
{
	if (kind == OPT_LIST || kind == OPT_ONES)
		return YNODE_LIST;
	return kind == OPT_OBJECT || kind == OPT_MAP ? YNODE_MAP : YNODE_SCALAR;
}

static struct mark
place_of(const struct ynode *n)
{
	return n->key.len > 0 ? n->key_at : n->at;
}

/* Every name that may stand under path. */
static size_t
names_under(const char *path, const char **names)
{
	const char *step;
	size_t i, n = 0;

	for (i = 0; i < options_n && n < WORDS_MAX; i++) {
		step = step_under(&options[i], path);
		if (step != NULL && options[i].need != NEED_LATER)
			names[n++] = step;
	}
	return n;
}

static void
unknown(struct checker *k, const struct ynode *n, const char *path)
{
	const char *names[WORDS_MAX], *near;
	size_t i, nnames = names_under(path, names);
	struct buf b = { 0 };

	near = report_nearest(n->key, names, nnames);
	if (near != NULL) {
		buf_fmt(&b, "did you mean \"%s\"?", near);
	} else {
		buf_str(&b, "known here: ");
		for (i = 0; i < nnames; i++)
			buf_fmt(&b, "%s%s", i > 0 ? ", " : "", names[i]);
	}
	report_add(k->report, n->key_at, buf_cstr(&b),
	    "unknown option \"%.*s\"", S_FMT(n->key));
	buf_fini(&b);
}

static void check_node(struct checker *k, struct ynode *n, const char *path);

static void
check_object(struct checker *k, struct ynode *n, const char *path)
{
	char under[PATH_LEN_MAX];
	const struct option *o;
	struct ynode *c;

	for (c = n->child; c != NULL; c = c->next) {
		snprintf(under, sizeof(under), "%s%s%s", path,
		    path[0] != '\0' ? "." : "", c->key.p);
		o = strpbrk(c->key.p, ".[*") == NULL ? option_find(under)
						     : NULL;
		if (o == NULL)
			unknown(k, c, path);
		else if (o->need == NEED_LATER)
			report_add(k->report, c->key_at, NULL,
			    "\"%.*s\" is not supported by this version",
			    S_FMT(c->key));
		else
			check_node(k, c, under);
	}
}

static void
check_musts(struct checker *k, const struct ynode *n, const char *path)
{
	const char *step;
	size_t i;

	for (i = 0; i < options_n; i++) {
		step = step_under(&options[i], path);
		if (step != NULL && options[i].need == NEED_MUST &&
		    ynode_find(n, step) == NULL)
			report_add(k->report, place_of(n), options[i].text,
			    "\"%s\" is missing here", step);
	}
}

static void
check_map(struct checker *k, struct ynode *n, const char *path)
{
	char under[PATH_LEN_MAX];
	struct ynode *c;

	snprintf(under, sizeof(under), "%s.*", path);
	for (c = n->child; c != NULL; c = c->next) {
		if (!value_name(c->key))
			report_add(k->report, c->key_at,
			    "letters, digits and . _ : / @ + -, at most 128",
			    "\"%.*s\" is not a name", S_FMT(c->key));
		check_node(k, c, under);
	}
}

static void
check_list(struct checker *k, const struct option *o, struct ynode *n)
{
	char under[PATH_LEN_MAX];
	struct ynode *c;

	if (!in_range(o->allowed, parse_number, (int64_t)n->n))
		report_add(k->report, place_of(n), range_hint(k, o),
		    "\"%.*s\" has %zu items", S_FMT(n->key), n->n);
	snprintf(under, sizeof(under), "%s[]", o->path);
	for (c = n->child; c != NULL; c = c->next)
		check_node(k, c, under);
}

static bool
expand(struct checker *k, struct ynode *n)
{
	struct secret_why why;

	if (memmem(n->text.p, n->text.len, "${", 2) == NULL ||
	    secret_expand(k->arena, n->text, &n->text, &why))
		return true;
	report_add(k->report, n->at, why.hint, "%s", why.text);
	return false;
}

/* The map becomes the one item of a list in its place. */
static void
wrap(struct checker *k, struct ynode *n)
{
	struct ynode *item = ARENA_NEW(k->arena, struct ynode);

	*item = *n;
	item->key = (struct slice){ NULL, 0 };
	item->next = NULL;
	n->kind = YNODE_LIST;
	n->child = item;
	n->n = 1;
}

static void
check_node(struct checker *k, struct ynode *n, const char *path)
{
	const struct option *o = option_find(path);
	const enum ykind want = kind_wanted(o->kind);

	if (o->kind == OPT_ONES && n->kind == YNODE_MAP)
		wrap(k, n);
	if (n->kind != want) {
		report_add(k->report,
		    n->kind == YNODE_NULL ? place_of(n) : n->at, o->text,
		    "%s%.*s%s must be %s, not %s",
		    n->key.len > 0 ? "\"" : "this item", S_FMT(n->key),
		    n->key.len > 0 ? "\"" : "", ykind_text(want),
		    ykind_text(n->kind));
		return;
	}
	switch (n->kind) {
	case YNODE_LIST:
		check_list(k, o, n);
		break;
	case YNODE_MAP:
		if (o->kind == OPT_MAP) {
			check_map(k, n, path);
		} else {
			check_object(k, n, path);
			check_musts(k, n, path);
		}
		break;
	case YNODE_SCALAR:
		if (o->kind == OPT_SECRET || expand(k, n))
			check_scalar(k, o, n);
		break;
	case YNODE_NULL:
		break;
	}
}

void
options_check(struct arena *a, struct ynode *root, struct report *r)
{
	struct checker k = { a, r };

	check_node(&k, root, "");
}

bool
options_check_prices(struct arena *a, struct ynode *root, struct report *r)
{
	struct checker k = { a, r };
	struct ynode *c;

	if (root->kind != YNODE_MAP) {
		report_add(r, root->at, "prices: [...]",
		    "a file of prices is a map with the list \"prices\"");
		return false;
	}
	for (c = root->child; c != NULL; c = c->next) {
		if (slice_eq(c->key, S("prices")))
			check_node(&k, c, "prices");
		else
			report_add(r, c->key_at, "only prices stand here",
			    "unknown option \"%.*s\"", S_FMT(c->key));
	}
	return true;
}

/* --- the schema ------------------------------------------------------ */

static void
schema_kind(struct buf *b, const char *type)
{
	json_w_kstr(b, "type", slice_of(type));
}

static void
schema_pattern(struct buf *b, const char *pattern, bool number_too)
{
	json_w_key(b, "type");
	if (number_too)
		json_w_raw(b, S("[\"string\",\"number\"]"));
	else
		json_w_str(b, S("string"));
	json_w_kstr(b, "pattern", slice_of(pattern));
}

static void
schema_range(struct buf *b, const char *allowed, const char *least_key,
    const char *most_key)
{
	const char *dots = strstr(allowed, "..");

	json_w_key(b, least_key);
	json_w_raw(b, (struct slice){ allowed, (size_t)(dots - allowed) });
	json_w_key(b, most_key);
	json_w_raw(b, slice_of(dots + 2));
}

static void
schema_choice(struct buf *b, const struct option *o)
{
	struct arena scratch = { 0 };
	const char *words[WORDS_MAX];
	const size_t n = choice_words(&scratch, o->allowed, words);
	size_t i;
	uint64_t number;

	json_w_key(b, "enum");
	json_w_begin(b, '[');
	for (i = 0; i < n; i++) {
		if (slice_u64(slice_of(words[i]), &number))
			json_w_u64(b, number);
		json_w_str(b, slice_of(words[i]));
	}
	json_w_end(b, ']');
	arena_fini(&scratch);
}

static void
schema_workers(struct buf *b, const struct option *o)
{
	json_w_key(b, "oneOf");
	json_w_begin(b, '[');
	json_w_raw(b, S("{\"const\":\"auto\"}"));
	json_w_begin(b, '{');
	schema_kind(b, "integer");
	schema_range(b, o->allowed, "minimum", "maximum");
	json_w_end(b, '}');
	json_w_end(b, ']');
}

#define ENV_OR "|^.*\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}.*$"

static void
schema_scalar(struct buf *b, const struct option *o)
{
	switch (o->kind) {
	case OPT_TEXT:
	case OPT_PATH:
		schema_kind(b, "string");
		break;
	case OPT_NAME:
		schema_pattern(b, "^[A-Za-z0-9._:/@+-]{1,128}$" ENV_OR, true);
		break;
	case OPT_CHOICE:
		schema_choice(b, o);
		break;
	case OPT_NUMBER:
		schema_kind(b, "integer");
		schema_range(b, o->allowed, "minimum", "maximum");
		break;
	case OPT_WORKERS:
		schema_workers(b, o);
		break;
	case OPT_SIZE:
		schema_pattern(b, "^[0-9]+([KMG]iB)?$" ENV_OR, true);
		break;
	case OPT_DURATION:
		schema_pattern(b, "^[0-9]+(ms|s|m|h)$" ENV_OR, false);
		break;
	case OPT_BOOL:
		schema_kind(b, "boolean");
		break;
	case OPT_CURRENCY:
		schema_pattern(b, "^[A-Z]{3}$" ENV_OR, false);
		break;
	case OPT_ADDRESS:
		schema_pattern(b, "^.+:[0-9]{1,5}$" ENV_OR, false);
		break;
	case OPT_URL:
		schema_pattern(b, "^https?://[^?#@ ]+$" ENV_OR, false);
		break;
	case OPT_SECRET:
		schema_pattern(
		    b, "^(\\$\\{.+\\}|file:.+|systemd-creds:.+)$", false);
		break;
	case OPT_RATE:
		schema_pattern(b, "^[0-9]+(\\.[0-9]{1,6})?$" ENV_OR, true);
		break;
	case OPT_MONEY:
		schema_pattern(b, "^[0-9]+(\\.[0-9]{1,9})?$" ENV_OR, true);
		break;
	case OPT_PERCENT:
		schema_pattern(b,
		    "^(100(\\.0{1,6})?|[0-9]{1,2}(\\.[0-9]{1,6})?)$" ENV_OR,
		    true);
		break;
	case OPT_DATE:
		schema_pattern(b,
		    "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
		    "(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z)?$" ENV_OR,
		    false);
		break;
	case OPT_OBJECT:
	case OPT_MAP:
	case OPT_LIST:
	case OPT_ONES:
		break;
	}
}

static void schema_node(struct buf *b, const struct option *o);

static void
schema_object(struct buf *b, const struct option *o)
{
	const char *step;
	size_t i;

	schema_kind(b, "object");
	json_w_kbool(b, "additionalProperties", false);
	json_w_key(b, "properties");
	json_w_begin(b, '{');
	for (i = 0; i < options_n; i++) {
		step = step_under(&options[i], o->path);
		if (step == NULL || options[i].need == NEED_LATER)
			continue;
		json_w_key(b, step);
		schema_node(b, &options[i]);
	}
	json_w_end(b, '}');
	json_w_key(b, "required");
	json_w_begin(b, '[');
	for (i = 0; i < options_n; i++) {
		step = step_under(&options[i], o->path);
		if (step != NULL && options[i].need == NEED_MUST)
			json_w_str(b, slice_of(step));
	}
	json_w_end(b, ']');
}

static void
schema_child(
    struct buf *b, const struct option *o, const char *key, const char *step)
{
	char path[PATH_LEN_MAX];

	snprintf(path, sizeof(path), "%s%s", o->path, step);
	json_w_key(b, key);
	schema_node(b, option_find(path));
}

static void
schema_list(struct buf *b, const struct option *o)
{
	schema_kind(b, "array");
	schema_range(b, o->allowed, "minItems", "maxItems");
	schema_child(b, o, "items", "[]");
}

static const struct option *
item_of(const struct option *o)
{
	char path[PATH_LEN_MAX];

	snprintf(path, sizeof(path), "%s[]", o->path);
	return option_find(path);
}

static void
schema_body(struct buf *b, const struct option *o)
{
	json_w_kstr(b, "description", slice_of(o->text));
	if (o->or_else[0] != '\0' && o->kind != OPT_BOOL &&
	    o->kind != OPT_NUMBER)
		json_w_kstr(b, "default", slice_of(o->or_else));
	if (o->or_else[0] != '\0' &&
	    (o->kind == OPT_BOOL || o->kind == OPT_NUMBER)) {
		json_w_key(b, "default");
		json_w_raw(b, slice_of(o->or_else));
	}
	if (o->kind == OPT_OBJECT) {
		schema_object(b, o);
	} else if (o->kind == OPT_MAP) {
		schema_kind(b, "object");
		schema_child(b, o, "additionalProperties", ".*");
	} else if (o->kind == OPT_LIST) {
		schema_list(b, o);
	} else if (o->kind == OPT_ONES) {
		json_w_key(b, "anyOf");
		json_w_begin(b, '[');
		schema_node(b, item_of(o));
		json_w_begin(b, '{');
		schema_list(b, o);
		json_w_end(b, '}');
		json_w_end(b, ']');
	} else {
		schema_scalar(b, o);
	}
}

static void
schema_node(struct buf *b, const struct option *o)
{
	json_w_begin(b, '{');
	schema_body(b, o);
	json_w_end(b, '}');
}

void
options_schema(struct buf *out)
{
	json_w_begin(out, '{');
	json_w_kstr(
	    out, "$schema", S("https://json-schema.org/draft/2020-12/schema"));
	json_w_kstr(out, "title", S("kontor.yaml"));
	schema_body(out, option_find(""));
	json_w_end(out, '}');
}

void
options_text(struct buf *out)
{
	const struct option *o;
	size_t i;

	buf_str(out, "| option | default | text |\n|---|---|---|\n");
	for (i = 0; i < options_n; i++) {
		o = &options[i];
		if (o->path[0] == '\0' || o->need == NEED_LATER)
			continue;
		buf_fmt(out, "| `%s` | %s | %s |\n", o->path,
		    o->need == NEED_MUST ? "(required)" : o->or_else, o->text);
	}
}
