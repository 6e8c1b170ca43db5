/*
 * control: what the files that carry out a test's commands share.
 *
 * Read by control.c and control_disk.c only.
 */
#ifndef VCAM_CONTROL_H
#define VCAM_CONTROL_H

#include <jansson.h>

#include "vcam.h"

json_t *control_yes(void);
json_t *control_no(const char *why);

/* The numbers of a disk under their keys; false: no such key, or no disk. */
bool control_disk_value(const struct vcam *v, const char *key, uint64_t *value);
void control_disk_stats(const struct vcam *v, json_t *out);

json_t *control_sent(struct vcam *v, char **words, size_t n, const char *rest);
json_t *control_poke(struct vcam *v, char **words, size_t n, const char *rest);
json_t *control_medium(struct vcam *v, char **words, size_t n, const char *rest);

#endif
