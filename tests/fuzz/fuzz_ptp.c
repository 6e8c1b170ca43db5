/*
 * Fuzzer for all that reads a camera's bytes: the first byte chooses the reader, the rest is what
 * the camera sent. For replies, a byte in front of each transfer tells its length and how it ended.
 */
#include "../../usb/descriptor.h"
#include "../../usb/name.h"
#include "../../usb/ptp/ptp_property.h"
#include "../../usb/ptp/reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
	if (!memchr(text, '\0', room))
		abort();
}

static void device(const uint8_t *data, size_t size)
{
	static struct ptp_device d;

	if (!ptp_device_read(data, size, &d))
		return;
	if (d.operation_count > PTP_CODES_MAX || d.property_count > PTP_CODES_MAX)
		abort();
	check_text(d.serial, sizeof(d.serial));
	check_text(d.extension, sizeof(d.extension));
	ptp_device_can(&d, PTP_GET_PARTIAL64);
}

static void object(const uint8_t *data, size_t size)
{
	char name[PTP_TEXT_LEN + 20];
	struct ptp_object o;

	if (!ptp_object_read(data, size, &o))
		return;
	name_clean(o.name, o.name_odd, name, sizeof(name));
	check_text(name, sizeof(name));
	if (!name[0] || strchr(name, '/') || strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
		abort();
}

static void elements(const uint8_t *data, size_t size)
{
	struct buf b = buf_of(data, size);
	struct ptp_element e;

	struct ptp_object o;
	uint32_t left = 100;

	while (ptp_element_read(&b, &e))
		check_text(e.text, sizeof(e.text));
	b = buf_of(data, size);
	for (uint32_t handle = 1; handle < 5; handle++) {
		if (ptp_object_from_list(&b, &left, handle, &o))
			check_text(o.name, sizeof(o.name));
	}
}

static void small(const uint8_t *data, size_t size)
{
	static struct ptp_setting property;
	struct ptp_storage storage;
	uint8_t value[512];
	uint32_t handles[64];
	char text[PTP_TEXT_LEN], again[24];
	struct buf b = buf_of(data, size);
	int64_t time_s;

	ptp_storage_read(data, size, &storage);
	ptp_prop_settable(data, size);
	if (ptp_property_read(data, size, &property)) {
		check_text(property.text, sizeof(property.text));
		if (ptp_property_write(&property, property.text, value, sizeof(value)) >
			sizeof(value) ||
		    (property.type == PTP_TYPE_TEXT && !ptp_property_is(&property, property.text)))
			abort();
	}
	if (ptp_array_read(data, size, handles, 64) > 64)
		abort();
	ptp_text(&b, text, NULL);
	check_text(text, sizeof(text));
	time_s = ptp_time(text, NULL);
	if (time_s != PTP_NO_TIME && text[13] != '6' &&
	    (!ptp_time_write(time_s, again, sizeof(again)) || strncmp(text, again, 15) != 0))
		abort();
}

static void descriptors(const uint8_t *data, size_t size)
{
	struct usb_interface out[DESCRIPTOR_INTERFACES];
	size_t n = descriptor_interfaces(data, size, 1, out);

	for (size_t i = 0; i < n; i++) {
		if (out[i].in && (out[i].in_packet_bytes < 8 || out[i].in_packet_bytes > 1024))
			abort();
	}
}

static void replies(const uint8_t *data, size_t size)
{
	struct reply r;
	uint64_t got = 0;
	uint64_t max;

	if (size < 2)
		return;
	max = data[0] * 7u;
	reply_begin(&r, PTP_GET_PARTIAL, 5, max, data[1] & 1, data[1] & 2);
	data += 2;
	size -= 2;
	while (size > 0) {
		struct reply_piece piece;
		bool ended = data[0] & 1;
		size_t len = (size_t)(data[0] >> 1) * 4;
		uint8_t *exact;
		const char *wrong;

		data++;
		size--;
		if (len > size)
			len = size;
		exact = malloc(len ? len : 1);
		memcpy(exact, data, len);
		wrong = reply_feed(&r, exact, len, ended, &piece);
		if (piece.len > 0 && (piece.bytes < exact || piece.bytes + piece.len > exact + len))
			abort();
		got += piece.len;
		free(exact);
		if (got != r.payload_bytes || got > max || r.param_count > PTP_PARAMS)
			abort();
		if (wrong || r.phase == REPLY_DONE)
			return;
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(
	    const uint8_t *, size_t) = { device, object, elements, small, descriptors, replies };
	uint8_t *exact;

	if (size < 1)
		return -1;
	exact = malloc(size);
	memcpy(exact, data + 1, size - 1);
	readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](exact, size - 1);
	free(exact);
	return 0;
}
