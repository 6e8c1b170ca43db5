/*
 * volume: one FAT12, FAT16, FAT32 or exFAT file system, read only.
 *
 * Called by the mass-storage driver; fat.c and exfat.c know the formats, volume.c the walk through
 * folders. Pure over a source. All that the medium says is hostile: nothing is allocated by a size
 * that it tells, no recursion, every chain bounded by the number of clusters, memory bounded
 * (VOLUME_MEMORY_BYTES for one). Damage is told, not fatal: what can be read is read.
 */
#ifndef DOCKD_VOLUME_H
#define DOCKD_VOLUME_H

#include "partition.h"

#define VOLUME_NAME_LEN 784 /* 255 UTF-16 units are at most 765 bytes of UTF-8; and a hash */
#define VOLUME_DEPTH_MAX 64
#define VOLUME_MEMORY_BYTES (4u << 20)
#define VOLUME_NO_TIME INT64_MIN

enum volume_kind { VOLUME_FAT12 = 1, VOLUME_FAT16, VOLUME_FAT32, VOLUME_EXFAT };

enum volume_flag {
	VOLUME_FOLDER = 1u << 0,
	VOLUME_READ_ONLY = 1u << 1,  /* the attribute that cameras set on flagged files */
	VOLUME_CONTIGUOUS = 1u << 2, /* exFAT NoFatChain */
	VOLUME_NAME_ODD = 1u << 3,   /* as name_clean has it */
	VOLUME_CUT = 1u << 4,    /* its chain ends before its size: size_bytes is what is there */
	VOLUME_SHARED = 1u << 5, /* another file or folder has some of its clusters */
	VOLUME_UNFINISHED =
	    1u << 6, /* a first cluster, but no size: power went while it was written */
};

struct volume;

struct volume_file {
	uint64_t entry;       /* where on the medium its entries begin (bytes): its handle */
	uint32_t first;       /* first cluster; 0 none */
	uint32_t flags;       /* enum volume_flag */
	uint64_t size_bytes;  /* that can be read */
	uint64_t told_bytes;  /* as the entry says; of a folder the most that its entries take */
	uint64_t valid_bytes; /* exFAT ValidDataLength: behind it are zeros */
	int64_t mtime_s;      /* clock face as written, read as UTC; VOLUME_NO_TIME where it is zero
	                         or no date. Of last modification, else of creation */
	char name[VOLUME_NAME_LEN]; /* clean: can stand in a path */
};

/* A stretch of a file, in order; never longer than what is left of it. */
struct volume_extent {
	uint64_t offset_bytes; /* on the medium */
	uint64_t len;
	bool zeros; /* nothing to read: behind valid_bytes */
};

/* Where a map through a file's extents stands. Owned by the caller, needs no freeing. */
struct volume_map {
	struct volume *volume;
	uint64_t left, valid_left;
	uint32_t cluster; /* that the map stands in; 0: its chain broke off */
	uint32_t within;  /* bytes of it that are passed; all of it: the next one comes */
	bool contiguous;
};

struct volume_report {
	uint32_t files, folders;
	uint32_t
	    damaged;     /* contradictions: loops, shared clusters, chains cut short, bad checksums,
	                     entries that cannot be; text names the first */
	uint32_t unread; /* folders or parts of them that the medium could not give */
	bool stopped;    /* visit said so */
	char text[128];  /* the first contradiction, with its path where it has one; "" */
};

/*
 * Opens the file system in this partition. 0; -ENOTSUP: none that is known here (*why, a fixed
 * text, says what it looks like: "NTFS", "ext", "empty", "not known"); -EIO: known, but too damaged
 * (*why); another -errno of the source. volume_close frees it; the source stays the caller's.
 */
int volume_open(struct source *s, const struct partition *p, struct volume **out, const char **why);
void volume_close(struct volume *v);

enum volume_kind volume_kind(const struct volume *v);
const char *volume_word(enum volume_kind kind); /* "FAT32", "exFAT" */

/* Whether the volume's dirty flag stands: it was not put away properly, or is being written. */
bool volume_dirty(const struct volume *v);

/*
 * Walks through all folders, parents first, and tells every file (no folders, no volume label, no
 * deleted entry): path is "DCIM/100BWC/a.mp4", at most room for PROTO_PATH_LEN; path_cut: it was
 * shortened, with a hash. false from visit ends it. 0, or an -errno of the source that ends
 * everything; what it could not read otherwise is in *out.
 *
 * All folders are read twice. The first time every chain is followed and its clusters are marked,
 * so that the second time size_bytes is what is there and both of two files that share clusters say
 * so. Clusters are marked while one bit each fits the memory (9.1 million of them: 300 GB in
 * clusters of 32 KiB); of files beyond that, sharing is not seen. A folder is entered once,
 * whatever other chains come by its clusters. A chain longer than its file's size is no
 * contradiction (room reserved for it). Where following costs too many reads, size_bytes is what
 * the entry says, and that is told.
 */
int volume_walk(struct volume *v,
    bool (*visit)(void *arg, const char *path, bool path_cut, const struct volume_file *file),
    void *arg, struct volume_report *out);

/*
 * Reads the entry at this place again (fresh from the medium). 0; -ENOENT: no file's entry any
 * more; -errno. The name of FAT and exFAT entries is read again too.
 */
int volume_entry(struct volume *v, uint64_t entry, struct volume_file *out);

/*
 * Free bytes, counted from the tables or taken from where they stand. 0, or -errno. May read the
 * whole table or bitmap.
 */
int volume_free(struct volume *v, uint64_t *capacity_bytes, uint64_t *free_bytes);

/* Readies a map through the extents of a file from offset_bytes on (at most size_bytes). */
int volume_map(
    struct volume *v, const struct volume_file *f, uint64_t offset_bytes, struct volume_map *out);

/*
 * The next extent, as long as the clusters lie side by side and at most max bytes. 1; 0: the file
 * is at its end; -EIO: the chain breaks off here; -errno.
 */
int volume_map_next(struct volume_map *m, uint64_t max, struct volume_extent *out);

/* Forgets all that was read of the tables, so that the next walk sees the medium as it is now. */
void volume_forget(struct volume *v);

#endif
