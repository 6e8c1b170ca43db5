/*
 * msc_fetch: pulls one file of a disk into the staging file.
 *
 * Part of the mass-storage driver. Maps the file's extents some at a time, streams them while the
 * next ones arrive, and looks at the directory entry before and after, and after at the chain too:
 * a file that changed meanwhile, or lies elsewhere now, is none. What the staging file holds already
 * is compared at its head and before the offset.
 */
#include "../part.h"
#include "msc_camera.h"

#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_object.h"

#include <errno.h>
#include <stdio.h>

#define RANGES 64
#define RUNS 3                    /* head, before the offset, behind it */
#define VALID_BYTES (1ull << 20)  /* counted as valid at once */
#define BATCH_BYTES (64ull << 20) /* mapped and streamed at once */

/* The stretches of the medium that bytes come from, in order: what adjoins counts as one. */
struct trace {
	uint64_t digest, begin, len;
	bool zeros;
};

struct pull {
	struct camera *camera;
	const struct proto_fetch *asked;
	struct proto_fetched *out;
	struct part part;
	struct volume_file file; /* as it was when the pull began */
	uint64_t at;             /* of the file, the next byte that comes */
	uint64_t compare_to;     /* before this bytes are compared, not written */
	uint64_t look_at;        /* where it is asked next whether to stop */
	struct {
		uint64_t from, to;
	} run[RUNS]; /* of the file, that was read */
	unsigned runs;
	struct trace trace; /* where it lay */
	bool over;          /* out->result is decided */
};

static void decide(struct pull *p, enum fetch_result result, const char *text)
{
	p->over = true;
	p->out->result = result;
	snprintf(p->out->text, sizeof(p->out->text), "%s", text);
}

static int disk_failed(struct pull *p)
{
	decide(p, FETCH_DISK, p->part.doing);
	p->out->status = p->part.error;
	return -ECANCELED;
}

/* ---- where the bytes lie ---- */

/* Told apart is what changes by itself, not what somebody forges. */
static uint64_t mix(uint64_t digest, uint64_t value)
{
	return (digest ^ value) * 0x9E3779B97F4A7C15ull + (digest >> 29);
}

static void trace_add(struct trace *t, const struct volume_extent *e)
{
	if (t->len > 0 && t->zeros == e->zeros &&
	    (e->zeros || t->begin + t->len == e->offset_bytes)) {
		t->len += e->len;
		return;
	}
	t->digest = mix(mix(mix(t->digest, t->begin), t->len), t->zeros);
	*t = (struct trace){ t->digest, e->zeros ? 0 : e->offset_bytes, e->len, e->zeros };
}

static bool trace_equals(const struct trace *a, const struct trace *b)
{
	return a->digest == b->digest && a->begin == b->begin && a->len == b->len &&
	    a->zeros == b->zeros;
}

/*
 * Follows the file as it is now through all that was read of it. 1: it lies where the bytes came
 * from; 0: elsewhere, so they may be another file's; -errno.
 */
static int lies_there(const struct pull *p, const struct volume_file *now)
{
	struct trace trace = { 0 };

	for (unsigned i = 0; i < p->runs; i++) {
		uint64_t left = p->run[i].to - p->run[i].from;
		struct volume_map map;
		int r = volume_map(p->camera->open, now, p->run[i].from, &map);

		while (r == 0 && left > 0) {
			struct volume_extent e;

			r = volume_map_next(&map, left, &e);
			if (r == 1) {
				trace_add(&trace, &e);
				left -= e.len;
			}
			r = r == 1 ? 0 : r < 0 ? r : -EIO;
		}
		if (r < 0)
			return r == -EIO ? 0 : r;
	}
	return trace_equals(&trace, &p->trace);
}

/* ---- bytes of the file, in order ---- */

/* Compares or writes what lies at p->at. 0, or -ECANCELED (decided). */
static int take(void *arg, const uint8_t *bytes, size_t len)
{
	struct pull *p = arg;

	p->out->read_bytes += len;
	if (p->at < p->compare_to) {
		int r = part_compare(&p->part, p->at, bytes, len);

		p->at += len;
		if (r == -EILSEQ) {
			decide(p, FETCH_MISMATCH, "the file holds other bytes than the camera");
			return -ECANCELED;
		}
		return r < 0 ? disk_failed(p) : 0;
	}
	if (part_write(&p->part, p->at, bytes, len) < 0)
		return disk_failed(p);
	p->at += len;
	if (p->at - p->part.valid_bytes >= VALID_BYTES && part_valid(&p->part, p->at) < 0)
		return disk_failed(p);
	if (p->at < p->look_at)
		return 0;
	p->look_at = p->at + p->camera->attach.window_bytes;
	if (p->at < p->asked->size_bytes && camera_stopping()) {
		decide(p, FETCH_STOPPED, "stopped");
		return -ECANCELED;
	}
	return 0;
}

