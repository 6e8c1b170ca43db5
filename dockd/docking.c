#include "docking.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINK_BATCH 128       /* new objects recorded in one turn */
#define RESTARTS_MAX 3       /* of one asset before a person is called */
#define CLOCK_TOLERANCE_MS 2000
#define CLOCK_RANGE_S (INT64_C(1) << 40)
#define LOOK_EVERY_US 60000000
#define LIST_GAP_MAX_S 60

static struct index *ix(const struct bay *b)
{
	return journal_index(b->house->journal);
}

static void write_record(struct bay *b, struct record *r)
{
	/* a journal that fails says so itself, once, and stops intake */
	journal_write(b->house->journal, r);
}

static struct record *begin(const char *type)
{
	static struct record r;

	record_begin(&r, type);
	return &r;
}

static void trouble(struct bay *b, const char *text)
{
	if (strcmp(b->trouble, text) == 0)
		return;
	snprintf(b->trouble, sizeof(b->trouble), "%s", text);
	log_warn("docking-trouble", "bay=%s docking=%" PRIu64 " reason=\"%s\"", b->name, b->docking,
	    log_text(text));
}

static void asset_trouble(struct bay *b, uint64_t asset, const char *text)
{
	struct record *r = begin("trouble");

	record_number(r, "asset", (int64_t)asset);
	record_text(r, "text", text);
	write_record(b, r);
	log_warn("asset-trouble", "bay=%s asset=%" PRIu64 " reason=\"%s\"", b->name, asset,
	    log_text(text));
}

/* ---- beginning and end ---- */

/* Forgets what a docking knew; the bay itself stays. */
static void forget(struct bay *b)
{
	memset(&b->camera, 0, sizeof(b->camera));
	b->docking = 0;
	b->known = b->identity_proved = b->doubled = b->clock_known = b->clock_done = false;
	b->identity[0] = '\0';
	b->listings = 0;
	b->list_gap_s = 0;
	b->linked = b->final = b->partial = b->erase_check = b->erased_some = false;
	b->erase_cursor = 0;
	b->trouble[0] = '\0';
	b->fault[0] = '\0';
	b->deaths = 0;
	b->pulled_bytes = 0;
	memset(&b->sum, 0, sizeof(b->sum));
}

void docking_begin(struct bay *b)
{
	struct record *r = begin("docked");

	forget(b);
	b->docking = index_new_docking(ix(b));
	b->docked_at_s = time(NULL);
	b->docked_us = bay_now_us();
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "bay", b->name);
	record_text(r, "port", b->port);
	record_number(r, "vendor", b->device.vendor);
	record_number(r, "product", b->device.product);
	record_text(r, "serial", b->device.serial);
	record_text(r, "model", b->device.model);
	record_text(r, "profile", b->profile->name);
	write_record(b, r);
	log_info("docked", "bay=%s docking=%" PRIu64 " serial=\"%s\" model=\"%s\" profile=%s", b->name,
	    b->docking, log_text(b->device.serial), log_text(b->device.model), b->profile->name);
}

void docking_end(struct bay *b, const char *reason)
{
	struct record *r;

	if (!b->docking)
		return;
	r = begin("undocked");
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "reason", reason);
	write_record(b, r);
	listing_drop(ix(b), b->docking);
	log_info("undocked", "bay=%s docking=%" PRIu64 " reason=%s held=%s", b->name, b->docking, reason,
	    b->final ? "all" : "not-all");
	forget(b);
}

int docking_attach(struct bay *b)
{
	const struct profile *p = b->profile;
	struct proto_attach a = {
		.version = PROTO_VERSION,
		.driver = p->driver,
		.quirks = p->quirks,
		.window_bytes = p->window_bytes,
		.timeout_ms = p->timeout_ms,
		.max_objects = p->max_objects,
	};
	int r;

	memcpy(a.pattern, p->pattern, sizeof(a.pattern));
	r = child_send(b->child, MSG_ATTACH, &a, &b->device_fd, 1);
	close(b->device_fd);
	b->device_fd = -1;
	return r;
}

/* ---- what the worker says ---- */

static bool identity_is_elsewhere(struct bay *b)
{
	bool found = false;

	for (size_t i = 0; i < b->house->n; i++) {
		struct bay *o = b->house->bay[i];

		if (o == b || !o->docking || !o->known || o->state == BAY_LEFT)
			continue;
		if (strcmp(o->camera.serial, b->camera.serial) == 0 &&
		    strcmp(o->device.serial, b->device.serial) == 0 && o->profile == b->profile) {
			o->doubled = true;
			o->identity_proved = false;
			trouble(o, "another camera with the same serial number is docked: "
			           "nothing is erased from either; find out which is which");
			found = true;
		}
	}
	return found;
}

