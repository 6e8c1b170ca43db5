/*
 * standing: which configuration is in force, and what is wrong with the one on disk.
 *
 * Called by core at start, at a reload, and now and then while the one on disk is refused; by main
 * for the lamps. A station that nobody stands beside starts with the last configuration that was
 * good, where the one on disk is not. Which settings that makes cautious is core's to decide.
 */
#ifndef DOCKD_STANDING_H
#define DOCKD_STANDING_H

#include "config.h"

/* Of the configuration on disk, while it is not the one in force. */
struct standing {
	const char *path, *profiles_dir;
	char refused[PROTO_TEXT_LEN * 2]; /* why, where, what to do; "" it is in force */
	bool kept;                        /* in force: what was kept, not what was read here */
	int64_t kept_since_s;
};

/*
 * At start. The configuration to run with, for free(): the one on disk, else the last good one, or
 * NULL with *errors as config_new, where neither is. profiles_dir: NULL as config.
 */
struct config *standing_start(
    struct standing *s, const char *path, const char *profiles_dir, char **errors);

/*
 * At a reload, and to see whether what was refused has been mended. The configuration on disk where
 * it can take the place of now, for free(); else NULL with s->refused. *news: refused has changed.
 */
struct config *standing_again(struct standing *s, const struct config *now, bool *news);

/* The start or reload with it has succeeded: it is kept for bad days. Logs where that fails. */
void standing_keep(struct standing *s, const struct config *c);

#endif
