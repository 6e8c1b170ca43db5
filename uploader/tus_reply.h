/*
 * tus_reply: what a tus server's answer means, and what may be asked of it.
 *
 * Pure: bytes in, structs out; no network, no files, no clock. Called by tus.c, the unit tests and
 * the fuzzer. Every byte of an answer is hostile. Sources: tus 1.0.0 (tus.io/protocols), RFC 9110.
 */
#ifndef DOCKD_TUS_REPLY_H
#define DOCKD_TUS_REPLY_H

#include "../dockd/base/proto.h"

enum tus_request {
	TUS_OPTIONS = 1,
	TUS_CREATE,
	TUS_HEAD,
	TUS_PATCH,
	TUS_GET,
	TUS_NOTE, /* GET of a signed receipt */
	TUS_DELETE,
};

#define TUS_NOTE_MAX 2048 /* bytes of a signed receipt */

struct tus_reply {
	int status;
	bool has_offset, has_length, has_max_size, has_location;
	bool extensions;                      /* Tus-Extension was there */
	bool creation, checksum, termination; /* named in it */
	bool sha256;                          /* named in Tus-Checksum-Algorithm */
	bool speaks_tus;                      /* Tus-Resumable or Tus-Version was there */
	bool has_asset;                       /* Upload-Metadata names one */
	bool has_digest;                      /* Repr-Digest states a SHA-256 (RFC 9530) */
	char asset[PROTO_ID_LEN];             /* "" where it is no asset id */
	uint8_t digest[PROTO_SHA256_LEN];
	uint64_t offset_bytes, length_bytes, max_size_bytes;
	uint64_t retry_after_ms; /* 0: not told; at most a day */
	char location[PROTO_ADDRESS_LEN];
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
 * Reads the last answer's status line and headers. now_s: CLOCK_REALTIME, for Retry-After dates.
 * 0 or -EPROTO (no status line, or two values for one number). Unknown headers are passed over.
 */
int tus_reply_read(const char *head, size_t len, int64_t now_s, struct tus_reply *r);

/* What to do after this answer; *text says it for people (a fixed text, "" where there is none). */
enum tus_verdict tus_reply_judge(
    enum tus_request request, const struct tus_reply *r, const char **text);

/*
 * Resolves what a Location header (or an address on record) says against the creation URL, and
 * pins it: scheme, host and port are always the configured ones. A location that names another
 * host or another port is refused, so that nothing is ever sent there; http for https on the same
 * host is forced back (servers behind a TLS proxy). 0, -EXDEV (another host), -EINVAL or
 * -ENAMETOOLONG.
 */
int tus_location(const char *creation_url, const char *location, char *out, size_t size);

/*
 * Where an upload's signed receipt is: path is put behind the path of its address, in front of a
 * query. 0 or -ENAMETOOLONG.
 */
int tus_receipt_url(const char *address, const char *path, char *out, size_t size);

/* Whether it is UTF-8 text of 1 to TUS_NOTE_MAX bytes without NUL (RFC 3629). */
bool tus_note_is_text(const char *text, size_t len);

/* The Upload-Metadata value; empty values are left out. 0 or -ENAMETOOLONG. */
int tus_metadata(const struct proto_upload *u, const char *station, char *out, size_t size);

/* How large a PATCH is: at most a minute at the rate seen. */
struct tus_chunk {
	uint64_t min_bytes, max_bytes, now_bytes;
};

#define TUS_CHUNK_START (16u << 20)
#define TUS_CHUNK_CHECKED (16u << 20) /* with a checksum a cut chunk is lost as a whole */
#define TUS_PATCH_MS 60000u

void tus_chunk_init(struct tus_chunk *c, uint64_t min_bytes, uint64_t max_bytes);

/* A PATCH had bytes accepted in ms. complete: to its end; a cut one only ever shrinks the chunk. */
void tus_chunk_took(struct tus_chunk *c, uint64_t bytes, uint64_t ms, bool complete);

/* Half as large. False: it is at its least already. */
bool tus_chunk_halve(struct tus_chunk *c);

/* 413: no PATCH of refused_bytes or more from now on. False: nothing smaller is allowed. */
bool tus_chunk_cap(struct tus_chunk *c, uint64_t refused_bytes);

#endif
