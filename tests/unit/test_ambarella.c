/* test_ambarella: the bytes of the three languages of 4255:0001, against documented ones. */
#include "../../usb/vendor/ambarella.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void request_blocks(void **state)
{
	uint8_t out[AMBA_REQUEST_BYTES];
	static const uint8_t zeros[AMBA_REQUEST_BYTES];
	static const uint8_t right[10] = { 0xa1, 0x12, 1 }, wrong[10] = { 0xa1, 0x12, 0 },
			     noise[10] = { 0x5a, 0x5a, 0x5a };

	(void)state;
	assert_true(amba_request_login(out, "123456"));
	assert_memory_equal(out,
	    "\xa1\x12\x00\x12"
	    "123456",
	    10);
	assert_memory_equal(out + 10, zeros, sizeof(out) - 10);
	assert_false(amba_request_login(out, ""));
	amba_request_disk(out);
	assert_memory_equal(out, "\xa1\x23\x00\x23", 4);
	assert_memory_equal(out + 4, zeros, sizeof(out) - 4);
	assert_int_equal(amba_request_answer(right, 10), 1);
	assert_int_equal(amba_request_answer(wrong, 10), 0);
	assert_int_equal(amba_request_answer(noise, 10), -1);
	assert_int_equal(amba_request_answer(right, 2), -1);
}

static void blocks(void **state)
{
	static const uint8_t ping[] = { 0xa1, 0xb2, 0xc3, 0xd4, 0, 0xe1, 0, 0x20, 0, 0, 0, 0, 0,
		0 };
	static const uint8_t time[] = { 0xa1, 0xb2, 0xc3, 0xd4, 0, 0xe1, 0, 0x41, 0, 0x07, 0xe8, 2,
		29, 23, 59, 58 };
	uint8_t out[AMBA_BLOCK_BYTES_MAX], face[AMBA_BLOCK_TIME_BYTES];

	(void)state;
	assert_int_equal(amba_block_put(out, AMBA_BLOCK_PING, NULL, 0), 14);
	assert_memory_equal(out, ping, sizeof(ping));
	assert_true(amba_block_time_put(face, 1709251198));
	assert_int_equal(amba_block_put(out, AMBA_BLOCK_SYNC_TIME, face, sizeof(face)), 16);
	assert_memory_equal(out, time, sizeof(time));
	assert_true(amba_block_time(face, sizeof(face)) == 1709251198);
	assert_int_equal(amba_block_put(out, AMBA_BLOCK_STORAGE, NULL, 0), 9);
	assert_int_equal(out[7], 0x51);
	assert_int_equal(amba_block_put(out, AMBA_BLOCK_USER_LOGIN, "1234567", 7), 0);
	assert_int_equal(amba_block_put(out, AMBA_BLOCK_READ_IDS, NULL, 0), 109);
	assert_int_equal(out[7], 0x30);
}

static void block_answers(void **state)
{
	uint8_t in[14] = { 0xa1, 0xb2, 0xc3, 0xd4, 0, 0xe1, 0x80, 0x20, 0, 'A', 'B', 'C', 'D',
		'E' };
	const uint8_t *data;
	size_t len;

	(void)state;
	data = amba_block_answer(in, sizeof(in), &len);
	assert_non_null(data);
	assert_true(amba_block_is_ping(data, len));
	assert_false(amba_block_is_ping(data, 4));
	assert_null(amba_block_answer(in, 8, &len));
	in[6] = 0xff;
	assert_null(amba_block_answer(in, sizeof(in), &len));
	assert_int_equal(amba_block_battery((const uint8_t *)"\x64", 1), 100);
	assert_int_equal(amba_block_battery((const uint8_t *)"\x65", 1), -1);
	assert_int_equal(amba_block_battery(NULL, 0), -1);
}

