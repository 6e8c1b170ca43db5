/*
 * sheet: one page that hangs on a wall, as plain text of 80 columns or as HTML that fits A4.
 *
 * Used by ctl_card only. It knows how a page looks, not what is on it. The HTML needs nothing beside
 * itself, and is read without colour: a lamp is drawn as a strip of six seconds, filled where lit.
 */
#ifndef DOCKD_SHEET_H
#define DOCKD_SHEET_H

#include "light_table.h"

#include <stdio.h>

#define SHEET_COLUMNS 80
#define SHEET_LINES 60
#define SHEET_TICKS (LIGHT_WATCH_S * 1000 / LIGHT_TICK_MS)

struct sheet {
	FILE *out;
	bool html;
	bool dense;                                         /* much on it: small letters */
	enum { SHEET_PLAIN, SHEET_LAMPS, SHEET_LIST } open; /* what has been begun */
};

/* Text is UTF-8 without controls; what HTML would take for its own is escaped here. */
void sheet_begin(struct sheet *s, const char *title, const char *station);
void sheet_heading(struct sheet *s, const char *text);
/* Title, strip, timing, what it means, and what to do; brief: without what it means. */
void sheet_lamp(struct sheet *s, const struct light_row *row, bool brief);
/* One thing to know or to do. */
void sheet_item(struct sheet *s, const char *text);
/* A command, and below it what it is for. */
void sheet_command(struct sheet *s, const char *command, const char *what);
void sheet_end(struct sheet *s, const char *foot);

#endif
