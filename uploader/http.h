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
#include "line.h"
#include "trust.h"

#include <curl/curl.h>
#include <openssl/evp.h>

#define HTTP_HEAD_MAX 16384  /* of one answer's status line and headers */
#define HTTP_HEADS_MAX 65536 /* with all interim ones (1xx) before it */
#define HTTP_BODY_MAX 65536  /* of an answer that is not wanted */
#define HTTP_SAID_MAX 1024   /* of it, kept for a look at why */
#define HTTP_LEAST_PER_S 256 /* of what is digested, over the time that is given for it */
#define HTTP_SOCKETS (PROTO_SLOTS * 2 + 8)

/* A connection and under which trust.epoch it was made. */
struct http_socket {
	int fd;
	unsigned epoch;
};

struct http_room {
	CURLM *multi;
	char credentials_name[256];     /* headers_file, once it has been read */
	struct secret credentials_file; /* which it was then */
	struct curl_slist *credentials; /* its lines */
	struct trust trust;
	struct line line;
	struct http *all;
	struct http_socket sockets[HTTP_SOCKETS];
	unsigned socket_count;
	bool cutting; /* sockets closed now are reset, not ended in order */
};

enum http_end {
	HTTP_ANSWERED = 1, /* status and headers are whole; for GET the body too */
	HTTP_CUT,          /* the line broke, or there was silence for too long */
	HTTP_AWAY,         /* no connection could be made */
	HTTP_TLS, /* the other side (or the proxy) is not who it should be, or does not want us */
	HTTP_BAD, /* an answer that breaks HTTP or our bounds */
	HTTP_SOURCE, /* our own file could not be read */
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
	/* without a body: for the answer as a whole; digested: see HTTP_LEAST_PER_S */
	uint32_t timeout_ms;
};

struct http {
	struct http_room *room;
	const struct proto_destination *conf;
	void (*done)(struct http *h); /* the request has ended; may start another */
	void *owner;

	/* when it has ended */
	enum http_end end;
	char why[CURL_ERROR_SIZE]; /* for people; not the server's words */
	/*
	 * A word for it, static: trust_word's; "stalled" (no body byte was taken), "no-answer"
	 * (none in time), "answer-head", "answer-body" (too long or too slow), "proxy-scheme",
	 * "trickles" (what is digested comes at less than HTTP_LEAST_PER_S), "not-http", "cut",
	 * "timetable" (nothing may be sent now); "" where it was answered.
	 */
	const char *state;
	char head[HTTP_HEAD_MAX]; /* of the final answer, NUL-terminated */
	size_t head_len;
	uint64_t got_bytes; /* of the answer's body */
	uint64_t body_ms;   /* from the first body byte to the end */

	/* http.c's own */
	struct http *next; /* in the room */
	CURL *easy;
	struct http_request request;
	bool busy, head_whole, silent;
	bool held;           /* its body waits for the bucket */
	bool stale;          /* the connection that it got was made under an earlier epoch */
	bool over;           /* its body or its answer broke our bounds */
	bool coded;          /* its answer has a transfer coding that was not asked for */
	CURLcode refused;    /* it was not even begun: trust.why */
	unsigned epoch;      /* trust's, when it began */
	size_t granted;      /* paid from the bucket, not handed over yet */
	int64_t held_ms;     /* since when it waits for it */
	uint64_t at_bytes;   /* of the request's body handed over */
	uint64_t seen_bytes; /* of the answer's body when moved_ms was set */
	uint64_t heads_bytes;
	char said[HTTP_SAID_MAX]; /* the beginning of an answer that is not wanted */
	int64_t began_ms, moved_ms;
	int fd;     /* its connection, -1 before it has one; the room's, never to be closed here */
	int unsent; /* bytes that the kernel still held when last asked */
	int source_errno;
};

/* Sets up what all requests share; 0, or -ENOMEM. Call once, before the sandbox. */
int http_room_open(struct http_room *room);

/*
 * Reads credential lines ("Name: value", '#' begins a comment) from the file of this name (see
 * secret.h); replaces those held. From then on it is read again before a request when it has
 * changed. 0, -errno of reading, -EINVAL for a line that is not a header or names one that is not
 * the file's to set.
 */
int http_room_credentials(struct http_room *room, const char *name);

/* Reads them again where the file is another one; what cannot be read leaves those held. */
void http_room_refresh(struct http_room *room);

/* A connection was opened for a request, or is closed. */
void http_room_opened(struct http_room *room, int fd, unsigned epoch);
void http_room_closed(struct http_room *room, int fd);
/* The one at this local port, or -1. */
int http_room_socket(const struct http_room *room, int port);
/* Whether the one at this local port was made under an epoch before this one. */
bool http_room_is_stale(const struct http_room *room, int port, unsigned epoch);

struct http *http_new(struct http_room *room, const struct proto_destination *conf, void *owner,
    void (*done)(struct http *h));
void http_free(struct http *h);

/* Adds a line of any length to a list of headers; false (and the list freed) for want of memory. */
bool http_header_line(struct curl_slist **list, const char *line);

/* The same for a line that is made here, of at most 4095 bytes: a longer one is false as well. */
bool http_header(struct curl_slist **list, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Frees a list of headers, which may hold credentials: wiped. */
void http_headers_free(struct curl_slist *list);

/*
 * Starts it. 0 or -errno (done is not called then). Where trust forbids it, it ends as HTTP_TLS in
 * the next turn.
 */
int http_start(struct http *h, const struct http_request *request);

/* Whether the answer's head says 200. */
bool http_is_ok(const struct http *h);

/* Ends it at once, its connection reset. done is not called. */
void http_stop(struct http *h);

/* Takes finished requests off the multi handle and calls their done. */
void http_collect(struct http_room *room);

/*
 * Ends requests that have been silent for too long, and lets bodies go on that waited for the
 * bucket. ms until the next look, -1: all are idle.
 */
int http_watch(struct http_room *room, int64_t now_ms);

#endif
