#include "retention_rules.h"

#include <string.h>

#define KIND(k) (1u << (k))

static const struct retention_class defaults[] = {
	{ "not-yet-categorised", KIND(KIND_CLIP) | KIND(KIND_SIDECAR) | KIND(KIND_OTHER), 31 },
	{ "audit-log", KIND(KIND_LOG), 0 },
	{ "activation-report", KIND(KIND_REPORT), 0 },
};

size_t retention_default_classes(struct retention_class *out)
{
	memcpy(out, defaults, sizeof(defaults));
	return sizeof(defaults) / sizeof(defaults[0]);
}

/*
 * The moment of recording, where the camera's word can be believed: its clock was measured against
 * a station that knew the time, was running, and says neither 1970 nor tomorrow.
 */
static bool tell_recorded(const struct retention_facts *f, int64_t *out)
{
	int64_t offset_s = f->offset_ms / 1000, at_s;

	if (!f->zone || !f->synchronised || f->offset_ms == PROTO_NO_TIME ||
	    offset_s > RETENTION_OFFSET_MAX_S || offset_s < -RETENTION_OFFSET_MAX_S ||
	    !asset_time_plausible(f->mtime_s, f->staged_s))
		return false;
	at_s = zone_utc(f->zone, f->mtime_s - offset_s);
	if (at_s < ASSET_EARLIEST_S || at_s > f->staged_s + RETENTION_AHEAD_S)
		return false;
	*out = at_s;
	return true;
}

void retention_tell(const struct retention_facts *f, const struct retention_class *classes,
    size_t n, struct retention_told *out)
{
	*out = (struct retention_told){ .recorded_s = f->staged_s, .dispose_by_s = PROTO_NO_TIME };
	out->proved = tell_recorded(f, &out->recorded_s);
	for (size_t i = 0; i < n && !out->class; i++) {
		if (classes[i].kinds & KIND(f->kind))
			out->class = &classes[i];
	}
	if (out->class && out->class->days)
		out->dispose_by_s = out->recorded_s + out->class->days * (int64_t)RETENTION_DAY_S;
}

enum due_stage retention_stage(int64_t dispose_by_s, int64_t now_s)
{
	static const struct {
		int64_t days;
		enum due_stage stage;
	} stages[] = {
		{ RETENTION_GOES_DAYS, DUE_NOW },
		{ RETENTION_MARKED_DAYS, DUE_MARKED },
		{ RETENTION_LISTED_DAYS, DUE_LISTED },
	};

	if (dispose_by_s == PROTO_NO_TIME)
		return 0;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (now_s >= dispose_by_s - stages[i].days * RETENTION_DAY_S)
			return stages[i].stage;
	}
	return 0;
}

const char *retention_refuses(const struct dispose_facts *f)
{
	const struct asset *a = f->asset;

	if (f->preserved)
		return "a preservation order covers it: whoever may lift the order decides";
	if (a->needs_person)
		return "it has an open trouble: settle it (dockctl clip), then dockctl retry";
	if (!a->recorded_proved)
		return "when it was recorded is not proved: the evidence manager decides";
	if (f->docked_s == 0 || a->dispose_by_s == PROTO_NO_TIME ||
	    f->docked_s > a->dispose_by_s - RETENTION_MARKED_DAYS * (int64_t)RETENTION_DAY_S)
		return "it arrived with under 7 days left: the evidence manager decides";
	if (f->kept_longer)
		return "the same bytes are also a file of a class that is kept longer: the "
		       "evidence manager decides";
	if (f->flagged)
		return "it was flagged on the camera: the officer's unit decides";
	if (f->finding)
		return "an audit finding is open: professional standards decides (dockctl settle)";
	if (strcmp(a->signature, "valid") != 0 &&
	    (f->camera_signs || strcmp(a->signature, "unsigned") != 0) && a->kind == KIND_CLIP)
		return "its signature is not valid: the evidence manager decides";
	if (!f->receipted)
		return "not every destination that must have it has given a receipt: see to the "
		       "server";
	if (f->camera_empties && !a->erased)
		return "it is still on its camera, to be erased when the camera comes: dock it";
	return NULL;
}
