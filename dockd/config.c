#include "config.h"

#include "config_destination.h"
#include "config_profile.h"
#include "config_retention.h"
#include "lamp_name.h"
#include "setting.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define DEFAULT_PROFILES DOCKD_DATADIR "/profiles"
#define OWN_PROFILES DOCKD_SYSCONFDIR "/dockd/profiles"

/* What dockd.conf says beyond struct config. */
struct draft {
	struct config config;
	char profiles_dir[256];
	bool allow_http;
};

/* ---- what is allowed ---- */

static bool good_path(const char *text)
{
	return text[0] == '/';
}

static bool good_path_or_none(const char *text)
{
	return text[0] == '/' || text[0] == '\0';
}

/* The name that sysfs gives a device: "1-2.3.4". */
static bool good_port(const char *text)
{
	static const char digits[] = "0123456789";
	size_t n = strspn(text, digits);

	if (n == 0 || text[n] != '-')
		return false;
	do {
		text += n + 1;
		n = strspn(text, digits);
	} while (n > 0 && text[n] == '.');
	return n > 0 && text[n] == '\0';
}

static const struct setting_choice erases[] = {
	{ "never", false },
	{ "when-receipted", true },
	{ NULL, 0 },
};
static const struct setting_choice disposals[] = {
	{ "off", false },
	{ "on", true },
	{ NULL, 0 },
};
static const struct setting_choice levels[] = {
	{ "length", LEVEL_LENGTH },
	{ "transfer-digest", LEVEL_TRANSFER_DIGEST },
	{ "stored-digest", LEVEL_STORED_DIGEST },
	{ "readback", LEVEL_READBACK },
	{ "signed", LEVEL_SIGNED },
	{ NULL, 0 },
};
static const struct setting_choice takes[] = {
	{ "station", false },
	{ "server", true },
	{ NULL, 0 },
};
static const struct setting_choice policies[] = { { "all", false }, { "any", true }, { NULL, 0 } };
static const struct setting_choice volumes[] = {
	{ "any", false },
	{ "mounted", true },
	{ NULL, 0 },
};
static const struct setting_choice reports[] = {
	{ "none", false },
	{ "docking", true },
	{ NULL, 0 },
};
#define PATH_ALLOWED "a path from / on"
#define LIGHT_ALLOWED "a name in the leds folder, PORT/FUNCTION for one at USB, or \"\" for none"

