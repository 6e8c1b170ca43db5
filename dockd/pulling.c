#include "pulling.h"

#include "bays.h"
#include "books.h"

#include "base/handover.h"
#include "base/log.h"
#include "base/proto_object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NO_ROOM_WAIT_US 2000000
#define READ_MAX_BYTES (UINT64_C(1) << 50) /* in one FETCH: more than any camera holds */
#define DURABLE_STEP_BYTES (UINT64_C(1) << 20)
#define DURABLE_SPARE 16 /* DURABLEs of one FETCH beside one for each step */

static struct index *ix(const struct bay *b)
{
	return journal_index(b->house->journal);
}

const char *pulling_durable(struct bay *b, const struct msg *m)
{
	struct proto_durable d;
	struct record *r = books_begin("durable");

	memcpy(&d, m->body, sizeof(d));
	if (d.offset_bytes < b->offset_bytes || d.offset_bytes > b->row.size_bytes)
		return "DURABLE outside of what was asked";
	if (++b->durables > b->row.size_bytes / DURABLE_STEP_BYTES + DURABLE_SPARE)
		return "DURABLE without end";
	record_number(r, "asset", (int64_t)b->asset.number);
	record_number(r, "offset", (int64_t)d.offset_bytes);
	record_text(r, "boot", staging_boot(b->house->staging));
	books_write(b, r);
	return NULL;
}

static const char *const fetch_words[] = {
	[FETCH_DONE] = "done",
	[FETCH_STOPPED] = "stopped",
	[FETCH_MISMATCH] = "mismatch",
	[FETCH_CHANGED] = "changed",
	[FETCH_GONE] = "gone",
	[FETCH_SHORT] = "short",
	[FETCH_REFUSED] = "refused",
	[FETCH_DISK] = "disk",
};

void pulling_too_large(struct bay *b)
{
	books_trouble(b,
	    "a file of the camera's is larger than this station can write, it stays there: its file "
	    "system, or LimitFSIZE= of its service, must allow more");
	listing_skip(ix(b), b->docking, b->row.row);
}

void pulling_disk_failed(struct bay *b, int status)
{
	struct bays *h = b->house;

	if (status == -ENOSPC || status == -EDQUOT) {
		if (!b->no_room)
			log_warn("disk-full", "bay=%s asset=%" PRIu64 " size=%" PRIu64, b->name,
			    b->asset.number, b->row.size_bytes);
		b->no_room = true;
		b->due_us = bay_now_us() + NO_ROOM_WAIT_US;
		return;
	}
	if (status == -EFBIG) {
		books_asset_trouble(b, b->asset.number, "the camera sent more than it listed");
		listing_skip(ix(b), b->docking, b->row.row);
		return;
	}
	books_restarted(b, "writing to the station's disk failed");
	if (++h->disk_errors >= 3 && !h->stopped) {
		h->stopped = true;
		snprintf(h->stop_why, sizeof(h->stop_why),
		    "the station's disk fails (%s): nothing more is taken in; replace it",
		    strerror(-status));
		log_error("intake-stopped", "reason=\"%s\"", h->stop_why);
	}
}

void pulling_whole(struct bay *b)
{
	b->deaths = b->starved = 0;
	b->house->disk_errors = 0;
	b->house->handlers->pulled(b->house->arg, b->asset.number);
	b->erase_wanted = true;
}

void pulling_gone(struct bay *b, uint64_t asset)
{
	int64_t length = staging_part_length(b->house->staging, asset);
	struct record *r = books_begin("gone");

	record_number(r, "asset", (int64_t)asset);
	record_number(r, "docking", (int64_t)b->docking);
	books_write(b, r);
	books_trouble(
	    b, "a file vanished from the camera before all of it was read: what came is kept");
	if (length <= 0)
		return;
	r = books_begin("resized");
	record_number(r, "asset", (int64_t)asset);
	record_number(r, "size", length);
	books_write(b, r);
	b->house->handlers->pulled(b->house->arg, asset);
}

