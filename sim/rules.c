#include "sim/rules.h"

#include "base/clock.h"
#include "base/json.h"

static const char *
read_rule(struct rule *rule, const struct setup *s, const struct json *j)
{
	struct slice name = json_get_str(j, "credential");
	struct slice word = json_get_str(j, "fault");

	if (name.len > 0 && !slice_eq(name, S("*"))) {
		rule->credential = setup_credential(s, name);
		if (rule->credential == NULL)
			return "no such credential";
	}
	if (!mishap_parse(word, &rule->play) || word.len >= sizeof(rule->word))
		return "no such fault";
	memcpy(rule->word, word.p, word.len);
	rule->every = 1;
	rule->left = -1;
	(void)json_get_i64(j, "every", &rule->every);
	(void)json_get_i64(j, "count", &rule->left);
	return rule->every < 1 ? "every is at least 1" : NULL;
}

const char *
rules_add(
    struct rules *r, const struct setup *s, struct slice text, int64_t now_ns)
{
	struct arena a = { 0 };
	struct rule rule = { 0 };
	const char *bad = "the body is a JSON object";
	int64_t after_ms = 0;
	struct json *j;

	if (json_parse(&a, text, &j) == FAULT_NONE && j->type == JSON_OBJECT) {
		bad = read_rule(&rule, s, j);
		(void)json_get_i64(j, "after_ms", &after_ms);
	}
	arena_fini(&a);
	if (bad == NULL && r->n == RULES_MAX)
		bad = "too many rules";
	if (bad != NULL)
		return bad;
	rule.from_ns = now_ns + after_ms * NS_PER_MS;
	rule.id = ++r->next_id;
	r->rule[r->n++] = rule;
	return NULL;
}

void
rules_clear(struct rules *r, const struct credential *only)
{
	unsigned i, kept = 0;

	for (i = 0; i < r->n; i++)
		if (only != NULL && r->rule[i].credential != only)
			r->rule[kept++] = r->rule[i];
	r->n = kept;
}

struct play
rules_play(struct rules *r, const struct credential *c, int64_t now_ns)
{
	struct rule *rule;
	unsigned i;

	for (i = 0; i < r->n; i++) {
		rule = &r->rule[i];
		if ((rule->credential != NULL && rule->credential != c) ||
		    rule->left == 0 || now_ns < rule->from_ns)
			continue;
		if (++rule->seen % rule->every != 0)
			continue;
		if (rule->left > 0)
			rule->left--;
		rule->played++;
		return rule->play;
	}
	return (struct play){ MISHAP_NONE, -1 };
}

void
rules_write(const struct rules *r, struct buf *json)
{
	const struct rule *rule;
	unsigned i;

	json_w_begin(json, '{');
	json_w_key(json, "faults");
	json_w_begin(json, '[');
	for (i = 0; i < r->n; i++) {
		rule = &r->rule[i];
		json_w_begin(json, '{');
		json_w_ku64(json, "id", rule->id);
		json_w_key(json, "credential");
		if (rule->credential == NULL)
			json_w_null(json);
		else
			json_w_str(json, rule->credential->name);
		json_w_kstr(json, "fault", slice_of(rule->word));
		json_w_ki64(json, "every", rule->every);
		json_w_key(json, "count");
		if (rule->left < 0)
			json_w_null(json);
		else
			json_w_i64(json, rule->left);
		json_w_ki64(json, "played", rule->played);
		json_w_end(json, '}');
	}
	json_w_end(json, ']');
	json_w_end(json, '}');
}
