#include "contents.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TILE_BYTES 1048573u /* a prime: no power-of-two shift maps it onto itself */
#define STAMP_EVERY 4096u
#define STAMP_BYTES 16u

static uint8_t tile[TILE_BYTES];

static void make_tile(void)
{
	static bool made;
	EVP_MD_CTX *ctx;

	if (made)
		return;
	ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestInit_ex(ctx, EVP_shake128(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, "vcam", 4) != 1 ||
	    EVP_DigestFinalXOF(ctx, tile, sizeof(tile)) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	made = true;
}

/* Byte i of the stamp at the head of each 4096-byte block: seed, then block number. */
static uint8_t stamp_byte(uint64_t seed, uint64_t block, unsigned i)
{
	return (uint8_t)(i < 8 ? seed >> (8 * i) : block >> (8 * (i - 8)));
}

void contents_generate(uint64_t seed, uint64_t offset, uint8_t *buf, size_t n)
{
	uint64_t from = (offset + (seed % TILE_BYTES) * 7919u) % TILE_BYTES;
	uint64_t block;

	make_tile();
	for (size_t done = 0; done < n;) {
		size_t part = TILE_BYTES - from;

		if (part > n - done)
			part = n - done;
		memcpy(buf + done, tile + from, part);
		done += part;
		from = 0;
	}
	for (block = offset / STAMP_EVERY; block * STAMP_EVERY < offset + n; block++) {
		for (unsigned i = 0; i < STAMP_BYTES; i++) {
			uint64_t at = block * STAMP_EVERY + i;

			if (at >= offset && at < offset + n)
				buf[at - offset] = stamp_byte(seed, block, i);
		}
	}
}

/* UTF-8 to UTF-16; what is not UTF-8 goes over byte by byte. Returns units, at most max. */
static size_t to_utf16(const char *text, uint16_t *out, size_t max)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n = 0;

	while (*p && n < max) {
		uint32_t c = *p++;
		unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

		if (more)
			c &= 0x3fu >> more;
		for (; more && (*p & 0xc0) == 0x80; more--)
			c = c << 6 | (*p++ & 0x3f);
		if (c < 0x10000) {
			out[n++] = (uint16_t)c;
		} else if (n + 2 <= max) {
			out[n++] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
			out[n++] = (uint16_t)(0xdc00 + (c & 0x3ff));
		} else {
			break;
		}
	}
	return n;
}

static int set_content(struct object *o, const struct object_plan *plan, const char **why)
{
	struct stat st;

	if (plan->bytes) {
		o->bytes = malloc(plan->size ? plan->size : 1);
		if (!o->bytes)
			abort();
		memcpy(o->bytes, plan->bytes, plan->size);
	}
	if (!plan->file)
		return 0;
	o->file = open(plan->file, O_RDONLY | O_CLOEXEC);
	if (o->file < 0 || fstat(o->file, &st) < 0) {
		*why = "file cannot be opened";
		return -ENOENT;
	}
	o->size = (uint64_t)st.st_size;
	return 0;
}

struct object *contents_add_to(
    struct contents *c, uint32_t parent, const struct object_plan *plan, const char **why)
{
	const char *last = strrchr(plan->path, '/');
	uint16_t units[NAME_UNITS_MAX];
	size_t n = plan->name_units;
	struct object *o;

	if (plan->name && n > NAME_UNITS_MAX) {
		*why = "name too long";
		return NULL;
	}
	if (plan->storage >= c->storages) {
		*why = "no such storage";
		return NULL;
	}
	if (!plan->name)
		n = to_utf16(last ? last + 1 : plan->path, units, NAME_UNITS_MAX);
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 64;
		c->objects = realloc(c->objects, c->room * sizeof(*c->objects));
		if (!c->objects)
			abort();
	}
	o = calloc(1, sizeof(*o));
	if (!o || !(o->path = strdup(plan->path)) || !(o->name = malloc(n * 2 + 2)))
		abort();
	memcpy(o->name, plan->name ? plan->name : units, n * 2);
	o->name_units = (uint8_t)n;
	o->number = (uint32_t)c->count + 1;
	o->parent = parent;
	o->storage = plan->storage;
	o->folder = plan->folder;
	o->protected = plan->protected;
	o->size = plan->size;
	o->seed = plan->seed;
	o->mtime = plan->mtime;
	o->file = -1;
	if (set_content(o, plan, why) < 0) {
		free(o->path);
		free(o->name);
		free(o->bytes);
		free(o);
		return NULL;
	}
	c->objects[c->count++] = o;
	return o;
}