/* One worker's word alone, however often, does not stop the whole station. */
static void worker_disk_failed(struct bay *b, int status)
{
	struct bays *h = b->house;

	if (h->disk_errors > 0 && h->disk_bay == b)
		h->disk_errors--;
	h->disk_bay = b;
	pulling_disk_failed(b, status < 0 && status > -4096 ? status : -EIO);
}

static void not_done(struct bay *b, const struct proto_fetched *f)
{
	switch ((enum fetch_result)f->result) {
	case FETCH_DONE:
		break;
	case FETCH_MISMATCH:
		books_restarted(b, "the part held is not what the camera has");
		break;
	case FETCH_STOPPED: /* nobody asked for that */
	case FETCH_CHANGED:
	case FETCH_SHORT:
	case FETCH_REFUSED:
		/* the next listing shows what became of it */
		listing_skip(ix(b), b->docking, b->row.row);
		if (b->listings > 2 && f->result != FETCH_CHANGED)
			books_asset_trouble(b, b->asset.number,
			    f->text[0] ? f->text : "the camera cannot give the whole of it");
		break;
	case FETCH_GONE:
		listing_skip(ix(b), b->docking, b->row.row);
		pulling_gone(b, b->asset.number);
		break;
	case FETCH_DISK:
		worker_disk_failed(b, f->status);
		break;
	}
}

void pulling_close_part(struct bay *b)
{
	if (b->part_fd >= 0)
		close(b->part_fd);
	b->part_fd = -1;
}

static const char *on_compared(struct bay *b, const struct proto_fetched *f)
{
	struct record *r;

	b->state = BAY_READY;
	if (f->result == FETCH_DONE) {
		r = books_begin("compared");
		record_number(r, "asset", (int64_t)b->asset.number);
		record_number(r, "docking", (int64_t)b->docking);
		record_number(r, "read", (int64_t)f->read_bytes);
		books_write(b, r);
		b->pulled_bytes += f->read_bytes;
		b->erase_cursor = b->asset.number - 1; /* ask the gate again */
		return NULL;
	}
	log_warn("not-the-same", "bay=%s asset=%" PRIu64 " result=%u text=\"%s\"", b->name,
	    b->asset.number, f->result, log_text(f->text));
	if (f->result == FETCH_MISMATCH) /* so it is another file: taken as such */
		listing_link(ix(b), b->docking, b->row.row, books_found(b, &b->row));
	if (f->result == FETCH_MISMATCH || f->result == FETCH_CHANGED)
		books_trouble(b,
		    "a file on the camera has the name and time of one already taken, but other "
		    "bytes: have the camera looked at");
	return NULL;
}

const char *pulling_fetched(struct bay *b, const struct msg *m)
{
	struct proto_fetched f;

	memcpy(&f, m->body, sizeof(f));
	pulling_close_part(b);
	if (f.result < FETCH_DONE || f.result > FETCH_DISK)
		return "FETCHED with a result that does not exist";
	if (f.length_bytes > b->row.size_bytes ||
	    (f.result == FETCH_DONE && f.length_bytes != b->row.size_bytes))
		return "FETCHED with a length that was not asked";
	if (f.read_bytes > READ_MAX_BYTES)
		return "FETCHED with more read than any camera holds";
	if (b->state == BAY_COMPARING && b->house->ending) {
		b->state = BAY_READY;
		return NULL;
	}
	if (b->state == BAY_COMPARING)
		return on_compared(b, &f);
	bays_moved(b, f.length_bytes);
	b->state = BAY_READY;
	books_pulled(b, fetch_words[f.result], f.length_bytes, f.read_bytes, f.text);
	handover("docking-pulled");
	if (f.result == FETCH_DONE)
		pulling_whole(b);
	else if (f.result != FETCH_STOPPED || !b->house->ending)
		not_done(b, &f);
	return NULL;
}
