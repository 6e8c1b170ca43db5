/*
 * bay: the places where cameras are docked: who is there, since when, what its light says.
 *
 * Owns every struct bay. Told by link (hotplug) who arrived and left, asks for device nodes, starts
 * one dockd-camera for each docked camera and hands its messages to docking. Called by main each
 * turn: plan (write intents), then, after the journal's commit, act. It never looks into bytes of a
 * camera.
 */
#ifndef DOCKD_BAY_H
#define DOCKD_BAY_H

#include "child.h"
#include "config.h"
#include "journal.h"
#include "light.h"
#include "link.h"
#include "staging.h"

#include "base/proto_camera.h"
#include "base/proto_ctl.h"
#include "base/proto_hotplug.h"

#define BAYS_MAX 256

enum bay_state {
	BAY_EMPTY = 0,
	BAY_FOREIGN,   /* a device that no profile matches: reported, never opened */
	BAY_BLOCKED,   /* present, but not authorised or not configured */
	BAY_CLOSED,    /* to be opened, at once or at `due_us` */
	BAY_OPENING,   /* OPEN sent */
	BAY_ATTACHING, /* worker started, waiting for CAMERA */
	BAY_CLOCK,     /* SET_CLOCK sent */
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
	PLAN_LIST,
	PLAN_FETCH,
	PLAN_COMPARE,
	PLAN_ERASE,
	PLAN_LOOK
};

#define BAY_NOT_ERASED 16

struct bay {
	struct bays *house;
	char name[PROTO_NAME_LEN];
	char port[PROTO_PORT_LEN];
	char lamp[PROTO_NAME_LEN];
	bool configured; /* named in dockd.conf: it stays when empty */
	enum bay_state state;
	enum bay_plan plan; /* what to do after the commit */
	struct proto_arrived device;
	const struct profile *profile;
	struct child *child;
	int device_fd;       /* between OPENED and ATTACH, else -1 */
	uint64_t leaving_us; /* it left in a pull: its worker may finish until then; 0 no */
	uint64_t due_us;     /* CLOCK_MONOTONIC: when a wait ends; 0 none */
	uint64_t sign_us;    /* last sign of life while a request is out */
	uint64_t sign_bytes;
	unsigned deaths;   /* of workers since something last went well */
	bool told;         /* since hotplug came up */
	unsigned arrivals; /* since arrivals_us, for the rate limit */
	uint64_t arrivals_us;
	char fault[PROTO_TEXT_LEN * 2];

	/* this docking */
	uint64_t docking; /* 0: none */
	int64_t docked_at_s;
	uint64_t docked_us;
	struct proto_camera camera;
	bool known; /* CAMERA came */
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
	bool linked;    /* every row of the listing has its asset */
	bool news;      /* the last listing showed something that the one before had not */
	bool expedited; /* a person wants something of it first */
	bool final;     /* two listings agree and nothing is left to be pulled */
	bool told_held; /* and all of it is checked: said in the log */
	bool partial;   /* part of the tree could not be read, or too many objects */
	bool no_room;   /* the station's disk is full: what is pending waits for it */
	char trouble[PROTO_TEXT_LEN * 2]; /* of this docking, shown; "" none */
	bool erase_wanted; /* something may have become erasable since the scan below began */
	bool erase_scan;   /* the gate is being asked, from erase_cursor on */
	uint64_t erase_cursor, erase_scan_us;
	bool erased_some;
	uint64_t
	    not_erased[BAY_NOT_ERASED]; /* assets that the camera kept when told to erase them */
	unsigned not_erased_n;          /* full: nothing more is erased in this docking */
	uint64_t looked_us;
	struct listing_sum sum;
	uint64_t found; /* new assets of this docking: bounded, whatever the camera lists */
	uint64_t pulled_bytes;

	/* the request under way */
	struct asset asset;
	struct listing_row row;
	uint64_t offset_bytes;
	uint32_t rows;     /* OBJECTs of the listing under way */
	uint64_t durables; /* DURABLEs of the FETCH under way */
	int part_fd;       /* our own descriptor of the staging file, for progress; -1 */
};

/* What the bays need to be told, by main from the configuration; copied. */
struct bays_settings {
	bool erase, any, take_when_server;
	enum receipt_level accept;
	uint32_t pulls_per_port, rejoin_s;
};

struct bays_handlers {
	void (*pulled)(void *arg, uint64_t asset); /* its .part is whole: intake seals it */
};

struct bays {
	sd_event *event;
	struct journal *journal;
	struct staging *staging;
	struct link *link;
	struct lights *lights;
	const struct bays_handlers *handlers;
	void *arg;
	struct bays_settings settings;
	const struct profile *profiles;
	size_t profiles_n;
	char destination[CONFIG_DESTINATIONS][PROTO_NAME_LEN];
	size_t destinations_n;
	struct bay *bay[BAYS_MAX];
	size_t n;
	bool hotplug; /* connected */
	bool synced;  /* and all that is there has been told */
	uint64_t synced_us;
	bool stopped; /* intake is stopped: stop_why says why */
	char stop_why[PROTO_TEXT_LEN * 2];
	const char *ledger_trouble; /* checkpoint's, live: while not "", intake and erasing stop */
	const struct bay *disk_bay; /* whose worker told of the last of them; never followed */
	unsigned disk_errors;       /* EIO on staging, in a row */
	bool again;                 /* another turn is wanted at once */
};

struct bays *bays_new(sd_event *event, struct journal *j, struct staging *s, struct lights *l,
    const struct bays_handlers *handlers, void *arg);
/* Takes names, ports, lamps, profiles and settings; at reload dockings go on with what they had. */
void bays_configure(struct bays *b, const struct config *c);
void bays_set_link(struct bays *b, struct link *l);
/* Stops all workers (BYE where they wait, else killed). */
void bays_free(struct bays *b);

/* From link. */
void bays_hotplug_up(struct bays *b);
void bays_hotplug_message(struct bays *b, struct msg *m);
void bays_hotplug_down(struct bays *b);

/* Once a turn; plan may only write to the journal, act comes after its commit. */
void bays_plan(struct bays *b);
void bays_act(struct bays *b);
/* Every LIGHT_TICK_MS: time-outs, lamps. */
void bays_tick(struct bays *b, uint64_t tick);

/* An asset moved on (checked, receipted, put back): bays that show it look again. */
void bays_asset_changed(struct bays *b);
/* A person asks to try again: this bay, or all (name NULL). Number of bays that heard it. */
unsigned bays_retry(struct bays *b, const char *name);
/* Why nothing is taken in or erased, at no bay; "" when that is not so. */
const char *bays_stop_why(const struct bays *b);
/* No pull, erase or listing is to be done now. */
bool bays_idle(const struct bays *b);

enum light_state bay_light(const struct bay *b);
const char *bay_state_word(const struct bay *b);
/* All that the camera shows is held safely: on the station's disk, sealed and checked. */
bool bay_holds_all(const struct bay *b);
/* Why the bay shows what it shows, and what to do; "" when all is well. */
void bay_text(const struct bay *b, char *out, size_t room);

/* For docking: the worker is given up; opened again after a while, or FAULT after too many. */
void bay_worker_lost(struct bay *b, const char *why);
void bay_fault(struct bay *b, const char *why);
uint64_t bay_now_us(void);

#endif
