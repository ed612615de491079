#include "sim/catalog.h"

#include "sim/brand.h"

enum { PAGE = 2 };

static unsigned
behind_mark(const struct visit *v, struct slice mark)
{
	const struct setup *s = v->desk->setup;
	struct arena a = { 0 };
	unsigned i;

	if (mark.len == 0)
		return 0;
	mark = http_unescape(&a, mark, true);
	for (i = 0; i < s->nmodel; i++) {
		if (slice_eq(setup_name(v->credential, &s->model[i]), mark))
			break;
	}
	arena_fini(&a);
	return i < s->nmodel ? i + 1 : i;
}

static struct slice
name_of(const struct visit *v, const struct catalog_shape *shape,
    const struct sim_model *m)
{
	if (!shape->undeployed)
		return setup_name(v->credential, m);
	return m->sold[v->credential->venue] ? m->id : S("");
}

struct plan *
catalog_list(
    const struct visit *v, const struct catalog_shape *shape, struct slice mark)
{
	const struct setup *s = v->desk->setup;
	struct plan *p = plan_plain(200);
	unsigned i, n = 0;
	struct slice name, last = S("");
	bool more = false;

	json_w_begin(&p->body, '{');
	json_w_key(&p->body, shape->rows);
	json_w_begin(&p->body, '[');
	for (i = behind_mark(v, mark); i < s->nmodel; i++) {
		name = name_of(v, shape, &s->model[i]);
		if (name.len == 0)
			continue;
		more = shape->next != NULL && n == PAGE;
		if (more)
			break;
		shape->put(&p->body, &s->model[i], name);
		last = name;
		n++;
	}
	json_w_end(&p->body, ']');
	if (shape->says_more)
		json_w_kbool(&p->body, "has_more", more);
	if (shape->next != NULL && (more || shape->says_more))
		json_w_kstr(&p->body, shape->next, last);
	json_w_end(&p->body, '}');
	return p;
}

static struct plan *
trouble(const struct visit *v, enum trouble t)
{
	return brand_trouble(v->credential->venue, t, 0, S(""));
}

static struct slice
query(const struct visit *v, const char *name)
{
	return http_query_get(http_query(v->head), slice_of(name));
}

/* --- Vertex -------------------------------------------------------------- */

static void
put_publisher(struct buf *b, const char *publisher, struct slice name)
{
	struct buf full = { 0 };

	buf_fmt(&full, "publishers/%s/models/", publisher);
	buf_add(&full, name);
	json_w_begin(b, '{');
	json_w_kstr(b, "name", buf_slice(&full));
	json_w_kstr(b, "versionId", S("default"));
	json_w_kstr(b, "openSourceCategory", S("PROPRIETARY"));
	json_w_kstr(b, "launchStage", S("GA"));
	json_w_end(b, '}');
	buf_fini(&full);
}

static bool
is_claude(struct slice name)
{
	return slice_starts(name, S("claude"));
}

static void
put_google(struct buf *b, const struct sim_model *m, struct slice name)
{
	(void)m;
	if (!is_claude(name))
		put_publisher(b, "google", name);
}

static void
put_anthropic(struct buf *b, const struct sim_model *m, struct slice name)
{
	(void)m;
	if (is_claude(name))
		put_publisher(b, "anthropic", name);
}

static struct plan *
vertex(const struct visit *v)
{
	static const struct catalog_shape google = { .rows = "publisherModels",
		.put = put_google,
		.next = "nextPageToken" };
	static const struct catalog_shape anthropic = { .rows =
							    "publisherModels",
		.put = put_anthropic,
		.next = "nextPageToken" };

	if (slice_eq(v->path, S("/v1beta1/publishers/google/models")))
		return catalog_list(v, &google, query(v, "pageToken"));
	if (slice_eq(v->path, S("/v1beta1/publishers/anthropic/models")))
		return catalog_list(v, &anthropic, query(v, "pageToken"));
	return NULL;
}

/* --- Bedrock ------------------------------------------------------------- */

static void
put_foundation(struct buf *b, const struct sim_model *m, struct slice name)
{
	(void)m;
	json_w_begin(b, '{');
	json_w_kstr(b, "modelId", name);
	json_w_kstr(b, "modelName", name);
	json_w_key(b, "modelLifecycle");
	json_w_raw(b, S("{\"status\":\"ACTIVE\"}"));
	json_w_end(b, '}');
}

