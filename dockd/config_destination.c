#include "config_destination.h"

#include "config_pins.h"
#include "config_receipts.h"
#include "config_timetable.h"
#include "config_url.h"

#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#define DEFAULT_FOLDER "/var/lib/dockd-uploader/local"
#define TAKES_ALL                                                                                  \
	(1u << KIND_CLIP | 1u << KIND_SIDECAR | 1u << KIND_LOG | 1u << KIND_OTHER |                \
	    1u << KIND_REPORT)
#define CREDENTIAL "credential:"
#define PART_MIN (INT64_C(5) << 20) /* S3: of all parts but the last */
#define PART_MAX (INT64_C(5) << 30)

/* A destination as it stands in the file. */
struct draft_destination {
	struct config_destination d;
	char folder[PROTO_ADDRESS_LEN];
	char url[PROTO_ADDRESS_LEN];
	bool read_back, checksum, method_override, stored_digest, dispose, path_style;
};

/* ---- what is allowed ---- */

static bool good_folder(const char *text)
{
	return text[0] == '/';
}

/* A path, or the name of a credential that systemd brings; "" for none. */
static bool good_file(const char *text)
{
	if (strncmp(text, CREDENTIAL, strlen(CREDENTIAL)) == 0)
		return setting_is_name(text + strlen(CREDENTIAL));
	return text[0] == '/' || text[0] == '\0';
}

/* Printable ASCII without what ends a path in a URL. */
static bool is_plain(const char *text, const char *but)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~' || strchr(but, *text))
			return false;
	}
	return true;
}

static bool good_find_path(const char *text)
{
	const char *place = strstr(text, "{asset}");

	return place && !strstr(place + 1, "{asset}") && is_plain(text, "#") &&
	    strncmp(text, "//", 2) != 0 && !strstr(text, "://");
}

/* Amazon S3 User Guide, "General purpose bucket naming rules". */
static bool good_bucket(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	size_t n = strlen(text);
	struct in_addr v4;

	return n >= 3 && n <= 63 && text[strspn(text, allowed)] == '\0' && !strchr(".-", text[0]) &&
	    !strchr(".-", text[n - 1]) && !strstr(text, "..") && !strstr(text, ".-") &&
	    !strstr(text, "-.") && inet_pton(AF_INET, text, &v4) != 1;
}

/*
 * '?' ends the key in an address on record (uploader/s3_request.h). No part is "." or "..", which
 * clients on the way would fold; the last one goes on with an id or "ledger".
 */
static bool good_prefix(const char *text)
{
	return text[0] != '/' && is_plain(text, "?#\\") && !strstr(text, "..") &&
	    !strstr(text, "//") && strncmp(text, "./", 2) != 0 && !strstr(text, "/./");
}

static bool good_region(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

	return text[0] && text[strspn(text, allowed)] == '\0';
}

static const struct setting_choice drivers[] = {
	{ "dir", DESTINATION_DIR },
	{ "tus", DESTINATION_TUS },
	{ "s3", DESTINATION_S3 },
	{ NULL, 0 },
};
static const struct setting_choice tls_versions[] = { { "1.2", 12 }, { "1.3", 13 }, { NULL, 0 } };
static const struct setting_choice locks[] = {
	{ "none", LOCK_NONE },
	{ "governance", LOCK_GOVERNANCE },
	{ "compliance", LOCK_COMPLIANCE },
	{ NULL, 0 },
};
static const struct setting_choice kinds[] = {
	{ "clip", KIND_CLIP },
	{ "sidecar", KIND_SIDECAR },
	{ "log", KIND_LOG },
	{ "other", KIND_OTHER },
	{ "report", KIND_REPORT },
	{ NULL, 0 },
};

#define FOLDER_ALLOWED "a path from / on"
#define FILE_ALLOWED "a path from / on, \"credential:NAME\", or \"\" for none"
#define FIND_ALLOWED "\"by-asset/{asset}\" or the like: printable ASCII, {asset} once, no '#'"
#define BUCKET_ALLOWED                                                                             \
	"3 to 63 small letters, digits, '.' and '-', a letter or digit at both ends, no address"
#define PREFIX_ALLOWED                                                                             \
	"\"station/\" or the like: printable ASCII, no '/' first, no \"..\", \"//\", "             \
	"part \".\", '?', '#', '\\'"
