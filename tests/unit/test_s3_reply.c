/* s3_reply: answers as real servers give them, and as no server should. */
#include "../../uploader/s3_reply.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1790000000 /* 2026-09-21T14:13:20Z */
#define HEX64 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define ASSET "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b"

/* ---- heads ---- */

static int read_head(const char *text, struct s3_head *h)
{
	return s3_head_read(text, strlen(text), NOW, h);
}

static void reads_heads(void **state)
{
	struct s3_head h;

	(void)state;
	assert_int_equal(
	    read_head("HTTP/1.1 200 OK\r\ncontent-length: 52428801\r\n"
		      "ETag: \"d41d8cd98f00b204e9800998ecf8427e-3\"\r\n"
		      "x-amz-version-id: 3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY\r\n"
		      "x-amz-object-lock-mode: COMPLIANCE\r\n"
		      "x-amz-object-lock-retain-until-date: 2026-10-31T14:13:20.000Z\r\n"
		      "x-amz-object-lock-legal-hold: ON\r\n"
		      "X-AMZ-META-ASSET: " ASSET "\r\nx-amz-meta-sha256: " HEX64 "\r\n"
		      "Date: Mon, 21 Sep 2026 14:13:20 GMT\r\n\r\n",
		&h),
	    0);
	assert_int_equal(h.status, 200);
	assert_true(h.has_length && h.locked && h.held && !h.delete_marker);
	assert_int_equal(h.length_bytes, 52428801);
	assert_string_equal(h.etag, "\"d41d8cd98f00b204e9800998ecf8427e-3\"");
	assert_string_equal(h.version, "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY");
	assert_int_equal(h.lock_mode, LOCK_COMPLIANCE);
	assert_int_equal(h.retain_until_s, NOW + 40 * 86400);
	assert_string_equal(h.asset, ASSET);
	assert_string_equal(h.sha256, HEX64);
	assert_int_equal(h.date_s, NOW);
	assert_int_equal(
	    read_head("HTTP/1.1 503 \nRetry-After: 17\nx-amz-object-lock-mode: OFF\n"
		      "x-amz-meta-asset: " HEX64 "0\nx-amz-meta-sha256: ABC\netag: x\n",
		&h),
	    0);
	assert_int_equal(h.retry_after_ms, 17000);
	assert_string_equal(h.etag, "\"x\"");
	assert_true(!h.locked && !h.held && !h.asset[0] && !h.sha256[0]);
	assert_true(h.date_s == PROTO_NO_TIME && h.retain_until_s == PROTO_NO_TIME);
	assert_int_equal(
	    read_head("HTTP/1.1 503 x\r\nRetry-After: Mon, 21 Sep 2026 14:14:20 GMT\r\n", &h), 0);
	assert_int_equal(h.retry_after_ms, 60000);
	assert_int_equal(read_head("HTTP/1.1 503 x\r\nRetry-After: 99999999\r\n", &h), 0);
	assert_int_equal(h.retry_after_ms, 86400000);
	/* a mode without a date is no lock */
	assert_int_equal(read_head("HTTP/1.1 200 x\r\nx-amz-object-lock-mode: GOVERNANCE\r\n"
				   "x-amz-object-lock-retain-until-date: never\r\n",
			     &h),
	    0);
	assert_true(!h.locked);
	assert_int_equal(read_head("HTTP/1.1 200 x\r\nX-Amz-Request-Id: tx0\r\n", &h), 0);
	assert_true(h.named);
	assert_int_equal(read_head("HTTP/1.1 200 x\r\nx-amz-: 1\r\nx-am: x-amz-id-2\r\n", &h), 0);
	assert_true(!h.named);
}

static void refuses_heads(void **state)
{
	static const char *const bad[] = { "", "\r\n", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2x4 OK",
		"HTTP/1.1 099 x", "SSH-2.0 200 OK..", "HTTP/1.1204 No Content",
		"HTTP/1.1 200 x\r\ncontent-length: 1\r\ncontent-length: 2\r\n",
		"HTTP/1.1 200 x\r\ncontent-length: -1\r\n",
		"HTTP/1.1 200 x\r\ncontent-length: 99999999999999999999\r\n",
		"HTTP/1.1 200 x\r\nx-amz-version-id: a b\r\n",
		"HTTP/1.1 200 x\r\nx-amz-version-id:\r\n", "HTTP/1.1 200 x\r\netag: \"a\"b\"\r\n" };
	char text[512];
	struct s3_head h;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_head(bad[i], &h), -EPROTO);
	snprintf(text, sizeof(text), "HTTP/1.1 200 x\r\nx-amz-version-id: %0127d\r\n", 1);
	assert_int_equal(read_head(text, &h), 0);
	snprintf(text, sizeof(text), "HTTP/1.1 200 x\r\nx-amz-version-id: %0128d\r\n", 1);
	assert_int_equal(read_head(text, &h), -EPROTO);
}

