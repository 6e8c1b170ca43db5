/*
 * upload_order: which of those that wait for a destination is sent next; pure.
 *
 * Called by uplink with candidates of the index and with what is in the slots. Expedited before
 * all; then logs and sidecars, which are small and which everything waits for; then what was
 * flagged or is preserved; then by the hour in which it is due. Within the hour dockings take
 * turns. It reads no clock and knows no server.
 */
#ifndef DOCKD_UPLOAD_ORDER_H
#define DOCKD_UPLOAD_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One that is larger holds its slot for long: the last slot is kept from it while smaller wait. */
#define UPLOAD_LARGE_BYTES (UINT64_C(1) << 30)
#define UPLOAD_GRAIN_S 3600 /* what is due within the same hour is equally urgent */
#define UPLOAD_TURNS 64     /* dockings whose last turn is remembered */

enum upload_class {
	UPLOAD_EXPEDITED = 0, /* a person asked for it */
	UPLOAD_FIRST,         /* logs and sidecars */
	UPLOAD_MARKED,        /* flagged on the camera, or a preservation order covers it */
	UPLOAD_PLAIN,
};

struct candidate {
	uint64_t number, docking, size_bytes;
	enum upload_class class;
	int64_t deadline_s; /* when it may be lost, or should be there; seconds since 1970 */
};

/* What a destination is busy with, and whose turn it was. */
struct upload_turns {
	unsigned slots; /* that may be used now */
	unsigned large; /* of them hold large ones */
	uint64_t count; /* turns so far */
	struct {
		uint64_t docking; /* 0: unused */
		uint64_t last;    /* its last turn */
		unsigned busy;    /* slots that hold its files */
	} turn[UPLOAD_TURNS];
};

/* The slots are told anew before each choice: none is busy. The turns stay. */
void upload_turns_begin(struct upload_turns *t, unsigned slots);
/* A slot holds this one. */
void upload_turns_hold(struct upload_turns *t, uint64_t docking, uint64_t size_bytes);

/*
 * Which of n goes next: its place in c, or n: none, because a large one would take the last slot
 * while smaller ones wait. probe: the smallest of them, for one that only tries the
 * line. Takes the turn of the one it chose.
 */
size_t upload_order_next(struct upload_turns *t, const struct candidate *c, size_t n, bool probe);

#endif
