#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "audit/note.h"
#include "base/text.h"

/* golang.org/x/mod/sumdb/note: its documentation's example */
static const char pub[] =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char secret[] = "PRIVATE+KEY+PeterNeumann+c74f20a3+"
			     "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
static const char text[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
static const char signed_note[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNI"
    "uGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static struct note_key key;

static int
setup(void **state)
{
	(void)state;
	return note_key_parse(slice_of(pub), &key) ? 0 : 1;
}

static void
the_note_of_the_specification_opens(void **state)
{
	struct slice t;

	(void)state;
	assert_true(note_open(slice_of(signed_note), &key, &t));
	assert_true(slice_eq(t, slice_of(text)));
}

static void
signing_gives_the_same_note(void **state)
{
	struct signer *s;
	struct note_key k;
	struct buf b = { 0 };

	(void)state;
	assert_true(note_secret_parse(slice_of(secret), &k, &s));
	note_sign(&b, slice_of(text), &k, s);
	assert_string_equal(buf_cstr(&b), signed_note);
	buf_clear(&b);
	note_key_write(&k, &b);
	assert_string_equal(buf_cstr(&b), pub);
	signer_free(&s);
	buf_fini(&b);
}

static void
a_secret_is_read_as_it_was_written(void **state)
{
	uint8_t seed[SIGN_SEED] = { 1, 2, 3 }, p[SIGN_PUBLIC];
	struct signer *s = signer_new(seed);
	struct note_key k, again;
	struct buf b = { 0 };

	(void)state;
	signer_public(s, p);
	note_key_make(&k, "kontor/node/0000002a", p);
	note_secret_write(&k, seed, &b);
	buf_char(&b, '\n');
	signer_free(&s);
	assert_true(note_secret_parse(buf_slice(&b), &again, &s));
	assert_memory_equal(&k.key, &again.key, sizeof(k.key));
	assert_int_equal(k.id, again.id);
	assert_string_equal(k.name, again.name);
	signer_free(&s);
	b.p[b.len - 5] ^= 1; /* then the id is another key's */
	assert_false(note_secret_parse(buf_slice(&b), &again, &s));
	buf_fini(&b);
}

/* Every single byte, changed in every bit or taken away. */
static void
any_change_of_a_note_is_refused(void **state)
{
	char copy[sizeof(signed_note)];
	const size_t len = sizeof(signed_note) - 1;
	struct slice t;
	size_t i;
	int bit;

	(void)state;
	for (i = 0; i < len; i++) {
		memcpy(copy, signed_note, sizeof(copy));
		for (bit = 0; bit < 8; bit++) {
			copy[i] = signed_note[i] ^ (char)(1 << bit);
			assert_false(
			    note_open((struct slice){ copy, len }, &key, &t));
		}
		memmove(copy + i, signed_note + i + 1, len - i - 1);
		assert_false(
		    note_open((struct slice){ copy, len - 1 }, &key, &t));
		assert_false(note_open((struct slice){ copy, i }, &key, &t));
	}
}

static void
other_signatures_are_passed_over_but_not_doubled_ones(void **state)
{
	const struct slice note = slice_of(signed_note);
	const size_t line = sizeof(text); /* text, and the empty line */
	struct buf b = { 0 };
	struct slice t;
	int i;

	(void)state;
	buf_add(&b, note);
	buf_str(&b, "\xe2\x80\x94 witness AAAAAAECAwQ=\n");
	assert_true(note_open(buf_slice(&b), &key, &t));
	buf_clear(&b);
	buf_add(&b, note);
	buf_add(&b, (struct slice){ note.p + line, note.len - line });
	assert_false(note_open(buf_slice(&b), &key, &t));
	buf_clear(&b);
	buf_add(&b, note);
	for (i = 0; i < NOTE_SIGNATURES_MAX; i++)
		buf_str(&b, "\xe2\x80\x94 witness AAAAAAECAwQ=\n");
	assert_false(note_open(buf_slice(&b), &key, &t));
	buf_clear(&b);
	buf_add(&b, note);
	buf_str(&b, "- witness AAAAAAECAwQ=\n");
	assert_false(note_open(buf_slice(&b), &key, &t));
	buf_fini(&b);
}

static void
keys_that_are_not_exactly_one_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"+",
		"PeterNeumann",
		"PeterNeumann+c74f20a3",
		"PeterNeumann+C74F20A3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a4+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumanN+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"Peter Neumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+"
		"Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
		"PeterNeumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n\n",
	};
	struct note_key k;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_false(note_key_parse(slice_of(bad[i]), &k));
}

static void
notes_in_a_row_are_taken_one_by_one(void **state)
{
	struct buf b = { 0 };
	struct slice rest, note;
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		buf_fmt(&b, "%s\n", signed_note);
	buf_str(&b, "the last is\n\n\xe2\x80\x94 cut ");
	rest = buf_slice(&b);
	for (i = 0; i < 3; i++) {
		assert_true(note_next(&rest, &note));
		assert_true(slice_eq(note, slice_of(signed_note)));
	}
	assert_false(note_next(&rest, &note));
	assert_int_equal(rest.len, 21);
	rest.len = 0;
	assert_false(note_next(&rest, &note));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_note_of_the_specification_opens),
		cmocka_unit_test(signing_gives_the_same_note),
		cmocka_unit_test(a_secret_is_read_as_it_was_written),
		cmocka_unit_test(any_change_of_a_note_is_refused),
		cmocka_unit_test(
		    other_signatures_are_passed_over_but_not_doubled_ones),
		cmocka_unit_test(keys_that_are_not_exactly_one_are_refused),
		cmocka_unit_test(notes_in_a_row_are_taken_one_by_one),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
