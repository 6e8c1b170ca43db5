#include "config.h"

#include "config_profile.h"
#include "config_receipts.h"
#include "config_retention.h"
#include "setting.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define DEFAULT_PROFILES DOCKD_DATADIR "/profiles"
#define DEFAULT_FOLDER "/var/lib/dockd-uploader/local"

/* What dockd.conf says beyond struct config. */
struct draft {
	struct config config;
	char profiles_dir[256];
	bool allow_http;
};

#define TAKES_ALL                                                                                  \
	(1u << KIND_CLIP | 1u << KIND_SIDECAR | 1u << KIND_LOG | 1u << KIND_OTHER |                \
	    1u << KIND_REPORT)

/* A destination as it stands in the file. */
struct draft_destination {
	struct config_destination d;
	char folder[PROTO_ADDRESS_LEN];
	char url[PROTO_ADDRESS_LEN];
	bool read_back, checksum, method_override, stored_digest, dispose;
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

/* A name in /sys/class/leds, "" for none: "input3::scrolllock", "bay1:green:status". */
static bool good_light(const char *text)
{
	return text[0] != '.' && !strchr(text, '/');
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
static const struct setting_choice reports[] = {
	{ "none", false },
	{ "docking", true },
	{ NULL, 0 },
};
static const struct setting_choice drivers[] = {
	{ "dir", DESTINATION_DIR },
	{ "tus", DESTINATION_TUS },
	{ NULL, 0 },
};

#define PATH_ALLOWED "a path from / on"
#define PATH_OR_NONE_ALLOWED "a path from / on, or \"\" for none"
#define LIGHT_ALLOWED "a name in the leds folder, without '/', or \"\" for none"

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
	{ .name = "leds-dir", .type = SETTING_TEXT, SETTING_AT(draft, config.leds_dir),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "profiles-dir", .type = SETTING_TEXT, SETTING_AT(draft, profiles_dir),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "station-light", .type = SETTING_TEXT, SETTING_AT(draft, config.station_light),
	  .good = good_light, .allowed = LIGHT_ALLOWED },
	{ .name = "allow-plaintext", .type = SETTING_BOOL,
	  SETTING_AT(draft, config.allow_plaintext) },
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
	{ .name = "reports", .type = SETTING_CHOICE, SETTING_AT(draft, config.reports),
	  .choices = reports },
	{ .name = "pulls-per-port", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.pulls_per_port), .min = 1, .max = 16 },
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
	{ .name = "confirm-per-hour", .type = SETTING_NUMBER,
	  SETTING_AT(draft, config.confirm_per_hour), .min = 1, .max = 3600000 },
	{ .name = "hotplug-user", .type = SETTING_USER, SETTING_AT(draft, config.hotplug_uid) },
	{ .name = "uploader-user", .type = SETTING_USER, SETTING_AT(draft, config.uploader_uid) },
	{ .name = "core-group", .type = SETTING_GROUP, SETTING_AT(draft, config.core_gid) },
	{ .name = "admin-group", .type = SETTING_GROUP, SETTING_AT(draft, config.admin_gid) },
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
	  .good = good_light, .allowed = LIGHT_ALLOWED },
};

static const struct setting replaces_settings[] = {
	{ .name = "station", .type = SETTING_TEXT, SETTING_AT(config, replaces.station),
	  .good = setting_is_name, .allowed = SETTING_NAME_ALLOWED },
	{ .name = "checkpoint", .type = SETTING_TEXT, SETTING_AT(config, replaces.checkpoint),
	  .good = good_path, .allowed = PATH_ALLOWED },
};

enum { /* places in destination_settings */
	DEST_NAME, DEST_DRIVER, DEST_FOLDER, DEST_SLOTS, DEST_DISPOSE,
	DEST_TAKES,
	DEST_URL, /* from here on: only driver = "tus" */
	DEST_STALL, DEST_ANSWER, DEST_CHUNK_MIN, DEST_CHUNK_MAX, DEST_CA, DEST_CERTIFICATE,
	DEST_KEY, DEST_HEADERS, DEST_READ_BACK, DEST_CHECKSUM, DEST_OVERRIDE,
	DEST_STORED_DIGEST, DEST_RECEIPT_PATH, DEST_RECEIPT_KEYS,
	DEST_SETTINGS,
};