/* Decides under which identity this camera's assets are kept. */
static void identify(struct bay *b)
{
	const char *serial = b->profile->identity == IDENTITY_MTP ? b->camera.serial : b->device.serial;

	b->doubled = identity_is_elsewhere(b);
	b->identity_proved = serial[0] && !b->doubled;
	if (b->identity_proved)
		snprintf(b->identity, sizeof(b->identity), "%s", serial);
	else
		snprintf(b->identity, sizeof(b->identity), "unproved:%s:%" PRIu64, b->name, b->docking);
	if (b->doubled)
		trouble(b, "another camera with the same serial number is docked: "
		           "nothing is erased from either; find out which is which");
	else if (!b->identity_proved)
		trouble(b, "the camera tells no serial number: its clips are kept under this bay's name "
		           "and nothing is erased from it; tell whose it is");
}

static void record_camera(struct bay *b)
{
	const struct proto_camera *c = &b->camera;
	struct record *r = begin("camera");

	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "camera", b->identity);
	record_text(r, "identity", b->doubled ? "doubled" : b->identity_proved ? "proved" : "none");
	if (c->serial[0])
		record_text(r, "mtp-serial", c->serial);
	if (c->firmware[0])
		record_text(r, "firmware", c->firmware);
	if (b->clock_known)
		record_number(r, "clock-offset-ms", b->clock_offset_ms);
	if (c->features & CAMERA_BATTERY)
		record_number(r, "battery", c->battery_percent);
	record_number(r, "capacity", (int64_t)c->capacity_bytes);
	record_number(r, "free", (int64_t)c->free_bytes);
	write_record(b, r);
	log_info("camera", "bay=%s docking=%" PRIu64 " camera=\"%s\" model=\"%s\" battery=%d clock-offset-ms=%" PRId64
	    " capacity=%" PRIu64 " free=%" PRIu64 " recoveries=%u",
	    b->name, b->docking, log_text(b->identity), log_text(c->model),
	    c->features & CAMERA_BATTERY ? (int)c->battery_percent : -1,
	    b->clock_known ? b->clock_offset_ms : 0, c->capacity_bytes, c->free_bytes, c->recoveries);
}

static const char *on_camera(struct bay *b, const struct msg *m)
{
	memcpy(&b->camera, m->body, sizeof(b->camera));
	if (b->camera.battery_percent > 100)
		b->camera.features &= ~CAMERA_BATTERY;
	if ((b->camera.features & CAMERA_CLOCK) && b->camera.clock_s != PROTO_NO_TIME) {
		int64_t face_s;

		if (b->camera.clock_s < -CLOCK_RANGE_S || b->camera.clock_s > CLOCK_RANGE_S ||
		    b->camera.read_at_ms < 0 || b->camera.read_at_ms / 1000 > CLOCK_RANGE_S)
			return "CAMERA: a clock out of any range";
		face_s = b->camera.clock_s - b->profile->clock_utc_offset_minutes * INT64_C(60);
		if (!b->clock_done) {
			b->clock_offset_ms = face_s * 1000 - b->camera.read_at_ms;
			b->clock_known = true;
		}
	}
	b->looked_us = bay_now_us();
	if (b->state == BAY_LOOKING) {
		b->state = BAY_READY;
		return NULL;
	}
	if (!b->known) {
		identify(b);
		record_camera(b);
	}
	b->known = true;
	b->state = BAY_READY;
	return NULL;
}

static const char *on_clock_set(struct bay *b, const struct msg *m)
{
	struct proto_status s;
	struct record *r;

	memcpy(&s, m->body, sizeof(s));
	b->state = BAY_READY;
	if (s.status < 0) {
		log_warn("clock-not-set", "bay=%s reason=\"%s\"", b->name, log_text(s.text));
		return NULL;
	}
	r = begin("clock");
	record_number(r, "docking", (int64_t)b->docking);
	record_number(r, "offset-ms", b->clock_offset_ms);
	write_record(b, r);
	log_info("clock-set", "bay=%s was-off-ms=%" PRId64, b->name, b->clock_offset_ms);
	b->clock_offset_ms = 0;
	return NULL;
}

static const char *on_object(struct bay *b, const struct msg *m)
{
	struct proto_object o;

	memcpy(&o, m->body, sizeof(o));
	if (o.kind < KIND_CLIP || o.kind > KIND_IGNORED)
		return "OBJECT of a kind that does not exist";
	if (o.size_bytes > INT64_MAX)
		return "OBJECT with a size past any disk";
	if (!o.path[0])
		return "OBJECT without a path";
	if (o.kind != KIND_IGNORED && listing_add(ix(b), b->docking, &o) < 0)
		return "its listing cannot be kept";
	return NULL;
}

