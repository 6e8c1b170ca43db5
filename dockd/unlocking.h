/*
 * unlocking: a camera that is switched to disk mode: before it, while it is away, when it is back.
 *
 * Called by errand, docking, arrival and bay. One camera has two faces: a locked one, which tells ids,
 * battery and clock, and a disk, often under other USB ids and without a serial number. Both are one
 * docking where nothing contradicts: what the first face told holds for the second.
 */
#ifndef DOCKD_UNLOCKING_H
#define DOCKD_UNLOCKING_H

#include "bay.h"
#include "index_docking.h"

#include "base/msg.h"

/* What is to be done for a camera that is locked. false: it is not, go on with its files. */
bool unlocking_plan(struct bay *b);
/*
 * Whether this docking's camera has refused the PIN and nobody has asked again since, also before a
 * restart: it must not be told another time, cameras lock or wipe after a few. why: for the bay.
 */
bool unlocking_spent(const struct bay *b, char *why, size_t room);
/* UNLOCK has been sent. */
void unlocking_began(struct bay *b);
/* UNLOCKED; and any other end of the worker while it was out. As docking_message. */
const char *unlocking_answered(struct bay *b, const struct msg *m);

/* Its device is gone, or its worker says so: awaited, if that is part of unlocking. false: it is not. */
bool unlocking_away(struct bay *b);
/* Its device is gone, and the next one is awaited. */
bool unlocking_is_away(const struct bay *b);
/* Each tick: it did not come back in time. */
void unlocking_tick(struct bay *b, uint64_t now_us);

/* A device has arrived at the bay: is it the camera that is awaited, or the disk that it is by now? */
bool unlocking_is_back(const struct bay *b, const struct proto_arrived *a);
/* Whether the arrival under way is the one that each UNLOCK may cost. Asked once an arrival. */
bool unlocking_expects(struct bay *b);
/* Whether a docking that the books have open may still be waiting for its camera's other face. */
bool unlocking_pending(const struct bays *h, const struct docking *open);
/*
 * After a restart of the service: whether this device is the other face of a docking that the books
 * have open at its port.
 */
bool unlocking_adopts(struct bay *b, const struct docking *open, const struct proto_arrived *a);
/* b has taken up that docking again: remembers how far it was. */
void unlocking_adopted(struct bay *b, const struct docking *open);

/*
 * CAMERA has come into b->camera: what the locked face told is put in where this one tells nothing.
 * true: it is the docking's camera, now with its files.
 */
bool unlocking_camera(struct bay *b);
/* Whether this serial number is the one that the docking's camera told before it was unlocked. */
bool unlocking_is_same(const struct bay *b, const char *serial);
/* `unlocked` is recorded: its files can be read. */
void unlocking_done(struct bay *b);
/* The docking ends: what it began is on record as not come to anything. */
void unlocking_ended(struct bay *b);
/* The USB serial number that this docking's camera goes by. */
const char *unlocking_usb_serial(const struct bay *b);

#endif
