/*
 * receipt_lines: the nine lines of a signed receipt (dockd-receipt(5)), taken apart; pure.
 *
 * Used by dockd-verify, which judges a receipt when it comes, and by dockctl, which judges it again
 * in a proof bundle, on any machine. It opens no signature: that is note's, and comes first.
 */
#ifndef DOCKD_RECEIPT_LINES_H
#define DOCKD_RECEIPT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum receipt_line {
	RECEIPT_ORIGIN,
	RECEIPT_FORM,
	RECEIPT_SHA256,
	RECEIPT_LENGTH,
	RECEIPT_ASSET,
	RECEIPT_STATION,
	RECEIPT_OBJECT,
	RECEIPT_VERSION,
	RECEIPT_TIME,
	RECEIPT_LINES
};

#define RECEIPT_SLACK_S 300 /* that a server's clock may be off */

/* What stands behind the word of a line; into the text, not terminated. */
struct receipt_value {
	const char *at;
	size_t len;
};

/* The values of exactly these lines in this order; -1, or the line that is not there. */
int receipt_split(const char *text, size_t len, struct receipt_value values[RECEIPT_LINES]);
bool receipt_equals(const struct receipt_value *v, const char *text);
/* "2026-11-21T14:30:05Z" (RFC 3339 section 5.6; UTC, whole seconds). INT64_MIN: it is not. */
int64_t receipt_time(const struct receipt_value *v);
/* The word that a line begins with, "sha256 "; "" for the origin. */
const char *receipt_prefix(enum receipt_line line);

#endif
