#include "outlook.h"

#include "clock.h"
#include "index_expedite.h"
#include "index_queue.h"
#include "uplink_slot.h"

#include "base/log.h"
#include "base/timetable.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define JUDGE_MS 30000
#define JUDGE_NEWS_MS 1000 /* where something else waits than then */
#define HOUR_S 3600
#define ROWS 2048       /* of the queue that are looked at, in the order of sending */
#define UNSEEN_MS 60000 /* a turn that comes later than this saw nothing of what was between */
#define TELLING_BYTES                                                                              \
	(UINT64_C(1) << 20) /* smaller files tell how long asking takes, not the line */
#define SAMPLE_MS 1000
#define SAMPLE_HELD_MS 120000 /* chunks come in lumps: shorter ones do not tell what held them */
#define WELL_MS 60000         /* so long, and with room to spare, before a trouble is over */
#define TRIES 5               /* of one request in a slot, by the uploader, before it gives up */
#define FIFTEEN 15u /* bytes of expedited ones, to one of all others (uploader/bucket.c) */

static struct index *ix(const struct uplink *u)
{
	return journal_index(u->journal);
}

/* ---- what the line carries ---- */

/* What the destination says it has, beside what was handed over, in this slot. */
static void counted(
    struct outlook *o, const struct slot *s, unsigned i, uint64_t offset_bytes, uint64_t sent_bytes)
{
	uint64_t kept;

	if (o->slot[i].generation != s->generation) {
		memset(&o->slot[i], 0, sizeof(o->slot[i]));
		o->slot[i].generation = s->generation;
		o->slot[i].began_ms = waits_now_ms();
	}
	/* nothing handed over yet, or it fell back: counting begins here */
	if (sent_bytes <= o->slot[i].sent_bytes || offset_bytes < o->slot[i].offset_bytes) {
		o->slot[i].offset_bytes = offset_bytes;
		o->slot[i].sent_bytes = sent_bytes;
		o->slot[i].kept_bytes = 0;
		return;
	}
	kept = offset_bytes - o->slot[i].offset_bytes;
	if (kept > sent_bytes - o->slot[i].sent_bytes)
		kept = sent_bytes - o->slot[i].sent_bytes;
	if (kept > o->slot[i].kept_bytes) {
		o->kept_bytes += kept - o->slot[i].kept_bytes;
		o->slot[i].kept_bytes = kept;
	}
}

static void ended(struct outlook *o, unsigned i, uint64_t sent_bytes, bool failed)
{
	uint64_t held_ms = waits_now_ms() - o->slot[i].began_ms;
	uint64_t handed = sent_bytes - o->slot[i].sent_bytes;

	if (sent_bytes < o->slot[i].sent_bytes)
		handed = 0;
	if (handed > o->slot[i].kept_bytes)
		o->wasted_bytes += handed - o->slot[i].kept_bytes;
	if (failed && handed > 0 && o->slot[i].kept_bytes == 0)
		held_ms /= TRIES;
	if (failed)
		o->longest_ms -= o->longest_ms / 8;
	if (handed > 0 && held_ms > o->longest_ms)
		o->longest_ms = held_ms;
	o->slot[i].generation = 0;
}

/* Whether what this slot sends is large enough to measure the line by. */
static bool tells(const struct slot *s)
{
	return (!s->errand.type || s->errand.type == MSG_UPLOAD) && s->size_bytes >= TELLING_BYTES;
}

void outlook_heard(struct destination *d, const struct slot *s, const struct msg *m)
{
	unsigned i = (unsigned)(s - d->slot);
	static struct proto_receipt receipt;
	struct proto_progress progress;
	struct proto_failed failed;

	if (!tells(s))
		return;
	switch (m->head.type) {
	case MSG_PROGRESS:
		memcpy(&progress, m->body, sizeof(progress));
		counted(&d->outlook, s, i, progress.offset_bytes, progress.sent_bytes);
		break;
	case MSG_RECEIPT:
		memcpy(&receipt, m->body, sizeof(receipt));
		counted(&d->outlook, s, i, receipt.length_bytes, receipt.sent_bytes);
		ended(&d->outlook, i, receipt.sent_bytes, false);
		break;
	case MSG_FAILED:
		memcpy(&failed, m->body, sizeof(failed));
		counted(&d->outlook, s, i, failed.offset_bytes, failed.sent_bytes);
		ended(&d->outlook, i, failed.sent_bytes, failed.failure != UPLOAD_STOPPED);
		break;
	}
}

