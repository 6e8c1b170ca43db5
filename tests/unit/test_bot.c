/*
 * wrapper: how a bulk-only command comes to its end, transfer by transfer, in step and out of it.
 */
#include "../../usb/disk/wrapper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define TAG 0x01020304u

static uint8_t packet[2048];

static const uint8_t *status(uint32_t tag, uint32_t residue, uint8_t value, size_t at)
{
	memcpy(packet + at, "USBS", 4);
	buf_put_le(packet + at + 4, tag, 4);
	buf_put_le(packet + at + 8, residue, 4);
	packet[at + 12] = value;
	return packet;
}

static struct exchange asked(uint32_t len)
{
	struct exchange x;

	exchange_begin(&x, TAG, len, true);
	memset(packet, 0x5A, sizeof(packet));
	return x;
}

static enum exchange_next take(struct exchange *x, size_t len, size_t room, size_t expect)
{
	size_t data = 99;
	enum exchange_next n = exchange_take(x, packet, len, room, false, &data);

	assert_int_equal(data, expect);
	return n;
}

static enum exchange_next stall(struct exchange *x, size_t len, size_t expect)
{
	size_t data = 99;
	enum exchange_next n = exchange_take(x, packet, len, 512, true, &data);

	assert_int_equal(data, expect);
	return n;
}

static void command_is_31_bytes(void **state)
{
	static const uint8_t cdb[] = { 0x28, 1, 2 };
	static const uint8_t expect[WRAPPER_COMMAND_BYTES] = { 'U', 'S', 'B', 'C', 4, 3, 2, 1, 0, 2,
		0, 0, 0x80, 5, 3, 0x28, 1, 2 };
	uint8_t out[WRAPPER_COMMAND_BYTES];

	(void)state;
	wrapper_command(out, TAG, 512, true, 5, cdb, sizeof(cdb));
	assert_memory_equal(out, expect, sizeof(out));
	wrapper_command(out, TAG, 512, false, 16, cdb, sizeof(cdb));
	assert_int_equal(out[12], 0);
	assert_int_equal(out[13], 0);
}

