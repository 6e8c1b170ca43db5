/*
 * light: which lamp shows what. Owns the lamps that the configuration names.
 *
 * Called by core's 250 ms tick, by bays and by control. Rhythm and colour of each state are
 * light_table's; the lamp itself is lamp's. Every on and off is written by us, never by a kernel
 * trigger, so that a dead service shows nothing that moves.
 */
#ifndef DOCKD_LIGHT_H
#define DOCKD_LIGHT_H

#include "light_table.h"

struct lights;

/* leds_dir: the class folder. Lamps are opened when first set. */
struct lights *lights_new(const char *leds_dir);
void lights_free(struct lights *l); /* all off first */

/*
 * What a lamp shall show from the next tick on. name: as lamp_name.h has it; "" is ignored. One that
 * is missing is logged once, and looked for again.
 */
void lights_set(struct lights *l, const char *name, enum light_state state);
void lights_set_station(struct lights *l, const char *name, enum station_light state);
/* One tick: writes only what changed. */
void lights_tick(struct lights *l, uint64_t tick);
void lights_all_off(struct lights *l);

#endif
