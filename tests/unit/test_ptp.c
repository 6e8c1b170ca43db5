/*
 * ptp, reply and descriptor: what a camera may send, right and wrong, as bytes.
 */
#include "../../usb/descriptor.h"
#include "../../usb/name.h"
#include "../../usb/ptp/ptp_property.h"
#include "../../usb/ptp/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- making bytes ---- */

struct bytes {
	uint8_t at[2048];
	size_t len;
};

static void put(struct bytes *b, uint64_t v, size_t n)
{
	buf_put_le(b->at + b->len, v, n);
	b->len += n;
}

static void put_text(struct bytes *b, const char *ascii)
{
	size_t n = ptp_text_write(b->at + b->len, sizeof(b->at) - b->len, ascii);

	assert_true(n > 0);
	b->len += n;
}

static struct bytes container(uint16_t type, uint16_t code, uint32_t transaction, uint32_t length)
{
	struct bytes b = { .len = 0 };

	put(&b, length, 4);
	put(&b, type, 2);
	put(&b, code, 2);
	put(&b, transaction, 4);
	return b;
}

static struct bytes response(uint16_t code, uint32_t transaction)
{
	return container(PTP_RESPONSE, code, transaction, 12);
}

/* ---- strings ---- */

static void text_is_utf8(void **state)
{
	/* "aé€😀" and two NULs of padding */
	static const uint8_t raw[] = { 7, 'a', 0, 0xE9, 0, 0xAC, 0x20, 0x3D, 0xD8, 0x00, 0xDE, 0, 0,
		0, 0 };
	struct buf b = buf_of(raw, sizeof(raw));
	char out[PTP_TEXT_LEN];
	bool odd = true;

	(void)state;
	ptp_text(&b, out, &odd);
	assert_string_equal(out, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
	assert_false(odd);
	assert_false(b.broken);
}

static void text_that_is_broken_is_marked(void **state)
{
	static const uint8_t lone[] = { 2, 'x', 0, 0x00, 0xD8 };
	static const uint8_t swapped[] = { 3, 0x00, 0xDE, 0x3D, 0xD8, 'z', 0 };
	static const uint8_t nul[] = { 3, 'a', 0, 0, 0, 'b', 0 };
	char out[PTP_TEXT_LEN];
	struct buf b = buf_of(lone, sizeof(lone));
	bool odd = false;

	(void)state;
	ptp_text(&b, out, &odd);
	assert_string_equal(out, "x\xEF\xBF\xBD");
	assert_true(odd);
	b = buf_of(swapped, sizeof(swapped));
	ptp_text(&b, out, &odd);
	assert_string_equal(out, "\xEF\xBF\xBD\xEF\xBF\xBDz");
	assert_true(odd);
	b = buf_of(nul, sizeof(nul));
	ptp_text(&b, out, &odd);
	assert_string_equal(out,
	    "a\xEF\xBF\xBD"
	    "b");
	assert_true(odd);
}

static void text_past_the_end_is_nothing(void **state)
{
	static const uint8_t raw[] = { 255, 'a', 0, 'b', 0 };
	struct buf b = buf_of(raw, sizeof(raw));
	char out[PTP_TEXT_LEN] = "before";

	(void)state;
	ptp_text(&b, out, NULL);
	assert_true(b.broken);
	assert_string_equal(out, "");
}

static void longest_text_fits(void **state)
{
	uint8_t raw[1 + 255 * 2];
	struct buf b = buf_of(raw, sizeof(raw));
	char out[PTP_TEXT_LEN];

	(void)state;
	raw[0] = 255;
	for (size_t i = 1; i < sizeof(raw); i += 2)
		buf_put_le(raw + i, 0x20AC, 2);
	ptp_text(&b, out, NULL);
	assert_int_equal(strlen(out), 765);
}

static void names_become_parts_of_a_path(void **state)
{
	char out[PTP_TEXT_LEN + 20], other[PTP_TEXT_LEN + 20];

	(void)state;
	assert_false(name_clean("clip 1.mp4", false, out, sizeof(out)));
	assert_string_equal(out, "clip 1.mp4");
	assert_true(name_clean("../../etc/passwd", false, out, sizeof(out)));
	assert_null(strchr(out, '/'));
	assert_true(name_clean("..", false, out, sizeof(out)));
	assert_int_equal(out[0], '_');
	assert_true(name_clean("", false, other, sizeof(other)));
	assert_string_not_equal(out, other);
	assert_true(name_clean("a\nb", false, out, sizeof(out)));
	assert_true(name_clean("a_b", true, other, sizeof(other)));
	assert_string_not_equal(out, other); /* two stay two */
}

/* ---- times ---- */

static void times_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t time_s;
	} cases[] = {
		{ "19700101T000000", 0 },
		{ "20261121T030405", 1795230245 },
		{ "20240229T235959.0", 1709251199 },
		{ "20261121T030405Z", 1795230245 },
		{ "20261121T030405+0930", 1795230245 }, /* the clock face counts */
		{ "19691231T235959", -1 },
		{ "", PTP_NO_TIME },
		{ "20230229T000000", PTP_NO_TIME },
		{ "20261321T030405", PTP_NO_TIME },
		{ "20261100T030405", PTP_NO_TIME },
		{ "20261121T240000", PTP_NO_TIME },
		{ "20261121 030405", PTP_NO_TIME },
		{ "2026112 T030405", PTP_NO_TIME },
		{ "00000000T000000", PTP_NO_TIME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ptp_time(cases[i].text, NULL), cases[i].time_s);
}

