/*
 * light: the lamps at the bays. Owns /sys/class/leds/NAME/{brightness,multi_intensity,trigger}.
 *
 * Called by core's 250 ms tick and by bay. Timing alone tells the state; colour is extra. Every on
 * and off is written by us, never by a kernel trigger, so that a dead service shows no light.
 */
#ifndef DOCKD_LIGHT_H
#define DOCKD_LIGHT_H

#include "base/proto_ctl.h"

#define LIGHT_TICK_MS 250

/*
 * Pure: whether the lamp is lit in tick number `tick` (counted from 0, one each LIGHT_TICK_MS), and
 * its colour 0xRRGGBB where there is one. DESIGN 11: empty: one tick in 20; reading: 2 Hz, so one
 * tick on, one off; charging: 7 on, 1 off; take: 11 on, 1 off; leave: three flashes, pause.
 */
bool light_is_lit(enum light_state state, uint64_t tick);
uint32_t light_colour(enum light_state state);
/* The station light: well steady, away slow even blink (1 s), needs IT triple flash. */
bool light_station_is_lit(enum station_light state, uint64_t tick);

struct lights;

/* leds_dir: the class folder. Lamps are opened by name when first set. */
struct lights *lights_new(const char *leds_dir);
void lights_free(struct lights *l); /* all off first */

/*
 * What a lamp shall show from the next tick on. An unknown lamp is logged once. name "" is ignored.
 */
void lights_set(struct lights *l, const char *name, enum light_state state);
void lights_set_station(struct lights *l, const char *name, enum station_light state);
/* One tick: writes only what changed. */
void lights_tick(struct lights *l, uint64_t tick);
void lights_all_off(struct lights *l);

const char *light_word(enum light_state state); /* "take" */

#endif
