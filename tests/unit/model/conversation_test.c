#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "model/conversation.h"

static struct part *
say(struct conversation *c, struct arena *a, enum speaker who, const char *text)
{
	struct turn *t = conversation_turn(c, a, who);
	struct part *p = part_add(PARTS(&t->first), a, PART_TEXT);

	p->text = slice_of(text);
	return p;
}

static unsigned
turns(const struct conversation *c)
{
	const struct turn *t;
	unsigned n = 0;

	for (t = c->first; t != NULL; t = t->next)
		n++;
	return n;
}

static void
turns_of_one_speaker_become_one(void **state)
{
	struct conversation c = { 0 };
	struct arena a = { 0 };

	(void)state;
	say(&c, &a, SPEAKER_SYSTEM, "one");
	say(&c, &a, SPEAKER_SYSTEM, "two");
	say(&c, &a, SPEAKER_USER, "a");
	(void)conversation_turn(&c, &a, SPEAKER_ASSISTANT); /* empty */
	say(&c, &a, SPEAKER_USER, "b");
	say(&c, &a, SPEAKER_ASSISTANT, "c");
	conversation_merge(&c);
	assert_int_equal(turns(&c), 4);
	assert_true(slice_eq(c.first->next->next->first->next->text, S("b")));
	arena_fini(&a);
}

static struct part *
call(struct turn *t, struct arena *a, const char *id)
{
	struct part *p = part_add(PARTS(&t->first), a, PART_TOOL_CALL);

	p->id = slice_of(id);
	p->name = S("tool");
	return p;
}

static struct part *
result(struct turn *t, struct arena *a, const char *id)
{
	struct part *p = part_add(PARTS(&t->first), a, PART_TOOL_RESULT);

	p->id = slice_of(id);
	return p;
}

static void
results_stand_behind_their_calls_in_order(void **state)
{
	struct conversation c = { 0 };
	struct arena a = { 0 };
	struct turn *t;
	struct part *p;

	(void)state;
	say(&c, &a, SPEAKER_USER, "go");
	t = conversation_turn(&c, &a, SPEAKER_ASSISTANT);
	call(t, &a, "1");
	call(t, &a, "2");
	call(t, &a, "3");
	t = conversation_turn(&c, &a, SPEAKER_USER);
	result(t, &a, "3");
	result(t, &a, "9"); /* of no call */
	t = conversation_turn(&c, &a, SPEAKER_USER);
	result(t, &a, "1");
	p = part_add(PARTS(&t->first), &a, PART_TEXT);
	p->text = S("and now");
	conversation_pair(&c, &a);
	assert_int_equal(turns(&c), 3);
	p = c.first->next->next->first;
	assert_true(slice_eq(p->id, S("1")));
	assert_true(slice_eq(p->name, S("tool")));
	assert_true(slice_eq(p->next->id, S("2")));
	assert_true(p->next->is_error);
	assert_true(slice_eq(p->next->next->id, S("3")));
	assert_int_equal(p->next->next->next->kind, PART_TEXT);
	assert_null(p->next->next->next->next);
	assert_true((c.lost & LOSS_BIT(LOSS_ORPHAN)) != 0);
	arena_fini(&a);
}

/* Calls of one id have theirs in the order in which these came. */
static void
calls_that_share_an_id_each_have_a_result(void **state)
{
	struct conversation c = { 0 };
	struct arena a = { 0 };
	struct turn *t;
	struct part *p;

	(void)state;
	say(&c, &a, SPEAKER_USER, "go");
	t = conversation_turn(&c, &a, SPEAKER_ASSISTANT);
	call(t, &a, "1")->custom = true;
	call(t, &a, "1");
	call(t, &a, "1");
	t = conversation_turn(&c, &a, SPEAKER_USER);
	result(t, &a, "1")->name = S("first");
	result(t, &a, "0");
	result(t, &a, "1")->name = S("second");
	conversation_pair(&c, &a);
	p = c.first->next->next->first;
	assert_true(slice_eq(p->name, S("first")));
	assert_true(p->custom);
	assert_true(slice_eq(p->next->name, S("second")));
	assert_false(p->next->custom);
	assert_true(p->next->next->is_error);
	assert_null(p->next->next->next);
	assert_true((c.lost & LOSS_BIT(LOSS_ORPHAN)) != 0);
	arena_fini(&a);
}

static void
tools_that_calls_know_are_one_of_each_name(void **state)
{
	struct conversation c = { 0 };
	struct arena a = { 0 };
	struct turn *t;
	struct tool *tool;

	(void)state;
	assert_null(conversation_called(&c, &a));
	t = conversation_turn(&c, &a, SPEAKER_ASSISTANT);
	call(t, &a, "1");
	call(t, &a, "2")->name = S("other");
	call(t, &a, "3");
	tool = conversation_called(&c, &a);
	assert_true(slice_eq(tool->name, S("tool")));
	assert_true(slice_eq(tool->next->name, S("other")));
	assert_null(tool->next->next);
	arena_fini(&a);
}

