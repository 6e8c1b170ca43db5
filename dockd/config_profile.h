/*
 * config_profile: reads one camera profile; a part of config, nobody else calls it.
 */
#ifndef DOCKD_CONFIG_PROFILE_H
#define DOCKD_CONFIG_PROFILE_H

#include "profile.h"
#include "setting.h"

/*
 * Reads the profile in the file at path into *out. Problems go to e; then *out is not to be used.
 */
void config_profile_read(struct setting_errors *e, const char *path, struct profile *out);

#endif
