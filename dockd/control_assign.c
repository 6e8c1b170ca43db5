/*
 * control_assign: a person says to whom a camera is issued: recorded, and told to the camera.
 */
#include "configuration.h"
#include "control_client.h"
#include "control_evidence.h"
#include "control_inner.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

/* An id as it may stand in the ledger and on a camera: visible ASCII without blanks. */
static bool is_id(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	}
	return len < PROTO_ID_TEXT_LEN;
}

/* "OFFICER\nUNIT" into its two parts. */
static bool split(const char *value, char officer[PROTO_ID_TEXT_LEN], char unit[PROTO_ID_TEXT_LEN])
{
	size_t first = strcspn(value, "\n");
	const char *second = value + first + (value[first] == '\n');
	size_t rest = strlen(second);

	if (value[first] != '\n' || !is_id(value, first) || !is_id(second, rest))
		return false;
	memcpy(officer, value, first);
	officer[first] = '\0';
	memcpy(unit, second, rest + 1);
	return true;
}

int control_assign(struct client *k)
{
	char officer[PROTO_ID_TEXT_LEN], unit[PROTO_ID_TEXT_LEN];
	struct control *c = k->control;
	size_t n = strlen(k->ask.text);
	char text[PROTO_TEXT_LEN * 2];
	struct record r;

	if (n == 0 || n >= PROTO_TEXT_LEN)
		return client_end(k, -EINVAL, 0, "name the camera by its serial number");
	if (!client_gave_reason(k))
		return 0;
	if (!split(k->ask.value, officer, unit))
		return client_end(k, -EINVAL, 0,
		    "an id has up to 39 visible ASCII characters, no blanks: never a name");
	record_begin(&r, "assigned");
	record_text(&r, "camera", k->ask.text);
	record_text(&r, "officer", officer);
	record_text(&r, "unit", unit);
	record_text(&r, "reason", k->ask.reason);
	record_number(&r, "uid", k->uid);
	journal_write(c->p.journal, &r);
	if (journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	log_info("assigned", "uid=%u camera=\"%s\" officer=%s unit=%s", (unsigned)k->uid,
	    log_text(k->ask.text), officer, unit);
	configuration_renew(c->p.bays, k->ask.text);
	snprintf(text, sizeof(text),
	    "%.60s is issued to officer %s, unit %s: it is told at its next docking, or at once "
	    "where it is docked",
	    k->ask.text, officer[0] ? officer : "nobody", unit[0] ? unit : "none");
	return client_end(k, 0, 0, text);
}
