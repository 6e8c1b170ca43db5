/*
 * scsi: commands as bytes, and what devices answer, right and wrong.
 */
#include "../../usb/disk/scsi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void reads_by_ten_or_sixteen(void **state)
{
	static const uint8_t ten[] = { 0x28, 0, 0x01, 0x02, 0x03, 0x04, 0, 0x08, 0x00, 0 };
	static const uint8_t last[] = { 0x28, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0 };
	static const uint8_t far[] = { 0x88, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0 };
	uint8_t cdb[SCSI_CDB_MAX];

	(void)state;
	assert_int_equal(scsi_read(cdb, 0x01020304, 2048), 10);
	assert_memory_equal(cdb, ten, 10);
	assert_int_equal(scsi_read(cdb, UINT32_MAX, UINT16_MAX), 10);
	assert_memory_equal(cdb, last, 10);
	assert_int_equal(scsi_read(cdb, 1ull << 32, 1), 16);
	assert_memory_equal(cdb + 1, far + 1, 12);
	assert_int_equal(cdb[0], 0x88);
	assert_int_equal(cdb[13], 1);
	assert_int_equal(scsi_read(cdb, 0, 0x10000), 16);
	assert_int_equal(cdb[11], 1);
}

static void no_command_writes(void **state)
{
	/* every opcode that this file can make, and no other */
	static const uint8_t known[] = { 0x00, 0x03, 0x12, 0x1A, 0x25, 0x28, 0x88, 0x9E };
	uint8_t cdb[7][SCSI_CDB_MAX];

	(void)state;
	assert_int_equal(scsi_test_unit_ready(cdb[0]), 6);
	assert_int_equal(scsi_request_sense(cdb[1], 18), 6);
	assert_int_equal(scsi_inquiry(cdb[2], 0x80, 255), 6);
	assert_int_equal(scsi_mode_sense6(cdb[3], 0x3F, 192), 6);
	assert_int_equal(scsi_read_capacity10(cdb[4]), 10);
	assert_int_equal(scsi_read_capacity16(cdb[5], 32), 16);
	assert_int_equal(scsi_read(cdb[6], 0, 1), 10);
	for (size_t i = 0; i < 7; i++)
		assert_non_null(memchr(known, cdb[i][0], sizeof(known)));
	assert_int_equal(cdb[2][1], 1);
	assert_int_equal(cdb[2][2], 0x80);
	assert_int_equal(cdb[5][1], 0x10);
	assert_int_equal(cdb[5][13], 32);
}

static void inquiry_is_trimmed(void **state)
{
	uint8_t raw[36] = { 0x00, 0x80, 0x04, 0x02, 31 };
	struct scsi_inquiry q;

	(void)state;
	memcpy(raw + 8, "Example ", 8);
	memcpy(raw + 16,
	    "  Body\x01"
	    "Cam\0junk ",
	    16);
	memcpy(raw + 32, "1.0 ", 4);
	assert_true(scsi_inquiry_read(raw, sizeof(raw), &q));
	assert_string_equal(q.vendor, "Example");
	assert_string_equal(q.product, "Body?Cam");
	assert_string_equal(q.revision, "1.0");
	assert_true(q.removable && q.present);
	assert_int_equal(q.version, 4);
	/* five bytes are the least that means something */
	assert_true(scsi_inquiry_read(raw, 5, &q));
	assert_string_equal(q.product, "");
	assert_false(scsi_inquiry_read(raw, 4, &q));
	raw[0] = 0x7F;
	assert_true(scsi_inquiry_read(raw, sizeof(raw), &q));
	assert_false(q.present);
	assert_int_equal(q.type, 0x1F);
}

