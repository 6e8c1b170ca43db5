/*
 * activation: what a camera's log tells of its use: powered, recording, muted, docked; pure.
 *
 * Called by audit with each line that is new and in its place, and how much time passed before it.
 * It adds up; it never says that something should have been otherwise.
 */
#ifndef DOCKD_ACTIVATION_H
#define DOCKD_ACTIVATION_H

#include "audit_line.h"
#include "finding.h"

/* Each moment of the period is in exactly one of these. */
enum activation_share {
	SHARE_RECORDING,
	SHARE_POWERED, /* powered and not recording */
	SHARE_OFF,
	SHARE_DOCKED,
	SHARE_MISSING,    /* no line tells of it: lines are missing, or there is no log */
	SHARE_POWER_LOST, /* from the last line before power was lost to the next power-on */
	SHARES,
};

enum power { POWER_UNKNOWN, POWER_ON, POWER_OFF };

#define ACTIVATION_OPEN 16  /* recordings at the same time */
#define ACTIVATION_LIST 256 /* of each list; more are counted */

enum recording_end { RECORDING_OPEN, RECORDING_STOPPED, RECORDING_LOST };

struct activation_recording {
	char *file;
	char user[PROTO_NAME_LEN];   /* the id in force when it began */
	int64_t from_ms, until_ms;   /* PROTO_NO_TIME: its start is not in the log */
	int64_t passed_ms, muted_ms; /* as added up, without clock jumps */
	uint64_t start_seq, asset;   /* asset: 0 none matched */
	enum recording_end end;
};

enum mark_kind { MARK_USER, MARK_POWER_LOST, MARK_CARD, MARK_ERROR, MARK_JUMP };

/* A point in time that the report lists. */
struct activation_mark {
	enum mark_kind kind;
	uint64_t seq;
	int64_t time_ms;
	int64_t jump_ms;  /* MARK_JUMP: by how much the clock jumped; POWER_LOST: line before */
	const char *word; /* MARK_JUMP: "set", "summer-time", "back"; MARK_CARD: event's name */
	char text[PROTO_TEXT_LEN];
};

struct activation {
	enum power power;
	bool docked, muted, buffer;
	uint64_t muted_seq;
	char user[PROTO_NAME_LEN];
	int64_t share_ms[SHARES];
	int64_t unsure_ms; /* passed while it was not known whether it was on */
	int64_t muted_ms;  /* of recording */
	int64_t buffer_ms; /* of powered and not recording: the before-event buffer was on */
	uint64_t events[AUDIT_EVENTS];
	int battery_first, battery_last, battery_least; /* -1: not told */
	size_t open;
	struct activation_recording now[ACTIVATION_OPEN];
	uint64_t recordings; /* in all */
	size_t listed;
	struct activation_recording recording[ACTIVATION_LIST];
	uint64_t marks_all;
	size_t marks;
	struct activation_mark mark[ACTIVATION_LIST];
	struct findings *findings;
	bool after_gap; /* lines may be missing that would explain what comes */
};

void activation_begin(struct activation *a, struct findings *findings, bool docked);
void activation_clear(struct activation *a);

/* Adds up without overflow: a hostile log may tell of more time than there is. */
void activation_add(int64_t *sum_ms, int64_t ms);
/* Time that passed in the state that the lines before it told of. */
void activation_pass(struct activation *a, int64_t ms);
/* Time of which no line tells; pairs that are open may have ended in it. */
void activation_miss(struct activation *a, int64_t ms);
/* The event of a line; asset: of the clip that a recording was matched with, 0 none. */
void activation_line(
    struct activation *a, const struct audit_line *line, uint64_t asset, int64_t before_ms);
/* power-on comes while the log says that it is on: time between is POWER_LOST. */
bool activation_lost(const struct activation *a, const struct audit_line *line);
void activation_lose(struct activation *a, int64_t ms);
/* The log is over; time of its last line. */
void activation_end(struct activation *a, int64_t time_ms);

/* Lists a point in time, with the line's text. NULL: the list is full. */
struct activation_mark *activation_mark(struct activation *a, enum mark_kind kind,
    const struct audit_line *line, int64_t jump_ms, const char *word);

#endif
