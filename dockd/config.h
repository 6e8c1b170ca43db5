/*
 * config: reads dockd.conf and the profiles, by the tables of setting.
 *
 * Called by core at start and on SIGHUP. Owners copy what they need from the struct; no pointer to
 * it is kept. Every error names file, line, setting and what is allowed; an unknown setting is an
 * error.
 */
#ifndef DOCKD_CONFIG_H
#define DOCKD_CONFIG_H

#include "profile.h"
#include "retention_rules.h"
#include "role.h"

#include "base/note.h"

#include <sys/types.h>

#define CONFIG_BAYS 64
#define CONFIG_DESTINATIONS 8
#define CONFIG_PROFILES 32
#define CONFIG_RECEIPT_KEYS 4 /* of one destination */

struct config_bay {
	char name[PROTO_NAME_LEN];
	char port[PROTO_PORT_LEN];
	char light[PROTO_NAME_LEN]; /* name in /sys/class/leds, "" none */
};

/* A key that may sign receipts, and when it was in force. */
struct config_receipt_key {
	char vkey[NOTE_VKEY_LEN];
	int64_t from_s,
	    until_s; /* of the receipt's time: from <= time < until; PROTO_NO_TIME open */
};

struct config_destination {
	char name[PROTO_NAME_LEN];
	struct proto_destination wire; /* as the uploader is told */
	uint32_t takes;                /* bits 1 << enum object_kind */
	uint32_t deliver_s; /* 72 h: what is staged should be there within so long; 0: whenever */
	size_t receipt_keys_n;
	struct config_receipt_key receipt_key[CONFIG_RECEIPT_KEYS];
};

struct config {
	char station[PROTO_NAME_LEN]; /* default: host name */
	char state_dir[256];          /* /var/lib/dockd */
	char run_dir[256];            /* /run/dockd: core.sock, control.sock */
	char log_file[256];           /* "" = standard error */
	char metrics_file[256];       /* RUN/metrics/dockd.prom; "" none */
	char leds_dir[256];           /* /sys/class/leds */
	char station_light[PROTO_NAME_LEN];
	bool allow_plaintext; /* false */
	bool volume_mounted;  /* volume = "any" (default) | "mounted": state-dir is a mount point */
	bool erase;           /* erase = "never" (default) | "when-receipted" */
	enum receipt_level accept; /* accept-receipt, default signed */
	bool take_when_server;     /* take-when = "station" (default) | "server" */
	bool dispose;              /* dispose = "off" (default) | "on": the station's copies */
	bool any;                  /* policy = "all" (default) | "any" */
	bool reports;              /* reports = "docking" (default) | "none" */
	uint32_t pulls_per_port;   /* 3: pulls at once below one root port */
	uint32_t usb_slots, usb_endpoints; /* of a host controller; 0: as it is known */
	uint32_t rejoin_s;                 /* 10: left and back on the same port is one docking */
	uint32_t verify_jobs;              /* 0 = one per processor */
	uint64_t reserve_bytes;            /* 0 = max(5 %, 2 GiB) + 256 MiB */
	uint32_t switch_s; /* any: 6 h without a byte, then another destination may begin */
	uint32_t ship_s;   /* 60: ledger and bundles go out at most so often */
	uint32_t retry_min_s, retry_max_s; /* 1, 300: full-jitter back-off */
	uint32_t confirm_after_days; /* 7: then a destination is asked whether it has it still */
	uint32_t camera_overdue_s;   /* 7 days not docked: overdue; 0: never */
	uint32_t confirm_per_hour;   /* 60: such questions to a destination */
	uid_t hotplug_uid, uploader_uid; /* users by name or number; default dockd-hotplug, ... */
	gid_t core_gid;                  /* group of core.sock: default dockd; (gid_t)-1: leave */
	char key_file[256];              /* the station's private key; "" = STATE/station.key */
	uint32_t checkpoint_s;           /* 10: the ledger is signed at most this often */
	struct {                         /* the station that this one takes the place of; "" none */
		char station[PROTO_NAME_LEN], checkpoint[256];
	} replaces;
	struct role_groups roles; /* default dockd-viewer, -custodian, -evidence, -auditor, -it */
	size_t bays_n;            /* 0: every port is a bay of its own name */
	struct config_bay bay[CONFIG_BAYS];
	size_t destinations_n; /* none named: one, "local", driver dir, its own folder */
	struct config_destination destination[CONFIG_DESTINATIONS];
	size_t retention_n; /* none named: retention_default_classes */
	struct retention_class retention[RETENTION_CLASSES];
	size_t profiles_n;
	struct profile profile[CONFIG_PROFILES];
	char profile_file[CONFIG_PROFILES][512]; /* where each was read from */
};

/*
 * Reads path (NULL: only defaults) and every *.conf in the profiles folder it names (default
 * DOCKD_DATADIR/profiles; profiles_dir overrides when not NULL). 0, or -errno with one line a
 * problem in *errors (malloc'ed, the caller frees): "dockd.conf:12: accept-receipt = \"fast\": one
 * of local length transfer-digest stored-digest readback signed". A struct that failed is not used.
 */
int config_read(const char *path, const char *profiles_dir, struct config *out, char **errors);

/* The same, made for it (free() it), or NULL with *errors as above. */
struct config *config_new(const char *path, const char *profiles_dir, char **errors);

#endif
