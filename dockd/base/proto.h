/*
 * proto.h: every message that crosses a process, as data.
 *
 * Read by all programs; it has no functions but the two checks at the end. All sockets are
 * SOCK_SEQPACKET on one machine, so integers are in host order and a struct is its own wire form.
 * Every struct has an asserted size: change one, crank PROTO_VERSION. Who may send what when is in
 * PROTOCOL.md. Text fields are NUL-terminated char arrays (proto_check tells), UTF-8 where they
 * come from a camera, and always data: never a path of ours, never logged unescaped.
 */
#ifndef DOCKD_PROTO_H
#define DOCKD_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTO_VERSION 3
#define MSG_BODY_MAX 4096
#define MSG_FDS_MAX 4

#define PROTO_PORT_LEN 64      /* "1-2.3.4": bus, then port numbers (Linux usb sysfs name) */
#define PROTO_TEXT_LEN 128     /* serials, strings of a device, reasons */
#define PROTO_NAME_LEN 64      /* our own names: station, bay, destination, profile */
#define PROTO_PATH_LEN 2048    /* an object's path on its camera, '/' between folders */
#define PROTO_ADDRESS_LEN 1024 /* where an upload lives: tus URL, dir name */
#define PROTO_PATTERNS 12
#define PROTO_GLOB_LEN 96
#define PROTO_INTERFACES 8
#define PROTO_SLOTS 16
#define PROTO_SHA256_LEN 32
#define PROTO_CLASS_LEN 32 /* retention classes: "not-yet-categorised" */
#define PROTO_ID_LEN 68    /* asset id: 64 hex digits and NUL, padded */

/* No time known. Camera times are seconds since 1970 of the camera's own clock face, read as UTC. */
#define PROTO_NO_TIME INT64_MIN

enum msg_type {
	/* any program that connects, and the core's answer */
	MSG_HELLO = 1, /* to core: proto_hello */
	MSG_WELCOME,   /* from core: proto_welcome */

	/* hotplug */
	MSG_ARRIVED = 16, /* to core: proto_arrived */
	MSG_LEFT,         /* to core: proto_port */
	MSG_SYNCED,       /* to core: proto_empty; all that was there at start has been told */
	MSG_OPEN,         /* from core: proto_port */
	MSG_OPENED,       /* to core: proto_opened, + device fd when status is 0 */

	/* camera worker */
	MSG_ATTACH = 32, /* from core: proto_attach + device fd */
	MSG_CAMERA,      /* to core: proto_camera; answers ATTACH and LOOK */
	MSG_NOT_MINE,    /* to core: proto_reason; answers ATTACH */
	MSG_LIST,        /* from core: proto_empty */
	MSG_OBJECT,      /* to core: proto_object, any number after LIST */
	MSG_LISTED,      /* to core: proto_listed; ends LIST */
	MSG_FETCH,       /* from core: proto_fetch + read-write fd of the staging file */
	MSG_DURABLE,     /* to core: proto_durable, any number after FETCH */
	MSG_FETCHED,     /* to core: proto_fetched; ends FETCH */
	MSG_ERASE,       /* from core: proto_erase */
	MSG_ERASED,      /* to core: proto_erased; ends ERASE */
	MSG_SET_CLOCK,   /* from core: proto_set_clock */
	MSG_CLOCK_SET,   /* to core: proto_status */
	MSG_LOOK,        /* from core: proto_empty: battery, clock and room again => CAMERA */
	MSG_STOP,        /* from core: proto_empty: end a FETCH or LIST at the next window */
	MSG_BYE,         /* from core: proto_empty: close the session, exit 0 */
	MSG_FAULT,       /* to core: proto_reason: cannot go on, exits after it */

	/* verify */
	MSG_VERIFY =
	    64,      /* from core: proto_verify + the descriptors of the job (enum verify_job) */
	MSG_LOG,     /* from core, VERIFY_AUDIT: proto_empty + log fd (read), ask.logs times */
	MSG_DIGEST,  /* to core, VERIFY_DIGEST: proto_digest */
	MSG_JUDGED,  /* to core, VERIFY_SIGNATURE and VERIFY_RECEIPT: proto_judged */
	MSG_FINDING, /* to core, VERIFY_AUDIT: proto_finding, up to FINDINGS_MAX */
	MSG_AUDITED, /* to core, VERIFY_AUDIT: proto_audited; after the findings */
	MSG_RESULT,  /* to core: proto_status; then exit 0 */