static unsigned minute_now(void)
{
	time_t now = (time_t)clock_now_s();
	struct tm tm = { 0 };

	localtime_r(&now, &tm);
	return timetable_minute(tm.tm_wday, tm.tm_hour, tm.tm_min);
}

static bool is_sending(const struct destination *d)
{
	if (!d->peer || !d->ready || d->breaker.open)
		return false;
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state == SLOT_SENT && tells(&d->slot[i]))
			return true;
	}
	return false;
}

/*
 * A bound that was reached says of the line only that it carries so much; one that was not reached
 * says what the line carries, bound or no bound.
 */
static bool tells_of_line(const struct outlook *o)
{
	uint64_t per_s = o->kept_bytes * 1000 / o->busy_ms;

	return !o->held_back || per_s < o->allowed_per_s / 5 * 4 || per_s > o->pace.bytes_per_s;
}

static void look_at_pace(struct destination *d, uint64_t now_ms)
{
	struct outlook *o = &d->outlook;
	uint64_t past_ms = now_ms - o->last_ms;
	bool sending = is_sending(d);

	if (!o->sending)
		o->kept_bytes = o->wasted_bytes = 0;
	if (o->sending && past_ms < UNSEEN_MS)
		o->busy_ms += past_ms;
	o->last_ms = now_ms;
	if (o->busy_ms >= (o->held_back && o->pace.bytes_per_s ? SAMPLE_HELD_MS : SAMPLE_MS) ||
	    (o->sending && !sending && o->busy_ms > 0)) {
		bool known = o->pace.bytes_per_s > 0;

		if (tells_of_line(o))
			pace_saw(&o->pace, o->busy_ms, o->kept_bytes, o->wasted_bytes);
		if (!known && o->pace.bytes_per_s)
			o->judged_ms = 0;
		o->busy_ms = o->kept_bytes = o->wasted_bytes = 0;
	}
	if (sending && o->busy_ms == 0) {
		o->allowed_per_s = timetable_rate(&d->wire, minute_now());
		o->held_back = o->allowed_per_s != RATE_UNLIMITED;
	}
	/* nothing but what is expedited goes out, and that is not held back: it is not counted */
	o->sending = sending && o->allowed_per_s > 0;
}

/* ---- what waits ---- */

/* What is due, and how much is sent by when it is there. */
struct due {
	uint64_t asset, bytes;
	int64_t deadline_s; /* 0: nothing is */
	bool expedited;
};

/* The walk over what waits, in the order of sending. */
struct walk {
	struct destination *d;
	int64_t now_s;
	uint64_t all_bytes;       /* that wait */
	unsigned sharing;         /* slots that share the line */
	uint64_t expedited_bytes; /* of them, in front of all others, */
	uint64_t expedited_n;     /* and how many files that is */
	uint64_t front_bytes;     /* up to and with the row, or the hour; */
	uint64_t front_n;         /* so many files, by the hour */
	uint64_t own_bytes;       /* of the row */
	bool expedited;           /* the row is */
	uint64_t there_bytes;     /* sent by when the row is there: others go beside it */
	uint64_t wanted;          /* asset that is looked for; 0: the most urgent */
	bool found;
	struct due urgent;
	int64_t worst_s;  /* how late it is, by the pace alone */
	struct due first; /* whose deadline is nearest, or longest over */
	unsigned late;    /* that are, or will be by the pace alone */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void weigh(struct walk *w, uint64_t asset, int64_t deadline_s)
{
	uint64_t per_s = w->d->outlook.pace.bytes_per_s;
	int64_t late_s = (per_s ? (int64_t)(w->there_bytes / per_s) : 0) - deadline_s;

	if (deadline_s == 0)
		return;
	w->late += late_s + w->now_s > 0;
	if (w->first.deadline_s == 0 || deadline_s < w->first.deadline_s)
		w->first = (struct due){ asset, w->there_bytes, deadline_s, w->expedited };
	if (w->urgent.deadline_s && late_s <= w->worst_s)
		return;
	w->worst_s = late_s;
	w->urgent = (struct due){ asset, w->there_bytes, deadline_s, w->expedited };
}

static uint64_t left_of(const struct destination *d, uint64_t asset, uint64_t size_bytes)
{
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		const struct slot *s = &d->slot[i];

		if (s->state != SLOT_FREE && !s->errand.type && s->asset == asset)
			return s->offset_bytes < size_bytes ? size_bytes - s->offset_bytes : 0;
	}
	return size_bytes;
}

