#include "configuration.h"

#include "bays.h"
#include "books.h"
#include "index_assignment.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where the ids go: a property of the profile's, or a place that the vendor's language has. */
static bool has_place(const struct bay *b)
{
	return (b->camera.features & CAMERA_OWNER_SET) &&
	    (b->profile->driver != DRIVER_PTP || b->profile->owner_property);
}

static bool plan_owner(struct bay *b)
{
	struct assignment to;
	bool officer, unit;

	b->owner_told = true;
	if (!has_place(b) || !b->identity_proved ||
	    index_assignment(journal_index(b->house->journal), b->identity, &to) < 0)
		return false;
	officer = to.officer[0] && strcmp(to.officer, b->camera.officer) != 0;
	unit =
	    to.unit[0] && strcmp(to.unit, b->camera.unit) != 0 && b->profile->driver != DRIVER_PTP;
	if (!officer && !unit)
		return false;
	b->telling = (struct proto_configure){
		.what = CONFIGURE_OWNER,
		.code = b->profile->owner_property,
	};
	if (officer)
		memcpy(b->telling.officer, to.officer, sizeof(b->telling.officer));
	if (unit)
		memcpy(b->telling.unit, to.unit, sizeof(b->telling.unit));
	b->reissues++; /* from its first byte on, whatever becomes of it */
	return true;
}

bool configuration_plan(struct bay *b)
{
	const struct profile_push *push;

	if (!b->owner_told && plan_owner(b))
		return true;
	if (!(b->camera.features & CAMERA_SETTINGS) || b->settings_told >= PROFILE_SETTINGS)
		return false;
	push = &b->profile->push[b->settings_told];
	if (!push->code)
		return false;
	b->settings_told++;
	b->telling = (struct proto_configure){ .what = CONFIGURE_SETTING, .code = push->code };
	memcpy(b->telling.value, push->value, sizeof(b->telling.value));
	return true;
}

static void record(struct bay *b, const struct proto_status *s)
{
	const struct proto_configure *t = &b->telling;
	struct record *r = books_begin("configured");

	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "what", t->what == CONFIGURE_OWNER ? "owner" : "setting");
	if (t->code)
		record_number(r, "property", t->code);
	if (t->officer[0])
		record_text(r, "officer", t->officer);
	if (t->unit[0])
		record_text(r, "unit", t->unit);
	if (t->value[0])
		record_text(r, "value", t->value);
	record_text(r, "result", s->status < 0 ? "refused" : "done");
	if (s->text[0])
		record_text(r, "text", s->text);
	books_write(b, r);
}

static void refused(struct bay *b, const struct proto_status *s)
{
	const struct proto_configure *t = &b->telling;

	if (t->what == CONFIGURE_OWNER)
		snprintf(b->untold, sizeof(b->untold),
		    "the camera did not take to whom it is issued (%.100s): tell it by hand",
		    s->text[0] ? s->text : strerror(-s->status));
	else
		snprintf(b->untold, sizeof(b->untold),
		    "the camera did not take setting 0x%04X of its profile (%.100s)", t->code,
		    s->text[0] ? s->text : strerror(-s->status));
	log_warn("not-configured", "bay=%s docking=%" PRIu64 " property=0x%04x reason=\"%s\"",
	    b->name, b->docking, t->code, log_text(b->untold));
}

const char *configuration_told(struct bay *b, const struct msg *m)
{
	const struct proto_configure *t = &b->telling;
	struct proto_status s;

	memcpy(&s, m->body, sizeof(s));
	if (s.status > 0 || s.status < -4095)
		return "CONFIGURED with a status that does not exist";
	b->state = BAY_READY;
	if (s.status < 0)
		refused(b, &s);
	if (s.status < 0 || strcmp(s.text, "unchanged") != 0)
		record(b, &s);
	if (s.status < 0)
		return NULL;
	/* it came with that one: some are asked only now */
	if (b->reissues == 1 && strcmp(s.text, "unchanged") == 0 && t->officer[0])
		memcpy(b->came_officer, t->officer, sizeof(b->came_officer));
	if (t->officer[0])
		memcpy(b->camera.officer, t->officer, sizeof(b->camera.officer));
	if (t->unit[0])
		memcpy(b->camera.unit, t->unit, sizeof(b->camera.unit));
	log_info("configured", "bay=%s docking=%" PRIu64 " property=0x%04x unchanged=%d", b->name,
	    b->docking, t->code, strcmp(s.text, "unchanged") == 0);
	return NULL;
}

void configuration_renew(struct bays *h, const char *camera)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->bay[i]->docking && strcmp(h->bay[i]->identity, camera) == 0) {
			h->bay[i]->owner_told = false;
			h->bay[i]->untold[0] = '\0';
		}
	}
}
