/*
 * ctl_light: what the files of dockctl light share. Included by ctl_light*.c only.
 */
#ifndef DOCKD_CTL_LIGHT_H
#define DOCKD_CTL_LIGHT_H

struct ctl;

/* Asks at the terminal whose each lamp of `which` is ("", "all": every one). An enum ctl_exit. */
int light_map(struct ctl *c, const char *which);

#endif