static const char *on_listed(struct bay *b, const struct msg *m)
{
	struct proto_listed l;
	struct record *r = begin("listed");
	int err;

	memcpy(&l, m->body, sizeof(l));
	record_number(r, "docking", (int64_t)b->docking);
	record_number(r, "objects", l.objects);
	record_number(r, "skipped", l.skipped);
	record_number(r, "truncated", l.truncated);
	record_number(r, "again", b->listings > 0);
	if (l.text[0])
		record_text(r, "text", l.text);
	write_record(b, r);
	log_info("listed", "bay=%s docking=%" PRIu64 " objects=%u skipped=%u truncated=%u status=%d text=\"%s\"",
	    b->name, b->docking, l.objects, l.skipped, l.truncated, l.status, log_text(l.text));
	err = listing_end(ix(b), b->docking, b->identity, time(NULL));
	if (err < 0) {
		log_error("listing", "bay=%s reason=\"%s\"", b->name, strerror(-err));
		return "its listing cannot be kept";
	}
	b->partial = l.status < 0 || l.truncated || l.skipped;
	if (l.truncated)
		trouble(b, "more objects than max-objects: those listed are taken, the rest stays; "
		           "raise max-objects in the profile or clear the camera");
	else if (b->partial)
		trouble(b, "part of the camera's folders could not be read: what can be read is taken");
	b->listings++;
	b->listed_us = bay_now_us();
	b->linked = false;
	b->erase_check = true;
	b->erase_cursor = 0;
	b->state = BAY_READY;
	handover("docking-listed");
	return NULL;
}

static const char *on_durable(struct bay *b, const struct msg *m)
{
	struct proto_durable d;
	struct record *r = begin("durable");

	memcpy(&d, m->body, sizeof(d));
	if (d.offset_bytes < b->offset_bytes || d.offset_bytes > b->row.size_bytes)
		return "DURABLE outside of what was asked";
	record_number(r, "asset", (int64_t)b->asset.number);
	record_number(r, "offset", (int64_t)d.offset_bytes);
	record_text(r, "boot", staging_boot(b->house->staging));
	write_record(b, r);
	return NULL;
}

static const char *const fetch_words[] = {
	[FETCH_DONE] = "done", [FETCH_STOPPED] = "stopped", [FETCH_MISMATCH] = "mismatch",
	[FETCH_CHANGED] = "changed", [FETCH_GONE] = "gone", [FETCH_SHORT] = "short",
	[FETCH_REFUSED] = "refused", [FETCH_DISK] = "disk",
};

static void record_pulled(struct bay *b, const char *result, uint64_t length, uint64_t read,
    const char *text)
{
	struct record *r = begin("pulled");

	record_number(r, "asset", (int64_t)b->asset.number);
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "result", result);
	record_number(r, "length", (int64_t)length);
	record_number(r, "read", (int64_t)read);
	if (text[0])
		record_text(r, "text", text);
	write_record(b, r);
	b->pulled_bytes += read;
	log_event(strcmp(result, "done") == 0 ? LOG_INFO_LEVEL : LOG_WARN_LEVEL, "pulled",
	    "bay=%s docking=%" PRIu64 " asset=%" PRIu64 " result=%s length=%" PRIu64 " from=%" PRIu64
	    " read=%" PRIu64 " text=\"%s\"",
	    b->name, b->docking, b->asset.number, result, length, b->offset_bytes, read,
	    log_text(text));
}

/* The old copy is no beginning of what the camera shows: keep it as evidence, begin anew. */
static void restart(struct bay *b, const char *reason)
{
	struct record *r = begin("restarted");
	unsigned kept = 0;

	record_number(r, "asset", (int64_t)b->asset.number);
	record_text(r, "reason", reason);
	if (staging_set_aside(b->house->staging, b->asset.number, &kept) == 0)
		record_number(r, "kept", kept);
	write_record(b, r);
	if (b->asset.restarts + 1 >= RESTARTS_MAX) {
		asset_trouble(b, b->asset.number, "the camera gives other bytes each time it is read: all "
		                                  "copies are kept; have the camera looked at");
		listing_skip(ix(b), b->docking, b->row.row);
	}
}

