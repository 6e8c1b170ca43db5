/*
 * core: the root of the program. The order in which things are set up, the loop, the end; nothing
 * else. The rooms and what they hand over to each other are in core_rooms.c.
 *
 * A turn: events (messages of children and peers write records) -> commit -> plan (intents) ->
 * commit -> act. What is permitted by a record happens after that record is on disk.
 */
#include "core_inner.h"

#include "child.h"
#include "clock.h"
#include "clock_set.h"
#include "listener.h"
#include "manager.h"
#include "policy.h"
#include "state.h"
#include "turn.h"

#include "base/log.h"
#include "base/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_US (LIGHT_TICK_MS * UINT64_C(1000))
#define TICKS_LATE 4    /* so many are made up for at once */
#define TURN_EVENTS 256 /* events taken before a turn's commit */
#define CLOCK_TICKS 4   /* about a second: whether the time of day was set, the sockets are there */
#define MENDED_TICKS 20 /* five seconds: a configuration that is refused is looked at again */
#define BROKEN_MS 60000 /* a minute to be read in `dockctl status`, then a new start may mend it */
#define STATUS_TICKS 40 /* how often the service manager is told anew */
#define END_MS 15000    /* for workers to end, half of what the unit gives us (TimeoutStopSec) */
#define LOOK_TICKS 20   /* how often the volume is looked at: is it there, is swap encrypted */

/* ---- configuration ---- */

/* Where a missing volume has come, a new start finds it; in here all is in its stead. */
static void look_at_volume(struct core *c)
{
	if (c->state_failed || !keeping_look(&c->keeping, c->config))
		return;
	bays_asset_changed(c->bays);
	if (c->beside && c->keeping.mounted && !(c->fresh && c->keeping.why[0])) {
		log_info("starting-anew", "path=%s reason=\"its volume is there\"",
		    c->config->state_dir);
		sd_event_exit(c->event, 0);
	}
}

static void take_configuration(struct core *c, struct config *fresh)
{
	struct config *old = c->config;

	c->config = fresh;
	core_configure_rooms(c);
	if (strcmp(old->station_light, fresh->station_light) != 0)
		lights_set(c->lights, old->station_light, LIGHT_OFF);
	textfile_configure(&c->textfile, fresh->metrics_file);
	policy_route(c->journal, fresh);
	policy_tell(c->journal, fresh, old);
	free(old);
	if (!c->beside)
		standing_keep(&c->standing, fresh);
	look_at_volume(c);
	log_info("reloaded", "%s", "");
}

/* asked: by a person; else to see whether what was refused has been mended. */
static void read_again(struct core *c, bool asked)
{
	bool news;
	struct config *fresh = standing_again(&c->standing, c->config, &news);

	if (fresh)
		take_configuration(c, fresh);
	else if (asked || news)
		log_error("reload-refused", "reason=\"%s\"", log_text(c->standing.refused));
	bays_asset_changed(c->bays); /* the gate asks whether it is refused */
}

static void reload(struct core *c)
{
	int r = log_reopen();

	if (r < 0)
		log_warn("log-not-reopened", "reason=\"%s\"", strerror(-r));
	manager_reloading();
	read_again(c, true);
	manager_ready();
}

/* ---- the loop ---- */

static void begin_end(struct core *c)
{
	c->ending_ms = clock_steady_ms() + END_MS;
	manager_stopping();
	lights_all_off(c->lights);
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *arg)
{
	struct core *c = arg;

	(void)s;
	if (si->ssi_signo == SIGHUP) {
		reload(c);
		return 0;
	}
	log_info("stopping", "signal=%s by=%u", sigabbrev_np((int)si->ssi_signo), si->ssi_pid);
	if (c->ending_ms)
		return sd_event_exit(c->event, 0); /* asked twice */
	begin_end(c);
	return 0;
}

/*
 * Without them nobody finds the way in, nor does an uploader that is started again. A new start
 * makes them, and the service manager their folder.
 */
static void look_at_sockets(struct core *c)
{
	if (control_is_there(c->control) && link_is_there(c->link))
		return;
	log_error("starting-anew", "path=%s reason=\"a socket in it is gone\"", c->config->run_dir);
	begin_end(c);
}

