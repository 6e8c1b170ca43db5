/*
 * finding: collects findings; see finding.h. However many there are, what it holds is bounded.
 */
#include "finding.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const names[FINDING_CODES] = {
	[FINDING_NO_LOG] = "no-log",
	[FINDING_LINE_DAMAGED] = "line-damaged",
	[FINDING_LINE_CHANGED] = "line-changed",
	[FINDING_LINES_MISSING] = "lines-missing",
	[FINDING_OUT_OF_ORDER] = "out-of-order",
	[FINDING_LOG_FORKED] = "log-forked",
	[FINDING_LOG_RESTARTED] = "log-restarted",
	[FINDING_LOG_ROLLED_BACK] = "log-rolled-back",
	[FINDING_NOTHING_NEW] = "nothing-new",
	[FINDING_ENDS_EARLY] = "ends-early",
	[FINDING_OTHER_CAMERA] = "other-camera",
	[FINDING_SILENCE] = "silence",
	[FINDING_CLOCK_BACK] = "clock-back",
	[FINDING_POWER_LOST] = "power-lost",
	[FINDING_NO_STOP] = "start-without-stop",
	[FINDING_NO_START] = "stop-without-start",
	[FINDING_NO_UNMUTE] = "mute-without-unmute",
	[FINDING_CLIP_MISSING] = "clip-missing",
	[FINDING_CLIP_DELETED] = "clip-deleted",
	[FINDING_CLIP_UNLISTED] = "clip-unlisted",
	[FINDING_CLIP_OTHER_DIGEST] = "clip-other-digest",
	[FINDING_CLIP_OTHER_SIZE] = "clip-other-size",
};

const char *finding_name(enum finding_code code)
{
	return names[code];
}

void finding_add(struct findings *f, enum finding_code code, uint64_t seq, uint64_t asset,
    const char *format, ...)
{
	struct finding *new;
	va_list ap;
	size_t n;

	f->total++;
	if (f->count[code]++ >= FINDING_KEPT)
		return;
	new = &f->finding[f->kept++];
	new->code = code;
	new->seq = seq;
	new->asset = asset;
	va_start(ap, format);
	vsnprintf(new->text, sizeof(new->text), format, ap);
	va_end(ap);
	n = strlen(new->text);
	if (n + 1 < sizeof(new->text))
		return;
	while (n > 0 && ((unsigned char)new->text[n - 1] & 0xc0) == 0x80)
		n--;
	if (n > 0 && ((unsigned char)new->text[n - 1] & 0x80))
		n--;
	new->text[n] = '\0';
}

void finding_drop(struct findings *f, enum finding_code code, uint64_t seq)
{
	size_t i = f->kept;

	while (i > 0 && (f->finding[i - 1].code != code || f->finding[i - 1].seq != seq))
		i--;
	if (i == 0)
		return;
	f->kept--;
	f->count[code]--;
	f->total--;
	memmove(&f->finding[i - 1], &f->finding[i], (f->kept - i + 1) * sizeof(f->finding[0]));
}

const char *finding_time(int64_t ms, char *out)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	if (ms == PROTO_NO_TIME || !gmtime_r(&s, &tm))
		return "an unknown time";
	strftime(out, FINDING_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

const char *finding_span(int64_t ms, char *out)
{
	int64_t s = ms / 1000;

	snprintf(out, FINDING_TIME, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s % 3600 / 60),
	    (int)(s % 60));
	return out;
}
