/*
 * dockctl, whole, against a scripted daemon: what it asks, what it shows, how it exits.
 */
int ctl_main(int argc, char **argv);
#define main ctl_main
#include "../../dockd/ctl.c"
#undef main
#include "../../dockd/ctl_export.c"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define CLIP_TEXT "the clip's bytes"
#define EVIL                                                                                       \
	"DCIM/\x1b[2J\xe2\x80\xae"                                                                 \
	"4pm.\xff.mp4"

static struct {
	char folder[64];
	char path[96];
	char out[65536], err[8192];
} t;

/* ---- the scripted daemon: a child that ends with 0 where it was asked what it expected ---- */

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "daemon, line %d: %s\n", __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static struct proto_ask asked(int sock, unsigned what)
{
	struct proto_ask ask;
	struct msg m;

	EXPECT(msg_recv(sock, &m, 0, NULL) == 1);
	EXPECT(m.head.type == MSG_ASK);
	memcpy(&ask, m.body, sizeof(ask));
	EXPECT(ask.version == PROTO_VERSION);
	EXPECT(ask.ask == what);
	return ask;
}

static void tell(int sock, unsigned type, const void *body)
{
	EXPECT(msg_send(sock, type, 0, 0, body, NULL, 0) == 0);
}

static void tell_end(int sock, int status, uint64_t cursor, const char *text)
{
	struct proto_ctl_end end = { .status = status, .cursor = cursor, .generation = 7 };

	snprintf(end.text, sizeof(end.text), "%s", text);
	tell(sock, MSG_END, &end);
}

static void tell_status(int sock)
{
	struct proto_ctl_status s = { .station = "north",
		.version = "9.9",
		.generation = 7,
		.assets = 1204,
		.receipted = 1200,
		.unsent_bytes = 1234567890,
		.oldest_unsent_s = 1700000000,
		.bays = 40,
		.occupied = 3,
		.station_light = STATION_AWAY,
		.accept_level = LEVEL_SIGNED,
		.disk_free_bytes = 5000000000,
		.text = "start dockd-hotplug" };

	asked(sock, ASK_STATUS);
	tell(sock, MSG_STATUS, &s);
	tell(sock, MSG_DESTINED,
	    &(struct proto_ctl_destination){ .name = "es",
		.driver = "tus",
		.connected = 1,
		.away = 1,
		.queued = 4,
		.text = "no route to host" });
	tell(sock, MSG_DESTINED, &(struct proto_ctl_destination){ .name = "nas", .driver = "dir" });
	tell_end(sock, 0, 0, "");
}

static void tell_bay(int sock, const char *name, unsigned light)
{
	struct proto_ctl_bay b = { .port = "1-2",
		.state = "ready",
		.camera = "BWC-1",
		.light = light,
		.battery_percent = -1,
		.clock_offset_ms = INT64_MIN,
		.docking = 3,
		.held = 2,
		.features = 9 };

	snprintf(b.bay, sizeof(b.bay), "%s", name);
	tell(sock, MSG_BAY, &b);
}

static struct proto_ctl_asset asset(uint64_t number)
{
	struct proto_ctl_asset a = { .number = number,
		.docking = 3,
		.size_bytes = strlen(CLIP_TEXT),
		.mtime_s = PROTO_NO_TIME,
		.rung = RUNG_CHECKED,
		.kind = KIND_CLIP,
		.camera = "BWC-1",
		.signature = "unsigned",
		.reason = "never",
		.path = EVIL };

	return a;
}

typedef void script(int sock);

static int memory(void)
{
	return memfd_create("test_ctl", MFD_CLOEXEC);
}

static void slurp(int fd, char *out, size_t room)
{
	ssize_t n = pread(fd, out, room - 1, 0);

	assert_true(n >= 0);
	out[n] = '\0';
	close(fd);
}

static pid_t start_daemon(script *play)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int sock, listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	unlink(t.path);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", t.path);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		play(sock);
		_exit(0);
	}
	close(listener);
	return pid;
}

