/*
 * config: what good files give, and that every bad one names file, line, setting and what is
 * allowed.
 */
#include "config_file.h"

#include <stdio.h>
#include <string.h>

/* the verifier key of the examples in Go's sumdb/note */
#define VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

/* A file with these settings is refused, and one problem is at line 2 as wanted. */
static void refuse(const char *text, const char *wanted)
{
	char line[512];

	snprintf(line, sizeof(line), "%s:%s", files.conf, wanted);
	assert_true(read_text(text) < 0);
	if (!strstr(told(), line))
		fail_msg("%s\nis not in\n%s", line, told());
}

static void defaults_are_the_documented_ones(void **state)
{
	const struct config *c = &files.config;

	(void)state;
	assert_int_equal(read_text("station = \"s\";"), 0);
	assert_null(files.errors);
	assert_string_equal(c->state_dir, "/var/lib/dockd");
	assert_string_equal(c->run_dir, "/run/dockd");
	assert_string_equal(c->leds_dir, "/sys/class/leds");
	assert_string_equal(c->log_file, "");
	assert_false(c->erase);
	assert_false(c->allow_plaintext);
	assert_false(c->take_when_server);
	assert_false(c->any);
	assert_int_equal(c->accept, LEVEL_SIGNED);
	assert_int_equal(c->pulls_per_port, 3);
	assert_int_equal(c->rejoin_s, 10);
	assert_int_equal(c->retry_min_s, 1);
	assert_int_equal(c->retry_max_s, 300);
	assert_int_equal(c->hotplug_uid, 4001);
	assert_int_equal(c->uploader_uid, 4002);
	assert_int_equal(c->bays_n, 0);
	assert_int_equal(c->destinations_n, 1);
	assert_string_equal(c->destination[0].name, "local");
	assert_int_equal(c->destination[0].wire.driver, DESTINATION_DIR);
	assert_string_equal(c->destination[0].wire.where, "/var/lib/dockd-uploader/local");
	assert_int_equal(c->destination[0].wire.flags, DESTINATION_CHECKSUM);
	assert_int_equal(c->profiles_n, 1);
	assert_int_equal(c->profile[0].window_bytes, 8 << 20);
	assert_int_equal(c->profile[0].timeout_ms, 10000);
	assert_int_equal(c->profile[0].signing, SIGNING_UNSET);
	assert_int_equal(c->profile[0].logs, LOGS_UNSET);
	assert_int_equal(c->profile[0].vendor, -1);
}

