/*
 * proto_ctl: what dockctl asks of the core, and the rows of its answers.
 *
 * Each command is one ASK; its rows end with END. What holds for every message is in proto.h; words
 * that the ledger has too (rungs, kinds, levels) are where their noun is.
 */
#ifndef DOCKD_PROTO_CTL_H
#define DOCKD_PROTO_CTL_H

#include "proto_camera.h"
#include "proto_care.h"
#include "proto_hotplug.h"

enum ask {
	ASK_STATUS = 1, /* => STATUS, DESTINED..., END */
	ASK_BAYS,       /* text "" or a bay's name => BAY..., END */
	ASK_ASSETS,     /* page from cursor; flags ASSETS_* => ASSET..., END */
	ASK_ASSET,      /* number => ASSET, UPLOADING..., END */
	ASK_RETRY,      /* number or bay name in text, or all => END */
	ASK_WAIT,       /* parked until condition holds or timeout => END */
	ASK_CHANGED,    /* parked until the state's generation differs from cursor => END */
	ASK_EXPORT,     /* page from cursor => ASSET + fd..., END; recorded */
	ASK_LEDGER,  /* page from cursor => SEGMENT + fd..., END; the first: "checkpoint", "key" */
	ASK_BUNDLE,  /* number => SEGMENT + fd (a proof bundle), END */
	ASK_REPORTS, /* page from cursor; text "" or camera; number 0 or docking; from_s, until_s
			   => ASSET + fd..., END; recorded */
	/* what changes something: reason is needed, and it is recorded with the asker's uid */
	ASK_PRESERVE, /* scope, text, from_s, until_s => ORDER, COPY..., END */
	ASK_LIFT,     /* number of the order => COPY..., END */
	ASK_ORDERS,   /* page from cursor => ORDER..., END */
	ASK_DUE,      /* page from cursor; flags DUE_REVIEW => DUE..., END */
	ASK_DISPOSE,  /* number, order => COPY..., END */
	ASK_ENROLL,   /* text camera, scheme, value: public key => END */
	ASK_REVOKE,   /* text camera, value: key or "" all => END */
	ASK_KEYS,     /* page from cursor; text camera or "" => KEY..., END */
	ASK_SETTLE,   /* number of a docking => END: a person has looked into its findings */
	ASK_EXPEDITE, /* number of an asset, or text camera => UPLOADING..., END: first on bus and
			 line; recorded */
	ASK_REBIND,   /* text destination => END: what answers as that now is meant; recorded */
	ASK_PROBE,    /* text a bay or port => PROBE, END: opens it and reads; recorded */
	ASK_ASSIGN, /* text camera, value "OFFICER\nUNIT" ("" none) => END: told to the camera when
			 it is docked; recorded */
	ASK_ROOTS,  /* => ROOT..., HOST..., END */
	ASK_DOCTOR, /* page from cursor => CHECK..., END: what the core knows of the station's health */
	ASK_LIGHT,   /* text "" all, a bay or a lamp; number: seconds of a test, 0 only to be told
			 => LAMP..., END; a test is recorded */
	ASK_METRICS, /* => SEGMENT + fd ("metrics": Prometheus text), END */
	ASK_CAMERAS, /* page from cursor; flags CAMERAS_OVERDUE => KNOWN..., END */
	ASK_FORGET,  /* text camera => END: it is lost or retired; recorded */
};

#define CAMERAS_OVERDUE (1u << 0) /* only those not docked for too long */
#define ASSETS_QUEUED (1u << 0)   /* only those not receipted everywhere */

enum wait_for {
	WAIT_ASSET_RUNG = 1, /* number has reached rung */
	WAIT_ALL_RUNG,       /* every asset has reached rung, and there is one at least */
	WAIT_BAY_LIGHT,      /* bay text shows light (rung field holds enum light_state) */
	WAIT_IDLE,           /* nothing under way: no pull, verify, upload or erase to do now */
	WAIT_DOCKINGS,       /* cursor dockings have begun since the state folder was made */
};