/* clang-format off */
static const struct setting root_settings[] = {
	{ .name = "station", .type = SETTING_TEXT, SETTING_AT(draft, config.station),
	  .good = setting_is_name, .allowed = SETTING_NAME_ALLOWED },
	{ .name = "state-dir", .type = SETTING_TEXT, SETTING_AT(draft, config.state_dir),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "run-dir", .type = SETTING_TEXT, SETTING_AT(draft, config.run_dir),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "log", .type = SETTING_TEXT, SETTING_AT(draft, config.log_file),
	  .good = good_path_or_none, .allowed = "a path from / on, or \"\" for standard error" },
	{ .name = "metrics-file", .type = SETTING_TEXT, SETTING_AT(draft, config.metrics_file),
	  .good = good_path_or_none, .allowed = "a path from / on, or \"\" for none" },
	{ .name = "leds-dir", .type = SETTING_TEXT, SETTING_AT(draft, config.leds_dir),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "profiles-dir", .type = SETTING_TEXT, SETTING_AT(draft, profiles_dir),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "station-light", .type = SETTING_TEXT, SETTING_AT(draft, config.station_light),
	  .good = lamp_name_good, .allowed = LIGHT_ALLOWED },
	{ .name = "allow-plaintext", .type = SETTING_BOOL,
	  SETTING_AT(draft, config.allow_plaintext) },
	{ .name = "volume", .type = SETTING_CHOICE, SETTING_AT(draft, config.volume_mounted),
	  .choices = volumes },
	{ .name = "allow-http", .type = SETTING_BOOL, SETTING_AT(draft, allow_http) },
	{ .name = "erase", .type = SETTING_CHOICE, SETTING_AT(draft, config.erase),
	  .choices = erases },
	{ .name = "dispose", .type = SETTING_CHOICE, SETTING_AT(draft, config.dispose),
	  .choices = disposals },
	{ .name = "retention", .type = SETTING_LATER },
	{ .name = "accept-receipt", .type = SETTING_CHOICE, SETTING_AT(draft, config.accept),
	  .choices = levels,
	  .allowed = "a copy on the station's own disk (\"local\") proves nothing "
	             "and never allows erasing" },
	{ .name = "take-when", .type = SETTING_CHOICE, SETTING_AT(draft, config.take_when_server),
	  .choices = takes },
	{ .name = "policy", .type = SETTING_CHOICE, SETTING_AT(draft, config.any),
	  .choices = policies },
	{ .name = "switch-after-minutes", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.switch_s), .min = 1, .max = 43200, .scale = 60 },
	{ .name = "reports", .type = SETTING_CHOICE, SETTING_AT(draft, config.reports),
	  .choices = reports },
	{ .name = "pulls-per-port", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.pulls_per_port), .min = 1, .max = 16 },
	{ .name = "usb-slots", .type = SETTING_NUMBER, SETTING_AT(draft, config.usb_slots),
	  .min = 0, .max = 4096 },
	{ .name = "usb-endpoints", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.usb_endpoints), .min = 0, .max = 65536 },
	{ .name = "rejoin-seconds", .type = SETTING_NUMBER, SETTING_AT(draft, config.rejoin_s),
	  .min = 0, .max = 600 },
	{ .name = "verify-jobs", .type = SETTING_NUMBER, SETTING_AT(draft, config.verify_jobs),
	  .min = 0, .max = 64 },
	{ .name = "reserve-bytes", .type = SETTING_NUMBER, SETTING_AT(draft, config.reserve_bytes),
	  .min = 0, .max = INT64_MAX },
	{ .name = "retry-min-seconds", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.retry_min_s), .min = 1, .max = 86400 },
	{ .name = "retry-max-seconds", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.retry_max_s), .min = 1, .max = 86400 },
	{ .name = "ship-seconds", .type = SETTING_NUMBER, SETTING_AT(draft, config.ship_s),
	  .min = 1, .max = 86400 },
	{ .name = "confirm-after-days", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.confirm_after_days), .min = 0, .max = 3650 },
	{ .name = "camera-overdue-days", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.camera_overdue_s), .min = 0, .max = 3650, .scale = 86400 },
	{ .name = "confirm-per-hour", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.confirm_per_hour), .min = 1, .max = 3600000 },
	{ .name = "hotplug-user", .type = SETTING_USER, SETTING_AT(draft, config.hotplug_uid) },
	{ .name = "uploader-user", .type = SETTING_USER, SETTING_AT(draft, config.uploader_uid) },
	{ .name = "core-group", .type = SETTING_GROUP, SETTING_AT(draft, config.core_gid) },
	{ .name = "viewer-group", .type = SETTING_GROUP, SETTING_AT(draft, config.roles.gid[0]) },
	{ .name = "custodian-group", .type = SETTING_GROUP, SETTING_AT(draft, config.roles.gid[1]) },
	{ .name = "evidence-group", .type = SETTING_GROUP, SETTING_AT(draft, config.roles.gid[2]) },
	{ .name = "auditor-group", .type = SETTING_GROUP, SETTING_AT(draft, config.roles.gid[3]) },
	{ .name = "it-group", .type = SETTING_GROUP, SETTING_AT(draft, config.roles.gid[4]) },
	{ .name = "key-file", .type = SETTING_TEXT, SETTING_AT(draft, config.key_file),
	  .good = good_path_or_none, .allowed = "a path from / on, or \"\" for station.key in "
	                                        "the state folder" },
	{ .name = "checkpoint-seconds", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.checkpoint_s), .min = 1, .max = 3600 },
	{ .name = "replaces", .type = SETTING_LATER },
	{ .name = "bays", .type = SETTING_LATER },
	{ .name = "destinations", .type = SETTING_LATER },
};

static const struct setting bay_settings[] = {
	{ .name = "name", .type = SETTING_TEXT, SETTING_AT(config_bay, name),
	  .good = setting_is_name, .allowed = SETTING_NAME_ALLOWED },
	{ .name = "port", .type = SETTING_TEXT, SETTING_AT(config_bay, port),
	  .good = good_port, .allowed = "a USB port as /sys/bus/usb/devices names it: \"1-2.3\"" },
	{ .name = "light", .type = SETTING_TEXT, SETTING_AT(config_bay, light),
	  .good = lamp_name_good, .allowed = LIGHT_ALLOWED },
};

