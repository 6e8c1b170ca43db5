/*
 * operations: what the files that carry out PTP operations share (PIMA 15740, MTP 1.1).
 *
 * Read by operations.c and device.c only.
 */
#ifndef VCAM_OPERATIONS_H
#define VCAM_OPERATIONS_H

#include "dataset.h"
#include "responder.h"

#define OK 0x2001
#define GENERAL_ERROR 0x2002
#define SESSION_NOT_OPEN 0x2003
#define INVALID_TRANSACTION 0x2004
#define NOT_SUPPORTED 0x2005
#define INVALID_STORAGE 0x2008
#define INVALID_HANDLE 0x2009
#define PROP_NOT_SUPPORTED 0x200a
#define WRITE_PROTECTED 0x200d
#define STORE_READ_ONLY 0x200e
#define ACCESS_DENIED 0x200f
#define INVALID_PARENT 0x201a
#define INVALID_PARAMETER 0x201d
#define SESSION_ALREADY_OPEN 0x201e
#define INVALID_PROP_CODE 0xa801
#define BY_GROUP_UNSUPPORTED 0xa807
#define BY_DEPTH_UNSUPPORTED 0xa808
#define ANY 0xffffffffu

#define EVENT_OBJECT_REMOVED 0x4003

/* Queues a dataset, with the lies that faults want in it, and the OK after it. */
void operation_give(struct responder *r, struct dataset *d);

/* The codes that this camera offers, into codes[64]. Returns how many. */
size_t operation_offered(const struct responder *r, uint16_t *codes);

void device_get_info(struct responder *r);
void device_get_prop(struct responder *r); /* GetDevicePropDesc too */
void device_set_prop(struct responder *r);

#endif
