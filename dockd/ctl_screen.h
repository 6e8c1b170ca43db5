/*
 * ctl_screen: dockctl status as one screen of 24 lines and 80 columns, whatever the station's size.
 *
 * Used by ctl_show. What a person must do comes first, where to look further last. What does not fit
 * is summed up, never cut off unsaid: bays that need somebody are named.
 */
#ifndef DOCKD_CTL_SCREEN_H
#define DOCKD_CTL_SCREEN_H

#include "base/proto_station.h"

#include <stdbool.h>
#include <stdio.h>

#define SCREEN_LINES 24
#define SCREEN_COLUMNS 80
#define SCREEN_BAYS 256
#define SCREEN_DESTINATIONS 8

struct screen {
	struct proto_ctl_status status;
	size_t destinations_n, bays_n;
	struct proto_ctl_destination destination[SCREEN_DESTINATIONS];
	struct proto_ctl_bay bay[SCREEN_BAYS];
};

/* Pure but for the local time zone. colour: with escapes for colours; words say it all without. */
void screen_show(FILE *out, const struct screen *s, int64_t now_s, bool colour);

#endif
