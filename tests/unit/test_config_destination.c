/*
 * config_destination and what it is made of: what good destinations become, and that every bad one
 * is refused with its place and what is allowed.
 */
#include "config_file.h"

#include <stdio.h>
#include <string.h>

/* the verifier key of the examples in Go's sumdb/note */
#define VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define BASE64 "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=" /* the same bytes */

/* One destination with these settings more. */
#define DIR(more)                                                                                  \
	"destinations = ( { name = \"d\"; driver = \"dir\"; folder = \"/f\"; " more " } );"
#define TUS(more)                                                                                  \
	"destinations = ( { name = \"t\"; driver = \"tus\"; url = \"https://a/\"; " more " } );"
#define S3_AT(url, bucket, more)                                                                   \
	"destinations = ( { name = \"o\"; driver = \"s3\"; url = \"" url "\"; bucket = \"" bucket  \
	"\"; secrets-file = \"/s\"; " more " } );"
#define S3(more) S3_AT("https://s3.example", "evidence", more)

static const struct config_destination *const first = &files.config.destination[0];

static void good(const char *text)
{
	if (read_text(text) != 0)
		fail_msg("%s\n%s", text, told());
}

static void addresses_are_judged(void **state)
{
	static const struct {
		const char *url;
		bool good, good_with_http;
	} cases[] = {
		{ "https://es.example/files", true, true },
		{ "https://es.example:443", true, true },
		{ "https://[2001:db8::1]:443/f", true, true },
		{ "http://127.0.0.1:1080/files/", true, true },
		{ "http://127.9.9.9/", true, true },
		{ "http://localhost:1/", true, true },
		{ "http://[::1]:1080/", true, true },
		{ "http://es.example/files", false, true },
		{ "http://127.0.0.1.example/", false, true },
		{ "http://localhost.example/", false, true },
		{ "http://10.0.0.1/", false, true },
		{ "http://localhost@evil.example/", false, false },
		{ "https://user:pass@es.example/", false, false },
		{ "ftp://es.example/", false, false },
		{ "https:///files", false, false },
		{ "https://", false, false },
		{ "https://a:0/", false, false },
		{ "https://a:65536/", false, false },
		{ "https://a:99999999999/", false, false },
		{ "https://a:x/", false, false },
		{ "https://a:/", false, false },
		{ "https://[zz]/", false, false },
		{ "https://[::1", false, false },
		{ "https://a/b c", false, false },
		{ "https://a/#x", false, false },
		{ "", false, false },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int http = 0; http < 2; http++) {
			snprintf(text, sizeof(text),
			    "allow-http = %s; destinations = ( { name = \"d\"; driver = "
			    "\"tus\"; url = \"%s\"; } );",
			    http ? "true" : "false", cases[i].url);
			if ((read_text(text) == 0) !=
			    (http ? cases[i].good_with_http : cases[i].good))
				fail_msg("%s, http %d: %s", cases[i].url, http, files.errors);
		}
	}
}

static void receipts_are_checked(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ TUS("receipt-path = \"/receipt\";"),
		    "receipt-path = \"/receipt\": only together with receipt-keys" },
		{ TUS("receipt-keys = ( \"" VKEY "\" );"), "only together with receipt-path" },
		{ TUS("receipt-path = \"receipt\"; receipt-keys = ( \"" VKEY "\" );"),
		    "\"receipt\": \"/receipt\" or the like" },
		{ TUS("receipt-path = \"/a?b\"; receipt-keys = ( \"" VKEY "\" );"),
		    "\"/a?b\": \"/receipt\" or the like" },
		{ TUS("receipt-path = \"/r\"; receipt-keys = ( );"), "a list of 1 to 4 keys" },
		{ TUS("receipt-path = \"/r\"; receipt-keys = ( \"PeterNeumann+c74f20a4+"
		      "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\" );"),
		    "a verifier key" },
		{ TUS("receipt-path = \"/r\"; receipt-keys = ( 5 );"), "a verifier key" },
		{ TUS("receipt-path = \"/r\"; receipt-keys = ( { from = \"2026-01-01\"; } );"),
		    "key is missing" },
		{ TUS("receipt-path = \"/r\"; receipt-keys = ( { key = \"" VKEY
		      "\"; from = \"2026-02-29\"; } );"),
		    "from = \"2026-02-29\": a day" },
		{ TUS("receipt-path = \"/r\"; receipt-keys = ( { key = \"" VKEY
		      "\"; from = \"2026-03-01\"; until = \"2026-03-01\"; } );"),
		    "a time after from" },
		{ "destinations = ( { name = \"d\"; driver = \"dir\"; folder = \"/f\"; "
		  "receipt-path = \"/r\"; receipt-keys = ( \"" VKEY "\" ); } );",
		    "only with driver = \"tus\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_not_equal(read_text(cases[i].text), 0);
		if (!strstr(told(), cases[i].wanted))
			fail_msg("%s\nis not in\n%s", cases[i].wanted, told());
	}
}

