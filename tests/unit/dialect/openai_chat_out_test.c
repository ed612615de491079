#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/chat_codec.h"

/* --- streams of servers that take liberties ------------------------------ */

struct heard {
	unsigned n[STEP_END + 1];
	unsigned open, most_open;
	enum stop_reason stop;
	struct arena *a;
	struct buf args;
};

static void
on_step(void *arg, const struct stream_step *s)
{
	struct heard *h = arg;

	h->n[s->kind]++;
	h->open += s->kind == STEP_OPEN;
	h->open -= s->kind == STEP_CLOSE;
	h->most_open = h->open > h->most_open ? h->open : h->most_open;
	if (s->kind == STEP_STOP)
		h->stop = s->stop;
	if (s->kind == STEP_ARGS)
		buf_add(&h->args, s->text);
	if (s->kind == STEP_CLOSE)
		buf_char(&h->args, ';');
}

static enum fault
hear(struct heard *h, const char *const *events, size_t n)
{
	struct arena scratch = { 0 };
	struct decoding d = {
		.arena = h->a, .scratch = &scratch, .step = on_step, .arg = h
	};
	enum fault f = FAULT_NONE;
	size_t i;

	for (i = 0; i < n && f == FAULT_NONE; i++)
		f = chat_read_event(&d, S(""), slice_of(events[i]));
	if (f == FAULT_NONE)
		f = chat_read_end(&d);
	arena_fini(&scratch);
	return f;
}

#define DELTA(rest) \
	"{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0," \
	"\"delta\":" rest "}]}"
#define CALL(i, id, name, args) \
	"{\"tool_calls\":[{\"index\":" #i ",\"id\":\"" id \
	"\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" args \
	"\"}}]}"
#define MORE(i, args) \
	"{\"tool_calls\":[{\"index\":" #i ",\"function\":{\"arguments\":" \
	"\"" args "\"}}]}"

static void
calls_that_interleave_come_one_after_the_other(void **state)
{
	static const char *const events[] = {
		DELTA(CALL(0, "a", "f", "1")),
		DELTA(CALL(1, "b", "f", "2")),
		DELTA(MORE(0, "1")),
		DELTA(MORE(1, "2")),
		"{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},"
		"\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
		"\"completion_tokens\":4}}",
		"[DONE]",
	};
	struct arena a = { 0 };
	struct heard h = { .a = &a };

	(void)state;
	assert_int_equal(hear(&h, events, NELEM(events)), FAULT_NONE);
	assert_int_equal(h.most_open, 1);
	assert_string_equal(buf_cstr(&h.args), "11;22;");
	/* It said "stop", and calls stand there. */
	assert_int_equal(h.stop, STOP_TOOL);
	assert_int_equal(h.n[STEP_USAGE], 1);
	assert_int_equal(h.n[STEP_END], 1);
	buf_fini(&h.args);
	arena_fini(&a);
}

static void
a_stream_without_an_end_is_none(void **state)
{
	static const char *const events[] = { DELTA("{\"content\":\"x\"}") };
	struct arena a = { 0 };
	struct heard h = { .a = &a };

	(void)state;
	assert_int_equal(hear(&h, events, 1), FAULT_UP_RESET);
	assert_int_equal(h.n[STEP_END], 0);
	assert_int_equal(hear(&h, NULL, 0), FAULT_UP_RESET);
	buf_fini(&h.args);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    calls_that_interleave_come_one_after_the_other),
		cmocka_unit_test(a_stream_without_an_end_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
