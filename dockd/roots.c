#include "roots.h"

#include "bays.h"
#include "schedule.h"

#include "base/log.h"
#include "base/proto_station.h"

#include <stdlib.h>
#include <string.h>

#define BUSY_TICKS 4 /* a rate over less is none */
#define TASKS_MAX (3 * BAYS_MAX)

struct root {
	char port[PROTO_PORT_LEN];
	uint64_t bytes[ROOTS_TICKS]; /* a ring: what came in each tick */
	bool busy[ROOTS_TICKS];      /* and whether anything was being pulled */
	uint64_t now;
	uint64_t known_per_s; /* when it was last busy; 0: never */
};

struct roots {
	struct root root[ROOTS_MAX];
	size_t n;
	unsigned at;
};

struct roots *roots_new(void)
{
	struct roots *r = calloc(1, sizeof(*r));

	if (!r)
		fatal("reason=\"out of memory\"");
	return r;
}

void roots_free(struct roots *r)
{
	free(r);
}

static bool is_root_of(const char *root, const char *port)
{
	size_t n = schedule_root_len(port);

	return strncmp(root, port, n) == 0 && root[n] == '\0';
}

static struct root *find(struct roots *r, const char *port, bool make)
{
	for (size_t i = 0; i < r->n; i++) {
		if (is_root_of(r->root[i].port, port))
			return &r->root[i];
	}
	if (!make || r->n == ROOTS_MAX)
		return NULL;
	memset(&r->root[r->n], 0, sizeof(r->root[r->n]));
	memcpy(r->root[r->n].port, port, schedule_root_len(port));
	return &r->root[r->n++];
}

void roots_moved(struct roots *r, const struct bay *b, uint64_t bytes)
{
	struct root *root = find(r, b->port, true);

	if (root)
		root->now += bytes;
}

static bool is_busy(const struct bays *h, const struct root *root)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->bay[i]->state == BAY_FETCHING && is_root_of(root->port, h->bay[i]->port))
			return true;
	}
	return false;
}

static uint64_t per_s(const struct root *root, bool only_busy, unsigned *ticks)
{
	uint64_t sum = 0;

	*ticks = 0;
	for (unsigned i = 0; i < ROOTS_TICKS; i++) {
		if (only_busy && !root->busy[i])
			continue;
		sum += root->bytes[i];
		++*ticks;
	}
	return *ticks ? sum * 1000 / (*ticks * (uint64_t)LIGHT_TICK_MS) : 0;
}

void roots_tick(struct bays *h)
{
	struct roots *r = h->roots;

	r->at = (r->at + 1) % ROOTS_TICKS;
	for (size_t i = 0; i < r->n; i++) {
		struct root *root = &r->root[i];
		uint64_t rate;
		unsigned ticks;

		root->busy[r->at] = root->now > 0 || is_busy(h, root);
		root->bytes[r->at] = root->now;
		root->now = 0;
		rate = per_s(root, true, &ticks);
		if (ticks >= BUSY_TICKS && rate > 0)
			root->known_per_s = rate;
	}
}

/* ---- when each is done ---- */

void roots_simulate(
    struct roots_task *tasks, size_t n, unsigned at_once, uint64_t bytes_per_s, double *done_s)
{
	double now = 0;

	for (;;) {
		size_t active[64] = { 0 }, running = 0;
		uint64_t least = UINT64_MAX;

		for (size_t i = 0; i < n && running < at_once && running < 64; i++) {
			bool taken = tasks[i].bytes == 0;

			for (size_t k = 0; k < running && !taken; k++)
				taken = tasks[active[k]].bay == tasks[i].bay;
			if (taken)
				continue;
			active[running++] = i;
			if (tasks[i].bytes < least)
				least = tasks[i].bytes;
		}
		if (running == 0 || bytes_per_s == 0)
			return;
		now += (double)least * (double)running / (double)bytes_per_s;
		for (size_t k = 0; k < running; k++) {
			tasks[active[k]].bytes -= least;
			done_s[tasks[active[k]].bay] = now;
		}
	}
}

/* Still to come of the object that is being pulled. */
static uint64_t under_way(const struct bay *b)
{
	return b->state == BAY_FETCHING && b->row.size_bytes > b->sign_bytes ?
	    b->row.size_bytes - b->sign_bytes :
	    0;
}

/* Still to come from its camera. What is being pulled counts as pending until it is sealed. */
static uint64_t to_come(const struct bay *b)
{
	uint64_t got = b->state == BAY_FETCHING ? b->row.size_bytes - under_way(b) : 0;

	if (!b->docking || b->state == BAY_LEFT || b->state == BAY_FAULT)
		return 0;
	return b->sum.pending_bytes > got ? b->sum.pending_bytes - got : 0;
}