static const struct setting replaces_settings[] = {
	{ .name = "station", .type = SETTING_TEXT, SETTING_AT(config, replaces.station),
	  .good = setting_is_name, .allowed = SETTING_NAME_ALLOWED },
	{ .name = "checkpoint", .type = SETTING_TEXT, SETTING_AT(config, replaces.checkpoint),
	  .good = good_path, .allowed = PATH_ALLOWED },
};

/* clang-format on */

/* ---- bays ---- */

static void read_bays(
    struct setting_errors *e, const struct config_setting_t *root, struct config *c)
{
	const struct config_setting_t *list = setting_find(root, "bays");
	bool seen[ITEMS(bay_settings)];

	if (list && (!setting_is_list(list) || setting_count(list) > CONFIG_BAYS)) {
		setting_wrong(e, list, "a list of at most %d: ( { name = ...; port = ...; }, ... )",
		    CONFIG_BAYS);
		return;
	}
	for (size_t i = 0; list && i < setting_count(list); i++) {
		const struct config_setting_t *node = setting_member(list, i);
		struct config_bay *bay = &c->bay[i];

		if (!setting_is_group(node)) {
			setting_wrong(e, node, "{ name = ...; port = ...; light = ...; }");
			continue;
		}
		memset(seen, 0, sizeof(seen));
		setting_read(e, node, bay_settings, ITEMS(bay_settings), bay, seen);
		if (!seen[0])
			setting_missing(e, node, "name", SETTING_NAME_ALLOWED);
		if (!seen[1])
			setting_missing(e, node, "port", bay_settings[1].allowed);
		for (size_t k = 0; k < i; k++) {
			const struct config_bay *other = &c->bay[k];

			if (bay->name[0] && strcmp(bay->name, other->name) == 0)
				setting_wrong(e, setting_find(node, "name"), "each name once");
			if (bay->port[0] && strcmp(bay->port, other->port) == 0)
				setting_wrong(e, setting_find(node, "port"),
				    "each port once; bay %s has it already", other->name);
			if (bay->light[0] && strcmp(bay->light, other->light) == 0)
				setting_wrong(e, setting_find(node, "light"),
				    "each light once; bay %s has it already", other->name);
		}
	}
	c->bays_n = list ? setting_count(list) : 0;
}

static void read_replaces(
    struct setting_errors *e, const struct config_setting_t *root, struct config *c)
{
	const struct config_setting_t *group = setting_find(root, "replaces");
	bool seen[ITEMS(replaces_settings)] = { false };

	if (!group)
		return;
	if (!setting_is_group(group)) {
		setting_wrong(e, group, "{ station = ...; checkpoint = ...; }");
		return;
	}
	setting_read(e, group, replaces_settings, ITEMS(replaces_settings), c, seen);
	if (!seen[0])
		setting_missing(e, group, "station", SETTING_NAME_ALLOWED);
	if (!seen[1])
		setting_missing(e, group, "checkpoint", PATH_ALLOWED);
}

/* ---- profiles ---- */

static bool same_match(const struct profile *a, const struct profile *b)
{
	return a->vendor == b->vendor && a->product == b->product && a->class == b->class &&
	    a->subclass == b->subclass && a->protocol == b->protocol &&
	    strcmp(a->interface_name, b->interface_name) == 0 &&
	    strcmp(a->manufacturer, b->manufacturer) == 0 && strcmp(a->model, b->model) == 0 &&
	    strcmp(a->serial, b->serial) == 0;
}

static void problem(struct setting_errors *e, const char *path, const char *text, const char *more)
{
	fprintf(e->out, "%s:0: %s%s\n", path, text, more);
	e->n++;
}

static void read_profile(struct setting_errors *e, const char *path, struct config *c)
{
	struct profile *p = &c->profile[c->profiles_n];

	config_profile_read(e, path, p);
	snprintf(c->profile_file[c->profiles_n], sizeof(c->profile_file[0]), "%s", path);
	for (size_t i = 0; i < c->profiles_n; i++) {
		const struct profile *other = &c->profile[i];

		if (p->name[0] && strcmp(p->name, other->name) == 0)
			problem(e, path, "another profile has the same name: ", p->name);
		else if (same_match(p, other))
			problem(
			    e, path, "matches exactly what another profile matches: ", other->name);
	}
	c->profiles_n++;
}

