/*
 * tus_reply: what a tus server's answer means, and what may be asked of it.
 *
 * Pure: bytes in, structs out; no network, no files, no clock. Called by the driver, the unit tests
 * and the fuzzer. Every byte of an answer is hostile. Sources: tus 1.0.0 (tus.io/protocols), RFC
 * 9110.
 */
#ifndef DOCKD_TUS_REPLY_H
#define DOCKD_TUS_REPLY_H

#include "../dockd/base/proto_upload.h"

enum tus_request {
	TUS_OPTIONS = 1,
	TUS_CREATE,
	TUS_HEAD,
	TUS_PATCH,
	TUS_GET,
	TUS_NOTE, /* GET of a signed receipt */
	TUS_DELETE,
	TUS_FIND, /* HEAD at find-path: has anybody begun it */
};

#define TUS_NOTE_MAX 2048 /* bytes of a signed receipt */

struct tus_reply {
	int status;
	bool has_offset, has_length, has_max_size, has_location;
	bool extensions;                      /* Tus-Extension was there */
	bool creation, checksum, termination; /* named in it */
	bool expiration;                      /* named in it */
	bool sha256_offered;                  /* named in Tus-Checksum-Algorithm */
	bool speaks_tus;                      /* Tus-Resumable or Tus-Version was there */
	bool has_asset, has_sha256;           /* Upload-Metadata names one */
	bool has_digest;                      /* Repr-Digest states a SHA-256 (RFC 9530) */
	bool has_content_location;
	bool cached;                  /* Age says that it came from a cache (RFC 9111 5.1) */
	char asset[PROTO_ID_LEN];     /* "" where it is no asset id */
	char sha256[PROTO_ID_LEN];    /* "" where it is no digest in hexadecimal */
	char station[PROTO_NAME_LEN]; /* in Upload-Metadata: who brought it; "" not told */
	uint8_t digest[PROTO_SHA256_LEN];
	int64_t expires_s; /* Upload-Expires by our clock; PROTO_NO_TIME: not told */
	int64_t skew_s;    /* the server's clock minus ours (Date); 0 not told */
	uint64_t offset_bytes, length_bytes, max_size_bytes;
	uint64_t retry_after_ms; /* 0: not told; at most a day */
	char location[PROTO_ADDRESS_LEN];
	char content_location[PROTO_ADDRESS_LEN];
};

enum tus_verdict {
	TUS_GOOD = 1,    /* a 2xx that has what the request needs */
	TUS_ASK,         /* passing, or not clear what the server holds: HEAD after a pause */
	TUS_LATER,       /* passing, and the server said for how long */
	TUS_GONE,        /* no such upload */
	TUS_CREDENTIALS, /* 401, 403: read them again, once */
	TUS_SMALLER,     /* 413: a smaller chunk */
	TUS_MISMATCH,    /* 460: the checksum did not match what arrived */
	TUS_NO_EXPECT,   /* 417 */
	TUS_REFUSED,     /* this upload, for good */
	TUS_DESTINATION, /* all uploads, until a person acts */
};

/*
 * Reads the last answer's status line and headers. now_s: CLOCK_REALTIME; dates are taken relative
 * to the server's own Date where it states one.
 * 0 or -EPROTO (no status line, or two values for one number). Unknown headers are passed over.
 */
int tus_reply_read(const char *head, size_t len, int64_t now_s, struct tus_reply *r);

/* Fixed texts, "" where there is nothing to say: for people, and a word of dockd-tus(5). */
struct tus_words {
	const char *text;
	const char *state;
};

/* What to do after this answer, and what to say of it. */
enum tus_verdict tus_reply_judge(
    enum tus_request request, const struct tus_reply *r, struct tus_words *words);

/* Whether it is UTF-8 text of 1 to TUS_NOTE_MAX bytes without NUL (RFC 3629). */
bool tus_note_is_text(const char *text, size_t len);

/* The Upload-Metadata value; empty values are left out. 0 or -ENAMETOOLONG. */
int tus_metadata(const struct proto_upload *u, const char *station, char *out, size_t size);

#endif
