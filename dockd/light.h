/*
 * light: which lamp shows what. Owns the lamps that the configuration names.
 *
 * Called by core's 250 ms tick, by bays and by control. Rhythm and colour of each state are
 * light_table's; the lamp itself is lamp's. Every on and off is written by us, never by a kernel
 * trigger, so that a dead service shows nothing that moves.
 */
#ifndef DOCKD_LIGHT_H
#define DOCKD_LIGHT_H

#include "base/proto_light.h"
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

/*
 * One lamp shows the test instead of its state, until another one does, or none: name NULL. Named as
 * for lights_set, or as in the class folder. 0, or why it cannot be opened: then none does.
 */
int lights_test(struct lights *l, const char *name);

/*
 * Of one lamp, named so: all of a row but whose it is and what it says. It need not be open, and is
 * not changed.
 */
void lights_look(const struct lights *l, const char *name, struct proto_lamp *row);
/* All lamps of the class folder, sorted. How many. */
size_t lights_there(const struct lights *l, char (*out)[PROTO_NAME_LEN], size_t room);

#endif
