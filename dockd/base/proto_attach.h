/*
 * proto_attach: what a camera worker is told first: driver, languages, quirks, what is what.
 *
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_ATTACH_H
#define DOCKD_PROTO_ATTACH_H

#include "proto.h"

#define PROTO_PATTERNS 12
#define PROTO_GLOB_LEN 96
#define PROTO_UNLOCKS 4
#define PROTO_PIN_LEN 32

enum camera_driver { DRIVER_PTP = 1, DRIVER_MSC };

/* Languages in which a vendor's camera is switched to disk mode; usb/vendor/unlock.h. */
enum unlock {
	UNLOCK_NONE = 0,
	UNLOCK_DV16,         /* 16-byte vendor commands over bulk-only transport */
	UNLOCK_AMBA_REQUEST, /* Ambarella family: control requests 85 and 80 */
	UNLOCK_AMBA_BLOCK,   /* Ambarella family: blocks that begin with a1 b2 c3 d4 */
	UNLOCK_AMBA_TEXT,    /* Ambarella family: "@Ver;8;...#" on the bulk pipes */
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
#define QUIRK_SMALL_READS (1u << 11)      /* no READ of more than 64 KiB */
#define QUIRK_IGNORE_RESIDUE (1u << 12)   /* its residues are nonsense: what moved is data */
#define QUIRK_ALL ((1u << 13) - 1)

#define ATTACH_PROBE (1u << 0) /* say what it is (PROBED), change nothing on it */

struct proto_attach {
	uint32_t version;
	uint32_t driver; /* enum camera_driver */
	uint32_t quirks;
	uint32_t window_bytes; /* of one partial read; 64 KiB to 64 MiB */
	uint32_t timeout_ms;   /* of one transfer; silence longer than this is a fault */
	uint32_t max_objects;
	uint32_t flags;                 /* ATTACH_... */
	uint32_t unlock[PROTO_UNLOCKS]; /* enum unlock, in the order to try; 0 ends the list */
	char pin[PROTO_PIN_LEN];        /* "" the family's own default; never logged */
	struct proto_pattern pattern[PROTO_PATTERNS]; /* first match wins */
};
_Static_assert(sizeof(struct proto_attach) == 1276, "crank PROTO_VERSION");

#endif
