/*
 * camera: what a driver can do, and what it may call while it does it.
 *
 * Called by camera_main, which owns the socket to the core; implemented by ptp_camera (and by a
 * mass-storage driver beside it). A driver never reads or writes the socket, never opens a file.
 * Every call answers within bounded silence of the camera. 0: the answer is in *out, its own
 * results included. -EIO: it cannot go on; *why says it, and the process is to end.
 */
#ifndef DOCKD_CAMERA_H
#define DOCKD_CAMERA_H

#include "../dockd/base/proto_camera.h"
#include "descriptor.h"
#include "transport.h"

struct proto_attach;
struct proto_erase;
struct proto_erased;
struct proto_fetch;
struct proto_fetched;
struct proto_listed;
struct proto_object;
struct proto_probed;

struct camera; /* a driver's own */

struct driver {
	/* Makes contact. Also -ENOTSUP: not a camera for this driver (*why). t stays the caller's. */
	int (*open)(struct transport *t, const struct proto_attach *attach, struct camera **out,
	    struct proto_reason *why);
	/* Who it is; battery, clock and room as of now. */
	int (*look)(struct camera *c, struct proto_camera *out, struct proto_reason *why);
	/* Tells every object by camera_tell_object. Ends early when camera_stopping. */
	int (*list)(struct camera *c, struct proto_listed *out, struct proto_reason *why);
	/* Pulls one object into file (read-write; stays the caller's). */
	int (*fetch)(struct camera *c, const struct proto_fetch *fetch, int file,
	    struct proto_fetched *out, struct proto_reason *why);
	int (*erase)(struct camera *c, const struct proto_erase *erase, struct proto_erased *out,
	    struct proto_reason *why);
	int (*set_clock)(
	    struct camera *c, int64_t clock_s, struct proto_status *out, struct proto_reason *why);
	/*
	 * Switches a CAMERA_LOCKED one to the mode in which its files can be read. out->status 0: it
	 * leaves and comes back, or is ready; -EACCES: wrong PIN. NULL: none of this driver is locked.
	 */
	int (*unlock)(struct camera *c, struct proto_status *out, struct proto_reason *why);
	/* Writes an id or a setting; out->status -ENOTSUP: it offers no such. NULL: none does. */
	int (*configure)(struct camera *c, const struct proto_configure *what,
	    struct proto_status *out, struct proto_reason *why);
	/* What medium and file systems it has, for the probe; as PROBED. NULL: nothing to say. */
	void (*describe)(struct camera *c, struct proto_probed *out);
	/* Handles events while nothing is asked. */
	int (*idle)(struct camera *c, struct proto_reason *why);
	/* Ends the session and frees c; c may be NULL. */
	void (*close)(struct camera *c);
};

extern const struct driver ptp_driver;
extern const struct driver msc_driver;    /* msc_camera.c */
extern const struct driver unlock_driver; /* unlock.c: a vendor's language in front of msc_driver */

/* Tells the core one object. Ends the process where the core is gone. */
void camera_tell_object(const struct proto_object *object);

/* Tells the core that all before offset_bytes has been through fdatasync. */
void camera_tell_durable(uint64_t offset_bytes);

/* Whether the core has asked to stop what is under way. Cheap; ends the process if it is gone. */
bool camera_stopping(void);

/* Fills *why: code is an enum fault. Returns -EIO, so that a driver may `return camera_fault(...)`. */
int camera_fault(struct proto_reason *why, enum fault code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Likewise for -errno of the transport, in the words of all drivers; doing: what was done. */
int camera_trouble(struct proto_reason *why, int r, const char *doing);

/* A device without what the driver looks for, which text says: -ENOTSUP. -EIO: it has left. */
int camera_not_mine(struct proto_reason *why, const struct transport *t, const char *text);

/* Copies text from a camera into a bounded field: whole UTF-8 sequences, always ended. */
void camera_text(char *out, size_t room, const char *text);

/* The interfaces of its active configuration, as descriptor_interfaces. The number found. */
size_t camera_interfaces(struct transport *t, struct usb_interface out[DESCRIPTOR_INTERFACES]);

/* Claims one of them: 0, or -EIO and *why. */
int camera_claim(struct transport *t, uint8_t interface, struct proto_reason *why);

/* How long the camera may be silent: the profile's time, longer where a quirk says so. */
unsigned camera_timeout_ms(const struct proto_attach *attach);

#endif
