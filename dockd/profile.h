/*
 * profile: how a kind of camera is to be used; read from the profiles folder by config.
 *
 * Called by bay. The most specific profile that matches wins; two that match equally are a
 * configuration error, found when the profiles are read where it can be, else at the docking.
 */
#ifndef DOCKD_PROFILE_H
#define DOCKD_PROFILE_H

#include "base/proto_attach.h"
#include "base/proto_hotplug.h"
#include "base/zone.h"
#include "gate.h"

#define PROFILE_SUFFIXES 4
#define PROFILE_SUFFIX_LEN 16

#define PROFILE_SETTINGS 8
/* Device properties: ISO 15740 from 0x5000 on, vendors' from 0xD000 on (PTP clause 13). */
#define PROFILE_PROPERTY_MIN 0x5000
#define PROFILE_PROPERTY_ALLOWED "0x5000 to 0xffff"

/* Whose serial number names the camera; MTP and VENDOR: the one that the worker tells. */
enum identity_source { IDENTITY_USB = 1, IDENTITY_MTP, IDENTITY_VENDOR };

/* Where a certificate names the camera that its key belongs to. */
enum signer_rule {
	SIGNER_SERIAL_NUMBER = 0, /* serialNumber of its subject (RFC 4519 section 2.31), default */
	SIGNER_COMMON_NAME,       /* commonName of its subject */
	SIGNER_ANY,               /* any certificate of the anchors: one key for many cameras */
};

/* A setting that the camera shall have: a PTP device property and its value as text. */
struct profile_push {
	uint32_t code;
	char value[PROTO_NAME_LEN];
};

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
	enum signing_scheme scheme; /* SIGNING_YES: how */
	uint32_t digests;           /* DIGEST_... that it may sign beside SHA-256 */
	bool sha256_refused;        /* its signatures may not be over SHA-256 */
	enum signer_rule signer;
	char sidecar_suffix[PROFILE_SUFFIXES][PROFILE_SUFFIX_LEN]; /* "" ends the list */
	char manifest_path[PROTO_GLOB_LEN];                        /* glob */
	char anchors_file[256], crl_file[256];                     /* PEM; "" none */
	enum profile_logs logs;
	bool erasable;
	bool overwrites_oldest; /* it makes room by itself: a camera that fills up is no trouble */
	bool set_clock;
	enum unlock unlock[PROTO_UNLOCKS]; /* vendor's languages, in the order to try; 0 ends */
	char pin_file[256];                /* root-only; "" the family's own default */
	uint32_t unlock_s;       /* how long it may be away while it is switched; default 30 */
	uint32_t owner_property; /* PTP: device property that holds the officer's id; 0 none */
	struct profile_push push[PROFILE_SETTINGS]; /* settings that it shall have; code 0 ends */
	uint32_t quirks;
	uint32_t window_bytes;   /* default 8 MiB */
	uint32_t timeout_ms;     /* default 10,000 */
	uint32_t max_objects;    /* default 100,000 */
	uint32_t settle_s;       /* two listings so far apart make a size final; default 5 */
	uint32_t charge_minutes; /* battery unknown: charged after so long on the dock; default 0 */
	uint32_t full_percent;   /* battery told: it counts as charged from here on; default 95 */
	uint32_t
	    charge_stall_minutes; /* not risen for so long: it does not charge; default 30, 0 never */
	struct zone clock_zone;   /* of the camera's clock face; default: it shows UTC */
	char clock_zone_text[64];
	uint64_t room_bytes; /* free on the camera for a shift, else "leave it"; default 0 */
	struct proto_pattern pattern[PROTO_PATTERNS];
};

/* The profile of this name, or NULL. */
const struct profile *profile_find(const struct profile *profiles, size_t n, const char *name);

/* How specific a profile's match is; two that match with the same weight are a tie. */
unsigned profile_weight(const struct profile *p);

/*
 * The profile for a device, by the facts of its arrival. The pointer into profiles[], NULL: none;
 * *tie: two match equally (NULL is returned, *tie names the two).
 */
const struct profile *profile_match(const struct profile *profiles, size_t n,
    const struct proto_arrived *a, char *tie, size_t room);

#endif
