/*
 * audit_facts: what the core knows and hands over when it asks for an audit (VERIFY_AUDIT).
 *
 * Written by the core, read by audit_job. One line a fact, in the form of ledger records
 * (base/record.h), in this order; [ ] may be left out; times are UTC seconds:
 *
 *   {"type":"docking"}  docking (number), camera, bay, station, profile, docked, now, zone,
 *                       clock-source, clock-synchronised (0, 1), [clock-offset-ms: camera minus
 *                       station, measured at this docking before anything was set]
 *   {"type":"last"}     seq, sha256 (hex), time: of the last line of this camera's log audited at
 *                       an earlier docking, as AUDITED told; docking: its number; [ended: when the
 *                       camera left then]. No such fact: no log of this camera was audited before.
 *   {"type":"log"}      asset, path, size, sha256, signature (its result's word); one for each LOG
 *                       message, in the same order
 *   {"type":"clip"}     asset, path (as listed), size, docking (in which it was first seen),
 *                       [sha256: once digested], [mtime: camera's clock face read as UTC],
 *                       [erased: 1, by this station]. All clips that this docking listed, and
 *                       those of this camera that the station still knows and that have gone from
 *                       it since the last audit.
 *
 * zone is the rule of the camera's clock face as its profile has it (base/zone.h): "UTC0",
 * "GMT0BST,M3.5.0/1,M10.5.0"; where there is only an offset: "CAM-01:00" (POSIX counts westward).
 * Texts that are not UTF-8 stay as they are. Anything else is an error of ours: -EBADMSG.
 */
#ifndef DOCKD_AUDIT_FACTS_H
#define DOCKD_AUDIT_FACTS_H

#include "../base/proto_verify.h"
#include "../base/record.h"

#define AUDIT_CLIPS_MAX 200000

struct audit_docking {
	uint64_t docking;
	int64_t docked_s, now_s;
	int64_t clock_offset_ms; /* PROTO_NO_TIME: not measured */
	bool clock_synchronised;
	char camera[PROTO_TEXT_LEN + 4];
	char bay[PROTO_NAME_LEN];
	char station[PROTO_NAME_LEN];
	char profile[PROTO_NAME_LEN];
	char zone[PROTO_NAME_LEN];
	char clock_source[PROTO_NAME_LEN];
};

struct audit_last {
	bool known;
	uint64_t seq, docking;
	int64_t time_s;
	int64_t ended_s; /* PROTO_NO_TIME: not told */
	uint8_t sha256[PROTO_SHA256_LEN];
};

struct audit_log {
	uint64_t asset, size_bytes;
	char *path;
	char sha256[PROTO_ID_LEN]; /* hex */
	char signature[PROTO_NAME_LEN];
};

struct audit_clip {
	uint64_t asset, size_bytes, docking;
	int64_t mtime_s; /* PROTO_NO_TIME: not told */
	char *path;
	uint8_t sha256[PROTO_SHA256_LEN];
	bool digested, erased;
	bool told, started; /* the audit's: some line tells of its end, of its beginning */
};

struct audit_facts {
	struct audit_docking docking;
	struct audit_last last;
	struct audit_log log[VERIFY_LOGS_MAX];
	unsigned logs;
	struct audit_clip *clip;
	size_t clips, room;
};

/* Takes one line without its newline. 0, -EBADMSG, -E2BIG (too many clips or logs), -ENOMEM. */
int audit_facts_line(struct audit_facts *f, const char *line, size_t len);
/* All of the facts; len is at most what the caller could hold. As above. */
int audit_facts_parse(struct audit_facts *f, const char *bytes, size_t len);
/* Releases what it holds, not f itself. */
void audit_facts_clear(struct audit_facts *f);

/* 64 lower-case hex digits; false: anything else. */
bool audit_sha256(const char *hex, uint8_t sha256[PROTO_SHA256_LEN]);

#endif
