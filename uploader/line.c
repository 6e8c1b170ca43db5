#include "line.h"

#include "../dockd/base/timetable.h"

#include <string.h>
#include <time.h>

#define LOOK_MS 1000
#define SHARE_BYTES (15ll << 20) /* expedited bytes for one request of somebody else */
#define CREDIT_MAX (256ll << 20)

static uint64_t rate_now(const struct proto_destination *conf)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return conf->bytes_per_s;
	return timetable_rate(conf, timetable_minute(tm.tm_wday, tm.tm_hour, tm.tm_min));
}

void line_open(struct line *l, const struct proto_destination *conf, int64_t now_ms)
{
	memset(l, 0, sizeof(*l));
	tzset();
	l->conf = conf;
	l->rate = rate_now(conf);
	l->shut_ms = l->rate == 0 ? now_ms - LINE_DRAIN_MS : INT64_MAX;
	l->looked_ms = now_ms;
	bucket_init(&l->bucket, l->rate, now_ms);
}

void line_look(struct line *l, int64_t now_ms)
{
	if (!l->conf || now_ms - l->looked_ms < LOOK_MS)
		return;
	l->looked_ms = now_ms;
	l->rate = rate_now(l->conf);
	if (l->rate > 0)
		l->shut_ms = INT64_MAX;
	else if (l->shut_ms == INT64_MAX)
		l->shut_ms = now_ms;
	/* What is under way keeps the rate before until it must end. */
	if (l->rate != l->bucket.rate && (l->rate > 0 || line_is_over(l, now_ms)))
		bucket_rate(&l->bucket, l->rate, now_ms);
}

bool line_is_over(const struct line *l, int64_t now_ms)
{
	return l->shut_ms != INT64_MAX && now_ms - l->shut_ms >= LINE_DRAIN_MS;
}

bool line_admits(const struct line *l, bool expedited)
{
	if (expedited)
		return true;
	return l->shut_ms == INT64_MAX && (l->urgent == 0 || l->credit_bytes >= SHARE_BYTES);
}

void line_began(struct line *l, bool expedited)
{
	if (!expedited && l->urgent > 0)
		l->credit_bytes -= SHARE_BYTES;
}

void line_urgent(struct line *l, int more)
{
	if (l->urgent == 0)
		l->credit_bytes = 0;
	l->urgent += (unsigned)more;
}

void line_sent(struct line *l, bool expedited, uint64_t bytes)
{
	if (!expedited)
		return;
	if (bytes > CREDIT_MAX)
		bytes = CREDIT_MAX;
	l->credit_bytes += (int64_t)bytes;
	if (l->credit_bytes > CREDIT_MAX)
		l->credit_bytes = CREDIT_MAX;
}

int line_due_ms(const struct line *l, int64_t now_ms)
{
	int64_t left = l->looked_ms + LOOK_MS - now_ms;

	if (!l->conf || (l->conf->rate[0].days == 0 && l->conf->bytes_per_s == RATE_UNLIMITED))
		return -1;
	return left > 0 ? (int)left : 0;
}
