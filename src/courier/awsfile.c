#include "courier/awsfile.h"

struct files {
	struct arena *arena;
	struct slice credentials, config;
};

static bool
next_line(struct slice *rest, struct slice *line)
{
	if (rest->len == 0)
		return false;
	if (!slice_cut(*rest, '\n', line, rest)) {
		*line = *rest;
		rest->len = 0;
	}
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* "[name]", in the config file "[profile name]" but for the default. */
static bool
heads(struct slice line, bool is_config, struct slice profile)
{
	struct slice name = slice_trim(line), word, more;

	if (name.len < 2 || name.p[0] != '[' || name.p[name.len - 1] != ']')
		return false;
	name = slice_trim((struct slice){ name.p + 1, name.len - 2 });
	if (is_config && slice_cut(name, ' ', &word, &more) &&
	    slice_eq(word, S("profile")))
		name = slice_trim(more);
	else if (is_config && !slice_eq(name, S("default")))
		return false;
	return slice_eq(name, profile);
}

static bool
is_head(struct slice line)
{
	line = slice_trim(line);
	return line.len > 0 && line.p[0] == '[';
}

/* An empty slice with p NULL: not there. */
static struct slice
value_in(struct slice text, bool is_config, struct slice profile,
    struct slice key, bool *there)
{
	struct slice rest = text, line, name, value, found = { NULL, 0 };
	bool inside = false;

	while (next_line(&rest, &line)) {
		if (is_head(line)) {
			inside = heads(line, is_config, profile);
			*there = *there || inside;
		} else if (inside && line.len > 0 && line.p[0] != '#' &&
			   line.p[0] != ';' &&
			   slice_cut(line, '=', &name, &value) &&
			   slice_ieq(slice_trim(name), key)) {
			found = slice_trim(value);
		}
	}
	return found;
}

/* What the credentials file says wins. */
static struct slice
get(const struct files *f, struct slice profile, const char *key, bool *there)
{
	const struct slice k = slice_of(key);
	struct slice v = value_in(f->credentials, false, profile, k, there);
	struct slice w = value_in(f->config, true, profile, k, there);

	return v.p != NULL ? v : w;
}

static struct aws_role
role_of(const struct files *f, struct slice profile, struct slice arn)
{
	bool there = false;
	uint64_t n;
	struct aws_role role = { .arn = arn,
		.external_id = get(f, profile, "external_id", &there),
		.session = get(f, profile, "role_session_name", &there) };

	if (slice_u64(get(f, profile, "duration_seconds", &there), &n) &&
	    n >= 900 && n <= 43200)
		role.lifetime_s = (int64_t)n;
	return role;
}

static const char *
machine_source(const struct files *f, struct slice from, struct aws_plan *out)
{
	if (slice_eq(from, S("Ec2InstanceMetadata")))
		out->base = AWS_BASE_INSTANCE;
	else if (slice_eq(from, S("EcsContainer")))
		out->base = AWS_BASE_CONTAINER;
	else
		return arena_fmt(f->arena,
		    "credential_source = %.*s is not supported; Environment is "
		    "\"from: environment\" in kontor's configuration",
		    S_FMT(from));
	return NULL;
}

static const char *
without_role(const struct files *f, struct slice profile, struct aws_plan *out)
{
	bool there = false;

	out->base = AWS_BASE_KEYS;
	out->key_id = get(f, profile, "aws_access_key_id", &there);
	out->secret = get(f, profile, "aws_secret_access_key", &there);
	out->token = get(f, profile, "aws_session_token", &there);
	if (out->key_id.len > 0 && out->secret.len > 0)
		return NULL;
	if (get(f, profile, "credential_process", &there).len > 0)
		return arena_fmt(f->arena,
		    "profile %.*s runs a program (credential_process), which "
		    "kontor never does",
		    S_FMT(profile));
	if (get(f, profile, "sso_session", &there).len > 0 ||
	    get(f, profile, "sso_start_url", &there).len > 0)
		return arena_fmt(f->arena,
		    "profile %.*s needs a person at a browser (sso)",
		    S_FMT(profile));
	return arena_fmt(f->arena, "profile %.*s %s", S_FMT(profile),
	    there ? "holds no credential" : "does not exist");
}

/* The roles are found last first. */
static const char *
follow(const struct files *f, struct slice profile, struct aws_plan *out)
{
	struct aws_role found[RUN_ROLES];
	struct slice arn, source;
	const char *bad = NULL;
	unsigned i, n = 0;
	bool there = false;

	for (;;) {
		arn = get(f, profile, "role_arn", &there);
		if (arn.len == 0) {
			bad = without_role(f, profile, out);
			break;
		}
		source = get(f, profile, "web_identity_token_file", &there);
		if (source.len > 0) {
			out->base = AWS_BASE_WEB;
			out->web = role_of(f, profile, arn);
			out->token_file = arena_str(f->arena, source);
			break;
		}
		if (n == RUN_ROLES)
			return arena_fmt(f->arena,
			    "more than %d roles lead to each other", RUN_ROLES);
		found[n++] = role_of(f, profile, arn);
		source = get(f, profile, "credential_source", &there);
		if (source.len > 0) {
			bad = machine_source(f, source, out);
			break;
		}
		source = get(f, profile, "source_profile", &there);
		if (source.len == 0)
			return arena_fmt(f->arena,
			    "profile %.*s has a role_arn but neither "
			    "source_profile nor credential_source",
			    S_FMT(profile));
		if (slice_eq(source, profile)) {
			bad = without_role(f, profile, out);
			break;
		}
		profile = source;
	}
	for (i = 0; i < n; i++)
		out->role[i] = found[n - 1 - i];
	out->nroles = n;
	return bad;
}

const char *
awsfile_plan(struct arena *a, struct slice credentials, struct slice config,
    struct slice profile, struct aws_plan *out)
{
	const struct files f = { a, credentials, config };

	*out = (struct aws_plan){ 0 };
	return follow(&f, profile, out);
}