/* Runs dockctl with the words of line behind --socket; its exit code. play NULL: nobody listens. */
static int dockctl(script *play, const char *line)
{
	char words[256], *argv[16] = { "dockctl", "--socket", t.path };
	int argc = 3, out = memory(), err = memory(), status;
	pid_t daemon = play ? start_daemon(play) : 0, pid;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = words; *w && argc < 15; argc++) {
		argv[argc] = w;
		w += strcspn(w, " ");
		if (*w)
			*w++ = '\0';
	}
	argv[argc] = NULL;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		optind = 0;
		exit(ctl_main(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	slurp(out, t.out, sizeof(t.out));
	slurp(err, t.err, sizeof(t.err));
	if (daemon) {
		int daemon_status;

		assert_int_equal(waitpid(daemon, &daemon_status, 0), daemon);
		assert_int_equal(daemon_status, 0);
	}
	unlink(t.path);
	return WEXITSTATUS(status);
}

static json_t *parsed(void)
{
	json_error_t why;
	json_t *value = json_loads(t.out, 0, &why);

	if (!value)
		fail_msg("not JSON: %s\n%s", why.text, t.out);
	return value;
}

static json_int_t number_at(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(none)";
}

static int setup(void **state)
{
	(void)state;
	snprintf(t.folder, sizeof(t.folder), "/tmp/test_ctl.XXXXXX");
	if (!mkdtemp(t.folder))
		return -1;
	snprintf(t.path, sizeof(t.path), "%s/control.sock", t.folder);
	return 0;
}

/* Everything below the folder, which is one level of folders deep at most twice. */
static int teardown(void **state)
{
	(void)state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", "--", t.folder, (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

/* ---- status, bay, watch ---- */

static void play_status(int sock)
{
	tell_status(sock);
}

static void play_status_and_bays(int sock)
{
	tell_status(sock);
	EXPECT(asked(sock, ASK_BAYS).cursor == 0);
	tell_bay(sock, "4", LIGHT_TAKE);
	tell_end(sock, 0, 0, "");
}

static void status_for_people_and_programs(void **state)
{
	json_t *s, *d;

	(void)state;
	assert_int_equal(dockctl(play_status_and_bays, "status"), CTL_OK);
	assert_non_null(strstr(t.out, "evidence server out of reach"));
	assert_non_null(strstr(t.out, "NOT WATCHED"));
	assert_non_null(strstr(t.out, "1.2 GB"));
	assert_non_null(strstr(t.out, "TO DO      start dockd-hotplug"));
	assert_non_null(strstr(t.out, "out of reach: no route to host"));
	assert_non_null(strstr(t.out, "may be taken"));
	assert_int_equal(dockctl(play_status, "--json status"), CTL_OK);
	s = parsed();
	assert_string_equal(text_at(s, "station"), "north");
	assert_int_equal(number_at(s, "receipted"), 1200);
	assert_string_equal(text_at(s, "oldest_unsent"), "2023-11-14T22:13:20Z");
	assert_string_equal(text_at(s, "station_light"), "away");
	assert_true(json_is_false(json_object_get(s, "hotplug")));
	d = json_object_get(s, "destinations");
	assert_int_equal(json_array_size(d), 2);
	assert_true(json_is_true(json_object_get(json_array_get(d, 0), "away")));
	assert_string_equal(text_at(json_array_get(d, 1), "name"), "nas");
	json_decref(s);
}

static void play_pages(int sock)
{
	EXPECT(asked(sock, ASK_BAYS).cursor == 0);
	tell_bay(sock, "1", LIGHT_TAKE);
	tell_bay(sock, "2", LIGHT_READING);
	tell_end(sock, 0, 2, "");
	EXPECT(asked(sock, ASK_BAYS).cursor == 2);
	tell_bay(sock, "3", LIGHT_EMPTY);
	tell_end(sock, 0, 0, "");
}

static void pages_are_fetched_to_the_last(void **state)
{
	json_t *s, *list;

	(void)state;
	assert_int_equal(dockctl(play_pages, "bay --json"), CTL_OK);
	s = parsed();
	list = json_object_get(s, "bays");
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(text_at(json_array_get(list, 2), "light"), "empty");
	assert_true(json_is_null(json_object_get(json_array_get(list, 0), "battery_percent")));
	json_decref(s);
	assert_int_equal(dockctl(play_pages, "bay"), CTL_OK);
	assert_non_null(strstr(t.out, "being read: leave it"));
}

static void play_one_bay(int sock)
{
	EXPECT(strcmp(asked(sock, ASK_BAYS).text, "7") == 0);
	tell_bay(sock, "7", LIGHT_CHARGING);
	tell_end(sock, 0, 0, "");
}

static void play_no_bay(int sock)
{
	asked(sock, ASK_BAYS);
	tell_end(sock, -ENOENT, 0, "no bay of that name\x1b[31m");
}

static void one_bay_by_name(void **state)
{
	json_t *b;

	(void)state;
	assert_int_equal(dockctl(play_one_bay, "--json bay 7"), CTL_OK);
	b = parsed();
	assert_string_equal(text_at(b, "bay"), "7");
	assert_string_equal(text_at(json_object_get(b, "features"), ""), "(none)");
	assert_int_equal(json_array_size(json_object_get(b, "features")), 2);
	json_decref(b);
	assert_int_equal(dockctl(play_one_bay, "bay 7"), CTL_OK);
	assert_non_null(strstr(t.out, "Battery    not known"));
	assert_int_equal(dockctl(play_no_bay, "bay 8"), CTL_FAILED);
	assert_string_equal(t.err, "dockctl: no bay of that name\\x1B[31m\n");
}

static void play_watch(int sock)
{
	for (int i = 0; i < 2; i++) {
		tell_status(sock);
		asked(sock, ASK_BAYS);
		tell_bay(sock, "1", LIGHT_TAKE);
		tell_end(sock, 0, 0, "");
		EXPECT(asked(sock, ASK_CHANGED).cursor == 7);
		if (i == 0)
			tell_end(sock, 0, 0, "");
	}
}

static void watch_goes_on_until_the_daemon_ends(void **state)
{
	char *second;

	(void)state;
	assert_int_equal(dockctl(play_watch, "--json watch"), CTL_NO_DAEMON);
	second = strchr(t.out, '\n');
	assert_non_null(second);
	assert_ptr_equal(strchr(second + 1, '\n'), t.out + strlen(t.out) - 1);
	*second = '\0';
	json_decref(parsed());
}

/* ---- clip, queue ---- */

static void play_clip(int sock)
{
	struct proto_ctl_asset a = asset(17);

	EXPECT(asked(sock, ASK_ASSET).number == 17);
	tell(sock, MSG_ASSET, &a);
	tell(sock, MSG_UPLOADING,
	    &(struct proto_ctl_upload){ .number = 17,
		.destination = "es",
		.rung = RUNG_SENT,
		.offset_bytes = 5,
		.address = "https://es/f/1" });
	tell_end(sock, 0, 0, "");
}

static void clip_with_its_uploads_and_no_escapes(void **state)
{
	json_t *a;

	(void)state;
	assert_int_equal(dockctl(play_clip, "clip 17 --json"), CTL_OK);
	a = parsed();
	assert_string_equal(text_at(a, "rung"), "checked");
	assert_string_equal(text_at(a, "path"),
	    "DCIM/\x1b[2J\xe2\x80\xae"
	    "4pm.\\xFF.mp4");
	assert_true(json_is_null(json_object_get(a, "mtime")));
	assert_string_equal(
	    text_at(json_array_get(json_object_get(a, "uploads"), 0), "address"), "https://es/f/1");
	json_decref(a);
	assert_int_equal(dockctl(play_clip, "clip 17"), CTL_OK);
	assert_null(strchr(t.out, '\x1b'));
	assert_null(strstr(t.out, "\xe2\x80\xae"));
	assert_non_null(strstr(t.out, "DCIM/\\x1B[2J\\xE2\\x80\\xAE4pm.\\xFF.mp4"));
	assert_non_null(strstr(t.out, "being sent, 5 B there"));
	assert_non_null(strstr(t.out, "Why        never"));
}

static void play_queue(int sock)
{
	struct proto_ask ask = asked(sock, ASK_ASSETS);
	struct proto_ctl_asset a = asset(1);

	EXPECT(ask.flags == ASSETS_QUEUED && ask.cursor == 0);
	tell(sock, MSG_ASSET, &a);
	tell_end(sock, 0, 1, "");
	ask = asked(sock, ASK_ASSETS);
	EXPECT(ask.flags == ASSETS_QUEUED && ask.cursor == 1);
	a = asset(2);
	tell(sock, MSG_ASSET, &a);
	tell_end(sock, 0, 0, "");
}

static void play_all_of_nothing(int sock)
{
	EXPECT(asked(sock, ASK_ASSETS).flags == 0);
	tell_end(sock, 0, 0, "");
}

static void queue_is_one_object_over_pages(void **state)
{
	json_t *q;

	(void)state;
	assert_int_equal(dockctl(play_queue, "--json queue"), CTL_OK);
	q = parsed();
	assert_int_equal(json_array_size(json_object_get(q, "assets")), 2);
	assert_int_equal(number_at(json_array_get(json_object_get(q, "assets"), 1), "number"), 2);
	json_decref(q);
	assert_int_equal(dockctl(play_queue, "queue"), CTL_OK);
	assert_null(strchr(t.out, '\x1b'));
	assert_int_equal(dockctl(play_all_of_nothing, "--json queue --all"), CTL_OK);
	assert_string_equal(t.out, "{\"assets\":[]}\n");
}

/* ---- wait, retry ---- */

static struct proto_ask wanted;
static int answer;

static void play_wanted(int sock)
{
	struct proto_ask ask = asked(sock, wanted.ask);

	ask.version = 0;
	EXPECT(memcmp(&ask, &wanted, sizeof(ask)) == 0);
	tell_end(sock, answer, 0, "");
}

static void conditions_are_asked_as_meant(void **state)
{
	static const struct {
		const char *line;
		struct proto_ask ask;
	} cases[] = {
		{ "wait clip 9 receipted",
		    { .ask = ASK_WAIT,
			.wait_for = WAIT_ASSET_RUNG,
			.number = 9,
			.rung = RUNG_RECEIPTED } },
		{ "wait all staged --timeout 3",
		    { .ask = ASK_WAIT,
			.wait_for = WAIT_ALL_RUNG,
			.rung = RUNG_STAGED,
			.timeout_ms = 3000 } },
		{ "wait bay 4 take",
		    { .ask = ASK_WAIT,
			.wait_for = WAIT_BAY_LIGHT,
			.rung = LIGHT_TAKE,
			.text = "4" } },
		{ "wait --timeout 4000000 idle",
		    { .ask = ASK_WAIT, .wait_for = WAIT_IDLE, .timeout_ms = 4000000000 } },
		{ "wait dockings 12",
		    { .ask = ASK_WAIT, .wait_for = WAIT_DOCKINGS, .cursor = 12 } },
		{ "retry", { .ask = ASK_RETRY } },
		{ "retry all", { .ask = ASK_RETRY } },
		{ "retry clip 3", { .ask = ASK_RETRY, .number = 3 } },
		{ "retry bay x", { .ask = ASK_RETRY, .text = "x" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wanted = cases[i].ask;
		answer = 0;
		assert_int_equal(dockctl(play_wanted, cases[i].line), CTL_OK);
		assert_string_equal(t.out, "");
	}
}

static void exit_codes_tell_what_went_wrong(void **state)
{
	static const struct {
		int status, code;
	} cases[] = {
		{ -ETIMEDOUT, CTL_TIMED_OUT },
		{ -ENOENT, CTL_FAILED },
		{ -EPERM, CTL_NOT_PERMITTED },
		{ -EINVAL, CTL_FAILED },
		{ 0, CTL_OK },
	};

	(void)state;
	wanted = (struct proto_ask){ .ask = ASK_WAIT, .wait_for = WAIT_IDLE };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer = cases[i].status;
		assert_int_equal(dockctl(play_wanted, "wait idle"), cases[i].code);
		assert_int_equal(t.err[0] == '\0', cases[i].code == CTL_OK);
	}
	assert_int_equal(dockctl(NULL, "status"), CTL_NO_DAEMON);
	assert_non_null(strstr(t.err, "dockd is not running"));
}

static void wrong_lines_are_usage_errors_without_a_daemon(void **state)
{
	static const char *const lines[] = { "", "frob", "--frob", "status x", "clip", "clip x",
		"clip 0", "clip -1", "clip 1x", "clip 99999999999999999999", "wait",
		"wait idle now", "wait bay 1 green", "wait clip 1 sealed", "wait all",
		"wait idle --timeout 0", "wait idle --timeout 5s", "status --timeout 5",
		"status --all", "queue --ledger", "retry clip", "retry clip x", "retry bay",
		"retry some", "export", "watch x", "queue x", "bay 1 2" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (dockctl(NULL, lines[i]) != CTL_USAGE)
			fail_msg("%s: %s", lines[i], t.err);
	}
	assert_int_equal(dockctl(NULL, "help"), CTL_OK);
	assert_int_equal(dockctl(NULL, "--version"), CTL_OK);
	assert_string_equal(t.out, "dockctl " DOCKD_VERSION "\n");
}

static void play_close(int sock)
{
	asked(sock, ASK_STATUS);
}

static void play_stranger(int sock)
{
	asked(sock, ASK_STATUS);
	tell(sock, MSG_BYE, NULL);
}

static void play_circle(int sock)
{
	asked(sock, ASK_BAYS);
	tell_end(sock, 0, 5, "");
	EXPECT(asked(sock, ASK_BAYS).cursor == 5);
	tell_end(sock, 0, 5, "");
}

static void a_daemon_that_misbehaves_ends_it(void **state)
{
	(void)state;
	assert_int_equal(dockctl(play_close, "status"), CTL_NO_DAEMON);
	assert_int_equal(dockctl(play_stranger, "status"), CTL_FAILED);
	assert_non_null(strstr(t.err, "of one version"));
	assert_int_equal(dockctl(play_circle, "bay"), CTL_FAILED);
}

/* ---- export ---- */

static char clip_sha256[65];
static const char *ledger_text, *segment_name, *station_name;

static int file_of(const char *text)
{
	int fd = memory();

	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void tell_file(int sock, unsigned type, const void *body, const char *text)
{
	int fd = file_of(text);

	EXPECT(msg_send(sock, type, 0, 0, body, &fd, 1) == 0);
	close(fd);
}

static void tell_clip(int sock, uint64_t number, const char *path, const char *text)
{
	struct proto_ctl_asset a = asset(number);

	snprintf(a.path, sizeof(a.path), "%s", path);
	snprintf(a.sha256, sizeof(a.sha256), "%s", clip_sha256);
	tell_file(sock, MSG_ASSET, &a, text);
}

static const char *second_text = CLIP_TEXT;

static void play_export(int sock)
{
	struct proto_ctl_status s = { .station = "" };
	struct proto_ctl_asset absent = asset(3);
	struct proto_ctl_segment segment = { .size_bytes = strlen(ledger_text) };

	snprintf(s.station, sizeof(s.station), "%s", station_name);
	snprintf(segment.name, sizeof(segment.name), "%s", segment_name);
	asked(sock, ASK_STATUS);
	tell(sock, MSG_STATUS, &s);
	tell_end(sock, 0, 0, "");
	EXPECT(asked(sock, ASK_EXPORT).cursor == 0);
	tell_clip(sock, 1, "../../a b.MP4", CLIP_TEXT);
	tell(sock, MSG_ASSET, &absent);
	tell_end(sock, 0, 3, "");
	EXPECT(asked(sock, ASK_EXPORT).cursor == 3);
	tell_clip(sock, 4, "x./../etc", second_text);
	tell_end(sock, 0, 0, "");
	EXPECT(asked(sock, ASK_LEDGER).cursor == 0);
	tell_file(sock, MSG_SEGMENT, &segment, ledger_text);
	tell_end(sock, 0, 0, "");
}

static void play_export_refused(int sock)
{
	struct proto_ctl_status s = { .station = "south" };

	asked(sock, ASK_STATUS);
	tell(sock, MSG_STATUS, &s);
	tell_end(sock, 0, 0, "");
}

static const char *file_text(const char *name)
{
	static char text[4096];
	char path[192];
	int fd;

	snprintf(path, sizeof(path), "%s/out/%s", t.folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	slurp(fd, text, sizeof(text));
	return text;
}

static int export_setup(void **state)
{
	struct export x = { .md = EVP_MD_CTX_new(), .buffer = malloc(COPY_BYTES) };
	uint64_t len;
	int fd = file_of(CLIP_TEXT);
	int err = copy_digest(&x, fd, 1000, -1, &len, clip_sha256);

	close(fd);
	EVP_MD_CTX_free(x.md);
	free(x.buffer);
	if (err)
		return -1;
	ledger_text = "{\"seq\":1}\n";
	segment_name = "0000000000000001.jsonl";
	station_name = "north";
	second_text = CLIP_TEXT;
	return setup(state);
}

static int export_now(script *play)
{
	char line[128];

	snprintf(line, sizeof(line), "--json export %s/out", t.folder);
	return dockctl(play, line);
}

static void export_writes_names_of_ours_and_resumes(void **state)
{
	char first[96], fourth[96], part[112], path[192];
	json_t *s, *manifest, *entry;

	(void)state;
	snprintf(first, sizeof(first), "00000001-%.12s.mp4", clip_sha256);
	snprintf(fourth, sizeof(fourth), "00000004-%.12s", clip_sha256);
	snprintf(part, sizeof(part), ".%s.part", first);
	assert_int_equal(export_now(play_export), CTL_OK);
	s = parsed();
	assert_int_equal(number_at(s, "copied"), 2);
	assert_int_equal(number_at(s, "absent"), 1);
	json_decref(s);
	assert_string_equal(file_text(first), CLIP_TEXT);
	assert_string_equal(file_text(fourth), CLIP_TEXT);
	assert_null(file_text(part));
	assert_string_equal(file_text("ledger/0000000000000001.jsonl"), ledger_text);
	manifest = json_loads(file_text("manifest.json"), 0, NULL);
	assert_string_equal(text_at(manifest, "station"), "north");
	entry = json_object_get(json_object_get(manifest, "assets"), "1");
	assert_string_equal(text_at(entry, "file"), first);
	assert_string_equal(text_at(entry, "sha256"), clip_sha256);
	json_decref(manifest);

	/* one is gone, a torn part lies there, the ledger has grown */
	snprintf(path, sizeof(path), "%s/out/%s", t.folder, first);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/out/%s", t.folder, part);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0400));
	ledger_text = "{\"seq\":1}\n{\"seq\":2}\n";
	assert_int_equal(export_now(play_export), CTL_OK);
	s = parsed();
	assert_int_equal(number_at(s, "copied"), 1);
	assert_int_equal(number_at(s, "present"), 1);
	json_decref(s);
	assert_string_equal(file_text(first), CLIP_TEXT);
	assert_null(file_text(part));
	assert_string_equal(file_text("ledger/0000000000000001.jsonl"), ledger_text);
}

static void export_overwrites_nothing(void **state)
{
	char fourth[96], path[192];
	FILE *f;

	(void)state;
	snprintf(fourth, sizeof(fourth), "00000004-%.12s", clip_sha256);
	assert_int_equal(export_now(play_export), CTL_OK);
	snprintf(path, sizeof(path), "%s/out/%s", t.folder, fourth);
	assert_int_equal(unlink(path), 0);
	f = fopen(path, "we");
	fputs("another thing", f);
	fclose(f);
	ledger_text = "{\"seq\":X}\n{\"seq\":2}\n";
	assert_int_equal(export_now(play_export), CTL_FAILED);
	assert_non_null(strstr(t.err, "is there already and is not the same"));
	assert_non_null(strstr(t.err, "not the beginning of this one"));
	assert_string_equal(file_text(fourth), "another thing");
	assert_string_equal(file_text("ledger/0000000000000001.jsonl"), "{\"seq\":1}\n");
	assert_int_equal(export_now(play_export_refused), CTL_FAILED);
	assert_non_null(strstr(t.err, "another station"));
}

static void export_refuses_altered_copies_and_odd_names(void **state)
{
	char first[96], fourth[96];

	(void)state;
	snprintf(first, sizeof(first), "00000001-%.12s.mp4", clip_sha256);
	snprintf(fourth, sizeof(fourth), "00000004-%.12s", clip_sha256);
	second_text = "the clip's Bytes";
	segment_name = "../ledger";
	assert_int_equal(export_now(play_export), CTL_FAILED);
	assert_non_null(strstr(t.err, "is not what was digested"));
	assert_string_equal(file_text(first), CLIP_TEXT);
	assert_null(file_text(fourth));
	assert_non_null(strstr(t.err, "answered what was not asked"));
	assert_null(file_text("ledger/.ledger.part"));
	assert_non_null(strstr(file_text("manifest.json"), first));
	assert_null(strstr(file_text("manifest.json"), fourth));
}

static void a_name_that_appears_meanwhile_is_not_overwritten(void **state)
{
	int at = open(t.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	close(openat(at, "part", O_CREAT | O_WRONLY | O_CLOEXEC, 0400));
	close(openat(at, "taken", O_CREAT | O_WRONLY | O_CLOEXEC, 0400));
	assert_int_equal(place(at, "part", "taken"), -EEXIST);
	assert_int_equal(place(at, "part", "free"), 0);
	assert_int_equal(faccessat(at, "part", F_OK, 0), -1);
	close(at);
}

/* ---- text ---- */

static void text_is_made_harmless(void **state)
{
	static const struct {
		const char *in, *terminal, *json;
	} cases[] = {
		{ "plain", "plain", "plain" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5",
		    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5",
		    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5" },
		{ "a\nb\x7f", "a\\x0Ab\\x7F", "a\nb\x7f" },
		{ "\xc2\x9b"
		  "31m",
		    "\\xC2\\x9B31m",
		    "\xc2\x9b"
		    "31m" },
		{ "\xe2\x81\xa6x", "\\xE2\\x81\\xA6x", "\xe2\x81\xa6x" },
		{ "\xc0\xaf", "\\xC0\\xAF", "\\xC0\\xAF" },
		{ "\xed\xa0\x80", "\\xED\\xA0\\x80", "\\xED\\xA0\\x80" },
		{ "\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80", "\\xF4\\x90\\x80\\x80" },
		{ "x\xe2\x82", "x\\xE2\\x82", "x\\xE2\\x82" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(
		    text_clean(cases[i].in, true, out, sizeof(out)), cases[i].terminal);
		assert_string_equal(
		    text_clean(cases[i].in, false, out, sizeof(out)), cases[i].json);
	}
	assert_string_equal(text_clean("ab\xc3\xa9", true, out, 5), "ab\xc3\xa9");
	assert_string_equal(text_clean("abc\xc3\xa9", true, out, 5), "abc");
	assert_string_equal(text_clean("a\x01", true, out, 5), "a");
}

static void sizes_are_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = { { 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 9940, "9.9 kB" },
		{ 9960, "10 kB" }, { 999499, "999 kB" }, { 999500, "1.0 MB" },
		{ 1234567890, "1.2 GB" }, { UINT64_MAX, "18 EB" } };
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_bytes(cases[i].bytes, out, sizeof(out)), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(status_for_people_and_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_are_fetched_to_the_last, setup, teardown),
		cmocka_unit_test_setup_teardown(one_bay_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    watch_goes_on_until_the_daemon_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    clip_with_its_uploads_and_no_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(queue_is_one_object_over_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(conditions_are_asked_as_meant, setup, teardown),
		cmocka_unit_test_setup_teardown(exit_codes_tell_what_went_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    wrong_lines_are_usage_errors_without_a_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(a_daemon_that_misbehaves_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    export_writes_names_of_ours_and_resumes, export_setup, teardown),
		cmocka_unit_test_setup_teardown(export_overwrites_nothing, export_setup, teardown),
		cmocka_unit_test_setup_teardown(
		    export_refuses_altered_copies_and_odd_names, export_setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_name_that_appears_meanwhile_is_not_overwritten, setup, teardown),
		cmocka_unit_test(text_is_made_harmless),
		cmocka_unit_test(sizes_are_short),
	};

	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
