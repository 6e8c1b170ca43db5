/*
 * device: what a simulated camera says about itself: DeviceInfo, battery, clock and two settings.
 *
 * Part of the operations (operations.h).
 */
#include <string.h>
#include <time.h>

#include "../../dockd/base/buf.h"
#include "operations.h"

#define BATTERY_LEVEL 0x5001
#define DATE_TIME 0x5011
#define FRIENDLY_NAME 0xD402 /* MTP 1.1 appendix C */
#define MODE 0xD801          /* a vendor's, 16 bits */

static bool has_clock(struct responder *r)
{
	struct camera *c = r->camera;

	return (c->operations & HAS_CLOCK) && c->clock_known &&
	    !faults_take(&c->faults, HURT_CLOCK_NONE, 0, NULL);
}

void device_get_info(struct responder *r)
{
	static const uint16_t events[] = { 0x4002, 0x4003, 0x4006, 0x4007, 0x400c };
	static const uint16_t formats[] = { 0x3000, 0x3001, 0xb982 };
	const struct identity *id = &r->camera->id;
	struct dataset d = { 0 };
	uint16_t codes[64];
	size_t n;

	dataset_put(&d, 100, 2);
	dataset_put(&d, 6, 4);
	dataset_put(&d, 100, 2);
	dataset_put_text(&d, id->extension);
	dataset_put(&d, 0, 2);
	n = operation_offered(r, codes);
	dataset_put_u16s(&d, codes, n);
	dataset_put_u16s(&d, events, r->camera->events ? sizeof(events) / sizeof(events[0]) : 0);
	n = 0;
	if (r->camera->operations & HAS_BATTERY)
		codes[n++] = BATTERY_LEVEL;
	if (has_clock(r))
		codes[n++] = DATE_TIME;
	if (r->camera->operations & HAS_SETTINGS) {
		codes[n++] = FRIENDLY_NAME;
		codes[n++] = MODE;
	}
	dataset_put_u16s(&d, codes, n);
	dataset_put_u16s(&d, NULL, 0);
	dataset_put_u16s(&d, formats, sizeof(formats) / sizeof(formats[0]));
	dataset_put_text(&d, id->ptp_manufacturer);
	dataset_put_text(&d, id->ptp_model);
	dataset_put_text(&d, id->ptp_version);
	dataset_put_text(&d, camera_ptp_serial(r->camera));
	operation_give(r, &d);
}

static bool has_prop(struct responder *r, uint32_t prop)
{
	if (prop == BATTERY_LEVEL)
		return (r->camera->operations & HAS_BATTERY) != 0;
	if (prop == FRIENDLY_NAME || prop == MODE)
		return (r->camera->operations & HAS_SETTINGS) != 0;
	return prop == DATE_TIME && has_clock(r);
}

static void put_device_prop(struct responder *r, struct dataset *d, uint32_t prop)
{
	if (prop == BATTERY_LEVEL)
		dataset_put(d, r->camera->battery, 1);
	else if (prop == FRIENDLY_NAME)
		dataset_put_text(d, r->camera->name);
	else if (prop == MODE)
		dataset_put(d, r->camera->mode, 2);
	else
		dataset_put_time(d, camera_clock(r->camera));
}

void device_get_prop(struct responder *r)
{
	uint32_t prop = r->command.params[0];
	struct dataset d = { 0 };

	if (!has_prop(r, prop)) {
		responder_answer(r, PROP_NOT_SUPPORTED, NULL, 0);
		return;
	}
	if (r->command.code == 0x1014) {
		dataset_put(&d, prop, 2);
		dataset_put(&d, prop == BATTERY_LEVEL ? 2 : prop == MODE ? 4 : 0xffff, 2);
		dataset_put(&d, prop == BATTERY_LEVEL ? 0 : 1, 1);
		put_device_prop(r, &d, prop);
	}
	put_device_prop(r, &d, prop);
	if (r->command.code == 0x1014) {
		dataset_put(&d, prop == BATTERY_LEVEL ? 1 : 0, 1);
		if (prop == BATTERY_LEVEL)
			dataset_put(&d, 0x016400, 3); /* range 0 to 100 by 1 */
	}
	operation_give(r, &d);
}

void device_set_prop(struct responder *r)
{
	uint32_t prop = r->command.params[0];

	if (!has_prop(r, prop) || prop == BATTERY_LEVEL) {
		responder_answer(
		    r, has_prop(r, prop) ? ACCESS_DENIED : PROP_NOT_SUPPORTED, NULL, 0);
		return;
	}
	r->data_out = true;
}

void operation_data(struct responder *r, const uint8_t *data, size_t len)
{
	struct buf b = buf_of(data, len);
	uint32_t length = buf_u32(&b);
	uint16_t type = buf_u16(&b);
	uint16_t code = buf_u16(&b);
	char text[64] = "";
	struct tm tm = { 0 };
	unsigned units;
	char *end;

	if (buf_u32(&b) != r->command.transaction || length != len || type != 2 ||
	    code != r->command.code) {
		responder_answer(r, INVALID_TRANSACTION, NULL, 0);
		return;
	}
	if (r->command.params[0] == MODE) {
		r->camera->mode = buf_u16(&b);
		r->camera->settings_set++;
		responder_answer(r, b.broken ? INVALID_PARAMETER : OK, NULL, 0);
		return;
	}
	units = buf_u8(&b);
	for (unsigned i = 0; i < units; i++) {
		uint16_t u = buf_u16(&b);

		if (i < sizeof(text) - 1)
			text[i] = u < 0x80 ? (char)u : '?';
	}
	if (r->command.params[0] == FRIENDLY_NAME) {
		memcpy(r->camera->name, text, sizeof(text));
		r->camera->settings_set++;
		responder_answer(r, b.broken ? INVALID_PARAMETER : OK, NULL, 0);
		return;
	}
	end = strptime(text, "%Y%m%dT%H%M%S", &tm);
	if (b.broken || !end) {
		responder_answer(r, INVALID_PARAMETER, NULL, 0);
		return;
	}
	r->camera->clock_offset_s = (int64_t)timegm(&tm) - (int64_t)time(NULL);
	r->camera->clocks_set++;
	responder_answer(r, OK, NULL, 0);
}
