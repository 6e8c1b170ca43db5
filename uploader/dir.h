/*
 * dir: what the two files of the dir driver share: dir.c (uploads) and dir_errand.c (whether a file
 * is still there, its removal, and giving up what is not whole).
 */
#ifndef DOCKD_DIR_H
#define DOCKD_DIR_H

#include "folder.h"

#include <openssl/evp.h>

#define DIR_SLICE_BYTES (4u << 20)

struct dir_upload {
	struct spot spot;
	bool plain; /* the spot is known */
	int place;  /* the folder that it lies in */
	int file;   /* of what is written or read back */
	bool whole; /* it stands under its final name */
	bool compared, renamed;
	uint64_t at_bytes;      /* of the comparison or the reading back */
	uint64_t present_bytes; /* size found on disk */
	uint64_t durable_bytes;
	EVP_MD_CTX *back;
};

/* u->place, opened when it is not yet. */
enum act_result dir_open_place(struct transfer *t, bool make);

/* Locks u->file, which was opened as the .part: ACT_DONE, and it still is the one of that name. */
enum act_result dir_lock_part(struct transfer *t);

/* u->file for reading back, its pages dropped from the cache. 0 or -errno. */
int dir_open_back(struct dir_upload *u);

/* Digests a slice of u->file. ACT_DONE: all of it, and t->receipt has digest and length. */
enum act_result dir_read_slice(struct transfer *t);

/* What the description beside the file says, in a folder that other stations may use as well. */
enum dir_described {
	DESCRIBED_NOT,       /* there is none that can be read */
	DESCRIBED_OURS,      /* this asset, by this station */
	DESCRIBED_ELSEWHERE, /* this asset, by another station */
	DESCRIBED_ANOTHER,   /* another asset */
};
enum dir_described dir_described(const struct transfer *t);

enum act_result dir_confirm(struct transfer *t);
enum act_result dir_remove(struct transfer *t);
enum act_result dir_abandon(struct transfer *t);

#endif
