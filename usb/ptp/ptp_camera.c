#include "ptp_camera.h"

#include "../name.h"

#include "../../dockd/base/handover.h"
#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define CONTROL_MS 1000
#define SMALL_BYTES (64u << 10) /* the most that a dataset may bring */
#define TRY_MS 3000u

/* ---- finding the interface ---- */

/* A string descriptor (USB 2.0, 9.6.7) in US English as ASCII; false where there is none. */
static bool read_string(struct transport *t, uint8_t index, char *out, size_t room)
{
	uint8_t raw[255];
	int n = transport_control(
	    t, 0x80, 6, (uint16_t)(0x0300 | index), 0x0409, raw, sizeof(raw), CONTROL_MS);
	size_t len = 0;

	if (n < 2 || raw[1] != 3)
		return false;
	if (raw[0] < n)
		n = raw[0];
	for (int i = 2; i + 1 < n && len + 1 < room; i += 2)
		out[len++] =
		    raw[i + 1] == 0 && raw[i] >= 0x20 && raw[i] < 0x7F ? (char)raw[i] : '?';
	out[len] = '\0';
	return true;
}

/* Microsoft OS descriptor 1.0: string 0xEE, then the compatible id; as libmtp asks for it. */
static bool says_mtp(struct transport *t)
{
	uint8_t raw[64];
	int n = transport_control(t, 0x80, 6, 0x03EE, 0, raw, 18, CONTROL_MS);

	if (n < 18 || raw[2] != 'M' || raw[4] != 'S' || raw[6] != 'F' || raw[8] != 'T')
		return false;
	n = transport_control(t, 0xC0, raw[16], 0, 4, raw, 40, CONTROL_MS);
	return n >= 21 && memcmp(raw + 18, "MTP", 3) == 0;
}

static bool is_usable(const struct usb_interface *i)
{
	return i->in && i->out;
}

/* 06/01/01 first, then what calls itself MTP, then what Windows would take for MTP. */
static const struct usb_interface *choose(
    struct transport *t, const struct usb_interface *list, size_t n)
{
	char name[128];
	bool vendor_class = false;

	for (size_t i = 0; i < n; i++) {
		if (is_usable(&list[i]) && list[i].class == 6 && list[i].subclass == 1 &&
		    list[i].protocol == 1)
			return &list[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (list[i].class == 0xFF)
			vendor_class = true;
		if (is_usable(&list[i]) && list[i].name_index &&
		    read_string(t, list[i].name_index, name, sizeof(name)) &&
		    strcasestr(name, "MTP"))
			return &list[i];
	}
	if (vendor_class && says_mtp(t)) {
		for (size_t i = 0; i < n; i++) {
			if (is_usable(&list[i]) && list[i].class == 0xFF)
				return &list[i];
		}
	}
	return NULL;
}

/* ---- what the session's answers mean ---- */

int ptp_fault(struct camera *c, int r, const char *doing, struct proto_reason *why)
{
	if (r == -ESTALE)
		return camera_fault(
		    why, FAULT_PROTOCOL, "%s: in step again only by a new session", doing);
	if (r == -EPROTO && c->session.wrong)
		return camera_fault(why, FAULT_PROTOCOL, "%s: %s", doing, c->session.wrong);
	return camera_trouble(why, r, doing);
}

static int ask_device(struct camera *c, struct proto_reason *why)
{
	struct session *s = &c->session;
	int r = session_call(s, PTP_GET_DEVICE_INFO, NULL, 0, SMALL_BYTES);
	const struct ptp_device *d = &c->device;
	uint32_t quirks = c->attach.quirks;

	if (r < 0)
		return ptp_fault(c, r, "device info", why);
	if (s->reply.code != PTP_OK || !ptp_device_read(s->body, s->body_len, &c->device))
		return camera_fault(why, FAULT_PROTOCOL, "device info: answer 0x%04x, %zu bytes",
		    s->reply.code, s->body_len);
	c->partial64 = ptp_device_can(d, PTP_GET_PARTIAL64) && !(quirks & QUIRK_NO_PARTIAL64);
	c->partial = ptp_device_can(d, PTP_GET_PARTIAL) && !(quirks & QUIRK_NO_PARTIAL);
	c->prop_value = ptp_device_can(d, PTP_GET_OBJECT_PROP_VALUE);
	c->prop_list = ptp_device_can(d, PTP_GET_OBJECT_PROP_LIST) && !(quirks & QUIRK_NO_PROPLIST);
	return 0;
}

/*
 * Many cameras list GetObjectPropList and hang at it (libmtp: BROKEN_MTPGETOBJPROPLIST), so it is
 * tried here, where a new session does no harm yet. 0 or -errno.
 */
static int try_prop_list(struct camera *c)
{
	struct session *s = &c->session;
	uint32_t ids[PTP_LISTING_STORAGES];
	uint32_t params[] = { 0, 0, PTP_ROOT };
	uint32_t list[] = { 0, 0, 0xFFFFFFFFu, 0, 1 };
	unsigned timeout_ms = s->timeout_ms;
	int r;

	if (!c->prop_list)
		return 0;
	c->prop_list = false;
	r = ptp_storage_ids(c, ids);
	if (r <= 0)
		return r;
	params[0] = ids[0];
	r = session_call(s, PTP_GET_OBJECT_HANDLES, params, 3, 8);
	if (r < 0 || ptp_array_read(s->body, s->body_len, list, 1) < 1)
		return r;
	if (s->timeout_ms > TRY_MS)
		s->timeout_ms = TRY_MS;
	r = session_ask(s, PTP_GET_OBJECT_PROP_LIST, list, 5, SMALL_BYTES);
	s->timeout_ms = timeout_ms;
	c->prop_list = r == 0 && s->reply.code == PTP_OK;
	if (r < 0 && r != -ENODEV)
		r = session_recover(s, r);
	s->renewed = false;
	return r;
}

static int ptp_open(struct transport *t, const struct proto_attach *attach, struct camera **out,
    struct proto_reason *why)
{
	struct usb_interface list[DESCRIPTOR_INTERFACES];
	const struct usb_interface *usb;
	struct camera *c;
	size_t n;
	int r;

