/* test_dv16: the DV16 family's bytes, against the documented ones written out by hand. */
#include "../../dockd/base/proto.h"
#include "../../usb/vendor/dv16.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void commands_are_as_documented(void **state)
{
	static const struct {
		enum dv16_command command;
		uint8_t cdb[8];
	} known[] = {
		{ DV16_INIT, { 0xFB, 0x82, 0, 0, 0, 1, 0, 0 } },
		{ DV16_GET_ID_CODE, { 0xFD, 0x81, 0, 0, 0, 2, 0, 6 } },
		{ DV16_GET_DEV_INFO, { 0xFD, 0x81, 0, 0, 0, 3, 0, 89 } },
		{ DV16_WRITE_DEV_INFO, { 0xFB, 0x82, 0, 0, 0, 4, 0, 89 } },
		{ DV16_SYNC_DEV_TIME, { 0xFB, 0x82, 0, 0, 0, 5, 0, 7 } },
		{ DV16_SET_MSDC, { 0xFB, 0x82, 0, 0, 0, 6, 0, 0 } },
		{ DV16_READ_BATTERY, { 0xFD, 0x81, 0, 0, 0, 8, 0, 4 } },
		{ DV16_GET_SD_STATUS, { 0xFD, 0x81, 0, 0, 0, 12, 0, 4 } },
		{ DV16_GET_PASSWORD, { 0xFD, 0x81, 0, 0, 0, 13, 0, 16 } },
		{ DV16_GET_RETURN_STATUS, { 0xFD, 0x81, 0, 0, 0, 14, 0, 4 } },
	};
	static const uint8_t zeros[8];
	uint8_t cdb[DV16_CDB_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		dv16_cdb(dv16_step(known[i].command), cdb);
		assert_memory_equal(cdb, known[i].cdb, 8);
		assert_memory_equal(cdb + 8, zeros, 8);
	}
}

static void what_changes_a_camera_for_good_is_not_there(void **state)
{
	(void)state;
	assert_null(dv16_step((enum dv16_command)9));  /* write all */
	assert_null(dv16_step((enum dv16_command)10)); /* SET_PASSWORD */
	assert_null(dv16_step((enum dv16_command)11)); /* SET_ID_CODE */
}

static void the_family_is_known_by_its_inquiry(void **state)
{
	(void)state;
	assert_true(dv16_is("DV16", "DEVICE V1.00"));
	assert_true(dv16_is("dv16 dev", "ice v1.00"));
	assert_true(dv16_is("DV16", "DEVICE V2.10"));
	assert_false(dv16_is("DV16", ""));
	assert_false(dv16_is("Generic", "DV16DEVICE"));
	assert_false(dv16_is("", ""));
}

static void make_block(uint8_t block[DV16_INFO_BYTES])
{
	memset(block, 0, DV16_INFO_BYTES);
	memcpy(block, "JL00042", 7);
	memcpy(block + 7, "817-90", 6);
	memcpy(block + 13, "ADA EXAMPLE", 11);
	memcpy(block + 45, "U-77", 4);
	memcpy(block + 57, "NORTH STATION", 13);
}

static bool holds(const void *where, size_t len, const char *text)
{
	for (size_t i = 0; i + strlen(text) <= len; i++) {
		if (memcmp((const char *)where + i, text, strlen(text)) == 0)
			return true;
	}
	return false;
}

static void ids_are_read_and_names_are_not(void **state)
{
	uint8_t block[DV16_INFO_BYTES];
	struct vendor_facts f = { .battery_percent = -1 };

	(void)state;
	make_block(block);
	assert_true(dv16_info_read(block, sizeof(block), &f));
	assert_string_equal(f.camera, "JL00042");
	assert_string_equal(f.officer, "817-90");
	assert_string_equal(f.unit, "U-77");
	assert_false(holds(&f, sizeof(f), "ADA"));
	assert_false(holds(&f, sizeof(f), "NORTH"));
	assert_false(dv16_info_read(block, sizeof(block) - 1, &f));
}

static void ids_that_are_none_are_not_told(void **state)
{
	uint8_t block[DV16_INFO_BYTES];
	struct vendor_facts f;

	(void)state;
	make_block(block);
	memcpy(block, "0000000", 7); /* nobody gave it one */
	memset(block + 7, 0xff, 6);  /* erased flash */
	memcpy(block + 45, "  A 7  ", 8);
	assert_true(dv16_info_read(block, sizeof(block), &f));
	assert_string_equal(f.camera, "");
	assert_string_equal(f.officer, "");
	assert_string_equal(f.unit, "A 7");
}