static void pages(void **state)
{
	static const uint8_t serial[] = { 0, 0x80, 0, 6, ' ', 'B', 'W', 'C', '1', ' ' };
	static const uint8_t longer[] = { 0, 0x80, 0xFF, 0xFF, 'X' };
	static const uint8_t list[] = { 0, 0, 0, 3, 0x00, 0x80, 0xB0 };
	static const uint8_t limits[] = { 0, 0xB0, 0, 0x3C, 0, 0, 0, 0, 0, 0, 0, 0x80 };
	uint32_t blocks = 7;
	char text[8];

	(void)state;
	assert_true(scsi_serial_read(serial, sizeof(serial), text, sizeof(text)));
	assert_string_equal(text, "BWC1");
	assert_true(scsi_serial_read(longer, sizeof(longer), text, sizeof(text)));
	assert_string_equal(text, "X");
	assert_true(scsi_serial_read(serial, sizeof(serial), text, 3));
	assert_string_equal(text, "B");
	assert_false(scsi_serial_read(list, sizeof(list), text, sizeof(text)));
	assert_false(scsi_serial_read(serial, 3, text, sizeof(text)));
	assert_true(scsi_page_listed(list, sizeof(list), 0xB0));
	assert_false(scsi_page_listed(list, sizeof(list), 0x83));
	assert_false(scsi_page_listed(list, sizeof(list) - 1, 0xB0));
	assert_true(scsi_limits_read(limits, sizeof(limits), &blocks));
	assert_int_equal(blocks, 0x80);
	assert_false(scsi_limits_read(limits, sizeof(limits) - 1, &blocks));
}

static void sense_of_both_formats(void **state)
{
	static const uint8_t fixed[] = { 0x70, 0, 0x03, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 0x01 };
	static const uint8_t described[] = { 0x72, 0x02, 0x3A, 0x00 };
	struct scsi_sense s;

	(void)state;
	assert_true(scsi_sense_read(fixed, sizeof(fixed), &s));
	assert_int_equal(s.key, SCSI_MEDIUM_ERROR);
	assert_int_equal(s.asc, 0x11);
	assert_int_equal(s.ascq, 0x01);
	assert_string_equal(scsi_sense_text(&s), "medium error");
	assert_true(scsi_sense_read(fixed, 8, &s));
	assert_int_equal(s.asc, 0);
	assert_true(scsi_sense_read(described, sizeof(described), &s));
	assert_string_equal(scsi_sense_text(&s), "no medium");
	assert_false(scsi_sense_read(described, 3, &s));
	assert_false(scsi_sense_read(fixed, 2, &s));
	assert_false(scsi_sense_read(NULL, 0, &s));
	assert_int_equal(s.key, 0);
}

static void capacities(void **state)
{
	static const uint8_t ten[] = { 0, 0, 0, 99, 0, 0, 2, 0 };
	static const uint8_t full[] = { 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 2, 0 };
	static const uint8_t sixteen[] = { 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0x10, 0 };
	static const uint8_t most[] = { 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 2, 0 };
	struct scsi_capacity c;

	(void)state;
	assert_true(scsi_capacity10_read(ten, 8, &c));
	assert_int_equal(c.blocks, 100);
	assert_int_equal(c.block_bytes, 512);
	assert_false(scsi_capacity10_read(ten, 7, &c));
	assert_true(scsi_capacity10_read(full, 8, &c));
	assert_true(c.blocks > UINT32_MAX);
	assert_true(scsi_capacity16_read(sixteen, 12, &c));
	assert_true(c.blocks == (2ull << 32) + 1);
	assert_int_equal(c.block_bytes, 4096);
	assert_false(scsi_capacity16_read(sixteen, 11, &c));
	assert_false(scsi_capacity16_read(most, 12, &c));
}

static void write_protection(void **state)
{
	static const uint8_t locked[] = { 3, 0, 0x80, 0 }, open[] = { 3, 0, 0, 0 };
	bool is = false;

	(void)state;
	assert_true(scsi_mode_read(locked, 4, &is));
	assert_true(is);
	assert_true(scsi_mode_read(open, 4, &is));
	assert_false(is);
	assert_false(scsi_mode_read(locked, 3, &is));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_by_ten_or_sixteen),
		cmocka_unit_test(no_command_writes),
		cmocka_unit_test(inquiry_is_trimmed),
		cmocka_unit_test(pages),
		cmocka_unit_test(sense_of_both_formats),
		cmocka_unit_test(capacities),
		cmocka_unit_test(write_protection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
