#include "index_clock.h"

#include "index_act.h"
#include "index_inner.h"

#include <string.h>

int64_t index_clock_doubt_s(const struct index *ix)
{
	return ix->doubt_s;
}

/* Set ahead; from a time that was behind, as after an empty battery, to where it was is not ahead. */
static bool is_jump(const struct act *a)
{
	if (strcmp(record_type(a->r), "clock-set") == 0)
		return record_get_number(a->r, "by-ms", 0) / 1000 > INDEX_CLOCK_AHEAD_S;
	return strcmp(record_type(a->r), "began") == 0;
}

void clock_note(struct act *a)
{
	struct index *ix = a->ix;
	int64_t ahead_s = a->time_s - ix->latest_s;

	if (ix->latest_s && ahead_s > INDEX_CLOCK_AHEAD_S && is_jump(a) && ahead_s > ix->doubt_s)
		ix->doubt_s = ahead_s;
	if (strcmp(record_type(a->r), "clock-vouched") == 0) {
		ix->doubt_s = 0;
		ix->latest_s = a->time_s;
	} else if (a->time_s > ix->latest_s) {
		ix->latest_s = a->time_s;
	}
}
