/*
 * control_answer: the answers to the questions of the control socket, each in the file of its noun.
 *
 * Called by control.c, which has asked role whether he may; some tell one another's rows. What gives
 * an int gives 0, or -errno: the client is to be dropped.
 */
#ifndef DOCKD_CONTROL_ANSWER_H
#define DOCKD_CONTROL_ANSWER_H

#include "asset.h"
#include "filling.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct config;
struct control;
struct proto_ctl_asset;
struct proto_ctl_status;
struct staging_space;

/* control_role.c: refuses the question, and records that once a minute for each asker and question. */
int control_deny(struct client *k);

/* control_proof.c: the ledger with what is signed over it, and proof bundles. */
int control_ledger(struct client *k);
int control_bundle(struct client *k);

/* control_status.c */
int control_status(struct client *k);

/* control_bay.c */
int control_bays(struct client *k);

/* control_probe.c: ASK_PROBE; the client is parked until it is done or the time is up. */
int control_probe(struct client *k);
bool control_probe_done(const struct client *k);
int control_probe_end(struct client *k);

/* control_doctor.c */
int control_doctor(struct client *k);
void control_doctor_configure(struct control *c, const struct config *config);
/* When the disk will be full, with what staging tells of its room. */
struct filling control_filling(const struct control *c, const struct staging_space *space);

/* control_camera.c */
int control_cameras(struct client *k);
int control_forget(struct client *k);
/* How many have been docked here and are not forgotten, and how many of them are overdue. */
void control_cameras_count(const struct control *c, uint64_t *known, uint64_t *overdue);

/* control_metrics.c: the station's figures. */
int control_metrics(struct client *k);

/* control_light.c: the lamps, and a test of them, which parks its client; one at a time. */
int control_light(struct client *k);
/* Goes on with the test; true: it is over. */
bool control_light_done(struct client *k);
int control_light_end(struct client *k);
/* Whoever it was waits no more: a test of his ends at once. */
void control_light_gone(const struct client *k);

/* control_root.c */
int control_roots(struct client *k);
/* What of the host's USB resources a person must know. True: a person of IT must act. */
bool control_root_needs(const struct control *c, char *out, size_t room);

/* control_asset.c */
int control_assets(struct client *k);
int control_asset(struct client *k);
int control_export(struct client *k);
void control_fill_asset(
    const struct control *c, const struct asset *a, struct proto_ctl_asset *row);
/* Over all destinations, as the policy asks. */
enum rung control_rung(const struct control *c, const struct asset *a);

/* control_uplink.c: rows of destinations, of the uploads of an asset; and what goes first. */
int control_destinations(struct client *k);
int control_uploads(struct client *k, const struct asset *a);
int control_expedite(struct client *k);

/* control_destination.c */
int control_rebind(struct client *k);
/* What of destinations only a person can mend, added to text. */
void control_destination_needs(const struct control *c, char *text, size_t room);

/* control_order.c; who asked PRESERVE is parked until it is done or the time is up. */
int control_preserve(struct client *k);
bool control_preserve_done(const struct client *k);
int control_preserve_end(struct client *k);
int control_lift(struct client *k);
int control_orders(struct client *k);

/* control_disposal.c; who asked DISPOSE is parked in the same way. */
int control_due(struct client *k);
int control_dispose(struct client *k);
bool control_dispose_done(const struct client *k);
int control_dispose_end(struct client *k);
void control_fill_retention(const struct control *c, struct proto_ctl_status *s);

#endif
