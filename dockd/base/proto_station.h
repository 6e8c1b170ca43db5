/*
 * proto_station: the station as it is now: as a whole, its bays, root ports and destinations.
 *
 * Rows of the answers to ASK_STATUS, ASK_BAYS and ASK_ROOTS (proto_ctl.h).
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_STATION_H
#define DOCKD_PROTO_STATION_H

#include "proto.h"

struct proto_ctl_status {
	char station[PROTO_NAME_LEN];
	char version[PROTO_NAME_LEN];
	uint64_t generation; /* changes when anything shown changes */
	uint64_t assets, receipted, erased, unsent_bytes;
	uint64_t dockings, records;
	uint64_t disk_free_bytes, disk_reserve_bytes;
	int64_t oldest_unsent_s; /* staged at, CLOCK_REALTIME; 0 = none */
	uint32_t bays, occupied, hotplug_connected, station_light;
	uint32_t plaintext;              /* 1: state on a plain volume, allowed by configuration */
	uint32_t intake_stopped;         /* 1: nothing is taken in; text says why */
	uint32_t erase;                  /* 0 never, 1 when the gate allows */
	uint32_t accept_level;           /* enum receipt_level */
	uint32_t dispose;                /* 1: by age, where told that the store is ours */
	uint32_t clock_synchronised;     /* the station's own */
	uint64_t findings;               /* of audits, not yet settled by a person */
	uint64_t preserved, due, review; /* assets */
	uint64_t checked_records;        /* of the ledger, by the full check since start */
	uint64_t checkpoint_size;        /* records under the newest checkpoint */
	int64_t disk_full_s; /* at this pace; 0 not known, INT64_MAX it does not fill up */
	uint64_t cameras_known, cameras_overdue; /* not docked here for camera-overdue-days */
	char time_source[PROTO_NAME_LEN];
	char text[PROTO_TEXT_LEN * 4]; /* what a person must do, "" when nothing */
};
_Static_assert(sizeof(struct proto_ctl_status) == 896, "crank PROTO_VERSION");

struct proto_ctl_bay {
	char bay[PROTO_NAME_LEN];
	char port[PROTO_PORT_LEN];
	char state[32];
	char camera[PROTO_TEXT_LEN + 4]; /* serial, as identity */
	char model[PROTO_TEXT_LEN];
	char profile[PROTO_NAME_LEN];
	char text[PROTO_TEXT_LEN * 2]; /* why it is so, what to do; "" when all is well */
	uint32_t light;                /* enum light_state */
	uint32_t features;
	int32_t battery_percent;                    /* -1 unknown */
	uint32_t objects, pending, held, receipted; /* of this docking */
	uint32_t speed_mbps;
	uint32_t errors;       /* of this bay in its last 20 dockings */
	int32_t minutes_left;  /* until it may be taken, about; 0 now, -1 not known */
	uint32_t damaged;      /* files that the camera's file system cuts short or shares */
	uint32_t fill_percent; /* of its storage, as of the last look; 255 not known */
	char officer[PROTO_ID_TEXT_LEN];
	char unit[PROTO_ID_TEXT_LEN];
	char attention[PROTO_TEXT_LEN * 2]; /* for IT, while the camera itself is fine; "" none */
	uint64_t docking;
	uint64_t pending_bytes, pulled_bytes; /* pulled: read from the camera, overlap included */
	uint64_t now_asset, now_bytes, now_size; /* the pull under way: number, so far, of */
	int64_t clock_offset_ms;                 /* camera minus station; INT64_MIN unknown */
	int64_t docked_at_s;
};
_Static_assert(sizeof(struct proto_ctl_bay) == 1192, "crank PROTO_VERSION");

/* What one root port carries: all below it share its bandwidth. */
struct proto_ctl_root {
	char port[PROTO_PORT_LEN]; /* "1-2" */
	uint32_t cameras, pulls, waiting;
	int32_t minutes_left; /* until all below it may be taken; -1 not known */
	uint64_t bytes_per_s; /* now, over the last seconds */
	uint64_t pending_bytes;
};
_Static_assert(sizeof(struct proto_ctl_root) == 96, "crank PROTO_VERSION");

struct proto_ctl_destination {
	char name[PROTO_NAME_LEN];
	char driver[32];
	char text[PROTO_TEXT_LEN * 2]; /* its trouble, "" when it works */
	uint32_t connected, active, level, away;
	uint64_t queued, queued_bytes, sent_bytes;
	uint64_t bytes_per_s; /* of late, in the hours in which anything may be sent; 0 not known */
	uint64_t allowed_per_s; /* by its timetable now; RATE_UNLIMITED */
	int64_t expected_s;     /* when all that is queued now will be there; 0 not known */
	int64_t oldest_expected_s, oldest_deadline_s; /* of the most urgent one; 0 none */
	char state[PROTO_CLASS_LEN];                  /* of its trouble; "" none */
	/* of client, CA, server, by enum certificate_which - 1; PROTO_NO_TIME not known */
	int64_t certificate_until_s[3];
};
_Static_assert(sizeof(struct proto_ctl_destination) == 488, "crank PROTO_VERSION");

#endif
