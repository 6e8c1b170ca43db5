#include "bay.h"

#include "bays.h"
#include "child.h"
#include "docking.h"
#include "unlocking.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define STARVED_S 30 /* between tries, when it has lasted for a while */

static const unsigned wait_s[BAY_DEATHS_MAX] = { 1, 2, 5, 10 };

uint64_t bay_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * BAY_SECOND_US + (uint64_t)ts.tv_nsec / 1000;
}

void bay_drop_worker(struct bay *b)
{
	if (b->child)
		child_drop(b->child);
	b->child = NULL;
	if (b->device_fd >= 0)
		close(b->device_fd);
	b->device_fd = -1;
	if (b->part_fd >= 0)
		close(b->part_fd);
	b->part_fd = -1;
	b->plan = PLAN_NONE;
}

void bay_leave(struct bay *b)
{
	if (b->state == BAY_EMPTY)
		return;
	if (probe_is_at(b))
		probe_gone(b);
	if (unlocking_away(b))
		return;
	b->leaving_us = 0;
	docking_interrupted(b, "left");
	bay_drop_worker(b);
	if (b->docking) {
		b->state = BAY_LEFT;
		b->fault[0] = '\0';
		b->due_us = bay_now_us() + b->house->settings.rejoin_s * BAY_SECOND_US;
		log_info("left", "bay=%s docking=%" PRIu64 " held=%s", b->name, b->docking,
		    bay_holds_all(b) ? "all" : "not-all");
		return;
	}
	log_info("left", "bay=%s port=%s", b->name, b->port);
	b->state = BAY_EMPTY;
	b->fault[0] = '\0';
	b->profile = NULL;
}

void bay_fault(struct bay *b, const char *why)
{
	bay_drop_worker(b);
	b->state = BAY_FAULT;
	snprintf(b->fault, sizeof(b->fault), "%s", why);
	log_error("bay-fault", "bay=%s docking=%" PRIu64 " reason=\"%s\"", b->name, b->docking,
	    log_text(why));
	if (b->docking) {
		struct record r;

		record_begin(&r, "fault");
		record_number(&r, "docking", (int64_t)b->docking);
		record_text(&r, "text", why);
		journal_write(b->house->journal, &r);
	}
}

/* The camera is leaving, or was there to be asked who it is: no other worker follows. */
static bool needs_no_other(struct bay *b, const char *why)
{
	if (b->leaving_us)
		bay_leave(b);
	else if (probe_is_at(b))
		probe_failed(b, why);
	else
		return false;
	return true;
}

static void open_again(struct bay *b, unsigned after_s, const char *why)
{
	bay_drop_worker(b);
	b->state = BAY_CLOSED;
	b->due_us = bay_now_us() + after_s * BAY_SECOND_US;
	snprintf(b->fault, sizeof(b->fault), "%s", why);
}

void bay_worker_lost(struct bay *b, const char *why)
{
	char text[PROTO_TEXT_LEN * 2];

	if (needs_no_other(b, why))
		return;
	if (b->deaths >= BAY_DEATHS_MAX) {
		snprintf(text, sizeof(text), "%.200s; tried %u times", why, b->deaths + 1);
		bay_fault(b, text);
		return;
	}
	open_again(b, wait_s[b->deaths++], why);
	log_warn(
	    "worker-lost", "bay=%s deaths=%u reason=\"%s\"", b->name, b->deaths, log_text(why));
}

void bay_worker_starved(struct bay *b, const char *why)
{
	char text[PROTO_TEXT_LEN * 2];
	bool lasts = b->starved >= BAY_DEATHS_MAX;

	if (needs_no_other(b, why))
		return;
	snprintf(text, sizeof(text), "%.200s; it is tried again", why);
	open_again(b, lasts ? STARVED_S : wait_s[b->starved], text);
	if (b->starved > BAY_DEATHS_MAX) /* it has been told often enough */
		return;
	b->starved++;
	log_warn(
	    "worker-lost", "bay=%s deaths=%u reason=\"%s\"", b->name, b->starved, log_text(text));
}
