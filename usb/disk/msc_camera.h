/*
 * msc_camera: what the files of the mass-storage driver share: one open camera.
 *
 * Used by msc_camera (contact, identity, room), msc_listing and msc_fetch; nobody else. Only one
 * volume is open at a time: that bounds the memory.
 */
#ifndef DOCKD_MSC_CAMERA_H
#define DOCKD_MSC_CAMERA_H

#include "../../dockd/base/proto_attach.h"
#include "../camera.h"
#include "../volume/volume.h"
#include "disk.h"

struct proto_fetch;
struct proto_fetched;
struct proto_listed;

#define MSC_UNITS 16
#define MSC_VOLUMES 32

struct msc_unit {
	struct disk disk;
	bool there; /* it has a medium that can be read */
	enum partition_table table;
};

struct msc_volume {
	unsigned unit;
	uint32_t storage; /* unit << 16 | number of the partition, from 1 on */
	struct partition partition;
	enum volume_kind kind; /* 0: known, and too damaged to be opened */
};

struct camera {
	struct proto_attach attach;
	struct transport *transport;
	struct bot bot;
	struct msc_unit unit[MSC_UNITS];
	struct msc_volume volume[MSC_VOLUMES];
	size_t volumes;
	struct volume *open;
	size_t open_at; /* of it, in volume */
	bool counted;
	uint64_t capacity_bytes, free_bytes;
	uint32_t unread,
	    damaged; /* units and partitions that are there and were not read; tables */
	char odd[PROTO_TEXT_LEN]; /* the first thing that cannot be read, and why; "" */
};

/* The fault for a negative answer of a disk. Returns -EIO. */
int msc_fault(int r, const char *doing, struct proto_reason *why);

/* Opens this volume, unless it is open. 0; -EIO: too damaged; -errno. */
int msc_use(struct camera *c, size_t at);

/* Forgets all that was read of the open volume, so that it is seen as it is now. */
void msc_forget(struct camera *c);

static inline struct disk *msc_disk(struct camera *c)
{
	return &c->unit[c->volume[c->open_at].unit].disk;
}

/* msc_listing.c and msc_fetch.c: see camera.h. */
int msc_list(struct camera *c, struct proto_listed *out, struct proto_reason *why);
int msc_fetch(struct camera *c, const struct proto_fetch *fetch, int file,
    struct proto_fetched *out, struct proto_reason *why);

#endif