static void an_object_store_arrives(void **state)
{
	const struct proto_destination *w = &first->wire;

	(void)state;
	good(S3(""));
	assert_int_equal(w->driver, DESTINATION_S3);
	assert_string_equal(w->where, "https://s3.example");
	assert_string_equal(w->bucket, "evidence");
	assert_string_equal(w->prefix, "");
	assert_string_equal(w->region, "us-east-1");
	assert_string_equal(w->secrets_file, "/s");
	assert_int_equal(w->flags & DESTINATION_PATH_STYLE, 0);
	assert_int_equal(w->lock_mode, LOCK_NONE);
	assert_int_equal(w->part_bytes, 16 << 20);
	assert_int_equal(w->tls_min, 12);
	assert_true(w->bytes_per_s == RATE_UNLIMITED);
	assert_int_equal(w->rate[0].days, 0);
	assert_int_equal(first->deliver_s, 72 * 3600);
	assert_int_equal(files.config.switch_s, 6 * 3600);
	good("switch-after-minutes = 5;"
	     "destinations = ( { name = \"o\"; driver = \"s3\"; url = \"https://10.0.0.1:7480/\";\n"
	     "bucket = \"a.b-c\"; prefix = \"north/\"; region = \"default\"; path-style = true;\n"
	     "secrets-file = \"credential:s3-keys\"; object-lock = \"compliance\";\n"
	     "retain-days = 40; part-bytes = 5242880; read-back = true; dispose = true;\n"
	     "ca-file = \"/ca\"; tls-min = \"1.3\"; proxy = \"http://proxy.example:3128\";\n"
	     "proxy-file = \"credential:proxy\"; deliver-within-hours = 0; stall-seconds = 5;\n"
	     "pins = ( { sha256 = \"" HEX "\"; from = \"2026-01-01\"; },\n"
	     "  { sha256 = \"" BASE64 "\"; until = \"2026-09-21T08:00:30+01:00\"; } ); } );");
	assert_string_equal(w->where, "https://10.0.0.1:7480");
	assert_string_equal(w->bucket, "a.b-c");
	assert_string_equal(w->prefix, "north/");
	assert_string_equal(w->region, "default");
	assert_string_equal(w->secrets_file, "credential:s3-keys");
	assert_int_equal(w->lock_mode, LOCK_COMPLIANCE);
	assert_int_equal(w->retain_days, 40);
	assert_int_equal(w->part_bytes, 5 << 20);
	assert_int_equal(w->tls_min, 13);
	assert_string_equal(w->proxy, "http://proxy.example:3128");
	assert_string_equal(w->proxy_file, "credential:proxy");
	assert_int_equal(first->deliver_s, 0);
	assert_int_equal(files.config.switch_s, 300);
	assert_int_equal(w->flags & ~DESTINATION_CHECKSUM,
	    DESTINATION_PATH_STYLE | DESTINATION_READ_BACK | DESTINATION_DISPOSE);
	assert_memory_equal(w->pin[0].sha256, w->pin[1].sha256, PROTO_SHA256_LEN);
	assert_int_equal(w->pin[0].sha256[31], 0xff);
	assert_int_equal(w->pin[0].from_s, 1767225600);
	assert_true(w->pin[0].until_s == PROTO_NO_TIME);
	assert_int_equal(w->pin[1].until_s, 1789974030);
	assert_int_equal(w->pin[2].sha256[31], 0);
}

