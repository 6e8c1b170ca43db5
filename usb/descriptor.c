#include "descriptor.h"

#define DEVICE_BYTES 18
#define CONFIGURATION_BYTES 9

enum { TYPE_CONFIGURATION = 2, TYPE_INTERFACE = 4, TYPE_ENDPOINT = 5 };

/* The nearest legal bulk packet size at or below what is claimed, so that no sum goes wrong. */
static uint16_t clamp_packet(unsigned claimed)
{
	unsigned size = 1024;

	claimed &= 0x7FF;
	while (size > 8 && size > claimed)
		size /= 2;
	return (uint16_t)size;
}

static void take_endpoint(struct usb_interface *i, const uint8_t *d)
{
	uint8_t address = d[2];
	uint8_t kind = d[3] & 3;
	bool in = (address & 0x80) != 0;

	if ((address & 0x0F) == 0)
		return;
	if (kind == 2 && in && !i->in) {
		i->in = address;
		i->in_packet_bytes = clamp_packet(d[4] | (unsigned)d[5] << 8);
	} else if (kind == 2 && !in && !i->out) {
		i->out = address;
	} else if (kind == 3 && in && !i->event) {
		i->event = address;
	}
}

static size_t walk(const uint8_t *at, size_t len, struct usb_interface *out)
{
	struct usb_interface *now = NULL;
	size_t n = 0;

	while (len >= 2 && at[0] >= 2 && at[0] <= len) {
		if (at[1] == TYPE_CONFIGURATION)
			break;
		if (at[1] == TYPE_INTERFACE) {
			now = NULL;
			if (at[0] >= 9 && at[3] == 0 && n < DESCRIPTOR_INTERFACES) {
				now = &out[n++];
				*now = (struct usb_interface){
					.number = at[2],
					.class = at[5],
					.subclass = at[6],
					.protocol = at[7],
					.name_index = at[8],
				};
			}
		} else if (at[1] == TYPE_ENDPOINT && at[0] >= 7 && now) {
			take_endpoint(now, at);
		}
		len -= at[0];
		at += at[0];
	}
	return n;
}

size_t descriptor_interfaces(const uint8_t *bytes, size_t len, uint8_t configuration,
    struct usb_interface out[DESCRIPTOR_INTERFACES])
{
	const uint8_t *chosen = NULL;
	size_t chosen_len = 0;
	const uint8_t *at = bytes + DEVICE_BYTES;
	size_t left;

	if (len < DEVICE_BYTES + CONFIGURATION_BYTES)
		return 0;
	left = len - DEVICE_BYTES;
	while (left >= CONFIGURATION_BYTES && at[0] >= CONFIGURATION_BYTES &&
	    at[1] == TYPE_CONFIGURATION && at[0] <= left) {
		size_t total = at[2] | (size_t)at[3] << 8;

		if (total < at[0])
			break;
		if (total > left)
			total = left;
		if (!chosen || at[5] == configuration) {
			chosen = at + at[0];
			chosen_len = total - at[0];
			if (at[5] == configuration)
				break;
		}
		at += total;
		left -= total;
	}
	return chosen ? walk(chosen, chosen_len, out) : 0;
}
