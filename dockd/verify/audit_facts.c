/*
 * audit_facts: reads the core's facts for an audit; pure.
 *
 * Called by audit_job and a fuzzer. The core is believed in what it says, not in its form: a fact
 * that is not as the header has it ends the job.
 */
#include "audit_facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool audit_sha256(const char *hex, uint8_t sha256[PROTO_SHA256_LEN])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < PROTO_SHA256_LEN; i++) {
		const char *high = hex[2 * i] ? strchr(digits, hex[2 * i]) : NULL;
		const char *low = high && hex[2 * i + 1] ? strchr(digits, hex[2 * i + 1]) : NULL;

		if (!low)
			return false;
		sha256[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return hex[2 * (size_t)PROTO_SHA256_LEN] == '\0';
}

/* A text that has to be there and to fit. */
static bool take_text(const struct record *r, const char *key, char *out, size_t room)
{
	const char *text = record_get_text(r, key);
	size_t len = text ? strlen(text) : room;

	if (len >= room)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

/* A number that has to be there and not to be negative. */
static bool take_count(const struct record *r, const char *key, uint64_t *out)
{
	int64_t n = record_get_number(r, key, -1);

	if (n < 0)
		return false;
	*out = (uint64_t)n;
	return true;
}

/* A time: 1970 to the year 9999, so that sums of milliseconds cannot overflow. */
static bool time_fits(int64_t t)
{
	return t >= 0 && t < 253402300800;
}

static bool take_time(const struct record *r, const char *key, bool needed, int64_t *out)
{
	*out = record_get_number(r, key, PROTO_NO_TIME);
	return record_has(r, key) ? time_fits(*out) : !needed;
}

static int take_docking(struct audit_facts *f, const struct record *r)
{
	struct audit_docking *d = &f->docking;
	uint64_t synchronised;

	if (!take_count(r, "docking", &d->docking) || d->docking == 0 ||
	    !take_time(r, "docked", true, &d->docked_s) || !take_time(r, "now", true, &d->now_s) ||
	    !take_count(r, "clock-synchronised", &synchronised) || synchronised > 1 ||
	    !take_text(r, "camera", d->camera, sizeof(d->camera)) ||
	    !take_text(r, "bay", d->bay, sizeof(d->bay)) ||
	    !take_text(r, "station", d->station, sizeof(d->station)) ||
	    !take_text(r, "profile", d->profile, sizeof(d->profile)) ||
	    !take_text(r, "zone", d->zone, sizeof(d->zone)) ||
	    !take_text(r, "clock-source", d->clock_source, sizeof(d->clock_source)))
		return -EBADMSG;
	d->clock_synchronised = synchronised == 1;
	d->clock_offset_ms = record_get_number(r, "clock-offset-ms", PROTO_NO_TIME);
	/* A camera's clock face may show anything: what is no time is none. */
	if (d->clock_offset_ms != PROTO_NO_TIME && !time_fits(llabs(d->clock_offset_ms) / 1000))
		d->clock_offset_ms = PROTO_NO_TIME;
	return 0;
}

static int take_last(struct audit_facts *f, const struct record *r)
{
	const char *sha256 = record_get_text(r, "sha256");

	if (f->last.known || !take_count(r, "seq", &f->last.seq) ||
	    !take_count(r, "docking", &f->last.docking) ||
	    !take_time(r, "time", true, &f->last.time_s) ||
	    !take_time(r, "ended", false, &f->last.ended_s) || !sha256 ||
	    !audit_sha256(sha256, f->last.sha256))
		return -EBADMSG;
	f->last.known = true;
	return 0;
}

static int take_log(struct audit_facts *f, const struct record *r)
{
	struct audit_log *log = &f->log[f->logs];
	const char *path = record_get_text(r, "path");

	if (f->logs == VERIFY_LOGS_MAX)
		return -E2BIG;
	if (!path || !take_count(r, "asset", &log->asset) ||
	    !take_count(r, "size", &log->size_bytes) ||
	    !take_text(r, "sha256", log->sha256, sizeof(log->sha256)) ||
	    !take_text(r, "signature", log->signature, sizeof(log->signature)))
		return -EBADMSG;
	log->path = strdup(path);
	if (!log->path)
		return -ENOMEM;
	f->logs++;
	return 0;
}

static int clip_room(struct audit_facts *f)
{
	size_t room = f->room ? f->room * 2 : 64;
	struct audit_clip *more;

	if (f->clips < f->room)
		return 0;
	if (f->clips >= AUDIT_CLIPS_MAX)
		return -E2BIG;
	more = reallocarray(f->clip, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->clip = more;
	f->room = room;
	return 0;
}

static int take_clip(struct audit_facts *f, const struct record *r)
{
	struct audit_clip clip = { 0 };
	const char *path = record_get_text(r, "path"), *sha256 = record_get_text(r, "sha256");
	int err = clip_room(f);

	if (err)
		return err;
	if (!path || !take_count(r, "asset", &clip.asset) ||
	    !take_count(r, "size", &clip.size_bytes) || !take_count(r, "docking", &clip.docking) ||
	    (sha256 && !audit_sha256(sha256, clip.sha256)))
		return -EBADMSG;
	clip.digested = sha256 != NULL;
	clip.erased = record_get_number(r, "erased", 0) == 1;
	if (!take_time(r, "mtime", false, &clip.mtime_s))
		clip.mtime_s = PROTO_NO_TIME;
	clip.path = strdup(path);
	if (!clip.path)
		return -ENOMEM;
	f->clip[f->clips++] = clip;
	return 0;
}

int audit_facts_line(struct audit_facts *f, const char *line, size_t len)
{
	static const struct {
		const char *type;
		int (*take)(struct audit_facts *f, const struct record *r);
	} kinds[] = {
		{ "docking", take_docking },
		{ "last", take_last },
		{ "log", take_log },
		{ "clip", take_clip },
	};
	struct record r;

	if (record_parse(line, len, &r) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(record_type(&r), kinds[i].type) != 0)
			continue;
		/* The docking is the first fact, and there is one. */
		if ((i == 0) != (f->docking.docking == 0))
			return -EBADMSG;
		return kinds[i].take(f, &r);
	}
	return -EBADMSG;
}

int audit_facts_parse(struct audit_facts *f, const char *bytes, size_t len)
{
	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : 0;
		int err = end ? audit_facts_line(f, bytes, n) : -EBADMSG;

		if (err)
			return err;
		bytes += n + 1;
		len -= n + 1;
	}
	return f->docking.docking ? 0 : -EBADMSG;
}

void audit_facts_clear(struct audit_facts *f)
{
	for (unsigned i = 0; i < f->logs; i++)
		free(f->log[i].path);
	for (size_t i = 0; i < f->clips; i++)
		free(f->clip[i].path);
	free(f->clip);
	memset(f, 0, sizeof(*f));
}
