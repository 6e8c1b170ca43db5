/*
 * config_camera: what a profile says of a camera's driver: its unlock languages, the settings that
 * it shall have, and which of its settings contradict each other. A part of config_profile.
 */
#ifndef DOCKD_CONFIG_CAMERA_H
#define DOCKD_CONFIG_CAMERA_H

#include "profile.h"
#include "setting.h"

/*
 * Reads the lists "unlock" and "settings" into *p, the rest of which has been read, and tells what
 * cannot stand together. Problems go to e.
 */
void config_camera_read(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p);

#endif
