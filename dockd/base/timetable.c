#include "timetable.h"

#define DAY_MIN 1440u

uint64_t timetable_rate(const struct proto_destination *d, unsigned minute)
{
	unsigned day = minute / DAY_MIN % 7;
	unsigned at = minute % DAY_MIN;

	for (size_t i = 0; i < PROTO_RATES && d->rate[i].days; i++) {
		const struct proto_rate *r = &d->rate[i];

		if ((r->days >> day & 1) && r->from_min <= at && at < r->until_min)
			return r->bytes_per_s;
	}
	return d->bytes_per_s;
}

/* Minutes until a row begins or ends, or the day does. */
static unsigned to_edge(const struct proto_destination *d, unsigned minute)
{
	unsigned at = minute % DAY_MIN;
	unsigned edge = DAY_MIN;

	for (size_t i = 0; i < PROTO_RATES && d->rate[i].days; i++) {
		const struct proto_rate *r = &d->rate[i];

		if (r->from_min > at && r->from_min < edge)
			edge = r->from_min;
		if (r->until_min > at && r->until_min < edge)
			edge = r->until_min;
	}
	return edge - at;
}

unsigned timetable_next(const struct proto_destination *d, unsigned minute)
{
	uint64_t now = timetable_rate(d, minute);
	unsigned in = 0;

	while (in < TIMETABLE_WEEK_MIN) {
		in += to_edge(d, minute + in);
		if (in < TIMETABLE_WEEK_MIN && timetable_rate(d, minute + in) != now)
			return in;
	}
	return 0;
}

static uint64_t speed(const struct proto_destination *d, unsigned minute, uint64_t line_per_s)
{
	uint64_t rate = timetable_rate(d, minute);

	return line_per_s && line_per_s < rate ? line_per_s : rate;
}

static uint64_t carried(uint64_t per_s, uint64_t seconds)
{
	uint64_t bytes;

	return __builtin_mul_overflow(per_s, seconds, &bytes) ? UINT64_MAX : bytes;
}

/* What a week carries; UINT64_MAX: more than can be said. */
static uint64_t week(const struct proto_destination *d, unsigned minute, uint64_t line_per_s)
{
	uint64_t sum = 0;

	for (unsigned in = 0; in < TIMETABLE_WEEK_MIN;) {
		unsigned edge = to_edge(d, minute + in);
		uint64_t more;

		if (edge > TIMETABLE_WEEK_MIN - in)
			edge = TIMETABLE_WEEK_MIN - in;
		more = carried(speed(d, minute + in, line_per_s), edge * 60u);
		if (__builtin_add_overflow(sum, more, &sum))
			return UINT64_MAX;
		in += edge;
	}
	return sum;
}

uint64_t timetable_seconds(
    const struct proto_destination *d, unsigned minute, uint64_t line_per_s, uint64_t bytes)
{
	uint64_t in_week = week(d, minute, line_per_s);
	uint64_t seconds;

	if (bytes == 0)
		return 0;
	if (in_week == 0)
		return RATE_UNLIMITED;
	/* The last week is walked even where it is filled to the byte: it may end early. */
	seconds = (bytes - 1) / in_week * TIMETABLE_WEEK_MIN * 60;
	bytes = (bytes - 1) % in_week + 1;
	for (;;) {
		uint64_t per_s = speed(d, minute, line_per_s);
		unsigned edge = to_edge(d, minute);
		uint64_t here = carried(per_s, edge * 60u);

		if (per_s == RATE_UNLIMITED)
			return seconds;
		if (here >= bytes)
			return seconds + (bytes - 1) / per_s + 1;
		bytes -= here;
		seconds += edge * 60u;
		minute = (minute + edge) % TIMETABLE_WEEK_MIN;
	}
}
