/*
 * control_metrics: the station's figures, for dockctl metrics and for the file that is scraped.
 *
 * Called by control and by textfile. It reads what others have counted and changes nothing: a
 * scrape walks no assets. Labels are names of ours (destination, bay, kind, words of the ledger);
 * never the serial number of a camera, never an officer's id, never text from outside.
 */
#include "control_answer.h"
#include "control_inner.h"

#include "certificate.h"
#include "control_client.h"
#include "index_evidence.h"
#include "index_queue.h"
#include "index_tally.h"
#include "metrics.h"
#include "sealed.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

struct scrape {
	struct exposition x;
	const struct control *c;
	struct index *index;
	struct index_counts counts;
	size_t destinations;
	struct uplink_state destination[CONFIG_DESTINATIONS];
};

static void family(struct scrape *s, enum metrics m)
{
	exposition_family(&s->x, &metrics_table[m]);
}

static void one(struct scrape *s, enum metrics m, uint64_t value)
{
	family(s, m);
	exposition_count(&s->x, value, NULL);
}

static void one_real(struct scrape *s, enum metrics m, double value)
{
	family(s, m);
	exposition_value(&s->x, value, NULL);
}

/* A sum of the ledger without labels, or under that of its words that has a name here. */
static void tallied(
    struct scrape *s, enum metrics m, enum tallied what, const char *a, const char *b)
{
	const struct tally *t = index_tally(s->index);
	const struct tally_row *row = NULL;

	family(s, m);
	if (!a && !b)
		exposition_count(&s->x, tally_of(t, what, "", ""), NULL);
	while ((a || b) && (row = tally_next(t, what, row))) {
		if (a && b)
			exposition_count(&s->x, row->n, a, row->a, b, row->b, NULL);
		else
			exposition_count(&s->x, row->n, a ? a : b, a ? row->a : row->b, NULL);
	}
}

/* ---- the station ---- */

static const char *station_word(enum station_light l)
{
	switch (l) {
	case STATION_WELL:
		return "well";
	case STATION_AWAY:
		return "away";
	case STATION_NEEDS_IT:
		return "needs-it";
	}
	return "?";
}

static void put_clock(struct scrape *s)
{
	struct timex t = { .modes = 0 };
	struct clock_state clock;
	bool nano;

	clock_state(&clock);
	one(s, M_CLOCK_SYNCHRONISED, clock.synchronised);
	family(s, M_CLOCK_ERROR);
	if (clock.error_ms >= 0)
		exposition_value(&s->x, (double)clock.error_ms / 1000, NULL);
	family(s, M_CLOCK_OFFSET);
	if (adjtimex(&t) < 0)
		return;
	nano = t.status & STA_NANO;
	exposition_value(&s->x, (double)t.offset / (nano ? 1e9 : 1e6), NULL);
}

static void put_station(struct scrape *s)
{
	const struct control *c = s->c;
	struct staging_space space = { 0 };
	enum station_light shown = control_station_light(c);
	struct filling filling;

	family(s, M_BUILD_INFO);
	exposition_count(&s->x, 1, "station", c->p.station, "version", DOCKD_VERSION, NULL);
	one_real(s, M_START_TIME, c->began_s);
	family(s, M_STATION_LIGHT);
	for (enum station_light l = STATION_WELL; l <= STATION_NEEDS_IT; l++)
		exposition_count(&s->x, l == shown, "light", station_word(l), NULL);
	one(s, M_INTAKE_STOPPED, bays_stop_why(c->p.bays)[0] || !journal_works(c->p.journal));
	one(s, M_PLAINTEXT, c->p.keeping->plaintext);
	one(s, M_HOTPLUG_CONNECTED, c->p.bays->hotplug);
	put_clock(s);
	staging_space(c->p.staging, &space);
	one(s, M_DISK_SIZE, space.total_bytes);
	one(s, M_DISK_FREE, space.free_bytes);
	one(s, M_DISK_RESERVE, space.reserve_bytes);
	family(s, M_BUFFER_DAYS);
	filling = control_filling(c, &space);
	if (filling.days_left >= 0)
		exposition_value(&s->x, filling.days_left, NULL);
}