	/* uploader; slot and generation of the header count from UPLOAD on */
	MSG_DESTINATION = 80, /* from core: proto_destination */
	MSG_READY,            /* to core: proto_ready */
	MSG_UPLOAD,           /* from core: proto_upload + read-only clip fd */
	MSG_CREATED,          /* to core: proto_address: about to send to this address */
	MSG_PROCEED,          /* from core: proto_empty: the address is on record */
	MSG_PROGRESS,         /* to core: proto_progress, once a second at most, lossy */
	MSG_RECEIPT,          /* to core: proto_receipt; ends the slot */
	MSG_FAILED,           /* to core: proto_failed; ends the slot */
	MSG_STOP_UPLOAD,      /* from core: proto_empty => FAILED with UPLOAD_STOPPED */
	MSG_RECONFIRM, /* from core, slot idle: proto_upload, no fd => RECEIPT or FAILED: do you still
			have it? */
	MSG_REMOVE,    /* from core, slot idle: proto_upload, no fd => REMOVED or FAILED */
	MSG_REMOVED,   /* to core: proto_status; ends the slot: 0, or -ENOENT: it was not there */
	MSG_ABANDON, /* from core, slot idle: proto_upload, no fd => REMOVED or FAILED: what was begun
			  there and is not whole is not wanted any more */
	MSG_PRESERVE, /* from core, slot idle: proto_upload, no fd => PRESERVED or FAILED: a hold on
			  (preserved = 1) or off what is at the address */
	MSG_PRESERVED, /* to core: proto_status; ends the slot: the store itself says so now */

	/* dockctl */
	MSG_ASK = 112, /* to core: proto_ask */
	MSG_STATUS,    /* from core: proto_ctl_status */
	MSG_BAY,       /* from core: proto_ctl_bay */
	MSG_ASSET,     /* from core: proto_ctl_asset; + read-only fd when exporting */
	MSG_UPLOADING, /* from core: proto_ctl_upload */
	MSG_DESTINED,  /* from core: proto_ctl_destination */
	MSG_SEGMENT,   /* from core: proto_ctl_segment + read-only fd: a file of the ledger, a proof
			  bundle or a report */
	MSG_COPY,      /* from core: proto_ctl_copy: what a command did to one copy of an asset */
	MSG_ORDER,     /* from core: proto_ctl_order: one preservation order */
	MSG_DUE,       /* from core: proto_ctl_due: one asset of the due or the review list */
	MSG_KEY,       /* from core: proto_ctl_key: one enrolled camera key */
	MSG_END,       /* from core: proto_ctl_end; ends every answer */
};

/* In front of every message. */
struct proto_head {
	uint16_t type;
	uint16_t slot;       /* uploader slot 0..15; otherwise 0 */
	uint32_t length;     /* of the body: exact for the type */
	uint32_t generation; /* of the slot or connection; otherwise 0 */
};
_Static_assert(sizeof(struct proto_head) == 12, "crank PROTO_VERSION");

struct proto_empty {
	uint32_t zero;
};
_Static_assert(sizeof(struct proto_empty) == 4, "crank PROTO_VERSION");

struct proto_status {
	int32_t status; /* 0 or -errno */
	char text[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_status) == 132, "crank PROTO_VERSION");

struct proto_reason {
	uint32_t code; /* enum fault */
	char text[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_reason) == 132, "crank PROTO_VERSION");

enum role { ROLE_HOTPLUG = 1, ROLE_UPLOADER };

struct proto_hello {
	uint32_t version;
	uint32_t role;             /* enum role */
	char name[PROTO_NAME_LEN]; /* uploader: its destination; hotplug: empty */
};
_Static_assert(sizeof(struct proto_hello) == 72, "crank PROTO_VERSION");

struct proto_welcome {
	uint32_t version;
	uint32_t generation; /* of this connection */
	char station[PROTO_NAME_LEN];
};
_Static_assert(sizeof(struct proto_welcome) == 72, "crank PROTO_VERSION");

/* ---- hotplug ---- */

enum presence {
	PRESENCE_READY = 1,      /* configured: it can be opened */
	PRESENCE_NOT_AUTHORISED, /* sysfs authorized = 0 */
	PRESENCE_NOT_CONFIGURED, /* no bConfigurationValue: out of host resources, or power */
};

struct proto_interface {
	uint8_t number;
	uint8_t class;
	uint8_t subclass;
	uint8_t protocol;
	char name[28]; /* the interface string, "MTP" for instance; cut to fit */
};
_Static_assert(sizeof(struct proto_interface) == 32, "crank PROTO_VERSION");

