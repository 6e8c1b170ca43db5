/*
 * s3_reply: what an S3 server's answers mean; pure.
 *
 * Bytes in, structs out (expat for XML); no network, no files, no clock. Called by s3.c, the unit
 * tests and the fuzzer. Every byte of an answer is hostile: documents are bounded, entities and
 * doctypes refused (expat's own protection is not relied upon), numbers checked.
 */
#ifndef DOCKD_S3_REPLY_H
#define DOCKD_S3_REPLY_H

#include "s3_request.h"

#include "../dockd/base/proto_upload.h"

#define S3_XML_MAX (1u << 20) /* bytes of one document: a thousand parts take 200 to 450 KB */

enum s3_asked {
	S3_HEAD = 1,
	S3_GET,
	S3_PUT,
	S3_CREATE,
	S3_PART,
	S3_PARTS,
	S3_UPLOADS,
	S3_COMPLETE,
	S3_ABORT,
	S3_DELETE,
	S3_HOLD,
	S3_BUCKET,
	S3_LOCK,
	S3_MARKS,
	S3_HELD, /* GET of a hold: S3_GONE, there is none */
};

/* Status line and headers. */
struct s3_head {
	int status;
	bool has_length, held, delete_marker;
	bool cached; /* Age says that it came from a cache (RFC 9111 5.1) */
	bool locked; /* a mode and a date are there */
	bool named;  /* it has a header of S3's own: no page of somebody in between */
	uint64_t length_bytes;
	uint64_t retry_after_ms;
	int64_t date_s;         /* the server's clock, PROTO_NO_TIME not told */
	int64_t retain_until_s; /* PROTO_NO_TIME none */
	enum lock_mode lock_mode;
	char etag[S3_ETAG_LEN];
	char version[PROTO_TEXT_LEN];
	char asset[PROTO_ID_LEN];     /* x-amz-meta-asset, "" none or no asset id */
	char sha256[PROTO_ID_LEN];    /* x-amz-meta-sha256, lower-case hex or "" */
	char station[PROTO_NAME_LEN]; /* x-amz-meta-station: who brought it; "" not told */
};
int s3_head_read(const char *head, size_t len, int64_t now_s, struct s3_head *out); /* 0, -EPROTO */

/* An ETag with its quotes, put around it where they are missing. */
bool s3_etag_read(const char *text, size_t len, char out[S3_ETAG_LEN]);
/* "2026-11-21T17:00:00.000Z" (RFC 3339, UTC) or PROTO_NO_TIME. */
int64_t s3_time_read(const char *text, size_t len);

/*
 * The documents below are read by s3_document.c. -EPROTO: not XML, not that document, or beyond a
 * bound; -ENOMEM.
 */

/*
 * An <Error> document, also under status 200 (CompleteMultipartUpload): ask this first of every
 * answer that has a body. out is always set.
 */
struct s3_error {
	char code[64]; /* "" there was none; "Unreadable" */
	char message[PROTO_TEXT_LEN];
	int64_t server_s; /* ServerTime of RequestTimeTooSkewed; PROTO_NO_TIME */
};
int s3_error_read(const char *text, size_t len, struct s3_error *out); /* 0, also with no Error */

struct s3_parts {
	bool truncated;
	unsigned next; /* part number to go on after, where truncated: not below the last one's */
	size_t n;
	struct s3_part part[S3_LISTED_PARTS];
};
/* ListParts. -EPROTO also: numbers not ascending, an ETag or size that cannot be. */
int s3_parts_read(const char *text, size_t len, struct s3_parts *out);

struct s3_uploads {
	bool truncated;
	char next_key[S3_KEY_LEN], next_id[S3_UPLOAD_ID_LEN];
	size_t n; /* of those whose key is exactly `key`; what is beyond 64 is left out */
	struct {
		char id[S3_UPLOAD_ID_LEN];
		char initiated[40]; /* as the server writes it: compares as text */
	} upload[64];
};
int s3_uploads_read(const char *text, size_t len, const char *key, struct s3_uploads *out);

/* ListObjectsV2 of s3_mark_key's prefix: which stations preserve the asset. */
struct s3_marks {
	bool ours;
	size_t others;
	char other[PROTO_NAME_LEN]; /* the first of them; "" it cannot be a station's name */
};
/* -EPROTO also: keys that were not asked for; a page that is cut and tells of no other. */
int s3_marks_read(
    const char *text, size_t len, const char *prefix, const char *station, struct s3_marks *out);

/* CreateMultipartUpload's UploadId; CompleteMultipartUpload's ETag, "" where it names none. */
int s3_created_read(const char *text, size_t len, char id[S3_UPLOAD_ID_LEN]);
int s3_completed_read(const char *text, size_t len, char etag[S3_ETAG_LEN]);
/* Whether LegalHold's Status is ON. 1, 0 or -errno. */
int s3_hold_read(const char *text, size_t len);
/* Whether the bucket has object lock. 1, 0 or -errno. */
int s3_lock_read(const char *text, size_t len);

enum s3_verdict {
	S3_GOOD = 1,
	S3_ASK,          /* passing, or not clear what the server holds: ask after a pause */
	S3_LATER,        /* passing, and the server said for how long */
	S3_GONE,         /* no such upload, key or version */
	S3_CREDENTIALS,  /* read them again, once */
	S3_SKEW,         /* the clocks are too far apart */
	S3_DIGEST,       /* what arrived is not what was signed: read again and send again */
	S3_PARTS_DIFFER, /* InvalidPart, InvalidPartOrder, EntityTooSmall: list again */
	S3_LOCKED,       /* may not be deleted or changed: a lock or a hold is on it */
	S3_REFUSED,      /* this object, for good */
	S3_DESTINATION,  /* all, until a person acts */
};
/*
 * What to do after an answer (s3_verdict.c); e is the error document (code "" none). *word: a state
 * of dockd-s3(5); *text for people; both fixed, "" where all is well. Redirects are never followed.
 */
enum s3_verdict s3_judge(enum s3_asked asked, const struct s3_head *h, const struct s3_error *e,
    const char **word, const char **text);

#endif