/* ---- bays and cameras ---- */

static bool occupied(const struct bay *b)
{
	return b->state != BAY_EMPTY && b->state != BAY_LEFT && b->state != BAY_FOREIGN;
}

static void put_bays(struct scrape *s)
{
	const struct bays *bays = s->c->p.bays;
	uint64_t docked = 0, known, overdue;

	family(s, M_BAY_LIGHT);
	for (size_t i = 0; i < bays->n; i++) {
		enum light_state shown = bay_light(bays->bay[i]);

		for (enum light_state l = LIGHT_OFF; l <= LIGHT_LEAVE; l++)
			exposition_count(&s->x, l == shown, "bay", bays->bay[i]->name, "light",
			    light_word(l), NULL);
	}
	family(s, M_BAY_OCCUPIED);
	for (size_t i = 0; i < bays->n; i++) {
		docked += occupied(bays->bay[i]);
		exposition_count(&s->x, occupied(bays->bay[i]), "bay", bays->bay[i]->name, NULL);
	}
	family(s, M_BAY_ATTENTION);
	for (size_t i = 0; i < bays->n; i++)
		exposition_count(&s->x, bays->bay[i]->health.attention[0] != '\0', "bay",
		    bays->bay[i]->name, NULL);
	one(s, M_CAMERAS_DOCKED, docked);
	control_cameras_count(s->c, &known, &overdue);
	one(s, M_CAMERAS_KNOWN, known);
	one(s, M_CAMERAS_OVERDUE, overdue);
	one(s, M_DOCKINGS, s->counts.dockings);
	tallied(s, M_PULLED_BYTES, TALLY_PULLED_BYTES, NULL, NULL);
	tallied(s, M_PULLS, TALLY_PULLS, NULL, "result");
	tallied(s, M_MISHAPS, TALLY_MISHAPS, NULL, "what");
	tallied(s, M_CAMERA_FAULTS, TALLY_FAULTS, NULL, NULL);
	tallied(s, M_OVER_CURRENT, TALLY_OVER_CURRENT, NULL, NULL);
}

/* ---- files ---- */

static void put_files(struct scrape *s)
{
	struct retention_numbers kept;
	uint64_t wrong = 0;

	tallied(s, M_FILES_FOUND, TALLY_FOUND, "kind", NULL);
	one(s, M_FILES, s->counts.assets);
	one(s, M_FILES_RECEIPTED, s->counts.receipted);
	one(s, M_FILES_ERASED, s->counts.erased);
	one(s, M_FILES_NEED_PERSON, s->counts.needs_person);
	tallied(s, M_FILE_TROUBLES, TALLY_TROUBLES, NULL, NULL);
	tallied(s, M_FILES_RESTAGED, TALLY_RESTAGED, NULL, NULL);
	tallied(s, M_ERASURES, TALLY_ERASED, NULL, "result");
	tallied(s, M_DISPOSALS, TALLY_DISPOSED, NULL, "result");
	retention_numbers(s->c->p.retention, &kept);
	one(s, M_FILES_PRESERVED, kept.preserved);
	one(s, M_FILES_DUE, kept.due);
	one(s, M_FILES_REVIEW, kept.review);
	one(s, M_FILES_OVERDUE, kept.overdue);
	tallied(s, M_SIGNATURES, TALLY_SIGNATURES, NULL, "result");
	index_signatures_wrong(s->index, &wrong);
	one(s, M_SIGNATURES_WRONG, wrong);
	one(s, M_FINDINGS_OPEN, index_findings_count(s->index));
}

/* ---- destinations ---- */

static void each(struct scrape *s, enum metrics m, uint64_t (*value)(const struct uplink_state *d))
{
	family(s, m);
	for (size_t i = 0; i < s->destinations; i++)
		exposition_count(
		    &s->x, value(&s->destination[i]), "destination", s->destination[i].name, NULL);
}

static uint64_t connected(const struct uplink_state *d)
{
	return d->connected;
}