static void disk_failed(struct bay *b, int status)
{
	struct bays *h = b->house;

	if (status == -ENOSPC || status == -EDQUOT) {
		trouble(b, "the station's disk is full: it goes on by itself when there is room");
		b->due_us = bay_now_us() + 5000000;
		return;
	}
	if (status == -EFBIG) {
		asset_trouble(b, b->asset.number, "the camera sent more than it listed");
		listing_skip(ix(b), b->docking, b->row.row);
		return;
	}
	restart(b, "writing to the station's disk failed");
	if (++h->disk_errors >= 3 && !h->stopped) {
		h->stopped = true;
		snprintf(h->stop_why, sizeof(h->stop_why),
		    "the station's disk fails (%s): nothing more is taken in; replace it", strerror(-status));
		log_error("intake-stopped", "reason=\"%s\"", h->stop_why);
	}
}

static void done(struct bay *b)
{
	b->deaths = 0;
	b->house->disk_errors = 0;
	b->house->handlers->pulled(b->house->arg, b->asset.number);
	b->erase_check = true;
	b->erase_cursor = 0;
}

static void not_done(struct bay *b, const struct proto_fetched *f)
{
	switch ((enum fetch_result)f->result) {
	case FETCH_DONE:
	case FETCH_STOPPED:
		break;
	case FETCH_MISMATCH:
		restart(b, "the part held is not what the camera has");
		break;
	case FETCH_CHANGED:
	case FETCH_SHORT:
	case FETCH_REFUSED:
		/* the next listing shows what became of it */
		listing_skip(ix(b), b->docking, b->row.row);
		if (b->listings > 2 && f->result != FETCH_CHANGED)
			asset_trouble(b, b->asset.number,
			    f->text[0] ? f->text : "the camera cannot give the whole of it");
		break;
	case FETCH_GONE: {
		struct record *r = begin("gone");

		record_number(r, "asset", (int64_t)b->asset.number);
		record_number(r, "docking", (int64_t)b->docking);
		write_record(b, r);
		listing_skip(ix(b), b->docking, b->row.row);
		trouble(b, "something vanished from the camera while it was read: what came is kept");
		break;
	}
	case FETCH_DISK:
		disk_failed(b, f->status);
		break;
	}
}

static void close_part(struct bay *b)
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
		r = begin("compared");
		record_number(r, "asset", (int64_t)b->asset.number);
		record_number(r, "docking", (int64_t)b->docking);
		record_number(r, "read", (int64_t)f->read_bytes);
		write_record(b, r);
		b->pulled_bytes += f->read_bytes;
		b->erase_cursor = b->asset.number - 1; /* ask the gate again */
		return NULL;
	}
	log_warn("not-the-same", "bay=%s asset=%" PRIu64 " result=%u text=\"%s\"", b->name, b->asset.number,
	    f->result, log_text(f->text));
	if (f->result == FETCH_MISMATCH || f->result == FETCH_CHANGED)
		trouble(b, "a file on the camera has the name and time of one already taken, but other "
		           "bytes: it is not erased; have the camera looked at");
	return NULL;
}

static const char *on_fetched(struct bay *b, const struct msg *m)
{
	struct proto_fetched f;

	memcpy(&f, m->body, sizeof(f));
	close_part(b);
	if (f.result < FETCH_DONE || f.result > FETCH_DISK)
		return "FETCHED with a result that does not exist";
	if (f.length_bytes > b->row.size_bytes ||
	    (f.result == FETCH_DONE && f.length_bytes != b->row.size_bytes))
		return "FETCHED with a length that was not asked";
	if (b->state == BAY_COMPARING)
		return on_compared(b, &f);
	b->state = BAY_READY;
	record_pulled(b, fetch_words[f.result], f.length_bytes, f.read_bytes, f.text);
	handover("docking-pulled");
	if (f.result == FETCH_DONE)
		done(b);
	else
		not_done(b, &f);
	return NULL;
}

static void record_erased(struct bay *b, uint64_t asset, const char *result, const char *text)
{
	struct record *r = begin("erased");

	record_number(r, "asset", (int64_t)asset);
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "result", result);
	if (text[0])
		record_text(r, "text", text);
	write_record(b, r);
	log_info("erased", "bay=%s docking=%" PRIu64 " asset=%" PRIu64 " result=%s text=\"%s\"", b->name,
	    b->docking, asset, result, log_text(text));
}

static const char *on_erased(struct bay *b, const struct msg *m)
{
	static const char *const words[] = {
		[ERASE_DONE] = "done", [ERASE_GONE] = "gone", [ERASE_CHANGED] = "changed",
		[ERASE_REFUSED] = "refused", [ERASE_UNSURE] = "unsure",
	};
	struct proto_erased e;

	memcpy(&e, m->body, sizeof(e));
	if (e.result < ERASE_DONE || e.result > ERASE_UNSURE)
		return "ERASED with a result that does not exist";
	b->state = BAY_READY;
	record_erased(b, b->asset.number, words[e.result], e.text);
	b->erased_some = true;
	handover("docking-erased");
	if (e.result == ERASE_REFUSED || e.result == ERASE_UNSURE)
		trouble(b, "the camera did not erase what it was told to: it fills up");
	return NULL;
}

