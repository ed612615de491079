#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/address.h"

static const struct {
	const char *text;
	enum address_kind kind;
} rows[] = {
	{ "8.8.8.8", ADDRESS_PUBLIC }, { "1.0.0.0", ADDRESS_PUBLIC },
	{ "0.0.0.0", ADDRESS_UNSPECIFIED },
	{ "0.255.255.255", ADDRESS_UNSPECIFIED },
	{ "127.0.0.1", ADDRESS_LOOPBACK },
	{ "127.255.255.254", ADDRESS_LOOPBACK },
	{ "128.0.0.1", ADDRESS_PUBLIC }, { "9.255.255.255", ADDRESS_PUBLIC },
	{ "10.0.0.1", ADDRESS_PRIVATE }, { "10.255.255.255", ADDRESS_PRIVATE },
	{ "11.0.0.0", ADDRESS_PUBLIC }, { "172.15.255.255", ADDRESS_PUBLIC },
	{ "172.16.0.0", ADDRESS_PRIVATE },
	{ "172.31.255.255", ADDRESS_PRIVATE }, { "172.32.0.0", ADDRESS_PUBLIC },
	{ "192.168.0.0", ADDRESS_PRIVATE }, { "192.169.0.0", ADDRESS_PUBLIC },
	{ "100.63.255.255", ADDRESS_PUBLIC }, { "100.64.0.0", ADDRESS_SHARED },
	{ "100.127.255.255", ADDRESS_SHARED },
	{ "100.128.0.0", ADDRESS_PUBLIC },
	{ "169.254.0.1", ADDRESS_LINK_LOCAL },
	{ "169.254.169.253", ADDRESS_LINK_LOCAL },
	{ "169.254.169.254", ADDRESS_METADATA },
	{ "169.254.170.2", ADDRESS_METADATA },
	{ "169.254.170.23", ADDRESS_METADATA },
	{ "100.100.100.200", ADDRESS_METADATA },
	{ "168.63.129.16", ADDRESS_METADATA },
	{ "169.254.0.23", ADDRESS_METADATA },
	{ "169.254.42.42", ADDRESS_METADATA },
	{ "192.0.0.192", ADDRESS_METADATA }, { "192.0.0.1", ADDRESS_RESERVED },
	{ "192.0.2.1", ADDRESS_RESERVED }, { "198.18.0.1", ADDRESS_RESERVED },
	{ "198.19.255.255", ADDRESS_RESERVED },
	{ "198.20.0.0", ADDRESS_PUBLIC }, { "198.51.100.1", ADDRESS_RESERVED },
	{ "203.0.113.1", ADDRESS_RESERVED },
	{ "223.255.255.255", ADDRESS_PUBLIC },
	{ "224.0.0.1", ADDRESS_MULTICAST },
	{ "239.255.255.255", ADDRESS_MULTICAST },
	{ "240.0.0.1", ADDRESS_RESERVED },
	{ "255.255.255.255", ADDRESS_RESERVED }, { "::", ADDRESS_UNSPECIFIED },
	{ "::1", ADDRESS_LOOPBACK }, { "2606:4700::1111", ADDRESS_PUBLIC },
	{ "fc00::1", ADDRESS_PRIVATE }, { "fdff::1", ADDRESS_PRIVATE },
	{ "fd00:ec2::254", ADDRESS_METADATA },
	{ "fd00:ec2::23", ADDRESS_METADATA },
	{ "fd20:ce::254", ADDRESS_METADATA },
	{ "fd00:c1::a9fe:a9fe", ADDRESS_METADATA },
	{ "fd00:42::42", ADDRESS_METADATA },
	{ "fd00:100::100:200", ADDRESS_METADATA },
	{ "fd00:a9fe:a9fe::1", ADDRESS_METADATA },
	{ "fe80::a9fe:a9fe", ADDRESS_METADATA },
	{ "fd20:ce::253", ADDRESS_PRIVATE }, { "fd00:42::43", ADDRESS_PRIVATE },
	{ "fd00:ec2::253", ADDRESS_PRIVATE }, { "fe80::1", ADDRESS_LINK_LOCAL },
	{ "febf::1", ADDRESS_LINK_LOCAL }, { "fec0::1", ADDRESS_PRIVATE },
	{ "ff02::1", ADDRESS_MULTICAST }, { "2001:db8::1", ADDRESS_RESERVED },
	{ "100::1", ADDRESS_RESERVED },
	/* what carries an IPv4 address is that address */
	{ "::ffff:8.8.8.8", ADDRESS_PUBLIC },
	{ "::ffff:127.0.0.1", ADDRESS_LOOPBACK },
	{ "::ffff:10.1.2.3", ADDRESS_PRIVATE },
	{ "::ffff:169.254.169.254", ADDRESS_METADATA },
	{ "::127.0.0.1", ADDRESS_LOOPBACK },
	{ "64:ff9b::8.8.8.8", ADDRESS_PUBLIC },
	{ "64:ff9b::127.0.0.1", ADDRESS_LOOPBACK },
	{ "64:ff9b::a9fe:a9fe", ADDRESS_METADATA },
	{ "64:ff9b:1::8.8.8.8", ADDRESS_PRIVATE },
	{ "64:ff9b:1::10.0.0.1", ADDRESS_PRIVATE },
	{ "64:ff9b:1::169.254.1.1", ADDRESS_LINK_LOCAL },
	{ "64:ff9b:1::a9fe:a9fe", ADDRESS_METADATA },
	{ "64:ff9b:1:0:a9:fea9:fe00:0", ADDRESS_METADATA },
	{ "64:ff9b:1:7::a9fe:a9fe", ADDRESS_METADATA },
	{ "64:ff9b:1:a9fe:a9:fe00::", ADDRESS_METADATA },
	{ "64:ff9b:1:a9:fe:a9fe::", ADDRESS_METADATA },
	{ "64:ff9b:2::a9fe:a9fe", ADDRESS_PUBLIC },
	{ "::ffff:192.0.0.192", ADDRESS_METADATA },
	{ "2002:808:808::1", ADDRESS_PUBLIC },
	{ "2002:7f00:1::", ADDRESS_LOOPBACK },
	{ "2002:a9fe:a9fe::", ADDRESS_METADATA },
	{ "2001::f5ff:fffe", ADDRESS_PRIVATE }, /* Teredo of 10.0.0.1 */
	{ "2001::f7f7:f7f7", ADDRESS_PUBLIC },  /* of 8.8.8.8 */
};