static void reads_times(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-09-21T14:13:20Z", NOW },
		{ "2026-09-21T14:13:20.000Z", NOW },
		{ "2026-09-21T14:13:20.123456789Z", NOW },
		{ "2000-02-29T00:00:00Z", 951782400 },
		{ "2100-03-01T00:00:00Z", 4107542400 },
		{ "1900-01-01T00:00:00Z", -2208988800 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
		{ "2026-09-21T14:13:20", PROTO_NO_TIME },
		{ "2026-09-21T14:13:20+00:00Z", PROTO_NO_TIME },
		{ "2026-09-21 14:13:20Z", PROTO_NO_TIME },
		{ "2026-13-21T14:13:20Z", PROTO_NO_TIME },
		{ "2026-00-21T14:13:20Z", PROTO_NO_TIME },
		{ "2026-09-00T14:13:20Z", PROTO_NO_TIME },
		{ "2026-09-21T24:13:20Z", PROTO_NO_TIME },
		{ "2026-09-21T14:13:20.12x456789Z", PROTO_NO_TIME },
		{ "2026-09-21T14:13:2000000Z", PROTO_NO_TIME },
		{ "", PROTO_NO_TIME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(s3_time_read(rows[i].text, strlen(rows[i].text)) == rows[i].s);
}

/* ---- documents ---- */

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define PART(n, size)                                                                              \
	"<Part><PartNumber>" n                                                                     \
	"</PartNumber><LastModified>2010-11-10T20:48:34.000Z</LastModified>"                       \
	"<ETag>&quot;7778aef83f66abc1fa1e8477f296d394&quot;</ETag><Size>" size "</Size></Part>"

static struct s3_parts parts;
static struct s3_uploads uploads;

static int read_parts(const char *text)
{
	return s3_parts_read(text, strlen(text), &parts);
}

static void reads_parts(void **state)
{
	static char text[S3_XML_MAX];
	size_t used = 0;

	(void)state;
	/* as in the API Reference, and with what newer servers add */
	assert_int_equal(
	    read_parts(XML "<ListPartsResult" NS "><Bucket>evidence</Bucket><Key>k</Key>"
			   "<UploadId>X</UploadId><Initiator><ID>a</ID><DisplayName>b</DisplayName>"
			   "</Initiator><PartNumberMarker>1</PartNumberMarker>"
			   "<NextPartNumberMarker>3</NextPartNumberMarker><MaxParts>2</MaxParts>"
			   "<IsTruncated>true</IsTruncated>" PART("2", "10485760")
			       PART("3", "10485760") "</ListPartsResult>"),
	    0);
	assert_true(parts.truncated);
	assert_int_equal(parts.n, 2);
	assert_int_equal(parts.next, 3);
	assert_int_equal(parts.part[1].number, 3);
	assert_int_equal(parts.part[1].size_bytes, 10485760);
	assert_string_equal(parts.part[0].etag, "\"7778aef83f66abc1fa1e8477f296d394\"");
	/* none yet; prefixes; an ETag without quotes */
	assert_int_equal(read_parts("<ListPartsResult><IsTruncated>false</IsTruncated>"
				    "<NextPartNumberMarker></NextPartNumberMarker>"
				    "</ListPartsResult>"),
	    0);
	assert_int_equal(parts.n, 0);
	assert_int_equal(read_parts("<s:ListPartsResult xmlns:s='x'><s:Part><s:Size>1</s:Size>"
				    "<s:ETag>ab</s:ETag><s:PartNumber>1</s:PartNumber></s:Part>"
				    "</s:ListPartsResult>"),
	    0);
	assert_int_equal(parts.n, 1);
	assert_string_equal(parts.part[0].etag, "\"ab\"");
	/* truncated without a marker: the last part's number */
	assert_int_equal(read_parts("<ListPartsResult><IsTruncated>true</IsTruncated>" PART(
			     "7", "1") "</ListPartsResult>"),
	    0);
	assert_int_equal(parts.next, 7);
	/* a full page */
	used = (size_t)snprintf(text, sizeof(text), "<ListPartsResult>");
	for (unsigned i = 1; i <= 1000; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "<Part><PartNumber>%u</PartNumber><ETag>\"e\"</ETag><Size>%u</Size></Part>", i,
		    i);
	snprintf(text + used, sizeof(text) - used, "</ListPartsResult>");
	assert_int_equal(read_parts(text), 0);
	assert_int_equal(parts.n, 1000);
	snprintf(text + used, sizeof(text) - used, "%s", PART("1001", "1") "</ListPartsResult>");
	assert_int_equal(read_parts(text), -EPROTO);
	assert_int_equal(parts.n, 0);
}

static void refuses_parts(void **state)
{
	static const char *const bad[] = {
		"",
		"no xml",
		"<ListPartsResult>",
		"<Other></Other>",
		"<a><ListPartsResult></ListPartsResult></a>",
		"<ListPartsResult>" PART("2", "1") PART("1", "1") "</ListPartsResult>",
		"<ListPartsResult>" PART("2", "1") PART("2", "1") "</ListPartsResult>",
		"<ListPartsResult>" PART("0", "1") "</ListPartsResult>",
		"<ListPartsResult>" PART("10001", "1") "</ListPartsResult>",
		"<ListPartsResult>" PART("4294967297", "1") "</ListPartsResult>",
		"<ListPartsResult>" PART("1", "-1") "</ListPartsResult>",
		"<ListPartsResult>" PART("1", "") "</ListPartsResult>",
		"<ListPartsResult>" PART("1", "18446744073709551616") "</ListPartsResult>",
		"<ListPartsResult>" PART("1 ", "1") "</ListPartsResult>",
		"<ListPartsResult><Part><PartNumber>1</PartNumber><Size>1</Size></Part>"
		"</ListPartsResult>",
		"<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>a b</ETag><Size>1</Size>"
		"</Part></ListPartsResult>",
		/* pages that lead nowhere, or back */
		"<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>",
		"<ListPartsResult><IsTruncated>true</IsTruncated>"
		"<NextPartNumberMarker>1</NextPartNumberMarker>" PART(
		    "2", "1") "</ListPartsResult>",
		"<ListPartsResult><NextPartNumberMarker>x</NextPartNumberMarker></ListPartsResult>",
		/* doctypes and entities, used or not */
		"<!DOCTYPE ListPartsResult><ListPartsResult></ListPartsResult>",
		"<!DOCTYPE a [<!ENTITY x 'aaaa'><!ENTITY y '&x;&x;'>]><ListPartsResult>&y;"
		"</ListPartsResult>",
		"<!DOCTYPE a SYSTEM 'http://other.example/a.dtd'><ListPartsResult></ListPartsResult>",
		"<ListPartsResult>&x;</ListPartsResult>",
		"<ListPartsResult>\xff</ListPartsResult>",
		/* deeper than any answer is */
		"<ListPartsResult><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a>"
		"</ListPartsResult>",
	};
	static char big[S3_XML_MAX + 64];
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_parts(bad[i]), -EPROTO);
		assert_int_equal(parts.n, 0);
	}
	assert_int_equal(
	    s3_parts_read("<ListPartsResult>\0</ListPartsResult>", 36, &parts), -EPROTO);
	/* too many elements, and too many bytes */
	used = (size_t)snprintf(big, sizeof(big), "<ListPartsResult>");
	for (unsigned i = 0; i < 20000; i++)
		used += (size_t)snprintf(big + used, sizeof(big) - used, "<a%u/>", i);
	snprintf(big + used, sizeof(big) - used, "</ListPartsResult>");
	assert_int_equal(read_parts(big), -EPROTO);
	memset(big, ' ', sizeof(big));
	used = (size_t)snprintf(big, sizeof(big), "<ListPartsResult/>");
	big[used] = ' ';
	assert_int_equal(s3_parts_read(big, S3_XML_MAX, &parts), 0);
	assert_int_equal(s3_parts_read(big, S3_XML_MAX + 1, &parts), -EPROTO);
	/* text that is longer than any of ours is taken for none */
	used = (size_t)snprintf(big, sizeof(big), "<ListPartsResult><Part><PartNumber>");
	memset(big + used, '1', 2000);
	snprintf(big + used + 2000, 64, "</PartNumber></Part></ListPartsResult>");
	assert_int_equal(read_parts(big), -EPROTO);
}

