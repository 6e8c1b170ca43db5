/*
 * profile: how a kind of camera is to be used; read from the profiles folder by config.
 *
 * Called by bay. The most specific profile that matches wins; two that match equally are a
 * configuration error, found when the profiles are read where it can be, else at the docking.
 */
#ifndef DOCKD_PROFILE_H
#define DOCKD_PROFILE_H

#include "asset.h"
#include "base/proto.h"

enum identity_source { IDENTITY_USB = 1, IDENTITY_MTP };

struct profile {
	char name[PROTO_NAME_LEN];
	/* match: -1 / "" = any; strings are globs. Any interface of the device may match class. */
	int vendor, product;
	int class, subclass, protocol;
	char interface_name[28];
	char manufacturer[PROTO_TEXT_LEN];
	char model[PROTO_TEXT_LEN];
	char serial[PROTO_TEXT_LEN];
	/* use */
	enum camera_driver driver;
	enum identity_source identity;
	enum profile_signing signing;
	enum profile_logs logs;
	bool erasable;
	bool set_clock;
	uint32_t quirks;
	uint32_t window_bytes;   /* default 8 MiB */
	uint32_t timeout_ms;     /* default 10,000 */
	uint32_t max_objects;    /* default 100,000 */
	uint32_t settle_s;       /* two listings so far apart make a size final; default 5 */
	uint32_t charge_minutes; /* battery unknown: charged after so long on the dock; default 0 */
	int32_t clock_utc_offset_minutes; /* of the camera's clock face; default 0 = it shows UTC */
	uint64_t room_bytes; /* free on the camera for a shift, else "leave it"; default 0 */
	struct proto_pattern pattern[PROTO_PATTERNS];
};

/* How specific a profile's match is; two that match with the same weight are a tie. */
unsigned profile_weight(const struct profile *p);

/*
 * The profile for a device, by the facts of its arrival. The pointer into profiles[], NULL: none;
 * *tie: two match equally (NULL is returned, *tie names the two).
 */
const struct profile *profile_match(const struct profile *profiles, size_t n,
    const struct proto_arrived *a, char *tie, size_t room);

#endif