static void moments_are_exact(void **state)
{
	static const struct {
		const char *text;
		int64_t at;
	} cases[] = {
		{ "1970-01-01", 0 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01T00:00:00-00:30", 1800 },
		{ "2024-02-29T23:59:59+23:59", 1709164859 },
		{ "2026-02-29", -1 },
		{ "2026-13-01", -1 },
		{ "2026-00-01", -1 },
		{ "2026-01-01T24:00:00Z", -1 },
		{ "2026-01-01T10:60:00Z", -1 },
		{ "2026-01-01T10:00:60Z", -1 },
		{ "2026-01-01T10:00:00", -1 },
		{ "2026-01-01T10:00:00z", -1 },
		{ "2026-01-01 10:00:00Z", -1 },
		{ "2026-01-01T10:00:00+1:00", -1 },
		{ "2026-01-01T10:00:00+01:60", -1 },
		{ "2026-01-01T10:00:00.5Z", -1 },
		{ "2026-01-01T10:00Z", -1 },
		{ "26-01-01", -1 },
		{ " 2026-1-01", -1 },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
		    TUS("pins = ( { sha256 = \"" HEX "\"; from = \"%s\"; } );"), cases[i].text);
		if ((read_text(text) == 0) != (cases[i].at >= 0))
			fail_msg("%s: %s", cases[i].text, told());
		if (cases[i].at >= 0)
			assert_int_equal(first->wire.pin[0].from_s, cases[i].at);
	}
}

#define DAY(n) (1u << (n))

static void timetables_become_rows(void **state)
{
	const struct proto_rate *rate = first->wire.rate;

	(void)state;
	good(TUS("rate-kbit = 2000; timetable = (\n"
		 "{ days = \"mon-fri\"; from = \"08:00\"; until = \"18:00\"; rate-kbit = 0; },\n"
		 "{ days = \"sun,wed\"; from = \"22:30\"; until = \"06:15\"; rate-kbit = 64; },\n"
		 "{ from = \"18:00\"; until = \"00:00\"; rate-kbit = \"unlimited\"; },\n"
		 "{ days = \"sat-mon\"; rate-kbit = 8; } );"));
	assert_int_equal(first->wire.bytes_per_s, 250000);
	assert_memory_equal(&rate[0],
	    (&(struct proto_rate){ .days = 0x1f, .from_min = 480, .until_min = 1080 }),
	    sizeof(*rate));
	assert_memory_equal(
	    &rate[1], (&(struct proto_rate){ DAY(2) | DAY(6), 1350, 1440, 8000 }), sizeof(*rate));
	assert_memory_equal(
	    &rate[2], (&(struct proto_rate){ DAY(3) | DAY(0), 0, 375, 8000 }), sizeof(*rate));
	assert_memory_equal(
	    &rate[3], (&(struct proto_rate){ 0x7f, 1080, 1440, RATE_UNLIMITED }), sizeof(*rate));
	assert_memory_equal(&rate[4],
	    (&(struct proto_rate){ DAY(5) | DAY(6) | DAY(0), 0, 1440, 1000 }), sizeof(*rate));
	assert_int_equal(rate[5].days, 0);
}

/* PROTO_RATES rows are as many as there may be; one over midnight is two. */
/* A NAS lies at the end of a line as a server does. */
static void a_folder_has_its_hours(void **state)
{
	(void)state;
	good(DIR("rate-kbit = 2000; timetable = ( { from = \"08:00\"; rate-kbit = 64; } );"));
	assert_int_equal(first->wire.bytes_per_s, 250000);
	assert_int_equal(first->wire.rate[0].bytes_per_s, 8000);
}

static void timetables_are_bounded(void **state)
{
	static const char late[] = "{ from = \"23:00\"; until = \"01:00\"; rate-kbit = 1; }";
	static const char early[] = "{ from = \"01:00\"; until = \"02:00\"; rate-kbit = 1; }";
	char text[2048] = "";

	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		int rows = twice ? PROTO_RATES - 1 : PROTO_RATES;
		int n = snprintf(text, sizeof(text), "%s",
		    "destinations = ( { name = \"t\"; driver = \"tus\"; url = \"https://a/\"; "
		    "timetable = ( ");

		for (int i = 0; i < rows; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s", i ? ", " : "",
			    twice && i == rows - 1 ? late : early);
		snprintf(text + n, sizeof(text) - (size_t)n, " ); } );");
		good(text);
		assert_int_equal(first->wire.rate[PROTO_RATES - 1].days, 0x7f);
		snprintf(text + n, sizeof(text) - (size_t)n, ", %s ); } );", early);
		assert_int_not_equal(read_text(text), 0);
		assert_non_null(strstr(told(), "timetable = ( ... ): at most 12 rows"));
	}
}