#define UPLOAD(key, id, at)                                                                        \
	"<Upload><Key>" key "</Key><UploadId>" id "</UploadId><Initiator><ID>a</ID></Initiator>"   \
	"<StorageClass>STANDARD</StorageClass><Initiated>" at "</Initiated></Upload>"

static int read_uploads(const char *text)
{
	return s3_uploads_read(text, strlen(text), "n&k", &uploads);
}

static void reads_uploads(void **state)
{
	static char text[65536];
	size_t used;

	(void)state;
	assert_int_equal(
	    read_uploads(XML "<ListMultipartUploadsResult" NS "><Prefix>n&amp;k</Prefix>"
			     "<NextKeyMarker>n&amp;k</NextKeyMarker>"
			     "<NextUploadIdMarker>2~b</NextUploadIdMarker>"
			     "<IsTruncated>true</IsTruncated>" UPLOAD(
				 "n&amp;k", "2~a", "2026-09-21T14:13:20.000Z")
				 UPLOAD("n&amp;k.bundle", "2~c", "x") UPLOAD("n&amp;k", "2~b",
				     "2026-09-22T14:13:20.000Z") "</ListMultipartUploadsResult>"),
	    0);
	assert_int_equal(uploads.n, 2);
	assert_string_equal(uploads.upload[0].id, "2~a");
	assert_string_equal(uploads.upload[1].id, "2~b");
	assert_string_equal(uploads.upload[1].initiated, "2026-09-22T14:13:20.000Z");
	assert_true(uploads.truncated);
	assert_string_equal(uploads.next_key, "n&k");
	assert_string_equal(uploads.next_id, "2~b");
	used = (size_t)snprintf(text, sizeof(text), "<ListMultipartUploadsResult>");
	for (unsigned i = 0; i < 70; i++)
		used += (size_t)snprintf(
		    text + used, sizeof(text) - used, "%s", UPLOAD("n&amp;k", "i", "t"));
	snprintf(text + used, sizeof(text) - used, "</ListMultipartUploadsResult>");
	assert_int_equal(read_uploads(text), 0);
	assert_int_equal(uploads.n, 64);
}

