/*
 * Fuzzer for configuration: the first byte chooses dockd.conf or a profile, the rest is its text.
 */
#include "../../dockd/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the string that it was reading when a syntax error ends it. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static struct config config;

static const char good_profile[] = "name = \"a\"; match = { class = 6; };";
static const char good_conf[] = "hotplug-user = 4001; uploader-user = 4002; station = \"s\";";

static void put(const char *path, const void *text, size_t size)
{
	FILE *f = fopen(path, "we");

	if (!f || fwrite(text, 1, size, f) != size || fclose(f) != 0)
		abort();
}

/* Every line of a refusal names a file and a line, and something is always said. */
static void check_errors(const char *errors)
{
	if (!errors || !errors[0] || errors[strlen(errors) - 1] != '\n')
		abort();
	for (const char *at = errors; *at; at = strchr(at, '\n') + 1) {
		const char *colon = strchr(at, ':');

		if (!colon || colon > strchr(at, '\n'))
			abort();
	}
}

static void check_text(const char *text, size_t room)
{
	if (!memchr(text, '\0', room))
		abort();
}

/* What an uploader is told is only what it can work with. */
static void check_destination(const struct config_destination *d)
{
	const struct proto_destination *w = &d->wire;
	bool s3 = w->driver == DESTINATION_S3, ended = false;

	if (proto_check(MSG_DESTINATION, w, sizeof(*w)) || !w->where[0] || w->slots < 1 ||
	    w->slots > PROTO_SLOTS || w->driver < DESTINATION_DIR || w->driver > DESTINATION_S3)
		abort();
	if (s3 != (w->bucket[0] != '\0') || s3 != (w->secrets_file[0] != '\0') ||
	    w->part_bytes < 5u << 20 || (w->lock_mode != LOCK_NONE) != (w->retain_days != 0) ||
	    w->lock_mode > LOCK_COMPLIANCE || strstr(w->prefix, "..") || w->prefix[0] == '/')
		abort();
	if ((w->tls_min != 12 && w->tls_min != 13) || w->bytes_per_s == 0 ||
	    strchr(w->proxy, '@') || (w->proxy_file[0] && !w->proxy[0]))
		abort();
	for (size_t i = 0; i < PROTO_RATES; i++) {
		const struct proto_rate *r = &w->rate[i];

		ended = ended || r->days == 0;
		if (ended ? r->days != 0 :
			    r->days > 0x7f || r->from_min >= r->until_min || r->until_min > 1440)
			abort();
	}
}

/* A profile that is taken does not contradict itself. */
static void check_profile(const struct profile *p)
{
	bool disk = p->driver == DRIVER_MSC, locked = p->unlock[0] != UNLOCK_NONE;

	if (p->quirks & ~QUIRK_ALL || (disk && (p->erasable || p->owner_property)) ||
	    (!disk && (locked || p->driver != DRIVER_PTP)) || (p->pin_file[0] && !locked) ||
	    (p->identity == IDENTITY_VENDOR && !locked))
		abort();
	for (size_t i = 0; i < PROTO_UNLOCKS; i++) {
		if (p->unlock[i] > UNLOCK_AMBA_TEXT || (i > 0 && p->unlock[i] && !p->unlock[i - 1]))
			abort();
	}
	for (size_t i = 0; i < PROFILE_SETTINGS; i++) {
		check_text(p->push[i].value, sizeof(p->push[i].value));
		if (p->push[i].code && (disk || !p->push[i].value[0]))
			abort();
	}
}

static void check_config(void)
{
	if (config.bays_n > CONFIG_BAYS || config.destinations_n < 1 ||
	    config.destinations_n > CONFIG_DESTINATIONS || config.profiles_n != 1)
		abort();
	if (config.accept <= LEVEL_LOCAL || config.accept > LEVEL_SIGNED || !config.station[0] ||
	    config.hotplug_uid == 0 || config.uploader_uid == 0)
		abort();
	for (size_t i = 0; i < config.bays_n; i++) {
		check_text(config.bay[i].port, PROTO_PORT_LEN);
		if (!config.bay[i].name[0] || !config.bay[i].port[0])
			abort();
	}
	for (size_t i = 0; i < config.destinations_n; i++)
		check_destination(&config.destination[i]);
	check_profile(&config.profile[0]);
	for (size_t i = 0; i < PROTO_PATTERNS; i++)
		check_text(config.profile[0].pattern[i].glob, PROTO_GLOB_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char folder[] = "/tmp/fuzz_config.XXXXXX";
	char path[32], profile[64], *errors = NULL;
	int fd;

	if (size < 1)
		return 0;
	fd = memfd_create("fuzz_config", MFD_CLOEXEC);
	if (fd < 0 || !mkdtemp(folder))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(profile, sizeof(profile), "%s/a.conf", folder);
	if (data[0] & 1) {
		put(path, good_conf, strlen(good_conf));
		put(profile, data + 1, size - 1);
	} else {
		put(path, data + 1, size - 1);
		put(profile, good_profile, strlen(good_profile));
	}
	if (config_read(path, folder, &config, &errors) == 0)
		check_config();
	else
		check_errors(errors);
	free(errors);
	unlink(profile);
	rmdir(folder);
	close(fd);
	return 0;
}
