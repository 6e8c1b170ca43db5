/*
 * payload: what the data phase of an object or of a disk's medium carries, how fast, and what
 * happens to it at a byte.
 *
 * Part of the responder, which sends the transfers.
 */
#ifndef VCAM_PAYLOAD_H
#define VCAM_PAYLOAD_H

#include "responder.h"

/* How many of want bytes the pace allows now; 0 sets wake_ns. */
uint64_t payload_allow(struct responder *r, const struct transfer *t, uint64_t want);

/* Copies the next n bytes of the transfer. */
void payload_copy(struct responder *r, struct transfer *t, uint8_t *buf, size_t n);

/*
 * The fault that is due within the next n bytes of t, and how many bytes go before it; n where
 * there is none. Halts and silences fall on the packet that holds the byte.
 */
struct fault *payload_due(struct responder *r, struct transfer *t, uint64_t *n);

/* Carries out a fault whose byte has come. Where it ends the filling, *result says how: true. */
bool payload_hurt(struct responder *r, struct transfer *t, struct fault *f, enum in_result *result);

/* ---- of responder.c ---- */

/* Forgets what is queued, and the transaction. */
void responder_drop_all(struct responder *r);

/* What ends a silence, by its word; usual where there is none. */
enum silence responder_silence(const char *text, enum silence usual);

#endif
