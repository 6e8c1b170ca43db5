/*
 * dockctl export: what is copied, under which names, and what is left alone.
 */
#include "../../dockd/ctl_export.c"

#include "ctl_daemon.h"

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

	snprintf(line, sizeof(line), "--json export %s/out --reason x", t.folder);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    export_writes_names_of_ours_and_resumes, export_setup, teardown),
		cmocka_unit_test_setup_teardown(export_overwrites_nothing, export_setup, teardown),
		cmocka_unit_test_setup_teardown(
		    export_refuses_altered_copies_and_odd_names, export_setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_name_that_appears_meanwhile_is_not_overwritten, setup, teardown),
	};

	return cmocka_run_group_tests_name("ctl_export", tests, NULL, NULL);
}