static const char *on_reason(struct bay *b, const struct msg *m)
{
	struct proto_reason r;

	memcpy(&r, m->body, sizeof(r));
	if (m->head.type == MSG_NOT_MINE) {
		bay_fault(b, "this device does not speak the protocol that its profile names");
		log_warn("not-mine", "bay=%s profile=%s reason=\"%s\"", b->name, b->profile->name,
		    log_text(r.text));
		return NULL;
	}
	log_warn("worker-fault", "bay=%s code=%u reason=\"%s\"", b->name, r.code, log_text(r.text));
	docking_interrupted(b, r.code == FAULT_GONE ? "left" : "fault");
	if (r.code == FAULT_SANDBOX || r.code == FAULT_DESCRIPTORS)
		bay_fault(b, r.text);
	else
		bay_worker_lost(b, r.text);
	return NULL;
}

#define IN(state) (1u << (state))
static const struct {
	struct msg_rule rule;
	const char *(*fn)(struct bay *b, const struct msg *m);
} table[] = {
	{ { MSG_CAMERA, IN(BAY_ATTACHING) | IN(BAY_LOOKING), 0 }, on_camera },
	{ { MSG_NOT_MINE, IN(BAY_ATTACHING), 0 }, on_reason },
	{ { MSG_CLOCK_SET, IN(BAY_CLOCK), 0 }, on_clock_set },
	{ { MSG_OBJECT, IN(BAY_LISTING), 0 }, on_object },
	{ { MSG_LISTED, IN(BAY_LISTING), 0 }, on_listed },
	{ { MSG_DURABLE, IN(BAY_FETCHING), 0 }, on_durable },
	{ { MSG_FETCHED, IN(BAY_FETCHING) | IN(BAY_COMPARING), 0 }, on_fetched },
	{ { MSG_ERASED, IN(BAY_ERASING), 0 }, on_erased },
	{ { MSG_FAULT, IN(BAY_ATTACHING) | IN(BAY_CLOCK) | IN(BAY_LISTING) | IN(BAY_READY) |
	        IN(BAY_FETCHING) | IN(BAY_COMPARING) | IN(BAY_ERASING) | IN(BAY_LOOKING), 0 },
	    on_reason },
};

const char *docking_message(struct bay *b, const struct msg *m)
{
	b->sign_us = bay_now_us();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].rule.type != m->head.type)
			continue;
		if (!msg_allowed(&table[i].rule, 1, m, b->state))
			return "a message that is not due now";
		return table[i].fn(b, m);
	}
	return "a message that no camera worker sends";
}

void docking_interrupted(struct bay *b, const char *result)
{
	int64_t length;
	uint64_t again;

	if (b->state == BAY_FETCHING) {
		length = staging_part_length(b->house->staging, b->asset.number);
		if (length < 0)
			length = 0;
		again = b->offset_bytes < 65536 ? b->offset_bytes : 65536;
		if ((uint64_t)length < b->offset_bytes)
			b->offset_bytes = (uint64_t)length;
		record_pulled(b, result, (uint64_t)length, (uint64_t)length - b->offset_bytes + again, "");
	}
	if (b->state == BAY_ERASING)
		log_warn("erase-interrupted", "bay=%s asset=%" PRIu64, b->name, b->asset.number);
	close_part(b);
}

/* ---- what to do next ---- */

static uint64_t record_found(struct bay *b, const struct listing_row *row)
{
	static struct asset before;
	struct record *r = begin("found");
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
	write_record(b, r);
	return number;
}

/* Gives one new row of the listing its asset. */
static void link_row(struct bay *b, const struct listing_row *row)
{
	static struct asset a;
	struct record *r;
	bool here = index_asset_in_docking(ix(b), b->docking, b->identity, row->path, &a) == 0;

	if (here && row->kind == KIND_LOG && a.rung >= RUNG_STAGED && row->size_bytes >= a.size_bytes) {
		/* a log is a snapshot: what it gained since is the next docking's */
		listing_link(ix(b), b->docking, row->row, a.number);
		return;
	}
	if (here && a.rung == RUNG_LISTED && !a.gone && row->size_bytes >= a.size_bytes) {
		r = begin("resized");
		record_number(r, "asset", (int64_t)a.number);
		record_number(r, "size", (int64_t)row->size_bytes);
		if (row->mtime_s != PROTO_NO_TIME)
			record_number(r, "mtime", row->mtime_s);
		write_record(b, r);
		listing_link(ix(b), b->docking, row->row, a.number);
		return;
	}
	listing_link(ix(b), b->docking, row->row, record_found(b, row));
}

