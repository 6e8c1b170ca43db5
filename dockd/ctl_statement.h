/*
 * ctl_statement: what a proof bundle says about a file, as sentences for people who read no records.
 *
 * ctl_statement.c makes the sheet and shows it; ctl_statement_record.c has what each record says. No
 * sentence says more than a record does.
 */
#ifndef DOCKD_CTL_STATEMENT_H
#define DOCKD_CTL_STATEMENT_H

#include "base/proto.h"
#include "base/record.h"

struct bundle_view;
struct json_t;

#define PARTS 8

/* The sheet's parts, in this order; each a list of sentences. */
enum part { FILE_ITSELF, RECORDED, TAKEN_OFF, UNCHANGED, STORED, ERASED, HANDS, UNKNOWN };

/* What is being written, and what the records have said so far. */
struct sheet {
	const struct bundle_view *v;
	struct json_t *part[PARTS];
	struct record record; /* the one being looked at */
	bool clock_known, clock_proved, recorded_told;
	uint64_t interrupted;
	char signature[32], signature_text[PROTO_TEXT_LEN * 2];
	bool time_unproved, confirmed;
	char camera[PROTO_TEXT_LEN + 4];
};

/* A sentence more in this part; what stands in it from outside is made harmless. */
__attribute__((format(printf, 3, 4))) void statement_say(
    struct sheet *s, enum part part, const char *form, ...);

/* "21 November 2026, 14:03:05" of a number of seconds; "" where that is no time. */
const char *statement_date(int64_t seconds, char out[64]);

/* What s->record says, in the parts where it belongs. */
void statement_record(struct sheet *s);

#endif
