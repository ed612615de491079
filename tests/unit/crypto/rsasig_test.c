#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "crypto/rsa_key.h"
#include "crypto/rsasig.h"

static const char ec_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
    "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
    "1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
    "-----END PRIVATE KEY-----\n";

static struct rsasig *
key(void)
{
	const char *why = "";
	struct rsasig *k = rsasig_new(S(RSA_KEY_PEM), &why);

	assert_non_null(k);
	assert_null(why);
	return k;
}

static void
rs256_is_what_rfc_7515_shows(void **state)
{
	static const struct slice text = S_INIT(
	    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODA"
	    "sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
	static const struct slice want = S_INIT(
	    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
	    "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
	    "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
	    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
	    "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
	    "p0igcN_IoypGlUPQGe77Rw");
	struct rsasig *k = key();
	uint8_t raw[RSASIG_MAX];
	struct buf b = { 0 };
	size_t n;

	(void)state;
	n = rsasig_sign(k, RSASIG_PKCS1, text, raw);
	text_base64url_write(&b, (struct slice){ (char *)raw, n });
	assert_true(slice_eq(buf_slice(&b), want));
	buf_fini(&b);
	rsasig_free(&k);
}

static void
a_signature_is_of_one_form_one_text_and_one_key(void **state)
{
	static const enum rsasig_form forms[] = { RSASIG_PKCS1, RSASIG_PSS };
	struct rsasig *k = key();
	uint8_t raw[RSASIG_MAX];
	struct slice sum;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(forms); i++) {
		const enum rsasig_form other = forms[1 - i];

		sum.p = (const char *)raw;
		sum.len = rsasig_sign(k, forms[i], S("text"), raw);
		assert_int_equal(sum.len, 256);
		assert_true(
		    rsasig_verify(S(RSA_PUBLIC_PEM), forms[i], S("text"), sum));
		assert_true(rsasig_verify(
		    S(RSA_CERTIFICATE_PEM), forms[i], S("text"), sum));
		assert_false(
		    rsasig_verify(S(RSA_PUBLIC_PEM), other, S("text"), sum));
		assert_false(
		    rsasig_verify(S(RSA_PUBLIC_PEM), forms[i], S("texT"), sum));
		assert_false(rsasig_verify(S(""), forms[i], S("text"), sum));
		raw[9] ^= 1;
		assert_false(
		    rsasig_verify(S(RSA_PUBLIC_PEM), forms[i], S("text"), sum));
	}
	rsasig_free(&k);
}

static void
the_thumbprint_is_of_the_keys_own_certificate(void **state)
{
	struct rsasig *k = key();
	uint8_t sum[DIGEST_LEN];
	struct buf b = { 0 };

	(void)state;
	assert_true(
	    rsasig_thumbprint(k, S(RSA_KEY_PEM RSA_CERTIFICATE_PEM), sum));
	text_base64url_write(&b, (struct slice){ (char *)sum, sizeof(sum) });
	assert_true(slice_eq(buf_slice(&b), S(RSA_THUMBPRINT)));
	assert_false(rsasig_thumbprint(k, S(RSA_KEY_PEM), sum));
	buf_fini(&b);
	rsasig_free(&k);
}

static void
what_is_no_rsa_key_is_refused_with_a_reason(void **state)
{
	const struct {
		struct slice text;
		const char *why;
	} rows[] = {
		{ S(""), "there is no private key in PEM form in it" },
		{ S("sk-12345"), "there is no private key in PEM form in it" },
		{ S(RSA_PUBLIC_PEM),
		    "there is no private key in PEM form in it" },
		{ slice_of(ec_key), "it is not an RSA key" },
	};
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		assert_null(rsasig_new(rows[i].text, &why));
		assert_string_equal(why, rows[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rs256_is_what_rfc_7515_shows),
		cmocka_unit_test(
		    a_signature_is_of_one_form_one_text_and_one_key),
		cmocka_unit_test(the_thumbprint_is_of_the_keys_own_certificate),
		cmocka_unit_test(what_is_no_rsa_key_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