/* Open erase intents of this camera that no outcome followed: the listing tells. */
static void settle_erases(struct bay *b)
{
	static uint64_t assets[64], dockings[64];
	static struct asset a;
	static struct listing_row row;
	int n = index_open_erases(ix(b), assets, dockings, 64);

	for (int i = 0; i < n; i++) {
		if (index_asset(ix(b), assets[i], &a) < 0 || strcmp(a.camera, b->identity) != 0)
			continue;
		if (b->state == BAY_ERASING && b->asset.number == assets[i])
			continue;
		if (listing_by_asset(ix(b), b->docking, assets[i], &row) == 0)
			record_erased(b, assets[i], "unsure", "interrupted; the camera still shows it");
		else if (!b->partial)
			record_erased(b, assets[i], "inferred", "interrupted; the camera no longer shows it");
	}
}

static bool link_rows(struct bay *b)
{
	static struct listing_row rows[LINK_BATCH];
	int n = listing_unlinked(ix(b), b->docking, rows, LINK_BATCH);

	for (int i = 0; i < n; i++)
		link_row(b, &rows[i]);
	if (n == LINK_BATCH) {
		b->house->again = true;
		return false;
	}
	settle_erases(b);
	b->linked = true;
	return true;
}

/* How much of NUMBER.part may be trusted in this boot; cuts off the rest. */
static int64_t trusted_length(struct bay *b)
{
	struct staging *s = b->house->staging;
	struct asset *a = &b->asset;
	int64_t length = staging_part_length(s, a->number);
	uint64_t trusted;

	if (length == -ENOENT && a->prefix_of && a->restarts == 0 && a->file == FILE_NONE) {
		static struct asset before;

		if (index_asset(ix(b), a->prefix_of, &before) == 0 && before.file == FILE_SEALED &&
		    staging_seed(s, a->number, before.number, before.size_bytes) == 0)
			return (int64_t)before.size_bytes;
	}
	if (length <= 0)
		return 0;
	trusted = (uint64_t)length;
	if (strcmp(a->boot, staging_boot(s)) != 0 && trusted > a->durable_bytes)
		trusted = a->durable_bytes;
	if (trusted > b->row.size_bytes)
		trusted = 0;
	if (trusted < (uint64_t)length && staging_cut(s, a->number, trusted) < 0)
		return -EIO;
	return (int64_t)trusted;
}

static bool plan_pull(struct bay *b)
{
	uint64_t sealed_bytes;
	struct record *r;
	int64_t from;

	if (listing_next(ix(b), b->docking, false, &b->row) < 0)
		return false;
	if (index_asset(ix(b), b->row.asset, &b->asset) < 0)
		return false;
	if (staging_sealed(b->house->staging, b->asset.number, &sealed_bytes) &&
	    sealed_bytes == b->row.size_bytes) {
		/* sealed, and the service ended before that was on record */
		done(b);
		b->house->again = true;
		return false;
	}
	if (b->camera.capacity_bytes && b->pulled_bytes > 3 * b->camera.capacity_bytes + (64u << 20)) {
		bay_fault(b, "the camera gave more than three times what it can hold: it is not believed");
		return false;
	}
	if (!staging_admits(b->house->staging, b->row.size_bytes)) {
		trouble(b, "the station's disk is full: it goes on by itself when there is room");
		b->due_us = bay_now_us() + 5000000;
		return false;
	}
	if (strncmp(b->trouble, "the station's disk is full", 26) == 0)
		b->trouble[0] = '\0';
	from = trusted_length(b);
	if (from < 0) {
		disk_failed(b, (int)from);
		return false;
	}
	b->offset_bytes = (uint64_t)from;
	r = begin("pull");
	record_number(r, "asset", (int64_t)b->asset.number);
	record_number(r, "docking", (int64_t)b->docking);
	record_number(r, "offset", from);
	record_text(r, "boot", staging_boot(b->house->staging));
	write_record(b, r);
	b->plan = PLAN_FETCH;
	return true;
}

/* b: the bay where its camera is docked now, or NULL. */
static enum gate ask_gate(const struct bays *h, const struct bay *b, const struct asset *a)
{
	static struct upload up[CONFIG_DESTINATIONS];
	const struct upload *ups[CONFIG_DESTINATIONS];
	struct index *index = journal_index(h->journal);
	struct gate_facts f = {
		.erase = h->settings.erase,
		.accept = h->settings.accept,
		.journal_works = journal_works(h->journal) && !h->stopped,
		.asset = a,
		.uploads = ups,
		.uploads_n = h->destinations_n,
		.any = h->settings.any,
	};