/* Facts read from sysfs; nothing is opened for them. Told again when one of them changes. */
struct proto_arrived {
	char port[PROTO_PORT_LEN];
	uint32_t generation;               /* of this arrival: another one at each plug-in */
	uint32_t presence;                 /* enum presence */
	uint16_t bus, device;              /* usbfs numbers */
	uint16_t vendor, product, release; /* idVendor, idProduct, bcdDevice */
	uint8_t class, subclass, protocol, interfaces;
	uint16_t speed_mbps; /* 12, 480, 5000 ... */
	struct proto_interface interface[PROTO_INTERFACES];
	char serial[PROTO_TEXT_LEN]; /* iSerial; "" where there is none */
	char manufacturer[PROTO_TEXT_LEN];
	char model[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_arrived) == 728, "crank PROTO_VERSION");

struct proto_port {
	char port[PROTO_PORT_LEN];
	uint32_t generation;
};
_Static_assert(sizeof(struct proto_port) == 68, "crank PROTO_VERSION");

struct proto_opened {
	char port[PROTO_PORT_LEN];
	uint32_t generation;
	int32_t status; /* 0, -EACCES, -ENODEV (it left, or is another device now), -EBUSY ... */
	char text[PROTO_TEXT_LEN]; /* what failed, and who holds it where that can be told */
};
_Static_assert(sizeof(struct proto_opened) == 200, "crank PROTO_VERSION");

/* ---- camera worker ---- */

enum camera_driver { DRIVER_PTP = 1 };

enum object_kind {
	KIND_FOLDER = 1,
	KIND_CLIP,
	KIND_SIDECAR, /* goes with a clip: signature, metadata */
	KIND_LOG,     /* the camera's audit log */
	KIND_OTHER,   /* a file that no pattern names: taken all the same */
	KIND_IGNORED, /* a pattern says that it is not footage (thumbnails of the camera's own) */
	KIND_REPORT,  /* the station's own: an activation report; an asset like the others */
	/* the station's own side objects: no assets, no rungs; sent until they are there */
	KIND_LEDGER,     /* records of the continuity ledger */
	KIND_CHECKPOINT, /* its newest checkpoint */
	KIND_BUNDLE,     /* the proof bundle of an asset, beside it */
};

struct proto_pattern {
	uint32_t kind;             /* enum object_kind; 0 ends the list */
	char glob[PROTO_GLOB_LEN]; /* fnmatch(3), FNM_CASEFOLD, against the whole path */
};
_Static_assert(sizeof(struct proto_pattern) == 100, "crank PROTO_VERSION");

/* Quirks, by profile (etc/profiles; usb.md knows where each was seen). */
#define QUIRK_NO_ZERO_READS (1u << 0)  /* sends one surplus byte or nothing for a ZLP */
#define QUIRK_IGNORE_HEADERS (1u << 1) /* wrong code or transaction id in containers */
#define QUIRK_NO_PROPLIST (1u << 2)    /* 0x9805 broken */
#define QUIRK_NO_PARTIAL64 (1u << 3)   /* 0x95C1 broken though listed */
#define QUIRK_NO_PARTIAL (1u << 4)     /* 0x101B broken though listed */
#define QUIRK_OFFSET_BUG (1u << 5)     /* hangs when the last window ends on a packet */
#define QUIRK_LONG_TIMEOUT (1u << 6)
#define QUIRK_KEEP_SESSION (1u << 7)      /* do not send CloseSession */
#define QUIRK_NO_RELEASE (1u << 8)        /* do not release the interface */
#define QUIRK_NO_BATTERY (1u << 9)        /* battery level is nonsense */
#define QUIRK_NO_RESET_REQUEST (1u << 10) /* 0x66 not understood */
#define QUIRK_ALL ((1u << 11) - 1)

struct proto_attach {
	uint32_t version;
	uint32_t driver; /* enum camera_driver */
	uint32_t quirks;
	uint32_t window_bytes; /* of one partial read; 64 KiB to 64 MiB */
	uint32_t timeout_ms;   /* of one transfer; silence longer than this is a fault */
	uint32_t max_objects;
	struct proto_pattern pattern[PROTO_PATTERNS]; /* first match wins */
};
_Static_assert(sizeof(struct proto_attach) == 1224, "crank PROTO_VERSION");

#define CAMERA_PARTIAL64 (1u << 0) /* GetPartialObject64 */
#define CAMERA_PARTIAL (1u << 1)   /* GetPartialObject, below 4 GiB */
#define CAMERA_ERASES (1u << 2)    /* DeleteObject */
#define CAMERA_CLOCK (1u << 3)     /* clock_s is valid */
#define CAMERA_CLOCK_SET (1u << 4) /* the clock can be set */
#define CAMERA_BATTERY (1u << 5)   /* battery_percent is valid */

