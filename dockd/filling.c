#include "filling.h"

#define FAR_DAYS 3650.0 /* what lies further off is no forecast */

static int64_t net(const struct filling_day *days, size_t n, int64_t since_s)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t came, went;

		if ((days[i].day + 1) * FILLING_DAY_S <= since_s)
			continue;
		came = days[i].came_bytes > INT64_MAX ? INT64_MAX : (int64_t)days[i].came_bytes;
		went = days[i].went_bytes > INT64_MAX ? INT64_MAX : (int64_t)days[i].went_bytes;
		if (__builtin_add_overflow(sum, came - went, &sum))
			return INT64_MAX;
	}
	return sum;
}

struct filling filling_judge(const struct filling_day *days, size_t n, int64_t first_s,
    int64_t now_s, uint64_t free_bytes, uint64_t reserve_bytes)
{
	struct filling f = { .days_left = -1.0 };
	/* whole days: the oldest counts from its midnight */
	int64_t since_s = (now_s / FILLING_DAY_S - FILLING_DAYS + 1) * FILLING_DAY_S;
	double per_s;

	f.left_bytes = free_bytes > reserve_bytes ? free_bytes - reserve_bytes : 0;
	if (first_s <= 0 || now_s - first_s < FILLING_DAY_S)
		return f;
	if (since_s < first_s)
		since_s = first_s;
	per_s = (double)net(days, n, since_s) / (double)(now_s - since_s);
	f.per_day = (int64_t)(per_s * FILLING_DAY_S);
	f.full_s = INT64_MAX;
	if (per_s <= 0 || (double)f.left_bytes / per_s > FAR_DAYS * FILLING_DAY_S)
		return f;
	f.full_s = now_s + (int64_t)((double)f.left_bytes / per_s);
	f.days_left = (double)f.left_bytes / per_s / FILLING_DAY_S;
	return f;
}
