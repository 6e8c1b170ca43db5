/*
 * week: forty cameras, a line of 10 Mbit/s and three days without it, hour by hour.
 *
 * Real: the whole core, dockd/core.c with every file it is made of (its turns, ledger, index,
 * staging, bays, intake, uplink with order, waits and breaker, forecasts, retention, retirement,
 * shipping, checkpoints, control), its sockets and their messages; what was told was asked of the
 * control socket. Simulated: time; the room on the disk (files are sparse, of true length); cameras
 * with their workers and dockd-verify (week_dock.c); the uploader, the line and the server
 * (week_server.c). `make week` writes tests/sim/WEEK.md (week_report.c); a day of it is a test
 * (`--plan day`): it fails where something is lost, arrives twice, or is late before anybody was told.
 */
#include "week_report.h"

#include "../../dockd/base/proto_asset.h"
#include "../../dockd/base/proto_station.h"
#include "../../dockd/index_asset.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DELIVER_H 72
#define SOMEBODY 64001 /* the core knows no services that run as root */

/* Clips of 2.3 GB (18 GB a shift), 10 Mbit/s, three days without a server. */
#define WEEK_LONG                                                                                  \
	.clip_bytes = 2300000000, .line_per_s = 1250000, .disk_bytes = UINT64_C(4000000000000),    \
	.card_bytes = UINT64_C(128000000000), .down_s = 30 * HOUR_S, .up_s = 102 * HOUR_S

static const struct week_plan plans[] = {
	{ .name = "full",
	    .cameras = 40,
	    .hours = 168,
	    WEEK_LONG,
	    .expedite_s = 130 * HOUR_S,
	    .step_us = 20 * SECOND_US },
	{ .name = "fits",
	    .cameras = 2,
	    .hours = 192,
	    WEEK_LONG,
	    .expedite_s = 106 * HOUR_S,
	    .step_us = 10 * SECOND_US },
	{ .name = "day",
	    .cameras = 6,
	    .hours = 34,
	    .clip_bytes = 600000000,
	    .line_per_s = 1250000,
	    .disk_bytes = UINT64_C(400000000000),
	    .card_bytes = UINT64_C(64000000000),
	    .down_s = 12 * HOUR_S,
	    .up_s = 20 * HOUR_S,
	    .expedite_s = 21 * HOUR_S,
	    .step_us = 10 * SECOND_US },
};
struct week_plan plan;

static struct week_row now_row;
static struct week_told told;

static char folder[64];
static char control_path[128];

void week_die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "week: %s: hour %.2f: ", plan.name, (double)virtual_s() / HOUR_S);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* ---- what is asked ---- */

static void take_status(const struct msg *m)
{
	struct proto_ctl_status s;
	struct proto_ctl_destination d;

	if (m->head.type == MSG_STATUS) {
		memcpy(&s, m->body, sizeof(s));
		now_row.station_light = s.station_light;
		now_row.free_bytes = s.disk_free_bytes;
		now_row.oldest_s = s.oldest_unsent_s;
		memcpy(now_row.text, s.text, sizeof(now_row.text));
		/* the sentences of forecast_text */
		snprintf(now_row.state, sizeof(now_row.state), "%s",
		    !strstr(s.text, "evidence: ")     ? "" :
			strstr(s.text, "was due by ") ? "past" :
			strstr(s.text, " is due by ") ? "late" :
							"never");
	} else if (m->head.type == MSG_DESTINED) {
		memcpy(&d, m->body, sizeof(d));
		now_row.queued = d.queued;
		now_row.queued_bytes = d.queued_bytes;
		now_row.per_s = d.bytes_per_s;
		now_row.expected_s = d.expected_s;
		now_row.urgent_s = d.oldest_expected_s;
		now_row.due_s = d.oldest_deadline_s;
	}
}

static unsigned bays_seen;

static void take_bay(const struct msg *m)
{
	struct proto_ctl_bay b;

	memcpy(&b, m->body, sizeof(b));
	bays_seen++;
	if (b.light <= LIGHT_LEAVE)
		now_row.lights[b.light]++;
}