static void times_are_written_as_read(void **state)
{
	char text[24];

	(void)state;
	for (int64_t t = -2208988800; t < 253402300800; t += 86400 * 11 + 3607) {
		assert_true(ptp_time_write(t, text, sizeof(text)));
		assert_int_equal(ptp_time(text, NULL), t);
	}
	assert_false(ptp_time_write(INT64_MIN, text, sizeof(text)));
	assert_false(ptp_time_write(INT64_MAX, text, sizeof(text)));
	assert_false(ptp_time_write(0, text, 15));
}

/* ---- datasets ---- */

static struct bytes object_info(void)
{
	struct bytes b = { .len = 0 };

	put(&b, 0x10001, 4);
	put(&b, 0x300B, 2);
	put(&b, 1, 2);
	put(&b, 1234, 4);
	put(&b, 0, 2);
	put(&b, 0, 8);
	put(&b, 0, 8);
	put(&b, 0, 8);
	put(&b, 77, 4);
	put(&b, 0, 8);
	put(&b, 0, 2);
	put_text(&b, "clip.mp4");
	put_text(&b, "20250101T000000");
	put_text(&b, "20260101T000000");
	put_text(&b, "");
	return b;
}

static void object_info_is_read(void **state)
{
	struct bytes b = object_info();
	struct ptp_object o;

	(void)state;
	assert_true(ptp_object_read(b.at, b.len, &o));
	assert_int_equal(o.storage, 0x10001);
	assert_int_equal(o.format, 0x300B);
	assert_int_equal(o.protection, 1);
	assert_int_equal(o.size_bytes, 1234);
	assert_int_equal(o.parent, 77);
	assert_string_equal(o.name, "clip.mp4");
	assert_int_equal(o.mtime_s, 1767225600);
	for (size_t len = 0; len < 53 + 17; len++)
		assert_false(ptp_object_read(b.at, len, &o)); /* cut before the end of the name */
}

static void device_info_is_read(void **state)
{
	struct bytes b = { .len = 0 };
	struct ptp_device d;

	(void)state;
	put(&b, 100, 2);
	put(&b, 6, 4);
	put(&b, 100, 2);
	put_text(&b, "microsoft.com: 1.0;");
	put(&b, 0, 2);
	put(&b, 2, 4);
	put(&b, 0x1001, 2);
	put(&b, 0x95C1, 2);
	put(&b, 0, 4);
	put(&b, 1, 4);
	put(&b, 0x5001, 2);
	put(&b, 0, 4);
	put(&b, 0, 4);
	put_text(&b, "Maker");
	put_text(&b, "Model  ");
	assert_true(ptp_device_read(b.at, b.len, &d)); /* two strings are left out */
	assert_true(ptp_device_can(&d, 0x95C1));
	assert_false(ptp_device_can(&d, 0x101B));
	assert_true(ptp_device_has(&d, 0x5001));
	assert_string_equal(d.model, "Model");
	assert_string_equal(d.serial, "");
	buf_put_le(b.at + 2 + 4 + 2 + 41 + 2, 0xFFFFFFFF, 4); /* four thousand million operations */
	assert_false(ptp_device_read(b.at, b.len, &d));
}

