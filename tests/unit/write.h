/*
 * write: ledger records as short calls, for the tests of index and journal. The includer defines
 * put(), which takes the record on.
 */
#ifndef TEST_WRITE_H
#define TEST_WRITE_H

#include "../../dockd/index.h"

#include <stdio.h>

static struct record rec;

static void put(void);

static inline void begin(const char *type, uint64_t asset)
{
	record_begin(&rec, type);
	if (asset)
		record_number(&rec, "asset", (int64_t)asset);
}

static inline void put_docked(uint64_t docking, const char *bay, const char *camera)
{
	begin("docked", 0);
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "bay", bay);
	record_text(&rec, "port", "1-2");
	record_text(&rec, "serial", camera);
	record_text(&rec, "profile", "p");
	put();
	begin("camera", 0);
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "camera", camera);
	put();
}

static inline void put_found(uint64_t asset, uint64_t docking, const char *camera,
    enum object_kind kind, const char *path, uint64_t size, int64_t mtime_s)
{
	begin("found", asset);
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "camera", camera);
	record_text(&rec, "profile", "p");
	record_text(&rec, "kind", kind_word(kind));
	record_text(&rec, "path", path);
	record_number(&rec, "size", (int64_t)size);
	if (mtime_s != PROTO_NO_TIME)
		record_number(&rec, "mtime", mtime_s);
	record_number(&rec, "protected", 0);
	put();
}

static inline void put_pull(uint64_t asset, uint64_t docking, uint64_t offset)
{
	begin("pull", asset);
	record_number(&rec, "docking", (int64_t)docking);
	record_number(&rec, "offset", (int64_t)offset);
	record_text(&rec, "boot", "boot-1");
	put();
}

static inline void put_pulled(uint64_t asset, uint64_t docking, const char *result, uint64_t read)
{
	begin("pulled", asset);
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "result", result);
	record_number(&rec, "length", (int64_t)read);
	record_number(&rec, "read", (int64_t)read);
	put();
}

static inline void put_durable(uint64_t asset, uint64_t offset)
{
	begin("durable", asset);
	record_number(&rec, "offset", (int64_t)offset);
	record_text(&rec, "boot", "boot-2");
	put();
}

static inline void put_staged(uint64_t asset, uint64_t size)
{
	begin("staged", asset);
	record_number(&rec, "size", (int64_t)size);
	record_text(&rec, "boot", "boot-3");
	put();
}

static inline void put_checked(uint64_t asset, const char *id)
{
	begin("checked", asset);
	record_text(&rec, "sha256", "ab");
	record_number(&rec, "length", 1);
	record_text(&rec, "id", id);
	record_text(&rec, "signature", "unsigned");
	record_number(&rec, "stamp", 12345);
	put();
}

static inline void put_merged(uint64_t asset, uint64_t into)
{
	begin("merged", asset);
	record_number(&rec, "into", (int64_t)into);
	put();
}

static inline void put_at(const char *type, uint64_t asset, const char *destination)
{
	begin(type, asset);
	record_text(&rec, "destination", destination);
	record_text(&rec, "address", "https://example/1");
	record_text(&rec, "text", "words");
	record_text(&rec, "level", "readback");
	record_text(&rec, "sha256", "ab");
	record_number(&rec, "length", 100);
	put();
}

static inline void put_asset(const char *type, uint64_t asset)
{
	begin(type, asset);
	record_text(&rec, "text", "words");
	record_text(&rec, "reason", "words");
	record_text(&rec, "boot", "boot-4");
	put();
}

static inline void put_erase(const char *type, uint64_t asset, uint64_t docking, const char *result)
{
	begin(type, asset);
	record_number(&rec, "docking", (int64_t)docking);
	record_number(&rec, "read", 5);
	if (result)
		record_text(&rec, "result", result);
	put();
}

/* Found, pulled, sealed and checked in one go. */
static inline void put_whole(uint64_t asset, uint64_t docking, const char *camera,
    enum object_kind kind, const char *path, uint64_t size, int64_t mtime_s, const char *id)
{
	put_found(asset, docking, camera, kind, path, size, mtime_s);
	put_pull(asset, docking, 0);
	put_pulled(asset, docking, "done", size);
	put_staged(asset, size);
	put_checked(asset, id);
}

#endif