static int64_t told_expected;

static void take_upload(const struct msg *m)
{
	struct proto_ctl_upload u;

	if (m->head.type != MSG_UPLOADING)
		return;
	memcpy(&u, m->body, sizeof(u));
	told_expected = u.expected_s;
}

static void ask_all(bool bays)
{
	now_row = (struct week_row){ .at_s = virtual_s(),
		.up = server_line_is_up(),
		.used_bytes = virtual_used_bytes,
		.not_recorded = dock_not_recorded };
	core_ask(control_path, (struct proto_ask){ .ask = ASK_STATUS }, take_status);
	if (!bays)
		return;
	bays_seen = 0;
	for (unsigned before = 1; bays_seen != before;) {
		before = bays_seen;
		core_ask(control_path, (struct proto_ask){ .ask = ASK_BAYS, .cursor = bays_seen },
		    take_bay);
	}
}

/* ---- the clip that cannot wait ---- */

static uint64_t number_of(const struct clip *c)
{
	static struct asset page[16];
	char hex[2 * PROTO_SHA256_LEN + 1] = "";
	uint64_t after = 0;
	int n;

	for (size_t i = 0; i < PROTO_SHA256_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", c->sha256[i]);
	do {
		n = index_assets(core_index(), after, true, page, 16);
		for (int i = 0; i < n; i++) {
			after = page[i].number;
			if (strcmp(page[i].sha256, hex) == 0)
				return after;
		}
	} while (n == 16);
	return 0;
}

static int64_t ask_expected(uint64_t number)
{
	told_expected = 0;
	core_ask(
	    control_path, (struct proto_ask){ .ask = ASK_ASSET, .number = number }, take_upload);
	return told_expected;
}

static void expedite(void)
{
	struct proto_ask ask = { .ask = ASK_EXPEDITE, .reason = "an inquiry waits for it" };
	struct clip *c = NULL;

	for (size_t i = 0; i < clips_n; i++) {
		if (clips[i].checked_s && !clips[i].receipted_s && clips[i].sent_bytes == 0)
			c = &clips[i];
	}
	told.expedited.done = true;
	if (!c)
		return;
	ask.number = c->number = number_of(c);
	told.expedited.clip = c;
	told.expedited.asked_s = virtual_s();
	told.expedited.queued_bytes = now_row.queued_bytes;
	told.expedited.before_s = ask_expected(c->number);
	told_expected = 0;
	if (core_ask(control_path, ask, take_upload) < 0)
		week_die("clip %u cannot be expedited", c->handle);
	told.expedited.told_s = told_expected;
}

/* ---- each step ---- */

void week_passed(void)
{
	static int64_t sampled_s = -WEEK_SAMPLE_S, row_s = -HOUR_S;
	struct week_note *n = &told.note[told.notes];
	bool hour = virtual_s() - row_s >= HOUR_S;

	if (virtual_s() - sampled_s < WEEK_SAMPLE_S)
		return;
	sampled_s = virtual_s();
	ask_all(hour);
	if (hour && told.rows < WEEK_HOURS_MAX) {
		row_s = virtual_s();
		told.row[told.rows++] = now_row;
	}
	if (told.notes < WEEK_NOTES_MAX &&
	    (told.notes == 0 || strcmp(n[-1].state, now_row.state) != 0)) {
		n->at_s = virtual_s();
		memcpy(n->state, now_row.state, sizeof(n->state));
		memcpy(n->text, now_row.text, sizeof(n->text));
		told.notes++;
	}
	if (plan.expedite_s && !told.expedited.done && virtual_s() >= plan.expedite_s)
		expedite();
}

/* ---- the station's folder ---- */

static void write_file(const char *name, const char *fmt, ...)
{
	char path[160];
	va_list ap;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "a");
	if (!f)
		week_die("%s: %s", path, strerror(errno));
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
}

