/*
 * control_doctor: what the core knows of the station's health: collected here, judged by doctor.
 *
 * Called by control for ASK_DOCTOR. All findings are made anew for each page, in the same order;
 * only those of the page are sent.
 */
#include "certificate.h"
#include "control_client.h"
#include "doctor.h"
#include "index_flow.h"
#include "volume.h"

#include <stdio.h>
#include <string.h>

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
	look_at_disk(c, to);
	doctor_encryption(to, c->doctor.state_dir, volume_is_encrypted(c->doctor.state_dir),
	    volume_swap_is_encrypted());
	doctor_ledger(to, &ledger);
	doctor_intake(to, c->p.bays->hotplug, c->p.bays->synced, bays_stop_why(c->p.bays));
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
	c->doctor.destinations_n = config->destinations_n;
	for (size_t i = 0; i < config->destinations_n; i++)
		take_keys(&c->doctor.destination[i], &config->destination[i]);
}
