#include "forecast.h"

#include "base/timetable.h"

#include <inttypes.h>
#include <stdio.h>

#define HOUR_MS (3600 * UINT64_C(1000))
#define BYTES_MAX (UINT64_C(1) << 50) /* of one sample: sums of them times 1000 fit */
#define MINUTE_S 60
#define HOUR_S (60 * MINUTE_S)
#define DAY_S (24 * HOUR_S)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Older things fade so that they and the newcomer weigh an hour together. */
static uint64_t faded(uint64_t sum, uint64_t left_ms, uint64_t busy_ms)
{
	return (uint64_t)((unsigned __int128)sum * left_ms / busy_ms);
}

void pace_saw(struct pace *p, uint64_t ms, uint64_t bytes, uint64_t wasted_bytes)
{
	uint64_t left_ms = ms < HOUR_MS ? HOUR_MS - ms : 0;

	bytes = least(bytes, BYTES_MAX);
	wasted_bytes = least(wasted_bytes, BYTES_MAX);
	if (p->busy_ms > left_ms) {
		p->kept_bytes = faded(p->kept_bytes, left_ms, p->busy_ms);
		p->wasted_bytes = faded(p->wasted_bytes, left_ms, p->busy_ms);
		p->busy_ms = left_ms;
	}
	if (ms > HOUR_MS) {
		bytes = faded(bytes, HOUR_MS, ms);
		wasted_bytes = faded(wasted_bytes, HOUR_MS, ms);
		ms = HOUR_MS;
	}
	p->busy_ms += ms;
	p->kept_bytes = least(p->kept_bytes + bytes, BYTES_MAX);
	p->wasted_bytes = least(p->wasted_bytes + wasted_bytes, BYTES_MAX);
	p->bytes_per_s = p->busy_ms < PACE_KNOWN_MS ? 0 : p->kept_bytes * 1000 / p->busy_ms;
}

int64_t forecast_arrival(const struct proto_destination *d, const struct pace *p, int64_t now_s,
    const struct tm *local, int64_t away_until_s, uint64_t bytes)
{
	int64_t wait_s = away_until_s > now_s ? away_until_s - now_s : 0, at_s;
	unsigned minute = timetable_minute(local->tm_wday, local->tm_hour, local->tm_min);
	uint64_t seconds;

	minute = (unsigned)((minute + (uint64_t)wait_s / MINUTE_S) % TIMETABLE_WEEK_MIN);
	if (bytes == 0)
		return now_s + wait_s;
	if (p->bytes_per_s == 0)
		return timetable_seconds(d, minute, 0, 1) == RATE_UNLIMITED ? INT64_MAX : 0;
	seconds = timetable_seconds(d, minute, p->bytes_per_s, bytes);
	if (seconds >= INT64_MAX || __builtin_add_overflow(now_s + wait_s, (int64_t)seconds, &at_s))
		return INT64_MAX;
	return at_s;
}

/* What went over the line, kept or not. */
static uint64_t raw_rate(const struct pace *p)
{
	return p->busy_ms ? (p->kept_bytes + p->wasted_bytes) * 1000 / p->busy_ms : 0;
}

/* More was lost than kept, and no connection holds for as long as one request takes. */
static bool never_passes(const struct pace *p, uint64_t largest_bytes, uint64_t longest_s)
{
	uint64_t line_per_s = raw_rate(p);

	if (largest_bytes == 0 || longest_s == 0 || line_per_s == 0)
		return false;
	return p->wasted_bytes > p->kept_bytes && largest_bytes / line_per_s > longest_s;
}

enum forecast_trouble forecast_judge(int64_t now_s, int64_t expected_s, int64_t deadline_s,
    const struct pace *p, uint64_t largest_bytes, uint64_t longest_s)
{
	if (expected_s == INT64_MAX || never_passes(p, largest_bytes, longest_s))
		return FORECAST_NEVER;
	if (deadline_s == 0)
		return FORECAST_WELL;
	if (now_s >= deadline_s)
		return FORECAST_PAST;
	return expected_s > deadline_s ? FORECAST_LATE : FORECAST_WELL;
}