static bool in_slot(const struct destination *d, uint64_t asset)
{
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && !d->slot[i].errand.type &&
		    d->slot[i].asset == asset)
			return true;
	}
	return false;
}

/* In a folder what others have begun is not stopped (uplink_hurry): told as if none gave way. */
static bool gives_way(const struct destination *d)
{
	return d->wire.driver != DESTINATION_DIR;
}

/* Slots with expedited ones in them, as soon as room is made. */
static unsigned expedited_slots(const struct walk *w)
{
	return (unsigned)least(w->expedited_n, w->sharing);
}

/*
 * They share fifteen sixteenths of the line among themselves, or all of it where no others are in
 * slots; one that is not in a slot yet has those before it in front. It is the same with and without
 * a rate: what others have under way is slowed down too. Only where a line without a rate carries
 * less than the uploader's pieces of 128 KiB in two seconds do they end their chunk as it was.
 */
static uint64_t expedited_there(const struct walk *w, uint64_t asset)
{
	bool yields = gives_way(w->d);
	unsigned n = yields ? expedited_slots(w) : w->sharing;
	uint64_t before = in_slot(w->d, asset) ? w->own_bytes : w->front_bytes;
	uint64_t bytes = before + w->own_bytes * (n - 1);

	if (!yields)
		return least(bytes, w->all_bytes);
	bytes = least(bytes, w->expedited_bytes);
	if (n < w->sharing)
		bytes += bytes / FIFTEEN;
	return least(bytes, w->all_bytes);
}

/* In a slot, and all others there are filled again; a sixteenth is theirs while there are such. */
static uint64_t slot_there(const struct walk *w)
{
	unsigned busy = uplink_busy(w->d), n = expedited_slots(w);
	uint64_t bytes = w->own_bytes * busy;

	if (n > 0 && gives_way(w->d)) {
		bytes += w->expedited_bytes;
		if (n < busy)
			bytes = least(bytes, w->own_bytes * (busy - n) * (FIFTEEN + 1));
	}
	return least(bytes, w->all_bytes);
}

static int take_expedited(void *arg, const struct index_ahead *row)
{
	struct walk *w = arg;

	if (!row->expedited)
		return 1;
	w->expedited_n++;
	w->expedited_bytes += left_of(w->d, row->asset, row->size_bytes);
	return 0;
}

static int take(void *arg, const struct index_ahead *row)
{
	struct walk *w = arg;

	w->own_bytes = left_of(w->d, row->asset, row->size_bytes);
	w->front_bytes += w->own_bytes;
	w->expedited = row->expedited;
	if (row->expedited && w->expedited_n > 0)
		w->there_bytes = expedited_there(w, row->asset);
	else /* others are sent beside it, half of each on average begun before it */
		w->there_bytes =
		    least(w->front_bytes + w->own_bytes / 2 * (w->sharing - 1), w->all_bytes);
	if (w->wanted) {
		w->found = w->wanted == row->asset;
		return w->found ? 1 : 0;
	}
	weigh(w, row->asset, row->deadline_s);
	return 0;
}

/* All of the hour is there when the last of it is, and due when the first of it is. */
static int take_hour(void *arg, const struct index_hour *hour)
{
	int64_t deadline_s = hour->deadline_s;
	struct walk *w = arg;

	/* in this very hour: the first of it may still be in time */
	if (deadline_s <= w->now_s && deadline_s + HOUR_S > w->now_s)
		deadline_s = w->now_s + 1;
	w->front_n += hour->count;
	w->front_bytes += hour->bytes;
	w->there_bytes = least(w->front_bytes, w->all_bytes);
	if (w->front_n > ROWS) /* the others were looked at each by itself */
		weigh(w, 0, deadline_s);
	return 0;
}

/* Begins a walk: what is in slots and not yet there, and what waits, in all. Count of files. */
static uint64_t walk_begin(struct uplink *u, struct destination *d, struct walk *w)
{
	uint64_t bytes = 0, there = 0, count = 0;

	*w = (struct walk){ .d = d, .now_s = clock_now_s() };
	if (index_queued(ix(u), d->name, &count, &bytes) < 0)
		return 0;
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && !d->slot[i].errand.type)
			there += d->slot[i].offset_bytes;
	}
	w->all_bytes = bytes > there ? bytes - there : 0;
	w->sharing = count < d->wire.slots ? (unsigned)count : d->wire.slots;
	if (count > 0 && index_expedites(ix(u)) > 0 &&
	    index_ahead(ix(u), d->name, ROWS, take_expedited, w) < 0)
		return 0;
	return count;
}