static void block_ids(void **state)
{
	uint8_t ids[AMBA_BLOCK_IDS_BYTES] = { 0 }, before[AMBA_BLOCK_IDS_BYTES];
	struct vendor_facts f;

	(void)state;
	memcpy(ids, "CAM-00042", 9);
	memcpy(ids + 9, "OFF-7001", 8);
	memcpy(ids + 17, "ADA EXAMPLE", 11);
	memcpy(ids + 52, "UNIT-12345678901", 16);
	memcpy(ids + 68, "NORTH STATION", 13);
	assert_true(amba_block_ids_read(ids, sizeof(ids), &f));
	assert_string_equal(f.camera, "CAM-00042");
	assert_string_equal(f.officer, "OFF-7001");
	assert_string_equal(f.unit, "UNIT-12345678901");
	assert_false(amba_block_ids_read(ids, sizeof(ids) - 1, &f));
	memcpy(before, ids, sizeof(ids));
	assert_true(amba_block_ids_put(ids, "", "U2"));
	assert_memory_equal(ids, before, 52);
	assert_memory_equal(ids + 52, "U2\0\0", 4);
	assert_memory_equal(ids + 68, before + 68, 32);
	assert_false(amba_block_ids_put(ids, "123456789", ""));
}

static void lines(void **state)
{
	char out[AMBA_TEXT_MAX];

	(void)state;
	assert_int_equal(amba_text_login(out, "00000000"), 17);
	assert_string_equal(out, "@Ver;8;00000000;#");
	assert_int_equal(amba_text_login(out, "1;#@ATH"), 0);
	assert_int_equal(amba_text_login(out, ""), 0);
	assert_int_equal(amba_text_put(out, AMBA_TEXT_SDT, 1709251198), 17);
	assert_string_equal(out, "@Sdt;8;20240229;#");
	amba_text_put(out, AMBA_TEXT_STM, 1709251198);
	assert_string_equal(out, "@Stm;6;23595800;#");
	amba_text_put(out, AMBA_TEXT_GDV, 0);
	assert_string_equal(out, "@Gdv;8;12345678;#");
	amba_text_put(out, AMBA_TEXT_ATH, 0);
	assert_string_equal(out, "@ATH;8;12345678;#");
	assert_int_equal(amba_text_put(out, AMBA_TEXT_SDT, -5), 0);
	assert_int_equal(amba_text_put(out, AMBA_TEXT_VER, 0), 0);
}

static int login_answer(const char *line)
{
	return amba_text_login_answer((const uint8_t *)line, strlen(line));
}

static void line_answers(void **state)
{
	struct vendor_facts f = { .battery_percent = -1 };
	static const char id[] = "@Gdv;7;BC00123;#";

	(void)state;
	assert_int_equal(login_answer("@Ver;OK;#"), 1);
	assert_int_equal(login_answer("@Ver;ERR;#"), 0);
	assert_int_equal(login_answer("ZZZZ"), -1);
	assert_int_equal(login_answer(""), -1);
	assert_true(amba_text_is_done((const uint8_t *)"@Sdt;OK;#", 9, AMBA_TEXT_SDT));
	assert_false(amba_text_is_done((const uint8_t *)"@ERR;#", 6, AMBA_TEXT_SDT));
	assert_false(amba_text_is_done((const uint8_t *)"@Sdt;ERROR;#", 12, AMBA_TEXT_SDT));
	assert_true(amba_text_id((const uint8_t *)id, strlen(id), &f));
	assert_string_equal(f.camera, "BC00123");
	assert_false(amba_text_id((const uint8_t *)"@Gdv;7", 6, &f));
	assert_false(amba_text_id((const uint8_t *)"@Gdv;7;;#", 9, &f));
	assert_true(
	    amba_text_id((const uint8_t *)"@Gdv;7;X1#", 10, &f)); /* as the source cuts it */
	assert_string_equal(f.camera, "X1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_blocks),
		cmocka_unit_test(blocks),
		cmocka_unit_test(block_answers),
		cmocka_unit_test(block_ids),
		cmocka_unit_test(lines),
		cmocka_unit_test(line_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