/* It has been readable in `dockctl status` for long enough, or a new start mends it. */
static bool is_over(struct core *c)
{
	uint64_t now_ms = clock_steady_ms();

	if (c->broken_ms == 0)
		c->broken_ms = now_ms;
	return now_ms - c->broken_ms >= BROKEN_MS || journal_restart_mends(c->journal);
}

static void tick(struct core *c)
{
	bays_tick(c->bays, c->ticks);
	verifier_tick(c->verifier);
	if (c->ticks % CLOCK_TICKS == 0) {
		clock_set_look(c->journal);
		look_at_sockets(c);
	}
	log_turn();
	textfile_tick(&c->textfile, c->ticks, c->control);
	if (c->standing.refused[0] && c->ticks % MENDED_TICKS == MENDED_TICKS - 1)
		read_again(c, false);
	lights_set_station(c->lights, c->config->station_light, control_station_light(c->control));
	c->ticks++;
	if (c->ticks % LOOK_TICKS == 0)
		look_at_volume(c);
	if (!journal_works(c->journal) && (!c->beside || c->state_failed) && is_over(c)) {
		log_error("giving-up", "reason=\"%s\"", log_text(journal_why(c->journal)));
		sd_event_exit(c->event, EXIT_FAILURE);
	}
}

static int on_tick(sd_event_source *s, uint64_t usec, void *arg)
{
	struct core *c = arg;
	uint64_t next_us;

	if (!c->ending_ms)
		tick(c);
	next_us = usec + TICK_US;
	/* a long sleep is not made up for: a lamp that has stood still goes on in its rhythm */
	if (next_us + TICKS_LATE * TICK_US < bay_now_us()) {
		uint64_t missed = (bay_now_us() - next_us) / TICK_US;

		c->ticks += missed;
		next_us += missed * TICK_US;
	}
	sd_event_source_set_time(s, next_us);
	return sd_event_source_set_enabled(s, SD_EVENT_ON);
}

/* The turn that follows goes on with the ledger's tree and its check. */
static int on_work(sd_event_source *s, uint64_t usec, void *arg)
{
	(void)usec;
	(void)arg;
	return sd_event_source_set_enabled(s, SD_EVENT_OFF);
}

static int on_again(sd_event_source *s, void *arg)
{
	(void)arg;
	return sd_event_source_set_enabled(s, SD_EVENT_OFF);
}

/* A number that changes when something that dockctl shows has changed. */
static uint64_t states(const struct core *c)
{
	struct uplink_state d;
	uint64_t sum = c->bays->n + c->bays->health_changes * 31 +
	    (checkpoint_trouble(c->checkpoint)[0] ? 1u << 16 : 0) +
	    (c->standing.refused[0] ? 1u << 17 : 0);

	for (size_t i = 0; i < c->bays->n; i++) {
		const struct bay *b = c->bays->bay[i];

		sum = sum * 31 + (uint64_t)b->state * 7 + bay_light(b);
		if (b->state == BAY_FETCHING)
			sum = sum * 31 + c->ticks / 4;
	}
	for (size_t i = 0; uplink_state(c->uplink, i, &d) == 0; i++) {
		sum = sum * 31 + d.active + (d.connected ? 64 : 0) + (d.away ? 128 : 0) +
		    (d.late[0] ? 256 : 0);
		if (d.active)
			sum = sum * 31 + c->ticks / 4;
	}
	return sum;
}

static void commit(struct core *c)
{
	static bool told;

	if (journal_commit(c->journal) < 0 && !told) {
		told = true;
		c->broken_ms = c->broken_ms ? c->broken_ms : clock_steady_ms();
		log_error("journal-failed", "reason=\"%s\"", journal_why(c->journal));
	}
}

static void sign(struct core *c)
{
	bool stopped = checkpoint_trouble(c->checkpoint)[0] != '\0';
	uint32_t more_ms = checkpoint_turn(c->checkpoint);

	if (stopped && !checkpoint_trouble(c->checkpoint)[0])
		bays_asset_changed(c->bays);
	if (more_ms == 0)
		return;
	sd_event_source_set_time_relative(c->work, more_ms * UINT64_C(1000));
	sd_event_source_set_enabled(c->work, SD_EVENT_ONESHOT);
}

static void tell_manager(struct core *c)
{
	char line[400];

	control_headline(c->control, line, sizeof(line));
	manager_status(line);
}

