/*
 * proto_object: what a camera holds, and what is done with it: listing, fetching, erasing.
 *
 * Between a camera worker and the core, one act at a time. What holds for every message is in
 * proto.h.
 */
#ifndef DOCKD_PROTO_OBJECT_H
#define DOCKD_PROTO_OBJECT_H

#include "proto.h"

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

#endif