static void refuses_uploads(void **state)
{
	static const char *const bad[] = {
		"", "<ListPartsResult/>",
		"<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>"
		"</ListMultipartUploadsResult>",
		"<ListMultipartUploadsResult>" UPLOAD("k", "", "t") "</ListMultipartUploadsResult>",
		"<ListMultipartUploadsResult>" UPLOAD(
		    "k", "a b", "t") "</ListMultipartUploadsResult>",
		"<ListMultipartUploadsResult>" UPLOAD("k", "a",
		    "a time that no server writes, and that is too long") "</ListMultipartUploadsResult>"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_uploads(bad[i]), -EPROTO);
		assert_int_equal(uploads.n, 0);
	}
}

#define MARKS "k/preserve/" ASSET "/"
#define MARK(name) "<Contents><Key>" MARKS name "</Key><Size>4</Size></Contents>"
#define ENDED "<IsTruncated>false</IsTruncated>"
#define CUT "<IsTruncated>true</IsTruncated>"

static int read_marks(const char *text, struct s3_marks *m)
{
	return s3_marks_read(text, strlen(text), MARKS, "north", m);
}

static void reads_marks(void **state)
{
	struct s3_marks m;

	(void)state;
	assert_int_equal(
	    read_marks(
		XML "<ListBucketResult" NS "><Prefix>x</Prefix>" ENDED "</ListBucketResult>", &m),
	    0);
	assert_true(!m.ours && m.others == 0);
	assert_int_equal(
	    read_marks("<ListBucketResult>" ENDED MARK("north") "</ListBucketResult>", &m), 0);
	assert_true(m.ours && m.others == 0 && !m.other[0]);
	assert_int_equal(read_marks("<ListBucketResult>" MARK("a&amp;b") MARK("north") MARK("south")
					ENDED "</ListBucketResult>",
			     &m),
	    0);
	assert_true(m.ours && m.others == 2);
	assert_string_equal(m.other, "a&b");
	/* a page that is cut has said enough, where it tells of another */
	assert_int_equal(
	    read_marks("<ListBucketResult>" CUT MARK("north/x") "</ListBucketResult>", &m), 0);
	assert_true(!m.ours && m.others == 1);
	assert_int_equal(
	    read_marks("<ListBucketResult>" ENDED MARK("a b") "</ListBucketResult>", &m), 0);
	assert_true(m.others == 1 && !m.other[0]);
}

