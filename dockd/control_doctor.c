/*
 * control_doctor: what the core knows of the station's health: collected here, judged by doctor.
 *
 * Called by control for ASK_DOCTOR. All findings are made anew for each page, in the same order;
 * only those of the page are sent.
 */
#include "certificate.h"
#include "control_answer.h"
#include "control_client.h"
#include "control_inner.h"
#include "doctor.h"
#include "index_clock.h"
#include "index_docking.h"
#include "index_flow.h"
#include "lamp_name.h"
#include "volume.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One page of findings on its way to a client. */
struct page {
	struct client *client;
	uint64_t seen, sent;
	int error;
	bool more;
};

static void take(void *arg, const struct proto_check *check)
{
	struct page *p = arg;

	if (p->seen++ < p->client->ask.cursor || p->error < 0)
		return;
	if (p->sent == CONTROL_PAGE) {
		p->more = true;
		return;
	}
	p->error = client_send(p->client, MSG_CHECK, check, -1);
	p->sent++;
}

struct filling control_filling(const struct control *c, const struct staging_space *space)
{
	struct filling_day days[FILLING_DAYS + 1];
	struct index *ix = control_index(c);
	int64_t now_s = clock_now_s();
	int n = index_flow(ix, now_s / FILLING_DAY_S - FILLING_DAYS, days, FILLING_DAYS + 1);

	return filling_judge(days, n > 0 ? (size_t)n : 0, index_flow_first_s(ix), now_s,
	    space->free_bytes, space->reserve_bytes);
}

static void look_at_disk(const struct control *c, const struct checks *to)
{
	struct doctor_disk d = { .path = c->doctor.state_dir };
	struct staging_space space = { 0 };
	struct index_counts n = { 0 };

	staging_space(c->p.staging, &space);
	index_counts(control_index(c), &n);
	d.free_bytes = space.free_bytes;
	d.reserve_bytes = space.reserve_bytes;
	d.total_bytes = space.total_bytes;
	d.inodes = space.inodes;
	d.inodes_free = space.inodes_free;
	d.oldest_unsent_s = n.oldest_unsent_s;
	d.filling = control_filling(c, &space);
	doctor_disk(to, &d, clock_now_s());
}

static void look_at_station(const struct control *c, const struct checks *to)
{
	struct doctor_ledger ledger = {
		.trouble = checkpoint_trouble(c->p.checkpoint),
		.stopped = journal_works(c->p.journal) ? "" : journal_why(c->p.journal),
		.records = checkpoint_size(c->p.checkpoint),
		.checked = checkpoint_checked(c->p.checkpoint),
	};
	struct clock_state clock;

	clock_state(&clock);
	doctor_clock(to, &clock);
	doctor_clock_ahead(to, index_clock_doubt_s(control_index(c)));
	look_at_disk(c, to);
	doctor_encryption(to, c->doctor.state_dir, volume_is_encrypted(c->doctor.state_dir),
	    volume_swap_is_encrypted());
	doctor_ledger(to, &ledger);
	doctor_intake(to, c->p.bays->hotplug, c->p.bays->synced, bays_stop_why(c->p.bays));
}

/* Without opening it, which would make it dark. */
static void look_at_lamp(
    const struct control *c, const struct checks *to, const char *bay, const char *name)
{
	char found[PROTO_NAME_LEN], path[sizeof(c->doctor.leds_dir) + sizeof(found) + 16];
	int error;

	if (!name[0])
		return;
	error = lamp_name_find(c->doctor.leds_dir, name, found, sizeof(found));
	if (error == 0) {
		snprintf(path, sizeof(path), "%s/%s/brightness", c->doctor.leds_dir, found);
		error = access(path, W_OK) < 0 ? -errno : 0;
	}
	doctor_lamp(to, bay, name, error);
}

static void look_at_bays(const struct control *c, const struct checks *to)
{
	const struct controllers *all = &c->p.bays->controllers;
	char text[PROTO_TEXT_LEN * 2];

	for (size_t i = 0; i < c->doctor.bays_n; i++) {
		const struct config_bay *b = &c->doctor.bay[i];
		const struct bay *now = bays_find(c->p.bays, b->port);

		look_at_lamp(c, to, b->name, b->light);
		doctor_bay(to, b->name, b->port, index_bay_seen(control_index(c), b->name),
		    now && now->state == BAY_FOREIGN);
	}
	look_at_lamp(c, to, "station", c->doctor.station_light);
	for (size_t i = 0; i < all->n; i++) {
		controllers_text(&all->row[i], text, sizeof(text));
		doctor_controller(
		    to, all->row[i].name, controllers_judge(&all->row[i]) == RESOURCES_OUT, text);
	}
}

