/*
 * camera: what all drivers do alike as they meet a device, and how they say what went wrong.
 *
 * Called by the drivers, the probe and camera_main; see camera.h. Knows nothing of the core.
 */
#include "camera.h"

#include "../dockd/base/proto_attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LONG_TIMEOUT_MS 60000u

int camera_fault(struct proto_reason *why, enum fault code, const char *fmt, ...)
{
	char text[sizeof(why->text) * 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memset(why, 0, sizeof(*why));
	why->code = code;
	camera_text(why->text, sizeof(why->text), text);
	return -EIO;
}

int camera_trouble(struct proto_reason *why, int r, const char *doing)
{
	switch (r) {
	case -ENODEV:
		return camera_fault(why, FAULT_GONE, "%s: unplugged", doing);
	case -ENOMEM:
		return camera_fault(why, FAULT_MEMORY, "%s: no memory for USB transfers", doing);
	case -ETIMEDOUT:
		return camera_fault(why, FAULT_SILENT, "%s: no answer, also after reset", doing);
	default:
		return camera_fault(why, FAULT_PROTOCOL, "%s: %s", doing, strerror(-r));
	}
}

int camera_not_mine(struct proto_reason *why, const struct transport *t, const char *text)
{
	if (transport_gone(t))
		return camera_fault(why, FAULT_GONE, "unplugged");
	camera_fault(why, FAULT_DESCRIPTORS, "%s", text);
	return -ENOTSUP;
}

void camera_text(char *out, size_t room, const char *text)
{
	size_t len = strnlen(text, room);

	if (len == room) {
		len = room - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
			len--;
	}
	memcpy(out, text, len);
	memset(out + len, 0, room - len);
}

size_t camera_interfaces(struct transport *t, struct usb_interface out[DESCRIPTOR_INTERFACES])
{
	uint8_t configuration;
	size_t len;
	const uint8_t *raw = transport_descriptors(t, &len, &configuration);

	return descriptor_interfaces(raw, len, configuration, out);
}

int camera_claim(struct transport *t, uint8_t interface, struct proto_reason *why)
{
	int r = transport_claim(t, interface);

	if (r == -EBUSY)
		return camera_fault(
		    why, FAULT_BUSY, "another program holds interface %u", interface);
	if (r < 0)
		return camera_fault(why, r == -ENODEV ? FAULT_GONE : FAULT_DESCRIPTORS,
		    "claim of interface %u: %s", interface, strerror(-r));
	return 0;
}

unsigned camera_timeout_ms(const struct proto_attach *attach)
{
	if ((attach->quirks & QUIRK_LONG_TIMEOUT) && attach->timeout_ms < LONG_TIMEOUT_MS)
		return LONG_TIMEOUT_MS;
	return attach->timeout_ms;
}
