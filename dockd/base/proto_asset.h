/*
 * proto_asset: an asset and its uploads.
 *
 * Rows of the answers to ASK_ASSETS, ASK_ASSET, ASK_EXPORT and others (proto_ctl.h). What holds for
 * every message is in proto.h. Words that the ledger has too (rungs, kinds, levels) are where their
 * noun is.
 */
#ifndef DOCKD_PROTO_ASSET_H
#define DOCKD_PROTO_ASSET_H

#include "proto.h"

#define ASSETS_QUEUED (1u << 0) /* only those not receipted everywhere */

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

#endif