static void a_bad_destination_names_its_place(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "destinations = ( { name = \"d\"; driver = \"ftp\"; folder = \"/f\"; } );",
		    "2: destinations[0].driver = \"ftp\": one of \"dir\" \"tus\" \"s3\"" },
		{ "destinations = ( { name = \"d\"; driver = \"dir\"; } );",
		    "2: destinations[0].folder is missing" },
		{ "destinations = ( { name = \"d\"; driver = \"dir\"; folder = \"/f\"; url = \"https://a/\"; } );",
		    "2: destinations[0].url = \"https://a/\": only with driver = \"tus\" or \"s3\"" },
		{ "destinations = ( { name = \"d\"; driver = \"dir\"; folder = \"/f\"; slots = 17; } );",
		    "2: destinations[0].slots = 17: a whole number from 1 to 16" },
		{ "destinations = ( { name = \"d\"; driver = \"dir\"; folder = \"/f\"; },\n"
		  "{ name = \"d\"; driver = \"dir\"; folder = \"/g\"; } );",
		    "3: destinations[1].name = \"d\": each name once" },
		{ "destinations = ( { name = \"d\"; driver = \"tus\"; url = \"https://a/\"; chunk-min = 8192;\n"
		  "chunk-max = 4096; } );",
		    "2: destinations[0].chunk-min = 8192: chunk-min is at most" },
		{ "destinations = ( { name = \"d\"; driver = \"tus\"; url = \"https://a/\"; key-file = \"/k\"; } );",
		    "2: destinations[0].key-file = \"/k\": only together with certificate-file" },
