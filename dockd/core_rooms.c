/*
 * core_rooms: the rooms of the program: made, configured, ended; and what one hands over to another.
 */
#include "core_inner.h"

#include "arrival.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- hand-overs between the rooms ---- */

static void on_pulled(void *arg, uint64_t asset)
{
	intake_pulled(((struct core *)arg)->intake, asset);
}

static void on_changed(void *arg, uint64_t asset)
{
	struct core *c = arg;

	judge_changed(c->judge, asset);
	uplink_asset_changed(c->uplink, asset);
	bays_asset_changed(c->bays);
}

/* Judged, receipted: the bays, and what its stores are to hold. */
static void on_told(void *arg, uint64_t asset)
{
	struct core *c = arg;

	holder_asset_changed(c->holder, asset);
	bays_asset_changed(c->bays);
}

/* What its receipts allow is looked for again. */
static void on_met(void *arg)
{
	struct core *c = arg;

	bays_asset_changed(c->bays);
	retirement_again(c->retirement);
}

static void on_confirmed(void *arg, uint64_t asset)
{
	holder_asset_changed(((struct core *)arg)->holder, asset);
}

static void on_lost(void *arg, uint64_t asset)
{
	on_changed(arg, asset);
}

static void hotplug_up(void *arg)
{
	arrival_hotplug_up(((struct core *)arg)->bays);
}

static void hotplug_message(void *arg, struct msg *m)
{
	arrival_message(((struct core *)arg)->bays, m);
}

static void hotplug_down(void *arg)
{
	arrival_hotplug_down(((struct core *)arg)->bays);
}

static bool uploader_known(void *arg, const char *name)
{
	return uplink_known(((struct core *)arg)->uplink, name);
}

static void uploader_up(void *arg, const char *name, struct peer *p)
{
	uplink_up(((struct core *)arg)->uplink, name, p);
}

static void uploader_message(void *arg, const char *name, struct peer *p, struct msg *m)
{
	uplink_message(((struct core *)arg)->uplink, name, p, m);
}

static void uploader_down(void *arg, const char *name, struct peer *p)
{
	uplink_down(((struct core *)arg)->uplink, name, p);
}

/* ---- the rooms ---- */

/* What calls back is told of the others by the root. */
void core_open_rooms(struct core *c)
{
	static const struct bays_handlers bay_handlers = { on_pulled };
	static const struct intake_handlers intake_handlers = { on_changed };
	static const struct judge_handlers judge_handlers = { on_told };
	static const struct inquiry_handlers inquiry_handlers = { on_pulled };
	static const struct uplink_handlers uplink_handlers = { on_told, on_met };
	static const struct reconcile_handlers reconcile_handlers = { on_lost, on_confirmed };

	c->lights = lights_new(c->config->leds_dir);
	c->verifier = verifier_new(c->event, c->config->verify_jobs);
	c->intake = intake_new(c->journal, c->staging, c->verifier, &intake_handlers, c);
	intake_configure(c->intake, c->config->profile, c->config->profiles_n);
	c->judge = judge_new(c->journal, c->staging, c->verifier, &judge_handlers, c);
	judge_configure(c->judge, c->config->profile, c->config->profiles_n);
	c->acceptance = acceptance_new(c->journal, c->verifier);
	c->uplink =
	    uplink_new(c->journal, c->staging, c->intake, c->acceptance, &uplink_handlers, c);
	c->reconcile =
	    reconcile_new(c->journal, c->staging, c->uplink, c->acceptance, &reconcile_handlers, c);
	c->holder = holder_new(c->journal, c->uplink);
	c->retirement = retirement_new(c->journal, c->staging);
	c->bays = bays_new(c->event, c->journal, c->staging, c->lights, &bay_handlers, c);
	c->bays->volume_trouble = c->keeping.why;
	c->bays->ledger_trouble = checkpoint_trouble(c->checkpoint);
	c->bays->configuration_refused = c->standing.refused;
	bays_configure(c->bays, c->config);
	acceptance_configure(c->acceptance, c->config);
	c->inquiry = inquiry_new(
	    &(struct inquiry_parts){ c->journal, c->staging, c->verifier, c->bays, c->judge },
	    &inquiry_handlers, c);
	inquiry_configure(c->inquiry, c->config);
	uplink_configure(c->uplink, c->config);
	c->shipping = shipping_new(c->journal, c->uplink, c->checkpoint, c->config->station);
	shipping_configure(c->shipping, c->config);
	c->disposer = disposer_new(c->journal, c->staging, c->uplink);
	disposer_configure(c->disposer, c->config);
	c->retention = retention_new(c->journal, c->uplink, c->disposer);
	retention_configure(c->retention, c->config);
	reconcile_configure(c->reconcile, c->config);
	holder_configure(c->holder, c->config);
	retirement_configure(c->retirement, c->config);
}

