/*
 * audit_clip: each recording that a log tells of, against the clips that are there; pure.
 *
 * Part of audit, which alone calls it. Its tables are bounded by the facts and AUDIT_PENDING.
 */
#ifndef DOCKD_AUDIT_CLIP_H
#define DOCKD_AUDIT_CLIP_H

#include "audit.h"

/* Puts the clips of the facts in order. */
void clips_sort(struct audit *a);
void clips_clear(struct audit *a);
/* A line whose recording was judged before, or cannot be: its clip is told of, no more. */
void clips_remember(struct audit *a, const struct audit_line *line);
/* A new line; the asset that its recording was matched with, or 0. */
uint64_t clips_compare(struct audit *a, const struct audit_line *line);
/* The logs are over: what is missing, and which clips no line tells of (told: any line was). */
void clips_end(struct audit *a, bool told);

#endif
