/*
 * profile: the most specific match wins, whatever the order; equals are told by name.
 */
#include "../../dockd/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IDS(v, p, c, s, r)                                                                         \
	.vendor = (v), .product = (p), .class = (c), .subclass = (s), .protocol = (r)

static struct proto_arrived camera(void)
{
	struct proto_arrived a = {
		.port = "1-2", .vendor = 0x46f4, .product = 4, .interfaces = 2,
		.serial = "BWC-0001", .manufacturer = "Maker", .model = "Cam 3",
		.interface = {
			{ .number = 0, .class = 255, .subclass = 1, .protocol = 9, .name = "x" },
			{ .number = 1, .class = 6, .subclass = 1, .protocol = 1, .name = "MTP" },
		},
	};

	return a;
}

/* The profile chosen of two, in both orders. */
static const char *choose(struct profile a, struct profile b)
{
	struct proto_arrived device = camera();
	const struct profile one[] = { a, b }, two[] = { b, a };
	const struct profile *p, *q;
	static char name[PROTO_NAME_LEN];
	char tie[256];

	p = profile_match(one, 2, &device, tie, sizeof(tie));
	q = profile_match(two, 2, &device, tie, sizeof(tie));
	assert_int_equal(p != NULL, q != NULL);
	if (!p)
		return NULL;
	assert_string_equal(p->name, q->name);
	memcpy(name, p->name, sizeof(name));
	return name;
}

static void stronger_fields_outweigh_all_weaker(void **state)
{
	/* each of them more specific than all that stand before it put together */
	static const struct profile ladder[] = {
		{ IDS(-1, -1, 6, -1, -1), .name = "class" },
		{ IDS(-1, -1, 6, 1, -1), .name = "subclass" },
		{ IDS(-1, -1, 6, 1, 1), .name = "protocol" },
		{ IDS(-1, -1, -1, -1, -1), .name = "interface", .interface_name = "MT*" },
		{ IDS(-1, -1, -1, -1, -1), .name = "manufacturer", .manufacturer = "Mak?r" },
		{ IDS(0x46f4, -1, -1, -1, -1), .name = "vendor" },
		{ IDS(0x46f4, 4, -1, -1, -1), .name = "product" },
		{ IDS(-1, -1, -1, -1, -1), .name = "model", .model = "Cam*" },
		{ IDS(-1, -1, -1, -1, -1), .name = "serial", .serial = "BWC-*" },
	};
	size_t n = sizeof(ladder) / sizeof(ladder[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++)
			assert_string_equal(choose(ladder[i], ladder[k]), ladder[k].name);
	}
}

static void any_field_that_differs_is_no_match(void **state)
{
	static const struct profile wrong[] = {
		{ IDS(0x46f5, -1, -1, -1, -1), .name = "vendor" },
		{ IDS(0x46f4, 5, -1, -1, -1), .name = "product" },
		{ IDS(-1, -1, 8, -1, -1), .name = "class" },
		{ IDS(-1, -1, 255, -1, -1), .name = "mixed",
		    .interface_name = "MTP" }, /* of two interfaces */
		{ IDS(-1, -1, 6, -1, 9), .name = "protocol" },
		{ IDS(-1, -1, -1, -1, -1), .name = "case", .model = "cam*" },
		{ IDS(-1, -1, -1, -1, -1), .name = "part", .model = "Cam" },
		{ IDS(-1, -1, -1, -1, -1), .name = "serial", .serial = "BWC-1" },
		{ IDS(-1, -1, -1, -1, -1), .name = "maker", .manufacturer = "?" },
	};
	struct proto_arrived device = camera();
	char tie[64];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(profile_match(&wrong[i], 1, &device, tie, sizeof(tie)));
		assert_string_equal(tie, "");
	}
	assert_null(profile_match(NULL, 0, &device, tie, sizeof(tie)));
}

static void a_tie_names_both_unless_a_third_is_better(void **state)
{
	const struct profile three[] = {
		{ IDS(-1, -1, -1, -1, -1), .name = "one", .model = "Cam*" },
		{ IDS(-1, -1, -1, -1, -1), .name = "two", .model = "* 3" },
		{ IDS(-1, -1, -1, -1, -1), .name = "three", .model = "Cam 3",
		    .serial = "BWC-0001" },
	};
	struct proto_arrived device = camera();
	const struct profile *p;
	char tie[64];

	(void)state;
	assert_null(profile_match(three, 2, &device, tie, sizeof(tie)));
	assert_string_equal(tie, "one, two");
	p = profile_match(three, 3, &device, tie, sizeof(tie));
	assert_non_null(p);
	assert_string_equal(p->name, "three");
	assert_string_equal(tie, "");
	assert_null(profile_match(three, 2, &device, tie, 4));
	assert_string_equal(tie, "one");
}

static void more_interfaces_than_told_are_not_read(void **state)
{
	const struct profile p = { IDS(-1, -1, 77, -1, -1), .name = "x" };
	struct proto_arrived device = camera();
	char tie[64];

	(void)state;
	device.interfaces = 255;
	assert_null(profile_match(&p, 1, &device, tie, sizeof(tie)));
	device.interface[PROTO_INTERFACES - 1].class = 77;
	assert_ptr_equal(profile_match(&p, 1, &device, tie, sizeof(tie)), &p);
	device.interfaces = 2;
	assert_null(profile_match(&p, 1, &device, tie, sizeof(tie)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stronger_fields_outweigh_all_weaker),
		cmocka_unit_test(any_field_that_differs_is_no_match),
		cmocka_unit_test(a_tie_names_both_unless_a_third_is_better),
		cmocka_unit_test(more_interfaces_than_told_are_not_read),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