static void arrays_are_cut_to_what_is_there(void **state)
{
	struct bytes b = { .len = 0 };
	uint32_t out[4] = { 0 };

	(void)state;
	put(&b, 0xFFFFFFFF, 4);
	put(&b, 5, 4);
	put(&b, 6, 4);
	put(&b, 7, 3);
	assert_int_equal(ptp_array_read(b.at, b.len, out, 4), 2);
	assert_int_equal(out[1], 6);
	assert_int_equal(ptp_array_read(b.at, b.len, out, 1), 1);
	assert_int_equal(ptp_array_read(b.at, 3, out, 4), -1);
}

static void property_lists_are_read(void **state)
{
	struct bytes b = { .len = 0 };
	struct ptp_element e;
	struct buf at;

	(void)state;
	put(&b, 9, 4);
	put(&b, PTP_OBJECT_SIZE, 2);
	put(&b, 8, 2);
	put(&b, 5000000000, 8);
	put(&b, 9, 4);
	put(&b, 0xDC41, 2);
	put(&b, 10, 2);
	put(&b, 1, 8);
	put(&b, 0, 8);
	put(&b, 9, 4);
	put(&b, 0xDC48, 2);
	put(&b, 0x4004, 2);
	put(&b, 2, 4);
	put(&b, 0, 4);
	put(&b, 9, 4);
	put(&b, PTP_OBJECT_NAME, 2);
	put(&b, 0xFFFF, 2);
	put_text(&b, "x.mp4");
	at = buf_of(b.at, b.len);
	assert_true(ptp_element_read(&at, &e));
	assert_int_equal(e.number, 5000000000);
	assert_true(ptp_element_read(&at, &e));
	assert_true(ptp_element_read(&at, &e));
	assert_true(ptp_element_read(&at, &e));
	assert_true(e.is_text);
	assert_string_equal(e.text, "x.mp4");
	assert_false(ptp_element_read(&at, &e));
	buf_put_le(b.at + 6, 0x0BAD, 2); /* a type that does not exist */
	at = buf_of(b.at, b.len);
	assert_false(ptp_element_read(&at, &e));
}

/* ---- replies ---- */

static struct reply begin(uint64_t payload_max, bool exact)
{
	struct reply r;

	reply_begin(&r, PTP_GET_PARTIAL, 5, payload_max, exact, false);
	return r;
}

static struct bytes data(uint32_t length, size_t payload)
{
	struct bytes b = container(PTP_DATA, PTP_GET_PARTIAL, 5, length);

	memset(b.at + b.len, 'p', payload);
	b.len += payload;
	return b;
}

#define FEED(r, b, ended, piece) reply_feed(r, (b).at, (b).len, ended, piece)

static void reply_in_one_and_response(void **state)
{
	struct reply r = begin(100, true);
	struct bytes d = data(112, 100), end = response(PTP_OK, 5);
	struct reply_piece piece;

	(void)state;
	assert_null(FEED(&r, d, true, &piece));
	assert_int_equal(piece.len, 100);
	assert_int_equal(r.phase, REPLY_RESPONSE);
	assert_null(FEED(&r, end, true, &piece));
	assert_int_equal(r.phase, REPLY_DONE);
	assert_int_equal(r.code, PTP_OK);
	assert_false(r.short_data);
}

static void reply_zero_packets(void **state)
{
	struct bytes d = data(512, 500), end = response(PTP_OK, 5), none = { .len = 0 };
	struct reply_piece piece;

	(void)state;
	for (int zeros = 0; zeros < 3; zeros++) {
		struct reply r = begin(500, true);

		assert_null(FEED(&r, d, false, &piece));
		for (int i = 0; i < zeros; i++)
			assert_null(FEED(&r, none, true, &piece));
		assert_null(FEED(&r, end, true, &piece));
		assert_int_equal(r.code, PTP_OK);
		assert_false(r.short_data);
	}
}