struct proto_camera {
	uint32_t features;
	uint32_t battery_percent; /* 0..100 */
	int64_t clock_s;          /* the camera's own clock face read as UTC, or PROTO_NO_TIME */
	int64_t read_at_ms;       /* CLOCK_REALTIME of the station when clock_s was read */
	uint64_t capacity_bytes;  /* of all storages; 0 where not told */
	uint64_t free_bytes;
	uint32_t storages;
	uint32_t recoveries;         /* stale sessions and stalls mended so far by this worker */
	char serial[PROTO_TEXT_LEN]; /* the protocol's own serial (MTP DeviceInfo), "" if none */
	char manufacturer[PROTO_TEXT_LEN];
	char model[PROTO_TEXT_LEN];
	char firmware[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_camera) == 560, "crank PROTO_VERSION");

#define OBJECT_PROTECTED (1u << 0) /* the camera says: do not delete */
#define OBJECT_PATH_CUT (1u << 1)  /* the path was too long: shortened, a hash tells it apart */
#define OBJECT_NAME_ODD (1u << 2)  /* the name holds '/', NUL, "..", or broken UTF-16; replaced */

struct proto_object {
	uint32_t storage;
	uint32_t handle; /* of this session */
	uint32_t kind;   /* enum object_kind; folders are not told */
	uint32_t flags;
	uint64_t size_bytes;
	int64_t mtime_s;           /* camera time, or PROTO_NO_TIME */
	char path[PROTO_PATH_LEN]; /* without storage: "DCIM/100BWC/clip 1.mp4" */
};
_Static_assert(sizeof(struct proto_object) == 2080, "crank PROTO_VERSION");

struct proto_listed {
	int32_t status;     /* 0; -EIO: part of the tree could not be read (text says which) */
	uint32_t objects;   /* OBJECT messages sent */
	uint32_t skipped;   /* objects whose info could not be read */
	uint32_t truncated; /* 1: max_objects reached */
	char text[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_listed) == 144, "crank PROTO_VERSION");

struct proto_fetch {
	uint32_t storage;
	uint32_t handle;
	uint64_t offset_bytes; /* what the file already holds and may be trusted up to */
	uint64_t size_bytes;   /* as listed; not one byte more is written */
	int64_t mtime_s;       /* as listed */
	uint32_t snapshot;     /* 1: a log: growing beyond size_bytes meanwhile is no fault */
	uint32_t pad;
};
_Static_assert(sizeof(struct proto_fetch) == 40, "crank PROTO_VERSION");

struct proto_durable {
	uint64_t offset_bytes; /* all before it has been through fdatasync */
};
_Static_assert(sizeof(struct proto_durable) == 8, "crank PROTO_VERSION");

enum fetch_result {
	FETCH_DONE = 1, /* all of size_bytes is in the file, fdatasynced, the object unchanged */
	FETCH_STOPPED,  /* STOP came; the file holds length_bytes */
	FETCH_MISMATCH, /* what the file held is not what the camera has: start a new file */
	FETCH_CHANGED,  /* size or time of the object changed meanwhile */
	FETCH_GONE,     /* the camera no longer has it */
	FETCH_SHORT,    /* the camera ended the data early, again after a second try */
	FETCH_REFUSED,  /* the camera answers with a PTP error (text) */
	FETCH_DISK,     /* writing failed: status is the -errno (ENOSPC, EIO, EFBIG) */
};

struct proto_fetched {
	uint32_t result; /* enum fetch_result */
	int32_t status;
	uint64_t length_bytes; /* valid bytes in the file now */
	uint64_t
	    read_bytes; /* payload bytes read from the camera for this FETCH, overlap included */
	uint64_t now_size_bytes; /* FETCH_CHANGED: the size it has now */
	char text[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_fetched) == 160, "crank PROTO_VERSION");

struct proto_erase {
	uint32_t storage;
	uint32_t handle;
	uint64_t size_bytes; /* the worker looks again and erases only if all three agree */
	int64_t mtime_s;
	char path[PROTO_PATH_LEN];
};
_Static_assert(sizeof(struct proto_erase) == 2072, "crank PROTO_VERSION");

enum erase_result {
	ERASE_DONE = 1, /* asked again afterwards: it is gone */
	ERASE_GONE,     /* it was not there any more */
	ERASE_CHANGED,  /* another name, size or time: not touched */
	ERASE_REFUSED,  /* protected, or the camera said no (text) */
	ERASE_UNSURE,   /* the camera said yes but still shows it */
};

struct proto_erased {
	uint32_t result; /* enum erase_result */
	uint32_t ptp_code;
	char text[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_erased) == 136, "crank PROTO_VERSION");

struct proto_set_clock {
	int64_t clock_s; /* what the camera's clock face shall show, as UTC seconds */
};
_Static_assert(sizeof(struct proto_set_clock) == 8, "crank PROTO_VERSION");

