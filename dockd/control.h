/*
 * control: the socket that dockctl asks. Owns RUN/control.sock and its clients.
 *
 * Called by core each turn. Answers come in pages of rows, pulled by the client by cursor; a client
 * that does not read is dropped. Every change it asks for is a record with the peer's user, from
 * the kernel. It never blocks and keeps no queue.
 */
#ifndef DOCKD_CONTROL_H
#define DOCKD_CONTROL_H

#include "base/proto_light.h"
#include "bays.h"
#include "checkpoint.h"
#include "config.h"
#include "hold.h"
#include "inquiry.h"
#include "intake.h"
#include "judge.h"
#include "keeping.h"
#include "reconcile.h"
#include "retention.h"
#include "uplink.h"

#include <stdio.h>

struct control;

struct control_parts {
	const char *station;
	const struct keeping *keeping;
	struct journal *journal;
	struct checkpoint *checkpoint;
	struct staging *staging;
	struct bays *bays;
	struct lights *lights;
	struct intake *intake;
	struct judge *judge;
	struct inquiry *inquiry;
	struct uplink *uplink;
	struct retention *retention;
	struct disposer *disposer;
	struct reconcile *reconcile;
	struct holder *holder;
	const char *configuration_refused; /* live; "" the one on disk is in force */
};

/* Whoever is on this machine may connect; what he may ask is decided by his groups (role). */
int control_open(
    sd_event *event, const char *path, const struct control_parts *parts, struct control **out);
/* Settings; takes effect for those who connect from now on. */
void control_configure(struct control *c, const struct config *config);
void control_close(struct control *c);
/* False: its socket's path is gone; who is connected stays so. */
bool control_is_there(const struct control *c);

/* Once a turn: answers the parked whose condition now holds or whose time is up. */
void control_turn(struct control *c, bool changed);

/* The one line that tells how things are: state, cameras docked, what a person must do. */
void control_headline(const struct control *c, char *out, size_t room);
/* All figures as Prometheus text (dockd-metrics(7)). 0 or -errno: not all could be written. */
int control_metrics_write(const struct control *c, FILE *out);

/* The station's one light. */
enum station_light control_station_light(const struct control *c);

#endif
