/*
 * bay: one place where a camera is docked: who is there, since when, what its light says.
 *
 * The facts of it, which arrival, docking, errand, erasing and books keep; its light and its words
 * (bay_view.c); and how its camera or its worker is given up. Owned by bays.
 */
#ifndef DOCKD_BAY_H
#define DOCKD_BAY_H

#include "charge.h"
#include "health.h"
#include "index.h"
#include "index_listing.h"
#include "profile.h"

#include "base/proto_camera.h"
#include "base/proto_hotplug.h"
#include "base/proto_light.h"

enum bay_state {
	BAY_EMPTY = 0,
	BAY_FOREIGN,     /* a device that no profile matches: reported, never opened */
	BAY_BLOCKED,     /* present, but not authorised or not configured */
	BAY_CLOSED,      /* to be opened, at once or at `due_us` */
	BAY_OPENING,     /* OPEN sent */
	BAY_ATTACHING,   /* worker started, waiting for CAMERA */
	BAY_CLOCK,       /* SET_CLOCK sent */
	BAY_CONFIGURING, /* CONFIGURE sent */
	BAY_UNLOCKING,   /* UNLOCK sent, or the camera has left for it and is awaited */
	BAY_PROBING,     /* ATTACH with ATTACH_PROBE sent */
	BAY_LISTING,
	BAY_READY, /* the worker waits for us */
	BAY_FETCHING,
	BAY_COMPARING, /* FETCH of nothing: head and tail compared before erasing */
	BAY_ERASING,
	BAY_LOOKING,
	BAY_FAULT, /* the camera or its worker cannot go on: fault says why */
	BAY_LEFT,  /* gone, but it may be back within rejoin_s */
};

enum bay_plan {
	PLAN_NONE = 0,
	PLAN_OPEN,
	PLAN_CLOCK,
	PLAN_CONFIGURE,
	PLAN_UNLOCK,
	PLAN_LIST,
	PLAN_FETCH,
	PLAN_COMPARE,
	PLAN_ERASE,
	PLAN_LOOK
};

#define BAY_NOT_ERASED 16
#define BAY_SECOND_US UINT64_C(1000000)

struct bays;
struct child;

/* A camera on its way to disk mode (unlocking): what its locked face told holds for the other one. */
struct bay_unlock {
	bool open;      /* UNLOCK was sent, its outcome is not on record */
	bool done;      /* it is in disk mode */
	bool look;      /* LOOK is to be asked: it stayed where it is */
	bool returned;  /* a device has arrived since UNLOCK */
	bool carried;   /* whose disk it is could not be compared: taken for the locked one's */
	unsigned tries; /* in this docking */
	uint32_t language;
	char serial[PROTO_TEXT_LEN];     /* by its language */
	char usb_serial[PROTO_TEXT_LEN]; /* of the locked face */
	char officer[PROTO_ID_TEXT_LEN], unit[PROTO_ID_TEXT_LEN];
};

#define BAY_DEATHS_MAX 4 /* of workers in a row, before FAULT */

struct bay {
	struct bays *house;
	char name[PROTO_NAME_LEN];
	char port[PROTO_PORT_LEN];
	char lamp[PROTO_NAME_LEN];
	bool configured; /* named in dockd.conf: it stays when empty */
	enum bay_state state;
	enum bay_plan plan; /* what to do after the commit */
	bool prepared;      /* in this turn: it may be planned for */
	struct proto_arrived device;
	const struct profile *profile;
	struct child *child;
	int device_fd;       /* between OPENED and ATTACH, else -1 */
	uint64_t leaving_us; /* it left in a pull: its worker may finish until then; 0 no */
	uint64_t due_us;     /* CLOCK_MONOTONIC: when a wait ends; 0 none */
	uint64_t sign_us;    /* last sign of life while a request is out */
	uint64_t sign_bytes;
	unsigned deaths;   /* of workers since something last went well */
	unsigned starved;  /* the same for what the station itself lacked for one */
	bool told;         /* since hotplug came up */
	unsigned arrivals; /* since arrivals_us, for the rate limit */
	uint64_t arrivals_us;
	char fault[PROTO_TEXT_LEN * 2];
	struct health health;
	size_t at; /* in house->bay, while roots counts */

