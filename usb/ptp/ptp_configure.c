#include "ptp_property.h"

#include "ptp_camera.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROP_BYTES (64u << 10)
#define VALUE_BYTES 512

bool ptp_configurable(const struct camera *c)
{
	return ptp_device_can(&c->device, PTP_GET_PROP_DESC) &&
	    ptp_device_can(&c->device, PTP_SET_PROP_VALUE);
}

static int refuse(struct proto_status *out, int status, const char *text)
{
	out->status = status;
	snprintf(out->text, sizeof(out->text), "%s", text);
	return 0;
}

/* The property as it is now; *known false where the camera does not tell. 0 or -errno. */
static int describe(struct camera *c, uint32_t code, struct ptp_setting *p, bool *known)
{
	struct session *s = &c->session;
	int r = session_call(s, PTP_GET_PROP_DESC, &code, 1, PROP_BYTES);

	*known = r == 0 && s->reply.code == PTP_OK && ptp_property_read(s->body, s->body_len, p);
	return r;
}

/* Sends the value. 0 with *out as the camera took it; -EIO (*why). */
static int set(struct camera *c, uint32_t code, const uint8_t *bytes, size_t len,
    struct proto_status *out, struct proto_reason *why)
{
	int r = session_tell(&c->session, PTP_SET_PROP_VALUE, &code, 1, bytes, len);

	if (r < 0 && r != -ENODEV) {
		int mended = session_recover(&c->session, r);

		if (mended < 0 || c->session.renewed)
			return ptp_fault(c, mended < 0 ? mended : -ESTALE, "set property", why);
		return refuse(out, -EIO, "the camera broke off taking the setting");
	}
	if (r < 0)
		return ptp_fault(c, r, "set property", why);
	if (c->session.reply.code != PTP_OK) {
		out->status = -EPERM;
		snprintf(out->text, sizeof(out->text), "the camera answers 0x%04x",
		    c->session.reply.code);
	}
	return 0;
}

static int configure(struct camera *c, uint32_t code, const char *value, struct proto_status *out,
    struct proto_reason *why)
{
	uint8_t bytes[VALUE_BYTES];
	struct ptp_setting p;
	bool known = false;
	size_t len;
	int r;

	if (!ptp_configurable(c) || !ptp_device_has(&c->device, (uint16_t)code))
		return refuse(out, -ENOTSUP, "the camera has no such property");
	r = describe(c, code, &p, &known);
	if (r < 0)
		return ptp_fault(c, r, "property", why);
	if (!known)
		return refuse(out, -ENOTSUP, "the camera does not say of what type it is");
	if (ptp_property_is(&p, value))
		return refuse(out, 0, "unchanged");
	if (!p.settable)
		return refuse(out, -ENOTSUP, "the camera does not let it be set");
	len = ptp_property_write(&p, value, bytes, sizeof(bytes));
	if (len == 0)
		return refuse(out, -EINVAL, "the value does not fit the property's type");
	if (set(c, code, bytes, len, out, why) < 0)
		return -EIO;
	if (out->status < 0)
		return 0;
	r = describe(c, code, &p, &known);
	if (r < 0)
		return ptp_fault(c, r, "property", why);
	if (!known || !ptp_property_is(&p, value))
		return refuse(out, -EIO, "asked again, the camera shows another value");
	return 0;
}

int ptp_configure(struct camera *c, const struct proto_configure *what, struct proto_status *out,
    struct proto_reason *why)
{
	bool owner = what->what == CONFIGURE_OWNER;
	int r;

	memset(out, 0, sizeof(*out));
	if (what->code > 0xFFFF)
		return refuse(out, -EINVAL, "no such property");
	r = configure(c, what->code, owner ? what->officer : what->value, out, why);
	if (r == 0 && out->status == 0 && owner)
		snprintf(c->officer, sizeof(c->officer), "%s", what->officer);
	return r;
}
