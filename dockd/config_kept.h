/*
 * config_kept: the last configuration that was good, kept in the state folder, for a start at which
 * the one on disk is not.
 *
 * Called by standing. It keeps the files as people wrote them, dockd.conf and the profiles, in
 * FOLDER/configuration; it never decides when they count, and never touches what it copies.
 */
#ifndef DOCKD_CONFIG_KEPT_H
#define DOCKD_CONFIG_KEPT_H

#include "config.h"

/*
 * Keeps what c was read from (path: NULL where all are defaults) below folder, all or nothing; what
 * is kept already is left as it is. What is kept has been read again from there and is good. 0 or
 * -errno; -ESTALE: the files have been changed since c was read and are bad now.
 */
int config_kept_save(const char *folder, const char *path, const struct config *c);

/* What is kept below folder, as config_new; *since_s: when it was put there. NULL: none, or bad. */
struct config *config_kept_read(const char *folder, int64_t *since_s);

/* Whether what is kept below folder has a dockd.conf, so that its absence is no set of defaults. */
bool config_kept_has_file(const char *folder);

#endif
