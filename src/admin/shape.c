#include "admin/shape.h"

#include "base/base.h"
#include "base/json.h"

enum type {
	TYPE_SHAPE,
	TYPE_ANY,
	TYPE_TEXT,
	TYPE_FLAG,
	TYPE_COUNT,
	TYPE_RATIO,
	TYPE_MONEY,
	TYPE_AMOUNT,
	TYPE_TIME,
	TYPE_SECONDS,
	TYPE_NUMBER,
	TYPE_OBJECT
};

#define DECIMAL ",\"pattern\":\"^-?[0-9]+([.][0-9]+)?$\""
#define INT64 ",\"format\":\"int64\""

/* As JSON Schema has them; money is decimal digits in a string. */
static const struct {
	const char *name, *more;
} types[] = {
	[TYPE_TEXT] = { "\"string\"", "" },
	[TYPE_FLAG] = { "\"boolean\"", "" },
	[TYPE_COUNT] = { "\"integer\"", INT64 },
	[TYPE_RATIO] = { "\"number\"", "" },
	[TYPE_MONEY] = { "\"string\"", DECIMAL },
	[TYPE_AMOUNT] = { "\"integer\",\"string\"", DECIMAL },
	[TYPE_TIME] = { "\"string\"", ",\"format\":\"date-time\"" },
	[TYPE_SECONDS] = { "\"integer\"",
	    INT64 ",\"description\":\"seconds since 1970\"" },
	[TYPE_NUMBER] = { "\"string\"", DECIMAL },
	[TYPE_OBJECT] = { "\"object\"", "" },
};

enum { NULLABLE = 1, OPTIONAL = 2, LIST = 4, MAP = 8 };

struct row {
	enum { BEGINS, EITHER, MEMBER, REST } kind;
	const char *name;
	enum type type;
	enum shape shape, other;
	unsigned how; /* statuses, where a shape begins */
};

enum { OK = SHAPE_OK, CREATED = SHAPE_CREATED };

static const struct row rows[] = {
#define SHAPE(NAME, name, statuses) \
	{ BEGINS, name, TYPE_SHAPE, SHAPE_##NAME, SHAPE_NONE, statuses },
#define EITHER(NAME, name, A, B) \
	{ BEGINS, name, TYPE_SHAPE, SHAPE_##NAME, SHAPE_NONE, OK }, \
	    { EITHER, "", TYPE_SHAPE, SHAPE_##A, SHAPE_##B, 0 },
#define FIELD(name, type, how) \
	{ MEMBER, name, TYPE_##type, SHAPE_NONE, SHAPE_NONE, how },
#define PART(name, NAME, how) \
	{ MEMBER, name, TYPE_SHAPE, SHAPE_##NAME, SHAPE_NONE, how },
#define REST(type) { REST, "", TYPE_##type, SHAPE_NONE, SHAPE_NONE, 0 },
#include "admin/shapes.def"
};

static const struct row *
row_of(enum shape s)
{
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		if (rows[i].kind == BEGINS && rows[i].shape == s)
			return &rows[i];
	}
	CHECK(i < NELEM(rows));
	return NULL;
}

static bool
is_member(const struct row *r)
{
	return r < rows + NELEM(rows) && r->kind != BEGINS;
}

unsigned
shape_statuses(enum shape s)
{
	return row_of(s)->how;
}

void
shape_write_ref(struct buf *b, enum shape s)
{
	buf_fmt(b, "{\"$ref\":\"#/components/schemas/%s\"}", row_of(s)->name);
}

/* --- a member ----------------------------------------------------------- */

static void
write_part(struct buf *b, enum shape s, bool nullable)
{
	if (nullable)
		buf_str(b, "{\"anyOf\":[");
	shape_write_ref(b, s);
	if (nullable)
		buf_str(b, ",{\"type\":\"null\"}]}");
}

static void
write_type(struct buf *b, const char *name, const char *more, bool nullable)
{
	const bool several = nullable || strchr(name, ',') != NULL;

	buf_fmt(b, "{\"type\":%s%s%s%s%s", several ? "[" : "", name,
	    nullable ? ",\"null\"" : "", several ? "]" : "", more);
}

static void
write_one(struct buf *b, const struct row *r, bool nullable)
{
	if (r->type == TYPE_SHAPE) {
		write_part(b, r->shape, nullable);
	} else if (r->type == TYPE_ANY) {
		buf_str(b, "{}");
	} else {
		write_type(
		    b, types[r->type].name, types[r->type].more, nullable);
		buf_char(b, '}');
	}
}

static void
write_member(struct buf *b, const struct row *r)
{
	const bool nullable = (r->how & NULLABLE) != 0;

	json_w_key(b, r->name);
	if ((r->how & (LIST | MAP)) == 0) {
		write_one(b, r, nullable);
		return;
	}
	if ((r->how & LIST) != 0)
		write_type(b, "\"array\"", ",\"items\":", nullable);
	else
		write_type(
		    b, "\"object\"", ",\"additionalProperties\":", nullable);
	write_one(b, r, false);
	buf_char(b, '}');
}

/* --- a shape ------------------------------------------------------------ */

static void
write_required(struct buf *b, const struct row *r)
{
	json_w_key(b, "required");
	json_w_begin(b, '[');
	for (; is_member(r); r++) {
		if (r->kind == MEMBER && (r->how & OPTIONAL) == 0)
			json_w_str(b, slice_of(r->name));
	}
	json_w_end(b, ']');
}

static void
write_object(struct buf *b, const struct row *first)
{
	const struct row *r;

	json_w_kstr(b, "type", S("object"));
	write_required(b, first);
	json_w_key(b, "properties");
	json_w_begin(b, '{');
	for (r = first; is_member(r); r++) {
		if (r->kind == MEMBER)
			write_member(b, r);
	}
	json_w_end(b, '}');
	for (r = first; is_member(r); r++) {
		if (r->kind != REST)
			continue;
		json_w_key(b, "additionalProperties");
		write_one(b, r, false);
	}
}

static void
write_either(struct buf *b, const struct row *r)
{
	json_w_key(b, "anyOf");
	buf_char(b, '[');
	shape_write_ref(b, r->shape);
	buf_char(b, ',');
	shape_write_ref(b, r->other);
	buf_char(b, ']');
}

void
shape_write_all(struct buf *b)
{
	size_t i;

	json_w_key(b, "schemas");
	json_w_begin(b, '{');
	for (i = 0; i < NELEM(rows); i++) {
		if (rows[i].kind != BEGINS)
			continue;
		json_w_key(b, rows[i].name);
		json_w_begin(b, '{');
		if (i + 1 < NELEM(rows) && rows[i + 1].kind == EITHER)
			write_either(b, &rows[i + 1]);
		else
			write_object(b, &rows[i + 1]);
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
}