static int is_profile(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 5 && strcmp(d->d_name + len - 5, ".conf") == 0;
}

/* The station's own, which stand for those that were installed under the same file name. */
static bool is_own(const char *own, const char *name)
{
	char path[4096];
	int len = own ? snprintf(path, sizeof(path), "%s/%s", own, name) : 0;

	return len > 0 && (size_t)len < sizeof(path) && access(path, F_OK) == 0;
}

/* own: a folder beside it that may be missing or empty, or NULL. */
static void read_profiles(
    struct setting_errors *e, const char *folder, const char *own, struct config *c)
{
	struct dirent **names;
	char path[sizeof(c->profile_file[0])];
	int n = scandir(folder, &names, is_profile, alphasort);

	if (n <= 0) {
		problem(e, folder, "profiles-dir: ",
		    n < 0 ? strerror(errno) :
			    "no *.conf in it: without profiles no camera is known");
		if (n < 0)
			return;
	}
	for (int i = 0; i < n; i++) {
		int len = snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);

		if (len < 0 || (size_t)len >= sizeof(path))
			problem(e, folder, "profiles-dir: path too long", "");
		else if (is_own(own, names[i]->d_name))
			; /* read from there */
		else if (c->profiles_n == CONFIG_PROFILES)
			problem(e, path,
			    "more profiles than there is room for; the last that counts is ",
			    c->profile[CONFIG_PROFILES - 1].name);
		else
			read_profile(e, path, c);
		free(names[i]);
	}
	free(names);
}

static bool has_profiles(const char *folder)
{
	struct dirent **names;
	int n = scandir(folder, &names, is_profile, NULL);

	for (int i = 0; i < n; i++)
		free(names[i]);
	if (n >= 0)
		free(names);
	return n > 0;
}

/* ---- all of it ---- */

static void set_defaults(struct draft *d)
{
	struct config *c = &d->config;

	memset(d, 0, sizeof(*d));
	if (gethostname(c->station, sizeof(c->station) - 1) < 0)
		c->station[0] = '\0';
	snprintf(c->state_dir, sizeof(c->state_dir), "/var/lib/dockd");
	snprintf(c->run_dir, sizeof(c->run_dir), "/run/dockd");
	snprintf(c->leds_dir, sizeof(c->leds_dir), "/sys/class/leds");
	snprintf(d->profiles_dir, sizeof(d->profiles_dir), "%s", DEFAULT_PROFILES);
	c->accept = LEVEL_SIGNED;
	c->retention_n = retention_default_classes(c->retention);
	c->reports = true;
	c->pulls_per_port = 3;
	c->rejoin_s = 10;
	c->checkpoint_s = 10;
	c->retry_min_s = 1;
	c->confirm_after_days = 7;
	c->camera_overdue_s = 7 * 86400;
	c->confirm_per_hour = 60;
	c->retry_max_s = 300;
	c->ship_s = 60;
	c->switch_s = 6 * 3600;
	c->hotplug_uid = c->uploader_uid = (uid_t)-1;
	c->core_gid = (gid_t)-1;
	for (unsigned i = 0; i < ROLES; i++)
		c->roles.gid[i] = (gid_t)-1;
}

static void default_user(
    struct setting_errors *e, const char *path, const char *setting, const char *name, uid_t *uid)
{
	if (setting_user_id(name, uid) == 0)
		return;
	fprintf(e->out, "%s:0: %s = \"%s\" (the default): this machine knows no such user\n", path,
	    setting, name);
	e->n++;
}

/* In the order of enum role. */
static const struct {
	const char *setting, *name;
} role_groups[ROLES] = {
	{ "viewer-group", "dockd-viewer" },
	{ "custodian-group", "dockd-custodian" },
	{ "evidence-group", "dockd-evidence" },
	{ "auditor-group", "dockd-auditor" },
	{ "it-group", "dockd-it" },
};