/* Each worker ends its session with its camera, within bounds. */
static void end_turn(struct core *c)
{
	unsigned left = bays_end(c->bays);

	commit(c);
	if (left > 0 && clock_steady_ms() < c->ending_ms)
		return;
	if (left > 0)
		log_warn("workers-killed", "workers=%u", left);
	sd_event_exit(c->event, 0);
}

static void turn(struct core *c)
{
	uint64_t records, sum;
	bool changed;

	commit(c);
	if (c->ending_ms) {
		end_turn(c);
		return;
	}
	turn_plan(c->bays);
	intake_plan(c->intake);
	if (judge_plan(c->judge))
		c->bays->again = true;
	inquiry_plan(c->inquiry);
	if (!checkpoint_trouble(c->checkpoint)[0] && !c->standing.refused[0])
		retention_plan(c->retention);
	acceptance_plan(c->acceptance);
	uplink_plan(c->uplink);
	retirement_plan(c->retirement, !bays_stop_why(c->bays)[0], c->standing.refused[0]);
	commit(c);
	bays_act(c->bays);
	intake_act(c->intake);
	inquiry_act(c->inquiry);
	disposer_act(c->disposer);
	uplink_act(c->uplink);
	reconcile_act(c->reconcile);
	holder_act(c->holder);
	retirement_act(c->retirement);
	sign(c);
	if (!c->beside) /* what stands in is no ledger of this station's */
		shipping_turn(c->shipping);
	commit(c);
	records = journal_records(c->journal);
	sum = states(c);
	changed = records != c->shown_records || sum != c->shown_states;
	control_turn(c->control, changed);
	if (changed || c->ticks % STATUS_TICKS == 0)
		tell_manager(c);
	manager_alive();
	c->shown_records = records;
	c->shown_states = sum;
	if (c->bays->again)
		sd_event_source_set_enabled(c->again, SD_EVENT_ON);
}

static int loop(struct core *c)
{
	for (;;) {
		int r = sd_event_run(c->event, UINT64_MAX);

		for (unsigned i = 0; i < TURN_EVENTS && r > 0; i++) {
			if (sd_event_get_state(c->event) == SD_EVENT_FINISHED)
				return 0;
			r = sd_event_run(c->event, 0);
		}
		if (sd_event_get_state(c->event) == SD_EVENT_FINISHED)
			return 0;
		if (r < 0)
			return r;
		turn(c);
	}
}

/* ---- start ---- */

static void make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		fatal("path=%s reason=\"%s: make it, owned by this user\"", path, strerror(errno));
}

/* Where nobody could be let in, the ledger is not told at each try that it began. */
static void prepare_run_dir(const struct config *c)
{
	char control[sizeof(c->run_dir) + 16], link[sizeof(c->run_dir) + 16];
	const char *const sockets[] = { control, link };
	int r;

	make_dir(c->run_dir, 0755);
	snprintf(control, sizeof(control), "%s/control.sock", c->run_dir);
	snprintf(link, sizeof(link), "%s/core.sock", c->run_dir);
	r = listener_may_open(sockets, 2);
	if (r < 0)
		fatal("path=%s reason=\"sockets cannot be made there: %s\"", c->run_dir,
		    strerror(-r));
}

/*
 * A folder whose volume is not mounted is not touched: another one, in run-dir and so in memory, lets
 * everything else run and be asked. Nothing that matters gets into it: its journal refuses. So it is
 * where evidence may not lie and none does yet: a key that was made there could be read from the
 * disk for good, and a ledger would bind the folder to a name that nobody has given.
 */
static void stand_beside(struct core *c)
{
	c->beside = true;
	snprintf(c->state_dir, sizeof(c->state_dir), "%s/instead-of-state", c->config->run_dir);
	make_dir(c->state_dir, 0700);
}

static void choose_state_dir(struct core *c)
{
	char whose[PROTO_NAME_LEN];

	keeping_look(&c->keeping, c->config);
	c->fresh = c->keeping.mounted && c->keeping.why[0] &&
	    journal_station(c->config->state_dir, whose, sizeof(whose)) == -ENOENT;
	if (!c->keeping.mounted || c->fresh) {
		stand_beside(c);
		return;
	}
	snprintf(c->state_dir, sizeof(c->state_dir), "%s", c->config->state_dir);
	if (mkdir(c->state_dir, 0700) < 0 && errno == ENOENT)
		fatal("path=%s reason=\"%s: make it, owned by this user\"", c->state_dir,
		    strerror(errno));
}