void core_configure_rooms(struct core *c)
{
	const struct config *fresh = c->config;

	bays_configure(c->bays, fresh);
	intake_configure(c->intake, fresh->profile, fresh->profiles_n);
	judge_configure(c->judge, fresh->profile, fresh->profiles_n);
	acceptance_configure(c->acceptance, fresh);
	inquiry_configure(c->inquiry, fresh);
	uplink_configure(c->uplink, fresh);
	shipping_configure(c->shipping, fresh);
	disposer_configure(c->disposer, fresh);
	retention_configure(c->retention, fresh);
	reconcile_configure(c->reconcile, fresh);
	holder_configure(c->holder, fresh);
	retirement_configure(c->retirement, fresh);
	control_configure(c->control, fresh);
}

void core_end_workers(struct core *c)
{
	bays_free(c->bays);
	verifier_free(c->verifier);
	intake_free(c->intake);
	judge_free(c->judge);
	inquiry_free(c->inquiry);
}

void core_close_rooms(struct core *c)
{
	uplink_free(c->uplink);
	shipping_free(c->shipping);
	retention_free(c->retention);
	disposer_free(c->disposer);
	reconcile_free(c->reconcile);
	holder_free(c->holder);
	retirement_free(c->retirement);
	acceptance_free(c->acceptance);
}

void core_open_sockets(struct core *c)
{
	static const struct link_handlers handlers = {
		hotplug_up,
		hotplug_message,
		hotplug_down,
		uploader_known,
		uploader_up,
		uploader_message,
		uploader_down,
	};
	struct control_parts parts = {
		.station = c->station,
		.keeping = &c->keeping,
		.journal = c->journal,
		.checkpoint = c->checkpoint,
		.staging = c->staging,
		.bays = c->bays,
		.lights = c->lights,
		.intake = c->intake,
		.judge = c->judge,
		.inquiry = c->inquiry,
		.uplink = c->uplink,
		.retention = c->retention,
		.disposer = c->disposer,
		.reconcile = c->reconcile,
		.holder = c->holder,
		.configuration_refused = c->standing.refused,
	};
	char path[sizeof(c->config->run_dir) + 16];
	int r;

	memcpy(c->station, c->config->station, sizeof(c->station));
	snprintf(path, sizeof(path), "%s/control.sock", c->config->run_dir);
	r = control_open(c->event, path, &parts, &c->control);
	if (r < 0)
		fatal("path=%s reason=\"%s\"", path, strerror(-r));
	control_configure(c->control, c->config);
	textfile_configure(&c->textfile, c->config->metrics_file);
	snprintf(path, sizeof(path), "%s/core.sock", c->config->run_dir);
	r = link_open(c->event, path, c->config->core_gid, c->config->hotplug_uid,
	    c->config->uploader_uid, c->config->station, &handlers, c, &c->link);
	if (r < 0)
		fatal("path=%s reason=\"%s\"", path, strerror(-r));
	bays_set_link(c->bays, c->link);
}
