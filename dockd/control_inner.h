/*
 * control_inner: what the files of the control socket share of its state.
 *
 * Included by control*.c only, which answer the questions about one noun each; control.c owns the
 * sockets and those who wait.
 */
#ifndef DOCKD_CONTROL_INNER_H
#define DOCKD_CONTROL_INNER_H

#include "base/proto_upload.h"
#include "control.h"
#include "doctor.h"
#include "role.h"

struct client;

#define CONTROL_CLIENTS 32

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

#endif