static void data_then_status(void **state)
{
	struct exchange x = asked(1024);

	(void)state;
	assert_int_equal(take(&x, 512, 512, 512), EXCHANGE_GO_ON);
	assert_int_equal(x.phase, EXCHANGE_DATA);
	assert_int_equal(take(&x, 512, 512, 512), EXCHANGE_GO_ON);
	assert_int_equal(x.phase, EXCHANGE_STATUS);
	status(TAG, 7, 1, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
	assert_int_equal(x.status.status, 1);
	assert_int_equal(x.moved, 1024);
	assert_int_equal(exchange_valid(&x), 1017);
	assert_false(x.odd);
}

/* 6.7.2: a device may fill up, and says by the residue how much of what moved is fill. */
static void fill_is_no_data(void **state)
{
	static const uint32_t residue[][2] = { { 0, 1024 }, { 512, 512 }, { 1024, 0 }, { 1025, 0 },
		{ UINT32_MAX, 0 } };
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < sizeof(residue) / sizeof(residue[0]); i++) {
		x = asked(1024);
		take(&x, 1024, 1024, 1024);
		status(TAG, residue[i][0], 0, 0);
		assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
		assert_int_equal(exchange_valid(&x), residue[i][1]);
	}
	/* less moved than it claims: no more than that */
	x = asked(1024);
	take(&x, 100, 1024, 100);
	status(TAG, 512, 0, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
	assert_int_equal(exchange_valid(&x), 100);
}

static void no_data_or_sent_data(void **state)
{
	struct exchange x = asked(0);

	(void)state;
	assert_int_equal(x.phase, EXCHANGE_STATUS);
	status(TAG, 0, 0, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
	exchange_begin(&x, TAG, 16, false);
	assert_int_equal(x.moved, 16);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
	/* nothing may come behind it */
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_RESET);
}

static void short_data_end_the_phase(void **state)
{
	struct exchange x = asked(1024);

	(void)state;
	assert_int_equal(take(&x, 100, 512, 100), EXCHANGE_GO_ON);
	assert_int_equal(x.phase, EXCHANGE_STATUS);
	status(TAG, 924, 0, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
	assert_int_equal(x.moved, 100);
}

static void stalls(void **state)
{
	struct exchange x = asked(1024);

	(void)state;
	assert_int_equal(stall(&x, 64, 64), EXCHANGE_CLEAR_HALT);
	assert_int_equal(x.phase, EXCHANGE_STATUS);
	assert_int_equal(stall(&x, 0, 0), EXCHANGE_CLEAR_HALT);
	status(TAG, 960, 1, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
	assert_int_equal(x.moved, 64);
	x = asked(0);
	assert_int_equal(stall(&x, 0, 0), EXCHANGE_CLEAR_HALT);
	assert_int_equal(stall(&x, 0, 0), EXCHANGE_RESET);
}

static void status_where_data_were_due(void **state)
{
	struct exchange x = asked(4096);

	(void)state;
	status(TAG, 4096, 1, 0);
	assert_int_equal(take(&x, 13, 4096, 0), EXCHANGE_OVER);
	assert_true(x.odd);
	assert_int_equal(x.moved, 0);
	/* merged with the last data: all of them, or so many as the residue leaves */
	x = asked(512);
	status(TAG, 0, 0, 512);
	assert_int_equal(take(&x, 525, 1024, 512), EXCHANGE_OVER);
	assert_int_equal(x.moved, 512);
	x = asked(512);
	status(TAG, 412, 0, 100);
	assert_int_equal(take(&x, 113, 1024, 100), EXCHANGE_OVER);
	assert_int_equal(x.moved, 100);
	/* data that only look so */
	x = asked(512);
	status(TAG, 411, 0, 100);
	assert_int_equal(take(&x, 113, 1024, 113), EXCHANGE_GO_ON);
	assert_int_equal(x.phase, EXCHANGE_STATUS);
	x = asked(512);
	status(TAG + 1, 512, 0, 0);
	assert_int_equal(take(&x, 13, 512, 13), EXCHANGE_GO_ON);
}

static void thirteen_bytes_of_data(void **state)
{
	struct exchange x = asked(13);

	(void)state;
	/* as many as were asked for are data, whatever they look like ... */
	status(TAG, 0, 0, 0);
	assert_int_equal(take(&x, 13, 512, 13), EXCHANGE_GO_ON);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
	assert_int_equal(x.moved, 13);
	/* ... but where the residue says that none came */
	x = asked(13);
	status(TAG, 13, 1, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_OVER);
	assert_int_equal(x.moved, 0);
	/* in a transfer that is full they are data */
	x = asked(4096);
	status(TAG, 3584, 0, 499);
	assert_int_equal(take(&x, 512, 512, 512), EXCHANGE_GO_ON);
	assert_int_equal(x.phase, EXCHANGE_DATA);
}

static void out_of_step(void **state)
{
	struct exchange x = asked(0);

	(void)state;
	status(TAG + 1, 0, 0, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_RESET);
	x = asked(0);
	status(TAG, 0, 2, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_RESET);
	x = asked(0);
	status(TAG, 0, 3, 0);
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_RESET);
	x = asked(0);
	status(TAG, 0, 0, 0);
	assert_int_equal(take(&x, 12, 512, 0), EXCHANGE_RESET);
	x = asked(0);
	status(TAG, 0, 0, 0);
	packet[0] = 'X';
	assert_int_equal(take(&x, 13, 512, 0), EXCHANGE_RESET);
}

static void more_than_asked_is_passed_over(void **state)
{
	struct exchange x = asked(36);

	(void)state;
	assert_int_equal(take(&x, 64, 512, 36), EXCHANGE_GO_ON);
	assert_int_equal(x.moved, 36);
	assert_int_equal(x.phase, EXCHANGE_STATUS);
}

static void empty_packets_before_the_status(void **state)
{
	struct exchange x = asked(512);

	(void)state;
	assert_int_equal(take(&x, 512, 512, 512), EXCHANGE_GO_ON);
	assert_int_equal(take(&x, 0, 512, 0), EXCHANGE_GO_ON);
	assert_int_equal(take(&x, 0, 512, 0), EXCHANGE_GO_ON);
	assert_int_equal(take(&x, 0, 512, 0), EXCHANGE_RESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_is_31_bytes),
		cmocka_unit_test(data_then_status),
		cmocka_unit_test(fill_is_no_data),
		cmocka_unit_test(no_data_or_sent_data),
		cmocka_unit_test(short_data_end_the_phase),
		cmocka_unit_test(stalls),
		cmocka_unit_test(status_where_data_were_due),
		cmocka_unit_test(thirteen_bytes_of_data),
		cmocka_unit_test(out_of_step),
		cmocka_unit_test(more_than_asked_is_passed_over),
		cmocka_unit_test(empty_packets_before_the_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
