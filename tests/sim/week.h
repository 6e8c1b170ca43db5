/*
 * week: what the files of the simulated week share.
 *
 * Time is virtual and moves only when the core has nothing left to do: week_core.c takes the place
 * of the core's wait for events. Nothing here reads a real clock.
 */
#ifndef DOCKD_TESTS_WEEK_H
#define DOCKD_TESTS_WEEK_H

#include "../../dockd/base/msg.h"
#include "../../dockd/base/proto_ctl.h"
#include "../../dockd/index.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_S 3600
#define DAY_S (24 * HOUR_S)
#define CAMERAS_MAX 64
#define CLIPS_MAX 8192

/* What is simulated; the plan of a run. */
struct week_plan {
	const char *name;
	unsigned cameras;
	unsigned hours;       /* of the run */
	uint64_t clip_bytes;  /* of an hour's recording */
	uint64_t line_per_s;  /* bytes */
	uint64_t disk_bytes;  /* of the station */
	uint64_t card_bytes;  /* of a camera */
	int64_t down_s, up_s; /* the line is down: seconds from the beginning, down <= t < up */
	int64_t expedite_s;   /* the clip recorded last is expedited then; 0 never */
	uint64_t step_us;
};
extern struct week_plan plan;

/* ---- tests/double/clock_virtual.c: time, and the disk's room ---- */

#define WEEK_BEGINS_S INT64_C(1795392000) /* Monday 2026-11-23 00:00 UTC */

/* Microseconds since the run began. */
extern int64_t virtual_us;
static inline int64_t virtual_s(void)
{
	return virtual_us / SECOND_US;
}
extern uint64_t virtual_disk_bytes, virtual_used_bytes;

/* ---- what is recorded, and what became of it: week_dock.c ---- */

struct clip {
	unsigned camera;
	unsigned handle;
	uint64_t size_bytes;
	int64_t recorded_s; /* its end, from the beginning of the run */
	bool log;
	bool on_camera;
	char path[64];
	/* 0 not yet; from the beginning of the run, plus 1 */
	int64_t checked_s, receipted_s, erased_s;
	unsigned objects;    /* made of it at the server */
	uint64_t sent_bytes; /* in all, for it */
	uint64_t number;     /* asset, as the index has it; 0 not asked */
	uint8_t sha256[PROTO_SHA256_LEN];
};
extern struct clip clips[CLIPS_MAX];
extern size_t clips_n;

struct clip *clip_of(const uint8_t sha256[PROTO_SHA256_LEN]);

extern unsigned dock_not_recorded; /* hours that no card had room for */
void dock_open(const char *socket);
/* Answers what has come, and what is due by now. Whether anything happened. */
bool dock_turn(void);
/* So much time has passed: cameras record, come and go; bytes move on the bus. */
void dock_passed(void);

/* ---- week_server.c ---- */

void server_open(const char *socket);
bool server_turn(void);
void server_passed(uint64_t us);
bool server_line_is_up(void);
extern uint64_t server_sent_bytes; /* over the line, in all */
extern unsigned server_attempts;   /* UPLOADs while the line was down */

/* ---- week_core.c ---- */

/* Runs the core until the plan's end. Exit status of its serve(). */
int core_run(const char *config, const char *profiles);
/* Asks the control socket, as dockctl does; each part to `part`. The END's status. */
int core_ask(const char *socket, struct proto_ask ask, void (*part)(const struct msg *m));
struct index *core_index(void);

/* ---- week.c: called by week_core after each step ---- */

void week_passed(void);
_Noreturn void week_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