#define REGION_ALLOWED "small letters, digits, '-' and '_'"

/* clang-format off */
enum { /* places in destination_settings */
	DEST_NAME, DEST_DRIVER, DEST_SLOTS, DEST_DISPOSE, DEST_TAKES, DEST_DELIVER,
	DEST_RATE, DEST_TIMETABLE,
	DEST_FOLDER, /* from here on: only driver = "dir" */
	DEST_URL,    /* from here on: "tus" and "s3" */
	DEST_STALL, DEST_ANSWER, DEST_CA, DEST_CERTIFICATE, DEST_KEY, DEST_READ_BACK, DEST_TLS_MIN,
	DEST_PINS, DEST_PROXY, DEST_PROXY_FILE,
	DEST_CHUNK_MIN, /* from here on: "tus" */
	DEST_CHUNK_MAX, DEST_HEADERS, DEST_CHECKSUM, DEST_OVERRIDE, DEST_STORED_DIGEST,
	DEST_RECEIPT_PATH, DEST_RECEIPT_KEYS, DEST_FIND_PATH,
	DEST_BUCKET, /* from here on: "s3" */
	DEST_PREFIX, DEST_REGION, DEST_PATH_STYLE, DEST_SECRETS, DEST_LOCK, DEST_RETAIN, DEST_PART,
	DEST_SETTINGS,
};

#define AT(f) SETTING_AT(draft_destination, f)
#define FILE_SETTING(n, f) { .name = (n), .type = SETTING_TEXT, AT(d.wire.f), .good = good_file, \
	  .allowed = FILE_ALLOWED }
#define BOOL_SETTING(n, f) { .name = (n), .type = SETTING_BOOL, AT(f) }

