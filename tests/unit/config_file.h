/*
 * A dockd.conf with a folder of profiles, written, read and refused: what tests of config share.
 */
#include "../../dockd/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define USERS "hotplug-user = 4001; uploader-user = 4002;\n" /* line 1 of every file here */

struct files {
	char folder[64];
	char conf[96], profiles[96];
	char *errors;
	struct config config;
};

static struct files files;

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_profile(const char *name, const char *text)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s", files.profiles, name);
	put(path, text);
}

static int setup(void **state)
{
	(void)state;
	memset(&files, 0, sizeof(files));
	snprintf(files.folder, sizeof(files.folder), "/tmp/test_config.XXXXXX");
	if (!mkdtemp(files.folder))
		return -1;
	snprintf(files.conf, sizeof(files.conf), "%s/dockd.conf", files.folder);
	snprintf(files.profiles, sizeof(files.profiles), "%s/profiles", files.folder);
	mkdir(files.profiles, 0700);
	put_profile("a.conf", "name = \"a\"; match = { class = 6; };\n");
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "a.conf", "b.conf", "notes.txt", ".hidden.conf" };
	char path[192];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", files.profiles, names[i]);
		unlink(path);
	}
	free(files.errors);
	unlink(files.conf);
	rmdir(files.profiles);
	return rmdir(files.folder);
}

static int read_text(const char *text)
{
	char *whole;

	free(files.errors);
	files.errors = NULL;
	assert_true(asprintf(&whole, USERS "%s", text) > 0);
	put(files.conf, whole);
	free(whole);
	return config_read(files.conf, files.profiles, &files.config, &files.errors);
}

/* What was said; "" where nothing was. */
static const char *told(void)
{
	return files.errors ? files.errors : "";
}
