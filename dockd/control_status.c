/*
 * control_status: the station in one row, its light, and what of it only a person can mend.
 */
#include "base/log.h"
#include "base/proto_station.h"
#include "control_answer.h"
#include "control_client.h"
#include "control_evidence.h"
#include "control_inner.h"
#include "index_evidence.h"
#include "light_table.h"
#include "outlook.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum station_light control_station_light(const struct control *c)
{
	char text[PROTO_TEXT_LEN * 2];
	struct uplink_state d;
	bool away = false;

	retention_text(c->p.retention, text, sizeof(text));
	if (text[0])
		return STATION_NEEDS_IT;
	if (!journal_works(c->p.journal) || bays_stop_why(c->p.bays)[0] || !c->p.bays->hotplug)
		return STATION_NEEDS_IT;
	if (c->p.configuration_refused[0] || journal_doubt(c->p.journal)[0] || log_failure() < 0)
		return STATION_NEEDS_IT;
	if (outlook_text(c->p.uplink, text, sizeof(text)))
		return STATION_NEEDS_IT;
	if (uplink_certificates_text(c->p.uplink, text, sizeof(text)))
		return STATION_NEEDS_IT;
	if (health_text(c->p.bays, text, sizeof(text)) || control_root_needs(c, text, sizeof(text)))
		return STATION_NEEDS_IT;
	for (size_t i = 0; uplink_state(c->p.uplink, i, &d) == 0; i++) {
		if (d.another || d.person)
			return STATION_NEEDS_IT;
		away = away || d.away;
	}
	return away ? STATION_AWAY : STATION_WELL;
}

static void need(char *text, size_t room, const char *what)
{
	size_t used = strlen(text);

	snprintf(text + used, room - used, "%s%s", used ? "; " : "", what);
}

/* What a person must do, the most pressing first. */
static void tell_needs(
    const struct control *c, const struct index_counts *n, char *text, size_t room)
{
	char one[PROTO_TEXT_LEN * 2];

	if (!journal_works(c->p.journal) &&
	    strcmp(journal_why(c->p.journal), bays_stop_why(c->p.bays)) != 0)
		need(text, room, journal_why(c->p.journal));
	if (bays_stop_why(c->p.bays)[0])
		need(text, room, bays_stop_why(c->p.bays));
	if (journal_doubt(c->p.journal)[0])
		need(text, room, journal_doubt(c->p.journal));
	if (c->p.configuration_refused[0])
		need(text, room, c->p.configuration_refused);
	if (log_failure() < 0) {
		snprintf(one, sizeof(one),
		    "the log cannot be written: %s: make room where it lies, or correct log; what "
		    "is not in it goes to standard error",
		    strerror(-log_failure()));
		need(text, room, one);
	}
	if (!c->p.bays->hotplug)
		need(text, room, "dockd-hotplug is not connected: no camera is seen; start it");
	if (n->needs_person) {
		char some[64];

		snprintf(some, sizeof(some), "%" PRIu64 " files need a person: dockctl queue",
		    n->needs_person);
		need(text, room, some);
	}
	reconcile_text(c->p.reconcile, one, sizeof(one));
	if (one[0])
		need(text, room, one);
	control_destination_needs(c, text, room);
	retention_text(c->p.retention, one, sizeof(one));
	if (one[0])
		need(text, room, one);
	if (outlook_text(c->p.uplink, one, sizeof(one)))
		need(text, room, one);
	if (uplink_certificates_text(c->p.uplink, one, sizeof(one)))
		need(text, room, one);
	control_root_needs(c, one, sizeof(one));
	if (one[0])
		need(text, room, one);
	health_text(c->p.bays, one, sizeof(one));
	if (one[0])
		need(text, room, one);
	holder_text(c->p.holder, one, sizeof(one));
	if (one[0])
		need(text, room, one);
	control_needs(c, text, room);
}

static unsigned count_bays(const struct bays *h, unsigned *occupied)
{
	unsigned n = 0;

	*occupied = 0;
	for (size_t i = 0; i < h->n; i++) {
		const struct bay *b = h->bay[i];

		n += b->state != BAY_FOREIGN;
		*occupied +=
		    b->state != BAY_EMPTY && b->state != BAY_LEFT && b->state != BAY_FOREIGN;
	}
	return n;
}

void control_headline(const struct control *c, char *out, size_t room)
{
	char text[PROTO_TEXT_LEN * 2] = "";
	struct index_counts n = { 0 };
	unsigned bays, occupied;

	bays = count_bays(c->p.bays, &occupied);
	index_counts(control_index(c), &n);
	tell_needs(c, &n, text, sizeof(text));
	snprintf(out, room, "%s; %u docked, %u bays%s%s",
	    light_station_row(control_station_light(c))->summary, occupied, bays,
	    text[0] ? "; " : "", text);
}

int control_status(struct client *k)
{
	struct control *c = k->control;
	struct proto_ctl_status s = {
		.generation = c->generation,
		.records = journal_records(c->p.journal),
		.hotplug_connected = c->p.bays->hotplug,
		.station_light = control_station_light(c),
		.plaintext = c->p.keeping->plaintext,
		.intake_stopped = bays_stop_why(c->p.bays)[0] || !journal_works(c->p.journal),
		.erase = c->p.bays->settings.erase,
		.accept_level = c->p.bays->settings.accept,
	};
	struct staging_space space = { 0 };
	struct index_counts n = { 0 };
	int r;

	snprintf(s.station, sizeof(s.station), "%s", c->p.station);
	snprintf(s.version, sizeof(s.version), "%s", DOCKD_VERSION);
	s.checked_records = checkpoint_checked(c->p.checkpoint);
	s.checkpoint_size = checkpoint_size(c->p.checkpoint);
	index_counts(control_index(c), &n);
	s.assets = n.assets;
	s.receipted = n.receipted;
	s.erased = n.erased;
	s.unsent_bytes = n.unsent_bytes;
	s.oldest_unsent_s = n.oldest_unsent_s;
	s.dockings = n.dockings;
	staging_space(c->p.staging, &space);
	s.disk_free_bytes = space.free_bytes;
	s.disk_reserve_bytes = space.reserve_bytes;
	s.bays = count_bays(c->p.bays, &s.occupied);
	s.disk_full_s = control_filling(c, &space).full_s;
	control_cameras_count(c, &s.cameras_known, &s.cameras_overdue);
	tell_needs(c, &n, s.text, sizeof(s.text));
	control_fill_retention(c, &s);
	s.findings = index_findings_count(control_index(c));
	r = client_send(k, MSG_STATUS, &s, -1);
	if (r == 0)
		r = control_destinations(k);
	return r < 0 ? r : client_end(k, 0, 0, "");
}