/* Until it is charged; -1 not known. */
static double charge_s(const struct bay *b)
{
	double whole = b->profile->charge_minutes * 60.0, here;
	uint32_t full = b->profile->full_percent;

	if (b->camera.features & CAMERA_BATTERY) {
		if (b->camera.battery_percent >= full)
			return 0;
		return whole > 0 && !b->charge.stalled ?
		    whole * (full - b->camera.battery_percent) / full :
		    -1;
	}
	here = (double)(bay_now_us() - b->docked_us) / 1e6;
	return whole > here ? whole - here : 0;
}

static int32_t minutes_of(const struct bay *b, uint64_t rate, double done_s)
{
	double charge;

	switch (bay_light(b)) {
	case LIGHT_TAKE:
		return 0;
	case LIGHT_OFF:
	case LIGHT_EMPTY:
	case LIGHT_LEAVE:
		return -1;
	case LIGHT_READING:
	case LIGHT_CHARGING:
		break;
	}
	/* until it was listed nobody knows what there is; troubles and servers have no time */
	if (!b->known || !b->linked || b->sum.troubled || b->trouble[0] ||
	    (b->house->settings.take_when_server && b->sum.receipted < b->sum.objects))
		return -1;
	charge = charge_s(b);
	if (charge < 0 || (to_come(b) > 0 && rate == 0))
		return -1;
	if (charge > done_s)
		done_s = charge;
	return done_s < 60 ? 1 : (int32_t)(done_s / 60 + 0.999);
}

/* What is under way; then what is flagged, of all; then the rest: as schedule has it. */
static size_t gather(
    const struct bays *h, struct bay *const *order, const char *root, struct roots_task *tasks)
{
	size_t n = 0;

	for (int part = 0; part < 3; part++) {
		for (size_t i = 0; i < h->n; i++) {
			const struct bay *b = order[i];
			uint64_t all = to_come(b), now = under_way(b), flagged;
			uint64_t bytes;

			if (all == 0 || !is_root_of(root, b->port))
				continue;
			now = now < all ? now : all;
			flagged =
			    b->sum.flagged_bytes < all - now ? b->sum.flagged_bytes : all - now;
			bytes = part == 0 ? now : part == 1 ? flagged : all - now - flagged;
			if (bytes > 0)
				tasks[n++] = (struct roots_task){ b->at, bytes };
		}
	}
	return n;
}

void roots_minutes(const struct bays *h, int32_t *minutes)
{
	static struct roots_task tasks[TASKS_MAX];
	static struct bay *order[BAYS_MAX];
	static double done_s[BAYS_MAX];
	static bool done[BAYS_MAX];

	memset(done_s, 0, sizeof(done_s));
	memset(done, 0, sizeof(done));
	for (size_t i = 0; i < h->n; i++)
		h->bay[i]->at = i;
	schedule_order(h, order);
	for (size_t i = 0; i < h->n; i++) {
		const char *port = h->bay[i]->port;
		struct root *known = find(h->roots, port, false);
		char root[PROTO_PORT_LEN] = "";
		uint64_t rate = known ? known->known_per_s : 0;

		if (done[i])
			continue;
		memcpy(root, port, schedule_root_len(port));
		roots_simulate(
		    tasks, gather(h, order, root, tasks), h->settings.pulls_per_port, rate, done_s);
		for (size_t k = i; k < h->n; k++) {
			if (!is_root_of(root, h->bay[k]->port))
				continue;
			done[k] = true;
			minutes[k] = minutes_of(h->bay[k], rate, done_s[k]);
		}
	}
}

/* Adds one bay to the row of its root port. */
static void add(struct proto_ctl_root *row, const struct bay *b, int32_t minutes)
{
	row->cameras++;
	row->pulls += b->state == BAY_FETCHING && !b->silent;
	row->waiting += b->state != BAY_FETCHING && to_come(b) > 0;
	row->pending_bytes += to_come(b);
	/* one that a person must see to is waited for by nobody */
	if (bay_light(b) == LIGHT_LEAVE || row->minutes_left < 0)
		return;
	row->minutes_left = minutes < 0 ? -1 :
	    minutes > row->minutes_left ? minutes :
					  row->minutes_left;
}

size_t roots_rows(const struct bays *h, struct proto_ctl_root *rows)
{
	static int32_t minutes[BAYS_MAX];
	size_t n = 0;

	roots_minutes(h, minutes);
	for (size_t i = 0; i < h->n; i++) {
		const struct bay *b = h->bay[i];
		const struct root *known = find(h->roots, b->port, false);
		unsigned ticks;
		size_t k = 0;

		if (!b->docking || b->state == BAY_LEFT)
			continue;
		while (k < n && !is_root_of(rows[k].port, b->port))
			k++;
		if (k == ROOTS_MAX)
			continue;
		if (k == n) {
			memset(&rows[n], 0, sizeof(rows[n]));
			memcpy(rows[n].port, b->port, schedule_root_len(b->port));
			rows[n++].bytes_per_s = known ? per_s(known, false, &ticks) : 0;
		}
		add(&rows[k], b, minutes[i]);
	}
	return n;
}