static void reply_surplus_byte_for_zero_packet(void **state)
{
	struct reply r = begin(500, true);
	struct bytes d = data(512, 500), end = response(PTP_OK, 5), one = { .len = 1 };
	struct reply_piece piece;

	(void)state;
	assert_null(FEED(&r, d, false, &piece));
	assert_null(FEED(&r, one, true, &piece));
	assert_null(FEED(&r, end, true, &piece));
	assert_int_equal(r.phase, REPLY_DONE);
	r = begin(500, true);
	d.len++; /* or behind the data in the same transfer */
	assert_null(FEED(&r, d, true, &piece));
	assert_int_equal(piece.len, 500);
	assert_int_equal(r.phase, REPLY_RESPONSE);
}

static void reply_response_behind_the_data(void **state)
{
	struct reply r = begin(500, true);
	struct bytes d = data(512, 500), end = response(PTP_OK, 5);
	struct reply_piece piece;

	(void)state;
	memcpy(d.at + d.len, end.at, end.len);
	d.len += end.len;
	assert_null(FEED(&r, d, true, &piece));
	assert_int_equal(piece.len, 500);
	assert_int_equal(r.phase, REPLY_DONE);
}

static void reply_head_alone(void **state)
{
	struct reply r = begin(100, true);
	struct bytes head = data(112, 0), end = response(PTP_OK, 5), rest = { .len = 100 };
	struct reply_piece piece;

	(void)state;
	assert_null(FEED(&r, head, true, &piece));
	assert_int_equal(piece.len, 0);
	assert_null(FEED(&r, rest, true, &piece));
	assert_int_equal(piece.len, 100);
	assert_null(FEED(&r, end, true, &piece));
	assert_int_equal(r.phase, REPLY_DONE);
	assert_false(r.short_data);
}

static void reply_of_unknown_length(void **state)
{
	struct reply r = begin(700, true);
	struct bytes d = data(PTP_LENGTH_UNKNOWN, 500), rest = { .len = 200 };
	struct bytes end = response(PTP_OK, 5);
	struct reply_piece piece;

	(void)state;
	assert_null(FEED(&r, d, false, &piece));
	assert_null(FEED(&r, rest, true, &piece));
	assert_null(FEED(&r, end, true, &piece));
	assert_int_equal(r.payload_bytes, 700);
	r = begin(700, false); /* where nothing says how much it may be */
	assert_non_null(FEED(&r, d, false, &piece));
}

static void reply_that_ends_early_says_so(void **state)
{
	struct reply r = begin(500, true);
	struct bytes d = data(512, 300), end = response(PTP_OK, 5);
	struct reply_piece piece;

	(void)state;
	assert_null(FEED(&r, d, true, &piece));
	assert_null(FEED(&r, end, true, &piece));
	assert_true(r.short_data);
}

static void reply_with_wrong_heads_is_refused(void **state)
{
	struct bytes wrong[] = {
		container(PTP_DATA, PTP_GET_PARTIAL, 6, 112), /* transaction */
		container(PTP_DATA, PTP_GET_OBJECT, 5, 112),  /* code */
		container(PTP_DATA, PTP_GET_PARTIAL, 5, 11),  /* length below a head's */
		container(PTP_DATA, PTP_GET_PARTIAL, 5, 113), /* more than was asked for */
		container(PTP_EVENT, 0x4002, 5, 12),
		container(PTP_COMMAND, PTP_GET_PARTIAL, 5, 12),
		container(PTP_RESPONSE, PTP_OK, 4, 12),
		container(PTP_RESPONSE, PTP_OK, 5, 5),
		container(PTP_RESPONSE, PTP_OK, 5, 32), /* longer than what came */
		{ .len = 11 },
	};
	struct reply_piece piece;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct reply r = begin(100, true);

		assert_non_null(FEED(&r, wrong[i], true, &piece));
		assert_int_equal(piece.len, 0);
	}
}

