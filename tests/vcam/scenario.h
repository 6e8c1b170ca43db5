/*
 * scenario: what the files that read a scenario share.
 *
 * Read by scenario.c and scenario_disk.c only.
 */
#ifndef VCAM_SCENARIO_H
#define VCAM_SCENARIO_H

#include <jansson.h>

#include "camera.h"

/* Text at key; usual where it lacks, "" where it is no text. */
const char *scenario_text(const json_t *from, const char *key, const char *usual);

/* A number, or a string such as "0x1d6b". */
int64_t scenario_number(const json_t *from, const char *key, int64_t usual);

void scenario_copy(char *to, size_t room, const json_t *from, const char *key, const char *usual);

#define TEXT(field, from, key, usual) scenario_copy(field, sizeof(field), from, key, usual)

/* Makes the camera a disk, from the key "disk". 0, or -EINVAL: *why says what is wrong. */
int scenario_disk(struct camera *c, const json_t *disk, const char **why);

/* Locks it, from the key "locked"; it is a disk already. 0, or -EINVAL: *why says what is wrong. */
int scenario_locked(struct camera *c, const json_t *locked, const json_t *usb, const char **why);

#endif
