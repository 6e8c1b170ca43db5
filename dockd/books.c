#include "books.h"

#include "bays.h"
#include "clock.h"

#include "base/language.h"
#include "base/log.h"
#include "base/proto_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RESTARTS_MAX 3 /* of one asset before a person is called */

static struct index *ix(const struct bay *b)
{
	return journal_index(b->house->journal);
}

void books_write(struct bay *b, struct record *r)
{
	/* a journal that fails says so itself, once, and stops intake */
	journal_write(b->house->journal, r);
}

struct record *books_begin(const char *type)
{
	static struct record r;

	record_begin(&r, type);
	return &r;
}

void books_trouble(struct bay *b, const char *text)
{
	if (strcmp(b->trouble, text) == 0)
		return;
	snprintf(b->trouble, sizeof(b->trouble), "%s", text);
	log_warn("docking-trouble", "bay=%s docking=%" PRIu64 " reason=\"%s\"", b->name, b->docking,
	    log_text(text));
}

void books_asset_trouble(struct bay *b, uint64_t asset, const char *text)
{
	struct record *r = books_begin("trouble");

	record_number(r, "asset", (int64_t)asset);
	record_text(r, "text", text);
	books_write(b, r);
	log_warn("asset-trouble", "bay=%s asset=%" PRIu64 " reason=\"%s\"", b->name, asset,
	    log_text(text));
}

/* To whom the camera was issued when it came, not to whom it was in this docking: ids alone. */
void books_ids(const struct bay *b, struct record *r)
{
	if (b->came_officer[0])
		record_text(r, "officer", b->came_officer);
	if (b->came_unit[0])
		record_text(r, "unit", b->came_unit);
}

void books_camera(struct bay *b)
{
	const struct proto_camera *c = &b->camera;
	struct record *r = books_begin("camera");
	struct clock_state clock;

	clock_state(&clock);
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "camera", b->identity);
	record_text(r, "identity",
	    b->doubled             ? "doubled" :
		b->identity_proved ? "proved" :
		b->unlock.carried  ? "carried" :
				     "none");
	if (c->serial[0])
		record_text(r, "mtp-serial", c->serial);
	if (c->firmware[0])
		record_text(r, "firmware", c->firmware);
	books_ids(b, r);
	if (c->unlock)
		record_text(r, "unlock", language_word((enum unlock)c->unlock));
	if (b->clock_known) {
		record_number(r, "clock-offset-ms", b->clock_offset_ms);
		record_number(r, "clock-synchronised", clock.synchronised);
		record_text(r, "clock-source", clock.source);
		if (clock.error_ms >= 0)
			record_number(r, "clock-error-ms", clock.error_ms);
	}
	if (c->features & CAMERA_BATTERY)
		record_number(r, "battery", c->battery_percent);
	record_number(r, "capacity", (int64_t)c->capacity_bytes);
	record_number(r, "free", (int64_t)c->free_bytes);
	books_write(b, r);
	log_info("camera",
	    "bay=%s docking=%" PRIu64
	    " camera=\"%s\" model=\"%s\" battery=%d clock-offset-ms=%" PRId64 " capacity=%" PRIu64
	    " free=%" PRIu64 " recoveries=%u",
	    b->name, b->docking, log_text(b->identity), log_text(c->model),
	    c->features & CAMERA_BATTERY ? (int)c->battery_percent : -1,
	    b->clock_known ? b->clock_offset_ms : 0, c->capacity_bytes, c->free_bytes,
	    c->recoveries);
}

void books_pulled(
    struct bay *b, const char *result, uint64_t length, uint64_t read, const char *text)
{
	struct record *r = books_begin("pulled");

	record_number(r, "asset", (int64_t)b->asset.number);
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "result", result);
	record_number(r, "length", (int64_t)length);
	record_number(r, "read", (int64_t)read);
	if (text[0])
		record_text(r, "text", text);
	books_write(b, r);
	b->pulled_bytes += read;
	log_event(strcmp(result, "done") == 0 ? LOG_INFO_LEVEL : LOG_WARN_LEVEL, "pulled",
	    "bay=%s docking=%" PRIu64 " asset=%" PRIu64 " result=%s length=%" PRIu64
	    " from=%" PRIu64 " read=%" PRIu64 " text=\"%s\"",
	    b->name, b->docking, b->asset.number, result, length, b->offset_bytes, read,
	    log_text(text));
}

void books_restarted(struct bay *b, const char *reason)
{
	struct record *r = books_begin("restarted");
	unsigned kept = 0;

	record_number(r, "asset", (int64_t)b->asset.number);
	record_text(r, "reason", reason);
	if (staging_set_aside(b->house->staging, b->asset.number, &kept) == 0)
		record_number(r, "kept", kept);
	books_write(b, r);
	if (b->asset.restarts + 1 >= RESTARTS_MAX) {
		books_asset_trouble(b, b->asset.number,
		    "the camera gives other bytes each time it is read: all "
		    "copies are kept; have the camera looked at");
		listing_skip(ix(b), b->docking, b->row.row);
	}
}

void books_erased(struct bay *b, uint64_t asset, const char *result, const char *text)
{
	struct record *r = books_begin("erased");

	record_number(r, "asset", (int64_t)asset);
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "result", result);
	if (text[0])
		record_text(r, "text", text);
	books_write(b, r);
	log_info("erased", "bay=%s docking=%" PRIu64 " asset=%" PRIu64 " result=%s text=\"%s\"",
	    b->name, b->docking, asset, result, log_text(text));
}

uint64_t books_found(struct bay *b, const struct listing_row *row)
{
	static struct asset before;
	struct record *r = books_begin("found");
	uint64_t number = index_new_asset(ix(b));

	record_number(r, "asset", (int64_t)number);
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "camera", b->identity);
	record_text(r, "profile", b->profile->name);
	record_text(r, "kind", kind_word(row->kind));
	record_text(r, "path", row->path);
	record_number(r, "size", (int64_t)row->size_bytes);
	if (row->mtime_s != PROTO_NO_TIME)
		record_number(r, "mtime", row->mtime_s);
	if (row->kind == KIND_LOG &&
	    index_log_prefix(ix(b), b->identity, row->path, row->size_bytes, &before) == 0)
		record_number(r, "prefix-of", (int64_t)before.number);
	record_number(r, "protected", (row->flags & OBJECT_PROTECTED) != 0);
	/* a disk's units and partitions keep their numbers; MTP's storage ids need not */
	if (b->profile->driver == DRIVER_MSC)
		record_number(r, "storage", row->storage);
	books_ids(b, r);
	if (row->flags & OBJECT_CUT) {
		record_number(r, "cut", 1);
		record_number(r, "told", (int64_t)row->told_bytes);
	}
	if (row->flags & OBJECT_SHARED)
		record_number(r, "shared", 1);
	if (row->flags & OBJECT_UNFINISHED)
		record_number(r, "unfinished", 1);
	books_write(b, r);
	return number;
}
