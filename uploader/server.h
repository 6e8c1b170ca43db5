/*
 * server: what the drivers that talk to a server (tus, S3) do alike, whatever it speaks.
 *
 * Owns the check of a destination's files, the slot's request, credentials that are read again, and
 * what is made of an answer that gives the whole back. Called by the drivers alone, in their acts.
 * It knows no protocol above HTTP.
 */
#ifndef DOCKD_SERVER_H
#define DOCKD_SERVER_H

#include "http.h"
#include "transfer.h"

/*
 * Whether trust's files and headers-file can be used; the latter is read. 0 or -errno, and then
 * text says what is wrong, for READY.
 */
int server_files(struct destination *d, char *text, size_t size);

/* Fills READY, which may be sent then. can: READY_CONFIRMS and the like. */
void server_ready(
    struct destination *d, int status, enum receipt_level level, uint32_t can, const char *text);

/* Makes *own where there is none; its end gives the transfer its next turn. 0 or -ENOMEM. */
int server_http(struct transfer *t, struct http **own);

/*
 * What the server was shown as credentials it refuses, as text says: they are read again, by read,
 * from the file at path; once, until *reread is false again. ACT_AGAIN or ACT_FAILED.
 */
enum act_result server_renew(struct transfer *t, bool *reread, const char *path,
    int (*read)(const struct destination *d), const char *text);

/* The server's own words, the answer's head, into t->receipt. */
void server_words(struct transfer *t);

/* A 200 that was cut, its body being longer than most_bytes: a finding, no trouble of the line. */
bool server_gives_more(const struct http *h, uint64_t most_bytes);

/* All of it went into digest: t->receipt has level, digest and length. ACT_DONE or ACT_FAILED. */
enum act_result server_gave_back(struct transfer *t, EVP_MD_CTX *digest);

/* Whether length and digest in t->receipt are those of t->upload. */
bool server_has_it(const struct transfer *t);

#endif