static const struct setting destination_settings[DEST_SETTINGS] = {
	[DEST_NAME] = { .name = "name", .type = SETTING_TEXT, SETTING_AT(draft_destination, d.name),
	  .good = setting_is_name, .allowed = SETTING_NAME_ALLOWED },
	[DEST_DRIVER] = { .name = "driver", .type = SETTING_CHOICE,
	  SETTING_AT(draft_destination, d.wire.driver), .choices = drivers },
	[DEST_FOLDER] = { .name = "folder", .type = SETTING_TEXT,
	  SETTING_AT(draft_destination, folder), .good = good_path, .allowed = PATH_ALLOWED },
	[DEST_SLOTS] = { .name = "slots", .type = SETTING_NUMBER,
	  SETTING_AT(draft_destination, d.wire.slots), .min = 1, .max = PROTO_SLOTS },
	[DEST_DISPOSE] = { .name = "dispose", .type = SETTING_BOOL,
	  SETTING_AT(draft_destination, dispose) },
	[DEST_TAKES] = { .name = "takes", .type = SETTING_LATER },
	[DEST_READ_BACK] = { .name = "read-back", .type = SETTING_BOOL,
	  SETTING_AT(draft_destination, read_back) },
	[DEST_URL] = { .name = "url", .type = SETTING_TEXT, SETTING_AT(draft_destination, url) },
	[DEST_STALL] = { .name = "stall-seconds", .type = SETTING_NUMBER,
	  SETTING_AT(draft_destination, d.wire.stall_ms), .min = 1, .max = 3600, .scale = 1000 },
	[DEST_ANSWER] = { .name = "answer-seconds", .type = SETTING_NUMBER,
	  SETTING_AT(draft_destination, d.wire.answer_ms), .min = 1, .max = 3600, .scale = 1000 },
	[DEST_CHUNK_MIN] = { .name = "chunk-min", .type = SETTING_NUMBER,
	  SETTING_AT(draft_destination, d.wire.chunk_min_bytes), .min = 4096, .max = 1ll << 30 },
	[DEST_CHUNK_MAX] = { .name = "chunk-max", .type = SETTING_NUMBER,
	  SETTING_AT(draft_destination, d.wire.chunk_max_bytes), .min = 4096, .max = 1ll << 40 },
	[DEST_CA] = { .name = "ca-file", .type = SETTING_TEXT,
	  SETTING_AT(draft_destination, d.wire.ca_file), .good = good_path_or_none,
	  .allowed = PATH_OR_NONE_ALLOWED },
	[DEST_CERTIFICATE] = { .name = "certificate-file", .type = SETTING_TEXT,
	  SETTING_AT(draft_destination, d.wire.certificate_file), .good = good_path_or_none,
	  .allowed = PATH_OR_NONE_ALLOWED },
	[DEST_KEY] = { .name = "key-file", .type = SETTING_TEXT,
	  SETTING_AT(draft_destination, d.wire.key_file), .good = good_path_or_none,
	  .allowed = PATH_OR_NONE_ALLOWED },
	[DEST_HEADERS] = { .name = "headers-file", .type = SETTING_TEXT,
	  SETTING_AT(draft_destination, d.wire.headers_file), .good = good_path_or_none,
	  .allowed = PATH_OR_NONE_ALLOWED },
	[DEST_CHECKSUM] = { .name = "checksum", .type = SETTING_BOOL,
	  SETTING_AT(draft_destination, checksum) },
	[DEST_OVERRIDE] = { .name = "method-override", .type = SETTING_BOOL,
	  SETTING_AT(draft_destination, method_override) },
	[DEST_STORED_DIGEST] = { .name = "stored-digest", .type = SETTING_BOOL,
	  SETTING_AT(draft_destination, stored_digest) },
	[DEST_RECEIPT_PATH] = { .name = "receipt-path", .type = SETTING_TEXT,
	  SETTING_AT(draft_destination, d.wire.receipt_path), .good = config_receipt_path_good,
	  .allowed = CONFIG_RECEIPT_PATH_ALLOWED },
	[DEST_RECEIPT_KEYS] = { .name = "receipt-keys", .type = SETTING_LATER },
};
/* clang-format on */

