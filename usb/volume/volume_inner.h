/*
 * volume_inner: what volume.c, fat.c and exfat.c share; nobody else includes it.
 */
#ifndef DOCKD_VOLUME_INNER_H
#define DOCKD_VOLUME_INNER_H

#include "volume.h"

/* One step through a folder: where the next entry is to be looked for. */
struct folder {
	uint32_t first;      /* first cluster; 0: FAT12/16 root */
	uint32_t cluster;    /* that the cursor is in */
	uint64_t at;         /* byte of the folder that comes next */
	uint64_t size_bytes; /* of the folder where it is told (exFAT), else UINT64_MAX */
	uint32_t seen;       /* clusters passed */
	bool contiguous;
};

struct volume_format {
	/* Readies v, of which source, base and size are set. As volume_open. */
	int (*open)(struct volume *v, const char **why);
	void (*close)(struct volume *v);
	void (*root)(struct volume *v, struct folder *out);
	/*
	 * The next file or folder. 1; 0: end of the folder; -EIO: here it cannot be read, and the
	 * cursor has moved on where what follows may be. Of a folder, told_bytes is what its entries
	 * take at most. size_bytes is told_bytes: volume.c finds out how much of it is there.
	 */
	int (*next)(struct volume *v, struct folder *f, struct volume_file *out);
	/* The cluster that follows. 1; 0: end of chain; -EIO: no cluster that can be. */
	int (*follow)(struct volume *v, uint32_t cluster, uint32_t *out);
	int (*entry)(struct volume *v, uint64_t entry, struct volume_file *out);
	int (*room)(struct volume *v, uint64_t *capacity_bytes, uint64_t *free_bytes);
	void (*forget)(struct volume *v);
};

struct volume {
	const struct volume_format *format;
	struct source *source;
	uint64_t base, size_bytes; /* the partition */
	enum volume_kind kind;
	uint32_t cluster_bytes;
	uint32_t clusters;   /* valid numbers are 2 to clusters + 1 */
	uint64_t heap_bytes; /* on the medium, where cluster 2 begins */
	bool dirty;
	uint64_t reads_limit; /* of source->reads, behind which volume_behind answers -E2BIG */
	struct volume_report *report; /* of the walk under way; NULL: none */
	const char *path;             /* what the walk stands at; NULL: none */
	void *inner;                  /* the format's own */
};

extern const struct volume_format fat_format, exfat_format;

/* Where a cluster lies on the medium. Only for 2 <= cluster < clusters + 2. */
uint64_t volume_at(const struct volume *v, uint32_t cluster);

/*
 * Reads that following chains may cost, beside one pass over the table: a table may be made so that
 * each number of a chain lies elsewhere, which would keep a walk busy for hours.
 */
#define VOLUME_SPARE_READS 65536

/* Clusters that so many bytes take. */
uint64_t volume_clusters(const struct volume *v, uint64_t bytes);

/*
 * The cluster behind this one (volume_has). 1; 0: end of chain; -EIO: none that can be; -E2BIG:
 * more reads than reads_limit; another -errno of the source.
 */
int volume_behind(struct volume *v, uint32_t cluster, bool contiguous, uint32_t *out);

/*
 * How many clusters a chain has until it ends, breaks off or comes by one of its own again. 0, or
 * an -errno other than -EIO of the chain itself. At most about five times its length is followed.
 */
int volume_chain_length(struct volume *v, uint32_t first, uint64_t *length, bool *circle);

/* Cuts a file's sizes to what so many clusters hold. */
void volume_fit(const struct volume *v, struct volume_file *f, uint64_t clusters);

/* Whether it is the number of a cluster that lies in the partition. */
bool volume_has(const struct volume *v, uint32_t cluster);

/* Counts a contradiction; the first one becomes the text, with the path where the walk stands. */
void volume_wrong(struct volume *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for what the medium could not give. */
void volume_unread(struct volume *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
