/*
 * control_client: what the files of the control socket share: who asks, and how he is answered.
 *
 * Included by control*.c only. control.c owns the sockets, those who wait, and `retry`; each other
 * file answers the questions about one noun, by functions named below.
 */
#ifndef DOCKD_CONTROL_CLIENT_H
#define DOCKD_CONTROL_CLIENT_H

#include "base/proto_ctl.h"
#include "control.h"
#include "doctor.h"
#include "index_retention.h"
#include "role.h"

struct proto_ctl_asset;
struct proto_ctl_status;

#define CONTROL_CLIENTS 32
#define CONTROL_PAGE 16 /* rows a page */

struct client {
	struct control *control;
	int sock;
	uid_t uid;
	uint32_t roles; /* a set of enum role */
	uint64_t since_us;
	sd_event_source *io;
	bool parked;
	struct proto_ask ask;
	uint64_t until_us; /* 0: no limit */
	uint64_t order;    /* PRESERVE, LIFT: the order; DISPOSE: the asset */
	struct due_place due;
	uint64_t passed; /* WAIT_ALL_RUNG: assets up to this number had got there */
};

/* Somebody who asked what he may not; told and recorded once, then counted for a while. */
struct control_denied {
	uid_t uid;
	unsigned ask;
	uint64_t at_us;
	uint64_t more; /* since then */
};

#define CONTROL_DENIED 32 /* the last: all who found no place */
#define CONTROL_LAMPS 192

/* The test under way: one lamp after the other. */
struct control_light {
	const struct client *tester; /* NULL: none */
	size_t n, at;
	uint64_t until_us; /* for this lamp; 0: none has begun */
	unsigned shown;
	char lamp[CONTROL_LAMPS][PROTO_NAME_LEN];
};

/* Of one destination, when its keys count. */
struct control_keys {
	char name[PROTO_NAME_LEN];
	size_t pins_n, receipts_n;
	struct doctor_window pin[PROTO_PINS], receipt[CONFIG_RECEIPT_KEYS];
};

/* What doctor needs of the settings. */
struct control_doctor {
	char state_dir[256], log_file[256], leds_dir[256];
	char station_light[PROTO_NAME_LEN];
	size_t bays_n;
	struct config_bay bay[CONFIG_BAYS];
	size_t destinations_n;
	struct control_keys destination[CONFIG_DESTINATIONS];
};

struct control {
	sd_event *event;
	struct listener *listener;
	struct control_parts p;
	uint64_t generation;
	double began_s; /* CLOCK_REALTIME, as it was then */
	struct client *client[CONTROL_CLIENTS];
	struct role_groups roles;
	uint32_t camera_overdue_s; /* 0: never */
	struct control_denied denied[CONTROL_DENIED];
	struct control_doctor doctor;
	struct control_light light;
	char station_light[PROTO_NAME_LEN];
};

static inline struct index *control_index(const struct control *c)
{
	return journal_index(c->p.journal);
}

/* 0 or -errno; the row counts only when it went out whole. fd: -1 none; it stays the caller's. */
int client_send(struct client *k, unsigned type, const void *body, int fd);
/* Ends the answer. cursor: where the next page begins, 0: this was the last. */
int client_end(struct client *k, int status, uint64_t cursor, const char *text);

/* Whether it gave one; where not, the answer has been ended. */
bool client_gave_reason(struct client *k);

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

/* control_order.c */
void control_fill_retention(const struct control *c, struct proto_ctl_status *s);
/* 0, or -errno: the client is to be dropped */
int control_preserve(struct client *k);
int control_lift(struct client *k);
int control_orders(struct client *k);
int control_due(struct client *k);
int control_dispose(struct client *k);
/* Who asked PRESERVE or DISPOSE is parked until this, or until its time is up; then answered. */
bool control_order_settled(const struct client *k);
int control_order_end(struct client *k);

#endif