static void refuses_marks(void **state)
{
	static const char *const bad[] = { "", "<ListPartsResult/>", "<ListBucketResult/>",
		"<ListBucketResult>" CUT "</ListBucketResult>",
		"<ListBucketResult>" CUT MARK("north") "</ListBucketResult>",
		"<ListBucketResult>" MARK("north") "</ListBucketResult>",
		"<ListBucketResult>" ENDED MARK("") "</ListBucketResult>",
		"<ListBucketResult>" ENDED "<Contents><Size>1</Size></Contents></ListBucketResult>",
		"<ListBucketResult>" ENDED "<Contents><Key>k/" ASSET
		"</Key></Contents></ListBucketResult>" };
	struct s3_marks m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_marks(bad[i], &m), -EPROTO);
		assert_true(!m.ours && m.others == 0);
	}
}

static void reads_single_values(void **state)
{
	static const char created[] = "<InitiateMultipartUploadResult" NS "><Bucket>b</Bucket>"
				      "<Key>k</Key><UploadId>2~x</UploadId>"
				      "</InitiateMultipartUploadResult>";
	static const char doubled[] = "<InitiateMultipartUploadResult><UploadId>a</UploadId>"
				      "<UploadId>b</UploadId></InitiateMultipartUploadResult>";
	static const char completed[] =
	    "<CompleteMultipartUploadResult><Location>http://x</Location>"
	    "<ETag>\"abc-2\"</ETag></CompleteMultipartUploadResult>";
	static const char nameless[] = "<CompleteMultipartUploadResult><ETag></ETag>"
				       "</CompleteMultipartUploadResult>";
	static const char failed[] = XML "<Error><Code>InternalError</Code></Error>";
	static const char none[] = "<InitiateMultipartUploadResult><UploadId></UploadId>"
				   "</InitiateMultipartUploadResult>";
	static const char on[] = "<LegalHold><Status>ON</Status></LegalHold>";
	static const char off[] = "<LegalHold" NS "><Status>OFF</Status></LegalHold>";
	static const char lock[] = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled"
				   "</ObjectLockEnabled></ObjectLockConfiguration>";
	char id[S3_UPLOAD_ID_LEN], etag[S3_ETAG_LEN];

	(void)state;
	assert_int_equal(s3_created_read(created, sizeof(created) - 1, id), 0);
	assert_string_equal(id, "2~x");
	assert_int_equal(s3_created_read(doubled, sizeof(doubled) - 1, id), -EPROTO);
	assert_string_equal(id, "");
	assert_int_equal(s3_created_read(none, sizeof(none) - 1, id), -EPROTO);
	assert_int_equal(s3_completed_read(completed, sizeof(completed) - 1, etag), 0);
	assert_string_equal(etag, "\"abc-2\"");
	assert_int_equal(s3_completed_read(nameless, sizeof(nameless) - 1, etag), 0);
	assert_string_equal(etag, "");
	assert_int_equal(s3_completed_read(failed, sizeof(failed) - 1, etag), -EPROTO);
	assert_int_equal(s3_completed_read(completed, 40, etag), -EPROTO);
	assert_int_equal(s3_hold_read(on, sizeof(on) - 1), 1);
	assert_int_equal(s3_hold_read(off, sizeof(off) - 1), 0);
	assert_int_equal(s3_hold_read(lock, sizeof(lock) - 1), -EPROTO);
	assert_int_equal(s3_lock_read(lock, sizeof(lock) - 1), 1);
	assert_int_equal(s3_lock_read(on, sizeof(on) - 1), -EPROTO);
}

static int read_error(const char *text, struct s3_error *e)
{
	return s3_error_read(text, strlen(text), e);
}