/* ---- addresses ---- */

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (strcmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* What follows a host: nothing, a port, a path, or both. */
static bool good_tail(const char *tail)
{
	size_t n;

	if (*tail == ':') {
		n = strspn(++tail, "0123456789");
		if (n < 1 || n > 5 || strtoul(tail, NULL, 10) - 1 >= 65535)
			return false;
		tail += n;
	}
	return *tail == '\0' || *tail == '/' || *tail == '?';
}

/*
 * What is wrong with a destination's URL (RFC 3986 section 3), or NULL. No user and password in it:
 * it is logged and shown. Plain http goes to this machine only, unless allowed.
 */
static const char *url_trouble(const char *url, bool allow_http)
{
	static const char shape[] = "http://HOST/... or https://HOST/..., printable ASCII, no '#'";
	bool plain = strncmp(url, "http://", 7) == 0;
	char host[256];
	const char *at;
	size_t n;

	if (!plain && strncmp(url, "https://", 8) != 0)
		return shape;
	for (at = url; *at; at++) {
		if (*at <= ' ' || *at > '~' || *at == '#')
			return shape;
	}
	at = url + (plain ? 7 : 8);
	n = strcspn(at, "/?");
	if (memchr(at, '@', n))
		return "no user or password in it: credentials belong in headers-file";
	if (*at == '[') {
		struct in6_addr v6;

		n = strcspn(++at, "]");
		if (n >= sizeof(host) || at[n] != ']')
			return shape;
		memcpy(host, at, n);
		host[n] = '\0';
		if (inet_pton(AF_INET6, host, &v6) != 1)
			return shape;
		at += n + 1;
	} else {
		n = strcspn(at, ":/?");
		if (n == 0 || n >= sizeof(host))
			return shape;
		memcpy(host, at, n);
		host[n] = '\0';
		at += n;
	}
	if (!good_tail(at))
		return shape;
	if (plain && !allow_http && !is_loopback(host))
		return "https://; plain http only to this machine, unless allow-http = true";
	return NULL;
}

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

/* ---- destinations ---- */

static void default_destination(struct draft_destination *d)
{
	*d = (struct draft_destination){ .checksum = true };
	d->d.wire.driver = DESTINATION_DIR;
	d->d.wire.slots = 4;
	d->d.takes = TAKES_ALL;
	d->d.wire.stall_ms = 60 * 1000;
	d->d.wire.answer_ms = 300 * 1000;
	d->d.wire.chunk_min_bytes = 256u << 10;
	d->d.wire.chunk_max_bytes = 256u << 20;
	d->d.wire.part_bytes = 16u << 20;
	d->d.deliver_s = 72 * 3600;
	d->d.wire.bytes_per_s = RATE_UNLIMITED;
	d->d.wire.tls_min = 12;
}

/* The draft into its place; d->d.wire.where comes from the driver's own setting. */
static void take_destination(const struct draft_destination *d, struct config_destination *out)
{
	const char *where = d->d.wire.driver == DESTINATION_TUS ? d->url : d->folder;

	*out = d->d;
	memcpy(out->wire.where, where, strlen(where) + 1);
	out->wire.flags = (d->read_back ? DESTINATION_READ_BACK : 0) |
	    (d->checksum ? DESTINATION_CHECKSUM : 0) |
	    (d->method_override ? DESTINATION_OVERRIDE : 0) |
	    (d->stored_digest ? DESTINATION_STORED_DIGEST : 0) |
	    (d->d.wire.receipt_path[0] ? DESTINATION_RECEIPTS : 0) |
	    (d->dispose ? DESTINATION_DISPOSE : 0);
}

static void check_destination(struct setting_errors *e, const struct config_setting_t *node,
    const struct draft_destination *d, const bool *seen, bool allow_http)
{
	bool tus = d->d.wire.driver == DESTINATION_TUS;
	const char *trouble = seen[DEST_URL] && tus ? url_trouble(d->url, allow_http) : NULL;

	if (!seen[DEST_NAME])
		setting_missing(e, node, "name", SETTING_NAME_ALLOWED);
	if (!seen[DEST_DRIVER])
		setting_missing(e, node, "driver", "one of \"dir\" \"tus\"");
	else if (tus && !seen[DEST_URL])
		setting_missing(e, node, "url", "where the tus server makes uploads");
	else if (!tus && !seen[DEST_FOLDER])
		setting_missing(e, node, "folder", PATH_ALLOWED);
	if (trouble)
		setting_wrong(e, setting_find(node, "url"), "%s", trouble);
	if (tus && seen[DEST_FOLDER])
		setting_wrong(e, setting_find(node, "folder"), "only with driver = \"dir\"");
	for (size_t i = DEST_URL; i < DEST_SETTINGS && !tus; i++) {
		if (seen[i])
			setting_wrong(e, setting_find(node, destination_settings[i].name),
			    "only with driver = \"tus\"");
	}
	if (d->d.wire.chunk_min_bytes > d->d.wire.chunk_max_bytes)
		setting_wrong(e,
		    setting_find(node, seen[DEST_CHUNK_MIN] ? "chunk-min" : "chunk-max"),
		    "chunk-min is at most chunk-max (defaults 262144 and 268435456)");
	if (d->d.wire.key_file[0] && !d->d.wire.certificate_file[0])
		setting_wrong(
		    e, setting_find(node, "key-file"), "only together with certificate-file");
	if (d->d.wire.certificate_file[0] && !d->d.wire.key_file[0])
		setting_wrong(
		    e, setting_find(node, "certificate-file"), "only together with key-file");
}

static const struct setting_choice kinds[] = {
	{ "clip", KIND_CLIP },
	{ "sidecar", KIND_SIDECAR },
	{ "log", KIND_LOG },
	{ "other", KIND_OTHER },
	{ "report", KIND_REPORT },
	{ NULL, 0 },
};

/* Which kinds of things a destination takes. */
static void read_takes(
    struct setting_errors *e, const struct config_setting_t *node, struct config_destination *d)
{
	const struct config_setting_t *list = setting_find(node, "takes");

	if (!list)
		return;
	if (!setting_is_list(list) || setting_count(list) == 0) {
		setting_wrong(e, list, "a list: ( \"clip\", ... )");
		return;
	}
	d->takes = 0;
	for (size_t i = 0; i < setting_count(list); i++) {
		const struct config_setting_t *item = setting_member(list, i);
		const char *word = setting_text(item);
		const struct setting_choice *k = kinds;

		while (k->word && (!word || strcmp(k->word, word) != 0))
			k++;
		if (k->word)
			d->takes |= 1u << k->value;
		else
			setting_wrong(
			    e, item, "one of \"clip\" \"sidecar\" \"log\" \"other\" \"report\"");
	}
}

/* What a camera gives must have somewhere to go. */
static void check_takes(
    struct setting_errors *e, const struct config_setting_t *list, const struct config *c)
{
	uint32_t taken = 0;

	for (size_t i = 0; i < c->destinations_n; i++)
		taken |= c->destination[i].takes;
	for (const struct setting_choice *k = kinds; k->word; k++) {
		if (!(taken >> k->value & 1) && (k->value != KIND_REPORT || c->reports))
			setting_wrong(e, list, "no destination takes \"%s\"", k->word);
	}
}

static void read_destinations(
    struct setting_errors *e, const struct config_setting_t *root, struct draft *draft)
{
	const struct config_setting_t *list = setting_find(root, "destinations");
	struct config *c = &draft->config;
	bool seen[DEST_SETTINGS];
	struct draft_destination d;

	if (!list)
		return;
	if (!setting_is_list(list) || setting_count(list) == 0 ||
	    setting_count(list) > CONFIG_DESTINATIONS) {
		setting_wrong(e, list, "a list of 1 to %d: ( { name = ...; driver = ...; }, ... )",
		    CONFIG_DESTINATIONS);
		return;
	}
	for (size_t i = 0; i < setting_count(list); i++) {
		const struct config_setting_t *node = setting_member(list, i);

		if (!setting_is_group(node)) {
			setting_wrong(e, node, "{ name = ...; driver = ...; ... }");
			continue;
		}
		memset(seen, 0, sizeof(seen));
		default_destination(&d);
		setting_read(e, node, destination_settings, ITEMS(destination_settings), &d, seen);
		config_receipts_read(e, node, &d.d);
		check_destination(e, node, &d, seen, draft->allow_http);
		read_takes(e, node, &d.d);
		take_destination(&d, &c->destination[i]);
		for (size_t k = 0; k < i; k++) {
			if (d.d.name[0] && strcmp(d.d.name, c->destination[k].name) == 0)
				setting_wrong(e, setting_find(node, "name"), "each name once");
		}
	}
	c->destinations_n = setting_count(list);
	check_takes(e, list, c);
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

static void read_profiles(struct setting_errors *e, const char *folder, struct config *c)
{
	struct dirent **names;
	char path[4096];
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
	c->confirm_per_hour = 60;
	c->retry_max_s = 300;
	c->ship_s = 60;
	c->switch_s = 6 * 3600;
	c->hotplug_uid = c->uploader_uid = (uid_t)-1;
	c->core_gid = c->admin_gid = (gid_t)-1;
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

/* Settings that the file does not name and whose defaults this machine must know. */
static void complete(struct setting_errors *e, const char *path,
    const struct config_setting_t *root, struct config *c)
{
	struct draft_destination d;

	if (!root || !setting_find(root, "hotplug-user"))
		default_user(e, path, "hotplug-user", "dockd-hotplug", &c->hotplug_uid);
	if (!root || !setting_find(root, "uploader-user"))
		default_user(e, path, "uploader-user", "dockd-uploader", &c->uploader_uid);
	if (!root || !setting_find(root, "core-group"))
		setting_group_id("dockd", &c->core_gid);
	if (!root || !setting_find(root, "admin-group"))
		setting_group_id("dockd-admin", &c->admin_gid);
	if ((!root || !setting_find(root, "station")) && !setting_is_name(c->station))
		problem(e, path,
		    "station is missing, and the host name is none: ", SETTING_NAME_ALLOWED);
	if (!root || !setting_find(root, "destinations")) {
		default_destination(&d);
		snprintf(d.d.name, sizeof(d.d.name), "local");
		snprintf(d.folder, sizeof(d.folder), "%s", DEFAULT_FOLDER);
		take_destination(&d, &c->destination[0]);
		c->destinations_n = 1;
	}
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
	read_destinations(e, root, d);
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
	read_profiles(&e, profiles_dir ? profiles_dir : d->profiles_dir, &d->config);
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
