/*
 * manager: what the service manager is told: ready, reloading, alive, stopping, and one line of how
 * things are (systemctl status). sd_notify(3), sd_watchdog_enabled(3). Without one, nothing is done.
 *
 * Called by core alone.
 */
#ifndef DOCKD_MANAGER_H
#define DOCKD_MANAGER_H

#include <stdint.h>

/* The start takes long: it is making the index anew. More time is asked for. */
void manager_replaying(uint64_t done, uint64_t last);
void manager_ready(void);
void manager_reloading(void);
void manager_stopping(void);
/*
 * A whole turn of the loop is done. Told on at a third of what WatchdogSec= of the unit asks; never
 * where that is not set.
 */
void manager_alive(void);
/* One line for people, ids only; told on when it is another one than before. */
void manager_status(const char *line);

#endif