/* What cannot be opened is told by a service that runs; after a minute it tries anew. */
static void open_state(struct core *c)
{
	struct state state = { .dir = c->state_dir, .beside = c->beside, .kept = c->standing.kept };
	int r = state_open(&state, c->config);

	if (r < 0 && !c->beside && state_may_be_mended(r)) {
		log_error("state-unusable", "reason=\"%s\"", log_text(state.why));
		snprintf(c->keeping.why, sizeof(c->keeping.why),
		    "%.200s; nothing is taken in; tried again every minute", state.why);
		c->state_failed = true;
		c->broken_ms = clock_steady_ms();
		stand_beside(c);
		state.beside = true;
		r = state_open(&state, c->config);
	}
	if (r < 0)
		fatal("reason=\"%s\"", state.why);
	c->journal = state.journal;
	c->staging = state.staging;
	c->checkpoint = state.checkpoint;
	if (c->beside)
		journal_refuse(c->journal, c->keeping.why);
}

static void open_loop(struct core *c)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&mask, signals[i]);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* inherited by workers: a write past their limit is EFBIG */
	r = sd_event_default(&c->event);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]) && r >= 0; i++)
		r = sd_event_add_signal(c->event, NULL, signals[i], on_signal, c);
	if (r >= 0)
		r = sd_event_add_time_relative(
		    c->event, &c->tick, CLOCK_MONOTONIC, 0, 1000, on_tick, c);
	if (r >= 0)
		r = sd_event_add_defer(c->event, &c->again, on_again, c);
	if (r >= 0)
		r = sd_event_add_time_relative(
		    c->event, &c->work, CLOCK_MONOTONIC, 0, 1000, on_work, c);
	if (r < 0)
		fatal("reason=\"event loop: %s\"", strerror(-r));
}

static void stop(struct core *c)
{
	struct record r;
	int failed;

	lights_all_off(c->lights);
	link_close(c->link);
	textfile_end(&c->textfile);
	control_close(c->control);
	core_end_workers(c);
	record_begin(&r, "ended");
	journal_write(c->journal, &r);
	journal_commit(c->journal);
	failed = checkpoint_now(c->checkpoint);
	if (failed < 0)
		log_warn("checkpoint-not-signed", "reason=\"%s\"", strerror(-failed));
	core_close_rooms(c);
	lights_free(c->lights);
	staging_close(c->staging);
	checkpoint_close(c->checkpoint);
	journal_close(c->journal);
	log_info("stopped", "%s", "");
	sd_event_source_unref(c->tick);
	sd_event_source_unref(c->again);
	sd_event_source_unref(c->work);
	sd_event_unref(c->event);
	free(c->config);
}

int core_serve(const char *config_path, const char *profiles_dir)
{
	static struct core core;
	struct core *c = &core;
	char *errors = NULL;
	bool failed;
	int r;

	c->config = standing_start(&c->standing, config_path, profiles_dir, &errors);
	if (!c->config) {
		fprintf(stderr, "%s", errors ? errors : "the configuration cannot be read\n");
		return EXIT_FAILURE;
	}
	r = log_open("dockd", keeping_log_file(c->config));
	if (r < 0) /* it goes on to standard error, and a reload tries again */
		log_warn(
		    "log-not-reopened", "path=%s reason=\"%s\"", c->config->log_file, strerror(-r));
	r = sandbox_basics();
	if (r < 0)
		fatal("reason=\"%s\"", sandbox_why());
	child_keep_programs();
	prepare_run_dir(c->config);
	choose_state_dir(c);
	open_loop(c);
	open_state(c);
	core_open_rooms(c);
	core_open_sockets(c); /* last: nobody may connect to half a core */
	log_info("began", "station=%s version=%s state=%s", c->config->station, DOCKD_VERSION,
	    c->state_dir);
	if (c->standing.refused[0])
		log_error("configuration-refused", "reason=\"%s\"", log_text(c->standing.refused));
	if (!c->beside)
		standing_keep(&c->standing, c->config);
	manager_ready();
	r = loop(c);
	if (r < 0)
		log_error("loop", "reason=\"%s\"", strerror(-r));
	/* to have waited for a volume is no failure */
	failed = r < 0 || (c->broken_ms > 0 && (!c->beside || c->state_failed));
	stop(c);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