static uint64_t away(const struct uplink_state *d)
{
	return d->away;
}

static uint64_t needs_person(const struct uplink_state *d)
{
	return d->person || d->another;
}

static uint64_t late(const struct uplink_state *d)
{
	return d->late[0] != '\0';
}

static uint64_t active(const struct uplink_state *d)
{
	return d->active;
}

static uint64_t rate(const struct uplink_state *d)
{
	return d->bytes_per_s;
}

static uint64_t sent(const struct uplink_state *d)
{
	return d->sent_bytes;
}

static void put_queues(struct scrape *s)
{
	uint64_t count[CONFIG_DESTINATIONS] = { 0 }, bytes[CONFIG_DESTINATIONS] = { 0 };

	for (size_t i = 0; i < s->destinations; i++)
		index_queued(s->index, s->destination[i].name, &count[i], &bytes[i]);
	family(s, M_QUEUE_FILES);
	for (size_t i = 0; i < s->destinations; i++)
		exposition_count(&s->x, count[i], "destination", s->destination[i].name, NULL);
	family(s, M_QUEUE_BYTES);
	for (size_t i = 0; i < s->destinations; i++)
		exposition_count(&s->x, bytes[i], "destination", s->destination[i].name, NULL);
}

static void put_delays(struct scrape *s)
{
	const struct tally *t = index_tally(s->index);
	const struct tally_row *row = NULL;
	double edge[DELAY_BUCKETS];

	for (size_t i = 0; i < DELAY_BUCKETS; i++)
		edge[i] = index_delay_s[i];
	family(s, M_DOCK_TO_RECEIPT);
	while ((row = tally_next(t, TALLY_DELAY_S, row))) {
		uint64_t count[DELAY_BUCKETS + 1];
		char number[12];

		for (unsigned i = 0; i <= DELAY_BUCKETS; i++) {
			snprintf(number, sizeof(number), "%u", i);
			count[i] = tally_of(t, TALLY_DELAY, row->a, number);
		}
		exposition_histogram(
		    &s->x, "destination", row->a, edge, count, DELAY_BUCKETS, (double)row->n);
	}
}

static void put_certificates(struct scrape *s)
{
	family(s, M_CERTIFICATE_EXPIRY);
	for (size_t i = 0; i < s->destinations; i++) {
		for (unsigned w = CERTIFICATE_CLIENT; w <= CERTIFICATE_SERVER; w++) {
			int64_t from, until;

			if (uplink_certificate(
				s->c->p.uplink, i, (enum certificate_which)w, &from, &until) == 0)
				exposition_value(&s->x, (double)until, "destination",
				    s->destination[i].name, "which", certificate_word(w), NULL);
		}
	}
}

static void put_failures(struct scrape *s)
{
	const struct tally *t = uplink_failures(s->c->p.uplink);
	const struct tally_row *row = NULL;

	family(s, M_UPLOAD_FAILURES);
	while ((row = tally_next(t, UPLINK_FAILURES, row)))
		exposition_count(&s->x, row->n, "destination", row->a, "state", row->b, NULL);
}

static void put_destinations(struct scrape *s)
{
	int64_t oldest = s->counts.oldest_unsent_s, now = clock_now_s();

	while (s->destinations < CONFIG_DESTINATIONS &&
	    uplink_state(s->c->p.uplink, s->destinations, &s->destination[s->destinations]) == 0)
		s->destinations++;
	one(s, M_UNSENT_BYTES, s->counts.unsent_bytes);
	one(s, M_OLDEST_UNSENT, oldest > 0 && now > oldest ? (uint64_t)(now - oldest) : 0);
	each(s, M_DESTINATION_CONNECTED, connected);
	each(s, M_DESTINATION_AWAY, away);
	each(s, M_DESTINATION_NEEDS_PERSON, needs_person);
	each(s, M_DESTINATION_LATE, late);
	put_certificates(s);
	each(s, M_DESTINATION_UPLOADS, active);
	each(s, M_DESTINATION_RATE, rate);
	put_queues(s);
	each(s, M_SENT_BYTES, sent);
	tallied(s, M_RECEIVED_BYTES, TALLY_RECEIVED_BYTES, "destination", NULL);
	put_delays(s);
	tallied(s, M_RECEIPTS, TALLY_RECEIPTS, "destination", "level");
	tallied(s, M_RECEIPTS_REFUSED, TALLY_RECEIPTS_REFUSED, "destination", "result");
	tallied(s, M_RECEIPTS_LOST, TALLY_LOST, "destination", NULL);
	tallied(s, M_CONFIRMATIONS, TALLY_CONFIRMED, "destination", NULL);
	tallied(s, M_UPLOADS_REFUSED, TALLY_REFUSED, "destination", NULL);
	put_failures(s);
}

