/*
 * charge: whether a battery rises on the dock. Pure: percents and their times in.
 *
 * docking tells what a camera says of its battery each time that it is asked; health says it to people.
 * Only looks that follow one another count: while clips are read nobody asks, and reading takes current.
 */
#ifndef DOCKD_CHARGE_H
#define DOCKD_CHARGE_H

#include <stdbool.h>
#include <stdint.h>

#define CHARGE_FULL 95 /* percent: it counts as charged; the default of full-percent */

struct charge {
	uint64_t since_ms; /* it has not risen since; 0: not watched */
	uint64_t at_ms;    /* told last */
	uint32_t percent;  /* the most since then, or what it has fallen to */
	bool fell;
	bool fine;    /* it tells single percents, not only steps of 5, 10 or 25 */
	bool stalled; /* the answer, after charge_tell */
	bool told;    /* on record in this docking: the caller's */
};

/*
 * What it told now. It has stalled when it is below full, and has not risen for limit_ms, or has fallen by
 * 3 percent and not risen for a third of that. limit_ms 0: never. Four times as long while all that it
 * has told are multiples of 5: a healthy battery stays for an hour on the last of ten steps.
 */
void charge_tell(
    struct charge *c, uint32_t percent, uint32_t full, uint64_t now_ms, uint64_t limit_ms);

#endif
