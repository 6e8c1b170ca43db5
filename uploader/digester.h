/*
 * digester: a process beside the uploader that takes digests, so that bodies go on meanwhile.
 *
 * Made before the uploader's sandbox is loaded, with a tighter one of its own: it opens nothing and
 * makes no socket. It is handed each file read-only with the question about it, answers in the
 * questions' order, and ends with the uploader. Called by the S3 driver. It knows no destination,
 * no credentials and no byte that a server sent.
 */
#ifndef DOCKD_DIGESTER_H
#define DOCKD_DIGESTER_H

#include "../dockd/base/proto_upload.h"

#define DIGEST_MD5_LEN 16

enum digest_flag {
	DIGEST_SHA256 = 1, /* of the range, besides its MD5 */
	DIGEST_WHOLE = 2,  /* in passing: of the file from its beginning, as far as it got */
	DIGEST_NO_MD5 = 4,
};

struct digest_question {
	uint64_t number; /* comes back with the answer */
	uint64_t file;   /* another one for each file that a slot has */
	uint64_t from_bytes, end_bytes;
	uint32_t slot;
	uint32_t flags;
};

struct digest_answer {
	uint64_t number, file;
	uint32_t slot;
	int32_t status;       /* 0 or -errno of reading; -ENODATA: the file is shorter */
	uint64_t whole_bytes; /* which the slot's ranges have joined without a hole */
	uint8_t md5[DIGEST_MD5_LEN];
	uint8_t sha256[PROTO_SHA256_LEN];
	uint8_t whole[PROTO_SHA256_LEN]; /* SHA-256 of the first whole_bytes */
};

struct digester {
	int fd; /* our end, non-blocking; -1: none */
};

/*
 * Makes the process and waits until it is shut in. 0 or -errno; -EPIPE: it could not be. Call while
 * there is one thread, before the sandbox.
 */
int digester_start(struct digester *d);

/* Puts a question; the file stays the caller's. 0, -EAGAIN (too many are unanswered) or -errno. */
int digester_ask(const struct digester *d, const struct digest_question *q, int file);

/* 1: an answer; -EAGAIN: none yet; -EPIPE: the process has ended; -EPROTO: that is no answer. */
int digester_hear(const struct digester *d, struct digest_answer *a);

#endif