static void reads_errors(void **state)
{
	struct s3_error e;
	char text[2048];

	(void)state;
	assert_int_equal(
	    read_error(XML "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference\n"
			   "is too large.</Message><RequestTime>20260921T141320Z</RequestTime>"
			   "<ServerTime>2026-09-21T14:13:20Z</ServerTime></Error>",
		&e),
	    0);
	assert_string_equal(e.code, "RequestTimeTooSkewed");
	assert_string_equal(e.message, "The difference is too large.");
	assert_int_equal(e.server_s, NOW);
	/* not an error; an error of no kind, and of a kind that cannot be */
	assert_int_equal(read_error("<ListPartsResult><Code>x</Code></ListPartsResult>", &e), 0);
	assert_string_equal(e.code, "");
	assert_int_equal(read_error("<Error><Message>m</Message></Error>", &e), 0);
	assert_string_equal(e.code, "Unreadable");
	assert_int_equal(read_error("<Error><Code>a b</Code></Error>", &e), 0);
	assert_string_equal(e.code, "Unreadable");
	assert_int_equal(read_error("<html><body>Error</body></html>", &e), 0);
	assert_string_equal(e.code, "");
	assert_int_equal(read_error("not xml", &e), -EPROTO);
	assert_string_equal(e.code, "");
	/* cut in the middle: nothing of it counts */
	assert_int_equal(read_error("<Error><Code>SlowDown</Code>", &e), -EPROTO);
	assert_string_equal(e.code, "");
	/* a message is cut between characters */
	snprintf(text, sizeof(text),
	    "<Error><Code>X</Code><Message>%0126d\xc3\xa9</Message></Error>", 0);
	assert_int_equal(read_error(text, &e), 0);
	assert_int_equal(strlen(e.message), 126);
}

/* ---- verdicts ---- */

static enum s3_verdict judge(enum s3_asked asked, int status, const char *code, const char **word)
{
	struct s3_head h = { .status = status };
	struct s3_error e = { .server_s = PROTO_NO_TIME };
	enum s3_verdict v;
	const char *text;

	snprintf(e.code, sizeof(e.code), "%s", code);
	v = s3_judge(asked, &h, &e, word, &text);
	assert_true(v == S3_GOOD ? !(*word)[0] && !text[0] : (*word)[0] && text[0]);
	/* a state travels in PROTO_CLASS_LEN bytes, a text in a message for people */
	assert_true(strlen(*word) < PROTO_CLASS_LEN && strlen(text) < PROTO_TEXT_LEN * 2);
	return v;
}