/* Why a worker gives up (MSG_FAULT, MSG_NOT_MINE). */
enum fault {
	FAULT_PROTOCOL = 1, /* the camera breaks its protocol beyond mending */
	FAULT_SILENT,       /* no answer, also after reset */
	FAULT_GONE,         /* unplugged */
	FAULT_DESCRIPTORS,  /* no usable interface in its descriptors */
	FAULT_SANDBOX,      /* the kernel lacks what the sandbox needs */
	FAULT_BUSY,         /* another program holds the interface */
	FAULT_CORE,         /* the core's message was wrong */
	FAULT_MEMORY,       /* no USB memory (usbfs_memory_mb) even at depth 1 */
};

/* ---- verify ---- */

/*
 * One question a process. The descriptors that come with VERIFY, in this order:
 *   DIGEST     the clip (read)
 *   SIGNATURE  facts, sidecar, anchors (PEM), revocation lists (PEM); all read
 *   RECEIPT    facts, the raw receipt; both read
 *   AUDIT      facts (read), the report (write); then LOG messages
 * Facts are lines in the form of ledger records (record.h); verify's headers say which.
 */
enum verify_job { VERIFY_DIGEST = 1, VERIFY_SIGNATURE, VERIFY_RECEIPT, VERIFY_AUDIT };

/* Digests that a profile may ask for beside SHA-256. */
#define DIGEST_SHA384 (1u << 0)
#define DIGEST_SHA512 (1u << 1)
#define DIGEST_ALL ((1u << 2) - 1)
#define PROTO_SHA512_LEN 64

struct proto_verify {
	uint32_t version;
	uint32_t job;        /* enum verify_job */
	uint64_t size_bytes; /* DIGEST: what the core believes */
	uint32_t digests;    /* DIGEST: a set of DIGEST_... */
	uint32_t logs;       /* AUDIT: LOG messages that follow, 0..VERIFY_LOGS_MAX */
};
_Static_assert(sizeof(struct proto_verify) == 24, "crank PROTO_VERSION");
#define VERIFY_LOGS_MAX 64

struct proto_digest {
	uint64_t length_bytes;
	uint32_t digests; /* which of those below were taken */
	uint32_t pad;
	uint8_t sha256[PROTO_SHA256_LEN];
	uint8_t sha384[48];
	uint8_t sha512[PROTO_SHA512_LEN];
};
_Static_assert(sizeof(struct proto_digest) == 160, "crank PROTO_VERSION");

/* What a signature shows (DESIGN 6); the words are signature_word's. */
enum signature_result {
	SIGNATURE_NONE = 0, /* not judged */
	SIGNATURE_VALID,
	SIGNATURE_UNSIGNED, /* no signature has come */
	SIGNATURE_MISMATCH, /* changed, damaged or wrongly signed: cannot tell which */
	SIGNATURE_UNTRUSTED_SIGNER,
	SIGNATURE_ANOTHER_CAMERA,
	SIGNATURE_CUT_SHORT,
	SIGNATURE_UNREADABLE, /* the signature itself breaks its format */
};

/* What a signed receipt shows. */
enum receipt_result {
	RECEIPT_GOOD = 1,
	RECEIPT_UNREADABLE,  /* not a signed note, or not our words in it */
	RECEIPT_UNKNOWN_KEY, /* signed by no key that is pinned and in force */
	RECEIPT_BAD_SIGNATURE,
	RECEIPT_OTHER_ASSET, /* another asset, station, object, digest or length */
	RECEIPT_WRONG_TIME,  /* before the upload began, or in the future */
};

#define JUDGED_TIME_UNPROVED (1u << 0)

struct proto_judged {
	uint32_t result; /* enum signature_result or receipt_result, by job */
	uint32_t flags;
	int64_t time_s; /* RECEIPT: the server's; SIGNATURE: signing time; or PROTO_NO_TIME */
	char signer[PROTO_TEXT_LEN];  /* certificate's subject, key name or fingerprint */
	char version[PROTO_TEXT_LEN]; /* RECEIPT: the object's version there, "" none */
	char text[PROTO_TEXT_LEN *
	    2]; /* why, with the clause of the specification; data, not trusted */
};
_Static_assert(sizeof(struct proto_judged) == 528, "crank PROTO_VERSION");

#define FINDINGS_MAX 64

struct proto_finding {
	uint64_t seq;   /* of the log line, 0: none */
	uint64_t asset; /* number of the clip, 0: none */
	char code[32];  /* a word of dockd-audit(5) */
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_finding) == 304, "crank PROTO_VERSION");

