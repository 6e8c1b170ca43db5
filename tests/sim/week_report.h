/*
 * week_report: what the core told in a run against what became of each clip, judged and printed.
 *
 * Called by week.c when the run is over. It ends the run (week_die) where something is lost, arrives
 * twice, or was told wrongly of the clip that could not wait.
 */
#ifndef DOCKD_TESTS_WEEK_REPORT_H
#define DOCKD_TESTS_WEEK_REPORT_H

#include "week.h"

#include "../../dockd/base/proto_light.h"

#include <stdio.h>

#define WEEK_HOURS_MAX 400
#define WEEK_NOTES_MAX 256
#define WEEK_SAMPLE_S 600 /* between two notes */

/* What was shown at an hour. */
struct week_row {
	int64_t at_s;
	bool up;
	unsigned lights[LIGHT_LEAVE + 1];
	unsigned station_light;
	uint64_t used_bytes, free_bytes, queued, queued_bytes, per_s;
	int64_t oldest_s;   /* staged */
	int64_t expected_s; /* as in the row of the destination */
	int64_t urgent_s, due_s;
	char state[PROTO_CLASS_LEN];
	char text[PROTO_TEXT_LEN * 4];
	unsigned not_recorded;
};

/* When the attention changed, at ten minutes' notice. */
struct week_note {
	int64_t at_s;
	char state[PROTO_CLASS_LEN];
	char text[PROTO_TEXT_LEN * 4];
};

/* The clip that cannot wait. */
struct week_expedited {
	struct clip *clip;
	int64_t asked_s, before_s, told_s; /* expected in its turn, and when expedited */
	uint64_t queued_bytes;
	bool done;
};

/* What was told in the run. */
struct week_told {
	struct week_row row[WEEK_HOURS_MAX];
	size_t rows;
	struct week_note note[WEEK_NOTES_MAX];
	size_t notes;
	struct week_expedited expedited;
	unsigned deliver_h; /* what is staged should be at the server within so many hours */
};

struct week_outcome {
	unsigned recorded, staged, arrived, late, untold, erased;
	int64_t first_late_s, first_told_s; /* -1 none */
	int64_t least_notice_s;
};

struct week_outcome report_judge(const struct week_told *w);
/* What was told of the clip that cannot wait was true, to a tenth and three steps. */
void report_judge_expedited(const struct week_told *w);
void report_print(FILE *out, const struct week_told *w, const struct week_outcome *o);
/* What is real in it, and what the columns say. */
void report_about(FILE *out);

#endif