static void judges_by_code(void **state)
{
	static const struct {
		enum s3_asked asked;
		int status;
		const char *code;
		enum s3_verdict verdict;
		const char *word;
	} rows[] = {
		{ S3_PARTS, 404, "NoSuchUpload", S3_GONE, "no-upload" },
		{ S3_COMPLETE, 404, "NoSuchUpload", S3_GONE, "no-upload" },
		{ S3_GET, 404, "NoSuchKey", S3_GONE, "no-object" },
		{ S3_GET, 404, "NoSuchVersion", S3_GONE, "no-object" },
		{ S3_GET, 405, "MethodNotAllowed", S3_GONE, "no-object" },
		{ S3_CREATE, 405, "MethodNotAllowed", S3_DESTINATION, "not-s3" },
		{ S3_CREATE, 404, "NoSuchBucket", S3_DESTINATION, "no-bucket" },
		{ S3_CREATE, 400, "InvalidBucketName", S3_DESTINATION, "no-bucket" },
		{ S3_PART, 403, "InvalidAccessKeyId", S3_CREDENTIALS, "access-key" },
		{ S3_PART, 403, "SignatureDoesNotMatch", S3_CREDENTIALS, "signature" },
		{ S3_PART, 400, "ExpiredToken", S3_CREDENTIALS, "token" },
		{ S3_PART, 400, "InvalidToken", S3_CREDENTIALS, "token" },
		{ S3_PART, 403, "AccessDenied", S3_CREDENTIALS, "denied" },
		{ S3_DELETE, 403, "AccessDenied", S3_LOCKED, "locked" },
		{ S3_DELETE, 403, "ObjectLocked", S3_LOCKED, "locked" },
		{ S3_PART, 403, "UserSuspended", S3_DESTINATION, "account" },
		{ S3_PART, 403, "RequestTimeTooSkewed", S3_SKEW, "clock-skew" },
		{ S3_PART, 503, "SlowDown", S3_ASK, "slow-down" },
		{ S3_PART, 503, "ServiceUnavailable", S3_ASK, "slow-down" },
		{ S3_PART, 500, "InternalError", S3_ASK, "server" },
		{ S3_COMPLETE, 200, "InternalError", S3_ASK, "server" },
		{ S3_COMPLETE, 200, "SlowDown", S3_ASK, "slow-down" },
		{ S3_COMPLETE, 200, "Unreadable", S3_ASK, "server" },
		{ S3_COMPLETE, 409, "OperationAborted", S3_ASK, "server" },
		{ S3_PART, 400, "RequestTimeout", S3_ASK, "server" },
		{ S3_PART, 400, "IncompleteBody", S3_ASK, "server" },
		{ S3_PART, 400, "BadDigest", S3_DIGEST, "digest" },
		{ S3_PART, 400, "XAmzContentSHA256Mismatch", S3_DIGEST, "digest" },
		{ S3_COMPLETE, 400, "InvalidPart", S3_PARTS_DIFFER, "parts" },
		{ S3_COMPLETE, 400, "InvalidPartOrder", S3_PARTS_DIFFER, "parts" },
		{ S3_COMPLETE, 400, "EntityTooSmall", S3_PARTS_DIFFER, "parts" },
		{ S3_PUT, 400, "EntityTooLarge", S3_REFUSED, "too-large" },
		{ S3_CREATE, 400, "InvalidRequest", S3_DESTINATION, "no-object-lock" },
		{ S3_HOLD, 400, "InvalidRequest", S3_DESTINATION, "no-object-lock" },
		{ S3_PART, 400, "InvalidRequest", S3_REFUSED, "refused" },
		{ S3_PUT, 400, "InvalidRetentionPeriod", S3_DESTINATION, "no-object-lock" },
		{ S3_HOLD, 404, "ObjectLockConfigurationNotFoundError", S3_DESTINATION,
		    "no-object-lock" },
		{ S3_LOCK, 404, "ObjectLockConfigurationNotFoundError", S3_GONE, "no-object-lock" },
		{ S3_HELD, 404, "ObjectLockConfigurationNotFoundError", S3_GONE, "no-lock" },
		{ S3_HELD, 403, "AccessDenied", S3_CREDENTIALS, "denied" },
		{ S3_MARKS, 403, "AccessDenied", S3_CREDENTIALS, "denied" },
		{ S3_HOLD, 404, "NoSuchObjectLockConfiguration", S3_GONE, "no-lock" },
		{ S3_PART, 403, "QuotaExceeded", S3_DESTINATION, "full" },
		{ S3_CREATE, 301, "PermanentRedirect", S3_DESTINATION, "redirect" },
		{ S3_CREATE, 307, "TemporaryRedirect", S3_DESTINATION, "redirect" },
		{ S3_CREATE, 400, "AuthorizationHeaderMalformed", S3_DESTINATION, "region" },
		{ S3_CREATE, 501, "NotImplemented", S3_DESTINATION, "not-s3" },
		/* codes that nobody knows: by status, and never as good */
		{ S3_PART, 400, "Odd", S3_REFUSED, "refused" },
		{ S3_PART, 404, "Odd", S3_REFUSED, "refused" },
		{ S3_PART, 503, "Odd", S3_ASK, "slow-down" },
		{ S3_COMPLETE, 200, "Odd", S3_ASK, "server" },
	};
	const char *word;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    judge(rows[i].asked, rows[i].status, rows[i].code, &word), rows[i].verdict);
		assert_string_equal(word, rows[i].word);
	}
}