/* What is expedited waits for no hour. */
static const struct proto_destination *without_closed_hours(const struct proto_destination *d)
{
	static struct proto_destination open;

	open = *d;
	if (open.bytes_per_s == 0)
		open.bytes_per_s = RATE_UNLIMITED;
	for (size_t i = 0; i < PROTO_RATES; i++) {
		if (open.rate[i].bytes_per_s == 0)
			open.rate[i].bytes_per_s = RATE_UNLIMITED;
	}
	return &open;
}

static int64_t arrival(const struct destination *d, int64_t now_s, uint64_t bytes, bool expedited)
{
	const struct proto_destination *hours =
	    expedited ? without_closed_hours(&d->wire) : &d->wire;
	uint64_t now_ms = waits_now_ms();
	int64_t away_s = now_s;
	time_t now = (time_t)now_s;
	struct tm tm = { 0 };

	localtime_r(&now, &tm);
	if (d->breaker.until_ms > now_ms)
		away_s += (int64_t)((d->breaker.until_ms - now_ms) / 1000);
	return forecast_arrival(hours, &d->outlook.pace, now_s, &tm, away_s, bytes);
}

/* Bytes of a request of which nothing is kept when it is cut; all slots share the line. */
static uint64_t largest_request(const struct destination *d)
{
	uint64_t bytes = 0;

	switch ((enum destination_driver)d->wire.driver) {
	case DESTINATION_DIR:
		break;
	case DESTINATION_TUS:
		bytes = d->wire.chunk_min_bytes;
		break;
	case DESTINATION_S3:
		bytes = d->wire.part_bytes;
		break;
	}
	return bytes * d->wire.slots;
}

/*
 * What is shown gets worse at once, and better only when it has been well for a while, with time to
 * spare; where nothing waits any more, at once.
 */
static void show(struct destination *d, enum forecast_trouble t, bool spare, uint64_t now_ms)
{
	struct outlook *o = &d->outlook;
	char text[PROTO_TEXT_LEN * 3];
	enum forecast_trouble before = o->trouble;

	if (t == FORECAST_WELL && spare && o->well_since_ms == 0)
		o->well_since_ms = now_ms;
	else if (t != FORECAST_WELL || !spare)
		o->well_since_ms = 0;
	if (t != FORECAST_WELL) {
		o->trouble = t;
		o->told_expected_s = o->urgent_expected_s;
		o->told_deadline_s = o->urgent_deadline_s;
	} else if (o->judged_count == 0 || (spare && now_ms - o->well_since_ms >= WELL_MS)) {
		o->trouble = FORECAST_WELL;
	}
	if (o->trouble == before)
		return;
	forecast_text(o->trouble, d->name, o->told_expected_s, o->told_deadline_s, &o->pace, text,
	    sizeof(text));
	if (o->trouble == FORECAST_WELL)
		log_info("delivery-in-time", "destination=%s", d->name);
	else
		log_warn("delivery-late", "destination=%s what=%s reason=\"%s\"", d->name,
		    outlook_word(o->trouble), log_text(text));
}

