/*
 * finding: what an audit log cannot explain by itself, collected and bounded; pure.
 *
 * Filled by audit and activation, shown by the report and sent by audit_job. The words of the
 * codes are those of dockd-audit(5); texts are neutral: what was seen, never who or why.
 */
#ifndef DOCKD_FINDING_H
#define DOCKD_FINDING_H

#include "../base/proto_verify.h"

enum finding_code {
	/* the log itself */
	FINDING_NO_LOG,
	FINDING_LINE_DAMAGED,
	FINDING_LINE_CHANGED,
	FINDING_LINES_MISSING,
	FINDING_OUT_OF_ORDER,
	FINDING_LOG_FORKED,
	FINDING_LOG_RESTARTED,
	FINDING_LOG_ROLLED_BACK,
	FINDING_NOTHING_NEW,
	FINDING_ENDS_EARLY,
	FINDING_OTHER_CAMERA,
	FINDING_SILENCE,
	FINDING_CLOCK_BACK,
	/* pairs */
	FINDING_POWER_LOST,
	FINDING_NO_STOP,
	FINDING_NO_START,
	FINDING_NO_UNMUTE,
	/* recordings and clips */
	FINDING_CLIP_MISSING,
	FINDING_CLIP_DELETED,
	FINDING_CLIP_UNLISTED,
	FINDING_CLIP_OTHER_DIGEST,
	FINDING_CLIP_OTHER_SIZE,
	FINDING_CODES,
};

#define FINDING_KEPT 32 /* of one code, in full; more are counted */

struct finding {
	enum finding_code code;
	uint64_t seq, asset; /* 0: none */
	char text[sizeof(((struct proto_finding *)0)->text)];
};

struct findings {
	uint64_t total, count[FINDING_CODES];
	size_t kept;
	struct finding finding[FINDING_CODES * FINDING_KEPT]; /* in the order of their coming */
};

const char *finding_name(enum finding_code code);
/* Adds one; the text is cut to fit, at a whole character. */
void finding_add(struct findings *f, enum finding_code code, uint64_t seq, uint64_t asset,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Takes the last one of this code and line away again, where it is kept. */
void finding_drop(struct findings *f, enum finding_code code, uint64_t seq);

/* Time of a camera as in "2026-11-21T03:04:05Z", for texts. out has FINDING_TIME bytes. */
#define FINDING_TIME 32
const char *finding_time(int64_t ms, char *out);
/* "1:02:03" */
const char *finding_span(int64_t ms, char *out);

#endif
