/*
 * light_table: what each lamp says, in one table: rhythm, colour, what it means, what to do, who.
 *
 * Pure. light drives the lamps from it, dockctl shows and prints from it, and a test holds the pages
 * against it: a rhythm or a sentence is changed here and nowhere else. The rhythm alone tells the
 * state; colour is extra.
 */
#ifndef DOCKD_LIGHT_TABLE_H
#define DOCKD_LIGHT_TABLE_H

#include "base/proto_light.h"

#include <stdbool.h>

#define LIGHT_TICK_MS 250
#define LIGHT_STATES (LIGHT_LEAVE + 1)
#define LIGHT_WATCH_S 6 /* so long an eye must look to know each state */

struct light_row {
	const char *word;    /* "take": in JSON, wait, and pages */
	const char *title;   /* "take it": on the card */
	const char *rhythm;  /* one character a tick: '#' lit, '.' dark; again from its end */
	const char *timing;  /* that in words */
	const char *hue;     /* "green"; "" no colour */
	uint32_t colour;     /* 0xRRGGBB; 0 none */
	const char *summary; /* in a column of dockctl: title, or title and more behind a colon */
	const char *means;
	const char *todo;
	const char *who; /* acts */
};

/* Rows by enum light_state and enum station_light; of no such state that of "off". Never NULL. */
const struct light_row *light_row(unsigned state);
const struct light_row *light_station_row(unsigned state);
/* What dockctl light test shows: no state of any lamp. */
const struct light_row *light_test_row(void);

/* Whether a lamp of this row is lit in tick number `tick`, one each LIGHT_TICK_MS. */
bool light_row_is_lit(const struct light_row *row, uint64_t tick);

const char *light_word(unsigned state); /* "take" */

/* What a lamp says that does not move for LIGHT_WATCH_S seconds, lit or dark: as off. */
#define LIGHT_FROZEN                                                                               \
	"A lamp that stays on or stays dark for 6 seconds, without a wink, says nothing: "         \
	"treat it as off."

#endif