struct proto_ask {
	uint32_t version;
	uint32_t ask; /* enum ask */
	uint32_t flags;
	uint32_t wait_for;   /* enum wait_for */
	uint32_t rung;       /* enum rung or light_state */
	uint32_t timeout_ms; /* 0: no limit */
	uint64_t cursor;
	uint64_t number;
	int64_t from_s, until_s;         /* a period, UTC; PROTO_NO_TIME: open */
	uint32_t scope;                  /* enum order_scope */
	uint32_t scheme;                 /* enum signing_scheme, of a key to enroll */
	char text[PROTO_TEXT_LEN * 2];   /* a bay's name, a camera, an asset id */
	char reason[PROTO_TEXT_LEN * 2]; /* why; needed for what changes something */
	char order[PROTO_TEXT_LEN];      /* ASK_DISPOSE: the order's reference */
	char value[1024];                /* a public key, PEM or base64 */
};
_Static_assert(sizeof(struct proto_ask) == 1728, "crank PROTO_VERSION");

#define DUE_REVIEW (1u << 0) /* the review list: what may never go by age */

enum order_scope { ORDER_ASSET = 1, ORDER_CAMERA, ORDER_DOCKING, ORDER_PERIOD };

enum light_state {
	LIGHT_OFF = 0,
	LIGHT_EMPTY,
	LIGHT_READING,
	LIGHT_CHARGING,
	LIGHT_TAKE,
	LIGHT_LEAVE,
};

enum station_light { STATION_WELL = 1, STATION_AWAY, STATION_NEEDS_IT };

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
	char time_source[PROTO_NAME_LEN];
	char text[PROTO_TEXT_LEN * 4]; /* what a person must do, "" when nothing */
};
_Static_assert(sizeof(struct proto_ctl_status) == 880, "crank PROTO_VERSION");

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

struct proto_ctl_probe {
	struct proto_arrived device;
	struct proto_probed probed;
	char profile[PROTO_NAME_LEN]; /* that matches it now; "" none */
};
_Static_assert(sizeof(struct proto_ctl_probe) == 2776, "crank PROTO_VERSION");

struct proto_ctl_asset {
	uint64_t number;
	uint64_t docking;
	uint64_t size_bytes, staged_bytes, pulled_bytes;
	int64_t mtime_s, staged_at_s;
	int64_t recorded_s;   /* UTC, corrected; PROTO_NO_TIME not yet known */
	int64_t dispose_by_s; /* PROTO_NO_TIME: never by age */
	uint32_t rung, kind;
	uint32_t interruptions;   /* of its pull */
	uint32_t recorded_proved; /* 0: recorded_s is when it was staged */
	uint32_t preserved;
	uint32_t retired; /* 1: the station's copy is gone, as the rules allow; 2: disposed of */
	uint64_t merged_into; /* the asset that holds the same bytes of the same camera; 0 = none */
	char asset[PROTO_ID_LEN];  /* "" until digested */
	char sha256[PROTO_ID_LEN]; /* hex */
	char camera[PROTO_TEXT_LEN + 4];
	char officer[PROTO_ID_TEXT_LEN]; /* ids, as the camera told them; "" not told */
	char unit[PROTO_ID_TEXT_LEN];
	uint32_t damage; /* OBJECT_CUT, OBJECT_SHARED, OBJECT_UNFINISHED */
	uint32_t pad;
	uint64_t told_bytes; /* OBJECT_CUT: as the camera's table says; 0 not known */
	char bay[PROTO_NAME_LEN];
	char signature[PROTO_NAME_LEN];          /* signature result */
	char signature_text[PROTO_TEXT_LEN * 2]; /* what that means, for people */
	char class[PROTO_CLASS_LEN];             /* retention class */
	char reason[PROTO_TEXT_LEN * 2];         /* why it is not further: gate code or trouble */
	char path[PROTO_PATH_LEN];
};
_Static_assert(sizeof(struct proto_ctl_asset) == 3192, "crank PROTO_VERSION");

