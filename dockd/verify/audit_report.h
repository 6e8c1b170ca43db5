/*
 * audit_report: the activation report of one docking, as JSON (dockd-report(5)).
 *
 * Called by audit_job when all logs are read. It writes down what audit and activation hold, and
 * decides nothing.
 */
#ifndef DOCKD_AUDIT_REPORT_H
#define DOCKD_AUDIT_REPORT_H

#include "audit.h"

/* The document with a newline at its end; the caller frees it. NULL: no memory. */
char *audit_report(const struct audit *a);

#endif