static void
every_address_is_of_its_kind(void **state)
{
	struct address a;
	enum address_kind kind;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		assert_true(address_parse(&a, rows[i].text, 80));
		kind = address_kind(&a);
		if (kind != rows[i].kind)
			fail_msg("%s: %d, want %d", rows[i].text, kind,
			    rows[i].kind);
	}
}

static void
only_public_ones_are_dialled_without_leave(void **state)
{
	struct address a;
	bool public, meta, link;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		assert_true(address_parse(&a, rows[i].text, 80));
		public = rows[i].kind == ADDRESS_PUBLIC;
		meta = rows[i].kind == ADDRESS_METADATA;
		link = rows[i].kind == ADDRESS_LINK_LOCAL;
		assert_int_equal(address_may_dial(&a, false, false), public);
		assert_int_equal(address_may_dial(&a, true, false), !meta);
		assert_int_equal(
		    address_may_dial(&a, false, true), !meta && !link);
		assert_int_equal(address_may_dial(&a, true, true), !meta);
	}
}

static void
only_plain_literals_are_addresses(void **state)
{
	static const char *const texts[] = { "", "localhost", "127.1",
		"2130706433", "0x7f000001", "127.0.0.1 ", "1.2.3.4.5", "[::1]",
		"::1%lo", "fe80::1%eth0", "256.0.0.1", "01.2.3.4",
		"1.2.3.4:80" };
	struct address a;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(texts); i++)
		assert_false(address_parse(&a, texts[i], 80));
}

static void
addresses_are_written_with_their_port(void **state)
{
	char text[ADDRESS_TEXT];
	struct address a;

	(void)state;
	assert_true(address_parse(&a, "127.0.0.1", 4711));
	address_write(&a, text);
	assert_string_equal(text, "127.0.0.1:4711");
	assert_true(address_parse(
	    &a, "1111:2222:3333:4444:5555:6666:7777:8888", 65535));
	address_write(&a, text);
	assert_string_equal(
	    text, "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_is_of_its_kind),
		cmocka_unit_test(only_public_ones_are_dialled_without_leave),
		cmocka_unit_test(only_plain_literals_are_addresses),
		cmocka_unit_test(addresses_are_written_with_their_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