static void judge(struct uplink *u, struct destination *d, uint64_t now_ms)
{
	struct outlook *o = &d->outlook;
	struct walk w;
	int64_t granted_s = d->deliver_s, due_s, assumed_s, spare_s;
	bool blind = o->pace.bytes_per_s == 0 || d->breaker.open || !d->peer || !d->ready;
	enum forecast_trouble t;
	bool in_time;
	uint64_t count = walk_begin(u, d, &w);

	o->allowed_per_s = timetable_rate(&d->wire, minute_now());
	o->expected_s = count ? arrival(d, w.now_s, w.all_bytes, w.expedited_n == count) : 0;
	if (count > 0 && index_ahead(ix(u), d->name, ROWS, take, &w) == ROWS && count > ROWS) {
		/* too many to look at each: those behind them by the hour, none later than it is */
		w.front_bytes = w.front_n = 0;
		w.expedited = false;
		index_hours(ix(u), d->name, take_hour, &w);
	}
	if (w.first.deadline_s && w.now_s >= w.first.deadline_s) /* what is over is said first */
		w.urgent = w.first;
	due_s = w.urgent.deadline_s;
	o->late = w.late;
	o->urgent = w.urgent.asset;
	o->urgent_deadline_s = due_s;
	o->urgent_expected_s = due_s ? arrival(d, w.now_s, w.urgent.bytes, w.urgent.expedited) : 0;
	/* away, or a pace that nobody knows: it may stay so for as long as it has been so */
	assumed_s = o->urgent_expected_s ? o->urgent_expected_s : due_s ? w.now_s : 0;
	if (!blind || o->blind_since_ms == 0)
		o->blind_since_ms = blind ? now_ms : 0;
	spare_s = blind ? (int64_t)(now_ms - o->blind_since_ms) / 1000 : 0;
	if (spare_s > granted_s / 8)
		spare_s = granted_s / 8;
	if (o->expected_s == INT64_MAX || assumed_s == INT64_MAX)
		assumed_s = INT64_MAX;
	else
		spare_s += (assumed_s - w.now_s) / 16;
	if (assumed_s != INT64_MAX && assumed_s)
		assumed_s += spare_s;
	t = count == 0 ? FORECAST_WELL :
			 forecast_judge(w.now_s, assumed_s, due_s, &o->pace, largest_request(d),
			     o->longest_ms / 1000);
	in_time =
	    count == 0 || !due_s || (assumed_s != INT64_MAX && assumed_s + granted_s / 32 <= due_s);
	show(d, t, in_time, now_ms);
}

void outlook_turn(struct uplink *u, struct destination *d)
{
	uint64_t now_ms = waits_now_ms(), count = 0, bytes = 0, pause_ms = JUDGE_MS;
	struct outlook *o = &d->outlook;

	look_at_pace(d, now_ms);
	if (index_queued(ix(u), d->name, &count, &bytes) == 0 &&
	    (count != o->judged_count || bytes != o->judged_bytes))
		pause_ms = JUDGE_NEWS_MS;
	if (o->judged_ms && now_ms - o->judged_ms < pause_ms)
		return;
	o->judged_ms = now_ms;
	o->judged_count = count;
	o->judged_bytes = bytes;
	judge(u, d, now_ms);
}

void outlook_again(struct destination *d)
{
	d->outlook.judged_ms = 0;
}

int64_t outlook_expected(struct uplink *u, struct destination *d, uint64_t asset)
{
	struct walk w;
	uint64_t count = walk_begin(u, d, &w);

	w.wanted = asset;
	if (count == 0 || index_ahead(ix(u), d->name, ROWS, take, &w) < 0)
		return 0;
	if (!w.found && count <= ROWS)
		return 0;
	if (!w.found)
		w.there_bytes = w.all_bytes; /* at the latest */
	else if (!w.expedited && in_slot(d, asset))
		w.there_bytes = slot_there(&w);
	return arrival(d, w.now_s, w.there_bytes, w.found && w.expedited);
}

const char *outlook_word(enum forecast_trouble t)
{
	static const char *const words[] = {
		[FORECAST_WELL] = "",
		[FORECAST_LATE] = "late",
		[FORECAST_NEVER] = "never",
		[FORECAST_PAST] = "past",
	};

	return words[t];
}

bool outlook_text(const struct uplink *u, char *out, size_t size)
{
	size_t used = 0;
	bool some = false, other = false;

	out[0] = '\0';
	/* any: one destination that is in time is enough */
	for (size_t i = 0; i < u->n; i++) {
		const struct destination *d = u->destination[i];

		other = other ||
		    (u->any && d->peer && d->ready && !d->breaker.open &&
			d->outlook.trouble == FORECAST_WELL);
	}
	for (size_t i = 0; i < u->n && !other; i++) {
		const struct destination *d = u->destination[i];
		const struct outlook *o = &d->outlook;
		char text[PROTO_TEXT_LEN * 3];

		if (o->trouble == FORECAST_WELL)
			continue;
		forecast_text(o->trouble, d->name, o->told_expected_s, o->told_deadline_s, &o->pace,
		    text, sizeof(text));
		if (used < size)
			used += (size_t)snprintf(
			    out + used, size - used, "%s%s", some ? "; " : "", text);
		if (used < size && o->late > 1)
			used +=
			    (size_t)snprintf(out + used, size - used, " (%u such files)", o->late);
		some = true;
	}
	return some;
}