	n = camera_interfaces(t, list);
	usb = choose(t, list, n);
	if (!usb)
		return camera_not_mine(why, t, "no PTP or MTP interface in its descriptors");
	r = camera_claim(t, usb->number, why);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return camera_fault(why, FAULT_MEMORY, "no memory");
	*out = c;
	c->attach = *attach;
	r = session_start(&c->session, t, usb, attach->quirks, camera_timeout_ms(attach));
	if (r < 0)
		return camera_fault(why, FAULT_MEMORY, "no memory");
	c->started = true;
	r = session_open(&c->session);
	if (r < 0)
		return ptp_fault(c, r, "open session", why);
	if (ask_device(c, why) < 0)
		return -EIO;
	r = try_prop_list(c);
	return r < 0 ? ptp_fault(c, r, "property list", why) : 0;
}

static void ptp_close(struct camera *c)
{
	if (!c)
		return;
	if (c->started)
		session_close(&c->session);
	session_end(&c->session);
	free(c);
}

static int ptp_idle(struct camera *c, struct proto_reason *why)
{
	int r = session_idle(&c->session);

	return r < 0 ? ptp_fault(c, r, "waiting", why) : 0;
}

/* ---- identity, room, battery, clock ---- */

int ptp_storage_ids(struct camera *c, uint32_t ids[PTP_LISTING_STORAGES])
{
	uint32_t all[PTP_LISTING_STORAGES];
	int r = session_call(&c->session, PTP_GET_STORAGE_IDS, NULL, 0, SMALL_BYTES);
	long n;
	int kept = 0;

	if (r < 0)
		return r;
	if (c->session.reply.code != PTP_OK)
		return 0;
	n = ptp_array_read(c->session.body, c->session.body_len, all, PTP_LISTING_STORAGES);
	for (long i = 0; i < n; i++) {
		/* A logical part of 0 means that no medium is in (PTP 5.2.1); all ones is no id. */
		if ((all[i] & 0xFFFF) != 0 && all[i] != 0xFFFFFFFFu)
			ids[kept++] = all[i];
	}
	return kept;
}

static int look_storages(struct camera *c, struct proto_camera *out)
{
	uint32_t ids[PTP_LISTING_STORAGES];
	int n = ptp_storage_ids(c, ids);

	if (n < 0)
		return n;
	out->storages = (uint32_t)n;
	for (int i = 0; i < n; i++) {
		struct ptp_storage storage;
		int r = session_call(&c->session, PTP_GET_STORAGE_INFO, &ids[i], 1, SMALL_BYTES);

		if (r < 0)
			return r;
		if (c->session.reply.code != PTP_OK ||
		    !ptp_storage_read(c->session.body, c->session.body_len, &storage) ||
		    storage.capacity_bytes > INT64_MAX) {
			c->large = true;
			continue;
		}
		if (storage.capacity_bytes > UINT32_MAX)
			c->large = true;
		if (out->capacity_bytes <= INT64_MAX)
			out->capacity_bytes += storage.capacity_bytes;
		if (storage.free_bytes > storage.capacity_bytes) /* QEMU 7.2 says so */
			storage.free_bytes = storage.capacity_bytes;
		if (out->free_bytes <= INT64_MAX)
			out->free_bytes += storage.free_bytes;
	}
	return 0;
}

static int look_battery(struct camera *c, struct proto_camera *out)
{
	const uint32_t property = PTP_PROP_BATTERY;
	struct session *s = &c->session;
	struct buf b;
	uint64_t value;
	int r;

	if ((c->attach.quirks & QUIRK_NO_BATTERY) ||
	    !ptp_device_has(&c->device, PTP_PROP_BATTERY) ||
	    !ptp_device_can(&c->device, PTP_GET_PROP_VALUE))
		return 0;
	r = session_call(s, PTP_GET_PROP_VALUE, &property, 1, SMALL_BYTES);
	if (r < 0 || s->reply.code != PTP_OK || s->body_len < 1 || s->body_len > 2)
		return r;
	/* The standard says one byte; uMTP-Responder sends two, and 0x8000 for "no idea". */
	b = buf_of(s->body, s->body_len);
	value = buf_le(&b, s->body_len);
	if (value <= 100) {
		out->battery_percent = (uint32_t)value;
		out->features |= CAMERA_BATTERY;
	}
	return 0;
}

static int64_t realtime_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool has_clock(const struct camera *c)
{
	return ptp_device_has(&c->device, PTP_PROP_CLOCK) &&
	    ptp_device_can(&c->device, PTP_GET_PROP_VALUE);
}

/* The clock face, or PTP_NO_TIME. 0 or -errno. */
static int read_clock(struct camera *c, int64_t *clock_s, int64_t *read_at_ms)
{
	const uint32_t property = PTP_PROP_CLOCK;
	struct session *s = &c->session;
	char text[PTP_TEXT_LEN];
	const char *tail;
	struct buf b;
	int r;

	*clock_s = PTP_NO_TIME;
	r = session_call(s, PTP_GET_PROP_VALUE, &property, 1, SMALL_BYTES);
	*read_at_ms = realtime_ms();
	if (r < 0 || s->reply.code != PTP_OK)
		return r;
	b = buf_of(s->body, s->body_len);
	ptp_text(&b, text, NULL);
	*clock_s = ptp_time(text, &tail);
	if (*clock_s != PTP_NO_TIME && strlen(tail) < sizeof(c->clock_tail) &&
	    strspn(tail, ".0123456789Z+-") == strlen(tail))
		snprintf(c->clock_tail, sizeof(c->clock_tail), "%s", tail);
	return 0;
}

static int look_clock(struct camera *c, struct proto_camera *out)
{
	const uint32_t property = PTP_PROP_CLOCK;
	struct session *s = &c->session;
	int r;

	out->clock_s = PROTO_NO_TIME;
	if (!has_clock(c))
		return 0;
	r = read_clock(c, &out->clock_s, &out->read_at_ms);
	if (r < 0)
		return r;
	if (out->clock_s != PTP_NO_TIME)
		out->features |= CAMERA_CLOCK;
	if (!ptp_device_can(&c->device, PTP_SET_PROP_VALUE))
		return 0;
	if (!ptp_device_can(&c->device, PTP_GET_PROP_DESC)) {
		out->features |= CAMERA_CLOCK_SET;
		return 0;
	}
	r = session_call(s, PTP_GET_PROP_DESC, &property, 1, SMALL_BYTES);
	if (r == 0 && s->reply.code == PTP_OK && ptp_prop_settable(s->body, s->body_len))
		out->features |= CAMERA_CLOCK_SET;
	return r;
}

static int ptp_look(struct camera *c, struct proto_camera *out, struct proto_reason *why)
{
	int r;

	memset(out, 0, sizeof(*out));
	if (c->partial64)
		out->features |= CAMERA_PARTIAL64;
	if (c->partial)
		out->features |= CAMERA_PARTIAL;
	if (ptp_device_can(&c->device, PTP_DELETE_OBJECT))
		out->features |= CAMERA_ERASES;
	if (ptp_configurable(c))
		out->features |= CAMERA_OWNER_SET | CAMERA_SETTINGS;
	memcpy(out->officer, c->officer, sizeof(out->officer));
	r = look_storages(c, out);
	if (r == 0)
		r = look_battery(c, out);
	if (r == 0)
		r = look_clock(c, out);
	if (r < 0)
		return ptp_fault(c, r, "identity", why);
	out->recoveries = c->session.recoveries;
	camera_text(out->serial, sizeof(out->serial), c->device.serial);
	camera_text(out->manufacturer, sizeof(out->manufacturer), c->device.manufacturer);
	camera_text(out->model, sizeof(out->model), c->device.model);
	camera_text(out->firmware, sizeof(out->firmware), c->device.firmware);
	return 0;
}

static int ptp_set_clock(
    struct camera *c, int64_t clock_s, struct proto_status *out, struct proto_reason *why)
{
	const uint32_t property = PTP_PROP_CLOCK;
	uint8_t bytes[128];
	char text[48];
	int64_t now_s, read_at_ms;
	size_t len;
	int r;

