/*
 * line: how much of the line to the destination may be used now, and by whom.
 *
 * Owned by the process's http_room. http.c pays each piece of a body from it, transfer.c asks it
 * before a request with a body begins. It looks at the station's local time, once a second at most;
 * a change of the hour or of summer time counts then.
 */
#ifndef DOCKD_LINE_H
#define DOCKD_LINE_H

#include "bucket.h"

#include "../dockd/base/proto_upload.h"

#define LINE_DRAIN_MS 5000 /* once nothing is allowed any more, what is under way may end */

struct line {
	const struct proto_destination *conf; /* NULL: no limits */
	struct bucket bucket;
	uint64_t rate;        /* of the timetable at the last look */
	int64_t looked_ms;    /* CLOCK_MONOTONIC */
	int64_t shut_ms;      /* since when nothing is allowed; INT64_MAX: something is */
	unsigned urgent;      /* expedited uploads at work */
	int64_t credit_bytes; /* what they have sent and others have not used to begin */
};

/* conf stays the caller's. Before the sandbox: reads the zone. */
void line_open(struct line *l, const struct proto_destination *conf, int64_t now_ms);

/* The timetable's rate of this moment into the bucket. Call as often as you like. */
void line_look(struct line *l, int64_t now_ms);

/* Whether an upload may begin a request with a body now; if so, it is taken to do it. */
bool line_admits(const struct line *l, bool expedited);
void line_began(struct line *l, bool expedited);

/* Whether what is under way and not expedited must end: nothing is allowed, and has not been for
 * LINE_DRAIN_MS. */
bool line_is_over(const struct line *l, int64_t now_ms);

/* An expedited upload comes or goes; sent so much. */
void line_urgent(struct line *l, int more);
void line_sent(struct line *l, bool expedited, uint64_t bytes);

/* When the timetable is to be looked at again, ms from now; -1: it is of no interest. */
int line_due_ms(const struct line *l, int64_t now_ms);

#endif
