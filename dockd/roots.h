/*
 * roots: what each root port carries, and when each camera below it may be taken.
 *
 * Cameras below one root port share its bandwidth; the two halves of a USB 3 hub are on two buses,
 * so on two root ports, and share nothing. Kept by bays in memory: fed with each step of a pull,
 * moved on each tick, asked by control. It decides nothing.
 */
#ifndef DOCKD_ROOTS_H
#define DOCKD_ROOTS_H

#include <stddef.h>
#include <stdint.h>

#define ROOTS_MAX 64
#define ROOTS_TICKS 20 /* of LIGHT_TICK_MS: what "now" means */

struct bay;
struct bays;
struct roots;
struct proto_ctl_root;

struct roots *roots_new(void);
void roots_free(struct roots *r);

/* So many bytes more have come from this bay's camera. */
void roots_moved(struct roots *r, const struct bay *b, uint64_t bytes);
void roots_tick(struct bays *h);

/* Minutes until each bay of h->bay may be taken, about: 0 now, -1 not known. */
void roots_minutes(const struct bays *h, int32_t *minutes);
/* Rows of all root ports with cameras. Count, at most ROOTS_MAX. */
size_t roots_rows(const struct bays *h, struct proto_ctl_root *rows);

/* A stretch of work: bytes of one bay, in the order of turns. */
struct roots_task {
	size_t bay;
	uint64_t bytes;
};

/*
 * Pure: when each bay's last task is done, in seconds, where at most at_once (64) are pulled
 * together and share bytes_per_s evenly, a bay one task at a time. tasks is used up; done_s, by
 * bay, was zeroed.
 */
void roots_simulate(
    struct roots_task *tasks, size_t n, unsigned at_once, uint64_t bytes_per_s, double *done_s);

#endif
