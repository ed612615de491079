/* base_test.c - slices, memory and checks */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

static void
slices_compare_by_bytes(void **state)
{
	(void)state;
	assert_true(slice_eq(S("abc"), slice_of("abc")));
	assert_false(slice_eq(S("abc"), S("abd")));
	assert_false(slice_eq(S("abc"), S("ab")));
	assert_true(slice_eq(S(""), slice_of("")));
	assert_true(slice_ieq(S("Content-TYPE"), S("content-type")));
	assert_false(slice_ieq(S("a["), S("a{")));
	assert_true(slice_starts(S("Bearer x"), S("Bearer ")));
	assert_true(slice_starts(S("x"), S("")));
	assert_false(slice_starts(S("Bear"), S("Bearer")));
}

static void
a_slice_is_cut_at_the_first_mark(void **state)
{
	struct slice head, tail;

	(void)state;
	assert_true(slice_cut(S("a=b=c"), '=', &head, &tail));
	assert_true(slice_eq(head, S("a")));
	assert_true(slice_eq(tail, S("b=c")));
	assert_true(slice_cut(S("="), '=', &head, &tail));
	assert_int_equal(head.len + tail.len, 0);
	assert_false(slice_cut(S("abc"), '=', &head, &tail));
	assert_false(slice_cut(S(""), '=', &head, &tail));
}

static void
trimming_takes_spaces_and_tabs_only(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_trim(S(" \t a b \t")), S("a b")));
	assert_int_equal(slice_trim(S(" \t ")).len, 0);
	assert_true(slice_eq(slice_trim(S("\na\r")), S("\na\r")));
}

static void
numbers_are_digits_without_overflow(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1",
		"1.0", "18446744073709551616", "99999999999999999999999" };
	uint64_t n = 0;
	size_t i;

	(void)state;
	assert_true(slice_u64(S("0"), &n));
	assert_int_equal(n, 0);
	assert_true(slice_u64(S("18446744073709551615"), &n));
	assert_true(n == UINT64_MAX);
	assert_true(slice_u64(S("007"), &n));
	assert_int_equal(n, 7);
	for (i = 0; i < NELEM(bad); i++)
		assert_false(slice_u64(slice_of(bad[i]), &n));
}

static void
memory_comes_zeroed_and_can_be_wiped(void **state)
{
	static const char zero[64];
	char *p = mem_new(sizeof(zero));
	char *copy;

	(void)state;
	assert_memory_equal(p, zero, sizeof(zero));
	memset(p, 7, sizeof(zero));
	p = mem_grow(p, 2 * sizeof(zero));
	assert_int_equal(p[sizeof(zero) - 1], 7);
	mem_wipe(p, sizeof(zero));
	assert_memory_equal(p, zero, sizeof(zero));
	mem_free(p);
	copy = mem_dup((struct slice){ "hello", 4 });
	assert_string_equal(copy, "hell");
	mem_free(copy);
	mem_free(NULL);
}

static void
a_check_that_fails_aborts(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		close(2);
		signal(SIGABRT, SIG_DFL);
		CHECK(1 + 1 == 3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	CHECK(1 + 1 == 2);
}

static void
case_is_folded_for_letters_only_wherever_they_stand(void **state)
{
	char a[20], b[20];
	size_t at, len;
	int x, y;
	bool same;

	(void)state;
	for (x = 0; x < 256; x++) {
		for (y = 0; y < 256; y++) {
			same =
			    x == y || ((x ^ y) == 0x20 && (x | 0x20) >= 'a' &&
					  (x | 0x20) <= 'z');
			for (len = 1; len <= sizeof(a); len += 3) {
				at = (size_t)(x + y) % len;
				memset(a, 'k', sizeof(a));
				memset(b, 'K', sizeof(b));
				a[at] = (char)x;
				b[at] = (char)y;
				assert_int_equal(
				    slice_ieq((struct slice){ a, len },
					(struct slice){ b, len }),
				    same);
			}
		}
	}
}

static void
a_part_is_found_wherever_it_stands(void **state)
{
	static const char text[] = "aabaabaaabab";
	size_t from, len, at, n;

	(void)state;
	/* Each part of each beginning, as memmem() finds it. */
	for (n = 0; n < sizeof(text); n++) {
		for (from = 0; from < sizeof(text) - 1; from++) {
			for (len = 0; from + len < sizeof(text); len++) {
				at = memmem(text, n, text + from, len) != NULL;
				assert_int_equal(
				    slice_has((struct slice){ text, n },
					(struct slice){ text + from, len }),
				    at);
			}
		}
	}
	assert_false(slice_has(S(""), S("a")));
	assert_true(slice_has(S(""), S("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    case_is_folded_for_letters_only_wherever_they_stand),
		cmocka_unit_test(slices_compare_by_bytes),
		cmocka_unit_test(a_part_is_found_wherever_it_stands),
		cmocka_unit_test(a_slice_is_cut_at_the_first_mark),
		cmocka_unit_test(trimming_takes_spaces_and_tabs_only),
		cmocka_unit_test(numbers_are_digits_without_overflow),
		cmocka_unit_test(memory_comes_zeroed_and_can_be_wiped),
		cmocka_unit_test(a_check_that_fails_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
