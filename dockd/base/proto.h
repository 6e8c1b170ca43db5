/*
 * proto: every message that crosses a process: its number, its frame, and what all of them share.
 *
 * The bodies are in a header for each noun; PROTOCOL.md names them, and says who may send what
 * when. All sockets are SOCK_SEQPACKET on one machine, so integers are in host order and a struct is
 * its own wire form. Every struct has an asserted size: change one, crank PROTO_VERSION. Text fields
 * are NUL-terminated char arrays (proto_check tells), UTF-8 where they come from a camera, and always
 * data: never a path of ours, never logged unescaped.
 */
#ifndef DOCKD_PROTO_H
#define DOCKD_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTO_VERSION 7
#define MSG_BODY_MAX 4096
#define MSG_FDS_MAX 4

#define PROTO_PORT_LEN 64      /* "1-2.3.4": bus, then port numbers (Linux usb sysfs name) */
#define PROTO_TEXT_LEN 128     /* serials, strings of a device, reasons */
#define PROTO_NAME_LEN 64      /* our own names: station, bay, destination, profile */
#define PROTO_PATH_LEN 2048    /* an object's path on its camera, '/' between folders */
#define PROTO_ADDRESS_LEN 1024 /* where an upload lives: tus URL, dir name */
#define PROTO_SHA256_LEN 32
#define PROTO_CLASS_LEN 32   /* retention classes: "not-yet-categorised" */
#define PROTO_ID_LEN 68      /* asset id: 64 hex digits and NUL, padded */
#define PROTO_ID_TEXT_LEN 40 /* ids of camera, officer, unit: never names */

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
	MSG_CONTROLLER,   /* to core: proto_controller, when what is plugged in has changed */
	MSG_OVER_CURRENT, /* to core: proto_over_current, when a port's count has risen */

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
	MSG_UNLOCK,      /* from core, CAMERA said CAMERA_LOCKED: proto_empty */
	MSG_UNLOCKED,   /* to core: proto_status: 0 it will leave and be back, or is ready as it is;
			    -EACCES another PIN is wanted */
	MSG_CONFIGURE,  /* from core: proto_configure */
	MSG_CONFIGURED, /* to core: proto_status */
	MSG_PROBED,     /* to core: proto_probed; answers an ATTACH with ATTACH_PROBE */

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
	MSG_PRESERVED,   /* to core: proto_status; ends the slot: the store itself says so now */
	MSG_CERTIFICATE, /* to core: proto_certificate, when it was read anew or has changed */

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
	MSG_ROOT,      /* from core: proto_ctl_root: what one root port carries */
	MSG_HOST,      /* from core: proto_controller: one USB host controller */
	MSG_PROBE,     /* from core: proto_ctl_probe: what a plugged device is */
	MSG_CHECK,     /* from core: proto_check: what doctor has looked at */
	MSG_LAMP,      /* from core: proto_lamp: one lamp */
	MSG_KNOWN,     /* from core: proto_ctl_known: a camera that has been docked here */
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

enum peer_role { PEER_HOTPLUG = 1, PEER_UPLOADER };

struct proto_hello {
	uint32_t version;
	uint32_t role;             /* enum peer_role */
	char name[PROTO_NAME_LEN]; /* uploader: its destination; hotplug: empty */
};
_Static_assert(sizeof(struct proto_hello) == 72, "crank PROTO_VERSION");

struct proto_welcome {
	uint32_t version;
	uint32_t generation; /* of this connection */
	char station[PROTO_NAME_LEN];
};
_Static_assert(sizeof(struct proto_welcome) == 72, "crank PROTO_VERSION");

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
