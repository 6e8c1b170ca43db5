/*
 * unlock: a vendor's language in front of the mass-storage driver.
 *
 * A locked camera is met in the languages that its profile names, in that order; the first that it
 * answers tells its ids and battery, and switches it to disk mode. From then on, and for a device
 * that is a readable disk already, everything is msc_driver's. The PIN is a mode switch, never
 * security: these are documented facts and public defaults.
 *
 * unlock.c is the driver; each language has a file of acts (language_dv16.c, language_amba.c) over a
 * pure file of bytes (dv16.h, ambarella.h). The tables there are all that is ever sent: no command
 * in them writes to the medium, and none that sets a password exists.
 */
#ifndef DOCKD_UNLOCK_H
#define DOCKD_UNLOCK_H

#include "../../dockd/base/proto_attach.h"
#include "../camera.h"
#include "../disk/bot.h"
#include "vendor.h"

/* A PIN is told to a camera once in a worker's life: cameras lock themselves after some tries. */
enum pin_state { PIN_UNTRIED = 0, PIN_RIGHT, PIN_WRONG };

/* A device as the languages have it. Owned by unlock.c. */
struct locked {
	struct transport *transport;
	struct usb_interface usb; /* in and out 0: it has no interface with two bulk pipes */
	bool claimed;
	struct bot bot; /* of a mass-storage interface */
	bool bot_up;
	bool family; /* its INQUIRY names the DV16 family */
	unsigned timeout_ms;
	char pin[PROTO_PIN_LEN]; /* "" the language's own default; wiped at the end */
	enum pin_state pin_state;
	bool no_login; /* a probe: no PIN is told, also not the default */
};

/*
 * One language. All acts: 0; -EACCES: wrong PIN (and nothing else was sent); -EREMOTEIO: the camera
 * refuses it; -ENODEV: it has gone; another -errno of the bus. Each is bounded in time.
 */
struct language {
	enum unlock id;
	bool sets_clock, sets_owner;
	/* Whether it answers in this language. -ENOTSUP: no; what was asked leaves nothing behind. */
	int (*meet)(struct locked *l);
	/* What it tells of itself; a fact that it does not tell is left out. */
	int (*facts)(struct locked *l, struct vendor_facts *out);
	int (*set_clock)(struct locked *l, int64_t clock_s);
	/* -EINVAL: an id longer than its field. "" leaves what stands there. */
	int (*set_owner)(struct locked *l, const char *officer, const char *unit);
	/* Disk mode. -ENOMEDIUM: it has no card. 0: the command was taken; it may have gone already. */
	int (*unlock)(struct locked *l);
};

extern const struct language dv16_language;
extern const struct language amba_request_language, amba_block_language, amba_text_language;

/* The PIN to be told; fallback where none was given. */
const char *locked_pin(const struct locked *l, const char *fallback);

/*
 * One SCSI-like command over the bulk-only transport to unit 0: 0, -EREMOTEIO (check condition; its
 * sense has been fetched), -errno. *moved: bytes of data that came.
 */
int locked_command(struct locked *l, const uint8_t *cdb, size_t cdb_len, void *data, uint32_t len,
    bool in, uint32_t *moved);

#endif
