#include "recorder/rig.h"

static void
ask(struct rig *g, const char *text, struct buf *out)
{
	buf_clear(out);
	recorder_control(g->r, slice_of(text), out);
}

static bool
has(struct buf *out, const char *text)
{
	return strstr(buf_cstr(out), text) != NULL;
}

static bool
live(const struct rig *g, uint64_t id)
{
	const struct shm_key *k = key_find(&g->m, id);

	return k != NULL && key_live(k, clock_wall_ns());
}

static void
a_rotated_key_gives_way_at_once_or_later(void **state)
{
	struct buf out = { 0 };
	struct rig g;
	struct chain chain[2];
	uint64_t id[4];
	char text[13] = "000000000001";
	int i;

	(void)state;
	rig_open(&g);
	for (i = 1; i < 4; i++) {
		text[11] = (char)('0' + i);
		assert_true(key_id_parse(slice_of(text), &id[i]));
	}
	(void)rig_key(&g, 1, "5", "day");
	ask(&g,
	    "{\"n\":3,\"op\":\"key_rotate\",\"id\":\"000000000001\",\"new\":"
	    "\"000000000002\",\"keep_ns\":3600000000000,\"sha256\":\"abababab"
	    "abababababababababababababababababababababababababababab\"}",
	    &out);
	assert_true(has(&out, "{\"n\":3,\"ok\":true,\"id\":\"000000000002\"}"));
	assert_true(live(&g, id[1]) && live(&g, id[2]));
	assert_true(key_find(&g.m, id[1])->expires_ns > clock_wall_ns());
	assert_true(
	    chain_gather(&g.m, key_find(&g.m, id[1]), NULL, 0, &chain[0]));
	assert_true(
	    chain_gather(&g.m, key_find(&g.m, id[2]), NULL, 0, &chain[1]));
	assert_int_equal(chain[0].naccounts, chain[1].naccounts);
	assert_int_equal(chain[0].account[0], chain[1].account[0]);
	ask(&g,
	    "{\"n\":4,\"op\":\"key_rotate\",\"id\":\"000000000002\",\"new\":"
	    "\"000000000003\",\"keep_ns\":0,\"sha256\":\"abababab"
	    "abababababababababababababababababababababababababababab\"}",
	    &out);
	assert_true(has(&out, "\"ok\":true"));
	assert_true(!live(&g, id[2]) && live(&g, id[3]));
	rig_power_cut(&g);
	assert_true(!live(&g, id[2]) && live(&g, id[3]));
	assert_int_equal(
	    rig_store(&g, "SELECT count(*) FROM keys WHERE name = 'key 1'"), 3);
	buf_fini(&out);
	rig_end(&g);
}

static void
the_same_wish_twice_is_granted_once(void **state)
{
	static const char wish[] =
	    "{\"n\":1,\"op\":\"key_create\",\"idem\":\"w\",\"name\":\"a\","
	    "\"id\":\"000000000007\",\"models\":[\"gpt-6\"],\"sha256\":"
	    "\"abababab"
	    "abababababababababababababababababababababababababababab\"}";
	struct buf out = { 0 };
	struct rig g;

	(void)state;
	rig_open(&g);
	ask(&g, wish, &out);
	assert_true(has(&out, "\"ok\":true"));
	ask(&g, wish, &out);
	assert_true(has(&out, "\"ok\":true,\"id\":\"000000000007\""));
	rig_kill_recorder(&g);
	ask(&g, wish, &out);
	assert_true(has(&out, "\"ok\":true,\"id\":\"000000000007\""));
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM keys"), 1);
	buf_fini(&out);
	rig_end(&g);
}

static void
what_makes_no_sense_is_refused_with_its_fault(void **state)
{
	static const char *const bad[][2] = {
		{ "nonsense", "JSON" },
		{ "{\"n\":1}", "FIELD" },
		{ "{\"n\":1,\"op\":\"key_revoke\",\"id\":\"000000000009\"}",
		    "NOT_FOUND" },
		{ "{\"n\":1,\"op\":\"key_create\",\"id\":\"x\"}", "FIELD" },
		{ "{\"n\":1,\"op\":\"key_create\",\"id\":\"000000000009\","
		  "\"sha256\":"
		  "\"abababababababababababababababababababababababab"
		  "abababababababab\",\"models\":[\"none\"]}",
		    "MODEL_UNKNOWN" },
		{ "{\"n\":1,\"op\":\"key_create\",\"id\":\"000000000009\","
		  "\"sha256\":"
		  "\"abababababababababababababababababababababababab"
		  "abababababababab\",\"budget\":\"-1\",\"window\":\"day\"}",
		    "FIELD" },
		{ "{\"n\":1,\"op\":\"key_create\",\"id\":\"000000000009\","
		  "\"sha256\":"
		  "\"abababababababababababababababababababababababab"
		  "abababababababab\",\"budget\":\"1\",\"window\":"
		  "\"fortnight\"}",
		    "FIELD" },
	};
	struct buf out = { 0 };
	char want[64];
	struct rig g;
	size_t i;

	(void)state;
	rig_open(&g);
	for (i = 0; i < NELEM(bad); i++) {
		ask(&g, bad[i][0], &out);
		(void)snprintf(want, sizeof(want),
		    "\"ok\":false,\"fault\":\"%s\"", bad[i][1]);
		if (!has(&out, want))
			fail_msg("%s: %s", bad[i][0], buf_cstr(&out));
	}
	ask(&g, "{\"n\":9,\"op\":\"barrier\"}", &out);
	assert_true(has(&out, "{\"n\":9,\"ok\":true}"));
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM keys"), 0);
	buf_fini(&out);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rotated_key_gives_way_at_once_or_later),
		cmocka_unit_test(the_same_wish_twice_is_granted_once),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_its_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