struct proto_audited {
	uint64_t lines, damaged; /* lines read, and those of them that could not be understood */
	uint64_t first_seq, last_seq;          /* 0: no line understood */
	int64_t first_time_s, last_time_s;     /* camera time, or PROTO_NO_TIME */
	uint8_t last_sha256[PROTO_SHA256_LEN]; /* of the last good line, for the next docking */
	uint32_t findings;                     /* in all, also beyond FINDINGS_MAX */
	uint32_t opaque;                       /* 1: a log of another form; kept, not understood */
};
_Static_assert(sizeof(struct proto_audited) == 88, "crank PROTO_VERSION");

/* ---- uploader ---- */

/* Worst first: comparing numbers compares proof (DESIGN 6). */
enum receipt_level {
	LEVEL_NONE = 0,
	LEVEL_LOCAL, /* on the station's own disk: proves nothing */
	LEVEL_LENGTH,
	LEVEL_TRANSFER_DIGEST, /* checked in flight */
	LEVEL_STORED_DIGEST,   /* the server states SHA-256 of what it stored */
	LEVEL_READBACK,        /* fetched again and compared */
	LEVEL_SIGNED,
};

enum destination_driver { DESTINATION_DIR = 1, DESTINATION_TUS, DESTINATION_S3 };

#define DESTINATION_READ_BACK (1u << 0)     /* fetch it again after sending, and digest it */
#define DESTINATION_CHECKSUM (1u << 1)      /* use the checksum extension where advertised */
#define DESTINATION_OVERRIDE (1u << 2)      /* X-HTTP-Method-Override: PATCH by POST */
#define DESTINATION_RECEIPTS (1u << 3)      /* ask for a signed receipt when all is there */
#define DESTINATION_DISPOSE (1u << 4)       /* this store is ours to dispose of */
#define DESTINATION_STORED_DIGEST (1u << 5) /* ask for the SHA-256 of what is stored (RFC 9530) */
#define DESTINATION_PATH_STYLE (1u << 6)    /* s3: the bucket in the path, not in the host's name */

#define PROTO_RATES 12
#define PROTO_PINS 6
#define RATE_UNLIMITED UINT64_MAX

/* How much may be sent in these hours, by the station's local time; the first that matches counts. */
struct proto_rate {
	uint32_t days;                /* bit 0 Monday ... bit 6 Sunday; 0 ends the list */
	uint16_t from_min, until_min; /* of the day: from <= now < until; until at most 1440 */
	uint64_t bytes_per_s;         /* 0: nothing but what is expedited; RATE_UNLIMITED */
};
_Static_assert(sizeof(struct proto_rate) == 16, "crank PROTO_VERSION");

/* A public key that the server may have, and when. */
struct proto_pin {
	uint8_t sha256[PROTO_SHA256_LEN]; /* of its SubjectPublicKeyInfo; zeros end the list */
	int64_t from_s, until_s;          /* from <= now < until; PROTO_NO_TIME: open */
};
_Static_assert(sizeof(struct proto_pin) == 48, "crank PROTO_VERSION");

enum lock_mode { LOCK_NONE = 0, LOCK_GOVERNANCE, LOCK_COMPLIANCE };

/*
 * What an uploader is told of its destination. Files of secrets are named, never their content; a
 * path, or "credential:NAME" for a file of that name in $CREDENTIALS_DIRECTORY (systemd.exec(5)).
 */
struct proto_destination {
	uint32_t driver; /* enum destination_driver */
	uint32_t flags;
	uint32_t slots;     /* 1..PROTO_SLOTS uploads at once */
	uint32_t stall_ms;  /* no body byte accepted for so long: cut and ask */
	uint32_t answer_ms; /* no answer after the body for so long: cut and ask */
	uint32_t tls_min;   /* 12, 13: TLS 1.2, TLS 1.3 */
	uint64_t chunk_min_bytes, chunk_max_bytes; /* tus: the window for adapting chunks */
	uint64_t part_bytes;                       /* s3: of one part, at least 5 MiB */
	uint64_t bytes_per_s;                      /* outside `rate`; RATE_UNLIMITED */
	uint32_t lock_mode;                        /* s3: enum lock_mode */
	uint32_t retain_days; /* s3: lock for so long where the class names no day to dispose by */
	struct proto_rate rate[PROTO_RATES];
	struct proto_pin pin[PROTO_PINS];
	char where[PROTO_ADDRESS_LEN]; /* tus: creation URL; dir: the folder; s3: the endpoint */
	char ca_file[256];             /* PEM; "" = system store */
	char certificate_file[256];    /* client certificate, PEM */
	char key_file[256];
	char headers_file[256]; /* further request headers (credentials), one a line */
	char receipt_path[64];  /* tus: appended to the upload's URL to GET its signed receipt */
	char find_path[128];    /* tus: where to ask for an asset before sending it; "" nowhere */
	char secrets_file[256]; /* s3: access key, secret key and session token */
	char proxy[256];        /* "http://HOST:PORT", "" none */
	char proxy_file[256];   /* "USER:PASSWORD" for it */
	char bucket[64];
	char prefix[128]; /* s3: in front of every key */
	char region[32];
};
_Static_assert(sizeof(struct proto_destination) == 3776, "crank PROTO_VERSION");