static void make_station(void)
{
	char path[160];

	snprintf(folder, sizeof(folder), "%s/dockd-week-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder))
		week_die("%s: %s", folder, strerror(errno));
	snprintf(control_path, sizeof(control_path), "%s/run/control.sock", folder);
	write_file("dockd.conf",
	    "station = \"week\";\nstate-dir = \"%s/state\";\nrun-dir = \"%s/run\";\n"
	    "log = \"%s/log\";\nallow-plaintext = true;\nhotplug-user = %u;\n"
	    "uploader-user = %u;\ncore-group = %u;\nit-group = %u;\nevidence-group = %u;\nreports = \"none\";\n"
	    "erase = \"when-receipted\";\naccept-receipt = \"stored-digest\";\n"
	    "confirm-after-days = 1;\nverify-jobs = 2;\nship-seconds = 3600;\n"
	    "destinations = ( { name = \"evidence\"; driver = \"tus\"; slots = 4;\n"
	    " url = \"http://127.0.0.1:1/files\"; deliver-within-hours = %u; } );\nbays = (\n",
	    folder, folder, folder, (unsigned)getuid(), (unsigned)getuid(), (unsigned)getgid(),
	    (unsigned)getgid(), (unsigned)getgid(), told.deliver_h);
	for (unsigned i = 0; i < plan.cameras; i++)
		write_file("dockd.conf", "%s{ name = \"%u\"; port = \"1-%u.%u\"; }\n", i ? "," : "",
		    i + 1, i / 10 + 1, i % 10 + 1);
	write_file("dockd.conf", ");\n");
	snprintf(path, sizeof(path), "%s/profiles", folder);
	if (mkdir(path, 0755) < 0)
		week_die("%s: %s", path, strerror(errno));
	write_file("profiles/week.conf",
	    "name = \"week\";\nmatch = { vendor = 0x1209; product = 0xbcbc; model = \"vcam*\"; };\n"
	    "driver = \"ptp\";\nidentity = \"usb\";\nsigning = \"none\";\nlogs = \"none\";\n"
	    "erasable = true;\nset-clock = true;\nsettle-seconds = 5;\nclips = ( \"*.mp4\" );\n");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int main(int argc, char **argv)
{
	static char config[160], profiles[160], core_path[160];
	struct week_outcome o;
	bool keep = getenv("WEEK_KEEP") != NULL;

	if (argc == 2 && strcmp(argv[1], "--about") == 0) {
		report_about(stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]) && argc == 3; i++) {
		if (strcmp(argv[1], "--plan") == 0 && strcmp(argv[2], plans[i].name) == 0)
			plan = plans[i];
	}
	if (!plan.name) {
		fputs("usage: week --about | --plan full | fits | day\n", stderr);
		return 2;
	}
	told.deliver_h = strcmp(plan.name, "day") == 0 ? 6 : DELIVER_H;
	if (getuid() == 0 && (setgid(SOMEBODY) < 0 || setuid(SOMEBODY) < 0))
		week_die("cannot become somebody else than root");
	setenv("TZ", "UTC", 1);
	tzset();
	virtual_disk_bytes = plan.disk_bytes;
	make_station();
	snprintf(config, sizeof(config), "%s/dockd.conf", folder);
	snprintf(profiles, sizeof(profiles), "%s/profiles", folder);
	snprintf(core_path, sizeof(core_path), "%s/run/core.sock", folder);
	dock_open(core_path);
	server_open(core_path);
	if (core_run(config, profiles) != EXIT_SUCCESS)
		week_die("the core failed; its log is in %s", folder);
	o = report_judge(&told);
	report_print(stdout, &told, &o);
	if (keep)
		fprintf(stderr, "week: kept in %s\n", folder);
	else
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (o.untold)
		week_die("%u files were late and nobody was told", o.untold);
	report_judge_expedited(&told);
	if (strcmp(plan.name, "day") == 0 && (o.staged == 0 || o.late == 0 || !told.expedited.clip))
		week_die("the day does not show what it is for");
	return EXIT_SUCCESS;
}
