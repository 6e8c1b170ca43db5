/*
 * http: one bounded request at a time on one easy handle, in the process's one multi handle.
 *
 * Owns connections, time limits, credentials lines and the bounds of an answer. Called by drivers
 * and main's loop. It follows no redirect, uses no proxy from the environment, sends no chunked
 * body, and never says what an answer means: that is the driver's.
 */
#ifndef DOCKD_HTTP_H
#define DOCKD_HTTP_H

#include "destination.h"

#include <curl/curl.h>
#include <openssl/evp.h>

#define HTTP_HEAD_MAX 16384 /* of one answer's status line and headers */
#define HTTP_BODY_MAX 65536 /* of an answer that is not wanted */

struct http_room {
	CURLM *multi;
	struct curl_slist *credentials; /* lines of headers_file */
	struct http *all;
	bool cutting; /* sockets closed now are reset, not ended in order */
};

enum http_end {
	HTTP_ANSWERED = 1, /* status and headers are whole; for GET the body too */
	HTTP_CUT,          /* the line broke, or there was silence for too long */
	HTTP_AWAY,         /* no connection could be made */
	HTTP_TLS,          /* the other side is not who it should be, or does not want us */
	HTTP_BAD,          /* an answer that breaks HTTP or our bounds */
	HTTP_SOURCE,       /* our own file could not be read */
};

struct http_request {
	const char *method;
	const char *url;
	struct curl_slist *headers; /* taken */
	bool has_body;
	const char *body; /* in memory (stays the caller's until the end), or NULL: from fd */
	int fd;           /* of the body */
	uint64_t from_bytes, length_bytes;
	uint64_t *sent_bytes; /* counts body bytes handed over; may be NULL */
	bool no_expect;
	bool fresh;                /* not on a connection used before */
	EVP_MD_CTX *digest;        /* the answer's body goes in here, not into the bounded buffer */
	uint64_t digest_max_bytes; /* and is cut beyond this */
	char *text;                /* or in here, where it is the body of a 200 */
	size_t text_room; /* and is cut beyond this; got_bytes of it are there at the end */
	bool text_always; /* the text of other answers too (cut there: the rest is let go) */
	bool expedited;   /* its body goes in front and past the timetable */
	uint32_t
	    timeout_ms; /* without a body: for the answer as a whole; digested: between bytes */
};

struct http {
	struct http_room *room;
	const struct proto_destination *conf;
	void (*done)(struct http *h); /* the request has ended; may start another */
	void *owner;

	/* when it has ended */
	enum http_end end;
	char why[CURL_ERROR_SIZE]; /* for people; not the server's words */
	const char *state; /* a word for it: trust_word's, "stalled", "no-answer", "answer-head",
			      "answer-body", "cut", "not-http"; "" where it was answered */
	char head[HTTP_HEAD_MAX]; /* of the final answer, NUL-terminated */
	size_t head_len;
	uint64_t got_bytes; /* of the answer's body */
	uint64_t body_ms;   /* from the first body byte to the end */

	/* http.c's own */
	struct http *next; /* in the room */
	CURL *easy;
	struct http_request request;
	bool busy, head_whole, silent;
	uint64_t at_bytes; /* of the request's body handed over */
	int64_t began_ms, moved_ms;
	int unsent; /* bytes that the kernel still held when last asked */
	int source_errno;
};

/* Sets up what all requests share; 0, or -ENOMEM. Call once, before the sandbox. */
int http_room_open(struct http_room *room);

/*
 * Reads credential lines ("Name: value", '#' begins a comment) from path; replaces those held.
 * 0, -errno of reading, -EINVAL for a line that is not a header or names one that is not the
 * file's to set.
 */
int http_room_credentials(struct http_room *room, const char *path);

struct http *http_new(struct http_room *room, const struct proto_destination *conf, void *owner,
    void (*done)(struct http *h));
void http_free(struct http *h);

/* Adds a line to a list of headers; false (and the list freed) for want of memory. */
bool http_header(struct curl_slist **list, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Starts it. 0 or -errno (done is not called then). */
int http_start(struct http *h, const struct http_request *request);

/* Whether the answer's head says 200. */
bool http_is_ok(const struct http *h);

/* Ends it at once, its connection reset. done is not called. */
void http_stop(struct http *h);

/* Takes finished requests off the multi handle and calls their done. */
void http_collect(struct http_room *room);

/* Ends requests that have been silent for too long; ms until the next look, -1: all are idle. */
int http_watch(struct http_room *room, int64_t now_ms);

#endif