/* One of each model, of the account's part of the world. */
static void
put_profile(struct buf *b, const struct sim_model *m, struct slice name)
{
	struct buf id = { 0 };

	(void)m;
	buf_str(&id, "us.");
	buf_add(&id, name);
	json_w_begin(b, '{');
	json_w_kstr(b, "inferenceProfileId", buf_slice(&id));
	json_w_kstr(b, "type", S("SYSTEM_DEFINED"));
	json_w_kstr(b, "status", S("ACTIVE"));
	json_w_end(b, '}');
	buf_fini(&id);
}

static struct plan *
empty(const char *rows)
{
	struct plan *p = plan_plain(200);

	json_w_begin(&p->body, '{');
	json_w_key(&p->body, rows);
	json_w_raw(&p->body, S("[]"));
	json_w_end(&p->body, '}');
	return p;
}

static struct plan *
bedrock(const struct visit *v)
{
	static const struct catalog_shape models = { .rows = "modelSummaries",
		.put = put_foundation };
	static const struct catalog_shape profiles = {
		.rows = "inferenceProfileSummaries",
		.put = put_profile,
		.next = "nextToken"
	};

	if (v->credential->mantle)
		return NULL;
	if (slice_eq(v->path, S("/foundation-models")))
		return catalog_list(v, &models, S(""));
	if (slice_eq(v->path, S("/provisioned-model-throughputs")))
		return empty("provisionedModelSummaries");
	if (!slice_eq(v->path, S("/inference-profiles")))
		return NULL;
	return slice_eq(query(v, "type"), S("APPLICATION"))
		   ? empty("inferenceProfileSummaries")
		   : catalog_list(v, &profiles, query(v, "nextToken"));
}

/* --- Oracle and Azure ----------------------------------------------------- */

static void
put_oci(struct buf *b, const struct sim_model *m, struct slice name)
{
	(void)m;
	json_w_begin(b, '{');
	json_w_kstr(b, "id", S("ocid1.generativeaimodel.oc1..sim"));
	json_w_kstr(b, "displayName", name);
	json_w_kstr(b, "lifecycleState", S("ACTIVE"));
	json_w_end(b, '}');
}

/* By signature alone, and of a compartment. */
static struct plan *
oci(const struct visit *v)
{
	static const struct catalog_shape shape = { .rows = "items",
		.put = put_oci };

	if (!slice_eq(v->path, S("/20231130/models")))
		return NULL;
	if (!slice_starts(
		http_value(v->head, S("authorization")), S("Signature ")) ||
	    query(v, "compartmentId").len == 0)
		return trouble(v, TROUBLE_BAD_KEY);
	return catalog_list(v, &shape, S(""));
}

static void
put_azure(struct buf *b, const struct sim_model *m, struct slice name)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "object", S("deployment"));
	json_w_kstr(b, "id", name);
	json_w_kstr(b, "model", m->id);
	json_w_kstr(b, "status", S("succeeded"));
	json_w_end(b, '}');
}

static void
put_base(struct buf *b, const struct sim_model *m, struct slice name)
{
	(void)name;
	json_w_begin(b, '{');
	json_w_kstr(b, "id", m->id);
	json_w_kstr(b, "object", S("model"));
	json_w_kstr(b, "status", S("succeeded"));
	json_w_end(b, '}');
}

/* The models that may be deployed, not what deployments are called; those an
 * account names that still has the old list. */
static struct plan *
azure(const struct visit *v)
{
	static const struct catalog_shape models = {
		.rows = "data", .put = put_base, .undeployed = true
	};
	static const struct catalog_shape names = { .rows = "data",
		.put = put_azure };

	if (slice_eq(v->path, S("/openai/v1/models")))
		return catalog_list(v, &models, S(""));
	if (!slice_eq(v->path, S("/openai/deployments")))
		return NULL;
	return slice_eq(query(v, "api-version"), S("2022-12-01")) &&
		       !v->credential->no_names
		   ? catalog_list(v, &names, S(""))
		   : trouble(v, TROUBLE_PATH);
}

struct plan *
catalog_route(const struct visit *v)
{
	if (!slice_eq(v->head->method, S("GET")))
		return NULL;
	switch (v->credential->venue) {
	case VENUE_VERTEX:
		return vertex(v);
	case VENUE_BEDROCK:
		return bedrock(v);
	case VENUE_OCI:
		return oci(v);
	case VENUE_AZURE:
		return azure(v);
	case VENUE_OPENAI:
	case VENUE_COMPATIBLE:
	case VENUE_ANTHROPIC:
	case VENUE_GEMINI:
	case VENUE_MAX:
		break;
	}
	return NULL;
}
