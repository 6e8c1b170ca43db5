/*
 * core_inner: the root of the program, shared by core.c and core_rooms.c alone.
 */
#ifndef DOCKD_CORE_INNER_H
#define DOCKD_CORE_INNER_H

#include "core.h"

#include "acceptance.h"
#include "checkpoint.h"
#include "config.h"
#include "control.h"
#include "hold.h"
#include "inquiry.h"
#include "intake.h"
#include "journal.h"
#include "judge.h"
#include "keeping.h"
#include "light.h"
#include "link.h"
#include "reconcile.h"
#include "retention.h"
#include "retirement.h"
#include "shipping.h"
#include "staging.h"
#include "standing.h"
#include "textfile.h"
#include "uplink.h"

/* The root of the program. */
struct core {
	sd_event *event;
	struct config *config; /* of which the bays keep the profiles */
	struct standing standing;
	char state_dir[sizeof(((struct config *)0)->run_dir) + 32];
	char
	    station[PROTO_NAME_LEN]; /* a configuration read again takes the place of the old one */
	struct keeping keeping;
	bool beside; /* the volume is not mounted: an empty state folder in run-dir stands in */
	bool fresh;  /* or it may not be used, and there is nothing on it yet: not even a key */
	bool state_failed; /* it is there, and cannot be opened: as keeping.why says */
	struct journal *journal;
	struct checkpoint *checkpoint;
	struct staging *staging;
	struct lights *lights;
	struct verifier *verifier;
	struct intake *intake;
	struct judge *judge;
	struct acceptance *acceptance;
	struct inquiry *inquiry;
	struct uplink *uplink;
	struct shipping *shipping;
	struct disposer *disposer;
	struct retention *retention;
	struct reconcile *reconcile;
	struct holder *holder;
	struct retirement *retirement;
	struct bays *bays;
	struct link *link;
	struct control *control;
	struct textfile textfile;
	sd_event_source *tick, *again, *work;
	uint64_t ending_ms; /* a stop was asked for: until then workers may end; 0: not */
	uint64_t ticks, broken_ms;
	uint64_t shown_records, shown_states;
};

/* core_rooms.c: each after those that it calls. What cannot be made is fatal. */
void core_open_rooms(struct core *c);
/* Nobody may connect to half a core: after all else. */
void core_open_sockets(struct core *c);
/* c->config is another one. */
void core_configure_rooms(struct core *c);
/* Those with children, before the ledger's last record; and the others, after it. */
void core_end_workers(struct core *c);
void core_close_rooms(struct core *c);

#endif
