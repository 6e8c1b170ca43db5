#include "proto.h"

#include "proto_asset.h"
#include "proto_attach.h"
#include "proto_camera.h"
#include "proto_check.h"
#include "proto_ctl.h"
#include "proto_hotplug.h"
#include "proto_key.h"
#include "proto_known.h"
#include "proto_light.h"
#include "proto_object.h"
#include "proto_order.h"
#include "proto_probe.h"
#include "proto_station.h"
#include "proto_upload.h"
#include "proto_verify.h"

#include <string.h>

/* A text field: where it lies in its struct, and its size. */
struct text {
	uint16_t offset, size;
};

#define TEXT(s, f)                                                                                 \
	{                                                                                          \
		offsetof(struct s, f), sizeof(((struct s *)0)->f)                                  \
	}
#define TEXTS(...)                                                                                 \
	(const struct text[])                                                                      \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0, 0                                                                       \
		}                                                                                  \
	}

struct shape {
	const char *name;
	size_t length;
	const struct text *texts;
};

#define UPLOAD_TEXTS                                                                               \
	TEXTS(TEXT(proto_upload, class), TEXT(proto_upload, signature), TEXT(proto_upload, asset), \
	    TEXT(proto_upload, camera), TEXT(proto_upload, name), TEXT(proto_upload, version),     \
	    TEXT(proto_upload, officer), TEXT(proto_upload, unit), TEXT(proto_upload, address))

