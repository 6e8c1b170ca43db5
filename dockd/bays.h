/*
 * bays: all bays of the station, and what they are told by the configuration.
 *
 * Owns every struct bay. Called by core each turn: plan (write intents), then, after the journal's
 * commit, act; arrival tells which cameras come and go. It never looks into bytes of a camera.
 */
#ifndef DOCKD_BAYS_H
#define DOCKD_BAYS_H

#include "bay.h"
#include "config.h"
#include "controllers.h"
#include "journal.h"
#include "light.h"
#include "link.h"
#include "probe.h"
#include "roots.h"
#include "staging.h"

#define BAYS_MAX 256

/* What the bays need to be told, by core from the configuration; copied. */
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
	const char *volume_trouble; /* keeping's, live: while not "", no camera is opened */
	const char *ledger_trouble; /* checkpoint's, live: while not "", intake and erasing stop */
	const char *configuration_refused; /* live: while not "", nothing is erased */
	const struct bay *disk_bay; /* whose worker told of the last of them; never followed */
	unsigned disk_errors;       /* EIO on staging, in a row */
	struct probe probe;
	struct controllers controllers;
	struct roots *roots;
	uint64_t health_changes;
	char current_port[PROTO_PORT_LEN]; /* took too much current, and is no bay; "" none */
	bool ending;                       /* bays_end was called: nothing is begun any more */
	bool again;                        /* another turn is wanted at once */
};

struct bays *bays_new(sd_event *event, struct journal *j, struct staging *s, struct lights *l,
    const struct bays_handlers *handlers, void *arg);
/* Takes names, ports, lamps, profiles and settings; at reload dockings go on with what they had. */
void bays_configure(struct bays *b, const struct config *c);
void bays_set_link(struct bays *b, struct link *l);
/*
 * The service ends: STOP to workers that read, BYE to those that wait. Called each turn, instead of
 * plan and act, until it gives 0: so many workers are still there.
 */
unsigned bays_end(struct bays *b);
/* Kills the workers that are left. */
void bays_free(struct bays *b);

/* Once a turn: does what turn_plan has planned, after the journal's commit. */
void bays_act(struct bays *b);
/* The part that is being pulled is so long now. */
void bays_moved(struct bay *b, uint64_t length_bytes);
/* Every LIGHT_TICK_MS: time-outs, lamps. */
void bays_tick(struct bays *b, uint64_t tick);

/* An asset moved on (checked, receipted, put back): bays that show it look again. */
void bays_asset_changed(struct bays *b);
/* A person asks to try again: this bay, or all (name NULL). Number of bays that heard it. */
unsigned bays_retry(struct bays *b, const char *name);
/* Why nothing is taken in or erased, at no bay; "" when that is not so. */
const char *bays_stop_why(const struct bays *b);
/* Cameras are not even opened: the volume may hold nothing of theirs. */
bool bays_are_shut(const struct bays *b);
/* No pull, erase or listing is to be done now. */
bool bays_idle(const struct bays *b);
/* The bay at this port, or NULL. */
struct bay *bays_find(struct bays *b, const char *port);
/* A new one, or NULL: there are BAYS_MAX. */
struct bay *bays_add(struct bays *b, const char *name, const char *port);

#endif