static void
calls_at_the_end_may_wait_for_their_results(void **state)
{
	struct conversation c = { 0 };
	struct arena a = { 0 };
	struct turn *t;

	(void)state;
	say(&c, &a, SPEAKER_USER, "go");
	t = conversation_turn(&c, &a, SPEAKER_ASSISTANT);
	call(t, &a, "1");
	conversation_pair(&c, &a);
	assert_int_equal(turns(&c), 2);
	assert_int_equal(c.lost, 0);
	arena_fini(&a);
}

static void
an_answer_is_its_steps(void **state)
{
	struct completion in = { .id = S("x"),
		.model = S("m"),
		.stop = STOP_TOOL,
		.usage = { .input = 5, .output = 7 },
		.has_usage = true };
	struct arena a = { 0 };
	const struct completion *out;
	struct gather *g;
	struct part *p;

	(void)state;
	p = part_add(PARTS(&in.first), &a, PART_REASONING);
	p->text = S("hm");
	p->opaque = S("c2ln");
	p->origin = VENDOR_ANTHROPIC;
	p = part_add(PARTS(&in.first), &a, PART_TEXT);
	p->text = S("hello");
	p = part_add(PARTS(&in.first), &a, PART_TOOL_CALL);
	p->id = S("1");
	p->name = S("tool");
	p->args = S("{\"a\":1}");
	g = gather_new(&a);
	completion_steps(&in, gather_step, g);
	out = gather_completion(g);
	assert_non_null(out);
	p = out->first;
	assert_int_equal(p->kind, PART_REASONING);
	assert_true(slice_eq(p->text, S("hm")));
	assert_true(slice_eq(p->opaque, S("c2ln")));
	assert_int_equal(p->origin, VENDOR_ANTHROPIC);
	assert_true(slice_eq(p->next->text, S("hello")));
	p = p->next->next;
	assert_true(slice_eq(p->args, S("{\"a\":1}")));
	assert_true(slice_eq(p->name, S("tool")));
	assert_int_equal(out->stop, STOP_TOOL);
	assert_int_equal(out->usage.output, 7);
	arena_fini(&a);
}

static void
data_uris_are_taken_apart(void **state)
{
	struct slice mime, data;

	(void)state;
	assert_true(conversation_data_uri(
	    S("data:image/png;base64,aGk="), &mime, &data));
	assert_true(slice_eq(mime, S("image/png")));
	assert_true(slice_eq(data, S("aGk=")));
	assert_true(conversation_data_uri(
	    S("data:text/plain;charset=utf-8;base64,aGk="), &mime, &data));
	assert_true(slice_eq(mime, S("text/plain")));
	assert_false(
	    conversation_data_uri(S("data:image/png,abc"), &mime, &data));
	assert_false(conversation_data_uri(S("https://x/y.png"), &mime, &data));
	assert_false(
	    conversation_data_uri(S("data:;base64,aGk="), &mime, &data));
	assert_false(conversation_data_uri(S("data:"), &mime, &data));
}

static void
tables_have_their_words(void **state)
{
	unsigned i;

	(void)state;
	assert_true(LOSSES <= 64);
	for (i = 0; i < LOSSES; i++)
		assert_true(strlen(conversation_loss_text((enum loss)i)) > 5);
	assert_int_equal(effort_parse(S("xhigh")), EFFORT_XHIGH);
	assert_int_equal(effort_parse(S("")), EFFORT_NOT_SAID);
	assert_string_equal(effort_text(EFFORT_LOW), "low");
}

static void
a_copy_can_be_moved_without_the_first(void **state)
{
	struct conversation c = { 0 }, *copy;
	struct arena a = { 0 };

	(void)state;
	say(&c, &a, SPEAKER_USER, "one");
	say(&c, &a, SPEAKER_USER, "two");
	copy = conversation_copy(&a, &c);
	conversation_merge(copy);
	assert_int_equal(turns(copy), 1);
	assert_int_equal(turns(&c), 2);
	assert_null(c.first->first->next);
	assert_true(slice_eq(copy->first->first->next->text, S("two")));
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_can_be_moved_without_the_first),
		cmocka_unit_test(turns_of_one_speaker_become_one),
		cmocka_unit_test(results_stand_behind_their_calls_in_order),
		cmocka_unit_test(calls_that_share_an_id_each_have_a_result),
		cmocka_unit_test(tools_that_calls_know_are_one_of_each_name),
		cmocka_unit_test(calls_at_the_end_may_wait_for_their_results),
		cmocka_unit_test(an_answer_is_its_steps),
		cmocka_unit_test(data_uris_are_taken_apart),
		cmocka_unit_test(tables_have_their_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