/* Those of a proto_probed that lies at `at` in s, then more. */
#define PROBED_TEXTS(s, at, ...)                                                                   \
	TEXTS(TEXT(s, at camera.officer), TEXT(s, at camera.unit), TEXT(s, at camera.serial),      \
	    TEXT(s, at camera.manufacturer), TEXT(s, at camera.model),                             \
	    TEXT(s, at camera.firmware), TEXT(s, at medium), TEXT(s, at text), ##__VA_ARGS__)

#define SHAPE(type, s, texts) [MSG_##type] = { #type, sizeof(struct s), texts }

/* clang-format off */
static const struct shape shapes[] = {
	SHAPE(HELLO, proto_hello, TEXTS(TEXT(proto_hello, name))),
	SHAPE(WELCOME, proto_welcome, TEXTS(TEXT(proto_welcome, station))),
	SHAPE(ARRIVED, proto_arrived, TEXTS(
		TEXT(proto_arrived, port),
		TEXT(proto_arrived, serial),
		TEXT(proto_arrived, manufacturer),
		TEXT(proto_arrived, model))),
	SHAPE(LEFT, proto_port, TEXTS(TEXT(proto_port, port))),
	SHAPE(SYNCED, proto_empty, NULL),
	SHAPE(OPEN, proto_port, TEXTS(TEXT(proto_port, port))),
	SHAPE(OPENED, proto_opened, TEXTS(TEXT(proto_opened, port), TEXT(proto_opened, text))),
	SHAPE(CONTROLLER, proto_controller, TEXTS(TEXT(proto_controller, name))),
	SHAPE(OVER_CURRENT, proto_over_current, TEXTS(TEXT(proto_over_current, port))),
	SHAPE(ATTACH, proto_attach, TEXTS(TEXT(proto_attach, pin))),
	SHAPE(CAMERA, proto_camera, TEXTS(
		TEXT(proto_camera, officer),
		TEXT(proto_camera, unit),
		TEXT(proto_camera, serial),
		TEXT(proto_camera, manufacturer),
		TEXT(proto_camera, model),
		TEXT(proto_camera, firmware))),
	SHAPE(NOT_MINE, proto_reason, TEXTS(TEXT(proto_reason, text))),
	SHAPE(LIST, proto_empty, NULL),
	SHAPE(OBJECT, proto_object, TEXTS(TEXT(proto_object, path))),
	SHAPE(LISTED, proto_listed, TEXTS(TEXT(proto_listed, text))),
	SHAPE(FETCH, proto_fetch, NULL),
	SHAPE(DURABLE, proto_durable, NULL),
	SHAPE(FETCHED, proto_fetched, TEXTS(TEXT(proto_fetched, text))),
	SHAPE(ERASE, proto_erase, TEXTS(TEXT(proto_erase, path))),
	SHAPE(ERASED, proto_erased, TEXTS(TEXT(proto_erased, text))),
	SHAPE(SET_CLOCK, proto_set_clock, NULL),
	SHAPE(CLOCK_SET, proto_status, TEXTS(TEXT(proto_status, text))),
	SHAPE(LOOK, proto_empty, NULL),
	SHAPE(STOP, proto_empty, NULL),
	SHAPE(BYE, proto_empty, NULL),
	SHAPE(FAULT, proto_reason, TEXTS(TEXT(proto_reason, text))),
	SHAPE(UNLOCK, proto_empty, NULL),
	SHAPE(UNLOCKED, proto_status, TEXTS(TEXT(proto_status, text))),
	SHAPE(CONFIGURE, proto_configure, TEXTS(
		TEXT(proto_configure, officer),
		TEXT(proto_configure, unit),
		TEXT(proto_configure, value))),
	SHAPE(CONFIGURED, proto_status, TEXTS(TEXT(proto_status, text))),
	SHAPE(PROBED, proto_probed, PROBED_TEXTS(proto_probed, )),
	SHAPE(VERIFY, proto_verify, NULL),
	SHAPE(LOG, proto_empty, NULL),
	SHAPE(DIGEST, proto_digest, NULL),
	SHAPE(JUDGED, proto_judged, TEXTS(
		TEXT(proto_judged, signer),
		TEXT(proto_judged, version),
		TEXT(proto_judged, text))),
	SHAPE(FINDING, proto_finding, TEXTS(TEXT(proto_finding, code), TEXT(proto_finding, text))),
	SHAPE(AUDITED, proto_audited, NULL),
	SHAPE(RESULT, proto_status, TEXTS(TEXT(proto_status, text))),
	SHAPE(DESTINATION, proto_destination, TEXTS(
		TEXT(proto_destination, where),
		TEXT(proto_destination, ca_file),
		TEXT(proto_destination, certificate_file),
		TEXT(proto_destination, key_file),
		TEXT(proto_destination, headers_file),
		TEXT(proto_destination, receipt_path),
		TEXT(proto_destination, find_path),
		TEXT(proto_destination, secrets_file),
		TEXT(proto_destination, proxy),
		TEXT(proto_destination, proxy_file),
		TEXT(proto_destination, bucket),
		TEXT(proto_destination, prefix),
		TEXT(proto_destination, region))),
	SHAPE(READY, proto_ready, TEXTS(TEXT(proto_ready, text), TEXT(proto_ready, identity))),
	SHAPE(UPLOAD, proto_upload, UPLOAD_TEXTS),
	SHAPE(CREATED, proto_address, TEXTS(TEXT(proto_address, address), TEXT(proto_address, text))),
	SHAPE(PROCEED, proto_empty, NULL),
	SHAPE(PROGRESS, proto_progress, NULL),
	SHAPE(RECEIPT, proto_receipt, TEXTS(TEXT(proto_receipt, object), TEXT(proto_receipt, version))),
	SHAPE(FAILED, proto_failed, TEXTS(TEXT(proto_failed, state), TEXT(proto_failed, text))),
	SHAPE(STOP_UPLOAD, proto_empty, NULL),
	SHAPE(RECONFIRM, proto_upload, UPLOAD_TEXTS),
	SHAPE(REMOVE, proto_upload, UPLOAD_TEXTS),
	SHAPE(REMOVED, proto_status, TEXTS(TEXT(proto_status, text))),
	SHAPE(ABANDON, proto_upload, UPLOAD_TEXTS),
	SHAPE(PRESERVE, proto_upload, UPLOAD_TEXTS),
	SHAPE(PRESERVED, proto_status, TEXTS(TEXT(proto_status, text))),
	SHAPE(CERTIFICATE, proto_certificate, NULL),
	SHAPE(ASK, proto_ask, TEXTS(
		TEXT(proto_ask, text),
		TEXT(proto_ask, reason),
		TEXT(proto_ask, order),
		TEXT(proto_ask, value))),
	SHAPE(STATUS, proto_ctl_status, TEXTS(
		TEXT(proto_ctl_status, station),
		TEXT(proto_ctl_status, version),
		TEXT(proto_ctl_status, time_source),
		TEXT(proto_ctl_status, text))),
	SHAPE(BAY, proto_ctl_bay, TEXTS(
		TEXT(proto_ctl_bay, bay),
		TEXT(proto_ctl_bay, port),
		TEXT(proto_ctl_bay, state),
		TEXT(proto_ctl_bay, camera),
		TEXT(proto_ctl_bay, model),
		TEXT(proto_ctl_bay, profile),
		TEXT(proto_ctl_bay, officer),
		TEXT(proto_ctl_bay, unit),
		TEXT(proto_ctl_bay, attention),
		TEXT(proto_ctl_bay, text))),
	SHAPE(ROOT, proto_ctl_root, TEXTS(TEXT(proto_ctl_root, port))),
	SHAPE(HOST, proto_controller, TEXTS(TEXT(proto_controller, name))),
	SHAPE(PROBE, proto_ctl_probe, PROBED_TEXTS(proto_ctl_probe, probed.,
		TEXT(proto_ctl_probe, device.port),
		TEXT(proto_ctl_probe, device.serial),
		TEXT(proto_ctl_probe, device.manufacturer),
		TEXT(proto_ctl_probe, device.model),
		TEXT(proto_ctl_probe, profile))),
	SHAPE(ASSET, proto_ctl_asset, TEXTS(
		TEXT(proto_ctl_asset, asset),
		TEXT(proto_ctl_asset, sha256),
		TEXT(proto_ctl_asset, camera),
		TEXT(proto_ctl_asset, officer),
		TEXT(proto_ctl_asset, unit),
		TEXT(proto_ctl_asset, bay),
		TEXT(proto_ctl_asset, signature),
		TEXT(proto_ctl_asset, signature_text),
		TEXT(proto_ctl_asset, class),
		TEXT(proto_ctl_asset, reason),
		TEXT(proto_ctl_asset, path))),
	SHAPE(UPLOADING, proto_ctl_upload, TEXTS(
		TEXT(proto_ctl_upload, state),
		TEXT(proto_ctl_upload, version),
		TEXT(proto_ctl_upload, destination),
		TEXT(proto_ctl_upload, reason),
		TEXT(proto_ctl_upload, address))),
	SHAPE(DESTINED, proto_ctl_destination, TEXTS(
		TEXT(proto_ctl_destination, name),
		TEXT(proto_ctl_destination, driver),
		TEXT(proto_ctl_destination, state),
		TEXT(proto_ctl_destination, text))),
	SHAPE(SEGMENT, proto_ctl_segment, TEXTS(TEXT(proto_ctl_segment, name))),
	SHAPE(COPY, proto_ctl_copy, TEXTS(TEXT(proto_ctl_copy, where), TEXT(proto_ctl_copy, text))),
	SHAPE(ORDER, proto_ctl_order, TEXTS(
		TEXT(proto_ctl_order, value),
		TEXT(proto_ctl_order, reason))),
	SHAPE(DUE, proto_ctl_due, TEXTS(
		TEXT(proto_ctl_due, asset),
		TEXT(proto_ctl_due, camera),
		TEXT(proto_ctl_due, class),
		TEXT(proto_ctl_due, reason))),
	SHAPE(KEY, proto_ctl_key, TEXTS(
		TEXT(proto_ctl_key, camera),
		TEXT(proto_ctl_key, fingerprint))),
	SHAPE(CHECK, proto_check, TEXTS(
		TEXT(proto_check, check),
		TEXT(proto_check, subject),
		TEXT(proto_check, what),
		TEXT(proto_check, advice))),
	SHAPE(KNOWN, proto_ctl_known,
	    TEXTS(TEXT(proto_ctl_known, camera), TEXT(proto_ctl_known, profile),
		TEXT(proto_ctl_known, officer), TEXT(proto_ctl_known, unit))),
	SHAPE(LAMP, proto_lamp, TEXTS(TEXT(proto_lamp, lamp), TEXT(proto_lamp, name), TEXT(proto_lamp, bay))),
	SHAPE(END, proto_ctl_end, TEXTS(TEXT(proto_ctl_end, text))),
};
/* clang-format on */

static const struct shape *shape_of(unsigned type)
{
	if (type >= sizeof(shapes) / sizeof(shapes[0]) || shapes[type].length == 0)
		return NULL;
	return &shapes[type];
}

size_t proto_length(unsigned type)
{
	const struct shape *s = shape_of(type);

	return s ? s->length : 0;
}

const char *proto_name(unsigned type)
{
	const struct shape *s = shape_of(type);

	return s ? s->name : "?";
}

static bool ends_within(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool interfaces_end(const struct proto_arrived *a)
{
	for (size_t i = 0; i < PROTO_INTERFACES; i++) {
		if (!ends_within(a->interface[i].name, sizeof(a->interface[i].name)))
			return false;
	}
	return true;
}

static bool suffixes_end(const struct proto_probed *p)
{
	for (size_t i = 0; i < PROTO_SUFFIXES; i++) {
		if (!ends_within(p->suffix[i].suffix, sizeof(p->suffix[i].suffix)) ||
		    !ends_within(p->suffix[i].folder, sizeof(p->suffix[i].folder)))
			return false;
	}
	return true;
}

const char *proto_check(unsigned type, const void *body, size_t len)
{
	const struct shape *s = shape_of(type);
	const char *bytes = body;

	if (!s)
		return "unknown message type";
	if (len != s->length)
		return "length does not fit the type";
	for (const struct text *t = s->texts; t && t->size; t++) {
		if (!ends_within(bytes + t->offset, t->size))
			return "text field without end";
	}
	if (type == MSG_ARRIVED && !interfaces_end(body))
		return "text field without end";
	if (type == MSG_PROBE && !interfaces_end(&((const struct proto_ctl_probe *)body)->device))
		return "text field without end";
	if ((type == MSG_PROBED && !suffixes_end(body)) ||
	    (type == MSG_PROBE && !suffixes_end(&((const struct proto_ctl_probe *)body)->probed)))
		return "text field without end";
	if (type == MSG_ATTACH) {
		const struct proto_attach *a = body;

		for (size_t i = 0; i < PROTO_PATTERNS; i++) {
			if (!ends_within(a->pattern[i].glob, sizeof(a->pattern[i].glob)))
				return "text field without end";
		}
	}
	return NULL;
}
