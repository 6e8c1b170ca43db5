/*
 * textfile: the station's figures in a file, for node_exporter's textfile collector.
 *
 * Called by core's tick. Written anew every quarter of a minute beside its name and renamed into
 * place, so that nobody reads half of it; everybody may read it. It is taken away at an orderly
 * end: figures of a service that does not run would be a lie. It never holds up the service: what
 * cannot be written is said once, and tried again.
 */
#ifndef DOCKD_TEXTFILE_H
#define DOCKD_TEXTFILE_H

#include "control.h"

#define TEXTFILE_TICKS 60 /* of LIGHT_TICK_MS: 15 s */

struct textfile {
	char path[256]; /* "" none */
	bool failing;   /* and it is told */
	uint64_t due;   /* tick */
};

/* path: setting metrics-file; its folder is made where only that is missing. */
void textfile_configure(struct textfile *t, const char *path);
void textfile_tick(struct textfile *t, uint64_t tick, const struct control *c);
void textfile_end(struct textfile *t);

#endif