/* What lies behind the valid length (exFAT) reads as zeros; nothing comes over the bus. */
static int take_zeros(struct pull *p, uint64_t len)
{
	static const uint8_t zeros[1u << 16];
	int r = 0;

	while (len > 0 && r == 0) {
		size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

		r = take(p, zeros, n);
		p->out->read_bytes -= n;
		len -= n;
	}
	return r;
}

/*
 * The next stretches that lie on the medium, at most max bytes of them, and the zeros behind.
 * 0 (none: the file is at its end); -EIO: the chain breaks off behind these; -errno.
 */
static int gather(struct volume_map *m, uint64_t max, struct trace *trace,
    struct disk_range *ranges, size_t *n, uint64_t *zeros)
{
	*n = 0;
	*zeros = 0;
	while (*n < RANGES && max > 0) {
		struct volume_extent e;
		int r = volume_map_next(m, max, &e);

		if (r <= 0)
			return r;
		trace_add(trace, &e);
		max -= e.len < max ? e.len : max;
		if (e.zeros) {
			*zeros = e.len;
			return 0;
		}
		if (*n > 0 && ranges[*n - 1].offset_bytes + ranges[*n - 1].len == e.offset_bytes) {
			ranges[*n - 1].len += e.len;
			continue;
		}
		ranges[(*n)++] = (struct disk_range){ e.offset_bytes, e.len };
	}
	return 0;
}

static void cannot_be_read(struct pull *p, const char *what)
{
	const struct disk *d = msc_disk(p->camera);
	char text[PROTO_TEXT_LEN];

	snprintf(text, sizeof(text), "at byte %llu: %s (block %llu of unit %u)",
	    (unsigned long long)p->at, what,
	    (unsigned long long)(d->bad_bytes / d->source.block_bytes), d->lun);
	decide(p, FETCH_SHORT, text);
}

/* All from p->at to end. 0 (perhaps decided) or -errno. */
static int run(struct pull *p, uint64_t end)
{
	struct disk *d = msc_disk(p->camera);
	struct disk_range ranges[RANGES];
	struct volume_map map;
	int r = volume_map(p->camera->open, &p->file, p->at, &map);

	p->run[p->runs].from = p->at;
	p->run[p->runs++].to = end;
	while (r == 0 && !p->over && p->at < end) {
		uint64_t left = end - p->at;
		uint64_t zeros, was = p->at;
		size_t n;
		int broken = gather(
		    &map, left < BATCH_BYTES ? left : BATCH_BYTES, &p->trace, ranges, &n, &zeros);

		if (broken < 0 && broken != -EIO)
			return broken;
		r = n > 0 ? disk_stream(d, ranges, n, take, p) : 0;
		if (r == 0 && !p->over && zeros > 0)
			r = take_zeros(p, zeros);
		if (r == -ECANCELED && p->over)
			return 0;
		if (r == -EIO && !p->over) {
			cannot_be_read(p, disk_trouble(d));
			return 0;
		}
		if (r == 0 && !p->over && (broken < 0 || p->at == was))
			decide(p, FETCH_SHORT, "its chain of clusters breaks off");
	}
	return r;
}

/* ---- the pull ---- */

static int find_volume(struct camera *c, uint32_t storage)
{
	for (size_t i = 0; i < c->volumes; i++) {
		if (c->volume[i].storage == storage)
			return msc_use(c, i);
	}
	return -ENOENT;
}

/* Whether the entry still tells what was listed. 0 (decided where not) or -errno. */
static int look(struct pull *p, struct volume_file *now, bool again)
{
	int64_t mtime_s;
	int r = volume_entry(p->camera->open, p->asked->handle, now);

	if (r == -ENOENT) {
		decide(p, FETCH_GONE, "the camera no longer has it");
		return 0;
	}
	if (r == -EIO) {
		decide(p, FETCH_REFUSED, "its directory entry cannot be read");
		return 0;
	}
	if (r < 0)
		return r;
	mtime_s = now->mtime_s == VOLUME_NO_TIME ? PROTO_NO_TIME : now->mtime_s;
	if (again &&
	    (now->first != p->file.first || strcmp(now->name, p->file.name) != 0 ||
		(now->flags & VOLUME_CONTIGUOUS) != (p->file.flags & VOLUME_CONTIGUOUS))) {
		decide(p, FETCH_CHANGED, "it is another file now");
	} else if (p->asked->snapshot && now->size_bytes >= p->asked->size_bytes) {
		return 0;
	} else if (now->size_bytes != p->asked->size_bytes) {
		decide(p, FETCH_CHANGED, "its size is another one now");
	} else if (mtime_s != p->asked->mtime_s) {
		decide(p, FETCH_CHANGED, "its time is another one now");
	}
	if (p->over)
		p->out->now_size_bytes = now->size_bytes;
	return 0;
}

