/*
 * ctl_doctor: what the files of dockctl doctor share. Included by ctl_doctor*.c only.
 */
#ifndef DOCKD_CTL_DOCTOR_H
#define DOCKD_CTL_DOCTOR_H

#include "check.h"

/* Why it matters, by the word of a check; "" for a word that is not in the table. */
const char *doctor_why(const char *check);

#endif