static const struct setting destination_settings[DEST_SETTINGS] = {
	[DEST_NAME] = { .name = "name", .type = SETTING_TEXT, AT(d.name), .good = setting_is_name,
	  .allowed = SETTING_NAME_ALLOWED },
	[DEST_DRIVER] = { .name = "driver", .type = SETTING_CHOICE, AT(d.wire.driver),
	  .choices = drivers },
	[DEST_SLOTS] = { .name = "slots", .type = SETTING_NUMBER, AT(d.wire.slots),
	  .min = 1, .max = PROTO_SLOTS },
	[DEST_DISPOSE] = BOOL_SETTING("dispose", dispose),
	[DEST_TAKES] = { .name = "takes", .type = SETTING_LATER },
	[DEST_DELIVER] = { .name = "deliver-within-hours", .type = SETTING_NUMBER, AT(d.deliver_s),
	  .min = 0, .max = 8760, .scale = 3600 },
	[DEST_RATE] = { .name = "rate-kbit", .type = SETTING_LATER },
	[DEST_TIMETABLE] = { .name = "timetable", .type = SETTING_LATER },
	[DEST_FOLDER] = { .name = "folder", .type = SETTING_TEXT, AT(folder), .good = good_folder,
	  .allowed = FOLDER_ALLOWED },
	[DEST_URL] = { .name = "url", .type = SETTING_TEXT, AT(url) },
	[DEST_STALL] = { .name = "stall-seconds", .type = SETTING_NUMBER, AT(d.wire.stall_ms),
	  .min = 1, .max = 3600, .scale = 1000 },
	[DEST_ANSWER] = { .name = "answer-seconds", .type = SETTING_NUMBER, AT(d.wire.answer_ms),
	  .min = 1, .max = 3600, .scale = 1000 },
	[DEST_CA] = FILE_SETTING("ca-file", ca_file),
	[DEST_CERTIFICATE] = FILE_SETTING("certificate-file", certificate_file),
	[DEST_KEY] = FILE_SETTING("key-file", key_file),
	[DEST_READ_BACK] = BOOL_SETTING("read-back", read_back),
	[DEST_TLS_MIN] = { .name = "tls-min", .type = SETTING_CHOICE, AT(d.wire.tls_min),
	  .choices = tls_versions },
	[DEST_PINS] = { .name = "pins", .type = SETTING_LATER },
	[DEST_PROXY] = { .name = "proxy", .type = SETTING_TEXT, AT(d.wire.proxy) },
	[DEST_PROXY_FILE] = FILE_SETTING("proxy-file", proxy_file),
	[DEST_CHUNK_MIN] = { .name = "chunk-min", .type = SETTING_NUMBER,
	  AT(d.wire.chunk_min_bytes), .min = 4096, .max = 1ll << 30 },
	[DEST_CHUNK_MAX] = { .name = "chunk-max", .type = SETTING_NUMBER,
	  AT(d.wire.chunk_max_bytes), .min = 4096, .max = 1ll << 40 },
	[DEST_HEADERS] = FILE_SETTING("headers-file", headers_file),
	[DEST_CHECKSUM] = BOOL_SETTING("checksum", checksum),
	[DEST_OVERRIDE] = BOOL_SETTING("method-override", method_override),
	[DEST_STORED_DIGEST] = BOOL_SETTING("stored-digest", stored_digest),
	[DEST_RECEIPT_PATH] = { .name = "receipt-path", .type = SETTING_TEXT,
	  AT(d.wire.receipt_path), .good = config_receipt_path_good,
	  .allowed = CONFIG_RECEIPT_PATH_ALLOWED },
	[DEST_RECEIPT_KEYS] = { .name = "receipt-keys", .type = SETTING_LATER },
	[DEST_FIND_PATH] = { .name = "find-path", .type = SETTING_TEXT, AT(d.wire.find_path),
	  .good = good_find_path, .allowed = FIND_ALLOWED },
	[DEST_BUCKET] = { .name = "bucket", .type = SETTING_TEXT, AT(d.wire.bucket),
	  .good = good_bucket, .allowed = BUCKET_ALLOWED },
	[DEST_PREFIX] = { .name = "prefix", .type = SETTING_TEXT, AT(d.wire.prefix),
	  .good = good_prefix, .allowed = PREFIX_ALLOWED },
	[DEST_REGION] = { .name = "region", .type = SETTING_TEXT, AT(d.wire.region),
	  .good = good_region, .allowed = REGION_ALLOWED },
	[DEST_PATH_STYLE] = BOOL_SETTING("path-style", path_style),
	[DEST_SECRETS] = FILE_SETTING("secrets-file", secrets_file),
	[DEST_LOCK] = { .name = "object-lock", .type = SETTING_CHOICE, AT(d.wire.lock_mode),
	  .choices = locks },
	[DEST_RETAIN] = { .name = "retain-days", .type = SETTING_NUMBER, AT(d.wire.retain_days),
	  .min = 1, .max = 36500 },
	[DEST_PART] = { .name = "part-bytes", .type = SETTING_NUMBER, AT(d.wire.part_bytes),
	  .min = PART_MIN, .max = PART_MAX },
};
/* clang-format on */

/* Which drivers the settings from a place on belong to, until the next such place. */
static const struct {
	size_t from;
	unsigned drivers; /* bits 1 << enum destination_driver */
	const char *text;
} owners[] = {
	{ DEST_FOLDER, 1u << DESTINATION_DIR, "only with driver = \"dir\"" },
	{ DEST_URL, 1u << DESTINATION_TUS | 1u << DESTINATION_S3,
	    "only with driver = \"tus\" or \"s3\"" },
	{ DEST_CHUNK_MIN, 1u << DESTINATION_TUS, "only with driver = \"tus\"" },
	{ DEST_BUCKET, 1u << DESTINATION_S3, "only with driver = \"s3\"" },
	{ DEST_SETTINGS, 0, NULL },
};

/* ---- one destination ---- */

static void set_defaults(struct draft_destination *d)
{
	struct proto_destination *wire = &d->d.wire;

	*d = (struct draft_destination){ .checksum = true };
	d->d.takes = TAKES_ALL;
	d->d.deliver_s = 72 * 3600;
	wire->driver = DESTINATION_DIR;
	wire->slots = 4;
	wire->stall_ms = 60 * 1000;
	wire->answer_ms = 300 * 1000;
	wire->chunk_min_bytes = 256u << 10;
	wire->chunk_max_bytes = 256u << 20;
	wire->part_bytes = 16u << 20;
	wire->bytes_per_s = RATE_UNLIMITED;
	wire->tls_min = 12;
	snprintf(wire->region, sizeof(wire->region), "us-east-1");
}

