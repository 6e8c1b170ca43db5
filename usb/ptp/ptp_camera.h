/*
 * ptp_camera: what the files of the PTP driver share: one open camera.
 *
 * Used by ptp_camera (contact, identity, clock, erasing), ptp_configure, ptp_listing and ptp_fetch;
 * nobody else.
 */
#ifndef DOCKD_PTP_CAMERA_H
#define DOCKD_PTP_CAMERA_H

#include "../../dockd/base/proto_attach.h"
#include "../camera.h"
#include "session.h"

struct proto_fetch;
struct proto_fetched;
struct proto_listed;

struct camera {
	struct session session;
	struct proto_attach attach;
	struct ptp_device device;
	bool started;
	bool partial64, partial;         /* usable, as far as is known */
	bool prop_value, prop_list;      /* likewise: GetObjectPropValue, GetObjectPropList */
	bool large;                      /* a storage can hold objects of 4 GiB and more */
	char officer[PROTO_ID_TEXT_LEN]; /* as CONFIGURE_OWNER found or left it */
	char clock_tail[16]; /* how the camera goes on behind the seconds of its clock */
};

enum { PTP_LISTING_STORAGES = 16 };

/* The fault for a negative answer of the session. Returns -EIO. */
int ptp_fault(struct camera *c, int r, const char *doing, struct proto_reason *why);

/*
 * Reads what the camera says of an object: 0 with *code the response; *out is filled where it is
 * PTP_OK. Sizes of 4 GiB and more are asked for by property. -errno as session_call.
 */
int ptp_object_info(struct camera *c, uint32_t handle, struct ptp_object *out, uint16_t *code);

/* The ids of storages that hold something: at most PTP_LISTING_STORAGES. The number or -errno. */
int ptp_storage_ids(struct camera *c, uint32_t ids[PTP_LISTING_STORAGES]);

/* Whether its device properties can be written at all. */
bool ptp_configurable(const struct camera *c);

/* ptp_configure.c, ptp_listing.c and ptp_fetch.c: see camera.h. */
int ptp_configure(struct camera *c, const struct proto_configure *what, struct proto_status *out,
    struct proto_reason *why);
int ptp_list(struct camera *c, struct proto_listed *out, struct proto_reason *why);
int ptp_fetch(struct camera *c, const struct proto_fetch *fetch, int file,
    struct proto_fetched *out, struct proto_reason *why);

#endif