	memset(out, 0, sizeof(*out));
	if (!has_clock(c) || !ptp_device_can(&c->device, PTP_SET_PROP_VALUE)) {
		out->status = -EOPNOTSUPP;
		snprintf(out->text, sizeof(out->text), "the camera offers no clock to set");
		return 0;
	}
	if (!ptp_time_write(clock_s, text, sizeof(text))) {
		out->status = -EINVAL;
		return 0;
	}
	strncat(text, c->clock_tail, sizeof(text) - strlen(text) - 1);
	len = ptp_text_write(bytes, sizeof(bytes), text);
	r = session_tell(&c->session, PTP_SET_PROP_VALUE, &property, 1, bytes, len);
	if (r < 0 && r != -ENODEV) {
		int mended = session_recover(&c->session, r);

		if (mended < 0 || c->session.renewed)
			return ptp_fault(c, mended < 0 ? mended : -ESTALE, "set clock", why);
		out->status = -EIO;
		snprintf(out->text, sizeof(out->text), "the camera broke off setting its clock");
		return 0;
	}
	if (r < 0)
		return ptp_fault(c, r, "set clock", why);
	if (c->session.reply.code != PTP_OK) {
		out->status = -EPERM;
		snprintf(out->text, sizeof(out->text), "the camera answers 0x%04x",
		    c->session.reply.code);
		return 0;
	}
	r = read_clock(c, &now_s, &read_at_ms);
	if (r < 0)
		return ptp_fault(c, r, "set clock", why);
	if (now_s == PTP_NO_TIME || now_s < clock_s - 2 || now_s > clock_s + 30) {
		out->status = -EIO;
		snprintf(
		    out->text, sizeof(out->text), "the camera's clock does not show what was set");
	}
	return 0;
}

/* ---- objects ---- */

/* The 64-bit size (MTP 1.1 appendix B.1: ObjectSize). 0 or -errno; size stays where not told. */
static int ask_size(struct camera *c, uint32_t handle, uint64_t *size_bytes)
{
	const uint32_t params[] = { handle, PTP_OBJECT_SIZE };
	struct session *s = &c->session;
	int r = session_call(s, PTP_GET_OBJECT_PROP_VALUE, params, 2, SMALL_BYTES);
	struct buf b;

	if (r < 0)
		return r;
	if (s->reply.code == PTP_OPERATION_NOT_SUPPORTED)
		c->prop_value = false;
	if (s->reply.code != PTP_OK || (s->body_len != 8 && s->body_len != 4))
		return 0;
	b = buf_of(s->body, s->body_len);
	*size_bytes = buf_le(&b, s->body_len);
	return 0;
}

int ptp_object_info(struct camera *c, uint32_t handle, struct ptp_object *out, uint16_t *code)
{
	struct session *s = &c->session;
	int r = session_call(s, PTP_GET_OBJECT_INFO, &handle, 1, SMALL_BYTES);

	if (r < 0)
		return r;
	*code = s->reply.code;
	if (*code != PTP_OK)
		return 0;
	if (!ptp_object_read(s->body, s->body_len, out)) {
		*code = PTP_GENERAL_ERROR;
		return 0;
	}
	/* Where sizes may pass 4 GiB, ObjectInfo may have wrapped (uMTP-Responder 1.3.10). */
	if (out->format != PTP_FORMAT_FOLDER && c->prop_value &&
	    (c->large || out->size_bytes == PTP_SIZE_UNKNOWN))
		return ask_size(c, handle, &out->size_bytes);
	return 0;
}

/* Whether this is the very file that was listed; *text says what differs. */
static bool is_same(const struct ptp_object *o, const struct proto_erase *e, const char **text)
{
	const char *slash = strrchr(e->path, '/');
	char name[PTP_TEXT_LEN + 20];

	name_clean(o->name, o->name_odd, name, sizeof(name));
	*text = NULL;
	if (strcmp(name, slash ? slash + 1 : e->path) != 0)
		*text = "its name is another one now";
	else if (o->size_bytes != e->size_bytes)
		*text = "its size is another one now";
	else if (o->mtime_s != e->mtime_s)
		*text = "its time is another one now";
	else if (o->format == PTP_FORMAT_FOLDER)
		*text = "it is a folder now";
	return *text == NULL;
}

static int delete_object(struct camera *c, uint32_t handle, struct proto_erased *out)
{
	const uint32_t params[] = { handle, 0 };
	struct ptp_object object;
	uint16_t code;
	int r;

	handover("camera-erase");
	r = session_ask(&c->session, PTP_DELETE_OBJECT, params, 2, 0);
	handover("camera-erased");
	if (r < 0) {
		/* Not told whether it happened: mended, it is asked again what is there. */
		int mended = r == -ENODEV ? r : session_recover(&c->session, r);

		if (mended < 0)
			return mended;
		if (c->session.renewed)
			return -ESTALE;
		out->ptp_code = 0;
	} else {
		out->ptp_code = c->session.reply.code;
	}
	r = ptp_object_info(c, handle, &object, &code);
	if (r < 0)
		return r;
	if (code == PTP_INVALID_HANDLE) {
		out->result = ERASE_DONE;
	} else if (out->ptp_code == PTP_OK) {
		out->result = ERASE_UNSURE;
		snprintf(out->text, sizeof(out->text),
		    "erased, it says, but asked again it answers 0x%04x", code);
	} else {
		out->result = ERASE_REFUSED;
		snprintf(out->text, sizeof(out->text), "the camera answers 0x%04x", out->ptp_code);
	}
	return 0;
}

static int ptp_erase(struct camera *c, const struct proto_erase *erase, struct proto_erased *out,
    struct proto_reason *why)
{
	struct ptp_object object;
	const char *text = NULL;
	uint16_t code;
	int r;

