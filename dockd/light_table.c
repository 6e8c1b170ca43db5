#include "light_table.h"

#include <string.h>

/*
 * Why these rhythms. Between two looks of an eye only lengths of a kind that differ by twice or more
 * are told apart without counting. Lit stretches are short (a quarter of a second), middling (one
 * second) or long (nearly three): only "take it" has a long one. Dark ones are short, middling (half
 * a second to one and a quarter) or long (nearly five): only "empty" has a long one. So "charging"
 * visibly blinks, with a dark third, where "take it" is steady and winks. Each has an edge in every
 * 5 seconds, so that what does not move is dead: also the station light's "well".
 */
static const struct light_row bay[] = {
	[LIGHT_OFF] = {
		.word = "off",
		.title = "off",
		.rhythm = ".",
		.timing = "dark",
		.hue = "",
		.colour = 0,
		.summary = "off: use another bay",
		.means = "Nobody watches this bay, or the station is down.",
		.todo = "Use another bay. All bays off: tell IT.",
		.who = "officer",
	},
	[LIGHT_EMPTY] = {
		.word = "empty",
		.title = "empty",
		.rhythm = "#...................",
		.timing = "a short wink every 5 s",
		.hue = "white",
		.colour = 0xffffff,
		.summary = "empty",
		.means = "The bay is free and watched.",
		.todo = "Put your camera in.",
		.who = "officer",
	},
	[LIGHT_READING] = {
		.word = "reading",
		.title = "reading",
		.rhythm = "#.",
		.timing = "even fast blink, 2 a second",
		.hue = "blue",
		.colour = 0x0000ff,
		.summary = "reading: leave it in",
		.means = "The camera is being read.",
		.todo = "Leave it in.",
		.who = "officer",
	},
	[LIGHT_CHARGING] = {
		.word = "charging",
		.title = "charging",
		.rhythm = "####..",
		.timing = "long on, short off: 1 s and half a second",
		.hue = "amber",
		.colour = 0xffa000,
		.summary = "charging: held safely",
		.means = "All of it is held safely. It still charges.",
		.todo = "Leave it in. If you must go: no clip is lost, the battery is not full.",
		.who = "officer",
	},
	[LIGHT_TAKE] = {
		.word = "take",
		.title = "take it",
		.rhythm = "###########.",
		.timing = "steady, a short wink off every 3 s",
		.hue = "green",
		.colour = 0x00ff00,
		.summary = "take it",
		.means = "All of it is held safely, and it is fit for a shift.",
		.todo = "Take it.",
		.who = "officer",
	},
	[LIGHT_LEAVE] = {
		.word = "leave",
		.title = "leave it",
		.rhythm = "#.#.#.....",
		.timing = "triple flash, pause",
		.hue = "red",
		.colour = 0xff0000,
		.summary = "leave it: call for help",
		.means = "Something is wrong with this camera.",
		.todo = "Leave it in. Tell the sergeant. Take another camera.",
		.who = "officer, then sergeant",
	},
};

static const struct light_row station[] = {
	[STATION_WELL] = {
		.word = "well",
		.title = "all well",
		.rhythm = "###########.",
		.timing = "steady, a short wink off every 3 s",
		.hue = "green",
		.colour = 0x00ff00,
		.summary = "all well",
		.means = "The station works, and the evidence server answers.",
		.todo = "Nothing to do.",
		.who = "nobody",
	},
	[STATION_AWAY] = {
		.word = "away",
		.title = "server away",
		.rhythm = "####....",
		.timing = "slow even blink: 1 s on, 1 s off",
		.hue = "amber",
		.colour = 0xffa000,
		.summary = "server away: clips are kept here meanwhile",
		.means = "The evidence server is out of reach. Clips are kept here meanwhile.",
		.todo = "Dock as always. Still so tomorrow: tell IT.",
		.who = "sergeant",
	},
	[STATION_NEEDS_IT] = {
		.word = "needs-it",
		.title = "needs IT",
		.rhythm = "#.#.#.....",
		.timing = "triple flash, pause",
		.hue = "red",
		.colour = 0xff0000,
		.summary = "needs IT",
		.means = "Something is wrong that only IT can mend.",
		.todo = "Tell IT today. dockctl status says what it is.",
		.who = "sergeant, then IT",
	},
};

/* Short, short, long: a lit second as in "charging", but between winks as in "leave it". */
static const struct light_row test = {
	.word = "test",
	.title = "test",
	.rhythm = "#.#.####.",
	.timing = "short, short, long",
	.hue = "white",
	.colour = 0xffffff,
	.summary = "test: dockctl light test runs",
	.means = "IT looks which lamp this is.",
	.todo = "Wait until it ends.",
	.who = "IT",
};

const struct light_row *light_row(unsigned state)
{
	return &bay[state < LIGHT_STATES ? state : LIGHT_OFF];
}

const struct light_row *light_station_row(unsigned state)
{
	if (state < STATION_WELL || state > STATION_NEEDS_IT)
		return &bay[LIGHT_OFF];
	return &station[state];
}

const struct light_row *light_test_row(void)
{
	return &test;
}

bool light_row_is_lit(const struct light_row *row, uint64_t tick)
{
	return row->rhythm[tick % strlen(row->rhythm)] == '#';
}

const char *light_word(unsigned state)
{
	return state < LIGHT_STATES ? bay[state].word : "?";
}
