/*
 * contents: the object tree of a simulated camera, and the bytes of its objects.
 *
 * Owns storages and objects. Called by scenario, operations, control and the faults. Generated
 * objects take no room: byte o of seed s can be had without the bytes before it (contents_generate;
 * the same generator is in tests/system/vcam.py). It never touches the disk but for "file" objects.
 */
#ifndef VCAM_CONTENTS_H
#define VCAM_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NO_TIME INT64_MIN
#define NAME_UNITS_MAX 254

struct storage {
	uint32_t id;
	uint64_t capacity, free;
	bool read_only;
	char name[64];
};

struct object {
	uint32_t number;  /* place in the table, from 1 */
	uint32_t parent;  /* number of its folder, 0 = top of the storage */
	uint32_t storage; /* index */
	bool folder, protected, gone;
	uint16_t *name; /* UTF-16, host order, may be ill-formed */
	uint8_t name_units;
	char *path; /* how the tests name it; never shown to the host */
	uint64_t size, seed;
	uint8_t *bytes; /* literal content, or NULL */
	int file;       /* content from a file of this machine, or -1 */
	int64_t mtime;  /* seconds on the camera's clock face, or NO_TIME */
	uint64_t sent;  /* payload bytes sent so far, over all dockings */
	uint64_t high;  /* end of what was ever asked for */
	uint32_t alias; /* number of the object that stands in its place when listed, or 0 */
};

struct contents {
	struct storage storage[4];
	size_t storages;
	struct object **objects;
	size_t count, room;
	uint64_t deleted; /* by the host */
	char **deleted_paths;
};

/* An object as it is to be made. name NULL: the last part of path. bytes is copied. */
struct object_plan {
	const char *path;
	const uint16_t *name;
	size_t name_units;
	uint32_t storage;
	bool folder, protected;
	uint64_t size, seed;
	const uint8_t *bytes;
	const char *file;
	int64_t mtime;
};

/* Adds one object, and the folders above it where they lack. NULL: *why says what is wrong. */
struct object *contents_add(struct contents *c, const struct object_plan *plan, const char **why);

/* The same, straight into a folder whose number is known (0 = top); nothing is looked up. */
struct object *contents_add_to(
    struct contents *c, uint32_t parent, const struct object_plan *plan, const char **why);

/* The object that is present under this path, or NULL. */
struct object *contents_find(const struct contents *c, const char *path);

/* By number; NULL where there is none or it is gone. */
struct object *contents_get(const struct contents *c, uint32_t number);

/* Makes an object longer; what is new comes from the generator at its place. */
void contents_grow(struct object *o, uint64_t by);

/* Takes an object away, and what is below it. by_host: it counts as a deletion. */
void contents_remove(struct contents *c, struct object *o, bool by_host);

/* Fills buf with n bytes of o from offset; past the end or unreadable: zeros. */
void contents_read(const struct object *o, uint64_t offset, uint8_t *buf, size_t n);

/* The generator itself. */
void contents_generate(uint64_t seed, uint64_t offset, uint8_t *buf, size_t n);

/* SHA-256 of the whole object as lower-case hex into out[65]. 0 or -EIO. */
int contents_digest(const struct object *o, char *out);

#endif