/* The draft into its place; where it is comes from the driver's own setting. */
static void take(const struct draft_destination *d, struct config_destination *out)
{
	const char *where = d->d.wire.driver == DESTINATION_DIR ? d->folder : d->url;
	size_t len = strlen(where);

	if (d->d.wire.driver == DESTINATION_S3 && len > 0 && where[len - 1] == '/')
		len--; /* of the endpoint: one spelling of it */
	*out = d->d;
	memcpy(out->wire.where, where, len);
	out->wire.where[len] = '\0';
	out->wire.flags = (d->read_back ? DESTINATION_READ_BACK : 0) |
	    (d->checksum ? DESTINATION_CHECKSUM : 0) |
	    (d->method_override ? DESTINATION_OVERRIDE : 0) |
	    (d->stored_digest ? DESTINATION_STORED_DIGEST : 0) |
	    (d->d.wire.receipt_path[0] ? DESTINATION_RECEIPTS : 0) |
	    (d->dispose ? DESTINATION_DISPOSE : 0) | (d->path_style ? DESTINATION_PATH_STYLE : 0);
}

static void check_owners(struct setting_errors *e, const struct config_setting_t *node,
    unsigned driver, const bool *seen)
{
	for (size_t k = 0; owners[k].text; k++) {
		if (owners[k].drivers >> driver & 1)
			continue;
		for (size_t i = owners[k].from; i < owners[k + 1].from; i++) {
			if (seen[i])
				setting_wrong(e, setting_find(node, destination_settings[i].name),
				    "%s", owners[k].text);
		}
	}
}

/* What must be there. */
static void check_needed(struct setting_errors *e, const struct config_setting_t *node,
    const struct draft_destination *d, const bool *seen)
{
	if (!seen[DEST_NAME])
		setting_missing(e, node, "name", SETTING_NAME_ALLOWED);
	if (!seen[DEST_DRIVER]) {
		setting_missing(e, node, "driver", "one of \"dir\" \"tus\" \"s3\"");
		return;
	}
	switch ((enum destination_driver)d->d.wire.driver) {
	case DESTINATION_DIR:
		if (!seen[DEST_FOLDER])
			setting_missing(e, node, "folder", FOLDER_ALLOWED);
		break;
	case DESTINATION_TUS:
		if (!seen[DEST_URL])
			setting_missing(e, node, "url", "where the tus server makes uploads");
		break;
	case DESTINATION_S3:
		if (!seen[DEST_URL])
			setting_missing(e, node, "url", "the S3 server: https://HOST:PORT");
		if (!seen[DEST_BUCKET])
			setting_missing(e, node, "bucket", BUCKET_ALLOWED);
		if (!d->d.wire.secrets_file[0])
			setting_missing(
			    e, node, "secrets-file", "where its keys are; " FILE_ALLOWED);
		break;
	}
}

/* Addresses, and what the way there asks of them. */
static void check_way(struct setting_errors *e, const struct config_setting_t *node,
    const struct draft_destination *d, const bool *seen, bool allow_http)
{
	bool s3 = d->d.wire.driver == DESTINATION_S3;
	const char *trouble = NULL;

	if (d->url[0] || seen[DEST_URL])
		trouble = s3 ? config_endpoint_trouble(d->url, allow_http) :
			       config_url_trouble(d->url, allow_http);
	if (trouble)
		setting_wrong(e, setting_find(node, "url"), "%s", trouble);
	if (seen[DEST_PINS] && d->url[0] && !config_url_is_https(d->url))
		setting_wrong(e, setting_find(node, "pins"), "only with a url of https://");
	if (seen[DEST_PROXY]) {
		trouble = config_proxy_trouble(d->d.wire.proxy);
		if (trouble)
			setting_wrong(e, setting_find(node, "proxy"), "%s", trouble);
	} else if (seen[DEST_PROXY_FILE]) {
		setting_wrong(e, setting_find(node, "proxy-file"), "only together with proxy");
	}
	if (d->d.wire.key_file[0] && !d->d.wire.certificate_file[0])
		setting_wrong(
		    e, setting_find(node, "key-file"), "only together with certificate-file");
	if (d->d.wire.certificate_file[0] && !d->d.wire.key_file[0])
		setting_wrong(
		    e, setting_find(node, "certificate-file"), "only together with key-file");
}