const char *forecast_span(int64_t seconds, char *out, size_t size)
{
	int64_t minutes = (seconds + MINUTE_S / 2) / MINUTE_S;
	int64_t hours = (seconds + HOUR_S / 2) / HOUR_S;

	if (minutes < 1)
		snprintf(out, size, "less than a minute");
	else if (minutes < 60)
		snprintf(out, size, "%" PRId64 " min", minutes);
	else if (minutes < 48 * 60)
		snprintf(out, size, "%" PRId64 " h %02" PRId64 " min", minutes / 60, minutes % 60);
	else
		snprintf(out, size, "%" PRId64 " d %" PRId64 " h", hours / 24, hours % 24);
	return out;
}

static const char *day_and_time(int64_t at_s, char *out, size_t size)
{
	time_t t = (time_t)at_s;
	struct tm tm;

	if (!localtime_r(&t, &tm) || strftime(out, size, "%a %e %b %H:%M", &tm) == 0)
		snprintf(out, size, "a time that cannot be shown");
	return out;
}

const char *forecast_when(int64_t expected_s, int64_t now_s, char *out, size_t size)
{
	char at[48], span[32];

	if (expected_s == 0)
		snprintf(out, size, "not known yet");
	else if (expected_s == INT64_MAX)
		snprintf(out, size, "never");
	else
		snprintf(out, size, "%s (%s)", day_and_time(expected_s, at, sizeof(at)),
		    forecast_span(expected_s - now_s, span, sizeof(span)));
	return out;
}

const char *forecast_rate(uint64_t bytes_per_s, char *out, size_t size)
{
	double bits = (double)bytes_per_s * 8;

	if (bytes_per_s == 0)
		snprintf(out, size, "a pace not known yet");
	else if (bits < 999500)
		snprintf(out, size, "%.0f kbit/s", bits / 1e3);
	else
		snprintf(out, size, bits < 9.95e6 ? "%.1f Mbit/s" : "%.0f Mbit/s", bits / 1e6);
	return out;
}

void forecast_text(enum forecast_trouble t, const char *destination, int64_t expected_s,
    int64_t deadline_s, const struct pace *p, char *out, size_t size)
{
	char due[48], at[64], late[32], rate[32];

	day_and_time(deadline_s, due, sizeof(due));
	day_and_time(expected_s, at, sizeof(at));
	forecast_rate(t == FORECAST_NEVER ? raw_rate(p) : p->bytes_per_s, rate, sizeof(rate));
	switch (t) {
	case FORECAST_WELL:
		snprintf(out, size, "%s", "");
		break;
	case FORECAST_LATE:
		if (expected_s == 0)
			snprintf(out, size,
			    "%s: a file is due by %s and nothing has got through since the start: "
			    "mend the line, or export it by hand",
			    destination, due);
		else if (expected_s <= deadline_s)
			snprintf(out, size,
			    "%s: a file is due by %s, and were the line good now, it would be "
			    "there %s at the earliest, at %s: mend the line, or export it by hand",
			    destination, due, at, rate);
		else
			snprintf(out, size,
			    "%s: a file that is due by %s is expected %s, %s late, at %s: mend "
			    "or widen the "
			    "line or the timetable, or expedite what cannot wait",
			    destination, due, at,
			    forecast_span(expected_s - deadline_s, late, sizeof(late)), rate);
		break;
	case FORECAST_NEVER:
		if (expected_s == INT64_MAX)
			snprintf(out, size,
			    "%s: its timetable allows nothing at any hour: what waits for it never "
			    "arrives; change rates in dockd.conf",
			    destination);
		else
			snprintf(out, size,
			    "%s: its connections break before one request is through, at %s: "
			    "mend the "
			    "line, or make chunk-min or part-bytes smaller; files wait here "
			    "meanwhile",
			    destination, rate);
		break;
	case FORECAST_PAST:
		if (expected_s == 0)
			snprintf(at, sizeof(at), "at a time not known yet");
		snprintf(out, size,
		    "%s: a file was due by %s and is not there, expected %s: mend the line, or "
		    "export "
		    "it by hand",
		    destination, due, at);
		break;
	}
}
