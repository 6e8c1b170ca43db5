/*
 * function: descriptors and control requests of a simulated camera (USB 2.0 chapter 9, USB still
 * image class 1.0).
 *
 * Part of the responder. It builds descriptors as the faults want them, and answers endpoint 0.
 */
#include <errno.h>
#include <string.h>

#include "../../dockd/base/buf.h"
#include "responder.h"

#define CANCEL 0x64
#define EXTENDED_EVENT 0x65
#define DEVICE_RESET 0x66
#define DEVICE_STATUS 0x67
#define GET_MAX_LUN 0xfe /* bulk-only transport, section 3 */
#define BULK_ONLY_RESET 0xff

enum { STRING_MANUFACTURER = 1, STRING_PRODUCT, STRING_SERIAL, STRING_INTERFACE };

static bool hurt(struct responder *r, enum fault_kind kind)
{
	return faults_take(&r->camera->faults, kind, 0, NULL) != NULL;
}

static size_t put_endpoint(
    uint8_t *p, uint8_t address, uint8_t attributes, uint16_t packet, uint8_t interval)
{
	const uint8_t bytes[7] = { 7, 5, address, attributes, (uint8_t)packet,
		(uint8_t)(packet >> 8), interval };

	memcpy(p, bytes, sizeof(bytes));
	return sizeof(bytes);
}

static void put_device(struct responder *r, uint8_t p[18])
{
	const struct identity *id = &r->camera->id;

	memset(p, 0, 18);
	p[0] = 18;
	p[1] = 1;
	buf_put_le(p + 2, id->speed_mbps >= 5000 ? 0x0300 : 0x0200, 2);
	p[7] = id->speed_mbps >= 5000 ? 9 : 64;
	buf_put_le(p + 8, id->vendor, 2);
	buf_put_le(p + 10, id->product, 2);
	buf_put_le(p + 12, id->release, 2);
	p[14] = id->manufacturer[0] ? STRING_MANUFACTURER : 0;
	p[15] = id->model[0] ? STRING_PRODUCT : 0;
	p[16] = camera_usb_serial(r->camera)[0] ? STRING_SERIAL : 0;
	p[17] = 1;
}

size_t responder_descriptors(struct responder *r, uint8_t device[18], uint8_t *config, size_t room)
{
	const struct identity *id = &r->camera->id;
	uint16_t packet = id->packet;
	size_t n = 18;

	put_device(r, device);
	if (room < 64)
		return 0;
	memset(config, 0, room);
	if (hurt(r, HURT_PACKET_ZERO))
		packet = 0;
	if (hurt(r, HURT_PACKET_HUGE))
		packet = 0xffff;
	if (hurt(r, HURT_BABBLE))
		packet = 64;
	memcpy(config, (const uint8_t[]){ 9, 2, 0, 0, 1, 1, 0, 0x80, 250 }, 9);
	memcpy(config + 9,
	    (const uint8_t[]){ 9, 4, 0, 0, 3, id->class, id->subclass, id->protocol,
		id->interface[0] ? STRING_INTERFACE : 0 },
	    9);
	if (hurt(r, HURT_LONG_DESCRIPTOR)) {
		config[n] = 200;
		config[n + 1] = 0x24;
		n += 4;
	}
	if (hurt(r, HURT_NO_ENDPOINTS)) {
		config[13] = 0;
	} else {
		n += put_endpoint(config + n, EP_IN, 2, packet, 0);
		n += put_endpoint(config + n, EP_OUT, 2, packet, 0);
		if (r->camera->disk)
			config[13] = 2;
		else
			n += put_endpoint(config + n, EP_EVENT, 3, EVENT_PACKET, 6);
	}
	if (faults_find(&r->camera->faults, HURT_ENDPOINT_COUNT, 0, NULL))
		config[13] =
		    (uint8_t)faults_take(&r->camera->faults, HURT_ENDPOINT_COUNT, 0, NULL)->value;
	buf_put_le(config + 2, hurt(r, HURT_TOTAL_LENGTH) ? 0xffff : n, 2);
	return n;
}

static size_t put_string(uint8_t *p, const char *text)
{
	size_t n = strlen(text) < 126 ? strlen(text) : 126;

	p[0] = (uint8_t)(2 + 2 * n);
	p[1] = 3;
	for (size_t i = 0; i < n; i++)
		buf_put_le(p + 2 + 2 * i, (uint8_t)text[i], 2);
	return 2 + 2 * n;
}