static void every_setting_arrives(void **state)
{
	const struct config *c = &files.config;
	const struct proto_destination *w = &c->destination[1].wire;

	(void)state;
	assert_int_equal(
	    read_text(
		"station = \"north-1\"; state-dir = \"/s\"; run-dir = \"/r\"; log = \"/l\";\n"
		"leds-dir = \"/leds\"; station-light = \"top:green\"; allow-plaintext = true;\n"
		"erase = \"when-receipted\"; accept-receipt = \"readback\"; take-when = \"server\";\n"
		"policy = \"any\"; pulls-per-port = 5; rejoin-seconds = 0; verify-jobs = 2;\n"
		"reserve-bytes = 50000000000L; retry-min-seconds = 2; retry-max-seconds = 9;\n"
		"core-group = 77; viewer-group = \"\"; it-group = 78; key-file = \"/k\"; checkpoint-seconds = 60;\n"
		"replaces = { station = \"north\"; checkpoint = \"/c\"; };\n"
		"bays = ( { name = \"1\"; port = \"1-2.3\"; light = \"bay1\"; },\n"
		"         { name = \"two\"; port = \"10-4\"; } );\n"
		"destinations = ( { name = \"nas\"; driver = \"dir\"; folder = \"/nas\"; },\n"
		" { name = \"es\"; driver = \"tus\"; url = \"https://es.example:8443/files/\"; slots = 16;\n"
		"   stall-seconds = 7; answer-seconds = 8; chunk-min = 65536; chunk-max = 5000000000L;\n"
		"   ca-file = \"/ca\"; certificate-file = \"/crt\"; key-file = \"/key\";\n"
		"   headers-file = \"/h\"; read-back = true; checksum = false; method-override = true;\n"
		"   stored-digest = true; receipt-path = \"/receipt\";\n"
		"   receipt-keys = ( \"" VKEY "\", { key = \"" VKEY
		"\"; until = \"2026-03-01\"; },\n"
		"     { key = \"" VKEY "\"; from = \"2024-02-29\"; } ); } );\n"),
	    0);
	assert_string_equal(c->station, "north-1");
	assert_string_equal(c->log_file, "/l");
	assert_string_equal(c->station_light, "top:green");
	assert_true(c->allow_plaintext && c->erase && c->take_when_server && c->any);
	assert_int_equal(c->accept, LEVEL_READBACK);
	assert_int_equal(c->pulls_per_port, 5);
	assert_int_equal(c->rejoin_s, 0);
	assert_true(c->reserve_bytes == 50000000000ull);
	assert_int_equal(c->core_gid, 77);
	assert_int_equal(c->roles.gid[0], (gid_t)-1);
	assert_int_equal(c->roles.gid[4], 78);
	assert_string_equal(c->key_file, "/k");
	assert_int_equal(c->checkpoint_s, 60);
	assert_string_equal(c->replaces.station, "north");
	assert_string_equal(c->replaces.checkpoint, "/c");
	assert_int_equal(c->bays_n, 2);
	assert_string_equal(c->bay[0].light, "bay1");
	assert_string_equal(c->bay[1].port, "10-4");
	assert_int_equal(c->destinations_n, 2);
	assert_int_equal(c->destination[0].wire.flags, DESTINATION_CHECKSUM);
	assert_string_equal(c->destination[0].wire.where, "/nas");
	assert_string_equal(w->where, "https://es.example:8443/files/");
	assert_int_equal(w->slots, 16);
	assert_int_equal(w->stall_ms, 7000);
	assert_int_equal(w->answer_ms, 8000);
	assert_true(w->chunk_min_bytes == 65536 && w->chunk_max_bytes == 5000000000ull);
	assert_string_equal(w->key_file, "/key");
	assert_string_equal(w->headers_file, "/h");
	assert_int_equal(w->flags,
	    DESTINATION_READ_BACK | DESTINATION_OVERRIDE | DESTINATION_STORED_DIGEST |
		DESTINATION_RECEIPTS);
	assert_string_equal(w->receipt_path, "/receipt");
	assert_int_equal(c->destination[0].receipt_keys_n, 0);
	assert_int_equal(c->destination[1].receipt_keys_n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(c->destination[1].receipt_key[i].vkey, VKEY);
	assert_true(c->destination[1].receipt_key[0].from_s == PROTO_NO_TIME);
	assert_true(c->destination[1].receipt_key[0].until_s == PROTO_NO_TIME);
	assert_int_equal(c->destination[1].receipt_key[1].until_s, 1772323200);
	assert_int_equal(c->destination[1].receipt_key[2].from_s, 1709164800);
}

static void a_bad_setting_names_its_place(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "slost = 4;", "2: slost = 4: there is no such setting here" },
		{ "erase = true;", "2: erase = true: one of \"never\" \"when-receipted\"" },
		{ "accept-receipt = \"fast\";",
		    "2: accept-receipt = \"fast\": one of \"length\" "
		    "\"transfer-digest\" \"stored-digest\" \"readback\" \"signed\"" },
		{ "accept-receipt = \"local\";", "2: accept-receipt = \"local\": one of" },
		{ "rejoin-seconds = 601;",
		    "2: rejoin-seconds = 601: a whole number from 0 to 600" },
		{ "rejoin-seconds = -1;", "2: rejoin-seconds = -1: a whole number from 0 to 600" },
		{ "rejoin-seconds = 1.5;", "2: rejoin-seconds = 1.5: a whole number" },
		{ "rejoin-seconds = \"5\";", "2: rejoin-seconds = \"5\": a whole number" },
		{ "reserve-bytes = 50000000000;",
		    "2: 50000000000: a number beyond 2147483647 ends in L" },
		{ "allow-plaintext = \"yes\";", "2: allow-plaintext = \"yes\": true or false" },
		{ "state-dir = \"var\";", "2: state-dir = \"var\": a path from / on" },
		{ "station = \"a b\";", "2: station = \"a b\": letters, digits" },
		{ "station = \"\";", "2: station = \"\": letters, digits" },
		{ "station = 5;", "2: station = 5: a text in quotes" },
		{ "hotplug-uzer = 1;", "2: hotplug-uzer = 1: there is no such setting here" },
		{ "core-group = \"no-such-group-x\";",
		    "2: core-group = \"no-such-group-x\": this machine "
		    "knows no such group" },
		{ "retry-min-seconds = 400;",
		    "2: retry-min-seconds = 400: retry-min-seconds is at most" },
		{ "station-light = \"../x\";",
		    "2: station-light = \"../x\": a name in the leds folder" },
		{ "destinations = ( { name = \"a\"; driver = \"dir\"; folder = \"/a\"; takes = ( \"film\" ); } );",
		    "2: destinations[0].takes[0] = \"film\": one of \"clip\"" },
		{ "destinations = ( { name = \"a\"; driver = \"dir\"; folder = \"/a\";\n"
		  "takes = ( \"clip\", \"sidecar\", \"other\", \"report\" ); } );",
		    "2: destinations = ( ... ): no destination takes \"log\"" },
		{ "dispose = true;", "2: dispose = true: one of \"off\" \"on\"" },
		{ "retention = 31;", "2: retention = 31: a list of at most 16" },
		{ "retention = ( { class = \"a b\"; kinds = ( \"clip\" ); } );",
		    "2: retention[0].class = \"a b\": letters" },
		{ "retention = ( { class = \"a\"; days = 3; } );",
		    "2: retention[0].kinds is missing" },
		{ "retention = ( { class = \"a\"; kinds = ( \"film\" ); } );",
		    "2: retention[0].kinds[0] = \"film\": a list of: clip" },
		{ "retention = ( { class = \"a\"; kinds = ( \"clip\" ); },\n"
		  "{ class = \"b\"; kinds = ( \"log\", \"clip\" ); } );",
		    "3: retention[1].kinds[1] = \"clip\": a list of: clip" },
		{ "retention = ( { class = \"a\"; kinds = ( \"clip\" ); days = 0; } );",
		    "2: retention[0].days = 0: a whole number from 1 to 36500" },
		{ "checkpoint-seconds = 0;",
		    "2: checkpoint-seconds = 0: a whole number from 1 to 3600" },
		{ "key-file = \"key\";", "2: key-file = \"key\": a path from / on" },
		{ "replaces = \"north\";", "2: replaces = \"north\": { station = ...; checkpoint" },
		{ "replaces = { station = \"north\"; };",
		    "2: replaces.checkpoint is missing: a path from / on" },
		{ "replaces = { station = \"a/b\"; checkpoint = \"/c\"; };",
		    "2: replaces.station = \"a/b\": letters" },
		{ "bays = 3;", "2: bays = 3: a list of at most 64" },
		{ "bays = ( 3 );", "2: bays[0] = 3: { name" },
		{ "bays = ( { name = \"1\"; } );", "2: bays[0].port is missing: a USB port" },
		{ "bays = ( { name = \"1\"; port = \"1-2.\"; } );",
		    "2: bays[0].port = \"1-2.\": a USB port" },
		{ "bays = ( { name = \"1\"; port = \"1-2\"; }, { name = \"1\"; port = \"1-3\"; } );",
		    "2: bays[1].name = \"1\": each name once" },
		{ "bays = ( { name = \"1\"; port = \"1-2\"; }, { name = \"2\"; port = \"1-2\"; } );",
		    "2: bays[1].port = \"1-2\": each port once; bay 1 has it already" },
		{ "bays = ( { name = \"1\"; port = \"1-2\"; light = \"l\"; } ); station-light = \"l\";",
		    "2: station-light = \"l\": a light of its own" },
		{ "destinations = ( );", "2: destinations = ( ... ): a list of 1 to 8" },
		{ "@include \"x\"", "2: @include: not allowed" },
		{ "erase = \"never\"; erase = \"never\";", "2: duplicate setting name" },
		{ "erase = ;", "2: syntax error" },
		{ "log = \"\\x1b[2J\"; erase = \"\\x1b]0;\";", "2: erase = \"\\x1b]0;\": one of" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuse(cases[i].text, cases[i].wanted);
}

static void all_problems_are_told_at_once(void **state)
{
	unsigned lines = 0;

	(void)state;
	put_profile("a.conf", "name = \"a\"; match = { klass = 6; };\n");
	assert_true(read_text("erase = 1;\npolicy = 2;\nunknown = 3;\nbays = 4;\n") < 0);
	for (const char *p = told(); *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 5);
	assert_non_null(strstr(told(), "a.conf:1: match.klass = 6: there is no such setting here"));
}

static void names_of_users_are_looked_up(void **state)
{
	(void)state;
	refuse("uploader-user = 5;", "2: duplicate setting name");
	free(files.errors);
	put(files.conf, "hotplug-user = \"nobody\"; uploader-user = \"no-such-user-x\";\n");
	assert_true(config_read(files.conf, files.profiles, &files.config, &files.errors) < 0);
	assert_non_null(strstr(
	    told(), "1: uploader-user = \"no-such-user-x\": this machine knows no such user"));
	free(files.errors);
	put(files.conf, "hotplug-user = \"root\"; uploader-user = 0;\n");
	assert_true(config_read(files.conf, files.profiles, &files.config, &files.errors) < 0);
	assert_non_null(strstr(told(), "1: hotplug-user = \"root\": any user but root"));
	assert_non_null(
	    strstr(told(), "1: uploader-user = 0: a user by name, or by number from 1"));
}

static void limits_are_exact(void **state)
{
	char *text = NULL;
	size_t len;

	(void)state;
	for (int n = CONFIG_BAYS; n <= CONFIG_BAYS + 1; n++) {
		FILE *f = open_memstream(&text, &len);

		fputs("bays = ( ", f);
		for (int i = 0; i < n; i++)
			fprintf(
			    f, "%s{ name = \"b%d\"; port = \"1-%d\"; }", i ? ", " : "", i, i + 1);
		fputs(" );", f);
		fclose(f);
		assert_int_equal(read_text(text) == 0, n == CONFIG_BAYS);
		free(text);
	}
	for (int n = PROTO_NAME_LEN - 1; n <= PROTO_NAME_LEN; n++) {
		assert_true(asprintf(&text, "station = \"%0*d\";", n, 7) > 0);
		assert_int_equal(read_text(text) == 0, n == PROTO_NAME_LEN - 1);
		free(text);
	}
	assert_non_null(strstr(told(), "at most 63 bytes"));
}

static void profiles_are_read_and_ordered(void **state)
{
	const struct profile *p = &files.config.profile[1];

	(void)state;
	put_profile("notes.txt", "no profile");
	put_profile(".hidden.conf", "no profile");
	put_profile("b.conf",
	    "name = \"b\"; match = { vendor = 0x1209; product = 0xbcbc; class = 6; subclass = 1;\n"
	    "protocol = 1; interface = \"MTP*\"; manufacturer = \"m\"; model = \"x\"; serial = \"s*\"; };\n"
	    "driver = \"ptp\"; identity = \"mtp\"; signing = \"none\"; logs = \"yes\"; erasable = true;\n"
	    "set-clock = true; quirks = ( \"no-partial64\", \"no-reset-request\" ); window-bytes = 65536;\n"
	    "timeout-seconds = 20; max-objects = 7; settle-seconds = 6; charge-minutes = 90; full-percent = 80;\n"
	    "clock-utc-offset-minutes = -60; room-bytes = 18000000000L;\n"
	    "logs-paths = ( \"*.log\" ); ignore = ( \"*.thm\", \"*.lrv\" ); clips = ( \"*.mp4\" );\n"
	    "sidecars = ( \"*.p7s\" );\n");
	assert_int_equal(read_text(""), 0);
	assert_int_equal(files.config.profiles_n, 2);
	assert_int_equal(p->vendor, 0x1209);
	assert_int_equal(p->product, 0xbcbc);
	assert_string_equal(p->interface_name, "MTP*");
	assert_int_equal(p->identity, IDENTITY_MTP);
	assert_int_equal(p->signing, SIGNING_NONE);
	assert_int_equal(p->logs, LOGS_YES);
	assert_true(p->erasable && p->set_clock);
	assert_int_equal(p->quirks, QUIRK_NO_PARTIAL64 | QUIRK_NO_RESET_REQUEST);
	assert_int_equal(p->timeout_ms, 20000);
	assert_int_equal(p->full_percent, 80);
	assert_int_equal(zone_offset_s(&p->clock_zone, 1790000000), -3600);
	assert_int_equal(p->sidecar_suffix[0][0], 0);
	assert_true(p->room_bytes == 18000000000ull);
	assert_int_equal(p->pattern[0].kind, KIND_LOG);
	assert_string_equal(p->pattern[0].glob, "*.log");
	assert_int_equal(p->pattern[1].kind, KIND_IGNORED);
	assert_string_equal(p->pattern[2].glob, "*.lrv");
	assert_int_equal(p->pattern[3].kind, KIND_CLIP);
	assert_int_equal(p->pattern[4].kind, KIND_SIDECAR);
	assert_int_equal(p->pattern[5].kind, 0);
}

static void profiles_say_how_a_camera_signs(void **state)
{
	const struct profile *p = &files.config.profile[1];

	(void)state;
	put_profile("b.conf",
	    "name = \"b\"; match = { class = 7; }; signing = \"cms\";\n"
	    "anchors-file = \"/etc/dockd/anchors.pem\"; clock-zone = \"GMT0BST,M3.5.0/1,M10.5.0\";");
	assert_int_equal(read_text(""), 0);
	assert_int_equal(p->signing, SIGNING_YES);
	assert_int_equal(p->scheme, SCHEME_CMS);
	assert_int_equal(p->digests, 0);
	assert_false(p->sha256_refused);
	assert_int_equal(p->signer, SIGNER_SERIAL_NUMBER);
	assert_string_equal(p->sidecar_suffix[0], ".p7s");
	assert_string_equal(p->sidecar_suffix[1], "");
	assert_string_equal(p->anchors_file, "/etc/dockd/anchors.pem");
	assert_string_equal(p->crl_file, "");
	assert_int_equal(zone_offset_s(&p->clock_zone, 1782864000), 3600); /* 2026-07-01 */
	put_profile("b.conf",
	    "name = \"b\"; match = { class = 7; }; signing = \"ecdsa\";\n"
	    "digests = ( \"sha384\", \"sha512\" ); sidecar-suffixes = ( \".sgn\", \".s\" );");
	assert_int_equal(read_text(""), 0);
	assert_int_equal(p->digests, DIGEST_SHA384 | DIGEST_SHA512);
	assert_true(p->sha256_refused);
	assert_string_equal(p->sidecar_suffix[1], ".s");
}

static void profiles_say_how_a_disk_is_met(void **state)
{
	const struct profile *p = &files.config.profile[1];

	(void)state;
	put_profile("b.conf",
	    "name = \"b\"; match = { class = 8; }; driver = \"msc\"; identity = \"vendor\";\n"
	    "unlock = ( \"ambarella-text\", \"dv16\" ); pin-file = \"/etc/dockd/pin\";\n"
	    "overwrites-oldest = true; set-clock = true; quirks = ( \"small-reads\" );");
	assert_int_equal(read_text(""), 0);
	assert_int_equal(p->driver, DRIVER_MSC);
	assert_int_equal(p->identity, IDENTITY_VENDOR);
	assert_int_equal(p->unlock[0], UNLOCK_AMBA_TEXT);
	assert_int_equal(p->unlock[1], UNLOCK_DV16);
	assert_int_equal(p->unlock[2], UNLOCK_NONE);
	assert_string_equal(p->pin_file, "/etc/dockd/pin");
	assert_true(p->overwrites_oldest && p->set_clock);
	assert_int_equal(p->quirks, QUIRK_SMALL_READS);
	put_profile("b.conf",
	    "name = \"b\"; match = { class = 7; }; owner-property = 0xD401;\n"
	    "settings = ( { property = 0xD402; value = \"1080p\"; },\n"
	    "{ property = 0x5001; value = \"7\"; } );");
	assert_int_equal(read_text(""), 0);
	assert_int_equal(p->owner_property, 0xD401);
	assert_int_equal(p->push[0].code, 0xD402);
	assert_string_equal(p->push[0].value, "1080p");
	assert_int_equal(p->push[1].code, 0x5001);
	assert_int_equal(p->push[2].code, 0);
}

static void bad_profiles_are_refused(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "match = { class = 6; };", "b.conf:1: name is missing" },
		{ "name = \"b\";", "b.conf:1: match is missing" },
		{ "name = \"b\"; match = { };", "b.conf:1: match = { ... }: { ... } with one of" },
		{ "name = \"b\"; match = { product = 5; };",
		    "match.product = 5: only together with vendor" },
		{ "name = \"b\"; match = { vendor = 65536; };",
		    "match.vendor = 65536: a whole number, 0 to" },
		{ "name = \"a\"; match = { class = 7; };",
		    "b.conf:0: another profile has the same name: a" },
		{ "name = \"b\"; match = { class = 6; };",
		    "b.conf:0: matches exactly what another" },
#define B "name = \"b\"; match = { class = 7; };\n"
		{ B "signing = \"yes\";",
		    "b.conf:2: signing = \"yes\": one of \"none\" \"cms\" \"ecdsa\"" },
		{ B "signing = \"cms\";",
		    "b.conf:1: anchors-file is missing: with signing = \"cms\"" },
		{ B "signing = \"cms\"; anchors-file = \"a.pem\";",
		    "b.conf:2: anchors-file = \"a.pem\": a path from / on" },
		{ B "signing = \"manifest\";", "b.conf:1: manifest-path is missing" },
		{ B "signing = \"ed25519\"; digests = ( \"sha384\" );",
		    "b.conf:2: digests = ( ... ): only with signing = \"cms\", \"ecdsa\"" },
		{ B "signing = \"none\";\nsidecar-suffixes = ( \".p7s\" );",
		    "b.conf:3: sidecar-suffixes = ( ... ): only with" },
		{ B "sidecar-suffixes = ( \".p7s\" );",
		    "b.conf:2: sidecar-suffixes = ( ... ): only with" },
		{ B "signing = \"ecdsa\"; sidecar-suffixes = ( \"p7s\" );",
		    "b.conf:2: sidecar-suffixes[0] = \"p7s\": a suffix" },
		{ B "signing = \"ecdsa\"; digests = ( \"md5\" );",
		    "b.conf:2: digests[0] = \"md5\": one of \"sha256\"" },
		{ B "clock-zone = \"Europe/London\";",
		    "b.conf:2: clock-zone = \"Europe/London\": a rule such as" },
		{ B "clock-zone = \"UTC0\"; clock-utc-offset-minutes = 0;",
		    "b.conf:2: clock-zone = \"UTC0\": either this or" },
		{ B "unlock = ( \"dv16\" );",
		    "b.conf:2: unlock = ( ... ): only with driver = \"msc\"" },
		{ B "pin-file = \"/a\";",
		    "b.conf:2: pin-file = \"/a\": only together with unlock" },
		{ B "identity = \"vendor\";", "identity = \"vendor\": \"vendor\" only together" },
		{ B "quirks = ( \"small-reads\" );", "\"small-reads\" only with driver = \"msc\"" },
		{ B "owner-property = 0x4000;", "a whole number, 0x5000 to 0xffff" },
		{ B "settings = ( 5 );", "b.conf:2: settings[0] = 5: a group:" },
		{ B "settings = ( { property = 0x5002; } );", "value is missing" },
		{ B "settings = ( { value = \"x\"; } );", "property is missing" },
		{ B "owner-property = 0x5002; settings = ( { property = 0x5002; value = \"1\"; } );",
		    "property = 20482: each property once" },
#define D B "driver = \"msc\";\n"
		{ D "erasable = true;", "b.conf:3: erasable = true: not with driver = \"msc\"" },
		{ D "identity = \"mtp\";", "\"mtp\" only with driver = \"ptp\"" },
		{ D "set-clock = true;", "a disk has no clock" },
		{ D "owner-property = 0xD401;", "b.conf:3: owner-property = 54273: only with" },
		{ D "settings = ( { property = 0xD402; value = \"1\"; } );",
		    "b.conf:3: settings = ( ... ): only with driver = \"ptp\"" },
		{ D "unlock = ( );", "b.conf:3: unlock = ( ... ): a list of 1 to 4" },
		{ D "unlock = ( \"dv17\" );", "unlock[0] = \"dv17\": one of \"dv16\"" },
		{ D "unlock = ( \"dv16\", \"dv16\" );",
		    "unlock[1] = \"dv16\": each language once" },
#undef D
#undef B
		{ "name = \"b\"; match = { class = 7; };\nquirks = ( \"magic\" );",
		    "b.conf:2: quirks[0] = \"magic\": one of \"no-zero-reads\"" },
		{ "name = \"b\"; match = { class = 7; };\nclips = \"*\";",
		    "b.conf:2: clips = \"*\": a list" },
		{ "name = \"b\"; match = { class = 7; };\nclips = ( \"\" );",
		    "b.conf:2: clips[0] = \"\": a glob" },
		{ "name = \"b\"; match = { class = 7; };\nclips = ( \"1\", \"2\", \"3\", \"4\", \"5\", \"6\",\n"
		  "\"7\", \"8\", \"9\", \"10\", \"11\", \"12\", \"13\" );",
		    "b.conf:3: clips[12] = \"13\": at most 12" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_profile("b.conf", cases[i].text);
		assert_true(read_text("") < 0);
		if (!strstr(told(), cases[i].wanted))
			fail_msg("%s\nis not in\n%s", cases[i].wanted, files.errors);
	}
}