static void check_s3(struct setting_errors *e, const struct config_setting_t *node,
    const struct draft_destination *d, const bool *seen)
{
	if (!d->path_style && config_url_is_numeric(d->url))
		setting_wrong(e, setting_find(node, "url"),
		    "a name, which the bucket is put in front of; or path-style = true");
	if (!d->path_style && strchr(d->d.wire.bucket, '.') && config_url_is_https(d->url))
		setting_wrong(e, setting_find(node, "bucket"),
		    "no '.' in it, which no certificate of the server covers; or path-style = "
		    "true");
	if (d->d.wire.lock_mode != LOCK_NONE && !seen[DEST_RETAIN])
		setting_missing(e, node, "retain-days",
		    "1 to 36500: how long what no retention class dates is locked");
	if (d->d.wire.lock_mode == LOCK_NONE && seen[DEST_RETAIN])
		setting_wrong(e, setting_find(node, "retain-days"),
		    "only together with object-lock = \"governance\" or \"compliance\"");
}

static void check(struct setting_errors *e, const struct config_setting_t *node,
    const struct draft_destination *d, const bool *seen, bool allow_http)
{
	check_needed(e, node, d, seen);
	check_owners(e, node, d->d.wire.driver, seen);
	if (d->d.wire.driver != DESTINATION_DIR)
		check_way(e, node, d, seen, allow_http);
	if (d->d.wire.driver == DESTINATION_S3)
		check_s3(e, node, d, seen);
	if (d->d.wire.chunk_min_bytes > d->d.wire.chunk_max_bytes)
		setting_wrong(e,
		    setting_find(node, seen[DEST_CHUNK_MIN] ? "chunk-min" : "chunk-max"),
		    "chunk-min is at most chunk-max (defaults 262144 and 268435456)");
}

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

/* ---- all of them ---- */

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

/* Two names for one place: what is there once would count as two copies. */
static bool is_same_place(const struct config_destination *a, const struct config_destination *b)
{
	return a->wire.where[0] && (a->takes & b->takes) && a->wire.driver == b->wire.driver &&
	    strcmp(a->wire.where, b->wire.where) == 0 &&
	    strcmp(a->wire.bucket, b->wire.bucket) == 0 &&
	    strcmp(a->wire.prefix, b->wire.prefix) == 0;
}

static void read_one(struct setting_errors *e, const struct config_setting_t *node, bool allow_http,
    struct config_destination *out)
{
	bool seen[DEST_SETTINGS] = { false };
	struct draft_destination d;

	set_defaults(&d);
	setting_read(e, node, destination_settings, DEST_SETTINGS, &d, seen);
	config_receipts_read(e, node, &d.d);
	config_pins_read(e, node, &d.d.wire);
	config_timetable_read(e, node, &d.d.wire);
	read_takes(e, node, &d.d);
	check(e, node, &d, seen, allow_http);
	take(&d, out);
}

void config_destinations_read(struct setting_errors *e, const struct config_setting_t *root,
    bool allow_http, struct config *c)
{
	const struct config_setting_t *list = setting_find(root, "destinations");

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
		struct config_destination *d = &c->destination[i];

		if (!setting_is_group(node)) {
			setting_wrong(e, node, "{ name = ...; driver = ...; ... }");
			continue;
		}
		read_one(e, node, allow_http, d);
		for (size_t k = 0; k < i; k++) {
			if (d->name[0] && strcmp(d->name, c->destination[k].name) == 0)
				setting_wrong(e, setting_find(node, "name"), "each name once");
			else if (is_same_place(d, &c->destination[k]))
				setting_wrong(e, node,
				    "same place as destination \"%s\": one copy would count as two "
				    "(or other kinds in takes)",
				    c->destination[k].name);
		}
	}
	c->destinations_n = setting_count(list);
	check_takes(e, list, c);
}

void config_destinations_default(struct config *c)
{
	struct draft_destination d;

	set_defaults(&d);
	snprintf(d.d.name, sizeof(d.d.name), "local");
	snprintf(d.folder, sizeof(d.folder), "%s", DEFAULT_FOLDER);
	take(&d, &c->destination[0]);
	c->destinations_n = 1;
}