/* ---- the ledger, and dockd itself ---- */

static void put_ledger(struct scrape *s)
{
	const struct control *c = s->c;

	one(s, M_LEDGER_WORKS, journal_works(c->p.journal));
	one(s, M_LEDGER_RECORDS, journal_records(c->p.journal));
	one(s, M_LEDGER_CONTRADICTION, checkpoint_trouble(c->p.checkpoint)[0] != '\0');
	one(s, M_CHECKPOINT_RECORDS, checkpoint_size(c->p.checkpoint));
	one_real(s, M_CHECKPOINT_TIME, (double)checkpoint_signed_s(c->p.checkpoint));
	one(s, M_LEDGER_CHECKED_RECORDS, checkpoint_checked(c->p.checkpoint));
	one_real(s, M_LEDGER_CHECK_TIME, (double)checkpoint_checked_s(c->p.checkpoint));
	tallied(s, M_DENIED, TALLY_DENIED, NULL, NULL);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static uint64_t resident_bytes(void)
{
	unsigned long size = 0, resident = 0;
	FILE *in = fopen("/proc/self/statm", "re");

	if (!in)
		return 0;
	if (fscanf(in, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(in);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 3 ? n - 3 : 0; /* "." and "..", and the folder itself */
}

static void put_process(struct scrape *s)
{
	static const char *const levels[] = { "debug", "info", "warn", "error" };
	struct rusage own = { 0 }, workers = { 0 };
	struct log_counts log;

	log_counts(&log);
	family(s, M_LOG_LINES);
	for (enum log_level l = LOG_INFO_LEVEL; l <= LOG_ERROR_LEVEL; l++)
		exposition_count(&s->x, log.lines[l], "level", levels[l], NULL);
	one(s, M_LOG_SUPPRESSED, log.suppressed);

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &workers);
	one(s, M_RESIDENT_BYTES, resident_bytes());
	one_real(s, M_CPU_SECONDS,
	    seconds(own.ru_utime) + seconds(own.ru_stime) + seconds(workers.ru_utime) +
		seconds(workers.ru_stime));
	one(s, M_OPEN_FILES, open_files());
}

int control_metrics_write(const struct control *c, FILE *out)
{
	static struct scrape s;

	memset(&s, 0, sizeof(s));
	s.x.out = out;
	s.c = c;
	s.index = control_index(c);
	index_counts(s.index, &s.counts);
	put_station(&s);
	put_bays(&s);
	put_files(&s);
	put_destinations(&s);
	put_ledger(&s);
	put_process(&s);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}

int control_metrics(struct client *k)
{
	struct proto_ctl_segment row = { .name = "metrics" };
	int fd = sealed_new("metrics"), r = fd < 0 ? fd : 0;
	FILE *out = r == 0 ? fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 0), "w") : NULL;
	long size = 0;

	if (out) {
		r = control_metrics_write(k->control, out);
		size = ftell(out);
		fclose(out);
	} else if (r == 0) {
		r = -errno;
	}
	if (r == 0)
		r = sealed_shut(fd);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return client_end(k, r, 0, "the figures cannot be written");
	}
	row.size_bytes = size > 0 ? (uint64_t)size : 0;
	r = client_send(k, MSG_SEGMENT, &row, fd);
	close(fd);
	return r < 0 ? r : client_end(k, 0, 0, "");
}
