/*
 * folder: the folder of a dir destination, and where in it things lie.
 *
 * Owns its marker, .dockd-destination, whose absence tells of a vanished mount, and the layout:
 * AB/ASSETID, AB/ASSETID.json and AB/ASSETID.bundle beside it, ledger/STATION/NAME. Called by dir.
 * A name from a camera is never part of a path; the station's own are checked letter by letter.
 */
#ifndef DOCKD_FOLDER_H
#define DOCKD_FOLDER_H

#include "transfer.h"

#include <errno.h>
#include <sys/types.h>

#define FOLDER_MARKER ".dockd-destination"
#define FOLDER_MARKER_LEN 32
#define FOLDER_NO_FILE EMEDIUMTYPE /* as an errno: what is there is a pipe, a device, a folder */
#define FOLDER_NAME_LEN 160        /* of one file, with room for what is put behind it */

struct folder {
	int fd;
	dev_t device;
	ino_t inode;
	char marker[FOLDER_MARKER_LEN + 1]; /* "": not seen yet */
};

/* Where something lies: one or two folders, and its name. */
struct spot {
	char outer[8]; /* "AB", "ledger" */
	char inner[PROTO_NAME_LEN];
	char name[FOLDER_NAME_LEN];
	char address[PROTO_ADDRESS_LEN]; /* all of it, for the record */
};

/* Opens dest->conf.where into dest->own and fills dest->ready. 0 or -ENOMEM. */
int folder_open(struct destination *d);

/*
 * ACT_DONE: it is the folder that it was (a folder never written to is, when t has no address);
 * else t->failed says why not, and nothing may be concluded from what is or is not in it.
 */
enum act_result folder_check(struct transfer *t);

/* First use: marks the folder as this destination's. 0 or -errno. */
int folder_mark(struct folder *f);

/* Who it is, into READY: its mark, or nothing before it has one. */
void folder_identify(struct destination *d);

/*
 * Looks again who it is. A folder that was known stays the one that uploads may go to: of another
 * one, or of one without a mark, only READY tells.
 */
void folder_look(struct destination *d);

/*
 * Opens a file in folder `in`, made with mode 0600 where flags (open(2)) say so; never waits for
 * what another has put there. A descriptor of a regular file, or -errno (-FOLDER_NO_FILE).
 */
int folder_file(int in, const char *name, int flags);

/* What failed with errno err, as the end of a transfer. */
enum act_result folder_trouble(struct transfer *t, const char *what, int err);

/* Where an upload's file lies; false where asset id, name or station are not what they must be. */
bool folder_spot(const struct proto_upload *u, const char *station, struct spot *out);

/* The spot's folder, made where `make` says so. A descriptor or -errno. */
int folder_place(const struct folder *f, const struct spot *spot, bool make);

#endif
