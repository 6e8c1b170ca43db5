/*
 * proto_camera: what a camera worker and the core say to each other.
 *
 * One camera a worker: attaching, listing, fetching, erasing, its clock, and why it gives up.
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_CAMERA_H
#define DOCKD_PROTO_CAMERA_H

#include "proto.h"

#define PROTO_PATTERNS 12
#define PROTO_GLOB_LEN 96

#define PROTO_UNLOCKS 4
#define PROTO_PIN_LEN 32
#define PROTO_SUFFIXES 12

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

#define CAMERA_PARTIAL64 (1u << 0) /* GetPartialObject64 */
#define CAMERA_PARTIAL (1u << 1)   /* GetPartialObject, below 4 GiB */
#define CAMERA_ERASES (1u << 2)    /* DeleteObject */
#define CAMERA_CLOCK (1u << 3)     /* clock_s is valid */
#define CAMERA_CLOCK_SET (1u << 4) /* the clock can be set */
#define CAMERA_BATTERY (1u << 5)   /* battery_percent is valid */
#define CAMERA_LOCKED (1u << 6)    /* files can be read only after UNLOCK */
#define CAMERA_OWNER_SET (1u << 7) /* officer and unit can be written (CONFIGURE_OWNER) */
#define CAMERA_SETTINGS (1u << 8)  /* settings can be written (CONFIGURE_SETTING) */
#define CAMERA_READ_ONLY (1u << 9) /* its card is locked: a person moved the switch */

struct proto_camera {
	uint32_t features;
	uint32_t battery_percent; /* 0..100 */
	int64_t clock_s;          /* the camera's own clock face read as UTC, or PROTO_NO_TIME */
	int64_t read_at_ms;       /* CLOCK_REALTIME of the station when clock_s was read */
	uint64_t capacity_bytes;  /* of all storages; 0 where not told */
	uint64_t free_bytes;
	uint32_t storages;
	uint32_t recoveries;  /* stale sessions and stalls mended so far by this worker */
	uint32_t unlock;      /* enum unlock: the language that answered; 0 none */
	uint32_t block_bytes; /* msc: of the first unit; else 0 */
	char officer[PROTO_ID_TEXT_LEN]; /* ids only; "" not told */
	char unit[PROTO_ID_TEXT_LEN];
	char serial[PROTO_TEXT_LEN]; /* the protocol's own serial (MTP DeviceInfo, the vendor's id
					code), "" if none */
	char manufacturer[PROTO_TEXT_LEN];
	char model[PROTO_TEXT_LEN];
	char firmware[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_camera) == 648, "crank PROTO_VERSION");

#define OBJECT_PROTECTED (1u << 0)  /* the camera says: do not delete */
#define OBJECT_PATH_CUT (1u << 1)   /* the path was too long: shortened, a hash tells it apart */
#define OBJECT_NAME_ODD (1u << 2)   /* the name holds '/', NUL, "..", or broken UTF-16; replaced */
#define OBJECT_CUT (1u << 3)        /* the tables end it early: size_bytes is what can be read */
#define OBJECT_SHARED (1u << 4)     /* another file claims some of the same clusters */
#define OBJECT_UNFINISHED (1u << 5) /* clusters, but no size: size_bytes is 0 */

struct proto_object {
	uint32_t storage;
	uint32_t kind; /* enum object_kind; folders are not told */
	uint32_t flags;
	uint32_t pad;
	uint64_t handle;           /* of this session; msc: where its entry lies on the medium */
	uint64_t size_bytes;       /* that can be read */
	uint64_t told_bytes;       /* as the camera's table says; size_bytes but for OBJECT_CUT */
	int64_t mtime_s;           /* camera time, or PROTO_NO_TIME */
	char path[PROTO_PATH_LEN]; /* without storage: "DCIM/100BWC/clip 1.mp4" */
};
_Static_assert(sizeof(struct proto_object) == 2096, "crank PROTO_VERSION");

struct proto_listed {
	int32_t status;     /* 0; -EIO: part of the tree could not be read (text says which) */
	uint32_t objects;   /* OBJECT messages sent */
	uint32_t skipped;   /* objects whose info could not be read */
	uint32_t truncated; /* 1: max_objects reached */
	uint32_t
	    damaged; /* places where the file system contradicts itself; text names the first */
	char text[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_listed) == 148, "crank PROTO_VERSION");

struct proto_fetch {
	uint32_t storage;
	uint32_t snapshot; /* 1: a log: growing beyond size_bytes meanwhile is no fault */
	uint64_t handle;
	uint64_t offset_bytes; /* what the file already holds and may be trusted up to */
	uint64_t size_bytes;   /* as listed; not one byte more is written */
	int64_t mtime_s;       /* as listed */
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
	uint64_t length_bytes;   /* valid bytes in the file now */
	uint64_t read_bytes;     /* payload read from the camera for this FETCH, overlap included */
	uint64_t now_size_bytes; /* FETCH_CHANGED: the size it has now */
	char text[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_fetched) == 160, "crank PROTO_VERSION");

struct proto_erase {
	uint32_t storage;
	uint32_t pad;
	uint64_t handle;
	uint64_t size_bytes; /* the worker looks again and erases only if all three agree */
	int64_t mtime_s;
	char path[PROTO_PATH_LEN];
};
_Static_assert(sizeof(struct proto_erase) == 2080, "crank PROTO_VERSION");

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

enum configure { CONFIGURE_OWNER = 1, CONFIGURE_SETTING };

struct proto_configure {
	uint32_t what; /* enum configure */
	uint32_t code; /* PTP device property; 0: the vendor's own place for the owner */
	char officer[PROTO_ID_TEXT_LEN]; /* CONFIGURE_OWNER; "" leaves it as it is */
	char unit[PROTO_ID_TEXT_LEN];
	char value
	    [PROTO_NAME_LEN]; /* CONFIGURE_SETTING: number or text, as the property's type is */
};
_Static_assert(sizeof(struct proto_configure) == 152, "crank PROTO_VERSION");

/* Files that end alike, as the probe saw them. */
struct proto_suffix {
	char suffix[12]; /* ".mp4", lower case; "" ends the list */
	uint32_t files;
	uint64_t bytes;
	char folder[64]; /* the folder that holds most of them */
};
_Static_assert(sizeof(struct proto_suffix) == 88, "crank PROTO_VERSION");

struct proto_probed {
	uint32_t driver;  /* enum camera_driver that can read it; 0 none */
	uint32_t luns;    /* msc: logical units that hold a medium */
	uint32_t objects; /* listed; 0 where it is locked */
	uint32_t truncated;
	struct proto_camera camera; /* as CAMERA; camera.unlock: the language that it speaks */
	struct proto_suffix suffix[PROTO_SUFFIXES]; /* most files first */
	char medium[PROTO_TEXT_LEN]; /* "exFAT on GPT, 512-byte blocks; FAT32 bare" or "" */
	char text[PROTO_TEXT_LEN];   /* why it cannot be read, what is odd; "" */
};
_Static_assert(sizeof(struct proto_probed) == 1976, "crank PROTO_VERSION");

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
	FAULT_MEDIUM,       /* no card, or nothing on it that can be read as a file system */
};

#endif