#define READY_CONFIRMS (1u << 0)  /* RECONFIRM can be answered */
#define READY_REMOVES (1u << 1)   /* REMOVE can be done */
#define READY_PRESERVES (1u << 2) /* PRESERVE can be done */
#define READY_ABANDONS (1u << 3)  /* ABANDON can be done */
#define READY_FINDS (1u << 4)     /* it is asked for an asset before that is sent */

struct proto_ready {
	int32_t status; /* 0, or -errno: this destination cannot work (text says why) */
	uint32_t level; /* best receipt level to expect */
	uint32_t can;   /* a set of READY_... */
	uint32_t pad;
	char text[PROTO_TEXT_LEN * 2];
	/*
	 * What it is, so that another one under the same name is noticed: "tus https://host/files",
	 * "s3 https://host bucket prefix", "dir MARKER"; "" not known yet.
	 */
	char identity[PROTO_ADDRESS_LEN + 256];
};
_Static_assert(sizeof(struct proto_ready) == 1552, "crank PROTO_VERSION");

struct proto_upload {
	uint64_t size_bytes;
	uint8_t sha256[PROTO_SHA256_LEN];
	int64_t recorded_s;   /* UTC, corrected by the measured offset, or PROTO_NO_TIME */
	int64_t dispose_by_s; /* by the retention class; PROTO_NO_TIME: never by age */
	uint32_t kind;        /* enum object_kind */
	uint32_t preserved;   /* 1: a preservation order covers it */
	uint32_t urgency;     /* 1: expedited: past the timetable, in front of all others */
	uint32_t pad;
	char class[PROTO_CLASS_LEN];
	char signature[PROTO_CLASS_LEN]; /* signature result at this time */
	char asset[PROTO_ID_LEN];        /* the same at every station: camera and digest */
	char camera[PROTO_TEXT_LEN + 4];
	char name[PROTO_TEXT_LEN * 2];   /* last part of the camera's path, for people */
	char version[PROTO_TEXT_LEN];    /* of the receipt on record, "" none */
	char address[PROTO_ADDRESS_LEN]; /* from an earlier CREATED, "" = create */
};
_Static_assert(sizeof(struct proto_upload) == 1744, "crank PROTO_VERSION");

struct proto_address {
	int64_t
	    expires_s;  /* the server forgets what is not whole by then; PROTO_NO_TIME: not told */
	uint32_t found; /* 1: it was there before, by this station or by another */
	uint32_t pad;
	char address[PROTO_ADDRESS_LEN];
	char text[PROTO_TEXT_LEN]; /* why the old address was given up, "" if there was none */
};
_Static_assert(sizeof(struct proto_address) == 1168, "crank PROTO_VERSION");

struct proto_progress {
	uint64_t offset_bytes; /* the destination's own word */
	uint64_t sent_bytes;   /* body bytes handed over in this slot so far */
	int64_t expires_s;     /* as in proto_address */
};
_Static_assert(sizeof(struct proto_progress) == 24, "crank PROTO_VERSION");

struct proto_receipt {
	uint32_t level;                   /* enum receipt_level */
	uint32_t raw_len;                 /* bytes of raw */
	uint64_t length_bytes;            /* as the destination states or as read back */
	uint64_t sent_bytes;              /* body bytes handed over in this slot */
	uint8_t sha256[PROTO_SHA256_LEN]; /* read back, stated, or sent checked; LENGTH: zeros */
	char object[PROTO_ADDRESS_LEN];
	char version[PROTO_TEXT_LEN];
	int64_t retain_until_s; /* as the store states it of this version; PROTO_NO_TIME: no lock */
	uint32_t lock_mode;     /* enum lock_mode, as the store states it */
	uint32_t held;          /* 1: the store states a legal hold */
	uint8_t
	    raw[2048]; /* the server's own words, not parsed by the core; SIGNED: the whole note */
};
_Static_assert(sizeof(struct proto_receipt) == 3272, "crank PROTO_VERSION");