struct proto_ctl_upload {
	uint64_t number;
	uint64_t offset_bytes, sent_bytes;
	int64_t next_try_s, receipted_at_s; /* 0: none */
	int64_t confirmed_at_s;             /* asked again and still there; 0 not yet */
	int64_t expected_s;                 /* when it will be there at this rate; 0 not known */
	int64_t retain_until_s;             /* stated by the store; PROTO_NO_TIME none */
	uint32_t attempts, level, rung, lock_mode;
	uint32_t expedited, held;
	char state[PROTO_CLASS_LEN]; /* of what failed last; "" nothing */
	char version[PROTO_TEXT_LEN];
	char destination[PROTO_NAME_LEN];
	char reason[PROTO_TEXT_LEN * 2];
	char address[PROTO_ADDRESS_LEN];
};
_Static_assert(sizeof(struct proto_ctl_upload) == 1592, "crank PROTO_VERSION");

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

struct proto_ctl_segment {
	char name[PROTO_NAME_LEN];
	uint64_t size_bytes;
};
_Static_assert(sizeof(struct proto_ctl_segment) == 72, "crank PROTO_VERSION");

enum copy_state {
	COPY_PRESERVED = 1, /* dockd keeps it, and nothing of ours takes it away */
	COPY_CONFIRMED,     /* the store was told, and confirmed */
	COPY_NOT_PRESERVED, /* text says what a person must do */
	COPY_GONE,          /* there is none */
	COPY_DISPOSED,      /* it is gone, by this command */
	COPY_KEPT,          /* it could not be reached or may not go: text says why */
};

struct proto_ctl_copy {
	uint64_t number; /* asset; 0: of what has not arrived yet */
	uint32_t state;  /* enum copy_state */
	uint32_t pad;
	char where[PROTO_NAME_LEN]; /* "station", "camera", or a destination */
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_ctl_copy) == 336, "crank PROTO_VERSION");

struct proto_ctl_order {
	uint64_t number;
	uint64_t assets; /* that it covers now */
	uint32_t scope;  /* enum order_scope */
	uint32_t lifted;
	uint32_t uid;
	uint32_t pad;
	int64_t given_s, from_s, until_s;
	char value[PROTO_TEXT_LEN + 4]; /* asset id, camera, docking; "" a period of all cameras */
	char reason[PROTO_TEXT_LEN * 2];
	char pad2[4];
};
_Static_assert(sizeof(struct proto_ctl_order) == 448, "crank PROTO_VERSION");

enum due_stage { DUE_LISTED = 1, DUE_MARKED, DUE_NOW, DUE_NEVER };

struct proto_ctl_due {
	uint64_t number;
	int64_t recorded_s, dispose_by_s;
	uint32_t stage; /* enum due_stage */
	uint32_t pad;
	char asset[PROTO_ID_LEN];
	char camera[PROTO_TEXT_LEN + 4];
	char class[PROTO_CLASS_LEN];
	char reason[PROTO_TEXT_LEN * 2]; /* why it may not go by age, and who decides */
	char pad2[4];
};
_Static_assert(sizeof(struct proto_ctl_due) == 528, "crank PROTO_VERSION");

struct proto_ctl_key {
	uint32_t scheme; /* enum signing_scheme */
	uint32_t revoked;
	uint32_t uid;
	uint32_t pad;
	int64_t enrolled_s, revoked_s; /* 0 not */
	char camera[PROTO_TEXT_LEN + 4];
	char fingerprint[PROTO_ID_LEN]; /* hex of SHA-256 over SubjectPublicKeyInfo */
};
_Static_assert(sizeof(struct proto_ctl_key) == 232, "crank PROTO_VERSION");

struct proto_ctl_known {
	uint64_t docking; /* the last one */
	uint64_t dockings, files, findings;
	int64_t last_s; /* when it was here last */
	uint32_t docked, forgotten, overdue;
	uint32_t pad;
	char camera[PROTO_TEXT_LEN + 4];
	char profile[PROTO_NAME_LEN];
	char officer[PROTO_ID_TEXT_LEN];
	char unit[PROTO_ID_TEXT_LEN];
	char pad2[4];
};
_Static_assert(sizeof(struct proto_ctl_known) == 336, "crank PROTO_VERSION");

struct proto_ctl_end {
	int32_t status; /* 0, -ENOENT, -ETIMEDOUT, -EINVAL, -EPERM ... */
	uint32_t pad;
	uint64_t cursor; /* where the next page begins; 0: this was the last */
	uint64_t generation;
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_ctl_end) == 280, "crank PROTO_VERSION");

#endif
