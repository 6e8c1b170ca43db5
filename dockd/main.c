/*
 * dockd: options, and the commands that end at once; all else is core's.
 */
#include "bay_rules.h"
#include "child.h"
#include "config.h"
#include "core.h"
#include "light.h"
#include "standing.h"

#include "base/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_WANTED 4096 /* as LimitNOFILE= of the unit */
#define FILES_LEAST 512   /* for 64 cameras */

static const char default_config[] = DOCKD_SYSCONFDIR "/dockd/dockd.conf";

static void usage(FILE *out)
{
	fputs(
	    "usage: dockd [-c FILE] [--check-config | --lights-off | --udev-rules] [--libexec DIR]\n"
	    "             [--profiles DIR] [--version]\n"
	    "see dockd(8)\n",
	    out);
}

static int check_config(const char *path, const char *profiles_dir)
{
	char *errors = NULL;
	struct config *c = config_new(path, profiles_dir, &errors);

	if (!c) {
		fprintf(stderr, "%s", errors ? errors : "the configuration cannot be read\n");
		free(errors);
		return EXIT_FAILURE;
	}
	printf("configuration is good: station %s, %zu bays%s, %zu destinations, %zu profiles\n",
	    c->station, c->bays_n, c->bays_n ? "" : " (every port is one)", c->destinations_n,
	    c->profiles_n);
	/* What a script has to know of it, see dockd-provision(8). */
	printf("state-dir %s\n", c->state_dir);
	for (size_t i = 0; i < c->destinations_n; i++)
		printf("destination %s %s%s\n", c->destination[i].name,
		    c->destination[i].wire.driver == DESTINATION_DIR ? "dir " : "",
		    c->destination[i].wire.driver == DESTINATION_DIR ?
			c->destination[i].wire.where :
			"server");
	free(c);
	return EXIT_SUCCESS;
}

static int udev_rules(const char *path, const char *profiles_dir)
{
	char *errors = NULL;
	struct config *c = config_new(path, profiles_dir, &errors);
	int r;

	if (!c) {
		fprintf(stderr, "%s", errors ? errors : "the configuration cannot be read\n");
		free(errors);
		return EXIT_FAILURE;
	}
	r = bay_rules_write(stdout, c, "/sys");
	free(c);
	if (r == -EINVAL)
		fputs(
		    "no bays are configured, so every port is one: name them in dockd.conf first\n",
		    stderr);
	else if (r < 0)
		fprintf(stderr, "the rules cannot be written: %s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* For the service manager, after a crash: no bay may show "take it" when nobody watches. */
static int lights_off(const char *path, const char *profiles_dir)
{
	struct standing standing;
	char *errors = NULL;
	struct config *c = standing_start(&standing, path, profiles_dir, &errors);
	struct lights *l;

	if (!c) {
		fprintf(stderr, "%s", errors ? errors : "the configuration cannot be read\n");
		free(errors);
		return EXIT_FAILURE;
	}
	l = lights_new(c->leds_dir);
	for (size_t i = 0; i < c->bays_n; i++)
		lights_set(l, c->bay[i].light, LIGHT_OFF);
	lights_set(l, c->station_light, LIGHT_OFF);
	lights_tick(l, 0);
	lights_all_off(l);
	lights_free(l);
	free(c);
	return EXIT_SUCCESS;
}

/* A full dock: a socket, a device and a file for each camera, and what the rooms hold. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < FILES_LEAST)
		log_warn("few-files", "limit=%llu wanted=%d", (unsigned long long)limit.rlim_cur,
		    FILES_WANTED);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "lights-off", no_argument, NULL, 'o' },
		{ "udev-rules", no_argument, NULL, 'u' },
		{ "libexec", required_argument, NULL, 'l' },
		{ "profiles", required_argument, NULL, 'p' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config_path = NULL; /* the usual one, where there is one */
	const char *profiles_dir = NULL;
	bool check = false, off = false, rules = false;
	int opt;

	log_open("dockd", NULL);
	while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			config_path = optarg;
			break;
		case 'k':
			check = true;
			break;
		case 'o':
			off = true;
			break;
		case 'u':
			rules = true;
			break;
		case 'l':
			child_set_libexec(optarg);
			break;
		case 'p':
			profiles_dir = optarg;
			break;
		case 'v':
			puts("dockd " DOCKD_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	if (off)
		return lights_off(config_path, profiles_dir);
	if ((check || rules) && !config_path && access(default_config, F_OK) == 0)
		config_path = default_config;
	if (rules)
		return udev_rules(config_path, profiles_dir);
	if (check)
		return check_config(config_path, profiles_dir);
	raise_files();
	return core_serve(config_path, profiles_dir);
}
