#include <stdio.h>
#include <string.h>

#include "rig.h"

#include "route/rule.h"

static struct rig r;
static struct shm_key key;

static struct rule_who
whose(uint64_t data_class)
{
	return (struct rule_who){
		.snap = &r.s, .m = &r.m, .key = &key, .data_class = data_class
	};
}

static int
fresh(void **state)
{
	(void)state;
	rig_init(&r, 4);
	memset(&key, 0, sizeof(key));
	atomic_store(&key.id, 4711);
	key.nsubjects = 2;
	key.subject[0] = (int32_t)subject_set(
	    &r.m, UINT32_MAX, 1, SUBJECT_TEAM, hash64(S("claims")));
	key.subject[1] = (int32_t)subject_set(
	    &r.m, UINT32_MAX, 2, SUBJECT_ORG, hash64(S("acme")));
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	rig_fini(&r);
	return 0;
}

static uint64_t
allowed(uint64_t data_class, int *named)
{
	const struct rule_who w = whose(data_class);

	return rule_allows(&w, &r.model, named);
}

static void
all_that_a_rule_names_must_fit(void **state)
{
	struct match_conf match = anybody;
	int named;

	(void)state;
	match.team = "claims";
	match.data_class = "pii";
	rig_rule(&r, match, "eu");
	rig_ready(&r);
	assert_int_equal(allowed(0, &named), 0xf);
	assert_int_equal(named, -1);
	assert_int_equal(allowed(hash64(S("pii")), &named), 0x5);
	assert_int_equal(named, 0);
	/* An org of the name is no team. */
	key.subject[0] = key.subject[1];
	assert_int_equal(allowed(hash64(S("pii")), &named), 0xf);
	/* Nobody in particular is of no team. */
	key.nsubjects = 0;
	assert_int_equal(allowed(hash64(S("pii")), &named), 0xf);
}

static void
every_rule_that_matches_holds(void **state)
{
	struct match_conf match = anybody;
	int named;

	(void)state;
	rig_rule(&r, anybody, "eu");
	match.org = "acme";
	rig_rule(&r, match, "us");
	rig_ready(&r);
	assert_int_equal(allowed(0, &named), 0);
	/* The one that took the last is named. */
	assert_int_equal(named, 1);
}

static void
a_tag_of_the_call_counts_as_one_of_the_key(void **state)
{
	struct match_conf match = anybody;
	const int32_t row = (int32_t)subject_set(
	    &r.m, UINT32_MAX, 3, SUBJECT_TAG, hash64(S("data=pii")));
	struct rule_who w;
	int named;

	(void)state;
	match.tag = "data=pii";
	rig_rule(&r, match, "eu");
	rig_ready(&r);
	w = whose(0);
	assert_int_equal(rule_allows(&w, &r.model, &named), 0xf);
	w.tag = &row;
	w.ntags = 1;
	assert_int_equal(rule_allows(&w, &r.model, &named), 0x5);
}

static void
a_key_and_a_model_are_matched_by_themselves(void **state)
{
	struct match_conf match = anybody;
	char id[KEY_ID_TEXT + 1];
	int named;

	(void)state;
	key_id_write(4711, id);
	match.key = id;
	match.model = "m";
	rig_rule(&r, match, "eu");
	rig_ready(&r);
	assert_int_equal(allowed(0, &named), 0x5);
	atomic_store(&key.id, 4712);
	assert_int_equal(allowed(0, &named), 0xf);
}

static void
the_first_class_that_matches_holds(void **state)
{
	struct rule_who w;

	(void)state;
	r.class[0] = (struct class_conf){ anybody, CLASS_LOW };
	r.class[0].match.team = "batch";
	r.class[1] = (struct class_conf){ anybody, CLASS_HIGH };
	r.class[1].match.team = "claims";
	r.s.nclasses = 2;
	rig_ready(&r);
	w = whose(0);
	assert_int_equal(rule_class(&w, &r.model), CLASS_HIGH);
	key.nsubjects = 0;
	assert_int_equal(rule_class(&w, &r.model), CLASS_NORMAL);
	assert_int_equal(rule_keep(&r.s, CLASS_HIGH), 0);
	assert_int_equal(rule_keep(&r.s, CLASS_NORMAL), 10);
	assert_int_equal(rule_keep(&r.s, CLASS_LOW), 25);
}

static void
without_a_high_class_nobody_keeps_anything(void **state)
{
	(void)state;
	r.class[0] = (struct class_conf){ anybody, CLASS_LOW };
	r.s.nclasses = 1;
	rig_ready(&r);
	assert_int_equal(rule_keep(&r.s, CLASS_LOW), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, stale)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_a_rule_names_must_fit),
		TEST(every_rule_that_matches_holds),
		TEST(a_tag_of_the_call_counts_as_one_of_the_key),
		TEST(a_key_and_a_model_are_matched_by_themselves),
		TEST(the_first_class_that_matches_holds),
		TEST(without_a_high_class_nobody_keeps_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