	if (b) {
		f.camera_erases = (b->camera.features & CAMERA_ERASES) && b->profile->erasable;
		f.identity_proved = b->identity_proved;
		f.logs_receipted = listing_logs_open(index, b->docking) == 0;
		f.signing = b->profile->signing;
		f.logs = b->profile->logs;
		f.docking = b->docking;
	}
	for (size_t i = 0; i < h->destinations_n; i++) {
		if (index_upload(index, a->number, h->destination[i], &up[i]) < 0)
			memset(&up[i], 0, sizeof(up[i]));
		ups[i] = &up[i];
	}
	return gate_ask(&f);
}

const char *docking_gate_text(const struct bays *h, const struct asset *a)
{
	static char text[PROTO_TEXT_LEN * 2];
	const struct bay *at = NULL;
	enum gate g;

	for (size_t i = 0; i < h->n; i++) {
		if (h->bay[i]->known && strcmp(h->bay[i]->identity, a->camera) == 0)
			at = h->bay[i];
	}
	g = ask_gate(h, at, a);
	if (g == GATE_ERASED)
		return "";
	if (g == GATE_OPEN)
		return "erasable: it goes at the next opportunity";
	if (!at && g != GATE_NEVER && g < GATE_SIGNATURE)
		snprintf(text, sizeof(text), "%s: %.150s", gate_word(g), gate_sentence(g));
	else if (!at && g != GATE_NEVER)
		snprintf(text, sizeof(text), "not-docked: its camera is not docked now");
	else
		snprintf(text, sizeof(text), "%s: %.150s", gate_word(g), gate_sentence(g));
	return text;
}

/* The next asset that the gate lets go, or that must be compared first. */
static bool plan_erase(struct bay *b)
{
	uint64_t numbers[16];
	struct record *r;
	int n;

	if (!b->house->settings.erase || !(b->camera.features & CAMERA_ERASES))
		return false;
	n = index_to_erase(ix(b), b->docking, b->erase_cursor, numbers, 16);
	for (int i = 0; i < n; i++) {
		enum gate g;

		b->erase_cursor = numbers[i];
		if (index_asset(ix(b), numbers[i], &b->asset) < 0 ||
		    listing_by_asset(ix(b), b->docking, numbers[i], &b->row) < 0)
			continue;
		g = ask_gate(b->house, b, &b->asset);
		if (g == GATE_NOT_COMPARED && b->asset.file == FILE_SEALED) {
			b->plan = PLAN_COMPARE;
			return true;
		}
		if (g != GATE_OPEN)
			continue;
		r = begin("erase-intent");
		record_number(r, "asset", (int64_t)numbers[i]);
		record_number(r, "docking", (int64_t)b->docking);
		write_record(b, r);
		b->plan = PLAN_ERASE;
		return true;
	}
	if (n == 16)
		b->house->again = true;
	else
		b->erase_check = false;
	return false;
}

static void plan_clock(struct bay *b)
{
	b->clock_done = true;
	if (b->profile->set_clock && b->clock_known && (b->camera.features & CAMERA_CLOCK_SET) &&
	    (b->clock_offset_ms > CLOCK_TOLERANCE_MS || b->clock_offset_ms < -CLOCK_TOLERANCE_MS))
		b->plan = PLAN_CLOCK;
}

/* Whether it is time for another listing: the second one, or after erasing, or while things grow. */
static bool listing_is_due(struct bay *b, uint64_t now)
{
	uint64_t gap_us;

	if (b->listings == 0)
		return true;
	if (b->erased_some && !b->erase_check)
		return true;
	if (b->final)
		return false;
	if (b->list_gap_s == 0)
		b->list_gap_s = b->profile->settle_s;
	gap_us = b->list_gap_s * UINT64_C(1000000);
	if (now - b->listed_us < gap_us) {
		b->due_us = b->listed_us + gap_us;
		return false;
	}
	if (b->listings >= 2) {
		b->list_gap_s = b->list_gap_s * 2 > LIST_GAP_MAX_S ? LIST_GAP_MAX_S : b->list_gap_s * 2;
		if (b->list_gap_s < b->profile->settle_s)
			b->list_gap_s = b->profile->settle_s;
	}
	return true;
}

