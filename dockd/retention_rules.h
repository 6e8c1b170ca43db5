/*
 * retention_rules: when a recording was made, how long it is kept, and what may never go by age; pure.
 *
 * Used by retention and config. All in UTC seconds; a day is 86,400 of them, so no change of the
 * clock face moves a deadline. What is not positively established keeps the recording.
 */
#ifndef DOCKD_RETENTION_RULES_H
#define DOCKD_RETENTION_RULES_H

#include "asset.h"
#include "base/proto_order.h"
#include "base/zone.h"

#define RETENTION_CLASSES 16
#define RETENTION_DAY_S 86400
#define RETENTION_LISTED_DAYS 10 /* before the deadline: on the due list (day 21 of 31) */
#define RETENTION_MARKED_DAYS 7  /* before the deadline: marked (day 24 of 31) */
#define RETENTION_GOES_DAYS 1    /* before the deadline: disposed of, so that it is gone by then */
#define RETENTION_MARK_S RETENTION_DAY_S /* a mark stands for so long before anything goes */
#define RETENTION_AHEAD_S 600 /* a recording may seem younger than its arrival by so much */
#define RETENTION_OFFSET_MAX_S RETENTION_DAY_S /* a clock further off than this was not running */

struct retention_class {
	char name[PROTO_CLASS_LEN];
	uint32_t kinds; /* a set of 1 << enum object_kind */
	uint32_t days;  /* 0: never by age */
};

/* The classes of a configuration that names none. Their count. */
size_t retention_default_classes(struct retention_class *out);

struct retention_facts {
	enum object_kind kind;
	int64_t mtime_s;         /* of the camera's clock face, PROTO_NO_TIME: none */
	const struct zone *zone; /* NULL: its profile is not known any more */
	int64_t offset_ms; /* camera minus station, measured at its docking, or PROTO_NO_TIME */
	bool synchronised; /* the station's own clock, at that docking */
	int64_t staged_s;  /* when it was taken in */
};

struct retention_told {
	const struct retention_class *class; /* NULL: no class names its kind */
	int64_t recorded_s;
	bool proved;          /* else recorded_s is staged_s */
	int64_t dispose_by_s; /* PROTO_NO_TIME: never by age */
};

void retention_tell(const struct retention_facts *f, const struct retention_class *classes,
    size_t n, struct retention_told *out);

/*
 * Where an asset stands on the way to its deadline: 0 not yet near it (or it has none), DUE_LISTED,
 * DUE_MARKED, DUE_NOW. Not what may be done with it: that is retention_refuses.
 */
enum due_stage retention_stage(int64_t dispose_by_s, int64_t now_s);

/* All that is asked before disposal by age, gathered by the caller. */
struct dispose_facts {
	const struct asset *asset;
	bool preserved;
	bool receipted;      /* as the policy asks */
	bool flagged;        /* on its camera, this or the same under another name */
	bool kept_longer;    /* the same bytes are also of a class that keeps them longer */
	bool finding;        /* one is open that names one of them or its docking */
	bool camera_signs;   /* its profile says so, or the profile is not known */
	bool camera_empties; /* the station erases from this camera: it may not go before that */
	int64_t docked_s;    /* when its docking began, 0 not known */
};

/*
 * Why it may never go by age and who decides, as a sentence; NULL: it may. The first reason counts.
 */
const char *retention_refuses(const struct dispose_facts *f);

#endif