static void reply_headers_can_be_ignored(void **state)
{
	struct bytes d = container(PTP_DATA, 0x1234, 99, 12), end = response(PTP_OK, 98);
	struct reply_piece piece;
	struct reply r;

	(void)state;
	reply_begin(&r, PTP_GET_PARTIAL, 5, 100, true, true);
	assert_null(FEED(&r, d, true, &piece));
	assert_null(FEED(&r, end, true, &piece));
	assert_int_equal(r.phase, REPLY_DONE);
}

static void reply_of_empty_packets_ends(void **state)
{
	struct reply r = begin(100, true);
	struct bytes none = { .len = 0 };
	struct reply_piece piece;
	const char *wrong = NULL;

	(void)state;
	for (int i = 0; i < 10 && !wrong; i++)
		wrong = FEED(&r, none, true, &piece);
	assert_non_null(wrong);
}

/* ---- descriptors ---- */

/* Device, one configuration, one interface 06/01/01 with three endpoints. */
static struct bytes descriptors(void)
{
	static const uint8_t rest[] = {
		9,
		2,
		39,
		0,
		1,
		1,
		0,
		0x80,
		50,
		9,
		4,
		0,
		0,
		3,
		6,
		1,
		1,
		4,
		7,
		5,
		0x81,
		2,
		0x00,
		0x02,
		0,
		7,
		5,
		0x02,
		2,
		0x00,
		0x02,
		0,
		7,
		5,
		0x83,
		3,
		28,
		0,
		6,
	};
	struct bytes b = { .len = 18 };

	b.at[0] = 18;
	b.at[1] = 1;
	memcpy(b.at + 18, rest, sizeof(rest));
	b.len += sizeof(rest);
	return b;
}

static void interfaces_are_found(void **state)
{
	struct bytes b = descriptors();
	struct usb_interface out[DESCRIPTOR_INTERFACES];

	(void)state;
	assert_int_equal(descriptor_interfaces(b.at, b.len, 0, out), 1);
	assert_int_equal(out[0].class, 6);
	assert_int_equal(out[0].in, 0x81);
	assert_int_equal(out[0].out, 0x02);
	assert_int_equal(out[0].event, 0x83);
	assert_int_equal(out[0].in_packet_bytes, 512);
	assert_int_equal(out[0].name_index, 4);
}

static void hostile_descriptors_do_no_harm(void **state)
{
	struct bytes b = descriptors();
	struct usb_interface out[DESCRIPTOR_INTERFACES];

	(void)state;
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *cut = malloc(len ? len : 1); /* so that a sanitizer sees a step too far */

		memcpy(cut, b.at, len);
		descriptor_interfaces(cut, len, 1, out);
		free(cut);
	}
	b.at[18 + 18] = 250; /* the first endpoint is longer than the rest */
	assert_int_equal(descriptor_interfaces(b.at, b.len, 1, out), 1);
	assert_int_equal(out[0].in, 0);
	b = descriptors();
	b.at[18 + 18] = 0; /* a length of nothing must not stop the world */
	assert_int_equal(descriptor_interfaces(b.at, b.len, 1, out), 1);
	b = descriptors();
	b.at[18 + 18 + 4] = 0xFF; /* wMaxPacketSize 0xFFFF, and then 0 */
	b.at[18 + 18 + 5] = 0xFF;
	descriptor_interfaces(b.at, b.len, 1, out);
	assert_int_equal(out[0].in_packet_bytes, 1024);
	b.at[18 + 18 + 4] = b.at[18 + 18 + 5] = 0;
	descriptor_interfaces(b.at, b.len, 1, out);
	assert_int_equal(out[0].in_packet_bytes, 8);
	b = descriptors();
	b.at[18 + 2] = b.at[18 + 3] = 0; /* wTotalLength 0 */
	assert_int_equal(descriptor_interfaces(b.at, b.len, 1, out), 0);
}

/* A DevicePropDesc: code, type, settable, default, current. */
static struct bytes property(uint16_t type, uint64_t now, size_t n)
{
	struct bytes b = { .len = 0 };

	put(&b, 0xD801, 2);
	put(&b, type, 2);
	put(&b, 1, 1);
	put(&b, 0, n);
	put(&b, now, n);
	return b;
}