static void judges_by_status(void **state)
{
	static const struct {
		enum s3_asked asked;
		int status;
		enum s3_verdict verdict;
		const char *word;
	} rows[] = {
		{ S3_HEAD, 200, S3_GOOD, "" },
		{ S3_PART, 200, S3_GOOD, "" },
		{ S3_COMPLETE, 200, S3_GOOD, "" },
		{ S3_DELETE, 204, S3_GOOD, "" },
		{ S3_ABORT, 204, S3_GOOD, "" },
		{ S3_HOLD, 204, S3_GOOD, "" },
		{ S3_PART, 204, S3_ASK, "answer" },
		{ S3_GET, 206, S3_ASK, "answer" },
		{ S3_PART, 202, S3_ASK, "answer" },
		{ S3_HEAD, 304, S3_ASK, "answer" },
		{ S3_HEAD, 301, S3_DESTINATION, "redirect" },
		{ S3_PART, 302, S3_DESTINATION, "redirect" },
		{ S3_PART, 307, S3_DESTINATION, "redirect" },
		{ S3_HEAD, 404, S3_GONE, "no-object" },
		{ S3_HEAD, 400, S3_CREDENTIALS, "denied" },
		{ S3_HEAD, 403, S3_CREDENTIALS, "denied" },
		{ S3_BUCKET, 404, S3_DESTINATION, "no-bucket" },
		{ S3_PARTS, 404, S3_DESTINATION, "not-s3" },
		{ S3_PART, 401, S3_CREDENTIALS, "denied" },
		{ S3_PART, 403, S3_CREDENTIALS, "denied" },
		{ S3_PART, 405, S3_DESTINATION, "not-s3" },
		{ S3_PART, 407, S3_DESTINATION, "proxy" },
		{ S3_PART, 408, S3_ASK, "server" },
		{ S3_PART, 413, S3_DESTINATION, "too-large" },
		{ S3_PART, 417, S3_ASK, "server" },
		{ S3_PART, 429, S3_ASK, "slow-down" },
		{ S3_PART, 499, S3_ASK, "server" },
		{ S3_PART, 418, S3_REFUSED, "refused" },
		{ S3_PART, 500, S3_ASK, "server" },
		{ S3_PART, 502, S3_ASK, "server" },
		{ S3_PART, 503, S3_ASK, "slow-down" },
		{ S3_PART, 504, S3_ASK, "server" },
		{ S3_PART, 599, S3_ASK, "server" },
		{ S3_PART, 507, S3_DESTINATION, "full" },
		{ S3_PART, 511, S3_DESTINATION, "login" },
	};
	const char *word, *text;
	struct s3_head h = { .status = 503, .retry_after_ms = 1000 };
	struct s3_head gone = { .status = 405, .delete_marker = true };
	struct s3_error e = { .code = "" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(judge(rows[i].asked, rows[i].status, "", &word), rows[i].verdict);
		assert_string_equal(word, rows[i].word);
	}
	assert_int_equal(s3_judge(S3_PART, &h, &e, &word, &text), S3_LATER);
	assert_int_equal(s3_judge(S3_HEAD, &gone, &e, &word, &text), S3_GONE);
}

/* Whatever is asked and answered, there is a verdict, a word and a text. */
static void judges_a_cache(void **state)
{
	static const enum s3_asked read[] = { S3_HEAD, S3_GET, S3_PARTS, S3_UPLOADS, S3_BUCKET,
		S3_LOCK };
	static const char *const heads[] = { "HTTP/1.1 200 OK\r\nAge: 30\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\nage: 7\r\nRetry-After: 9\r\n\r\n" };
	static const char fresh[] = "HTTP/1.1 200 OK\r\nAge: 0\r\nAge: -1\r\n\r\n";
	struct s3_error e = { .server_s = PROTO_NO_TIME };
	const char *word, *text;
	struct s3_head h;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(s3_head_read(heads[i], strlen(heads[i]), 0, &h), 0);
		for (size_t k = 0; k < sizeof(read) / sizeof(read[0]); k++) {
			assert_int_equal(s3_judge(read[k], &h, &e, &word, &text), S3_ASK);
			assert_string_equal(word, "cached");
		}
		assert_string_not_equal((s3_judge(S3_PART, &h, &e, &word, &text), word), "cached");
	}
	assert_int_equal(s3_head_read(fresh, strlen(fresh), 0, &h), 0);
	assert_int_equal(s3_judge(S3_HEAD, &h, &e, &word, &text), S3_GOOD);
}

static void judges_everything(void **state)
{
	const char *word;

	(void)state;
	for (int asked = S3_HEAD; asked <= S3_HELD; asked++) {
		for (int status = 100; status < 1000; status++) {
			enum s3_verdict v = judge((enum s3_asked)asked, status, "", &word);

			assert_true(v >= S3_GOOD && v <= S3_DESTINATION);
			assert_true(v != S3_GOOD || status == 200 || status == 204);
			v = judge((enum s3_asked)asked, status, "Odd", &word);
			assert_true(v > S3_GOOD && v <= S3_DESTINATION);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_heads),
		cmocka_unit_test(refuses_heads),
		cmocka_unit_test(reads_times),
		cmocka_unit_test(reads_parts),
		cmocka_unit_test(refuses_parts),
		cmocka_unit_test(reads_uploads),
		cmocka_unit_test(refuses_uploads),
		cmocka_unit_test(reads_marks),
		cmocka_unit_test(refuses_marks),
		cmocka_unit_test(reads_single_values),
		cmocka_unit_test(reads_errors),
		cmocka_unit_test(judges_by_code),
		cmocka_unit_test(judges_by_status),
		cmocka_unit_test(judges_a_cache),
		cmocka_unit_test(judges_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
