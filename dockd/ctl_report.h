/*
 * ctl_report: what the two files of dockctl report share.
 *
 * ctl_report.c gathers reports (files, or the daemon's), ctl_report_text.c shows them to people.
 */
#ifndef DOCKD_CTL_REPORT_H
#define DOCKD_CTL_REPORT_H

#include <jansson.h>
#include <stddef.h>

/* Fields of a report; "" and 0 where it has none of that kind: reports come from anywhere. */
const char *report_text(const json_t *object, const char *key);
json_int_t report_number(const json_t *object, const char *key);

/* One report, in full. */
void report_show(FILE *out, const json_t *report);
/* Many of one camera, as report_summary made it. */
void report_show_summary(FILE *out, const json_t *summary);

/*
 * Reports of one camera in the order of their docking: sums, a line a docking, and where no log
 * tells of the time between two. A new reference.
 */
json_t *report_summary(json_t *const *reports, size_t n);

#endif