#define D "2: destinations[0]."
		{ S3("folder = \"/f\";"), D "folder = \"/f\": only with driver = \"dir\"" },
		{ S3("chunk-min = 8192;"), D "chunk-min = 8192: only with driver = \"tus\"" },
		{ S3("headers-file = \"/h\";"),
		    D "headers-file = \"/h\": only with driver = \"tus\"" },
		{ S3("receipt-path = \"/r\"; receipt-keys = ( \"" VKEY "\" );"),
		    D "receipt-keys = ( ... ): only with driver = \"tus\"" },
		{ TUS("bucket = \"evidence\";"),
		    D "bucket = \"evidence\": only with driver = \"s3\"" },
		{ TUS("part-bytes = 5242880;"),
		    D "part-bytes = 5242880: only with driver = \"s3\"" },
		{ DIR("tls-min = \"1.3\";"),
		    D "tls-min = \"1.3\": only with driver = \"tus\" or \"s3\"" },
		{ "destinations = ( { name = \"o\"; driver = \"s3\"; bucket = \"abc\"; } );",
		    D "url is missing: the S3 server" },
		{ "destinations = ( { name = \"o\"; driver = \"s3\"; bucket = \"abc\"; } );",
		    D "secrets-file is missing: where its keys are" },
		{ "destinations = ( { name = \"o\"; driver = \"s3\"; url = \"https://a\"; } );",
		    D "bucket is missing: 3 to 63" },
		{ S3("secrets-file = \"credential:../x\";"), "2: duplicate setting name" },
		{ S3_AT("https://s3.example/evidence", "abc", ""),
		    D "url = \"https://s3.example/evidence\": the server alone" },
		{ S3_AT("https://s3.example?x", "abc", ""),
		    D "url = \"https://s3.example?x\": the server alone" },
		{ S3_AT("http://s3.example", "abc", ""),
		    D "url = \"http://s3.example\": https://; plain http" },
		{ S3_AT("https://10.0.0.1", "abc", ""),
		    D "url = \"https://10.0.0.1\": a name, which the bucket" },
		{ S3_AT("https://[2001:db8::1]:7480", "abc", ""), ": a name, which the bucket" },
		{ S3_AT("https://s3.example", "a.b", ""), D "bucket = \"a.b\": no '.' in it" },
		{ S3_AT("https://a", "ab", ""), D "bucket = \"ab\": 3 to 63" },
		{ S3_AT("https://a", "Abc", ""), D "bucket = \"Abc\": 3 to 63" },
		{ S3_AT("https://a", "abc-", ""), D "bucket = \"abc-\": 3 to 63" },
		{ S3_AT("https://a", "a..b", "path-style = true;"), D "bucket = \"a..b\": 3 to" },
		{ S3_AT("https://a", "a.-b", "path-style = true;"), D "bucket = \"a.-b\": 3 to" },
		{ S3_AT("https://a", "1.2.3.4", "path-style = true;"),
		    D "bucket = \"1.2.3.4\": 3 to 63" },
		{ S3("prefix = \"/a\";"), D "prefix = \"/a\": \"station/\" or the like" },
		{ S3("prefix = \"a/../b\";"), D "prefix = \"a/../b\": \"station/\"" },
		{ S3("prefix = \"a//b\";"), D "prefix = \"a//b\": \"station/\"" },
		{ S3("prefix = \"./x\";"), D "prefix = \"./x\": \"station/\"" },
		{ S3("prefix = \"a/./b/\";"), D "prefix = \"a/./b/\": \"station/\"" },
		{ S3("prefix = \"a?b\";"), D "prefix = \"a?b\": \"station/\"" },
		{ S3("prefix = \"a b\";"), D "prefix = \"a b\": \"station/\"" },
		{ S3("prefix = \"\xc3\xa4\";"), ": \"station/\" or the like: printable" },
		{ S3("region = \"\";"), D "region = \"\": small letters" },
		{ S3("region = \"eu/x\";"), D "region = \"eu/x\": small letters" },
		{ S3("object-lock = \"legal\";"),
		    D "object-lock = \"legal\": one of \"none\" \"governance\" \"compliance\"" },
		{ S3("object-lock = \"governance\";"), D "retain-days is missing: 1 to 36500" },
		{ S3("retain-days = 5;"), D "retain-days = 5: only together with object-lock" },
		{ S3("object-lock = \"governance\"; retain-days = 0;"),
		    D "retain-days = 0: a whole number from 1 to 36500" },
		{ S3("part-bytes = 5242879;"),
		    D "part-bytes = 5242879: a whole number from 5242880" },
		{ TUS("find-path = \"/find\";"), D "find-path = \"/find\": \"by-asset/{asset}\"" },
		{ TUS("find-path = \"/{asset}/{asset}\";"), ": \"by-asset/{asset}\" or the like" },
		{ TUS("find-path = \"//x.example/{asset}\";"),
		    ": \"by-asset/{asset}\" or the like" },
		{ TUS("tls-min = \"1.1\";"), D "tls-min = \"1.1\": one of \"1.2\" \"1.3\"" },
		{ TUS("headers-file = \"credential:\";"),
		    D "headers-file = \"credential:\": a path from / on, \"credential:NAME\"" },
		{ TUS("headers-file = \"credential:a/b\";"), ": a path from / on, \"credential:" },
		{ TUS("headers-file = \"secret\";"), ": a path from / on, \"credential:NAME\"" },
		{ TUS("proxy = \"proxy.example:3128\";"),
		    D "proxy = \"proxy.example:3128\": http://HOST:PORT" },
		{ TUS("proxy = \"https://p:1\";"), D "proxy = \"https://p:1\": http://HOST:PORT" },
		{ TUS("proxy = \"http://p\";"), D "proxy = \"http://p\": http://HOST:PORT" },
		{ TUS("proxy = \"http://p:1/x\";"), D "proxy = \"http://p:1/x\": http://HOST" },
		{ TUS("proxy = \"http://u:p@p:1\";"),
		    D "proxy = \"http://u:p@p:1\": no user or password in it" },
		{ TUS("proxy-file = \"/p\";"), D "proxy-file = \"/p\": only together with proxy" },
		{ TUS("pins = ( );"), D "pins = ( ... ): a list of 1 to 6" },
		{ TUS("pins = ( \"" HEX "\" );"), ": { sha256 = ...; from = ...; until = ...; }" },
		{ TUS("pins = ( { } );"), D "pins[0].sha256 is missing: the SHA-256" },
		{ TUS("pins = ( { sha256 = \"00\"; } );"),
		    D "pins[0].sha256 = \"00\": the SHA-256" },
		{ TUS("pins = ( { sha256 = "
		      "\"0000000000000000000000000000000000000000000000000000000000000000\"; } );"),
		    ": the SHA-256 of a public key" },
		{ TUS("pins = ( { sha256 = "
		      "\"0g112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"; } );"),
		    ": the SHA-256 of a public key" },
		{ TUS("pins = ( { sha256 = \"" HEX "\"; from = \"2026-02-02\";\n"
		      "until = \"2026-02-01\"; } );"),
		    "3: destinations[0].pins[0].until = \"2026-02-01\": a time after from" },
		{ "allow-http = true; destinations = ( { name = \"t\"; driver = \"tus\";\n"
		  "url = \"http://a/\"; pins = ( { sha256 = \"" HEX "\"; } ); } );",
		    "3: destinations[0].pins = ( ... ): only with a url of https://" },
		{ TUS("rate-kbit = 0;"),
		    D "rate-kbit = 0: kilobits a second, from 1 on, or \"unlimited\"; to send "
		      "nothing for some hours, a timetable" },
		{ TUS("rate-kbit = -5;"), D "rate-kbit = -5: kilobits a second" },
		{ TUS("timetable = 5;"), D "timetable = 5: a list" },
		{ TUS("timetable = ( 5 );"), D "timetable[0] = 5: { days = ...; from" },
		{ TUS("timetable = ( { from = \"08:00\"; } );"),
		    D "timetable[0].rate-kbit is missing: kilobits" },
		{ TUS("timetable = ( { rate-kbit = -1; } );"),
		    D "timetable[0].rate-kbit = -1: kilobits a second, from 0 on" },
		{ TUS("timetable = ( { days = \"monday\"; rate-kbit = 0; } );"),
		    D "timetable[0].days = \"monday\": days such as" },
		{ TUS("timetable = ( { days = \"mon,\"; rate-kbit = 0; } );"), ": days such as" },
		{ TUS("timetable = ( { days = \"mon-\"; rate-kbit = 0; } );"), ": days such as" },
		{ TUS("timetable = ( { days = \"\"; rate-kbit = 0; } );"), ": days such as" },
		{ TUS("timetable = ( { from = \"8:00\"; rate-kbit = 0; } );"),
		    D "timetable[0].from = \"8:00\": a time of the day" },
		{ TUS("timetable = ( { from = \"08:60\"; rate-kbit = 0; } );"), ": a time of the" },
		{ TUS("timetable = ( { until = \"24:01\"; rate-kbit = 0; } );"),
		    ": a time of the" },
		{ TUS("timetable = ( { until = \"08:0:\"; rate-kbit = 0; } );"),
		    ": a time of the" },
		{ TUS("timetable = ( { from = \"08:00\"; until = \"08:00\"; rate-kbit = 0; } );"),
		    D "timetable[0].from = \"08:00\": from is not until" },
		{ TUS("timetable = ( { from = \"24:00\"; until = \"08:00\"; rate-kbit = 0; } );"),
		    D "timetable[0].from = \"24:00\": from is not until" },
		{ DIR("deliver-within-hours = 8761;"),
		    D "deliver-within-hours = 8761: a whole number from 0 to 8760" },
		{ "switch-after-minutes = 0;",
		    "2: switch-after-minutes = 0: a whole number from 1" },
#undef D
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_not_equal(read_text(cases[i].text), 0);
		if (!strstr(told(), cases[i].wanted))
			fail_msg("%s\nis not in\n%s", cases[i].wanted, told());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(addresses_are_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(receipts_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(an_object_store_arrives, setup, teardown),
		cmocka_unit_test_setup_teardown(moments_are_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(timetables_become_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_has_its_hours, setup, teardown),
		cmocka_unit_test_setup_teardown(timetables_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_destination_names_its_place, setup, teardown),
	};

	return cmocka_run_group_tests_name("config_destination", tests, NULL, NULL);
}