	/* this docking */
	uint64_t docking; /* 0: none */
	int64_t docked_at_s;
	uint64_t docked_us;
	struct proto_camera camera;
	bool known; /* CAMERA came */
	struct bay_unlock unlock;
	char identity[PROTO_TEXT_LEN + 4];
	bool identity_proved;
	bool doubled;
	bool clock_known; /* clock_offset_ms is measured */
	bool clock_done;  /* set, or nothing to set */
	int64_t clock_offset_ms;
	int64_t clock_set_s; /* what its clock face was told to show */
	unsigned listings;   /* whole ones in this docking */
	uint64_t listed_us;
	uint32_t list_gap_s;
	bool linked;      /* every row of the listing has its asset */
	bool news;        /* the last listing showed something that the one before had not */
	bool expedited;   /* a person wants something of it first */
	bool final;       /* two listings agree and nothing is left to be pulled */
	bool told_held;   /* and all of it is checked: said in the log */
	uint32_t damaged; /* places where its file system contradicts itself, by the last listing */
	bool partial;     /* part of the tree could not be read, or too many objects */
	bool no_room;     /* the station's disk is full: what is pending waits for it */
	bool owner_told;  /* to whom it is issued: told, or nothing to tell */
	unsigned reissues; /* told in this docking: its ids are no longer those it came with */
	/* whose it was when it came: what it holds was recorded by these */
	char came_officer[PROTO_ID_TEXT_LEN], came_unit[PROTO_ID_TEXT_LEN];
	unsigned settings_told;           /* of its profile's, from the first on */
	struct proto_configure telling;   /* the CONFIGURE under way */
	char untold[PROTO_TEXT_LEN * 2];  /* what it refused; "" nothing */
	char trouble[PROTO_TEXT_LEN * 2]; /* of this docking, shown; "" none */
	bool erase_wanted; /* something may have become erasable since the scan below began */
	bool erase_scan;   /* the gate is being asked, from erase_cursor on */
	uint64_t erase_cursor, erase_scan_us;
	bool erased_some;
	bool stop_sent, bye_sent;            /* while the service ends */
	uint64_t not_erased[BAY_NOT_ERASED]; /* assets that it kept when told to erase them */
	unsigned not_erased_n;               /* full: nothing more is erased in this docking */
	uint64_t looked_ms;                  /* clock_steady_ms */
	struct charge charge;
	struct listing_sum sum;
	uint64_t found; /* new assets of this docking: bounded, whatever the camera lists */
	uint64_t pulled_bytes;
	unsigned mishaps;    /* on record */
	uint32_t recoveries; /* of its worker, as told last */

	/* the request under way */
	struct asset asset;
	struct listing_row row;
	uint64_t offset_bytes;
	bool silent;       /* a FETCH that brings nothing: no place of its root port is its own */
	uint32_t rows;     /* OBJECTs of the listing under way */
	uint64_t durables; /* DURABLEs of the FETCH under way */
	int part_fd;       /* our own descriptor of the staging file, for progress; -1 */
};

enum light_state bay_light(const struct bay *b);
const char *bay_state_word(const struct bay *b);
/* All that the camera shows is held safely: on the station's disk, sealed and checked. */
bool bay_holds_all(const struct bay *b);
/* Why the bay shows what it shows, and what to do; "" when all is well. */
void bay_text(const struct bay *b, char *out, size_t room);

/* For docking: the worker is given up; opened again after a while, or FAULT after too many. */
void bay_worker_lost(struct bay *b, const char *why);
/* The same where it is the station that lacks something (memory): no camera's fault, so never
 * FAULT, it is tried again for as long as that lasts. */
void bay_worker_starved(struct bay *b, const char *why);
void bay_fault(struct bay *b, const char *why);
/* Its worker and descriptors are let go, and what was planned is not done. */
void bay_drop_worker(struct bay *b);
/* The camera has left: its docking waits rejoin_s for it. */
void bay_leave(struct bay *b);
uint64_t bay_now_us(void); /* CLOCK_MONOTONIC */

#endif