/* GET_DESCRIPTOR into out[512]. Its length, or 0 where there is none. */
static size_t descriptor(struct responder *r, uint8_t type, uint8_t index, uint8_t *out)
{
	const struct identity *id = &r->camera->id;
	uint8_t device[18];

	if (type == 1) {
		put_device(r, out);
		return 18;
	}
	if (type == 2)
		return responder_descriptors(r, device, out, 512);
	if (type != 3)
		return 0;
	switch (index) {
	case 0:
		memcpy(out, (const uint8_t[]){ 4, 3, 9, 4 }, 4); /* English (US) */
		return 4;
	case STRING_MANUFACTURER:
		return put_string(out, id->manufacturer);
	case STRING_PRODUCT:
		return put_string(out, id->model);
	case STRING_SERIAL:
		return put_string(out, camera_usb_serial(r->camera));
	case STRING_INTERFACE:
		return put_string(out, id->interface);
	case 0xee:
		return put_string(out, "MSFT100\x21"); /* vendor code 0x21 */
	}
	return 0;
}

/* GetDeviceStatus: busy while a transaction is under way, halted endpoints listed. */
static size_t device_status(const struct responder *r, uint8_t *out)
{
	size_t n = 4;

	buf_put_le(out + 2, r->busy ? 0x2019 : r->halt_in || r->halt_out ? 0x201f : 0x2001, 2);
	if (r->halt_in) {
		buf_put_le(out + n, EP_IN, 4);
		n += 4;
	}
	if (r->halt_out) {
		buf_put_le(out + n, EP_OUT, 4);
		n += 4;
	}
	buf_put_le(out, n, 2);
	return n;
}

static int disk_request(struct responder *r, uint8_t request, uint8_t *out, size_t *n)
{
	int last;

	if (request == BULK_ONLY_RESET) {
		if (hurt(r, HURT_NO_RESET))
			return -EPIPE;
		responder_device_reset(r);
		return 0;
	}
	last = request == GET_MAX_LUN ? bot_max_lun(r) : -EPIPE;
	if (last < 0)
		return last;
	out[0] = (uint8_t)last;
	*n = 1;
	return 0;
}

static int class_request(
    struct responder *r, uint8_t request, const uint8_t *data, size_t len, uint8_t *out, size_t *n)
{
	struct buf b = buf_of(data, len);

	if (locked_speaks(r->camera))
		return -EPIPE;
	if (r->camera->disk)
		return disk_request(r, request, out, n);
	switch (request) {
	case CANCEL:
		if (hurt(r, HURT_NO_CANCEL) || buf_u16(&b) != 0x4001 || buf_left(&b) != 4)
			return -EPIPE;
		responder_cancel(r, buf_u32(&b));
		return 0;
	case DEVICE_RESET:
		if (hurt(r, HURT_NO_RESET))
			return -EPIPE;
		responder_device_reset(r);
		return 0;
	case DEVICE_STATUS:
		*n = device_status(r, out);
		return 0;
	}
	return -EPIPE; /* EXTENDED_EVENT: there never is one */
}

int responder_control(
    struct responder *r, const uint8_t setup[8], uint8_t *data, size_t room, size_t *len)
{
	struct buf b = buf_of(setup, 8);
	uint8_t type = buf_u8(&b);
	uint8_t request = buf_u8(&b);
	uint16_t value = buf_u16(&b);
	uint16_t index = buf_u16(&b);
	uint16_t length = buf_u16(&b);
	uint8_t out[512];
	size_t n = 0;
	int ret = -EPIPE;

	*len = 0;
	if ((type & 0x60) == 0x40 && locked_speaks(r->camera))
		return amba_control(r, setup, data, room, len);
	memset(out, 0, sizeof(out));
	if ((type & 0x60) == 0x20) {
		ret = class_request(r, request, data,
		    type & 0x80       ? 0 :
			length < room ? length :
					room,
		    out, &n);
	} else if (type == 0x80 && request == 6) {
		n = descriptor(r, (uint8_t)(value >> 8), (uint8_t)value, out);
		ret = n ? 0 : -EPIPE;
	} else if (request == 0 && (type & 0x80)) { /* GET_STATUS */
		out[0] = type == 0x82 &&
		    ((index == EP_IN && r->halt_in) || (index == EP_OUT && r->halt_out));
		n = 2;
		ret = 0;
	} else if (type == 0x02 && request == 1 && value == 0) { /* CLEAR_FEATURE(ENDPOINT_HALT) */
		responder_clear_halt(r, (uint8_t)index);
		ret = 0;
	} else if (request == 8 || request == 10) { /* GET_CONFIGURATION, GET_INTERFACE */
		out[0] = request == 8;
		n = 1;
		ret = 0;
	} else if (request == 9 || request == 11) { /* SET_CONFIGURATION, SET_INTERFACE */
		ret = 0;
	}
	if (ret == 0 && (type & 0x80)) {
		*len = n < length ? n : length;
		if (*len > room)
			*len = room;
		memcpy(data, out, *len);
	}
	return ret;
}