/* The number of the folder above path, made where it lacks; 0 = top, or *why is set. */
static uint32_t folder_above(struct contents *c, const struct object_plan *plan, const char **why)
{
	uint32_t parent = 0;

	for (const char *slash = strchr(plan->path, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct object_plan folder = {
			.storage = plan->storage, .folder = true, .mtime = plan->mtime
		};
		char *path = strndup(plan->path, (size_t)(slash - plan->path));
		struct object *o;

		if (!path)
			abort();
		folder.path = path;
		o = contents_find(c, path);
		if (!o)
			o = contents_add_to(c, parent, &folder, why);
		free(path);
		if (!o)
			return 0;
		parent = o->number;
	}
	return parent;
}

struct object *contents_add(struct contents *c, const struct object_plan *plan, const char **why)
{
	uint32_t parent;

	*why = NULL;
	if (contents_find(c, plan->path)) {
		*why = "path is there already";
		return NULL;
	}
	parent = folder_above(c, plan, why);
	if (*why)
		return NULL;
	return contents_add_to(c, parent, plan, why);
}

struct object *contents_find(const struct contents *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++) {
		if (!c->objects[i]->gone && strcmp(c->objects[i]->path, path) == 0)
			return c->objects[i];
	}
	return NULL;
}

struct object *contents_get(const struct contents *c, uint32_t number)
{
	if (number == 0 || number > c->count || c->objects[number - 1]->gone)
		return NULL;
	return c->objects[number - 1];
}

void contents_grow(struct object *o, uint64_t by)
{
	if (o->bytes) {
		o->bytes = realloc(o->bytes, o->size + by);
		if (!o->bytes)
			abort();
		contents_generate(o->seed, o->size, o->bytes + o->size, by);
	}
	o->size += by;
}

/* Whether o lies below the folder top, however deep; a cycle of folders ends the search. */
static bool lies_below(const struct contents *c, const struct object *o, uint32_t top)
{
	for (size_t depth = 0; o->parent && depth < c->count; depth++) {
		if (o->parent == top)
			return true;
		o = c->objects[o->parent - 1];
	}
	return false;
}

static void remove_one(struct contents *c, struct object *o, bool by_host)
{
	o->gone = true;
	if (!by_host)
		return;
	c->deleted_paths = realloc(c->deleted_paths, (c->deleted + 1) * sizeof(char *));
	if (!c->deleted_paths || !(c->deleted_paths[c->deleted] = strdup(o->path)))
		abort();
	c->deleted++;
}

void contents_remove(struct contents *c, struct object *o, bool by_host)
{
	for (size_t i = 0; o->folder && i < c->count; i++) {
		struct object *below = c->objects[i];

		if (below != o && !below->gone && lies_below(c, below, o->number))
			remove_one(c, below, by_host);
	}
	remove_one(c, o, by_host);
}

void contents_read(const struct object *o, uint64_t offset, uint8_t *buf, size_t n)
{
	size_t have = offset >= o->size ? 0 : o->size - offset < n ? (size_t)(o->size - offset) : n;
	size_t got = 0;

	if (o->bytes) {
		memcpy(buf, o->bytes + offset, have);
		got = have;
	} else if (o->file >= 0) {
		ssize_t r = pread(o->file, buf, have, (off_t)offset);

		got = r > 0 ? (size_t)r : 0;
	} else {
		contents_generate(o->seed, offset, buf, have);
		got = have;
	}
	memset(buf + got, 0, n - got);
}

int contents_digest(const struct object *o, char *out)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t buf[65536];
	uint8_t digest[32];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -EIO;

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		goto out;
	for (uint64_t at = 0; at < o->size;) {
		size_t n = o->size - at < sizeof(buf) ? (size_t)(o->size - at) : sizeof(buf);

		contents_read(o, at, buf, n);
		if (EVP_DigestUpdate(ctx, buf, n) != 1)
			goto out;
		at += n;
	}
	if (EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		goto out;
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[64] = '\0';
	r = 0;
out:
	EVP_MD_CTX_free(ctx);
	return r;
}