/* Looks at file and staging before the first byte. 0 (decided where it cannot go on) or -errno. */
static int prepare(struct pull *p)
{
	int r = find_volume(p->camera, p->asked->storage);

	if (r == -ENOENT) {
		decide(p, FETCH_GONE, "the camera no longer has this volume");
		return 0;
	}
	/* It was listed from there: what cannot be read now has not vanished for that. */
	if (r == -EIO || r == -ENOTSUP) {
		decide(p, FETCH_REFUSED, "the file system that it lies in cannot be read any more");
		return 0;
	}
	if (r < 0)
		return r;
	msc_forget(p->camera);
	r = look(p, &p->file, false);
	if (r < 0 || p->over)
		return r;
	r = part_reaches(&p->part);
	if (r < 0) {
		disk_failed(p);
		return 0;
	}
	if (r == 0 || p->asked->offset_bytes > p->asked->size_bytes)
		decide(p, FETCH_MISMATCH, "the file does not reach to the offset");
	return 0;
}

/* Compares the staging file's head and what lies before the offset with the camera. */
static int compare(struct pull *p)
{
	uint64_t offset = p->asked->offset_bytes;
	uint64_t head = offset < PART_CHECK_BYTES ? offset : PART_CHECK_BYTES;
	uint64_t tail = offset - head < PART_CHECK_BYTES ? offset - head : PART_CHECK_BYTES;
	int r = 0;

	p->compare_to = offset;
	p->at = 0;
	if (head > 0)
		r = run(p, head);
	p->at = offset - tail;
	if (r == 0 && !p->over && tail > 0)
		r = run(p, offset);
	p->compare_to = 0;
	p->at = offset;
	return r;
}

/* Looks at all again, from the medium and not from what was read before. 0 or -errno. */
static int look_again(struct pull *p)
{
	struct volume_file now;
	int r;

	msc_forget(p->camera);
	r = look(p, &now, true);
	if (r < 0 || p->over)
		return r;
	r = lies_there(p, &now);
	if (r < 0)
		return r;
	if (r == 0) {
		decide(p, FETCH_CHANGED, "it lies elsewhere on the medium now");
		p->out->now_size_bytes = now.size_bytes;
	} else if (p->file.valid_bytes < p->asked->size_bytes &&
	    now.valid_bytes != p->file.valid_bytes) {
		decide(p, FETCH_CHANGED, "more of it is written now");
		p->out->now_size_bytes = now.size_bytes;
	}
	return 0;
}

static void count_valid(struct pull *p)
{
	if (p->at > p->part.valid_bytes && p->part.error == 0 && part_valid(&p->part, p->at) < 0)
		disk_failed(p);
}

/*
 * What no byte came for (exFAT, behind the valid length) is written at last, when the entry has been
 * looked at again: while a file is being recorded there are data soon, and who finds zeros in the
 * staging file would take them for its bytes.
 */
static int fill_up(struct pull *p)
{
	int r = take_zeros(p, p->asked->size_bytes - p->at);

	count_valid(p);
	if (p->out->result != FETCH_DISK && part_durable(&p->part) < 0)
		disk_failed(p);
	return r == -ECANCELED ? 0 : r;
}

static int pull(struct pull *p)
{
	uint64_t size = p->asked->size_bytes;
	uint64_t valid = p->file.valid_bytes < size ? p->file.valid_bytes : size;
	int r = disk_wide(msc_disk(p->camera), size);

	if (r == 0)
		r = compare(p);
	if (r == 0 && !p->over && p->at < valid)
		r = run(p, valid);
	count_valid(p);
	disk_wide(msc_disk(p->camera), 0);
	if (p->out->result != FETCH_DISK && p->out->result != FETCH_MISMATCH &&
	    part_durable(&p->part) < 0)
		disk_failed(p);
	if (r == 0 && !p->over)
		r = look_again(p);
	return r == 0 && !p->over && p->at < size ? fill_up(p) : r;
}

int msc_fetch(struct camera *c, const struct proto_fetch *fetch, int file,
    struct proto_fetched *out, struct proto_reason *why)
{
	struct pull p = { .camera = c, .asked = fetch, .out = out };
	int r;

	memset(out, 0, sizeof(*out));
	part_begin(&p.part, file, fetch->offset_bytes);
	r = prepare(&p);
	if (r == 0 && !p.over)
		r = pull(&p);
	out->length_bytes = p.part.valid_bytes;
	if (r < 0)
		return msc_fault(r, "fetch", why);
	if (!p.over)
		decide(&p, FETCH_DONE, "");
	return 0;
}