/* For who is refused: adduser(8) takes names. A group without one keeps its number. */
static void name_group(gid_t gid, char out[ROLE_GROUP_LEN])
{
	const struct group *g = gid == (gid_t)-1 ? NULL : getgrgid(gid);

	if (g)
		snprintf(out, ROLE_GROUP_LEN, "%s", g->gr_name);
	else if (gid != (gid_t)-1)
		snprintf(out, ROLE_GROUP_LEN, "%u", (unsigned)gid);
}

/* Settings that the file does not name and whose defaults this machine must know. */
static void complete(struct setting_errors *e, const char *path,
    const struct config_setting_t *root, struct config *c)
{
	if (!root || !setting_find(root, "hotplug-user"))
		default_user(e, path, "hotplug-user", "dockd-hotplug", &c->hotplug_uid);
	if (!root || !setting_find(root, "uploader-user"))
		default_user(e, path, "uploader-user", "dockd-uploader", &c->uploader_uid);
	if (!root || !setting_find(root, "core-group"))
		setting_group_id("dockd", &c->core_gid);
	for (unsigned i = 0; i < ROLES; i++) {
		if (!root || !setting_find(root, role_groups[i].setting))
			setting_group_id(role_groups[i].name, &c->roles.gid[i]);
		name_group(c->roles.gid[i], c->roles.name[i]);
	}
	if ((!root || !setting_find(root, "station")) && !setting_is_name(c->station))
		problem(e, path,
		    "station is missing, and the host name is none: ", SETTING_NAME_ALLOWED);
	if (!root || !setting_find(root, "destinations"))
		config_destinations_default(c);
	if (!root || !setting_find(root, "metrics-file"))
		snprintf(c->metrics_file, sizeof(c->metrics_file), "%.200s/metrics/dockd.prom",
		    c->run_dir);
}

static void read_file(
    struct setting_errors *e, const char *path, const struct setting_file *file, struct draft *d)
{
	const struct config_setting_t *root = setting_file_root(file);
	struct config *c = &d->config;

	setting_read(e, root, root_settings, ITEMS(root_settings), d, NULL);
	if (c->retry_min_s > c->retry_max_s)
		setting_wrong(e,
		    setting_find(root,
			setting_find(root, "retry-min-seconds") ? "retry-min-seconds" :
								  "retry-max-seconds"),
		    "retry-min-seconds is at most retry-max-seconds (defaults 1 and 300)");
	read_replaces(e, root, c);
	read_bays(e, root, c);
	for (size_t i = 0; i < c->bays_n; i++) {
		if (c->station_light[0] && strcmp(c->station_light, c->bay[i].light) == 0)
			setting_wrong(e, setting_find(root, "station-light"),
			    "a light of its own; bay %s has this one", c->bay[i].name);
	}
	config_destinations_read(e, root, d->allow_http, c);
	config_retention_read(e, root, c);
	complete(e, path, root, c);
}

int config_read(const char *path, const char *profiles_dir, struct config *out, char **errors)
{
	struct draft *d = malloc(sizeof(*d));
	struct setting_file *file = NULL;
	struct setting_errors e = { 0 };
	size_t len;
	int err = 0;

	*errors = NULL;
	e.out = open_memstream(errors, &len);
	if (!d || !e.out) {
		err = -ENOMEM;
		goto out;
	}
	set_defaults(d);
	if (!path)
		complete(&e, "defaults", NULL, &d->config);
	else if (setting_file_open(path, &e, &file) == 0)
		read_file(&e, path, file, d);
	if (profiles_dir) {
		read_profiles(&e, profiles_dir, NULL, &d->config);
	} else {
		read_profiles(&e, d->profiles_dir, OWN_PROFILES, &d->config);
		if (has_profiles(OWN_PROFILES))
			read_profiles(&e, OWN_PROFILES, NULL, &d->config);
	}
	if (e.n > 0)
		err = -EINVAL;
	else
		*out = d->config;
out:
	setting_file_close(file);
	if (e.out && fclose(e.out) != 0)
		err = -ENOMEM;
	if (!err) {
		free(*errors);
		*errors = NULL;
	}
	free(d);
	return err;
}

struct config *config_new(const char *path, const char *profiles_dir, char **errors)
{
	struct config *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		fatal("reason=\"out of memory\"");
	r = config_read(path, profiles_dir, c, errors);
	if (r < 0) {
		free(c);
		return NULL;
	}
	return c;
}