/* The kernel says so in its link to what this process runs. */
static bool was_replaced(void)
{
	static const char gone[] = " (deleted)";
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < (ssize_t)sizeof(gone))
		return false;
	exe[n] = '\0';
	return strcmp(exe + n - (sizeof(gone) - 1), gone) == 0;
}

static void look_at_program(const struct control *c, const struct checks *to)
{
	doctor_program(to, DOCKD_VERSION, was_replaced());
	doctor_configuration_in_force(to, c->p.configuration_refused);
	if (c->doctor.log_file[0])
		doctor_log(
		    to, c->doctor.log_file, access(c->doctor.log_file, W_OK) < 0 ? -errno : 0);
}

/* Which they are is not for everybody who may ask this. */
static void look_at_cameras(const struct control *c, const struct checks *to)
{
	uint64_t known, overdue;

	control_cameras_count(c, &known, &overdue);
	if (overdue > 0)
		check_say(to, CHECK_NOTE, "cameras", "",
		    "custodian: dockctl camera list --overdue names them: ask for them; dockctl camera "
		    "forget for what is lost or retired",
		    "%" PRIu64 " of %" PRIu64 " cameras have not been docked for %" PRIu32 " days",
		    overdue, known, c->camera_overdue_s / 86400);
	else
		check_say(
		    to, CHECK_WELL, "cameras", "", "", "none of %" PRIu64 " is overdue", known);
}

static void look_at_certificates(
    const struct control *c, const struct checks *to, size_t n, const char *name)
{
	int64_t from_s, until_s;

	for (unsigned i = CERTIFICATE_CLIENT; i < CERTIFICATES; i++) {
		if (uplink_certificate(c->p.uplink, n, i, &from_s, &until_s) == 0)
			doctor_certificate(to, name, i, from_s, until_s, clock_now_s());
	}
}

static void look_at_line(const struct control *c, const struct checks *to)
{
	struct doctor_rules rules = {
		.erase = c->p.bays->settings.erase,
		.any = c->p.bays->settings.any,
		.accept = c->p.bays->settings.accept,
	};
	int64_t now_s = clock_now_s();
	struct uplink_state d;

	for (size_t i = 0; uplink_state(c->p.uplink, i, &d) == 0; i++) {
		doctor_destination(to, &d, &rules);
		look_at_certificates(c, to, i, d.name);
	}
	for (size_t i = 0; i < c->doctor.destinations_n; i++) {
		const struct control_keys *k = &c->doctor.destination[i];

		doctor_windows(to, "pins", k->name, k->pin, k->pins_n, now_s);
		doctor_windows(to, "receipt-keys", k->name, k->receipt, k->receipts_n, now_s);
	}
}

int control_doctor(struct client *k)
{
	struct page page = { .client = k };
	struct checks to = { take, &page };

	look_at_station(k->control, &to);
	look_at_bays(k->control, &to);
	look_at_program(k->control, &to);
	look_at_cameras(k->control, &to);
	look_at_line(k->control, &to);
	if (page.error < 0)
		return page.error;
	return client_end(k, 0, page.more ? k->ask.cursor + page.sent : 0, "");
}

static void take_keys(struct control_keys *k, const struct config_destination *d)
{
	static const uint8_t none[PROTO_SHA256_LEN];

	memcpy(k->name, d->name, sizeof(k->name));
	k->pins_n = k->receipts_n = 0;
	while (k->pins_n < PROTO_PINS &&
	    memcmp(d->wire.pin[k->pins_n].sha256, none, sizeof(none)) != 0) {
		k->pin[k->pins_n] = (struct doctor_window){ d->wire.pin[k->pins_n].from_s,
			d->wire.pin[k->pins_n].until_s };
		k->pins_n++;
	}
	for (size_t i = 0; i < d->receipt_keys_n; i++)
		k->receipt[k->receipts_n++] =
		    (struct doctor_window){ d->receipt_key[i].from_s, d->receipt_key[i].until_s };
}

void control_doctor_configure(struct control *c, const struct config *config)
{
	snprintf(c->doctor.state_dir, sizeof(c->doctor.state_dir), "%s", config->state_dir);
	snprintf(c->doctor.log_file, sizeof(c->doctor.log_file), "%s", config->log_file);
	snprintf(c->doctor.leds_dir, sizeof(c->doctor.leds_dir), "%s", config->leds_dir);
	memcpy(c->doctor.station_light, config->station_light, sizeof(c->doctor.station_light));
	c->doctor.bays_n = config->bays_n;
	memcpy(c->doctor.bay, config->bay, sizeof(c->doctor.bay));
	c->doctor.destinations_n = config->destinations_n;
	for (size_t i = 0; i < config->destinations_n; i++)
		take_keys(&c->doctor.destination[i], &config->destination[i]);
}