	memset(out, 0, sizeof(*out));
	if (c->session.renewed)
		return ptp_fault(c, -ESTALE, "erase", why);
	r = ptp_object_info(c, (uint32_t)erase->handle, &object, &code);
	if (r < 0)
		return ptp_fault(c, r, "erase", why);
	out->ptp_code = code;
	if (code == PTP_INVALID_HANDLE) {
		out->result = ERASE_GONE;
	} else if (code != PTP_OK) {
		out->result = ERASE_REFUSED;
		snprintf(out->text, sizeof(out->text), "asked what it is, it answers 0x%04x", code);
	} else if (!is_same(&object, erase, &text)) {
		out->result = ERASE_CHANGED;
		snprintf(out->text, sizeof(out->text), "%s", text);
	} else if (object.protection != 0) {
		out->result = ERASE_REFUSED;
		snprintf(out->text, sizeof(out->text), "the camera protects it (0x%04x)",
		    object.protection);
	} else {
		r = delete_object(c, (uint32_t)erase->handle, out);
	}
	return r < 0 ? ptp_fault(c, r, "erase", why) : 0;
}

const struct driver ptp_driver = {
	.open = ptp_open,
	.look = ptp_look,
	.list = ptp_list,
	.fetch = ptp_fetch,
	.erase = ptp_erase,
	.set_clock = ptp_set_clock,
	.configure = ptp_configure,
	.idle = ptp_idle,
	.close = ptp_close,
};
