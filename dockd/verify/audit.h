/*
 * audit: judges the logs of one docking, line by line, in bounded memory; pure.
 *
 * Called by audit_job (and a fuzzer) with lines; owns chain, order, clock, continuity with what was
 * audited before, and the comparison of each recording told of with the clips that are there. What
 * it finds is in `findings`, what it adds up in `activation`. It never ends early: a log that is
 * damaged gives all that can still be said. Form of a log: dockd-audit(5).
 */
#ifndef DOCKD_AUDIT_H
#define DOCKD_AUDIT_H

#include "../base/proto_verify.h"
#include "../base/zone.h"
#include "activation.h"
#include "audit_facts.h"
#include "lines.h"

#define AUDIT_OPAQUE_BYTES (1u << 20) /* without a line of our form up to here: another form */
#define AUDIT_PENDING 4096 /* recordings told of whose clip is not there, until the end */

/* How the log goes on from the last one audited. */
enum audit_continuity {
	CONTINUITY_FIRST,     /* none was audited before */
	CONTINUITY_CONTINUES, /* its line is there, or what comes follows it */
	CONTINUITY_GAP,       /* lines between are missing */
	CONTINUITY_FORKED,    /* another line stands in its place, or what comes follows another */
	CONTINUITY_RESTARTED, /* a new chain begins */
	CONTINUITY_ROLLED_BACK,
	CONTINUITY_NOTHING_NEW,
	CONTINUITY_NO_LOG, /* none came, or none of this form */
};

/* A line that others are compared with. */
struct audit_anchor {
	bool known;
	uint64_t seq;
	int64_t time_ms;
	uint8_t sha256[PROTO_SHA256_LEN];
};

struct audit_log_result {
	uint64_t lines, damaged, first_seq, last_seq;
	bool opaque;
};

struct audit_pending {
	char *file;
	uint64_t seq;
	bool deleted;
};

struct audit {
	struct audit_facts *facts;
	struct findings findings;
	struct activation activation;
	struct zone zone;
	bool zone_known;

	struct audit_log_result log[VERIFY_LOGS_MAX];
	struct audit_log_result *this_log;
	uint64_t unknown_version; /* of a log-start: 0 none */
	uint32_t heartbeat_s;

	struct audit_anchor anchor; /* the last line before this log */
	struct audit_anchor at;     /* the last line in its place */
	struct audit_anchor newest; /* the same, of a new line; !known: there was none */
	uint64_t highest_seq;       /* of any line understood */
	bool restarted, anchored, forked, gap, gap_from_last;
	uint64_t dock_seq,
	    other_dock_seq; /* `docked` of a new line; of the last that ended again */
	uint64_t new_lines, damaged_run;
	uint8_t raw_sha256[PROTO_SHA256_LEN]; /* of the line before, understood or not */
	bool raw_known;
	bool genesis; /* a log reaches back to the first line of its chain */
	int64_t first_time_ms;
	int64_t from_ms, until_ms; /* the period that the report is of, by the camera's clock */

	size_t pending_n;
	struct audit_pending pending[AUDIT_PENDING];
	struct audit_line line;
	void *sha256; /* of libcrypto */
};

/* facts stay the caller's, outlive it, and are sorted and marked by it. NULL: no memory. */
struct audit *audit_new(struct audit_facts *facts);
void audit_free(struct audit *a);

/* Its seq, or 0: not a line of our form. For putting logs in order. */
uint64_t audit_seq(const char *line, size_t len);

/* The log that facts name by this number begins; logs come in the order of their first seq. */
void audit_log(struct audit *a, unsigned log);
/* A line of it. */
void audit_take(struct audit *a, const char *line, size_t len, enum line_end end);
/* It is over. */
void audit_log_end(struct audit *a);
/* All are over. */
void audit_end(struct audit *a);

enum audit_continuity audit_continuity(const struct audit *a);
void audit_fill(const struct audit *a, struct proto_audited *audited);

#endif