void docking_plan(struct bay *b, bool may_pull)
{
	uint64_t now = bay_now_us();

	b->plan = PLAN_NONE;
	if (b->state != BAY_READY || !journal_works(b->house->journal))
		return;
	if (b->due_us && now < b->due_us && b->linked && b->sum.pending)
		return;
	b->due_us = 0;
	if (!b->clock_done) {
		plan_clock(b);
		if (b->plan != PLAN_NONE)
			return;
	}
	if (b->listings && !b->linked && !link_rows(b))
		return;
	if (b->listings)
		listing_sum(ix(b), b->docking, &b->sum);
	if (b->listings && b->sum.pending && !b->house->stopped) {
		bool fetches = may_pull && plan_pull(b);

		if (fetches || b->state != BAY_READY)
			return;
		if (b->due_us || !may_pull)
			return;
	}
	if (b->listings >= 2 && !b->final && b->sum.pending == 0 && b->sum.held == b->sum.objects) {
		b->final = true;
		log_info("all-held", "bay=%s docking=%" PRIu64 " objects=%" PRIu64 " bytes=%" PRIu64
		    " pulled=%" PRIu64, b->name, b->docking, b->sum.objects, b->sum.bytes, b->pulled_bytes);
	}
	if (b->erase_check && b->listings && plan_erase(b))
		return;
	if (listing_is_due(b, now)) {
		b->plan = PLAN_LIST;
		return;
	}
	if (now - b->looked_us > LOOK_EVERY_US)
		b->plan = PLAN_LOOK;
}

/* ---- doing it ---- */

static void send_or_lose(struct bay *b, enum bay_state then, unsigned type, const void *body,
    const int *fds, unsigned nfds)
{
	int r = child_send(b->child, type, body, fds, nfds);

	b->state = then;
	b->sign_us = bay_now_us();
	b->sign_bytes = 0;
	if (r < 0)
		child_kill(b->child, "it does not read its requests");
}

static void act_fetch(struct bay *b)
{
	struct proto_fetch f = {
		.storage = b->row.storage,
		.handle = b->row.handle,
		.offset_bytes = b->offset_bytes,
		.size_bytes = b->row.size_bytes,
		.mtime_s = b->row.mtime_s,
		.snapshot = b->row.kind == KIND_LOG,
	};
	struct rlimit limit = { b->row.size_bytes, b->row.size_bytes };
	int fd;

	if (b->plan == PLAN_COMPARE) {
		fd = staging_read(b->house->staging, b->asset.number);
		f.offset_bytes = f.size_bytes;
		b->offset_bytes = f.size_bytes;
	} else {
		fd = staging_part(b->house->staging, b->asset.number, b->row.size_bytes);
	}
	if (fd < 0) {
		if (b->plan == PLAN_FETCH)
			disk_failed(b, fd);
		return;
	}
	/* hard limit stays open: the next FETCH may be larger */
	limit.rlim_max = RLIM_INFINITY;
	if (prlimit(child_pid(b->child), RLIMIT_FSIZE, &limit, NULL) < 0)
		log_warn("prlimit", "bay=%s reason=\"%s\"", b->name, strerror(errno));
	handover("docking-fetch");
	send_or_lose(b, b->plan == PLAN_COMPARE ? BAY_COMPARING : BAY_FETCHING, MSG_FETCH, &f, &fd, 1);
	b->part_fd = fd;
}

static void act_erase(struct bay *b)
{
	static struct proto_erase e;

	memset(&e, 0, sizeof(e));
	e.storage = b->row.storage;
	e.handle = b->row.handle;
	e.size_bytes = b->row.size_bytes;
	e.mtime_s = b->row.mtime_s;
	snprintf(e.path, sizeof(e.path), "%s", b->row.path);
	handover("docking-erase");
	send_or_lose(b, BAY_ERASING, MSG_ERASE, &e, NULL, 0);
}

void docking_act(struct bay *b)
{
	struct proto_set_clock clock = { 0 };
	enum bay_plan plan = b->plan;

	if (plan == PLAN_NONE || plan == PLAN_OPEN || b->state != BAY_READY)
		return;
	switch (plan) {
	case PLAN_NONE:
	case PLAN_OPEN:
		break;
	case PLAN_CLOCK:
		clock.clock_s = time(NULL) + b->profile->clock_utc_offset_minutes * INT64_C(60);
		send_or_lose(b, BAY_CLOCK, MSG_SET_CLOCK, &clock, NULL, 0);
		break;
	case PLAN_LIST:
		if (listing_begin(ix(b), b->docking) < 0)
			break;
		b->erased_some = false;
		send_or_lose(b, BAY_LISTING, MSG_LIST, NULL, NULL, 0);
		break;
	case PLAN_FETCH:
	case PLAN_COMPARE:
		act_fetch(b);
		break;
	case PLAN_ERASE:
		act_erase(b);
		break;
	case PLAN_LOOK:
		send_or_lose(b, BAY_LOOKING, MSG_LOOK, NULL, NULL, 0);
		break;
	}
	b->plan = PLAN_NONE;
}