static void properties_of_each_type(void **state)
{
	static const struct {
		uint16_t type;
		size_t n;
		uint64_t now;
		const char *is, *is_not, *largest, *too_large;
	} cases[] = {
		{ 1, 1, 0xFF, "-1", "255", "127", "128" },
		{ 2, 1, 7, "7", "8", "0xff", "256" },
		{ 3, 2, 0x8000, "-32768", "1", "32767", "32768" },
		{ 4, 2, 0x1234, "0x1234", "0x1235", "65535", "65536" },
		{ 5, 4, 1, "1", "2", "2147483647", "2147483648" },
		{ 6, 4, 0, "0", "1", "4294967295", "-1" },
		{ 7, 8, UINT64_MAX, "-1", "1", "9223372036854775807", "9223372036854775808" },
		{ 8, 8, 5, "5", "6", "18446744073709551615", "18446744073709551616" },
	};
	struct ptp_setting p;
	uint8_t out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes b = property(cases[i].type, cases[i].now, cases[i].n);

		assert_true(ptp_property_read(b.at, b.len, &p));
		assert_true(p.settable);
		assert_false(ptp_property_read(b.at, b.len - 1, &p));
		assert_true(ptp_property_read(b.at, b.len, &p));
		assert_true(ptp_property_is(&p, cases[i].is));
		assert_false(ptp_property_is(&p, cases[i].is_not));
		assert_int_equal(
		    ptp_property_write(&p, cases[i].largest, out, sizeof(out)), cases[i].n);
		assert_int_equal(ptp_property_write(&p, cases[i].too_large, out, sizeof(out)), 0);
		assert_int_equal(ptp_property_write(&p, "5 ", out, sizeof(out)), 0);
		assert_int_equal(ptp_property_write(&p, "", out, sizeof(out)), 0);
		assert_int_equal(ptp_property_write(&p, "five", out, sizeof(out)), 0);
	}
}

static void properties_of_text(void **state)
{
	struct bytes b = { .len = 0 };
	struct ptp_setting p;
	uint8_t out[512];

	(void)state;
	put(&b, 0xD402, 2);
	put(&b, 0xFFFF, 2);
	put(&b, 0, 1);
	put_text(&b, "factory");
	put_text(&b, "O-217");
	assert_true(ptp_property_read(b.at, b.len, &p));
	assert_false(p.settable);
	assert_true(ptp_property_is(&p, "O-217"));
	assert_false(ptp_property_is(&p, "factory"));
	assert_true(ptp_property_write(&p, "O-218", out, sizeof(out)) == 1 + 2 * 6);
	assert_int_equal(ptp_property_write(&p, "\xC3\xA9", out, sizeof(out)), 0);
	b.at[2] = 0x04; /* an array of numbers */
	b.at[3] = 0x40;
	assert_false(ptp_property_read(b.at, b.len, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(properties_of_each_type),
		cmocka_unit_test(properties_of_text),
		cmocka_unit_test(text_is_utf8),
		cmocka_unit_test(text_that_is_broken_is_marked),
		cmocka_unit_test(text_past_the_end_is_nothing),
		cmocka_unit_test(longest_text_fits),
		cmocka_unit_test(names_become_parts_of_a_path),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(times_are_written_as_read),
		cmocka_unit_test(object_info_is_read),
		cmocka_unit_test(device_info_is_read),
		cmocka_unit_test(arrays_are_cut_to_what_is_there),
		cmocka_unit_test(property_lists_are_read),
		cmocka_unit_test(reply_in_one_and_response),
		cmocka_unit_test(reply_zero_packets),
		cmocka_unit_test(reply_surplus_byte_for_zero_packet),
		cmocka_unit_test(reply_response_behind_the_data),
		cmocka_unit_test(reply_head_alone),
		cmocka_unit_test(reply_of_unknown_length),
		cmocka_unit_test(reply_that_ends_early_says_so),
		cmocka_unit_test(reply_with_wrong_heads_is_refused),
		cmocka_unit_test(reply_headers_can_be_ignored),
		cmocka_unit_test(reply_of_empty_packets_ends),
		cmocka_unit_test(interfaces_are_found),
		cmocka_unit_test(hostile_descriptors_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