static void writing_an_owner_leaves_all_else(void **state)
{
	uint8_t block[DV16_INFO_BYTES], before[DV16_INFO_BYTES];

	(void)state;
	make_block(before);
	memcpy(block, before, sizeof(block));
	assert_true(dv16_info_put(block, "12", ""));
	assert_memory_equal(block + 7, "12\0\0\0\0", 6);
	assert_memory_equal(block, before, 7);
	assert_memory_equal(block + 13, before + 13, DV16_INFO_BYTES - 13);
	memcpy(block, before, sizeof(block));
	assert_false(dv16_info_put(block, "1234567", "U"));
	assert_false(dv16_info_put(block, "1", "1234567890123"));
	assert_memory_equal(block, before, sizeof(block));
}

static void time_is_packed_little_endian(void **state)
{
	static const uint8_t known[] = { 0xe8, 0x07, 2, 29, 23, 59, 58 }; /* 2024-02-29 23:59:58 */
	uint8_t out[DV16_TIME_BYTES];

	(void)state;
	assert_true(dv16_time_put(out, 1709251198));
	assert_memory_equal(out, known, sizeof(known));
	assert_false(dv16_time_put(out, -1));
	assert_false(dv16_time_put(out, INT64_MAX));
}

static void times_go_there_and_back(void **state)
{
	static const int64_t last[] = { 0, 951782399, 951782400, 4107542399, 253402300799 };

	(void)state;
	for (int64_t s = 1; s < 253402300800; s += 86399 * 97) {
		struct vendor_time t;

		assert_true(vendor_time(s, &t));
		assert_true(vendor_time_s(&t) == s);
	}
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		struct vendor_time t;

		assert_true(vendor_time(last[i], &t));
		assert_true(vendor_time_s(&t) == last[i]);
	}
	assert_true(vendor_time_s(&(struct vendor_time){ 2023, 2, 29, 0, 0, 0 }) == PROTO_NO_TIME);
	assert_true(vendor_time_s(&(struct vendor_time){ 2023, 13, 1, 0, 0, 0 }) == PROTO_NO_TIME);
	assert_true(vendor_time_s(&(struct vendor_time){ 2023, 1, 1, 24, 0, 0 }) == PROTO_NO_TIME);
}

static void a_pin_is_the_whole_password(void **state)
{
	static const uint8_t told[16] = "000000";
	static const uint8_t full[17] = "0123456789abcdef";

	(void)state;
	assert_true(dv16_pin_is(told, 16, "000000"));
	assert_false(dv16_pin_is(told, 16, "00000"));
	assert_false(dv16_pin_is(told, 16, "0000000"));
	assert_false(dv16_pin_is(told, 16, ""));
	assert_false(dv16_pin_is(told, 3, "000000"));
	assert_true(dv16_pin_is(full, 16, "0123456789abcdef"));
	assert_false(dv16_pin_is(full, 16, "0123456789abcdefg"));
}

static void small_answers(void **state)
{
	static const uint8_t battery[] = { 87, 0, 0, 0 }, much[] = { 101, 0, 0, 0 },
			     negative[] = { 0xff, 0xff, 0xff, 0xff }, zero[4];

	(void)state;
	assert_int_equal(dv16_battery_read(battery, 4), 87);
	assert_int_equal(dv16_battery_read(much, 4), -1);
	assert_int_equal(dv16_battery_read(negative, 4), -1);
	assert_int_equal(dv16_battery_read(battery, 3), -1);
	assert_true(dv16_status_is_ok(zero, 4));
	assert_false(dv16_status_is_ok(zero, 0));
	assert_false(dv16_status_is_ok(battery, 4));
	assert_false(dv16_has_card(zero, 4));
	assert_true(dv16_has_card(battery, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_as_documented),
		cmocka_unit_test(what_changes_a_camera_for_good_is_not_there),
		cmocka_unit_test(the_family_is_known_by_its_inquiry),
		cmocka_unit_test(ids_are_read_and_names_are_not),
		cmocka_unit_test(ids_that_are_none_are_not_told),
		cmocka_unit_test(writing_an_owner_leaves_all_else),
		cmocka_unit_test(time_is_packed_little_endian),
		cmocka_unit_test(times_go_there_and_back),
		cmocka_unit_test(a_pin_is_the_whole_password),
		cmocka_unit_test(small_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
