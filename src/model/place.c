#include "model/place.h"

static const struct place_row {
	struct slice from, geo;
} places[] = {
#define PLACE(from, geo) { S_INIT(from), S_INIT(geo) },
#define PROFILE(from, geo)
#define WORD(geo)
#include "model/places.def"
#undef PLACE
#undef PROFILE
#undef WORD
};

static const struct place_row profiles[] = {
#define PLACE(from, geo)
#define PROFILE(from, geo) { S_INIT(from), S_INIT(geo) },
#define WORD(geo)
#include "model/places.def"
#undef PLACE
#undef PROFILE
#undef WORD
};

static const struct slice words[] = {
#define PLACE(from, geo)
#define PROFILE(from, geo)
#define WORD(geo) S_INIT(geo),
#include "model/places.def"
#undef PLACE
#undef PROFILE
#undef WORD
};

enum { REGION_MAX = 64 };

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The longest beginning that fits. */
static struct slice
longest(const struct place_row *row, size_t n, struct slice s)
{
	const struct place_row *best = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		if (slice_starts(s, row[i].from) &&
		    (best == NULL || row[i].from.len > best->from.len))
			best = &row[i];
	}
	return best != NULL ? best->geo : S("");
}

struct slice
place_of_region(struct slice region)
{
	char plain[REGION_MAX];
	struct slice s = { plain, 0 };
	size_t i;

	for (i = 0; i < region.len && s.len < sizeof(plain); i++) {
		if (region.p[i] != ' ')
			plain[s.len++] = lower(region.p[i]);
	}
	for (i = 0; i < NELEM(words); i++) {
		if (slice_eq(s, words[i]))
			return words[i];
	}
	/* "us" of "us-": a word with more behind it is a region. */
	return longest(places, NELEM(places), s);
}

/* "eu.anthropic.claude-sonnet-4": by its prefix; empty: it has none. */
static struct slice
place_of_profile(struct slice name)
{
	return longest(profiles, NELEM(profiles), name);
}

/* "eu.api.openai.com" is "eu"; "api.openai.com" does not say. */
static struct slice
place_of_host(struct slice host)
{
	static const struct slice openai = S_INIT("api.openai.com");
	struct slice head;

	if (host.len <= openai.len + 1)
		return S("");
	head = (struct slice){ host.p, host.len - openai.len - 1 };
	if (host.p[head.len] != '.' ||
	    !slice_ieq(
		(struct slice){ host.p + head.len + 1, openai.len }, openai))
		return S("");
	return place_of_region(head);
}

static struct slice
place_of_azure(const struct place_facts *f)
{
	if (slice_eq(f->scope, S("global")))
		return S("global");
	/* A data zone is the one that the region lies in; so is a region. */
	return place_of_region(f->region);
}

static struct slice
place_of_bedrock(const struct place_facts *f)
{
	static const struct slice arn = S_INIT("arn:"),
				  opaque =
				      S_INIT(":application-inference-profile/");
	struct slice name = f->name, geo;
	size_t i;

	if (slice_starts(name, arn)) {
		/* It may stand for any profile: its name is a number. */
		if (slice_has(name, opaque))
			return S("");
		for (i = name.len; i > 0 && name.p[i - 1] != '/'; i--)
			continue;
		name = (struct slice){ name.p + i, name.len - i };
	}
	geo = place_of_profile(name);
	return geo.len > 0 ? geo : place_of_region(f->region);
}

static struct slice
place_of_openai(const struct place_facts *f)
{
	const struct slice geo = place_of_host(f->host);

	return geo.len > 0 ? geo : place_of_region(f->region);
}

struct slice
place_of(const struct place_facts *f)
{
	if (slice_eq(f->type, S("azure_openai")))
		return place_of_azure(f);
	if (slice_eq(f->type, S("bedrock")))
		return place_of_bedrock(f);
	if (slice_eq(f->type, S("openai")))
		return place_of_openai(f);
	if (slice_eq(f->type, S("anthropic")))
		return f->inference_geo;
	if (slice_eq(f->type, S("openai_compatible")))
		return S("");
	return place_of_region(f->region);
}

bool
place_settled(const struct place_facts *f)
{
	return !slice_eq(f->type, S("azure_openai")) || f->scope.len > 0;
}

bool
place_known(struct slice zone)
{
	size_t i;

	for (i = 0; i < NELEM(places); i++) {
		if (slice_eq(zone, places[i].geo))
			return true;
	}
	for (i = 0; i < NELEM(words); i++) {
		if (slice_eq(zone, words[i]))
			return true;
	}
	return false;
}

struct slice
place_to_be(struct slice zone, struct slice address)
{
	if (zone.len == 0 || place_known(zone))
		return zone;
	return address.len > 0 ? address : place_of_region(zone);
}

bool
place_contradicts(struct slice zone, struct slice geography)
{
	if (zone.len == 0 || geography.len == 0 || slice_eq(zone, geography))
		return false;
	return slice_eq(geography, S("global")) || place_known(zone);
}
