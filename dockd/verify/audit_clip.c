/*
 * audit_clip: recordings told of, compared with clips; see audit_clip.h.
 *
 * A name may be used again by a camera: of several clips of one path the one with the digest that
 * the log tells is meant.
 */
#include "audit_clip.h"

#include <stdlib.h>
#include <string.h>

#define SLACK_S (15 * 3600) /* a camera's clock face may be so far from UTC */

static int by_path(const void *x, const void *y)
{
	const struct audit_clip *a = x, *b = y;
	int order = strcmp(a->path, b->path);

	return order ? order : (a->asset > b->asset) - (a->asset < b->asset);
}

void clips_sort(struct audit *a)
{
	if (a->facts->clips)
		qsort(a->facts->clip, a->facts->clips, sizeof(a->facts->clip[0]), by_path);
}

void clips_clear(struct audit *a)
{
	for (size_t i = 0; i < a->pending_n; i++)
		free(a->pending[i].file);
	a->pending_n = 0;
}

/* The first clip of this path, or clips. */
static size_t first_of(const struct audit_facts *f, const char *path)
{
	size_t low = 0, high = f->clips;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(f->clip[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_of(const struct audit_facts *f, size_t i, const char *path)
{
	return i < f->clips && strcmp(f->clip[i].path, path) == 0;
}

static bool same_digest(const struct audit_clip *clip, const struct audit_line *line)
{
	return clip->digested && line->has_sha256 &&
	    memcmp(clip->sha256, line->sha256, sizeof(clip->sha256)) == 0;
}

/* The clip that a line means: by digest, else one that is not told of yet. NULL: none. */
static struct audit_clip *meant(struct audit_facts *f, const struct audit_line *line)
{
	struct audit_clip *untold = NULL;

	for (size_t i = first_of(f, line->file); is_of(f, i, line->file); i++) {
		if (same_digest(&f->clip[i], line))
			return &f->clip[i];
		if (!f->clip[i].told)
			untold = &f->clip[i];
	}
	return untold;
}

/* ---- recordings whose clip is not there ---- */

static size_t pending_at(const struct audit *a, const char *file)
{
	size_t low = 0, high = a->pending_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(a->pending[middle].file, file) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void missing(struct audit *a, const char *file, uint64_t seq, bool deleted)
{
	const char *elsewhere =
	    seq < a->other_dock_seq ? "; the camera was docked after it, and not here" : "";

	if (deleted)
		finding_add(&a->findings, FINDING_CLIP_DELETED, seq, 0,
		    "The log tells of recording %.60s and of its deletion; actor not known. It is "
		    "not on the camera, and this station has not read it%s.",
		    file, elsewhere);
	else
		finding_add(&a->findings, FINDING_CLIP_MISSING, seq, 0,
		    "The log tells of recording %.80s; it is not on the camera, and this station has "
		    "not read it%s.",
		    file, elsewhere);
}

static void keep_pending(struct audit *a, const struct audit_line *line)
{
	size_t at = pending_at(a, line->file);
	char *file = a->pending_n < AUDIT_PENDING ? strdup(line->file) : NULL;

	if (!file) {
		missing(a, line->file, line->seq, false);
		return;
	}
	memmove(&a->pending[at + 1], &a->pending[at], (a->pending_n - at) * sizeof(a->pending[0]));
	a->pending[at] = (struct audit_pending){ file, line->seq, false };
	a->pending_n++;
}

/* ---- lines ---- */

/* The clip that is not told of yet, where there is one of that name; its number or 0. */
static uint64_t started(struct audit_facts *f, const struct audit_line *line)
{
	uint64_t asset = 0;

	for (size_t i = first_of(f, line->file); is_of(f, i, line->file); i++) {
		f->clip[i].started = true;
		if (!f->clip[i].told && !asset)
			asset = f->clip[i].asset;
	}
	return asset;
}

void clips_remember(struct audit *a, const struct audit_line *line)
{
	struct audit_clip *clip;

	if (line->event == AUDIT_RECORD_START)
		started(a->facts, line);
	if (line->event != AUDIT_RECORD_STOP)
		return;
	clip = meant(a->facts, line);
	if (clip)
		clip->told = true;
}

static uint64_t compare(struct audit *a, const struct audit_line *line)
{
	struct audit_clip *clip = meant(a->facts, line);

	if (!clip) {
		keep_pending(a, line);
		return 0;
	}
	clip->told = true;
	if (line->has_size && clip->size_bytes != line->size_bytes)
		finding_add(&a->findings, FINDING_CLIP_OTHER_SIZE, line->seq, clip->asset,
		    "Recording %.80s has %llu bytes; the log tells of %llu: changed, damaged or cut "
		    "short: cannot tell which.",
		    line->file, (unsigned long long)clip->size_bytes,
		    (unsigned long long)line->size_bytes);
	else if (clip->digested && line->has_sha256 && !same_digest(clip, line))
		finding_add(&a->findings, FINDING_CLIP_OTHER_DIGEST, line->seq, clip->asset,
		    "Recording %.100s is not what the log tells of: its SHA-256 is another: changed "
		    "or damaged: cannot tell which.",
		    line->file);
	return clip->asset;
}

static void deleted(struct audit *a, const struct audit_line *line)
{
	size_t at = pending_at(a, line->file);

	for (; at < a->pending_n && strcmp(a->pending[at].file, line->file) == 0; at++)
		a->pending[at].deleted = true;
	/* A clip that is there, or was and is held by the station: nothing is missing. */
}

uint64_t clips_compare(struct audit *a, const struct audit_line *line)
{
	if (line->event == AUDIT_RECORD_STOP)
		return compare(a, line);
	if (line->event == AUDIT_RECORD_START)
		return started(a->facts, line);
	if (line->event == AUDIT_DELETE)
		deleted(a, line);
	return 0;
}

/* ---- the end ---- */

/* Whether the logs can be expected to tell of this clip. */
static bool should_be_told(const struct audit *a, const struct audit_clip *clip)
{
	if (a->facts->last.known)
		return clip->docking > a->facts->last.docking;
	/* The first log that was read may begin after it. */
	return a->genesis ||
	    (clip->mtime_s != PROTO_NO_TIME && clip->mtime_s - SLACK_S > a->first_time_ms / 1000);
}

void clips_end(struct audit *a, bool told)
{
	const char *but = a->gap ? ", of which lines are missing" : "";

	for (size_t i = 0; i < a->pending_n; i++)
		missing(a, a->pending[i].file, a->pending[i].seq, a->pending[i].deleted);
	for (size_t i = 0; told && i < a->facts->clips; i++) {
		const struct audit_clip *clip = &a->facts->clip[i];

		if (!clip->told && !clip->started && should_be_told(a, clip))
			finding_add(&a->findings, FINDING_CLIP_UNLISTED, 0, clip->asset,
			    "Clip %.120s is there, and no line of the log%s tells of it.",
			    clip->path, but);
	}
}
