/*
 * audit_line: one line of an audit log in the form of dockd-audit(5), read; pure.
 *
 * Called by audit for each line. It says what the line says, and judges nothing but its form.
 */
#ifndef DOCKD_AUDIT_LINE_H
#define DOCKD_AUDIT_LINE_H

#include "../base/proto.h"

#define AUDIT_VERSION 1
#define AUDIT_SEQ_MAX (1LL << 53) /* what every reader of JSON can hold */

enum audit_event {
	AUDIT_UNKNOWN = 0, /* well formed, of a name that this version does not know */
	AUDIT_LOG_START,
	AUDIT_POWER_ON,
	AUDIT_POWER_OFF,
	AUDIT_RECORD_START,
	AUDIT_RECORD_STOP,
	AUDIT_MUTE,
	AUDIT_UNMUTE,
	AUDIT_BUFFER_ON,
	AUDIT_BUFFER_OFF,
	AUDIT_BATTERY,
	AUDIT_CLOCK_SET,
	AUDIT_DOCKED,
	AUDIT_UNDOCKED,
	AUDIT_USER,
	AUDIT_DELETE,
	AUDIT_CARD_REMOVED,
	AUDIT_CARD_INSERTED,
	AUDIT_ERROR,
	AUDIT_HEARTBEAT,
	AUDIT_EVENTS,
};

struct audit_line {
	uint64_t seq;
	int64_t time_ms; /* UTC, milliseconds since 1970 */
	enum audit_event event;
	uint8_t prev[PROTO_SHA256_LEN];
	/* of the event, where it has such a field */
	bool has_size, has_sha256;
	uint64_t size_bytes;
	uint8_t sha256[PROTO_SHA256_LEN];
	int64_t from_ms, to_ms; /* clock-set */
	uint32_t percent, version;
	uint32_t heartbeat_s;      /* 0: not told */
	char file[PROTO_PATH_LEN]; /* UTF-8 */
	char text[PROTO_TEXT_LEN]; /* reason, user id, serial or error's text; cut to fit */
};

/*
 * Reads a line without its newline, len <= LINES_MAX. 0, or -EBADMSG: not a line of this form
 * (*why: a fixed text).
 */
int audit_line_parse(const char *line, size_t len, struct audit_line *out, const char **why);

const char *audit_event_name(enum audit_event event);

/* RFC 3339 with its offset, 1970 to 9999, to UTC milliseconds. */
bool audit_time(const char *text, int64_t *ms);

#endif