enum upload_failure {
	UPLOAD_LATER = 1,   /* passing: ask again after retry_after_ms or the core's back-off */
	UPLOAD_AWAY,        /* the destination as a whole is out of reach: one probe, not all */
	UPLOAD_REFUSED,     /* this asset is refused for good: a person must look */
	UPLOAD_DESTINATION, /* the destination refuses all (credentials, URL, TLS): a person */
	UPLOAD_SOURCE,      /* our own copy could not be read or does not match */
	UPLOAD_STOPPED,     /* STOP_UPLOAD was obeyed */
	UPLOAD_LOST,        /* RECONFIRM: it is not there */
	UPLOAD_DIFFERS,     /* RECONFIRM: what is there is not it */
	UPLOAD_CANNOT,      /* RECONFIRM, REMOVE: this destination offers no way */
};

struct proto_failed {
	uint32_t failure;        /* enum upload_failure */
	uint32_t http_status;    /* 0 where there was none */
	uint64_t retry_after_ms; /* 0: not told */
	uint64_t offset_bytes;   /* last known at the destination */
	uint64_t sent_bytes;
	char state[PROTO_CLASS_LEN]; /* a word of the destination's page: "tls-expired"; "" none */
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_failed) == 320, "crank PROTO_VERSION");

/* ---- dockctl ---- */

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
	ASK_EXPEDITE, /* number of an asset, or text camera => UPLOADING..., END: first on the bus and on
			 the line; recorded */
	ASK_REBIND, /* text destination => END: what answers under its name now is meant; recorded */
};

#define ASSETS_QUEUED (1u << 0) /* only those not receipted everywhere */

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

enum signing_scheme { SCHEME_NONE = 0, SCHEME_CMS, SCHEME_ECDSA, SCHEME_ED25519, SCHEME_MANIFEST };

enum rung {
	RUNG_LISTED = 1,
	RUNG_STAGED,
	RUNG_CHECKED,
	RUNG_SENT,
	RUNG_RECEIPTED,
	RUNG_ERASABLE,
	RUNG_ERASED,
};

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
	char time_source[PROTO_NAME_LEN];
	char text[PROTO_TEXT_LEN * 4]; /* what a person must do, "" when nothing */
};
_Static_assert(sizeof(struct proto_ctl_status) == 872, "crank PROTO_VERSION");

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
	uint32_t pad;
	uint64_t docking;
	uint64_t pending_bytes, pulled_bytes; /* pulled: read from the camera, overlap included */
	uint64_t now_asset, now_bytes, now_size; /* the pull under way: number, so far, of */
	int64_t clock_offset_ms;                 /* camera minus station; INT64_MIN unknown */
	int64_t docked_at_s;
};
_Static_assert(sizeof(struct proto_ctl_bay) == 840, "crank PROTO_VERSION");

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
	char bay[PROTO_NAME_LEN];
	char signature[PROTO_NAME_LEN];          /* signature result */
	char signature_text[PROTO_TEXT_LEN * 2]; /* what that means, for people */
	char class[PROTO_CLASS_LEN];             /* retention class */
	char reason[PROTO_TEXT_LEN * 2];         /* why it is not further: gate code or trouble */
	char path[PROTO_PATH_LEN];
};
_Static_assert(sizeof(struct proto_ctl_asset) == 3096, "crank PROTO_VERSION");

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
	uint64_t
	    bytes_per_s; /* of late, over the hours in which anything may be sent; 0 not known */
	uint64_t allowed_per_s; /* by its timetable now; RATE_UNLIMITED */
	int64_t expected_s;     /* when all that is queued now will be there; 0 not known */
	int64_t oldest_expected_s, oldest_deadline_s; /* of the most urgent one; 0 none */
	char state[PROTO_CLASS_LEN];                  /* of its trouble; "" none */
};
_Static_assert(sizeof(struct proto_ctl_destination) == 464, "crank PROTO_VERSION");

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

struct proto_ctl_end {
	int32_t status; /* 0, -ENOENT, -ETIMEDOUT, -EINVAL, -EPERM ... */
	uint32_t pad;
	uint64_t cursor; /* where the next page begins; 0: this was the last */
	uint64_t generation;
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_ctl_end) == 280, "crank PROTO_VERSION");

/*
 * The one length a body of this type has, or 0 for a type that does not exist.
 */
size_t proto_length(unsigned type);

/*
 * Whether a received body is well formed: length exact for the type and every text field ends
 * within itself. Ranges of numbers are the receiver's to judge. Returns NULL when it is, else
 * what is wrong, as a fixed text.
 */
const char *proto_check(unsigned type, const void *body, size_t len);

/* The name of a type ("FETCHED"), for logs; "?" for one that does not exist. */
const char *proto_name(unsigned type);

#endif