static void missing_files_are_told(void **state)
{
	(void)state;
	assert_true(config_read("/nonexistent/dockd.conf", files.profiles, &files.config,
			&files.errors) < 0);
	assert_string_equal(
	    files.errors, "/nonexistent/dockd.conf:0: cannot be read: No such file or directory\n");
	free(files.errors);
	files.errors = NULL;
	put(files.conf, USERS);
	assert_true(config_read(files.conf, "/nonexistent", &files.config, &files.errors) < 0);
	assert_string_equal(
	    files.errors, "/nonexistent:0: profiles-dir: No such file or directory\n");
	free(files.errors);
	files.errors = NULL;
	put(files.conf, USERS "profiles-dir = \"/nonexistent\";");
	assert_true(config_read(files.conf, NULL, &files.config, &files.errors) < 0);
	assert_string_equal(
	    files.errors, "/nonexistent:0: profiles-dir: No such file or directory\n");
}

static void shipped_files_are_good(void **state)
{
	(void)state;
	put(files.conf, USERS);
	if (config_read(files.conf, "etc/profiles", &files.config, &files.errors) < 0)
		fail_msg("%s", files.errors);
	assert_true(files.config.profiles_n >= 9);
}

/* What comes with dockd knows each of these by one profile: no ties. */
static void shipped_profiles_know_one_device_each(void **state)
{
	static const struct proto_interface
	    disk = { .class = 8, .subclass = 6, .protocol = 0x50 },
	    image = { .class = 6, .subclass = 1, .protocol = 1, .name = "MTP" },
	    vendor = { .class = 255, .subclass = 255, .name = "MTP" }, other = { .class = 255 };
	const struct {
		struct proto_arrived device;
		const char *profile;
	} cases[] = {
		{ { .vendor = 0x1234, .interfaces = 1, .interface = { disk } }, "generic-disk" },
		{ { .vendor = 0x1234, .interfaces = 2, .interface = { disk, image } },
		    "generic-mtp" },
		{ { .vendor = 0x1234, .interfaces = 2, .interface = { disk, vendor } },
		    "generic-mtp-vendor" },
		{ { .vendor = 0x1234, .interfaces = 1, .interface = { disk }, .model = "DV16" },
		    "dv16" },
		{ { .vendor = 0x4255, .product = 1, .interfaces = 1, .interface = { other } },
		    "ambarella" },
		{ { .vendor = 0x18d1, .product = 0x4ee1, .interfaces = 1, .interface = { vendor } },
		    "android" },
		{ { .vendor = 0x18d1,
		      .product = 0x4ee1,
		      .interfaces = 2,
		      .interface = { image, other } },
		    "android" },
		{ { .vendor = 0x1d6b, .product = 0x0100, .interfaces = 1, .interface = { image } },
		    "umtp-responder" },
		{ { .vendor = 0x1234, .interfaces = 1, .interface = { other } }, NULL },
	};

	(void)state;
	put(files.conf, USERS);
	assert_int_equal(config_read(files.conf, "etc/profiles", &files.config, &files.errors), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char tie[256];
		const struct profile *p = profile_match(files.config.profile,
		    files.config.profiles_n, &cases[i].device, tie, sizeof(tie));

		assert_string_equal(tie, "");
		assert_string_equal(p ? p->name : "-", cases[i].profile ? cases[i].profile : "-");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults_are_the_documented_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(every_setting_arrives, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_setting_names_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(all_problems_are_told_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_users_are_looked_up, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_are_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(profiles_are_read_and_ordered, setup, teardown),
		cmocka_unit_test_setup_teardown(profiles_say_how_a_camera_signs, setup, teardown),
		cmocka_unit_test_setup_teardown(profiles_say_how_a_disk_is_met, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_profiles_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_files_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(shipped_files_are_good, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    shipped_profiles_know_one_device_each, setup, teardown),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
